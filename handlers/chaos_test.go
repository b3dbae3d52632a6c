package handlers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// fakeExperiments keeps experiments in memory.
type fakeExperiments struct {
	list      []engine.Experiment
	decisions []engine.Decision
	from      time.Time
	filter    engine.ExperimentFilter
	judged    []engine.Incident
	seen      time.Time
	ago       time.Duration
	fail      error
}

func (f *fakeExperiments) AskExperiment(_ context.Context, d engine.Decision, e engine.Experiment, from time.Time) (engine.Experiment, error) {
	e.ID, e.By, e.Status = int64(len(f.list)+1), d.By, engine.ExperimentAsked
	f.list, f.decisions, f.from = append(f.list, e), append(f.decisions, d), from
	return e, f.fail
}

func (f *fakeExperiments) ConfirmExperiment(_ context.Context, d engine.Decision) (engine.Experiment, error) {
	f.decisions = append(f.decisions, d)
	e, err := f.Experiment(context.Background(), d.ExperimentID)
	if e.Status = engine.ExperimentConfirmed; e.Need.People > 1 {
		e.Status, e.Text = engine.ExperimentPlanned, "one more person must approve"
	}
	return e, cmpErr(f.fail, err)
}

func (f *fakeExperiments) CancelExperiment(_ context.Context, d engine.Decision) (engine.Experiment, error) {
	f.decisions = append(f.decisions, d)
	return f.Experiment(context.Background(), d.ExperimentID)
}

func (f *fakeExperiments) StopExperiments(_ context.Context, d engine.Decision) ([]engine.Experiment, error) {
	f.decisions = append(f.decisions, d)
	return slices.DeleteFunc(slices.Clone(f.list), func(e engine.Experiment) bool { return d.ExperimentID != 0 && e.ID != d.ExperimentID }), f.fail
}

func (f *fakeExperiments) Experiment(_ context.Context, id int64) (engine.Experiment, error) {
	for _, e := range f.list {
		if e.ID == id {
			return e, nil
		}
	}
	return engine.Experiment{}, engine.Errorf(engine.NotFound, "there is no experiment %d", id)
}

func (f *fakeExperiments) Experiments(_ context.Context, filter engine.ExperimentFilter) ([]engine.Experiment, error) {
	f.filter = filter
	return slices.DeleteFunc(slices.Clone(f.list), func(e engine.Experiment) bool {
		return len(filter.Statuses) > 0 && !slices.Contains(filter.Statuses, e.Status) || filter.Graded && e.Grade == nil
	}), f.fail
}

func (f *fakeExperiments) Judged(context.Context, time.Time) ([]engine.Incident, error) {
	return f.judged, f.fail
}

func (f *fakeExperiments) ChaosWorker(context.Context, string) (time.Time, time.Duration, error) {
	return f.seen, f.ago, f.fail
}

func cmpErr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// breakers lets ana break things in shop, and ben stop them; nobody may drain.
func breakers(t *testing.T) (*Handlers, *fakeStore, *fakeExperiments) {
	t.Helper()
	h, s, _ := fixture(t)
	b := &fakeExperiments{seen: noon.Add(-time.Second), ago: time.Second}
	h.Chaos = &Chaos{Book: b, Clusters: []string{"prod"}, Channel: "#chaos", Seed: func() uint64 { return 42 }}
	h.Policy.Roles = append(h.Policy.Roles,
		policy.Role{Name: "breakers", Members: []string{"UANA"}, May: []engine.Action{engine.ActionChaos}, Namespaces: []string{"shop"}},
		policy.Role{Name: "deleters", Members: []string{"UANA"}, May: []engine.Action{engine.ActionChaosDelete}},
		policy.Role{Name: "wardens", Members: []string{"UBEN"}, May: []engine.Action{engine.ActionChaosStop}, Namespaces: []string{"shop"}},
		policy.Role{Name: "breakers of all", Members: []string{"UCAT"}, May: []engine.Action{engine.ActionChaos, engine.ActionChaosDrain}},
	)
	return h, s, b
}

