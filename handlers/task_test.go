package handlers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

type collector struct {
	name    string
	collect func(ctx context.Context) ([]engine.Evidence, error)
}

func (c collector) Name() string { return c.name }

func (c collector) Collect(ctx context.Context, _ engine.Incident) ([]engine.Evidence, error) {
	return c.collect(ctx)
}

func TestDiagnoseShowsWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s, _ := fixture(t)
		line := engine.Evidence{ID: "p1", Collector: "pods", Kind: engine.EvidenceContainer, Text: "waiting"}
		h.Clusters[0].Collectors = []rca.Collector{
			collector{"slow", func(ctx context.Context) ([]engine.Evidence, error) { <-ctx.Done(); return nil, ctx.Err() }},
			collector{"pods", func(context.Context) ([]engine.Evidence, error) { return []engine.Evidence{line}, nil }},
			collector{"logs", func(context.Context) ([]engine.Evidence, error) {
				return nil, engine.Errorf(engine.Forbidden, "no permission to get pods/log")
			}},
			collector{"wild", func(context.Context) ([]engine.Evidence, error) { panic("nil map") }},
			collector{"odd", func(context.Context) ([]engine.Evidence, error) { return nil, errors.New("password=hunter2") }},
		}
		if err := h.diagnose(t.Context(), engine.Task{IncidentID: 7}); err != nil {
			t.Fatal(err)
		}
		if len(s.diagnoses) != 1 {
			t.Fatalf("%d diagnoses kept, want one", len(s.diagnoses))
		}
		want := []engine.Gap{
			{Collector: "slow", Reason: "no answer within 8s"},
			{Collector: "logs", Reason: "no permission to get pods/log"},
			{Collector: "wild", Reason: "failed; the log has the reason"},
			{Collector: "odd", Reason: "failed; the log has the reason"},
		}
		if d := cmp.Diff(want, s.diagnoses[0].Gaps); d != "" {
			t.Error(d)
		}
		if len(s.diagnoses[0].Evidence) != 1 {
			t.Errorf("evidence %v, want that of the collector that answered", s.diagnoses[0].Evidence)
		}
	})
}

func TestLogsThatAreOffAreNotCollected(t *testing.T) {
	h, s, _ := fixture(t)
	h.Clusters[0].Collectors = []rca.Collector{collector{"logs", func(context.Context) ([]engine.Evidence, error) {
		t.Error("the logs of a namespace were read although they are off")
		return nil, nil
	}}}
	if err := h.diagnose(t.Context(), engine.Task{IncidentID: 8}); err != nil {
		t.Fatal(err)
	}
	if len(s.diagnoses[0].Gaps) != 1 || !strings.Contains(s.diagnoses[0].Gaps[0].Reason, "switched off") {
		t.Errorf("gaps %v, want one that says the logs are off", s.diagnoses[0].Gaps)
	}
}

func TestDiagnoseLeavesResolvedAlone(t *testing.T) {
	h, s, _ := fixture(t)
	i := s.incidents[7]
	i.Status, i.Diagnosis = engine.Resolved, engine.Diagnosis{At: noon, Causes: []engine.Cause{{Rule: "oom/limit", Confidence: 0.3}}}
	s.incidents[7] = i
	if err := h.diagnose(t.Context(), engine.Task{IncidentID: 7}); err != nil || len(s.diagnoses) != 0 {
		t.Errorf("%v, %d diagnoses; want none", err, len(s.diagnoses))
	}
	i.Diagnosis = engine.Diagnosis{} // it healed before anybody looked
	s.incidents[7] = i
	if err := h.diagnose(t.Context(), engine.Task{IncidentID: 7}); err != nil || len(s.diagnoses) != 1 {
		t.Errorf("%v, %d diagnoses; want one of what healed at once", err, len(s.diagnoses))
	}
	i.StartedAt, i.Diagnosis.At = noon, noon.Add(-time.Minute) // it came back, and healed before anybody looked again
	s.incidents[7] = i
	if err := h.diagnose(t.Context(), engine.Task{IncidentID: 7}); err != nil || len(s.diagnoses) != 2 {
		t.Errorf("%v, %d diagnoses; want one of what came back and healed at once", err, len(s.diagnoses))
	}
	if err := h.diagnose(t.Context(), engine.Task{IncidentID: 99}); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("unknown incident: %v", err)
	}
}

