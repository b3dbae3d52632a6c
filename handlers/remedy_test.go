package handlers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/remedy"
)

// fakeRemedier is a cluster that remedies are done to, and what keeps them.
type fakeRemedier struct {
	situation remedy.Situation
	look      error
	text      string // what would be done now
	rehearse  error
	act       error
	acted     []engine.Remedy

	asked engine.Remedy
	over  []string // "d1 done: …"
	keep  error
}

func (f *fakeRemedier) Situation(context.Context, engine.Workload) (remedy.Situation, error) {
	return f.situation, f.look
}

func (f *fakeRemedier) Rehearse(_ context.Context, r engine.Remedy) (engine.Remedy, error) {
	r.Text, r.Command, r.UID, r.Generation = f.text, "kubectl", "uid", 4
	r.Hash = remedy.Hash(r)
	return r, f.rehearse
}

func (f *fakeRemedier) Act(_ context.Context, r engine.Remedy) (string, error) {
	f.acted = append(f.acted, r)
	return r.Text, f.act
}

func (f *fakeRemedier) Remedy(_ context.Context, id string) (engine.Remedy, error) {
	if f.asked.ID != id {
		return engine.Remedy{}, engine.Errorf(engine.NotFound, "nobody asked for %s", id)
	}
	return f.asked, nil
}

func (f *fakeRemedier) Remedied(_ context.Context, id string, status engine.RemedyStatus, outcome string) error {
	f.over = append(f.over, id+" "+string(status)+": "+outcome)
	return f.keep
}

// remedying has incident 7 offer an undo, which ana's role allows.
func remedying(t *testing.T) (*Handlers, *fakeStore, *fakeRemedier) {
	t.Helper()
	h, s, _ := fixture(t)
	f := &fakeRemedier{text: "revision 2 → 1: image app:2 → app:1"}
	h.Clusters[0].Remedy = f
	h.Remedies = Remedies{Log: f, Allowed: []engine.RemedyKind{engine.RemedyUndo, engine.RemedyRestart}}
	h.Policy.Roles[0].May = append(h.Policy.Roles[0].May, engine.ActionUndo, engine.ActionRestart)
	i := s.incidents[7]
	i.Diagnosis.At = noon.Add(-time.Minute)
	i.Diagnosis.Remedies = []engine.Remedy{{Kind: engine.RemedyUndo, Target: api, From: "2", To: "1"}, {Kind: engine.RemedyRestart, Target: api}}
	s.incidents[7] = i
	return h, s, f
}

func undoClick(by string) engine.Click {
	return engine.Click{ID: "c1", By: engine.Person{ID: by}, Action: "undo", Value: "7", At: noon}
}

// shown presses the button and gives the window.
func shown(t *testing.T, h *Handlers) *engine.Form {
	t.Helper()
	reply, err := h.Click(t.Context(), undoClick("UANA"))
	if err != nil || reply.Form == nil || reply.Form.Remedy == nil {
		t.Fatalf("the window: %+v, %v", reply, err)
	}
	return reply.Form
}

func yes(form *engine.Form, by string) engine.Submission {
	return engine.Submission{ID: "s1", By: engine.Person{ID: by}, Form: form.Name, Subject: form.Subject, At: noon}
}

