package rca

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestRank(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := Rank(incidentOf(c.kind, c.classes...), c.evidence, nil, nil, onset.Add(time.Minute))
			if len(d.Causes) == 0 {
				t.Fatal("no cause")
			}
			first := d.Causes[0]
			if first.Rule != c.rule {
				t.Fatalf("first cause is %s (%.2f: %s), want %s; all: %v", first.Rule, first.Confidence, first.Title, c.rule, names(d))
			}
			if !strings.Contains(first.Title, c.title) {
				t.Errorf("title %q lacks %q", first.Title, c.title)
			}
			if !strings.Contains(first.Step.Command+" "+first.Step.Field, c.step) {
				t.Errorf("step %q / %q lacks %q", first.Step.Command, first.Step.Field, c.step)
			}
			if first.Step.Text == "" || first.Text == "" {
				t.Errorf("no step or text: %+v", first)
			}
			sound(t, d)
		})
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

// TestWords holds what people read of each case: every cause, why, with what confidence, and what to do.
func TestWords(t *testing.T) {
	var b strings.Builder
	for _, c := range cases {
		fmt.Fprintf(&b, "# %s\n", c.name)
		for _, x := range Rank(incidentOf(c.kind, c.classes...), c.evidence, nil, nil, onset).Causes {
			fmt.Fprintf(&b, "%.2f %s: %s\n     %s\n     > %s\n", x.Confidence, x.Rule, x.Title, x.Text, x.Step.Text)
			if x.Step.Command != "" {
				fmt.Fprintf(&b, "     $ %s\n", x.Step.Command)
			}
			if x.Step.Field != "" {
				fmt.Fprintf(&b, "     @ %s\n", x.Step.Field)
			}
		}
		b.WriteByte('\n')
	}
	path := filepath.Join("testdata", "words.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("run with -update if this is better (-want +got):\n%s", diff)
	}
}

func names(d engine.Diagnosis) []string {
	var out []string
	for _, c := range d.Causes {
		out = append(out, fmt.Sprintf("%s %.2f", c.Rule, c.Confidence))
	}
	return out
}

type tester interface {
	Helper()
	Errorf(format string, args ...any)
}

// sound checks what holds of every diagnosis.
func sound(t tester, d engine.Diagnosis) {
	t.Helper()
	sum, last := 0.0, 1.0
	for _, c := range d.Causes {
		if c.Confidence <= 0 || c.Confidence > last {
			t.Errorf("%s has confidence %v after %v", c.Rule, c.Confidence, last)
		}
		sum, last = sum+c.Confidence, c.Confidence
		if len(c.For) == 0 {
			t.Errorf("%s rests on nothing", c.Rule)
		}
		for _, id := range append(append([]string(nil), c.For...), c.Against...) {
			if _, ok := d.Find(id); !ok {
				t.Errorf("%s rests on %q, which is no evidence", c.Rule, id)
			}
		}
		if !command.MatchString(c.Step.Command) {
			t.Errorf("%s has a command that is not safe to copy: %q", c.Rule, c.Step.Command)
		}
	}
	if sum > 1+1e-9 {
		t.Errorf("the confidences add up to %v", sum)
	}
}

// command is what a shell takes literally.
var command = regexp.MustCompile(`^(?:kubectl [-a-zA-Z0-9 /=.,:]*)?$`)

func TestPriorsAndCalibration(t *testing.T) {
	i := incidentOf("Deployment", engine.ClassCrashLoop)
	evidence := []engine.Evidence{ended(3, "Error"), logLine("FATAL: cannot connect to db:5432: connection refused")}
	rank := func(tally Tally) engine.Cause {
		return Rank(i, evidence, nil, map[string]Tally{"crash/dependency-refused": tally}, onset).Causes[0]
	}
	few := rank(Tally{Right: 29})
	if few.Basis != engine.Prior || few.Verdicts != 29 || few.Confidence != 0.85 {
		t.Errorf("29 verdicts: %v %d %v", few.Basis, few.Verdicts, few.Confidence)
	}
	many := rank(Tally{Right: 24, Wrong: 6})
	if many.Basis != engine.Calibrated || math.Abs(many.Confidence-25.0/32) > 1e-9 {
		t.Errorf("30 verdicts: %v %v", many.Basis, many.Confidence)
	}
}

func TestMeasuredSharesStandAndStatedOnesGiveWay(t *testing.T) {
	causes := []engine.Cause{
		{Rule: "measured", Basis: engine.Calibrated, Confidence: 0.7}, {Rule: "stated", Basis: engine.Prior, Confidence: 0.6}, {Rule: "other", Basis: engine.Prior, Confidence: 0.3},
	}
	temper(causes)
	for k, want := range []float64{0.7, 0.2, 0.1} {
		if math.Abs(causes[k].Confidence-want) > 1e-9 {
			t.Errorf("%s: %v, want %v", causes[k].Rule, causes[k].Confidence, want)
		}
	}
	causes = []engine.Cause{{Basis: engine.Calibrated, Confidence: 0.9}, {Basis: engine.Calibrated, Confidence: 0.9}, {Basis: engine.Prior, Confidence: 0.5}}
	temper(causes)
	if causes[0].Confidence != 0.5 || causes[2].Confidence != 0 {
		t.Errorf("two measured ones: %+v", causes)
	}
}