// TestUnsureLooks has an incident looked at again when more may be there to be read, unless its cause is likely, and of this time.
func TestUnsureLooks(t *testing.T) {
	for name, tt := range map[string]struct {
		confidence float64 // 0 for no cause
		detail     string
		status     engine.Status
		before     bool // the cause is of the time before it came back
		want       int
	}{
		"no cause":                          {detail: engine.LookIfUnsure, want: 1},
		"no cause of what healed":           {detail: engine.LookIfUnsure, status: engine.Resolved, want: 1},
		"an unlikely cause":                 {confidence: 0.4, detail: engine.LookIfUnsure, want: 1},
		"an unlikely cause of what healed":  {confidence: 0.4, detail: engine.LookIfUnsure, status: engine.Resolved},
		"a likely cause":                    {confidence: 0.7, detail: engine.LookIfUnsure},
		"a likely cause of last time":       {confidence: 0.7, detail: engine.LookIfUnsure, before: true, want: 1},
		"a likely cause, after a remedy":    {confidence: 0.7, detail: engine.LookAgain, want: 1},
		"a likely cause, and something new": {confidence: 0.7, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			h, s, _ := fixture(t)
			i := s.incidents[7]
			if tt.status == "" {
				tt.status = engine.Open
			}
			i.Status, i.StartedAt, i.Diagnosis = tt.status, noon, engine.Diagnosis{At: noon.Add(time.Second)}
			if tt.before {
				i.Diagnosis.At = noon.Add(-time.Minute)
			}
			if tt.confidence > 0 {
				i.Diagnosis.Causes = []engine.Cause{{Rule: "oom/limit", Confidence: tt.confidence}}
			}
			s.incidents[7] = i
			if err := h.diagnose(t.Context(), engine.Task{IncidentID: 7, Detail: tt.detail}); err != nil || len(s.diagnoses) != tt.want {
				t.Errorf("%v, %d diagnoses; want %d", err, len(s.diagnoses), tt.want)
			}
		})
	}
}

func alertSignal(id string, labels map[string]string) engine.Signal {
	return engine.Signal{Source: engine.SourceAlert, ID: id, Workload: api, Labels: labels, StartsAt: noon.Add(-time.Hour)}
}

// silencing gives incident 7 the alerts and a silence until a time, and the task to make it.
func silencing(s *fakeStore, until time.Time, alerts ...engine.Signal) engine.Task {
	i := s.incidents[7]
	i.Signals, i.Silence = alerts, engine.Silence{Until: until, By: engine.Person{ID: "UANA"}}
	s.incidents[7] = i
	return engine.Task{IncidentID: 7, Detail: until.Format(time.RFC3339)}
}

