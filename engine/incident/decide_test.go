package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

func diagnosis(at time.Time, rules ...string) engine.Diagnosis {
	d := engine.Diagnosis{IncidentID: 41, At: at}
	for k, r := range rules {
		d.Causes = append(d.Causes, engine.Cause{Rule: r, Title: "cause " + r, Confidence: 0.6 / float64(k+1)})
	}
	return d
}

func TestAcknowledge(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	w.pass(4 * time.Minute)
	p := w.must(w.decide(41, ana, engine.ActionAcknowledge))
	equal(t, "status", p.Incident.Status, engine.Acknowledged)
	equal(t, "by", p.Incident.AcknowledgedBy, ana)
	equal(t, "at", p.Incident.AcknowledgedAt, w.now)
	equal(t, "messages", keys(p), "41/card 41/event/2")
	if p := w.must(w.decide(41, ana, engine.ActionAcknowledge)); !p.Empty() {
		t.Errorf("acknowledged twice by one person: %+v", p)
	}
	_, err := w.decide(41, ben, engine.ActionAcknowledge)
	equal(t, "code", engine.CodeOf(err), engine.Conflict)
	equal(t, "says", err.Error(), "incident 41 was already acknowledged by Ana at 03:04 UTC")
	if p := incident.Escalate(w.full(41), w.r, w.now.Add(time.Hour)); !p.Empty() {
		t.Errorf("repeated although acknowledged: %+v", p)
	}
}

func TestAssign(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	p := w.must(w.decide(41, ana, engine.ActionAssign))
	equal(t, "assignee", p.Incident.Assignee, ana)
	equal(t, "nobody is woken for it", p.Incident.Status, engine.Acknowledged)
	if p := w.must(w.decide(41, ana, engine.ActionAssign)); !p.Empty() {
		t.Errorf("assigned twice: %+v", p)
	}
	p = w.must(w.decide(41, ben, engine.ActionAssign))
	equal(t, "text", p.Events[0].Text, "Took it over from Ana")
	equal(t, "acknowledged by", p.Incident.AcknowledgedBy, ana)
}

func TestSilence(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	_, err := w.decide(41, ana, engine.ActionSilence, func(d *engine.Decision) { d.For = 48 * time.Hour })
	equal(t, "too long", engine.CodeOf(err), engine.Invalid)
	equal(t, "says", err.Error(), "an incident can be silenced for 1 h, 4 h or 24 h, not for 48h")

	p := w.must(w.decide(41, ana, engine.ActionSilence))
	equal(t, "until", p.Incident.Silence.Until, w.now.Add(time.Hour))
	equal(t, "no alert, no Alertmanager", taskList(p, w.now), "")
	p = incident.Escalate(w.full(41), w.r, w.now.Add(10*time.Minute))
	equal(t, "looked at when it is over", taskList(p, w.now), "escalate+1h0m0s")

	alert := w.signal(api, engine.ClassHighCPU)
	alert.ID = "fp"
	p = w.alert(api, alert)
	if !strings.Contains(taskList(p, w.now), "silence") {
		t.Errorf("an alert that joins a silenced incident is not silenced: %s", taskList(p, w.now))
	}
	w.apply(incident.Silenced(w.full(41), "am-1", w.now))
	equal(t, "id", w.incidents[41].Silence.AlertmanagerID, "am-1")
	if p := incident.Silenced(w.full(41), "am-1", w.now); !p.Empty() {
		t.Errorf("recorded twice: %+v", p)
	}
	p = incident.Silenced(w.full(41), "am-2", w.now)
	w.apply(p)
	equal(t, "the one before is ended", taskList(p, w.now), "expire_silence")
	p = w.must(w.decide(41, ana, engine.ActionResolve))
	equal(t, "silence ends with the incident", taskList(p, w.now), "expire_silence")
	p = incident.Silenced(w.full(41), "am-3", w.now)
	equal(t, "one made too late is ended", taskList(p, w.now), "expire_silence")
}

