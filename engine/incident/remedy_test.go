package incident_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// planned is a plan of an undo that somebody was shown just now.
func planned(now time.Time) *engine.Remedy {
	return &engine.Remedy{
		Kind: engine.RemedyUndo, Target: api, From: "2", To: "1", Text: "revision 2 → 1: image app:2 → app:1", Hash: "9f86d0", Expires: now.Add(5 * time.Minute),
	}
}

func undoing(r *engine.Remedy) engine.Decision {
	return engine.Decision{ID: "click-1", Action: engine.ActionUndo, IncidentID: 41, By: ana, Allowed: true, Hash: "9f86d0", Remedy: r}
}

func openIncident() engine.Incident {
	return engine.Incident{
		ID: 41, Workload: api, Status: engine.Open, Severity: engine.Critical, DetectedAt: start, StartedAt: start, Version: 3,
		Timeline: []engine.Event{{ID: 1, At: start, Kind: incident.EventOpened}},
		Signals:  []engine.Signal{{ID: "s", Source: engine.SourceWatch, Workload: api, Class: engine.ClassCrashLoop, StartsAt: start}},
	}
}

func TestAskRemedy(t *testing.T) {
	now := start.Add(time.Minute)
	p, err := incident.Decide(openIncident(), undoing(planned(now)), rules(), now)
	if err != nil {
		t.Fatal(err)
	}
	r := p.Remedy
	if r == nil || r.ID != "click-1" || r.Incident != 41 || r.By != ana || r.Status != engine.RemedyAsked || r.Text != planned(now).Text {
		t.Errorf("what is kept: %+v", r)
	}
	if !slices.Contains(p.Tasks, incident.TaskAt{Task: engine.Task{Kind: engine.TaskRemedy, IncidentID: 41, Detail: "click-1"}}) {
		t.Errorf("tasks %+v", p.Tasks)
	}
	last := p.Events[len(p.Events)-1]
	if last.Kind != engine.EventRemedyAsked || last.By != ana || last.Text != "Asked to undo the rollout: revision 2 → 1: image app:2 → app:1" {
		t.Errorf("the line that tells it: %+v", last)
	}
	if !slices.ContainsFunc(p.Messages, func(m engine.Message) bool { return m.Kind == engine.MessageEvent && m.Detail == last.ID }) {
		t.Errorf("the thread does not tell it: %+v", p.Messages)
	}
	if p.Incident.Status != engine.Acknowledged || p.Incident.AcknowledgedBy != ana {
		t.Errorf("who undoes it is not taken to look after it: %+v", p.Incident)
	}
}

func TestAskRemedyFails(t *testing.T) {
	now := start.Add(time.Minute)
	for _, tc := range []struct {
		name string
		i    func(*engine.Incident)
		d    func(*engine.Decision)
		want engine.Code
		text string
	}{
		{"no plan", nil, func(d *engine.Decision) { d.Remedy = nil }, engine.Invalid, "plan"},
		{"a plan of something else", nil, func(d *engine.Decision) { d.Action = engine.ActionRestart }, engine.Invalid, "plan"},
		{"a plan of another workload", nil, func(d *engine.Decision) { d.Remedy.Target = web }, engine.Invalid, "plan"},
		{"a plan that nobody was shown", nil, func(d *engine.Decision) { d.Remedy.Hash = "" }, engine.Invalid, "plan"},
		{"a plan that has expired", nil, func(d *engine.Decision) { d.Remedy.Expires = now }, engine.Conflict, "expired"},
		{"the incident is over", func(i *engine.Incident) { i.Status, i.ResolvedAt = engine.Resolved, now }, nil, engine.Conflict, "resolved"},
		{"one is on its way", func(i *engine.Incident) {
			i.Timeline = append(i.Timeline, engine.Event{ID: 2, At: now, Kind: engine.EventRemedyAsked, By: ben})
		}, nil, engine.Conflict, "Ben asked for a remedy at 03:01"},
	} {
		i, d := openIncident(), undoing(planned(now))
		if tc.i != nil {
			tc.i(&i)
		}
		if tc.d != nil {
			tc.d(&d)
		}
		p, err := incident.Decide(i, d, rules(), now)
		if engine.CodeOf(err) != tc.want || !strings.Contains(engine.UserMessage(err, ""), tc.text) || !p.Empty() {
			t.Errorf("%s: %v with %+v; want %s that says %q", tc.name, err, p, tc.want, tc.text)
		}
	}
	refused := undoing(planned(now))
	refused.Allowed = false
	if p, err := incident.Decide(openIncident(), refused, rules(), now); err != nil || !p.Empty() {
		t.Errorf("a refused decision: %+v, %v", p, err)
	}
}