func someone(id string) engine.Person { return engine.Person{ID: id} }

func TestChaosCommands(t *testing.T) {
	for _, c := range []struct {
		by, text, want string
		code           engine.Code
	}{
		{"UANA", "chaos kill shop/api -count 2", "Experiment 1 is being planned. Its card comes to #chaos", ""},
		{"UANA", "chaos kill other/api", "does not cover namespace other", engine.Forbidden},
		{"UBEN", "chaos kill shop/api", "needs the role breakers", engine.Forbidden},
		{"UANA", "chaos random-all kill", "does not cover", engine.Forbidden},
		{"UCAT", "chaos random-all kill", "Experiment 1 is being planned", ""},
		{"UANA", "chaos node-drain n1", "chaos_drain on n1 (cluster prod) needs the role breakers of all", engine.Forbidden},
		{"UCAT", "chaos node-drain n1", "Experiment 1 is being planned", ""},
		{"UANA", "chaos kill shop/api -force", "Experiment 1 is being planned", ""},
		{"UCAT", "chaos kill shop/api -force", "chaos_delete", engine.Forbidden},
		{"UANA", "chaos kill shop/api -cluster dev", "no experiments are done on a cluster `dev`; known: prod", engine.Invalid},
		{"UANA", "chaos kil shop/api", "kill", engine.Invalid},
		{"UANA", "chaos sto", "did you mean `/autopilot chaos stop`", engine.Invalid},
		{"UANA", "chaos stop twelve", "not an experiment's number", engine.Invalid},
		{"UANA", "chaos stop 1 2", "one number", engine.Invalid},
		{"UANA", "chaos stop 12", "there is no experiment 12", engine.NotFound},
		{"UANA", "chaos stop", "Nothing runs", ""},
		{"UANA", "trust last=soon", "is not a time", engine.Invalid},
	} {
		t.Run(c.by+" "+c.text, func(t *testing.T) {
			h, s, b := breakers(t)
			r, err := h.Command(t.Context(), engine.Command{ID: "c1", By: someone(c.by), Text: c.text})
			if engine.CodeOf(err) != c.code {
				t.Fatalf("error %v, want code %q", err, c.code)
			}
			text := r.Text
			if err != nil {
				text = err.Error()
			}
			if !strings.Contains(text, c.want) {
				t.Errorf("%q does not say %q", text, c.want)
			}
			if asked := len(b.list) > 0; asked != strings.Contains(c.want, "planned") {
				t.Errorf("asked for: %v", b.list)
			}
			if refused := len(s.decisions) > 0 && !s.decisions[0].Allowed; refused != (c.code == engine.Forbidden) {
				t.Errorf("kept as refused: %+v", s.decisions)
			}
		})
	}
}

func TestAskedWithAllThatThePlanNeeds(t *testing.T) {
	h, _, b := breakers(t)
	_, err := h.Command(t.Context(), engine.Command{ID: "c1", By: someone("UANA"), Text: "chaos kill shop/api -count 2"})
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Experiment{
		ID: 1, Cluster: "prod", Command: "kill shop/api -count 2", Seed: 42, Status: engine.ExperimentAsked, By: someone("UANA"), Channel: "#chaos",
		Strikes: []engine.Strike{{Fault: engine.FaultKill, Namespace: "shop", Workload: "api", Count: 2}},
	}
	if diff := cmp.Diff(want, b.list[0]); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	d := b.decisions[0]
	if d.Action != engine.ActionChaos || !d.Allowed || d.Role != "breakers" || d.ID != "c1" {
		t.Errorf("decision %+v", d)
	}
}