func TestSilenceThatNobodyRecordedEndsWithTheIncident(t *testing.T) {
	w := newWorld(t)
	alert := w.signal(api, engine.ClassHighCPU)
	w.alert(api, alert)
	w.must(w.decide(41, ana, engine.ActionSilence)) // made in Alertmanager, then the process died
	alert.EndsAt = w.now.Add(time.Minute)
	w.pass(time.Minute)
	w.alert(api, alert)
	w.pass(2 * time.Minute)
	p := incident.Settle(w.full(41), w.r, w.now)
	equal(t, "tasks", taskList(p, w.now), "expire_silence")
}

func TestResolveByHand(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	p := w.must(w.decide(41, ana, engine.ActionResolve, func(d *engine.Decision) { d.Reason = " rolled back " }))
	equal(t, "by", p.Incident.ResolvedBy, ana)
	equal(t, "says", p.Events[0].Text, "Resolved while it still fires; it stays resolved until something new begins: rolled back")
	for _, a := range []engine.Action{
		engine.ActionResolve, engine.ActionAcknowledge, engine.ActionAssign, engine.ActionSilence, engine.ActionDiagnose,
	} {
		_, err := w.decide(41, ben, a)
		equal(t, string(a), engine.CodeOf(err), engine.Conflict)
		equal(t, string(a), err.Error(), "incident 41 was already resolved by Ana at 03:00 UTC")
	}
}

func TestRefusedAndUnknownDecisions(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	p, err := w.decide(41, ben, engine.ActionResolve, func(d *engine.Decision) { d.Allowed = false })
	if err != nil || !p.Empty() {
		t.Errorf("a refused decision: %+v, %v", p, err)
	}
	_, err = w.decide(41, ben, engine.ActionPause)
	equal(t, "not about an incident", engine.CodeOf(err), engine.Invalid)
	p = w.must(w.decide(41, ben, engine.ActionDiagnose))
	equal(t, "diagnose", taskList(p, w.now), "diagnose")
	equal(t, "changes nothing else", p.Incident == nil, true)
}

func TestVerdict(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	_, err := w.decide(41, ana, engine.ActionVerdict)
	equal(t, "before a cause", engine.CodeOf(err), engine.Conflict)

	w.apply(incident.Diagnosed(w.full(41), diagnosis(w.now, "a", "b"), w.r, w.now))
	right := func(d *engine.Decision) { d.Right = true }
	p := w.must(w.decide(41, ana, engine.ActionVerdict, right))
	equal(t, "rule", p.Verdict.Rule, "a")
	equal(t, "event", p.Events[0].Text, "Right cause: cause a")
	if p := w.must(w.decide(41, ana, engine.ActionVerdict, right)); !p.Empty() {
		t.Errorf("same verdict twice: %+v", p)
	}
	p = w.must(w.decide(41, ana, engine.ActionVerdict, func(d *engine.Decision) { d.Comment = "it was DNS" }))
	equal(t, "changed mind", len(p.Incident.Verdicts), 1)
	equal(t, "event", p.Events[0].Text, "Wrong cause: cause a; it was DNS")
	w.must(w.decide(41, ben, engine.ActionVerdict, right))
	equal(t, "two people", len(w.incidents[41].Verdicts), 2)
	p = w.must(w.decide(41, ben, engine.ActionVerdict, right, func(d *engine.Decision) { d.Rule = "b" }))
	equal(t, "the rule that was shown", p.Verdict.Rule, "b")
	equal(t, "event", p.Events[0].Text, "Right cause: cause b")
	p = w.must(w.decide(41, ben, engine.ActionVerdict, right, func(d *engine.Decision) { d.Rule = "gone" }))
	equal(t, "a rule that is no longer listed", p.Verdict.Rule, "gone")
	w.must(w.decide(41, ben, engine.ActionResolve))
	w.must(w.decide(41, ben, engine.ActionVerdict)) // an answer still counts after the end
}

