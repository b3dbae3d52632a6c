package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Silences are how long an incident may be silenced.
var Silences = []time.Duration{time.Hour, 4 * time.Hour, 24 * time.Hour}

// Decide carries out what a person decided about an incident; what is to be done to a cluster becomes a task. A refused decision changes nothing, and neither does one that
// the same person made before. It fails with conflict when the decision no longer applies, and with invalid when it makes no sense.
func Decide(i engine.Incident, dec engine.Decision, r Rules, now time.Time) (Plan, error) {
	if !dec.Allowed {
		return Plan{}, nil
	}
	if dec.Episode != 0 && dec.Episode != i.Reopened+1 {
		return Plan{}, engine.Errorf(engine.Conflict, "incident %d was reopened since: what this is about is over", i.ID)
	}
	d := newDraft(i, r, now)
	var err error
	switch dec.Action {
	case engine.ActionAcknowledge:
		err = d.acknowledge(dec)
	case engine.ActionAssign:
		err = d.assign(dec)
	case engine.ActionSilence:
		err = d.silence(dec)
	case engine.ActionResolve:
		err = d.resolveBy(dec)
	case engine.ActionDiagnose:
		if err = d.mustBeOpen(); err == nil {
			d.after(0, engine.TaskDiagnose, "")
		}
	case engine.ActionVerdict:
		err = d.verdict(dec)
	case engine.ActionUndo, engine.ActionRestart, engine.ActionScale, engine.ActionCordon:
		err = d.askRemedy(dec)
	default:
		err = engine.Errorf(engine.Invalid, "%q is not something to be decided about an incident", dec.Action)
	}
	if err != nil {
		return Plan{}, err
	}
	return d.finish(), nil
}

// page has the pager told.
func (d *draft) page(what string) { d.after(0, engine.TaskPage, engine.PageDetail(what, d.i.Reopened)) }

// mustBeOpen gives the conflict with a decision that is about an open incident.
func (d *draft) mustBeOpen() error {
	if d.i.IsOpen() {
		return nil
	}
	by := "by itself"
	if !d.i.ResolvedBy.IsZero() {
		by = "by " + called(d.i.ResolvedBy)
	}
	return engine.Errorf(engine.Conflict, "incident %d was already resolved %s at %s", d.i.ID, by, clock(d.i.ResolvedAt))
}

func (d *draft) acknowledge(dec engine.Decision) error {
	if err := d.mustBeOpen(); err != nil {
		return err
	}
	if d.i.Status == engine.Acknowledged {
		if d.i.AcknowledgedBy.ID == dec.By.ID {
			return nil
		}
		return engine.Errorf(engine.Conflict, "incident %d was already acknowledged by %s at %s",
			d.i.ID, called(d.i.AcknowledgedBy), clock(d.i.AcknowledgedAt))
	}
	d.attend(dec.By)
	d.tell(EventAcknowledged, dec.By, "Acknowledged")
	return nil
}

// attend marks that somebody looks after the incident, which ends its repetitions.
func (d *draft) attend(by engine.Person) {
	if d.i.Status != engine.Open {
		return
	}
	d.i.Status, d.i.AcknowledgedAt, d.i.AcknowledgedBy = engine.Acknowledged, d.now, by
	if paging(d.i) {
		d.page("acknowledge")
	}
}

// assign gives the incident to whoever asked, and so acknowledges it too: nobody is woken for what somebody has taken.
func (d *draft) assign(dec engine.Decision) error {
	if err := d.mustBeOpen(); err != nil {
		return err
	}
	if d.i.Assignee.ID == dec.By.ID && d.i.Status == engine.Acknowledged {
		return nil
	}
	text := "Took it"
	if !d.i.Assignee.IsZero() && d.i.Assignee.ID != dec.By.ID {
		text = "Took it over from " + called(d.i.Assignee)
	}
	d.attend(dec.By)
	d.i.Assignee = dec.By
	d.tell(EventAssigned, dec.By, "%s", text)
	return nil
}

func (d *draft) silence(dec engine.Decision) error {
	if err := d.mustBeOpen(); err != nil {
		return err
	}
	if !slices.Contains(Silences, dec.For) {
		return engine.Errorf(engine.Invalid, "an incident can be silenced for 1 h, 4 h or 24 h, not for %s", span(dec.For))
	}
	d.i.Silence.Until, d.i.Silence.By = d.now.Add(dec.For), dec.By
	d.tell(EventSilenced, dec.By, "Silenced for %s", span(dec.For))
	if alertBorn(d.i.Signals) {
		d.after(0, engine.TaskSilence, d.i.Silence.Until.UTC().Format(time.RFC3339))
	}
	return nil
}

