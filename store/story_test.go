package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// ended opens an incident of a workload with a cause, and resolves it a minute later.
func (w *world) ended(of engine.Workload, rule, title string) engine.Incident {
	w.t.Helper()
	i := w.open(of)
	w.must(w.SaveDiagnosis(w.t.Context(), engine.Diagnosis{
		IncidentID: i.ID, At: w.now(), Causes: []engine.Cause{{Rule: rule, Title: title, Confidence: 0.8, Basis: engine.Prior}},
	}))
	w.pass(time.Minute)
	w.must(w.decide(fmt.Sprint("resolve ", i.ID), engine.ActionResolve, ada, i.ID))
	w.watch(of)
	w.pass(24 * time.Hour)
	return w.incident(i.ID)
}

func TestSeenBefore(t *testing.T) {
	w := newWorld(t)
	other := api
	other.Name = "cart"
	first := w.ended(other, "crash/dependency-refused", "cannot reach db:5432")
	if first.Before != nil {
		t.Fatalf("the first of all was seen before: %+v", first.Before)
	}
	w.sql(`INSERT INTO proposal (key, cluster, team, title, repo, base, hash, monthly, status, need, pull, incident_id, created_at, approved_at, merged_at)
		VALUES ('k', 'prod', '', 'the port of db', 'acme/infra', 'main', 'h', 0, 'merged', '{}', '{"url": "https://github.com/acme/infra/pull/7"}', $1, $2, $2, $2)`, first.ID, first.DetectedAt)

	// Of another workload, but the very same cause: known when the cause is.
	i := w.open(api)
	if i.Before != nil {
		t.Fatalf("without a cause: %+v", i.Before)
	}
	w.must(w.SaveDiagnosis(t.Context(), engine.Diagnosis{IncidentID: i.ID, At: w.now(), Causes: []engine.Cause{{Rule: "crash/dependency-refused", Title: "cannot reach db:5432"}}}))
	was := w.incident(i.ID).Before
	if was == nil {
		t.Fatal("the same cause of another workload is not found")
	}
	equal(t, "former", *was, engine.Former{
		ID: first.ID, Workload: other, Title: "payments/cart is crash-looping", Cause: "cannot reach db:5432", SameCause: true, ResolvedAt: first.ResolvedAt,
		Fixes: []engine.Fix{
			{Kind: engine.FixChange, At: first.DetectedAt, Text: "Merged: the port of db", URL: "https://github.com/acme/infra/pull/7"},
			{Kind: engine.FixPerson, At: first.ResolvedAt, By: ada, Text: "Resolved while it still fires; it stays resolved until something new begins"},
		},
	})
	w.must(w.decide("resolve", engine.ActionResolve, ada, i.ID))
	w.watch(api)
	w.pass(24 * time.Hour)

	// Its own comes before another's, the newest before the older.
	second := w.ended(api, "oom/limit", "the memory limit is too low")
	third := w.open(api)
	equal(t, "its own", third.Before.ID, second.ID)
	equal(t, "how often", third.Before.Times, 2)
	equal(t, "same cause", third.Before.SameCause, false)

	story, err := w.Story(t.Context(), second.ID)
	w.must(err)
	equal(t, "lasted", story.Lasted, time.Minute)
	equal(t, "its former", story.Incident.Before.ID, i.ID)
	_, err = w.Story(t.Context(), 99)
	code(t, "unknown", err, engine.NotFound)
}
