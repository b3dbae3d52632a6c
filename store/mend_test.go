package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
)

// reached is what is known of an incident whose container was killed at its limit.
func reached(i engine.Incident, limit string, at time.Time) engine.Diagnosis {
	return engine.Diagnosis{
		IncidentID: i.ID, At: at, Causes: []engine.Cause{{Rule: "oom/limit", Confidence: 0.9, For: []string{"end"}}},
		Evidence: []engine.Evidence{
			{ID: "end", Kind: engine.EvidenceTermination, Container: "app", Fields: map[string]string{"reason": "OOMKilled"}},
			{ID: "app", Kind: engine.EvidenceContainer, Container: "app", Fields: map[string]string{"memory_limit": limit}},
		},
	}
}

// mendOf is an offer that raises a limit.
func mendOf(i engine.Incident, from, to string) engine.Proposal {
	return engine.Proposal{
		Incident: i.ID, Need: engine.ApprovalNeed{People: 1}, Title: "payments/api memory limit " + from + " → " + to,
		Items: []engine.ProposalItem{{
			Wish:  engine.Wish{Kind: engine.WishLimit, Target: engine.Target{Workload: i.Workload, Container: "app"}, Field: "memory", Old: from, New: to},
			Title: "payments/api memory limit " + from + " → " + to, Because: "it was killed there", Risk: engine.RiskLow, Repo: "shop/deploy", Base: "main", Commit: "c0ffee",
			Edits: []engine.FileEdit{{Path: "api.yaml", Line: 9, Before: "memory: " + from + "\n", After: "memory: " + to + "\n"}},
		}},
	}
}

func (w *savers) mendTasks() string {
	w.t.Helper()
	return w.sql(`SELECT count(*), coalesce(min(queue), '') FROM river_job WHERE kind = 'mend' AND finalized_at IS NULL AND (args ->> 'incident_id')::bigint > 0`)
}

func TestADiagnosisThatNamesWhatMendsItHasItOffered(t *testing.T) {
	w := newSavers(t)
	i := w.open(api)
	other := reached(i, "512Mi", w.now())
	other.Causes[0].Rule = "crash/panic"
	w.must(w.SaveDiagnosis(t.Context(), other))
	equal(t, "nothing would mend it", w.mendTasks(), "0 ")
	w.pass(time.Second)
	w.must(w.SaveDiagnosis(t.Context(), reached(i, "512Mi", w.now())))
	equal(t, "offered by a task", w.mendTasks(), "1 change")

	w.sql(`DELETE FROM river_job WHERE kind = 'mend'`)
	_, err := w.Offer(t.Context(), mendOf(i, "512Mi", "640Mi"), 0)
	w.must(err)
	w.pass(time.Second)
	other.At = w.now()
	w.must(w.SaveDiagnosis(t.Context(), other))
	equal(t, "what was offered is looked at again", w.mendTasks(), "1 change")
}

func TestAMendIsOfferedOnceForTheSameValues(t *testing.T) {
	w := newSavers(t)
	i := w.open(api)
	p, err := w.Offer(t.Context(), mendOf(i, "512Mi", "640Mi"), time.Hour)
	w.must(err)
	equal(t, "under the incident's card", w.sql(`SELECT DISTINCT thread_key FROM messages WHERE kind = 'proposal'`), engine.CardKey(i.ID))
	equal(t, "kept with its reason", p.Items[0].Because, "it was killed there")
	before := w.proposalState()
	again, err := w.Offer(t.Context(), mendOf(i, "512Mi", "640Mi"), time.Hour)
	w.must(err)
	equal(t, "again", []any{again.ID, w.proposalState()}, []any{p.ID, before})
	_, err = w.Offer(t.Context(), mendOf(i, "512Mi", "768Mi"), time.Hour)
	code(t, "another value beside it", err, engine.Conflict)

	p, err = w.Stale(t.Context(), p.ID, "other values")
	w.must(err)
	equal(t, "withdrawn", p.Timeline[len(p.Timeline)-1].Text, "Withdrawn: other values")
	second, err := w.Offer(t.Context(), mendOf(i, "512Mi", "768Mi"), time.Hour)
	w.must(err)
	second, err = w.Approve(t.Context(), w.second("yes", grace, second), store.Approving{Need: needs(1)})
	w.must(err)
	equal(t, "approved", second.Status, engine.ProposalApproved)
	second, err = w.SavePull(t.Context(), second.ID, second.Version, openPull, engine.ProposalMerged, "", nil)
	w.must(err)
	_, err = w.Deployed(t.Context(), second.ID, "Live")
	w.must(err)
	equal(t, "the ledger has nothing of it", w.sql(`SELECT count(*) FROM ledger`), "0")

	third, err := w.Offer(t.Context(), mendOf(i, "768Mi", "960Mi"), time.Hour)
	w.must(err)
	equal(t, "it was too little", []any{third.ID != second.ID, third.Status}, []any{true, engine.ProposalPending})
	_, err = w.Deny(t.Context(), engine.Decision{ID: "no", Action: engine.ActionDeny, ProposalID: third.ID, By: ada, At: w.now(), Allowed: true, Reason: "it leaks"})
	w.must(err)
	again, err = w.Offer(t.Context(), mendOf(i, "768Mi", "960Mi"), time.Hour)
	w.must(err)
	equal(t, "after a no", []any{again.ID, again.Status}, []any{third.ID, engine.ProposalDenied})
}

// A value that a saving is changing is left alone, and it is said by what.
func TestAMendGivesWayToWhatIsUnderway(t *testing.T) {
	w := newSavers(t)
	items := w.drafted("api")
	p := w.opened(items...)
	i := w.open(api)
	offer := mendOf(i, "2", "3")
	offer.Items[0].Wish = items[0].Wish
	before := w.proposalState()
	_, err := w.Offer(t.Context(), offer, time.Hour)
	code(t, "underway", err, engine.Conflict)
	if err == nil || err.Error() != fmt.Sprintf("%s is changed by proposal %d already, which is opened, %s.", offer.Items[0].Title, p.ID, p.Pull.URL) {
		t.Error(err)
	}
	equal(t, "state", w.proposalState(), before)
}

func TestAnIncidentThatResolvesHasItsMendsLookedAt(t *testing.T) {
	w := newSavers(t)
	mended, plain := w.open(api), w.open(engine.Workload{Cluster: api.Cluster, Namespace: "shop", Kind: "Deployment", Name: "web"})
	_, err := w.Offer(t.Context(), mendOf(mended, "512Mi", "640Mi"), 0)
	w.must(err)
	w.must(w.decide("r1", engine.ActionResolve, grace, plain.ID))
	equal(t, "nothing was offered for this one", w.mendTasks(), "0 ")
	w.must(w.decide("r2", engine.ActionResolve, grace, mended.ID))
	equal(t, "resolved", w.mendTasks(), "1 change")
}

func TestWhatOnlyAPersonCanChangeIsToldOnce(t *testing.T) {
	w := newWorld(t)
	i := w.open(api)
	for range 2 {
		w.must(w.ByHand(t.Context(), i.ID, "By hand in shop/deploy: app.yaml:7"))
	}
	equal(t, "told", w.sql(`SELECT e.text, m.thread_key FROM events e JOIN messages m ON m.key = 'incident/' || e.incident_id || '/event/' || e.n WHERE e.kind = 'by_hand'`),
		"By hand in shop/deploy: app.yaml:7 incident/1/card")
	code(t, "of no incident", w.ByHand(t.Context(), 99, "x"), engine.NotFound)
}