func TestSilenceMatchesTheWorkloadAndNothingElse(t *testing.T) {
	type labels = map[string]string
	web := engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "web"}
	kind := func(k, name string) engine.Workload {
		return engine.Workload{Cluster: "prod", Namespace: "payments", Kind: k, Name: name}
	}
	for _, c := range []struct {
		name   string
		of     engine.Workload
		alerts []labels
		want   []Matchers
	}{
		{"our rules name it", web, []labels{
			{"alertname": "HighCPU", "namespace": "payments", "workload": "web", "pod": "web-1", "node": "n1", "severity": "warning"},
			{"alertname": "OOM", "namespace": "payments", "workload": "web", "pod": "web-2", "node": "n2", "severity": "warning"},
		}, []Matchers{{Labels: labels{"namespace": "payments", "workload": "web", "severity": "warning"}}}},
		{"only its pods name it", web, []labels{
			{"alertname": "Crash", "namespace": "payments", "pod": "web-7bfc9d8f6d-x2x9k"},
			{"alertname": "OOM", "namespace": "payments", "pod": "web-7bfc9d8f6d-44444"},
		}, []Matchers{{Labels: labels{"namespace": "payments"}, Patterns: labels{"pod": "web-[b-z2-9]{6,10}-[b-z2-9]{5}"}}}},
		{"pods with names of another kind", kind("Rollout", "web"), []labels{
			{"alertname": "Crash", "namespace": "payments", "pod": "web.2"}, {"alertname": "Crash", "namespace": "payments", "pod": "web.1"},
		}, []Matchers{{Labels: labels{"alertname": "Crash", "namespace": "payments"}, Patterns: labels{"pod": `web\.1|web\.2`}}}},
		{
			"a StatefulSet's pods", kind("StatefulSet", "db"),
			[]labels{{"alertname": "Crash", "namespace": "payments", "pod": "db-0"}},
			[]Matchers{{Labels: labels{"alertname": "Crash", "namespace": "payments"}, Patterns: labels{"pod": "db-[0-9]+"}}},
		},
		{"a node", engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "n1"}, []labels{
			{"alertname": "KubeNodeNotReady", "namespace": "monitoring", "node": "n1", "instance": "10.0.0.1:8080"},
		}, []Matchers{{Labels: labels{"alertname": "KubeNodeNotReady", "namespace": "monitoring", "node": "n1"}}}},
		{
			"an alert that names nothing",
			engine.Workload{Cluster: "prod", Kind: "Alert", Name: "Broken"},
			[]labels{{"alertname": "Broken"}},
			[]Matchers{{Labels: labels{"alertname": "Broken"}}},
		},
		{"nothing names it: the silence would hit the namespace", web, []labels{
			{"alertname": "Crash", "namespace": "payments", "pod": "web-7bfc9d8f6d-x2x9k"},
			{"alertname": "Missing", "namespace": "payments", "deployment": "web"},
		}, nil},
		{"a node's name would hit all that runs there", web, []labels{{"alertname": "Slow", "namespace": "payments", "node": "n1"}}, nil},
	} {
		h, s, am := fixture(t)
		var alerts []engine.Signal
		for n, l := range c.alerts {
			alerts = append(alerts, alertSignal(string(rune('a'+n)), l))
		}
		ended := alertSignal("ended", labels{"alertname": "Gone"})
		ended.EndsAt = noon
		task := silencing(s, noon.Add(time.Hour), append(alerts, ended, engine.Signal{Source: engine.SourceWatch, ID: "w"})...)
		i := s.incidents[7]
		i.Workload = c.of
		s.incidents[7] = i
		if err := h.silence(t.Context(), task); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if d := cmp.Diff(c.want, am.silences); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if kept := s.silenced[7] == "silence-1"; kept != (c.want != nil) {
			t.Errorf("%s: kept %q", c.name, s.silenced[7])
		}
	}
}

func TestSilenceIsNotMade(t *testing.T) {
	good := alertSignal("a", map[string]string{"alertname": "Crash", "namespace": "payments", "deployment": "api"})
	cases := []struct {
		name   string
		change func(*engine.Incident, *fakeStore)
		until  time.Time
		err    engine.Code
	}{
		{"resolved meanwhile", func(i *engine.Incident, _ *fakeStore) { i.Status = engine.Resolved }, noon.Add(time.Hour), ""},
		{"already over", func(*engine.Incident, *fakeStore) {}, noon.Add(-time.Second), ""},
		{"decided anew", func(i *engine.Incident, _ *fakeStore) { i.Silence.Until = noon.Add(4 * time.Hour) }, noon.Add(time.Hour), ""},
		{"no alert", func(i *engine.Incident, _ *fakeStore) { i.Signals = nil }, noon.Add(time.Hour), ""},
		{"paused: tried again", func(_ *engine.Incident, s *fakeStore) { s.paused.On = true }, noon.Add(time.Hour), engine.Unavailable},
		{"no Alertmanager", func(i *engine.Incident, _ *fakeStore) { i.Workload.Cluster = "dev" }, noon.Add(time.Hour), engine.NotFound},
	}
	for _, c := range cases {
		h, s, am := fixture(t)
		task := silencing(s, c.until, good)
		i := s.incidents[7]
		c.change(&i, s)
		s.incidents[7] = i
		err := h.silence(t.Context(), task)
		if engine.CodeOf(err) != c.err || len(am.silences) != 0 {
			t.Errorf("%s: %v, silences %v; want none and code %q", c.name, err, am.silences, c.err)
		}
	}
}