func (d *draft) resolveBy(dec engine.Decision) error {
	if err := d.mustBeOpen(); err != nil {
		return err
	}
	text := "Resolved"
	if firing(d.i.Signals) {
		text = "Resolved while it still fires; it stays resolved until something new begins"
	}
	if reason := strings.TrimSpace(dec.Reason); reason != "" {
		text += ": " + reason
	}
	d.resolve(dec.By, text)
	return nil
}

// resolve ends the incident, and with it what was done on its behalf: the page, the silence, the quiet of its children.
func (d *draft) resolve(by engine.Person, text string) {
	if paging(d.i) {
		d.page("resolve")
	}
	// Not only the silence that we know of: Alertmanager may have taken one whose making was never recorded.
	if d.i.Silence.AlertmanagerID != "" || !d.i.Silence.Until.IsZero() && slices.ContainsFunc(d.i.Signals, ofAlert) {
		d.after(0, engine.TaskExpireSilence, "")
	}
	d.i.Status, d.i.ResolvedAt, d.i.ResolvedBy = engine.Resolved, d.now, by
	d.tell(EventResolved, by, "%s", text)
	d.show(engine.Message{Key: engine.SummaryKey(d.i.ID), Kind: engine.MessageSummary})
	if d.i.ParentID != 0 {
		d.line(d.i.ParentID, EventRecovered, "%s is well again", d.i.Workload)
	}
	d.release()
}

// verdict keeps a person's answer about the cause that was shown to them, which later evidence may have moved or removed. Each
// person has one answer a rule, the newest.
func (d *draft) verdict(dec engine.Decision) error {
	if dec.Rule == engine.RuleAlarm {
		return d.worth(dec)
	}
	if len(d.i.Diagnosis.Causes) == 0 {
		return engine.Errorf(engine.Conflict, "incident %d has no cause yet that could be right or wrong", d.i.ID)
	}
	cause, ok := d.i.Diagnosis.Cause(dec.Rule)
	if !ok {
		cause = engine.Cause{Rule: dec.Rule, Title: dec.Rule}
	}
	v := engine.Verdict{At: d.now, By: dec.By, Rule: cause.Rule, Right: dec.Right, Correction: strings.TrimSpace(dec.Comment)}
	if !d.answer(v) {
		return nil
	}
	text := fmt.Sprintf("Right cause: %s", cause.Title)
	if !v.Right {
		text = fmt.Sprintf("Wrong cause: %s", cause.Title)
	}
	if v.Correction != "" {
		text += "; " + v.Correction
	}
	d.tell(EventVerdict, dec.By, "%s", text)
	return nil
}

// worth keeps a person's answer on whether what the metrics told was worth telling: how strictly they are watched follows from it.
func (d *draft) worth(dec engine.Decision) error {
	if !slices.ContainsFunc(d.i.Signals, func(s engine.Signal) bool { return s.Source == engine.SourceMetrics }) {
		return engine.Errorf(engine.Conflict, "incident %d is not one that metrics told", d.i.ID)
	}
	if !d.answer(engine.Verdict{At: d.now, By: dec.By, Rule: engine.RuleAlarm, Right: dec.Right, Correction: strings.TrimSpace(dec.Comment)}) {
		return nil
	}
	text := "Worth telling"
	if !dec.Right {
		text = "Not worth telling: these metrics of " + d.i.Workload.String() + " must be further from what is usual to be told again"
	}
	d.tell(EventVerdict, dec.By, "%s", text)
	return nil
}

// answer puts a verdict in the place of the person's earlier one on the same rule. It is false when that was the same.
func (d *draft) answer(v engine.Verdict) bool {
	k := slices.IndexFunc(d.i.Verdicts, func(o engine.Verdict) bool { return o.By.ID == v.By.ID && o.Rule == v.Rule })
	if k >= 0 {
		if old := d.i.Verdicts[k]; old.Right == v.Right && old.Correction == v.Correction {
			return false
		}
		d.i.Verdicts[k] = v
	} else {
		d.i.Verdicts = append(d.i.Verdicts, v)
	}
	d.plan.Verdict = &v
	return true
}

// called names a person in a sentence.
func called(p engine.Person) string {
	if p.Name != "" {
		return p.Name
	}
	return p.ID
}

func clock(t time.Time) string { return t.UTC().Format("15:04 MST") }

// span says a duration as people do: "40s", "5m", "3h", "2d".
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d <= 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
