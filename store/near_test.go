package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// blames keeps a diagnosis whose likeliest cause is in another workload.
func (w *world) blames(id int64, root engine.Workload) {
	w.t.Helper()
	w.must(w.SaveDiagnosis(w.t.Context(), engine.Diagnosis{
		IncidentID: id, At: w.now(), Causes: []engine.Cause{{Rule: "crash/dependency-refused", Title: "cannot reach " + root.Name, Confidence: 0.8, Root: &root}},
	}))
}

func TestDependentsFollowWhatTheirCauseNames(t *testing.T) {
	w := newWorld(t)
	db, cart := api, api
	db.Name, cart.Name = "db", "cart"
	dependent := w.open(api)
	w.pass(time.Second)
	w.blames(dependent.ID, db)
	equal(t, "nothing is wrong there", w.incident(dependent.ID).ParentID, int64(0))
	before := w.sql(`SELECT wanted FROM diagnosis_requests WHERE incident_id = 1`)

	// What opens later is looked at by those whose cause names it already.
	w.pass(time.Second)
	root := w.open(db)
	if after := w.sql(`SELECT wanted FROM diagnosis_requests WHERE incident_id = 1`); after <= before {
		t.Errorf("the dependent is not diagnosed again: %s, was %s", after, before)
	}
	w.blames(dependent.ID, db) // says the same again
	got := w.incident(dependent.ID)
	equal(t, "parent", got.ParentID, root.ID)
	equal(t, "the parent's children", len(w.incident(root.ID).Children), 1)
	equal(t, "the parent's thread", w.sql(`SELECT m.key, m.wanted = i.version FROM messages m JOIN incidents i ON i.id = m.subject WHERE m.subject = 2 ORDER BY m.key`),
		"incident/2/card true\nincident/2/event/2 true")

	// Of a Service of that name too; and the root itself is under none of them.
	third := w.open(cart)
	w.blames(third.ID, engine.Workload{Cluster: "prod", Namespace: "payments", Kind: engine.KindService, Name: "db"})
	w.blames(root.ID, cart)
	equal(t, "third", w.incident(third.ID).ParentID, root.ID)
	equal(t, "root", w.incident(root.ID).ParentID, int64(0))

	w.pass(time.Minute)
	w.must(w.SaveDiagnosis(t.Context(), engine.Diagnosis{IncidentID: third.ID, At: w.now(), Causes: []engine.Cause{{Rule: "oom/limit", Title: "its memory", Confidence: 0.9}}}))
	equal(t, "on its own again", w.incident(third.ID).ParentID, int64(0))
}

// TestDependentsAtOnce has ten workloads name each other at the same time: nobody is under itself, parents are under nobody.
func TestDependentsAtOnce(t *testing.T) {
	w := newWorld(t)
	of := func(n int) engine.Workload {
		d := api
		d.Name = string(rune('a' + n))
		return d
	}
	for n := range 10 {
		w.open(of(n))
	}
	var all sync.WaitGroup
	for n := range 10 {
		root := of((n + 1) % 10)
		for range 2 {
			all.Go(func() {
				err := w.SaveDiagnosis(t.Context(), engine.Diagnosis{IncidentID: int64(n + 1), At: w.now(), Causes: []engine.Cause{{Rule: "r", Title: "t", Confidence: 0.8, Root: &root}}})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	equal(t, "parents under others", w.sql(`SELECT count(*) FROM incidents c JOIN incidents p ON p.id = c.parent_id WHERE p.parent_id IS NOT NULL OR p.id = c.id`), "0")
	equal(t, "roots", w.sql(`SELECT count(*) > 0 AND count(*) < 10 FROM incidents WHERE parent_id IS NULL`), "true")
	equal(t, "cards at their newest", w.sql(`SELECT count(*) FROM messages m JOIN incidents i ON i.id = m.subject WHERE m.kind = 'card' AND m.wanted <> i.version`), "0")
}