func TestDiagnosed(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	p := incident.Diagnosed(w.full(41), diagnosis(at(5), "a", "b"), w.r, w.now)
	w.apply(p)
	equal(t, "first", kinds(p), "diagnosed")
	equal(t, "messages", keys(p), "41/card 41/diagnosis")
	equal(t, "confidence", p.Incident.Confidence, 0.6)

	nothing := map[string]engine.Diagnosis{
		"older":              diagnosis(at(1), "b"),
		"same":               diagnosis(at(9), "a", "b"),
		"lost every cause":   diagnosis(at(9)),
		"another incident's": {IncidentID: 7, At: at(9), Causes: []engine.Cause{{Rule: "x"}}},
	}
	for name, g := range nothing {
		if p := incident.Diagnosed(w.full(41), g, w.r, w.now); !p.Empty() {
			t.Errorf("%s: %+v", name, p)
		}
	}
	p = incident.Diagnosed(w.full(41), diagnosis(at(9), "b", "a"), w.r, w.now)
	w.apply(p)
	equal(t, "another first cause", keys(p), "41/card 41/event/3 41/diagnosis")
	equal(t, "says", p.Events[0].Text, "Likeliest cause is now: cause b (was: cause a)")
	more := diagnosis(at(12), "b", "a")
	more.Gaps = []engine.Gap{{Collector: "logs", Reason: "timed out"}}
	equal(t, "a gap is shown", keys(incident.Diagnosed(w.full(41), more, w.r, w.now)), "41/card 41/diagnosis")
	w.watch(api)
	if p := incident.Diagnosed(w.full(41), diagnosis(at(15), "c"), w.r, w.now); !p.Empty() {
		t.Errorf("when nothing fires any more: %+v", p)
	}
	w.must(w.decide(41, ana, engine.ActionResolve))
	if p := incident.Diagnosed(w.full(41), diagnosis(at(20), "c"), w.r, w.now); !p.Empty() {
		t.Errorf("after the end: %+v", p)
	}
}

func TestEscalation(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	step := func(after time.Duration, wantEvents, wantMessages, wantTasks string) {
		t.Helper()
		w.pass(after)
		p := incident.Escalate(w.full(41), w.r, w.now)
		w.apply(p)
		equal(t, "events", kinds(p), wantEvents)
		equal(t, "messages", keys(p), wantMessages)
		equal(t, "tasks", taskList(p, w.now), wantTasks)
	}
	step(4*time.Minute, "", "", "escalate+1m0s")
	step(time.Minute, "escalated", "41/card 41/escalation/1", "escalate+5m0s")
	step(0, "", "", "escalate+5m0s") // the same task twice
	step(5*time.Minute, "escalated", "41/card 41/escalation/2", "escalate+5m0s")
	step(5*time.Minute, "paging", "41/card 41/event/4", "page:trigger")
	step(5*time.Minute, "", "", "")
	equal(t, "broadcast", w.messages["incident/41/escalation/2"].Broadcast, true)
	equal(t, "thread", w.messages["incident/41/escalation/2"].ThreadKey, "incident/41/card")

	paged := incident.Paged(w.full(41), "trigger", w.now)
	w.apply(paged)
	equal(t, "the pager's answer is told in the thread", keys(paged), "41/card 41/event/5")
	if p := incident.Paged(w.full(41), "trigger", w.now); !p.Empty() {
		t.Errorf("recorded twice: %+v", p)
	}
	p := incident.Paged(w.full(41), "refused", w.now)
	w.apply(p)
	equal(t, "a refusal is told in the thread", keys(p), "41/card 41/event/6")
	if p := incident.Paged(w.full(41), "nonsense", w.now); !p.Empty() {
		t.Errorf("nonsense recorded: %+v", p)
	}
	equal(t, "acknowledged", taskList(w.must(w.decide(41, ana, engine.ActionAcknowledge)), w.now), "page:acknowledge")
	w.watch(api)
	w.pass(2 * time.Minute)
	p = incident.Settle(w.full(41), w.r, w.now)
	w.apply(p)
	equal(t, "resolved", taskList(p, w.now), "page:resolve")
	paged = incident.Paged(w.full(41), "resolve", w.now)
	w.apply(paged)
	equal(t, "a refusal stands for itself", keys(paged), "41/card 41/event/10")
	if p := incident.Paged(w.full(41), "resolve", w.now); !p.Empty() {
		t.Errorf("recorded twice: %+v", p)
	}

	w.pass(time.Minute)
	w.watch(api, w.signal(api, engine.ClassOOMKilled))
	w.pass(5 * time.Minute)
	p = incident.Escalate(w.full(41), w.r, w.now)
	w.apply(p)
	equal(t, "counts on after reopening, so that no message is overwritten", keys(p), "41/card 41/escalation/3")
	equal(t, "begins anew", p.Events[0].Text, "Nobody has acknowledged it for 5m; repeated to the on-call (1 of 2)")
	for range 2 {
		w.pass(5 * time.Minute)
		p = incident.Escalate(w.full(41), w.r, w.now)
		w.apply(p)
	}
	equal(t, "a call of its own", taskList(p, w.now), "page:trigger/1")

	about := func(episode int) func(*engine.Decision) {
		return func(d *engine.Decision) { d.Episode = episode }
	}
	_, err := w.decide(41, ana, engine.ActionResolve, about(1))
	equal(t, "what ended before at the pager", engine.CodeOf(err), engine.Conflict)
	equal(t, "leaves it open", w.incidents[41].Status, engine.Open)
	p = w.must(w.decide(41, ana, engine.ActionResolve, about(2)))
	equal(t, "what ends now", taskList(p, w.now), "page:resolve/1")
}