func TestRemedyFromTheButtonToTheDeed(t *testing.T) {
	h, s, f := remedying(t)
	form := shown(t, h)
	plan := form.Remedy
	if form.Name != engine.FormRemedy || form.Title != "Undo rollout" || plan.Text != f.text || !plan.Expires.Equal(noon.Add(10*time.Minute)) {
		t.Errorf("the window: %+v with %+v", form, plan)
	}
	if len(s.decisions) != 0 {
		t.Errorf("a look is no decision: %+v", s.decisions)
	}

	reply, err := h.Submit(t.Context(), yes(form, "UANA"))
	if err != nil || !strings.Contains(reply.Text, "On its way: revision 2 → 1") {
		t.Errorf("the answer: %+v, %v", reply, err)
	}
	want := *plan
	want.Expires = noon.Add(5 * time.Minute)
	d := engine.Decision{
		ID: "s1", Action: engine.ActionUndo, IncidentID: 7, By: engine.Person{ID: "UANA"}, At: noon, Allowed: true, Hash: plan.Hash, Role: "role responder", Remedy: &want,
	}
	if diff := cmp.Diff([]engine.Decision{d}, s.decisions); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
	if len(f.acted) != 0 {
		t.Error("it was done before it was kept")
	}

	f.asked = want
	f.asked.ID, f.asked.Status = "s1", engine.RemedyAsked
	task := engine.Task{Kind: engine.TaskRemedy, IncidentID: 7, Detail: "s1"}
	if err := h.Tasks()[engine.TaskRemedy](t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if len(f.acted) != 1 || cmp.Diff([]string{"s1 done: " + f.text}, f.over) != "" {
		t.Errorf("done %+v, told %q", f.acted, f.over)
	}
	f.asked.Status = engine.RemedyDone
	if err := h.remedy(t.Context(), task); err != nil || len(f.acted) != 1 {
		t.Errorf("the task again: %v, done %d times", err, len(f.acted))
	}
}

func TestRemedyIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		by     string
		breaks func(h *Handlers, s *fakeStore, f *fakeRemedier) // before the yes; the window was shown before
		code   engine.Code
		text   string
		audit  string // the reason that is kept; "" for none
	}{
		{name: "no role", by: "UEVE", code: engine.Forbidden, text: "You may not do that", audit: "responder"},
		{name: "paused", breaks: func(_ *Handlers, s *fakeStore, _ *fakeRemedier) {
			s.paused = engine.Pause{On: true, By: engine.Person{ID: "UBEN"}, At: noon}
		}, code: engine.Forbidden, text: "writes are paused by <@UBEN>", audit: "paused"},
		{name: "switched off meanwhile", breaks: func(h *Handlers, _ *fakeStore, _ *fakeRemedier) { h.Remedies.Allowed = nil }, code: engine.Invalid, text: "`remedies:`", audit: "remedies"},
		{name: "resolved meanwhile", breaks: func(_ *Handlers, s *fakeStore, _ *fakeRemedier) {
			i := s.incidents[7]
			i.Status = engine.Resolved
			s.incidents[7] = i
		}, code: engine.Conflict, text: "nothing to undo the rollout", audit: "nothing"},
		{name: "somebody else was quicker", breaks: func(_ *Handlers, s *fakeStore, _ *fakeRemedier) {
			i := s.incidents[7]
			i.Timeline = []engine.Event{{Kind: engine.EventRemedyAsked, By: engine.Person{ID: "UBEN"}, At: noon}}
			s.incidents[7] = i
		}, code: engine.Conflict, text: "<@UBEN> asked for a remedy", audit: "on its way"},
		{name: "the cluster is gone from the configuration", breaks: func(h *Handlers, _ *fakeStore, _ *fakeRemedier) { h.Clusters = nil }, code: engine.Invalid, audit: "remedies"},
		{name: "the API server would refuse it", breaks: func(_ *Handlers, _ *fakeStore, f *fakeRemedier) {
			f.rehearse = engine.Errorf(engine.Forbidden, "the API server refuses it: not signed")
		}, code: engine.Forbidden, text: "not signed", audit: "not signed"},
		{name: "the cluster does not answer", breaks: func(_ *Handlers, _ *fakeStore, f *fakeRemedier) {
			f.rehearse = engine.Errorf(engine.Unavailable, "no answer")
		}, code: engine.Unavailable},
		{name: "Slack does not say in which groups", by: "UDOWN", code: engine.Unavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, s, f := remedying(t)
			form := shown(t, h)
			by := "UANA"
			if tc.by != "" {
				by = tc.by
			}
			if tc.breaks != nil {
				tc.breaks(h, s, f)
			}
			for what, try := range map[string]func() (engine.Reply, error){
				"the yes":   func() (engine.Reply, error) { return h.Submit(t.Context(), yes(form, by)) },
				"the click": func() (engine.Reply, error) { return h.Click(t.Context(), undoClick(by)) },
			} {
				s.decisions = nil
				reply, err := try()
				if engine.CodeOf(err) != tc.code || !strings.Contains(engine.UserMessage(err, ""), tc.text) {
					t.Errorf("%s: %+v, %v; want %s that says %q", what, reply, err, tc.code, tc.text)
				}
				for _, d := range s.decisions {
					if d.Allowed || d.Remedy != nil || !strings.Contains(d.Reason, tc.audit) || d.Action != engine.ActionUndo {
						t.Errorf("%s: kept %+v", what, d)
					}
				}
				if what == "the yes" && (len(s.decisions) == 1) != (tc.audit != "") {
					t.Errorf("%s: %d decisions kept", what, len(s.decisions))
				}
			}
		})
	}
}

