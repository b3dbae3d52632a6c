package incident

import (
	"fmt"
	"reflect"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Settle looks whether an incident's time has come: to resolve, when everything was well for the hold-down, or to be told,
// when the maintenance window in which it began is over. Too early, it asks to be called again. Its Children are needed with their Signals.
func Settle(i engine.Incident, r Rules, now time.Time) Plan {
	d := newDraft(i, r, now)
	switch {
	case !i.IsOpen():
	case !i.ClearedAt.IsZero():
		if due := i.ClearedAt.Add(r.holdDown(i)); now.Before(due) {
			d.at(due, engine.TaskSettle, "")
			break
		}
		d.resolve(engine.Person{}, fmt.Sprintf("Resolved: no signal for %s", span(now.Sub(i.ClearedAt))))
	case i.ParentID == 0 && !i.Held && unannounced(i):
		if w, in := r.maintenance(i.Workload, now); in {
			d.at(w.End, engine.TaskSettle, "")
			break
		}
		d.announce()
	}
	return d.finish()
}

// Diagnosed takes in a diagnosis. One that is older than the incident's, that says the same, or that has lost every cause
// (because what it rested on is gone) changes nothing; so does one that comes when nothing fires any more, unless it is the
// first since the incident was opened or reopened, or none had a cause: the pods that told the cause were replaced, and what is seen last
// is the repair. The cause of last time does not outlive a look at all there is that finds nothing.
func Diagnosed(i engine.Incident, g engine.Diagnosis, r Rules, now time.Time) Plan {
	old := i.Diagnosis
	first := old.At.Before(i.StartedAt) // what is known is of an earlier time
	if g.IncidentID != i.ID || g.At.Before(old.At) || sameDiagnosis(old, g) || len(old.Causes) > 0 && len(g.Causes) == 0 && (!first || len(g.Gaps) > 0) ||
		!first && len(old.Causes) > 0 && (!i.IsOpen() || !i.ClearedAt.IsZero()) {
		return Plan{}
	}
	d := newDraft(i, r, now)
	d.i.Diagnosis, d.i.Confidence, d.changed = g, 0, true
	if len(g.Causes) > 0 {
		first := g.Causes[0]
		d.i.Confidence = first.Confidence
		switch {
		case len(old.Causes) == 0:
			d.note(EventDiagnosed, engine.Person{}, "Likeliest cause: %s", first.Title)
		case old.Causes[0].Rule != first.Rule:
			d.tell(EventDiagnosed, engine.Person{}, "Likeliest cause is now: %s (was: %s)", first.Title, old.Causes[0].Title)
		}
	} else if len(old.Causes) > 0 {
		d.note(EventDiagnosed, engine.Person{}, "No cause is known of what came back; last time it was: %s", old.Causes[0].Title)
	}
	d.showDiagnosis()
	return d.finish()
}

func diagnosisKey(incident int64) string { return fmt.Sprintf("incident/%d/diagnosis", incident) }

// showDiagnosis declares the thread's message of causes and evidence, once there are any.
func (d *draft) showDiagnosis() {
	if !d.i.Diagnosis.At.IsZero() {
		d.show(engine.Message{Key: diagnosisKey(d.i.ID), Kind: engine.MessageDiagnosis})
	}
}

// sameDiagnosis compares what is shown: causes, evidence, gaps, remedies and the last change, not when it was found.
func sameDiagnosis(a, b engine.Diagnosis) bool {
	if a.At.IsZero() {
		return false
	}
	texts := func(d engine.Diagnosis) (out []string) {
		for _, e := range d.Evidence {
			out = append(out, e.ID+"\x00"+e.Text)
		}
		for _, g := range d.Gaps {
			out = append(out, g.Collector+"\x00"+g.Reason)
		}
		for _, r := range d.Remedies {
			out = append(out, fmt.Sprintf("%s\x00%s\x00%s", r.Kind, r.From, r.To))
		}
		if d.NoRemedy != "" {
			out = append(out, d.NoRemedy)
		}
		if d.LastChange != nil {
			out = append(out, d.LastChange.Text, d.LastChange.Revision)
		}
		for _, c := range d.Causes {
			out = append(out, fmt.Sprintf("%s\x00%s\x00%s\x00%.2f\x00%v\x00%v\x00%v\x00%s\x00%d", c.Rule, c.Title, c.Text, c.Confidence, c.For, c.Against, c.Step, c.Basis, c.Verdicts))
		}
		return out
	}
	return reflect.DeepEqual(texts(a), texts(b))
}