func TestExpireSilence(t *testing.T) {
	for _, c := range []struct {
		name    string
		status  engine.Status
		silence engine.Silence
		cluster string
		want    []string
	}{
		{"resolved, and one is recorded", engine.Resolved, engine.Silence{Until: noon.Add(time.Hour), AlertmanagerID: "s1"}, "prod", []string{`of 7 but ""`}},
		{"resolved, and none was recorded", engine.Resolved, engine.Silence{Until: noon.Add(time.Hour)}, "prod", []string{`of 7 but ""`}},
		{"another took its place", engine.Open, engine.Silence{Until: noon.Add(time.Hour), AlertmanagerID: "s2"}, "prod", []string{`of 7 but "s2"`}},
		{"reopened", engine.Open, engine.Silence{}, "prod", []string{`of 7 but ""`}},
		{"reopened and silenced: its task may make use of the old one", engine.Open, engine.Silence{Until: noon.Add(time.Hour)}, "prod", nil},
		{"no Alertmanager", engine.Resolved, engine.Silence{Until: noon.Add(time.Hour)}, "dev", nil},
	} {
		h, s, am := fixture(t)
		i := s.incidents[7]
		i.Status, i.Silence, i.Workload.Cluster = c.status, c.silence, c.cluster
		s.incidents[7] = i
		if err := h.expireSilence(t.Context(), engine.Task{IncidentID: 7}); err != nil || !slices.Equal(am.expired, c.want) {
			t.Errorf("%s: %v, expired %q; want %q", c.name, err, am.expired, c.want)
		}
	}
}

func TestExpireSilenceWaitsForTheEndOfAPause(t *testing.T) {
	h, s, am := fixture(t)
	s.paused.On = true
	err := h.expireSilence(t.Context(), engine.Task{IncidentID: 7})
	if engine.CodeOf(err) != engine.Unavailable || len(am.expired) != 0 {
		t.Errorf("paused: %v, expired %v; want another try", err, am.expired)
	}
	if wait, ok := errors.AsType[*engine.Waiting](err); !ok || wait.For != pauseLook {
		t.Errorf("paused: %#v; want another try half a minute later, however often it was tried", err)
	}
}

func TestSilenceMadeBeforeTheIncidentEndedIsEnded(t *testing.T) {
	h, s, am := fixture(t)
	task := silencing(s, noon.Add(time.Hour), alertSignal("a", map[string]string{"alertname": "Crash", "namespace": "payments", "deployment": "api"}))
	i := s.incidents[7]
	i.Status = engine.Resolved
	s.incidents[7] = i
	if err := h.silence(t.Context(), task); err != nil || len(am.silences) != 0 || !slices.Equal(am.expired, []string{`of 7 but ""`}) {
		t.Errorf("%v, made %v, expired %q; want what an earlier try made to be ended", err, am.silences, am.expired)
	}
}