func TestNobodyIsThereToDoIt(t *testing.T) {
	h, _, b := breakers(t)
	seen := b.seen
	for ago, want := range map[time.Duration]string{time.Minute: "was last seen 1m0s ago", 0: "No process does experiments on prod yet"} {
		if b.ago, b.seen = ago, seen; ago == 0 {
			b.seen = time.Time{}
		}
		r, err := h.Command(t.Context(), engine.Command{ID: fmt.Sprint("c", ago), By: someone("UANA"), Text: "chaos kill shop/api"})
		if err != nil || !strings.Contains(r.Text, want) || !strings.Contains(r.Text, "`autopilot chaos` must run") {
			t.Errorf("%q, %v; want %q", r.Text, err, want)
		}
	}
}

func TestChaosIsOffOrPaused(t *testing.T) {
	h, s, b := breakers(t)
	s.paused = engine.Pause{On: true, By: someone("UBEN"), At: noon}
	_, err := h.Command(t.Context(), engine.Command{ID: "c1", By: someone("UANA"), Text: "chaos kill shop/api"})
	if engine.CodeOf(err) != engine.Forbidden || len(b.list) > 0 {
		t.Errorf("while paused: %v, asked %v", err, b.list)
	}
	h.Chaos = nil
	for _, text := range []string{"chaos kill shop/api", "chaos list", "trust"} {
		if _, err := h.Command(t.Context(), engine.Command{ID: "c2", By: someone("UANA"), Text: text}); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), "docs/chaos.md") {
			t.Errorf("%s while switched off: %v", text, err)
		}
	}
	for _, s := range []string{engine.FormChaos, engine.FormChaosDelete} {
		if _, err := h.Submit(t.Context(), engine.Submission{ID: "s", By: someone("UANA"), Form: s}); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%s while switched off: %v", s, err)
		}
	}
}

// planned has an experiment wait for a yes.
func planned(b *fakeExperiments, change func(*engine.Experiment)) engine.ExperimentButton {
	e := engine.Experiment{
		ID: int64(len(b.list) + 1), Cluster: "prod", Status: engine.ExperimentPlanned, Hash: "h", By: someone("UANA"), Title: "kill 1 pod of shop/api",
		Strikes: []engine.Strike{{Fault: engine.FaultKill, Namespace: "shop"}},
	}
	change(&e)
	b.list = append(b.list, e)
	return engine.ExperimentButton{Experiment: e.ID, Hash: e.Hash}
}

func TestChaosClicks(t *testing.T) {
	none := func(*engine.Experiment) {}
	running := func(e *engine.Experiment) { e.Status = engine.ExperimentRunning }
	for name, c := range map[string]struct {
		by     string
		action engine.Action
		change func(*engine.Experiment)
		all    bool
		code   engine.Code
		kept   engine.Action // in the book; "" for nothing
	}{
		"confirm":                      {"UANA", engine.ActionChaos, none, false, "", engine.ActionChaos},
		"confirm by who may only stop": {"UBEN", engine.ActionChaos, none, false, engine.Forbidden, ""},
		"confirm what reaches further": {"UANA", engine.ActionChaos, func(e *engine.Experiment) {
			e.Strikes[0].Targets = []engine.Victim{{Object: engine.ObjectRef{Namespace: "other"}}}
		}, false, engine.Forbidden, ""},
		"confirm a drain without the role": {"UANA", engine.ActionChaos, func(e *engine.Experiment) { e.Strikes[0] = engine.Strike{Fault: engine.FaultDrain, Node: "n"} }, false, engine.Forbidden, ""},
		"cancel":                           {"UBEN", engine.ActionChaosCancel, none, false, "", engine.ActionChaosCancel},
		"cancel by a stranger":             {"UEVE", engine.ActionChaosCancel, none, false, engine.Forbidden, ""},
		"stop by who may":                  {"UBEN", engine.ActionChaosStop, running, false, "", engine.ActionChaosStop},
		"stop by who asked":                {"UANA", engine.ActionChaosStop, running, false, "", engine.ActionChaosStop},
		"stop by who may begin there":      {"UCAT", engine.ActionChaosStop, running, true, "", engine.ActionChaosStop},
		"stop by a stranger":               {"UEVE", engine.ActionChaosStop, running, true, engine.Forbidden, ""},
		"an unknown button":                {"UANA", "explode", none, false, engine.Invalid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h, s, b := breakers(t)
			button := planned(b, c.change)
			if c.all {
				button = engine.ExperimentButton{}
			}
			_, err := h.Click(t.Context(), engine.Click{ID: "k", By: someone(c.by), Action: string(c.action), Value: button.Value()})
			if engine.CodeOf(err) != c.code {
				t.Fatalf("error %v, want code %q", err, c.code)
			}
			var kept engine.Action
			for _, d := range b.decisions {
				if kept = d.Action; !d.Allowed || d.Role == "" {
					t.Errorf("decision %+v is not allowed by a role", d)
				}
			}
			if kept != c.kept {
				t.Errorf("kept %q, want %q", kept, c.kept)
			}
			if refused := len(s.decisions) == 1 && !s.decisions[0].Allowed; refused != (c.code == engine.Forbidden) {
				t.Errorf("kept as refused: %+v", s.decisions)
			}
		})
	}
}

