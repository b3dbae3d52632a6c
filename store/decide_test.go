package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

func TestDecide(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	w.pass(time.Minute)
	i, err := w.Decide(t.Context(), engine.Decision{
		ID: "click-1", Action: engine.ActionAcknowledge, IncidentID: 1, By: ada, At: w.now(), Allowed: true,
	})
	w.must(err)
	equal(t, "what is returned", i, w.incident(1))
	equal(t, "acknowledged", []any{i.Status, i.AcknowledgedBy, i.AcknowledgedAt, i.Version},
		[]any{engine.Acknowledged, ada, w.now().Truncate(time.Microsecond), int64(2)})
	equal(t, "message", w.sql(`SELECT key, thread_key, channel FROM messages WHERE kind = 'event'`), "incident/1/event/2 incident/1/card #incidents")

	audit, err := w.Audit(t.Context(), "", 0)
	w.must(err)
	equal(t, "audit", []any{len(audit), audit[0].Seq, audit[0].By, audit[0].Action, audit[0].Subject, audit[0].Allowed},
		[]any{1, int64(1), ada, engine.ActionAcknowledge, "incident/1", true})
}

func TestDecideTwiceActsOnce(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	w.must(w.decide("d1", engine.ActionSilence, ada, 1))
	w.pass(time.Minute)
	before := w.everything()
	w.must(w.decide("d1", engine.ActionSilence, ada, 1))
	equal(t, "database", w.everything(), before)

	w.must(w.decide("d2", engine.ActionAcknowledge, ada, 1))
	first := w.decide("d3", engine.ActionAcknowledge, grace, 1)
	code(t, "acknowledged by somebody else", first, engine.Conflict)
	before = w.everything()
	second := w.decide("d3", engine.ActionAcknowledge, grace, 1)
	code(t, "the same again", second, engine.Conflict)
	equal(t, "message", engine.UserMessage(second, ""), engine.UserMessage(first, ""))
	equal(t, "database", w.everything(), before)
}

func TestDecideByManyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	var all sync.WaitGroup
	for n := range 20 {
		all.Go(func() {
			if err := w.decide("the same click", engine.ActionAssign, ada, 1); err != nil {
				t.Error(err)
			}
			if err := w.decide(fmt.Sprint("d", n), engine.ActionSilence, grace, 1); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	equal(t, "events", w.sql(`SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind`), "assigned 1\nopened 1\nsilenced 20")
	equal(t, "their numbers are dense", w.sql(`SELECT count(*), max(n) FROM events`), "22 22")
	equal(t, "audit", w.sql(`SELECT count(*), max(seq) FROM audit_log`), "21 21")
	w.must(w.VerifyAudit(t.Context()))
}

func TestRefusedDecisionsAreAuditedOnly(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	i, err := w.Decide(t.Context(), engine.Decision{
		ID: "no", Action: engine.ActionResolve, IncidentID: 1, By: grace, At: w.now(), Reason: "needs the role responder",
	})
	w.must(err)
	equal(t, "incident", []any{i.ID, i.Status, i.Version}, []any{int64(1), engine.Open, int64(1)})
	_, err = w.Decide(t.Context(), engine.Decision{ID: "no2", Action: engine.ActionLogs, By: grace, At: w.now()})
	w.must(err)
	equal(t, "audit", w.sql(`SELECT action, subject, allowed, reason, by_name FROM audit_log ORDER BY seq`),
		"resolve incident/1 false needs the role responder Grace\nlogs autopilot false  Grace")
	equal(t, "decisions", w.sql(`SELECT id, allowed FROM decisions ORDER BY id`), "no false\nno2 false")
}

func TestDecideRefuses(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	code(t, "no id", w.decide("", engine.ActionResolve, ada, 1), engine.Invalid)
	code(t, "unknown incident", w.decide("d1", engine.ActionResolve, ada, 7), engine.NotFound)
	code(t, "unknown incident, again", w.decide("d1", engine.ActionResolve, ada, 7), engine.NotFound)
	code(t, "no incident", w.decide("d2", engine.ActionResolve, ada, 0), engine.Invalid)
	code(t, "a pause of an incident", w.decide("d3", engine.ActionPause, ada, 1), engine.Invalid)
	code(t, "no such action", w.decide("d4", "explode", ada, 1), engine.Invalid)
	code(t, "a verdict on nothing", w.decide("d5", engine.ActionVerdict, ada, 1), engine.Conflict)
	w.must(w.decide("d6", engine.ActionLogs, ada, 1))
	equal(t, "each was audited once", w.sql(`SELECT count(*) FROM audit_log`), "6")
	equal(t, "incident", w.incident(1).Version, int64(1))
	w.must(w.VerifyAudit(t.Context()))
}

func TestPause(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	set := func(id string, a engine.Action, allowed bool) error {
		return w.SetPause(ctx, engine.Decision{ID: id, Action: a, By: ada, At: w.now(), Allowed: allowed, Reason: "deploying"})
	}
	paused := func() engine.Pause {
		t.Helper()
		p, err := w.Paused(ctx)
		w.must(err)
		return p
	}
	equal(t, "at first", paused(), engine.Pause{})
	w.must(set("p0", engine.ActionPause, false))
	equal(t, "refused", paused(), engine.Pause{})
	w.must(set("p1", engine.ActionPause, true))
	at := w.now().Truncate(time.Microsecond)
	equal(t, "paused", paused(), engine.Pause{On: true, By: ada, At: at, Reason: "deploying"})
	w.pass(time.Minute)
	w.must(set("p1", engine.ActionPause, true))
	equal(t, "the same again", paused().At, at)
	w.must(set("p2", engine.ActionResume, true))
	equal(t, "resumed", paused().On, false)
	w.must(set("p1", engine.ActionPause, true))
	equal(t, "an old click after that", paused().On, false)
	code(t, "something else", set("p3", engine.ActionResolve, true), engine.Invalid)
	code(t, "no id", set("", engine.ActionPause, true), engine.Invalid)
	equal(t, "audit", w.sql(`SELECT action, allowed, subject FROM audit_log ORDER BY seq`), "pause false autopilot\npause true autopilot\nresume true autopilot")
}

func diagnosis(at time.Time, rule string, confidence float64) engine.Diagnosis {
	return engine.Diagnosis{
		IncidentID: 1, At: at,
		Causes:     []engine.Cause{{Rule: rule, Title: "cannot reach db:5432", Confidence: confidence, Basis: engine.Prior, For: []string{"e1"}}},
		Evidence:   []engine.Evidence{{ID: "e1", Kind: engine.EvidenceLog, Text: "dial tcp: refused", Fields: map[string]string{"previous": "true"}}},
		Gaps:       []engine.Gap{{Collector: "quota", Reason: "forbidden"}},
		LastChange: &engine.Change{At: at.Add(-time.Minute), By: "flux", Text: "image 1.4.1 → 1.4.2"},
	}
}

func TestDiagnosis(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.open(api)
	at := start.Truncate(time.Microsecond).Add(time.Minute)
	d := diagnosis(at, "crash/dependency-refused", 0.7)
	w.must(w.SaveDiagnosis(ctx, d))
	i := w.incident(1)
	equal(t, "diagnosis", i.Diagnosis, d)
	equal(t, "confidence, in SQL", w.sql(`SELECT confidence FROM incidents`), "0.7")
	equal(t, "message", w.sql(`SELECT key, wanted FROM messages WHERE kind = 'diagnosis'`), "incident/1/diagnosis 2")

	before := w.everything()
	w.must(w.SaveDiagnosis(ctx, d))
	d.At = at.Add(time.Minute)
	w.must(w.SaveDiagnosis(ctx, d))
	w.must(w.SaveDiagnosis(ctx, diagnosis(at.Add(-time.Second), "older", 0.9)))
	equal(t, "database after repetitions and an older one", w.everything(), before)

	for n := range 15 {
		w.must(w.SaveDiagnosis(ctx, diagnosis(at.Add(time.Duration(n+1)*time.Minute), fmt.Sprint("rule-", n), 0.5)))
	}
	equal(t, "history", w.sql(`SELECT count(*) FROM diagnoses`), "10")
	equal(t, "newest", w.incident(1).Diagnosis.Causes[0].Rule, "rule-14")

	code(t, "unknown incident", w.SaveDiagnosis(ctx, engine.Diagnosis{IncidentID: 9, At: at}), engine.NotFound)
	code(t, "no time", w.SaveDiagnosis(ctx, engine.Diagnosis{IncidentID: 1}), engine.Invalid)
}

func TestVerdictsAreTallied(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.open(api)
	w.must(w.SaveDiagnosis(ctx, diagnosis(w.now(), "r1", 0.5)))
	w.must(w.decide("v1", engine.ActionVerdict, ada, 1))
	_, err := w.Decide(ctx, engine.Decision{ID: "v2", Action: engine.ActionVerdict, IncidentID: 1, By: grace, At: w.now(), Allowed: true, Comment: "it was DNS"})
	w.must(err)
	tallies, err := w.Tallies(ctx)
	w.must(err)
	equal(t, "tallies", tallies, map[string]rca.Tally{"r1": {Right: 1, Wrong: 1}})
	equal(t, "verdicts", len(w.incident(1).Verdicts), 2)
	equal(t, "correction", w.incident(1).Verdicts[1].Correction, "it was DNS")

	_, err = w.Decide(ctx, engine.Decision{ID: "v3", Action: engine.ActionVerdict, IncidentID: 1, By: ada, At: w.now(), Allowed: true})
	w.must(err)
	tallies, err = w.Tallies(ctx)
	w.must(err)
	equal(t, "after Ada changed her mind", tallies, map[string]rca.Tally{"r1": {Wrong: 2}})
}

func TestFollowUps(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.open(api)
	before := w.everything()
	w.must(w.Settle(ctx, 1))
	w.must(w.Silenced(ctx, 1, ""))
	w.must(w.Paged(ctx, 1, "whatever"))
	equal(t, "database when there is nothing to do", w.everything(), before)

	w.pass(5 * time.Minute)
	i, err := w.Escalate(ctx, 1)
	w.must(err)
	equal(t, "escalations", i.Escalations, 1)
	equal(t, "message", w.sql(`SELECT key, broadcast FROM messages WHERE kind = 'escalation'`), "incident/1/escalation/1 true")
	equal(t, "mentions", w.Mentions(i), []engine.Mention{{Group: "S1"}})
	w.pass(5 * time.Minute)
	_, err = w.Escalate(ctx, 1)
	w.must(err)
	equal(t, "tasks", w.sql(`SELECT args ->> 'detail' FROM river_job WHERE kind = 'page'`), "trigger")
	w.must(w.Paged(ctx, 1, "trigger"))
	w.must(w.decide("s", engine.ActionSilence, ada, 1))
	w.must(w.Silenced(ctx, 1, "am-1"))
	equal(t, "silence", w.incident(1).Silence, engine.Silence{Until: w.now().Add(time.Hour).Truncate(time.Microsecond), By: ada, AlertmanagerID: "am-1"})
	before = w.everything()
	w.must(w.Silenced(ctx, 1, "am-1"))
	w.must(w.Paged(ctx, 1, "trigger"))
	equal(t, "database when it was recorded before", w.everything(), before)

	w.watch(api)
	w.pass(2 * time.Minute)
	w.must(w.Settle(ctx, 1))
	i = w.incident(1)
	equal(t, "resolved", []any{i.Status, i.ResolvedBy, i.ResolvedAt}, []any{engine.Resolved, engine.Person{}, w.now().Truncate(time.Microsecond)})
	equal(t, "what ends with it", w.sql(`SELECT kind, args ->> 'detail' FROM river_job WHERE kind IN ('page', 'expire_silence') ORDER BY id`),
		"page trigger\npage resolve\nexpire_silence <nil>")

	for name, err := range map[string]error{"settle": w.Settle(ctx, 9), "silenced": w.Silenced(ctx, 9, "x"), "paged": w.Paged(ctx, 9, "trigger")} {
		code(t, name+" of an unknown incident", err, engine.NotFound)
	}
	_, err = w.Escalate(ctx, 9)
	code(t, "escalate of an unknown incident", err, engine.NotFound)
}