func TestRemedied(t *testing.T) {
	now := start.Add(2 * time.Minute)
	asked := *planned(now)
	asked.ID, asked.Incident, asked.Status = "click-1", 41, engine.RemedyAsked

	done := incident.Remedied(openIncident(), asked, engine.RemedyDone, "revision 2 → 1", rules(), now)
	if r := done.Remedy; r == nil || r.Status != engine.RemedyDone || r.Outcome != "revision 2 → 1" {
		t.Errorf("what is kept: %+v", r)
	}
	if e := done.Events[0]; e.Kind != engine.EventRemedyDone || e.Text != "Rollout undone: revision 2 → 1" || !e.By.IsZero() {
		t.Errorf("the line that tells it: %+v", e)
	}
	if len(done.Tasks) != 1 || done.Tasks[0].Task.Kind != engine.TaskDiagnose || !done.Tasks[0].At.After(now) {
		t.Errorf("whether it helped is not looked at: %+v", done.Tasks)
	}

	not := incident.Remedied(openIncident(), asked, engine.RemedyRefused, "the API server refuses it", rules(), now)
	if e := not.Events[0]; not.Remedy.Status != engine.RemedyRefused || e.Kind != engine.EventRemedyRefused || e.Text != "Did not undo the rollout: the API server refuses it" {
		t.Errorf("refused: %+v, %+v", not.Remedy, e)
	}
	if len(not.Tasks) != 0 {
		t.Errorf("tasks after nothing was done: %+v", not.Tasks)
	}

	over := openIncident()
	over.Status = engine.Resolved
	if p := incident.Remedied(over, asked, engine.RemedyDone, "x", rules(), now); len(p.Events) != 1 || len(p.Tasks) != 0 {
		t.Errorf("of an incident that is over: %+v", p)
	}
	for _, status := range []engine.RemedyStatus{engine.RemedyDone, engine.RemedyRefused} {
		was := asked
		was.Status = status
		if p := incident.Remedied(openIncident(), was, engine.RemedyDone, "x", rules(), now); !p.Empty() {
			t.Errorf("told again after %s: %+v", status, p)
		}
	}
}

// A diagnosis that offers something else is news, though its causes are the same.
func TestDiagnosedWithOtherRemedies(t *testing.T) {
	now := start.Add(time.Minute)
	i := openIncident()
	i.Diagnosis = engine.Diagnosis{IncidentID: 41, At: start, Causes: []engine.Cause{{Rule: "crash", Title: "crash"}}}
	d := i.Diagnosis
	d.At = now
	if p := incident.Diagnosed(i, d, rules(), now); !p.Empty() {
		t.Errorf("the same again: %+v", p)
	}
	d.Remedies = []engine.Remedy{{Kind: engine.RemedyUndo, From: "2", To: "1"}}
	if p := incident.Diagnosed(i, d, rules(), now); p.Empty() {
		t.Error("a new offer is not kept")
	}
	d.Remedies, d.NoRemedy = nil, "Argo CD deploys it from Git"
	if p := incident.Diagnosed(i, d, rules(), now); p.Empty() {
		t.Error("why there is no offer is not kept")
	}
}
