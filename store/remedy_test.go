package store_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func (w *world) undo(id string, by engine.Person, incident int64) error {
	r := engine.Remedy{
		Kind: engine.RemedyUndo, Target: api, From: "2", To: "1", Text: "revision 2 → 1", Source: "api-5f7", Command: "kubectl", UID: "u", Generation: 4,
		Hash: "9f86d081", Expires: w.now().Add(5 * time.Minute),
	}
	_, err := w.Decide(w.t.Context(), engine.Decision{
		ID: id, Action: engine.ActionUndo, IncidentID: incident, By: by, At: w.now(), Allowed: true, Hash: r.Hash, Role: "role fixers", Remedy: &r,
	})
	return err
}

func TestRemedy(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	w.must(w.undo("click-1", ada, 1))
	r, err := w.Remedy(t.Context(), "click-1")
	w.must(err)
	want := engine.Remedy{
		ID: "click-1", Incident: 1, By: ada, Status: engine.RemedyAsked, Kind: engine.RemedyUndo, Target: api, From: "2", To: "1", Text: "revision 2 → 1",
		Source: "api-5f7", Command: "kubectl", UID: "u", Generation: 4, Hash: "9f86d081", Expires: w.now().Add(5 * time.Minute),
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("remedy (-want +got):\n%s", diff)
	}
	equal(t, "its task", w.sql(`SELECT args ->> 'detail', args ->> 'incident_id', state, queue FROM river_job WHERE kind = 'remedy'`), "click-1 1 available default")
	equal(t, "decision", w.sql(`SELECT hash, role, allowed FROM decisions WHERE id = 'click-1'`), "9f86d081 role fixers true")
	equal(t, "audit", w.sql(`SELECT action, subject, allowed, plan FROM audit_log`), "undo incident/1 true 9f86d081")

	// A second one waits for the outcome of the first.
	code(t, "another", w.undo("click-2", grace, 1), engine.Conflict)
	before := w.everything()
	w.must(w.undo("click-1", ada, 1))
	equal(t, "the same again", w.everything(), before)

	w.pass(time.Second)
	w.must(w.Remedied(t.Context(), "click-1", engine.RemedyDone, "revision 2 → 1"))
	equal(t, "row", w.sql(`SELECT status, over_at > asked_at, body ->> 'outcome' FROM remedies`), "done true revision 2 → 1")
	i := w.incident(1)
	if e, ok := i.LastRemedy(); !ok || e.Kind != engine.EventRemedyDone || e.Text != "Rollout undone: revision 2 → 1" {
		t.Errorf("the line that tells it: %+v", e)
	}
	before = w.everything()
	w.must(w.Remedied(t.Context(), "click-1", engine.RemedyRefused, "too late to say so"))
	equal(t, "told again", w.everything(), before)
	w.must(w.undo("click-3", grace, 1))

	code(t, "of nobody", w.Remedied(t.Context(), "click-9", engine.RemedyDone, "x"), engine.NotFound)
	_, err = w.Remedy(t.Context(), "click-9")
	code(t, "of nobody", err, engine.NotFound)
	w.must(w.VerifyAudit(t.Context()))
}

// Fifty clicks of several people at once are one remedy.
func TestRemedyByManyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	var all sync.WaitGroup
	for n := range 50 {
		all.Go(func() {
			if err := w.undo(string(rune('a'+n%5)), ada, 1); err != nil && engine.CodeOf(err) != engine.Conflict {
				t.Error(err)
			}
		})
	}
	all.Wait()
	equal(t, "remedies, tasks and lines", w.sql(`SELECT (SELECT count(*) FROM remedies), (SELECT count(*) FROM river_job WHERE kind = 'remedy'),
		(SELECT count(*) FROM events WHERE kind = 'remedy_asked'), (SELECT count(*) FROM decisions)`), "1 1 1 5")
	w.must(w.VerifyAudit(t.Context()))
}

func TestRemedyOfALostTaskIsTakenUp(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	w.must(w.undo("click-1", ada, 1))
	w.must(w.Sweep(t.Context()))
	equal(t, "tasks while there is one", w.sql(`SELECT count(*) FROM river_job WHERE kind = 'remedy'`), "1")
	w.sql(`DELETE FROM river_job WHERE kind = 'remedy' RETURNING id`)
	w.must(w.Sweep(t.Context()))
	equal(t, "tasks when it may just be about to be made", w.sql(`SELECT count(*) FROM river_job WHERE kind = 'remedy'`), "0")
	w.pass(time.Hour)
	w.must(w.Sweep(t.Context()))
	equal(t, "tasks after it was lost", w.sql(`SELECT args ->> 'detail', args ->> 'incident_id' FROM river_job WHERE kind = 'remedy'`), "click-1 1")
	w.must(w.Remedied(t.Context(), "click-1", engine.RemedyRefused, "the time for it was over"))
	w.sql(`DELETE FROM river_job WHERE kind = 'remedy' RETURNING id`)
	w.must(w.Sweep(t.Context()))
	equal(t, "tasks after it is over", w.sql(`SELECT count(*) FROM river_job WHERE kind = 'remedy'`), "0")
}

func TestDiagnosisKeepsItsOffers(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	d := engine.Diagnosis{
		IncidentID: 1, At: w.now().Truncate(time.Microsecond), Causes: []engine.Cause{{Rule: "probe/after-change", Title: "the probe fails"}},
		Remedies: []engine.Remedy{{Kind: engine.RemedyUndo, Target: api, From: "2", To: "1"}},
	}
	w.must(w.SaveDiagnosis(t.Context(), d))
	if diff := cmp.Diff(d.Remedies, w.incident(1).Offers()); diff != "" {
		t.Errorf("offers (-want +got):\n%s", diff)
	}
	w.pass(time.Minute)
	d.At, d.Remedies, d.NoRemedy = w.now().Truncate(time.Microsecond), nil, "Argo CD deploys it from Git"
	w.must(w.SaveDiagnosis(t.Context(), d))
	if i := w.incident(1); len(i.Offers()) != 0 || !strings.HasPrefix(i.Diagnosis.NoRemedy, "Argo CD") {
		t.Errorf("after it: %+v, %q", i.Offers(), i.Diagnosis.NoRemedy)
	}
}
