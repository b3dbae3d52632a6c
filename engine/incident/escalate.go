package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Escalate repeats an incident that nobody looks after to the on-call, and at last hands it to the pager.
// What is acknowledged, resolved, under a parent or in maintenance is left in peace; what is silenced or has just cleared is
// looked at again later. Called too early, as by a task that ran twice, it only asks to be called again.
func Escalate(i engine.Incident, r Rules, now time.Time) Plan {
	if !Escalates(i, r) {
		return Plan{}
	}
	d := newDraft(i, r, now)
	e := r.Escalation[i.Severity]
	due, repeated := since(i).Add(e.After), repetitions(i)
	if held(i) { // it has no card that could be repeated: the message of the storm wakes whom the card would have
		due, repeated = i.DetectedAt.Add(e.After*time.Duration(e.Times+1)), e.Times
	}
	switch {
	case now.Before(i.Silence.Until):
		d.at(i.Silence.Until, engine.TaskEscalate, "")
	case now.Before(due):
		d.at(due, engine.TaskEscalate, "")
	case !i.ClearedAt.IsZero():
		d.after(e.After, engine.TaskEscalate, "")
	case repeated < e.Times:
		d.i.Escalations++
		d.note(EventEscalated, engine.Person{}, "Nobody has acknowledged it for %s; repeated to the on-call (%d of %d)", span(now.Sub(awake(i))), repeated+1, e.Times)
		d.show(engine.Message{
			Key:  fmt.Sprintf("incident/%d/escalation/%d", i.ID, d.i.Escalations),
			Kind: engine.MessageEscalation, Detail: int64(d.i.Escalations), Broadcast: true,
		})
		if repeated+1 < e.Times || e.Page {
			d.after(e.After, engine.TaskEscalate, "")
		}
	default:
		d.tell(EventPaging, engine.Person{}, "Nobody has acknowledged it for %s; handed over to the pager", span(now.Sub(awake(i))))
		d.page("trigger")
	}
	return d.finish()
}

// Escalates tells whether Escalate has something left to do for an incident, now or later.
func Escalates(i engine.Incident, r Rules) bool {
	e := r.Escalation[i.Severity]
	return i.Status == engine.Open && (!quiet(i) || held(i)) && e.After > 0 && !paging(i) && (!held(i) && repetitions(i) < e.Times || e.Page)
}

// repetitions is how often the incident was repeated in this episode.
func repetitions(i engine.Incident) int {
	n := 0
	for _, e := range episode(i) {
		if e.Kind == EventEscalated {
			n++
		}
	}
	return n
}

// since is when the on-call was last told: the time that the next repetition is counted from.
func since(i engine.Incident) time.Time {
	for _, e := range slices.Backward(i.Timeline) {
		if told[e.Kind] || e.Kind == EventEscalated {
			return e.At
		}
	}
	return i.DetectedAt
}

// awake is when the on-call was first told in this episode.
func awake(i engine.Incident) time.Time {
	for _, e := range episode(i) {
		if told[e.Kind] {
			return e.At
		}
	}
	return i.DetectedAt
}

// Silenced records the Alertmanager silence that stands behind a person's, and ends the one that stood there before: more alerts
// may have joined since. When the incident ended meanwhile, the new one is ended too.
func Silenced(i engine.Incident, alertmanagerID string, now time.Time) Plan {
	if alertmanagerID == "" || i.Silence.AlertmanagerID == alertmanagerID {
		return Plan{}
	}
	d := newDraft(i, Rules{}, now)
	d.i.Silence.AlertmanagerID = alertmanagerID
	d.note(EventMuted, engine.Person{}, "Alertmanager keeps silent about it until %s", clock(i.Silence.Until))
	if !i.IsOpen() || i.Silence.AlertmanagerID != "" {
		d.after(0, engine.TaskExpireSilence, "")
	}
	return d.finish()
}

// answers are what the pager may have done.
var answers = map[string]string{
	"trigger":     "has called the on-call",
	"acknowledge": "knows that it is acknowledged",
	"resolve":     "knows that it is resolved",
	"refused":     "refused the call, so it has woken nobody; autopilot doctor and the bot's log say why",
}

// Paged records that the pager took what it was told: trigger, acknowledge or resolve; or that it will never take a trigger:
// refused, for nobody is woken then. Each is told once an episode, the first three in one line of the thread.
func Paged(i engine.Incident, what string, now time.Time) Plan {
	text, ok := answers[what]
	if !ok {
		return Plan{}
	}
	for _, e := range episode(i) {
		if e.Kind == EventPaged && strings.Contains(e.Text, text) {
			return Plan{}
		}
	}
	d := newDraft(i, Rules{}, now)
	e, ok := latest(i, EventPaged)
	if ok && what != "refused" && !strings.Contains(e.Text, answers["refused"]) {
		e.Text += "; it " + text
		d.amend(e)
		d.show(eventMessage(i.ID, e.ID))
	} else {
		d.tell(EventPaged, engine.Person{}, "The pager %s", text)
	}
	return d.finish()
}