func TestPagersAnswersAreOneLine(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	for _, what := range []string{"trigger", "acknowledge", "resolve"} {
		w.apply(incident.Paged(w.full(41), what, w.now))
		equal(t, what, keys(w.last), "41/card 41/event/2")
		if p := incident.Paged(w.full(41), what, w.now); !p.Empty() {
			t.Errorf("%s is recorded twice: %+v", what, p)
		}
	}
	equal(t, "line", w.incidents[41].Timeline[1].Text, "The pager has called the on-call; it knows that it is acknowledged; it knows that it is resolved")
}

func TestEscalationWaitsWhileCleared(t *testing.T) {
	w := newWorld(t)
	w.watch(api, w.signal(api, engine.ClassCrashLoop))
	w.watch(api)
	w.pass(6 * time.Minute)
	equal(t, "tasks", taskList(incident.Escalate(w.full(41), w.r, w.now), w.now), "escalate+5m0s")
	w.incidents[41].Severity = engine.Warning
	if p := incident.Escalate(w.full(41), w.r, w.now); !p.Empty() {
		t.Errorf("a severity without a rule is repeated: %+v", p)
	}
}

// TestDiagnosedAfterReopening lets what came back and was over before anybody looked have a cause of its own: that of last time says nothing of it.
func TestDiagnosedAfterReopening(t *testing.T) {
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	i := engine.Incident{
		ID: 41, Status: engine.Open, StartedAt: at(100), ClearedAt: at(110),
		Diagnosis: engine.Diagnosis{IncidentID: 41, At: at(5), Causes: []engine.Cause{{Rule: "a", Title: "a"}}},
	}
	for name, resolved := range map[string]bool{"it cleared": false, "it is resolved": true} {
		if resolved {
			i.Status, i.ResolvedAt = engine.Resolved, at(111)
		}
		p := incident.Diagnosed(i, diagnosis(at(112), "b"), incident.Rules{}, at(112))
		if p.Incident == nil || p.Incident.Diagnosis.Causes[0].Rule != "b" {
			t.Errorf("%s: the cause of what came back is not taken: %+v", name, p.Incident)
		}
		blind := diagnosis(at(112))
		blind.Gaps = []engine.Gap{{Collector: "logs", Reason: "timed out"}}
		if p := incident.Diagnosed(i, blind, incident.Rules{}, at(112)); !p.Empty() {
			t.Errorf("%s: who could not look takes the cause away: %+v", name, p)
		}
		p = incident.Diagnosed(i, diagnosis(at(112)), incident.Rules{}, at(112))
		if p.Incident == nil || len(p.Incident.Diagnosis.Causes) != 0 || p.Incident.Confidence != 0 || kinds(p) != "diagnosed" {
			t.Errorf("%s: the cause of last time stays, though nothing speaks for it: %+v", name, p.Incident)
		}
		p = incident.Diagnosed(*p.Incident, diagnosis(at(130), "b"), incident.Rules{}, at(130))
		if p.Incident == nil || p.Incident.Diagnosis.Causes[0].Rule != "b" {
			t.Errorf("%s: the cause that is found later is not taken: %+v", name, p.Incident)
		}
		again := i
		again.Diagnosis.At = at(105) // of this time
		if p := incident.Diagnosed(again, diagnosis(at(112), "b"), incident.Rules{}, at(112)); !p.Empty() {
			t.Errorf("%s: what is seen of the repair is taken: %+v", name, p)
		}
	}
}