// A yes is to what was shown. When that is not so any more, it is refused, kept, and the plan of now is shown.
func TestRemedyPlanOfBefore(t *testing.T) {
	for name, change := range map[string]func(h *Handlers, f *fakeRemedier){
		"changed": func(_ *Handlers, f *fakeRemedier) { f.text = "revision 3 → 2" },
		"expired": func(h *Handlers, _ *fakeRemedier) {
			h.Now = func() time.Time { return noon.Add(10 * time.Minute) }
		},
	} {
		h, s, f := remedying(t)
		form := shown(t, h)
		change(h, f)
		reply, err := h.Submit(t.Context(), yes(form, "UANA"))
		if err != nil || reply.Form == nil || !strings.Contains(reply.Form.Text, name) || reply.Form.Subject == form.Subject || reply.Form.Remedy.Text != f.text {
			t.Errorf("%s: %+v, %v", name, reply.Form, err)
		}
		if len(s.decisions) != 1 || s.decisions[0].Allowed || s.decisions[0].Hash != form.Remedy.Hash {
			t.Errorf("%s: kept %+v", name, s.decisions)
		}
	}
	h, s, _ := remedying(t)
	forged := yes(shown(t, h), "UANA")
	forged.Subject = "7:restart:" + strings.SplitN(forged.Subject, ":", 3)[2]
	if reply, err := h.Submit(t.Context(), forged); err != nil || reply.Form == nil || len(s.decisions) != 1 || s.decisions[0].Allowed {
		t.Errorf("a yes to another kind: %+v, %v, %+v", reply, err, s.decisions)
	}
	forged.Subject = "7:undo"
	if _, err := h.Submit(t.Context(), forged); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("a subject that is none: %v", err)
	}
}

func TestRestartNotesWhenItWasAsked(t *testing.T) {
	h, _, _ := remedying(t)
	c := undoClick("UANA")
	c.Action = "restart"
	reply, err := h.Click(t.Context(), c)
	if err != nil || reply.Form.Remedy.To != noon.UTC().Format(time.RFC3339) {
		t.Fatalf("%+v, %v", reply.Form, err)
	}
	if reply, err := h.Submit(t.Context(), yes(reply.Form, "UANA")); err != nil || reply.Form != nil {
		t.Errorf("the yes a moment later: %+v, %v", reply, err)
	}
}