// TestPlainDeletesAreAskedTwice has the button open a window, whose yes is the one that counts.
func TestPlainDeletesAreAskedTwice(t *testing.T) {
	h, _, b := breakers(t)
	button := planned(b, func(e *engine.Experiment) { e.Strikes[0].Dose.Force = true })
	r, err := h.Click(t.Context(), engine.Click{ID: "k", By: someone("UANA"), Action: string(engine.ActionChaos), Value: button.Value()})
	if err != nil || r.Form == nil || r.Form.Name != engine.FormChaosDelete || !strings.Contains(r.Form.Text, "disruption budgets") || len(b.decisions) > 0 {
		t.Fatalf("%+v, %v, decided %v", r.Form, err, b.decisions)
	}
	submit := engine.Submission{ID: "s", By: someone("UCAT"), Form: r.Form.Name, Subject: r.Form.Subject}
	if _, err := h.Submit(t.Context(), submit); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("without the role: %v", err)
	}
	submit.By = someone("UANA")
	if _, err := h.Submit(t.Context(), submit); err != nil || len(b.decisions) != 1 || b.decisions[0].Hash != "h" || b.decisions[0].Role != "breakers, deleters" {
		t.Errorf("%v, %+v", err, b.decisions)
	}
}

func TestConfirmCountsOn(t *testing.T) {
	h, _, b := breakers(t)
	button := planned(b, func(e *engine.Experiment) { e.Need.People = 2 })
	r, err := h.Click(t.Context(), engine.Click{ID: "k", By: someone("UANA"), Action: string(engine.ActionChaos), Value: button.Value()})
	if err != nil || r.Text != "Counted; one more person must approve." {
		t.Errorf("%q, %v", r.Text, err)
	}
}

func TestChaosLists(t *testing.T) {
	h, _, b := breakers(t)
	planned(b, func(*engine.Experiment) {})
	planned(b, func(e *engine.Experiment) { e.Grade = &engine.Grade{} })
	for text, want := range map[string]int{"chaos list": 2, "chaos report": 1, "chaos report 1": 1, "chaos list #2": 1} {
		r, err := h.Command(t.Context(), engine.Command{ID: "c", By: someone("UEVE"), Text: text})
		if err != nil || r.Chaos == nil || len(r.Chaos.Experiments) != want || !r.Chaos.Worker.Equal(b.seen) {
			t.Errorf("%s: %+v, %v", text, r.Chaos, err)
		}
	}
	r, err := h.Command(t.Context(), engine.Command{ID: "c", By: someone("UEVE"), Text: "chaos"})
	if err != nil || r.Help == nil || !slices.ContainsFunc(r.Help.Commands, func(l engine.HelpLine) bool { return strings.Contains(l.Usage, "network-lag") }) {
		t.Errorf("help: %+v, %v", r.Help, err)
	}
}

