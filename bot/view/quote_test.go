package view

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

const pulling = `rpc error: code = NotFound desc = failed to pull and unpack image "r.local/shop/web:v9": failed to resolve image: r.local/shop/web:v9: not found`

func evidenceOf(k engine.EvidenceKind, pod, text string, fields ...string) engine.Evidence {
	e := engine.Evidence{ID: string(k) + "/" + pod + "/" + text, Kind: k, Object: engine.ObjectRef{Kind: "Pod", Name: pod}, Text: text, Fields: map[string]string{}}
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		e.Fields[key] = value
	}
	return e
}

// The texts are those that a real cluster gave.
func TestWordsComeToThePoint(t *testing.T) {
	for _, c := range []struct {
		e    engine.Evidence
		want string
	}{
		{evidenceOf(engine.EvidenceLog, "a", "Error: rpc error: code = NotFound desc = x"), "Error: rpc error: code = NotFound desc = x"},
		{evidenceOf(engine.EvidenceContainer, "a", "container web of web-6fd8-qj5fk is waiting, not ready, 0 restarts: ErrImagePull: "+pulling), "r.local/shop/web:v9: not found"},
		{evidenceOf(engine.EvidenceContainer, "a", `container web of a is waiting, not ready, 0 restarts: ImagePullBackOff: Back-off pulling image "r.local/shop/web:v9": ErrImagePull: `+pulling), "r.local/shop/web:v9: not found"},
		{evidenceOf(engine.EvidenceEvent, "a", `Failed: Failed to pull image "r.local/shop/web:v9": `+pulling+" (3 times)", `message=Failed to pull image "r.local/shop/web:v9": `+pulling), "r.local/shop/web:v9: not found"},
		{evidenceOf(engine.EvidenceContainer, "a", "container app of a is running, ready, 0 restarts"), "running, ready, 0 restarts"},
		{evidenceOf(engine.EvidenceTermination, "a", "container app of a ended with exit code 3 (Error) after 2s, 4 restarts"), "exit code 3 (Error) after 2s, 4 restarts"},
		{evidenceOf(engine.EvidencePod, "a", "pod a is Pending on no node: Unschedulable: 0/1 nodes are available: 1 Insufficient cpu."), "0/1 nodes are available: 1 Insufficient cpu."},
		{evidenceOf(engine.EvidenceContainer, "a", "container app of a is terminated, not ready, 0 restarts: OOMKilled"), "terminated, not ready, 0 restarts: OOMKilled"},
		{evidenceOf(engine.EvidencePod, "a", "pod a is Pending on no node: "), "pod a is Pending on no node:"},
		{evidenceOf(engine.EvidenceContainer, "a", `container x of a is waiting, not ready, 1 restart: RunContainerError: failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "serve": executable file not found in $PATH`), `exec: "serve": executable file not found in $PATH`},
	} {
		if got := words(c.e); got != c.want {
			t.Errorf("words(%q) = %q, want %q", c.e.Text, got, c.want)
		}
	}
}