func TestPollEndsWhatAlertmanagerNoLongerLists(t *testing.T) {
	h, s, am := fixture(t)
	live := engine.Alert{Fingerprint: "f1", Labels: map[string]string{"alertname": "A", "namespace": "payments", "pod": "api-5f7-x"}, StartsAt: noon.Add(-time.Hour)}
	silenced := engine.Alert{Fingerprint: "f2", Labels: live.Labels, StartsAt: noon.Add(-time.Hour), Silenced: true}
	lost := engine.Alert{Fingerprint: "f3", Labels: map[string]string{"alertname": "B", "namespace": "payments", "pod": "api-5f7-x"}, StartsAt: noon.Add(-time.Hour)}
	fresh := engine.Alert{Fingerprint: "f4", Labels: live.Labels, StartsAt: noon.Add(-time.Second)}
	am.alerts = []engine.Alert{live, silenced, lost, fresh}
	signalOf := func(a engine.Alert) engine.Signal {
		h2, s2, _ := fixture(t)
		if err := h2.TakeAlerts(t.Context(), "prod", []engine.Alert{a}); err != nil {
			t.Fatal(err)
		}
		return s2.observed[0].Signals[0]
	}
	gone := alertSignal("gone", nil)
	young := alertSignal("young", nil)
	young.StartsAt = noon.Add(-time.Second)
	s.firing = []engine.Signal{signalOf(live), gone, young}
	if err := h.pollAlerts(t.Context(), engine.Task{}); err != nil {
		t.Fatal(err)
	}
	if len(s.observed) != 2 {
		t.Fatalf("observed %+v; want the end of one and the lost one", s.observed)
	}
	if f := s.observed[0].Signals[0]; f.ID != signalOf(lost).ID || !f.Firing() {
		t.Errorf("first %+v, want the alert whose webhook was lost", f)
	}
	if e := s.observed[1].Signals[0]; e.ID != "gone" || e.Firing() {
		t.Errorf("second %+v, want the end of what is gone", e)
	}
}

func TestPollDoesNotTrustAnAlertmanagerThatForgot(t *testing.T) {
	for _, c := range []struct {
		name    string
		started time.Time
		ended   bool
	}{
		{"restarted a minute ago", noon.Add(-time.Minute), false},
		{"restarted long ago", noon.Add(-relearn), true},
		{"started before the alert", noon.Add(-2 * time.Hour), true},
	} {
		h, s, am := fixture(t)
		s.firing, am.started = []engine.Signal{alertSignal("gone", nil)}, c.started
		if err := h.pollAlerts(t.Context(), engine.Task{}); err != nil || len(s.observed) == 1 != c.ended {
			t.Errorf("%s: observed %+v, %v; want its end: %t", c.name, s.observed, err, c.ended)
		}
	}
}