func TestAdvanced(t *testing.T) {
	h, _, b := breakers(t)
	if _, err := h.Command(t.Context(), engine.Command{ID: "c", By: someone("UEVE"), Text: "chaos advanced"}); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("a stranger: %v", err)
	}
	r, err := h.Command(t.Context(), engine.Command{ID: "c", By: someone("UANA"), Text: "chaos advanced"})
	if err != nil || r.Form == nil || r.Form.Name != engine.FormChaos {
		t.Fatalf("%+v, %v", r, err)
	}
	values := func(change map[string]string) map[string]string {
		v := map[string]string{engine.FieldCluster: "prod", engine.FieldSteps: "network-lag shop/cart -delay 200ms\nkill shop/api -after 30s"}
		maps.Copy(v, change)
		return v
	}
	for _, c := range []struct {
		field, value, want string
	}{
		{engine.FieldSteps, "", "one strike a line"},
		{engine.FieldSteps, "kill shop/api\nsmash shop/api", "line 2"},
		{engine.FieldSteps, "kill shop/api -cluster dev", "another cluster"},
		{engine.FieldCause, "oom[", "is not a rule"},
		{engine.FieldSchedule, "tomorrow", "Write it as 2026"},
		{engine.FieldSchedule, noon.Add(-time.Hour).Format(whenLayout), "That is over"},
		{engine.FieldSchedule, noon.AddDate(1, 0, 0).Format(whenLayout), "30 days"},
		{engine.FieldTitle, strings.Repeat("x", 151), "150 characters"},
	} {
		r, err := h.Submit(t.Context(), engine.Submission{ID: "s", By: someone("UANA"), Form: engine.FormChaos, Values: values(map[string]string{c.field: c.value})})
		if err != nil || !strings.Contains(r.Invalid[c.field], c.want) || len(b.list) > 0 {
			t.Errorf("%s=%q: %v, %v; want %q", c.field, c.value, r.Invalid, err, c.want)
		}
	}
	at := noon.Add(48 * time.Hour).Truncate(time.Minute)
	r, err = h.Submit(t.Context(), engine.Submission{ID: "s", By: someone("UANA"), Form: engine.FormChaos, Values: values(map[string]string{
		engine.FieldTitle: " the cart   is slow ", engine.FieldCause: "latency/*, oom", engine.FieldStopOn: "CartDown", engine.FieldSchedule: at.Format(whenLayout),
	})})
	if err != nil || !strings.Contains(r.Text, "is planned at "+at.Format("15:04 UTC")) {
		t.Fatalf("%q, %v", r.Text, err)
	}
	e := b.list[0]
	got := []any{e.Title, len(e.Strikes), e.Strikes[1].After, e.Expect.Causes, e.StopOn, b.from}
	if diff := cmp.Diff([]any{"the cart is slow", 2, 30 * time.Second, []string{"latency/*", "oom"}, []string{"CartDown"}, at}, got); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestTrust(t *testing.T) {
	h, _, b := breakers(t)
	for k := range 4 {
		planned(b, func(e *engine.Experiment) {
			e.Status, e.StartedAt = engine.ExperimentOver, noon.Add(-time.Hour)
			e.Grade = &engine.Grade{Counts: true, Detected: k > 0, Rank: 1, Cause: "evicted", Confidence: 0.9, Recovered: true, Clean: true}
		})
	}
	b.judged = []engine.Incident{{
		ID: 7, Diagnosis: engine.Diagnosis{Causes: []engine.Cause{{Rule: "oom", Confidence: 0.5}}}, Verdicts: []engine.Verdict{{By: someone("U1"), Rule: "oom", Right: true}},
	}}
	r, err := h.Command(t.Context(), engine.Command{ID: "c", By: someone("UEVE"), Text: "trust last=7d"})
	if err != nil || r.Scorecard == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if s := r.Scorecard; s.All.Detected.Of != 4 || s.All.Detected.Hits != 3 || len(s.Misses) != 1 || !s.From.Equal(noon.Add(-7*24*time.Hour)) || len(s.Reliable) != 2 {
		t.Errorf("scorecard %+v", s)
	}
}