func TestRemedyTask(t *testing.T) {
	for _, tc := range []struct {
		name  string
		set   func(h *Handlers, s *fakeStore, f *fakeRemedier)
		acted int
		over  string
		code  engine.Code
		waits bool
	}{
		{name: "done", acted: 1, over: "s1 done: undo it"},
		{name: "refused by the API server", set: func(_ *Handlers, _ *fakeStore, f *fakeRemedier) {
			f.act = engine.Errorf(engine.Forbidden, "not signed")
		}, acted: 1, over: "s1 refused: not signed"},
		{name: "changed meanwhile", set: func(_ *Handlers, _ *fakeStore, f *fakeRemedier) { f.act = engine.Errorf(engine.Conflict, "changed") }, acted: 1, over: "s1 refused: changed"},
		{name: "no answer", set: func(_ *Handlers, _ *fakeStore, f *fakeRemedier) {
			f.act = engine.Errorf(engine.Unavailable, "no answer")
		}, acted: 1, code: engine.Unavailable},
		{name: "our own fault", set: func(_ *Handlers, _ *fakeStore, f *fakeRemedier) { f.act = errors.New("nil pointer") }, acted: 1, code: engine.Internal},
		{name: "paused", set: func(_ *Handlers, s *fakeStore, _ *fakeRemedier) { s.paused.On = true }, code: engine.Unavailable, waits: true},
		{name: "paused until it was too late", set: func(_ *Handlers, s *fakeStore, f *fakeRemedier) {
			s.paused.On, f.asked.Expires, f.act = true, noon, engine.Errorf(engine.Conflict, "the time for it was over")
		}, acted: 1, over: "s1 refused: the time for it was over"},
		{
			name: "of a StatefulSet", set: func(_ *Handlers, _ *fakeStore, f *fakeRemedier) { f.asked.Target.Kind = "StatefulSet" }, acted: 1,
			over: "s1 done: undo it. A pod that is stuck stays so: with podManagementPolicy OrderedReady, Kubernetes does not replace it. Delete it by hand, and it is made anew: kubectl -n payments delete pod api-N",
		},
		{name: "scaling one", set: func(h *Handlers, _ *fakeStore, f *fakeRemedier) {
			f.asked.Target.Kind, f.asked.Kind, h.Remedies.Allowed = "StatefulSet", engine.RemedyScale, []engine.RemedyKind{engine.RemedyScale}
		}, acted: 1, over: "s1 done: undo it"},
		{name: "switched off", set: func(h *Handlers, _ *fakeStore, _ *fakeRemedier) { h.Remedies.Allowed = nil }, over: "s1 refused: the configuration no longer switches it on"},
		{name: "the cluster left the configuration", set: func(h *Handlers, _ *fakeStore, _ *fakeRemedier) { h.Clusters = nil }, over: "s1 refused: cluster prod is no longer in the configuration"},
		{name: "nobody asked", set: func(_ *Handlers, _ *fakeStore, f *fakeRemedier) { f.asked.ID = "s2" }, code: engine.NotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h, s, f := remedying(t)
			f.asked = engine.Remedy{ID: "s1", Kind: engine.RemedyUndo, Target: api, Text: "undo it", Status: engine.RemedyAsked, Expires: noon.Add(time.Minute)}
			if tc.set != nil {
				tc.set(h, s, f)
			}
			err := h.remedy(t.Context(), engine.Task{Kind: engine.TaskRemedy, IncidentID: 7, Detail: "s1"})
			_, waits := errors.AsType[*engine.Waiting](err)
			if engine.CodeOf(err) != tc.code || len(f.acted) != tc.acted || strings.Join(f.over, "\n") != tc.over || waits != tc.waits {
				t.Errorf("%v, done %d times, told %q; want %q, %d times, %q", err, len(f.acted), f.over, tc.code, tc.acted, tc.over)
			}
		})
	}
}

func TestOffersOfADiagnosis(t *testing.T) {
	i := engine.Incident{ID: 7, Workload: api, Status: engine.Open}
	blamed := engine.Diagnosis{
		Causes:   []engine.Cause{{For: []string{"change/1"}}},
		Evidence: []engine.Evidence{{ID: "change/1", Kind: engine.EvidenceChange, Fields: map[string]string{"what": "image", "revision": "2"}}},
	}
	h, _, f := remedying(t)
	f.situation = remedy.Situation{Current: 2, Before: 1}
	d := blamed
	h.offers(t.Context(), h.Clusters[0], i, &d)
	if len(d.Remedies) != 1 || d.Remedies[0].Kind != engine.RemedyUndo {
		t.Errorf("offers %+v", d.Remedies)
	}
	f.situation.Owner = "Flux"
	d = blamed
	h.offers(t.Context(), h.Clusters[0], i, &d)
	if len(d.Remedies) != 0 || !strings.HasPrefix(d.NoRemedy, "Flux deploys it from Git") {
		t.Errorf("of what Git owns: %+v, %q", d.Remedies, d.NoRemedy)
	}
	f.look = engine.Errorf(engine.Unavailable, "no answer")
	d = blamed
	if h.offers(t.Context(), h.Clusters[0], i, &d); len(d.Remedies) != 0 || d.NoRemedy != "" {
		t.Errorf("of what cannot be looked at: %+v", d)
	}
	f.look, f.situation.Owner, h.Remedies.Allowed = nil, "", nil
	if h.offers(t.Context(), h.Clusters[0], i, &d); len(d.Remedies) != 0 {
		t.Errorf("where none is switched on: %+v", d)
	}
}