func TestLastChange(t *testing.T) {
	evidence := []engine.Evidence{
		piece(engine.EvidenceChange, "what=image", "from=a:1", "to=a:2", "container=api", "revision=4", "by=argocd shop", "ago=3m"),
		piece(engine.EvidenceChange, "what=env", "to=X=1", "container=api", "revision=4", "by=argocd shop", "ago=3m"),
		piece(engine.EvidenceChange, "what=configmap", "to=app", "by=kubectl", "ago=2h"),
		piece(engine.EvidenceChange, "what=image", "from=a:2", "to=a:1", "revision=5", "ago=-20m"),
	}
	want := &engine.Change{
		At: onset.Add(-3 * time.Minute), By: "argocd shop", Revision: "4", Text: "image a:1 → a:2 (container api)",
		Details: []string{"image a:1 → a:2 (container api)", "env added: X=1 (container api)"},
	}
	if diff := cmp.Diff(want, Rank(incidentOf("Deployment"), evidence, nil, nil, onset).LastChange); diff != "" {
		t.Error(diff)
	}
	repair := piece(engine.EvidenceChange, "what=image", "from=a:2", "to=a:1", "revision=5", "ago=-5s")
	if d := Rank(incidentOf("Deployment", engine.ClassCrashLoop), []engine.Evidence{repair}, nil, nil, onset); d.LastChange != nil || len(d.Causes) > 0 {
		t.Errorf("a repair seconds after the onset is a suspect: %+v", d)
	}
	if got := Rank(incidentOf("Deployment"), nil, nil, nil, onset).LastChange; got != nil {
		t.Errorf("a change out of nothing: %+v", got)
	}
}

func TestCommandsAreSafe(t *testing.T) {
	i := incidentOf("Deployment", engine.ClassConfigError)
	for _, name := range []string{"x; rm -rf /", "$(id)", "a b", "-o", "", "A", strings.Repeat("a", 300)} {
		if got := newFacts(i, nil, onset).kubectl("get configmap %s", name); got != "" {
			t.Errorf("%q gives %q", name, got)
		}
	}
	i.Workload.Namespace = "a;b"
	if got := newFacts(i, nil, onset).kubectl("get pods"); got != "" {
		t.Errorf("a bad namespace gives %q", got)
	}
	evil := event("Failed", `Error: secret "$(curl evil)" not found`)
	d := Rank(incidentOf("Deployment", engine.ClassConfigError), []engine.Evidence{evil}, nil, nil, onset)
	sound(t, d)
}

func TestGapsAndEvidenceAreKept(t *testing.T) {
	gaps := []engine.Gap{{Collector: "logs", Reason: "timed out"}}
	evidence := []engine.Evidence{logLine("hello")}
	d := Rank(incidentOf("Deployment", engine.ClassCrashLoop), evidence, gaps, nil, onset)
	if diff := cmp.Diff(engine.Diagnosis{IncidentID: 42, At: onset, Evidence: evidence, Gaps: gaps}, d); diff != "" {
		t.Error(diff)
	}
}

func TestRuleNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules {
		if seen[r.name] || r.prior <= 0 || r.prior > 1 || r.match == nil {
			t.Errorf("%s: there twice, or with prior %v", r.name, r.prior)
		}
		seen[r.name] = true
	}
}

func TestEverySignatureHasARule(t *testing.T) {
	named := map[string]bool{}
	for _, r := range crashRules {
		named[strings.TrimPrefix(r.name, "crash/")] = true
	}
	for _, s := range signatures {
		if !named[s.name] {
			t.Errorf("no rule reads %s", s.name)
		}
	}
}

// TestAnyEvidence mixes the evidence of all cases, and of none, and looks whether the answer is sound and the same each time.
func TestAnyEvidence(t *testing.T) {
	var all []engine.Evidence
	var classes []engine.Class
	for n, c := range cases {
		for k, e := range c.evidence {
			e.ID = fmt.Sprintf("%d/%d", n, k)
			all = append(all, e)
		}
		classes = append(classes, c.classes...)
	}
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"Deployment", "Job", "CronJob", "Pod", engine.KindNode, "Rollout"}).Draw(t, "kind")
		i := incidentOf(kind, rapid.SliceOfN(rapid.SampledFrom(classes), 0, 4).Draw(t, "classes")...)
		evidence := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 0, 12, func(e engine.Evidence) string { return e.ID }).Draw(t, "evidence")
		text := rapid.String().Draw(t, "text")
		for k := range evidence {
			if rapid.IntRange(0, 9).Draw(t, "spoil") == 0 {
				e := evidence[k]
				e.Fields = map[string]string{"message": text, "line": text, "reason": text, "exit_code": text, "name": text, "age": text}
				evidence[k] = e
			}
		}
		tallies := map[string]Tally{}
		for _, r := range rapid.SliceOfN(rapid.IntRange(0, len(rules)-1), 0, 5).Draw(t, "judged") {
			tallies[rules[r].name] = Tally{rapid.IntRange(0, 50).Draw(t, "right"), rapid.IntRange(0, 50).Draw(t, "wrong")}
		}
		d := Rank(i, evidence, nil, tallies, onset)
		sound(t, d)
		if diff := cmp.Diff(d, Rank(i, evidence, nil, tallies, onset)); diff != "" {
			t.Errorf("a second time it is another: %s", diff)
		}
	})
}
