package incident

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// lookAfter is how long after a remedy the cause is looked for again: by then the cluster shows whether it helped.
const lookAfter = 45 * time.Second

// askRemedy takes a person's yes to the plan of a remedy, and so acknowledges the incident too. One is on its way at a time.
func (d *draft) askRemedy(dec engine.Decision) error {
	if err := d.mustBeOpen(); err != nil {
		return err
	}
	r := dec.Remedy
	switch {
	case r == nil || r.Kind.Action() != dec.Action || r.Target != d.i.Workload || r.Hash == "":
		return engine.Errorf(engine.Invalid, "%q needs the plan that was shown", dec.Action)
	case !d.now.Before(r.Expires):
		return engine.Errorf(engine.Conflict, "what you said yes to has expired; press the button again for how it is now")
	}
	if e, ok := d.i.LastRemedy(); ok && e.Kind == engine.EventRemedyAsked {
		return engine.Errorf(engine.Conflict, "%s asked for a remedy at %s already, which is on its way", called(e.By), clock(e.At))
	}
	asked := *r
	asked.ID, asked.Incident, asked.By, asked.Status, asked.Outcome = dec.ID, d.i.ID, dec.By, engine.RemedyAsked, ""
	d.attend(dec.By)
	d.tell(engine.EventRemedyAsked, dec.By, "Asked to %s: %s", r.Kind.Infinitive(), r.Text)
	d.plan.Remedy = &asked
	d.after(0, engine.TaskRemedy, asked.ID)
	return nil
}

// Remedied takes in what came of a remedy that somebody asked for: done, or refused with the reason in its Outcome. One that is over
// changes nothing.
func Remedied(i engine.Incident, r engine.Remedy, status engine.RemedyStatus, outcome string, rules Rules, now time.Time) Plan {
	if r.Status != engine.RemedyAsked || status == engine.RemedyAsked {
		return Plan{}
	}
	d := newDraft(i, rules, now)
	r.Status, r.Outcome = status, outcome
	d.plan.Remedy = &r
	if status == engine.RemedyDone {
		d.tell(engine.EventRemedyDone, engine.Person{}, "%s: %s", r.Kind.Past(), outcome)
		if d.i.IsOpen() {
			d.after(lookAfter, engine.TaskDiagnose, engine.LookAgain)
		}
	} else {
		d.tell(engine.EventRemedyRefused, engine.Person{}, "Did not %s: %s", r.Kind.Infinitive(), outcome)
	}
	return d.finish()
}