func TestPollLeavesAloneWhatIsNotOurs(t *testing.T) {
	alert := func(name string, more map[string]string, receivers ...string) engine.Alert {
		labels := map[string]string{"alertname": name, "namespace": "payments", "deployment": "web"}
		maps.Copy(labels, more)
		return engine.Alert{Fingerprint: name, Labels: labels, StartsAt: noon.Add(-time.Hour), Receivers: receivers}
	}
	h, s, am := fixture(t)
	h.Clusters[0].Receiver = "autopilot"
	am.alerts = []engine.Alert{
		alert("ToOthers", nil, "null", "team-b"),
		alert("OfDev", map[string]string{"cluster": "dev"}, "autopilot"),
		alert("InfoInhibitor", nil, "autopilot"),
		alert("Watchdog", nil, "autopilot"),
		alert("Ours", nil, "team-b", "autopilot"),
		alert("OursByTheOperator", map[string]string{"cluster": "prod"}, "monitoring/alerts/autopilot"),
	}
	if err := h.pollAlerts(t.Context(), engine.Task{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range s.observed {
		got = append(got, o.Signals[0].ID)
	}
	if d := cmp.Diff([]string{"Ours", "OursByTheOperator"}, got); d != "" {
		t.Error(d)
	}
}

type fakePager struct {
	name string
	sent *[]string
	fail error
}

func (p fakePager) Name() string { return p.name }

func (p fakePager) Send(_ context.Context, what string, i engine.Incident, link string) error {
	*p.sent = append(*p.sent, strings.TrimSpace(fmt.Sprint(p.name, " ", i.Reopened, " ", what, " ", link)))
	return p.fail
}

func TestPage(t *testing.T) {
	busy, refused := engine.Errorf(engine.Unavailable, "busy"), engine.Errorf(engine.Forbidden, "the key is not known")
	for _, c := range []struct {
		name, what string
		status     engine.Status
		reopened   int
		answers    []error
		sent       int
		recorded   []string
		code       engine.Code
	}{
		{"told", "trigger", engine.Open, 0, []error{nil, nil}, 2, []string{"7 trigger"}, ""},
		{"one does not answer", "trigger", engine.Open, 0, []error{busy, nil}, 2, nil, engine.Unavailable},
		{"one refuses, the other does not answer", "trigger", engine.Open, 0, []error{refused, busy}, 2, nil, engine.Unavailable},
		{"one refuses, the other is told", "trigger", engine.Open, 0, []error{refused, nil}, 2, []string{"7 trigger"}, ""},
		{"both refuse", "trigger", engine.Open, 0, []error{refused, refused}, 2, []string{"7 refused"}, engine.Invalid},
		{"no pager is left", "trigger", engine.Open, 0, nil, 0, []string{"7 refused"}, engine.Invalid},
		{"both refuse an end", "resolve", engine.Resolved, 0, []error{refused, refused}, 2, nil, engine.Invalid},
		{"somebody took it", "trigger", engine.Acknowledged, 0, []error{nil}, 0, nil, ""},
		{"resolved meanwhile", "acknowledge", engine.Resolved, 0, []error{nil}, 0, nil, ""},
		{"it is back", "resolve", engine.Open, 0, []error{nil}, 0, nil, ""},
		{"it ended", "resolve", engine.Resolved, 0, []error{nil}, 1, []string{"7 resolve"}, ""},
		{"called again after it was reopened", "trigger/1", engine.Open, 1, []error{nil}, 1, []string{"7 trigger"}, ""},
		{"called before it was reopened", "trigger", engine.Open, 1, []error{nil}, 0, nil, ""},
		{"acknowledged before it was reopened", "acknowledge", engine.Acknowledged, 1, []error{nil}, 0, nil, ""},
		{"resolved before it was reopened: the old call must end", "resolve", engine.Open, 1, []error{nil}, 1, nil, ""},
	} {
		h, s, _ := fixture(t)
		var sent []string
		for _, err := range c.answers {
			h.Pagers = append(h.Pagers, fakePager{"pager", &sent, err})
		}
		i := s.incidents[7]
		i.Status, i.Reopened = c.status, c.reopened
		s.incidents[7] = i
		err := h.page(t.Context(), engine.Task{IncidentID: 7, Detail: c.what})
		for _, line := range sent {
			if what, reopened := engine.ReadPageDetail(c.what); line != fmt.Sprint("pager ", reopened, " ", what) {
				t.Errorf("%s: sent %q", c.name, line)
			}
		}
		if len(sent) != c.sent || engine.CodeOf(err) != c.code || !slices.Equal(s.paged, c.recorded) {
			t.Errorf("%s: %v, sent %v, recorded %v; want %d sent, code %q, recorded %v", c.name, err, sent, s.paged, c.sent, c.code, c.recorded)
		}
	}
}

func TestPageLeadsToTheThread(t *testing.T) {
	h, s, _ := fixture(t)
	i := s.incidents[7]
	i.Thread = engine.Thread{Channel: "C1", TS: "17.42"}
	s.incidents[7] = i
	var sent []string
	h.Pagers = []Pager{fakePager{"pager", &sent, nil}}
	h.Thread = func(t engine.Thread) string { return "https://acme.slack.com/" + t.Channel + "/" + t.TS }
	if err := h.page(t.Context(), engine.Task{IncidentID: 7, Detail: "trigger"}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"pager 0 trigger https://acme.slack.com/C1/17.42"}, sent); d != "" {
		t.Error(d)
	}
}

func TestHeartbeat(t *testing.T) {
	var beats atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats.Add(1) }))
	defer server.Close()
	h, _, _ := fixture(t)
	ready := errors.New("no socket")
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	h.Heartbeat(ctx, engine.Secret(server.URL), time.Millisecond, func(context.Context) error {
		asked++
		switch asked {
		case 1, 2:
			return ready
		case 4:
			cancel()
		}
		return nil
	})
	if n := beats.Load(); n < 1 || n > 2 {
		t.Errorf("%d beats; want one for each time that the bot was ready, none before", n)
	}
	if err := beat(t.Context(), http.DefaultClient, "http://127.0.0.1:1/hidden"); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("error %v; want one without the secret URL", err)
	}
}