func TestEqualLinesAreFolded(t *testing.T) {
	got := fold([]engine.Evidence{
		evidenceOf(engine.EvidenceLog, "a", "FATAL: no db"), evidenceOf(engine.EvidenceLog, "b", "FATAL: no db"), evidenceOf(engine.EvidenceLog, "a", "bye"),
		evidenceOf(engine.EvidenceTermination, "a", "container x of a ended with exit code 3 (Error) after 2s", "exit_code=3", "reason=Error"),
		evidenceOf(engine.EvidenceTermination, "b", "container x of b ended with exit code 3 (Error) after 1s", "exit_code=3", "reason=Error"),
		evidenceOf(engine.EvidenceTermination, "b", "container y of b ended with exit code 4 (Error) after 1s", "exit_code=4", "reason=Error"),
	})
	var said []string
	for _, q := range got {
		said = append(said, words(q.Evidence)+" "+strings.Join(q.pods, "+"))
	}
	want := []string{"FATAL: no db a+b", "bye a", "exit code 3 (Error) after 2s a+b", "exit code 4 (Error) after 1s b"}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

func TestACardQuotesTwoKinds(t *testing.T) {
	d := engine.Diagnosis{Evidence: []engine.Evidence{
		evidenceOf(engine.EvidenceLog, "a", "FATAL: no db"), evidenceOf(engine.EvidenceLog, "b", "FATAL: no db"), evidenceOf(engine.EvidenceLog, "a", "gave up"),
		evidenceOf(engine.EvidenceChange, "", "image 1 → 2"),
		evidenceOf(engine.EvidenceTermination, "a", "container x of a ended with exit code 3 (Error)"),
		evidenceOf(engine.EvidenceReference, "", "Service db does not exist"),
	}}
	ids := func(n ...int) (out []string) {
		for _, k := range n {
			out = append(out, d.Evidence[k].ID)
		}
		return out
	}
	for _, c := range []struct {
		name string
		ids  []string
		want []string
	}{
		{"what is missing stands in the cause", ids(0, 5, 4), []string{"> `FATAL: no db`", "> `exit code 3 (Error)`"}},
		{"but is better than nothing", ids(5), []string{"> `Service db does not exist`"}},
		{"the log line and the exit code", ids(0, 1, 2, 3, 4), []string{"> `FATAL: no db`", "> `exit code 3 (Error)`"}},
		{"two lines of one kind when there is no other", ids(0, 1, 2, 3), []string{"> `FATAL: no db`", "> `gave up`"}},
		{"never the same twice", ids(0, 1), []string{"> `FATAL: no db`"}},
		{"the change has its own line", ids(3), nil},
	} {
		if diff := cmp.Diff(c.want, quotes(d, c.ids, cardQuotes)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	long := evidenceOf(engine.EvidenceLog, "a", "level=error msg="+strings.Repeat("x", 600)+" err=connection refused")
	d.Evidence = append(d.Evidence, long)
	lines := quotes(d, []string{long.ID}, 2)
	if len(lines) != 1 || size(lines[0]) > cardQuote+6 || !strings.HasPrefix(lines[0], "> `level=error") || !strings.HasSuffix(lines[0], "connection refused`") {
		t.Errorf("a long line becomes %q", lines)
	}
}

func TestTimesAreShortWithinADay(t *testing.T) {
	now := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	if got := clock(now.Add(-time.Minute), now); !strings.Contains(got, "^{time_secs}|02:59:00 UTC") {
		t.Errorf("a minute ago is %s", got)
	}
	if got := clock(now.Add(-30*time.Hour), now); !strings.Contains(got, "2026-11-20 21:00:00") {
		t.Errorf("the day before is %s", got)
	}
}

func TestLastChangeIsSeenFromTheOnset(t *testing.T) {
	onset := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		change *engine.Change
		want   string
	}{
		{nil, "*Last change:* none found"},
		{&engine.Change{At: onset, By: "scenario", Revision: "1", Text: "created", New: true}, "*Last change:* none: the workload is new (created just before it began, by scenario)"},
		{&engine.Change{At: onset.Add(2 * time.Second), By: "helm", Revision: "2", Text: "image 1 → 2", Details: []string{"image 1 → 2", "env A"}}, "*Last change:* image 1 → 2 and 1 more, just before it began, by helm (revision 2)"},
		{&engine.Change{At: onset.Add(-12 * time.Minute), Text: "image 1 → 2", Details: []string{"image 1 → 2"}}, "*Last change:* image 1 → 2, 12 min before it began"},
		{&engine.Change{At: onset.Add(time.Minute), Text: "x"}, "*Last change:* x, 1 min after it began"},
		{&engine.Change{At: onset.Add(-72 * time.Hour), Text: "x"}, "*Last change:* x, " + when(onset.Add(-72*time.Hour))},
	} {
		i := engine.Incident{StartedAt: onset, Diagnosis: engine.Diagnosis{At: onset, LastChange: c.change}}
		if diff := cmp.Diff([]string{c.want}, change(i)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestOldPodsServe(t *testing.T) {
	rollout := func(ready, updated string) engine.Diagnosis {
		return engine.Diagnosis{Evidence: []engine.Evidence{evidenceOf(engine.EvidenceRollout, "", "", "ready="+ready, "updated="+updated)}}
	}
	for _, c := range []struct {
		name           string
		kind           string
		class          engine.Class
		desired, ready int
		d              engine.Diagnosis
		want           string
	}{
		{"a surplus pod cannot pull", "Deployment", engine.ClassImagePull, 1, 1, engine.Diagnosis{}, ", the old pod still serves"},
		{"a rollout is stuck beside all that should be", "Deployment", engine.ClassRolloutStuck, 3, 3, engine.Diagnosis{}, ", old pods still serve"},
		{"some old ones were taken away", "Deployment", engine.ClassRolloutStuck, 4, 3, rollout("3", "2"), ", old pods still serve"},
		{"the ready ones may be new", "Deployment", engine.ClassRolloutStuck, 4, 3, rollout("3", "4"), ""},
		{"a pod is ready between two crashes", "Deployment", engine.ClassCrashLoop, 2, 2, engine.Diagnosis{}, ""},
		{"none is ready", "Deployment", engine.ClassImagePull, 2, 0, engine.Diagnosis{}, ""},
		{"a StatefulSet has no surplus", "StatefulSet", engine.ClassImagePull, 2, 2, engine.Diagnosis{}, ""},
	} {
		i := engine.Incident{
			Status: engine.Open, Workload: engine.Workload{Kind: c.kind}, Classes: []engine.Class{c.class}, Diagnosis: c.d,
			Health: &engine.Health{Desired: c.desired, Ready: c.ready},
		}
		if got := serving(i); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		i.Status = engine.Resolved
		if got := serving(i); got != "" {
			t.Errorf("%s, resolved: %q", c.name, got)
		}
	}
}

func TestConsideredOldestFirst(t *testing.T) {
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	var i engine.Incident
	for n := range 12 {
		i.Considered = append([]engine.Consideration{{At: at.Add(time.Duration(n) * time.Second), Signal: "s" + string(rune('a'+n)), Verdict: "joined"}}, i.Considered...)
	}
	lines := considered(i)
	if len(lines) != consideredLines+1 || !strings.Contains(lines[0], "sa") || !strings.Contains(lines[len(lines)-1], "sl") || lines[4] != "4 rows between" {
		t.Errorf("twelve rows: %q", lines)
	}
	i.Considered = i.Considered[:consideredLines]
	if lines := considered(i); len(lines) != consideredLines {
		t.Errorf("eight rows: %q", lines)
	}
}
