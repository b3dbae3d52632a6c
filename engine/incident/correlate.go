package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// How long after an incident's opening it is diagnosed again: when back-off, events and logs are there to be read, and when the numbers of
// some minutes show what has changed.
const (
	SecondLook = 20 * time.Second
	ThirdLook  = time.Minute
)

// Correlate decides what an observation means: nothing new, a new incident, more of an open one, the end of one, or one come back.
// The same observation twice changes nothing the second time.
func Correlate(s State, o engine.Observation, r Rules, now time.Time) Plan {
	o.Signals = slices.Clone(o.Signals)
	for k := range o.Signals {
		o.Signals[k].Workload = o.Workload
		if o.Signals[k].StartsAt.IsZero() {
			o.Signals[k].StartsAt = now
		}
	}
	switch {
	case s.Current != nil:
		return carryOn(s, o, r, now)
	case s.Last != nil:
		return afterwards(s, o, r, now)
	}
	return open(s, o, r, now)
}

// Opens tells whether signals can open an incident, which then needs a number: one of them fires, or has passed.
func Opens(signals []engine.Signal) bool {
	return slices.ContainsFunc(signals, func(n engine.Signal) bool { return n.Firing() || passed(n) })
}

// passed tells whether a watch saw a condition begin and end before it was asked: it is told all the same, as one that is over.
func passed(n engine.Signal) bool { return n.Source == engine.SourceWatch && !n.Firing() }

// pass ends what begun opened with, when all of it was over before it was told.
func (d *draft) pass(seen []engine.Signal) {
	for _, n := range seen {
		if passed(n) {
			d.put(find(d.i.Signals, n), n)
		}
	}
	if !firing(d.i.Signals) {
		d.heal()
	}
}

// heal resolves an incident that was over so soon that nobody need wait whether it comes back.
func (d *draft) heal() {
	d.i.ClearedAt = d.now
	d.resolve(engine.Person{}, "Resolved: it healed by itself within "+span(lasted(d.i)))
}

// lasted is how long the signals of an incident fired, from the first to the last.
func lasted(i engine.Incident) time.Duration {
	var end time.Time
	for _, s := range i.Signals {
		if s.EndsAt.After(end) {
			end = s.EndsAt
		}
	}
	return end.Sub(i.StartedAt)
}

// brief is how long a shortfall may last to be over as soon as it has ended.
const brief = 10 * time.Second

// wasBrief tells whether all that an incident was about is pods that were lost, and replaced at once.
func wasBrief(i engine.Incident) bool {
	return lasted(i) <= brief && !slices.ContainsFunc(i.Signals, func(s engine.Signal) bool {
		return s.Source != engine.SourceWatch || s.Labels[engine.LabelLost] == ""
	})
}

// begun makes signals that are over ones that fire, as they did when they began.
func begun(signals []engine.Signal) []engine.Signal {
	out := slices.Clone(signals)
	for k := range out {
		if passed(out[k]) {
			out[k].EndsAt = time.Time{}
		}
	}
	return out
}

// carryOn takes an observation into the open incident.
func carryOn(s State, o engine.Observation, r Rules, now time.Time) Plan {
	d := newDraft(*s.Current, r, now)
	kept := d.sift(o.Signals)
	m := merge(d, kept, o)
	for _, n := range m.begun {
		d.consider(n, "joined", "same workload: %s is a facet of incident %d", n.Class, d.i.ID)
	}
	if o.Health != nil && (d.i.Health == nil || *d.i.Health != *o.Health) {
		h := *o.Health
		d.i.Health, d.changed = &h, true
	}
	if !d.changed {
		return d.plan
	}
	if !firing(d.i.Signals) {
		if d.i.ClearedAt.IsZero() && wasBrief(d.i) {
			d.heal()
		} else if d.i.ClearedAt.IsZero() {
			d.i.ClearedAt = now
			wait := r.holdDown(d.i)
			d.again(EventCleared, fmt.Sprintf("No signal fires any more; resolved in %s if it stays so", span(wait)))
			d.at(now.Add(wait), engine.TaskSettle, "")
		}
		return d.finish()
	}
	before := d.i.Severity
	d.facets()
	d.i.Title = title(d.i)
	if !d.i.ClearedAt.IsZero() {
		d.i.ClearedAt = time.Time{}
		d.again(EventRelapsed, "It came back")
		d.after(0, engine.TaskDiagnose, "") // the repetitions went on meanwhile
	}
	if len(m.begun) > 0 || d.i.Severity != before {
		d.replant(s, m.begun)
	}
	if !d.i.Silence.Until.IsZero() && now.Before(d.i.Silence.Until) && d.i.Silence.AlertmanagerID == "" && alertBorn(m.begun) {
		d.after(0, engine.TaskSilence, d.i.Silence.Until.UTC().Format(time.RFC3339))
	}
	return d.finish()
}

// facets takes in what firing signals add: classes, severity, an earlier start. A new class or a higher severity is told and diagnosed anew.
func (d *draft) facets() {
	worse := severity(d.i.Signals, d.i.Severity)
	for _, s := range d.i.Signals {
		if s.Firing() && s.StartsAt.Before(d.i.StartedAt) {
			d.i.StartedAt = s.StartsAt
		}
		if s.Firing() && !slices.Contains(d.i.Classes, s.Class) {
			d.i.Classes = append(d.i.Classes, s.Class)
			d.tell(EventJoined, engine.Person{}, "%s", s.Summary)
			d.after(0, engine.TaskDiagnose, "")
		}
	}
	if worse != d.i.Severity {
		d.note(EventJoined, engine.Person{}, "Severity %s, was %s", worse, d.i.Severity)
		d.i.Severity = worse
		d.after(0, engine.TaskDiagnose, "")
		d.escalateLater()
	}
}

// replant puts an incident that new signals joined where it now belongs: under a parent that explains all of it, or back
// into the channel when what it was quiet for is over, or does not explain what is new.
func (d *draft) replant(s State, begun []engine.Signal) {
	if d.i.ParentID != 0 {
		k := slices.IndexFunc(s.Parents, func(p engine.Incident) bool { return p.ID == d.i.ParentID && p.IsOpen() })
		another := slices.ContainsFunc(begun, func(n engine.Signal) bool { return n.Source == engine.SourceWatch && n.Parent.IsZero() })
		switch {
		case k < 0, another && s.Parents[k].Workload.Kind == engine.KindNode:
		case s.Parents[k].Workload.Kind != engine.KindNode && d.i.Severity.Rank() > s.Parents[k].Severity.Rank():
			// Nobody would be woken for what is worse than what it follows from. Of the rest the next diagnosis decides.
		default:
			return
		}
		d.leave()
		d.promote()
		return
	}
	if p, ok := parentOf(d.i.Signals, s.Parents, d.r); ok {
		d.under(p)
		return
	}
	if _, in := d.r.maintenance(d.i.Workload, d.now); !in && !d.i.Held && unannounced(d.i) {
		d.announce()
	}
}

func (d *draft) promote() {
	d.i.Held = false
	d.tell(EventPromoted, engine.Person{}, "On its own now: it goes on without its parent's problem")
	d.showDiagnosis()
	d.escalateLater()
}

func (d *draft) announce() {
	d.tell(EventAnnounced, engine.Person{}, "The maintenance is over and it still fires")
	if e, ok := latest(d.i, EventHurt); ok {
		d.show(eventMessage(d.i.ID, e.ID))
	}
	d.showDiagnosis()
	d.escalateLater()
}

// escalateLater schedules the first repetition, unless nobody is to be woken.
func (d *draft) escalateLater() {
	if e := d.r.Escalation[d.i.Severity]; e.After > 0 && d.i.Status == engine.Open && (!quiet(d.i) || held(d.i) && e.Page) {
		d.after(e.After, engine.TaskEscalate, "")
	}
}

// afterwards decides about an observation of a workload whose last incident is resolved.
func afterwards(s State, o engine.Observation, r Rules, now time.Time) Plan {
	d := newDraft(*s.Last, r, now)
	ongoing := firing(d.i.Signals) // a person resolved it while it fired
	before := d.i.Signals
	kept := d.sift(o.Signals)
	var late, fresh []engine.Signal
	for _, n := range kept {
		k := find(before, n)
		switch {
		case k >= 0 && before[k].Firing():
			late = append(late, n)
		case passed(n) && (k < 0 || n.StartsAt.After(before[k].EndsAt)) && n.StartsAt.After(s.Last.ResolvedAt):
			fresh = append(fresh, n)
		case !n.Firing():
			if k >= 0 {
				late = append(late, n)
			}
		case !s.Last.ResolvedBy.IsZero() && !n.StartsAt.After(s.Last.ResolvedAt) && (k < 0 || ongoing):
			d.consider(n, "suppressed", "began before incident %d was resolved by %s", d.i.ID, s.Last.ResolvedBy.Name)
			late = append(late, n)
		default:
			fresh = append(fresh, n)
		}
	}
	if len(fresh) == 0 {
		merge(d, late, o)
		return d.finish()
	}
	if !ongoing && now.Sub(s.Last.ResolvedAt) > r.ReopenWindow {
		return open(s, o, r, now)
	}
	return reopen(s, o, kept, fresh, r, now)
}

func reopen(s State, o engine.Observation, kept, fresh []engine.Signal, r Rules, now time.Time) Plan {
	d := newDraft(*s.Last, r, now)
	was := d.i
	seen := kept
	kept = slices.Clone(kept)
	fresh = begun(fresh)
	for k, n := range kept {
		if f := find(fresh, n); f >= 0 { // what was over with the last time stays so
			kept[k] = fresh[f]
		}
	}
	merge(d, kept, o)
	d.i.Status, d.i.Reopened = engine.Open, was.Reopened+1
	d.i.ResolvedAt, d.i.ResolvedBy, d.i.ClearedAt = time.Time{}, engine.Person{}, time.Time{}
	d.i.AcknowledgedAt, d.i.AcknowledgedBy, d.i.Silence = time.Time{}, engine.Person{}, engine.Silence{}
	d.i.Severity, d.i.Classes, d.i.ParentID, d.i.Health, d.i.Held = "", nil, 0, o.Health, false
	d.begin()
	by := "by itself"
	if !was.ResolvedBy.IsZero() {
		by = "by " + was.ResolvedBy.Name
	}
	text := "Reopened: " + fresh[0].Summary + "; it was resolved " + by + " " + span(now.Sub(was.ResolvedAt)) + " ago"
	for _, n := range fresh {
		d.consider(n, "reopened", "came back %s after incident %d was resolved %s", span(now.Sub(was.ResolvedAt)), d.i.ID, by)
	}
	d.place(s, EventReopened, EventReopenedQuietly, text)
	d.pass(seen)
	return d.finish()
}

// open begins an incident, if anything fires that is not left out.
func open(s State, o engine.Observation, r Rules, now time.Time) Plan {
	d := newDraft(engine.Incident{
		ID: s.NextID, Workload: o.Workload, Fingerprint: o.Workload.Fingerprint(), Status: engine.Open,
		DetectedAt: now, Health: o.Health,
	}, r, now)
	var firing []engine.Signal
	seen := d.sift(o.Signals)
	for _, n := range begun(seen) {
		if n.Firing() {
			firing = append(firing, n)
		}
	}
	if len(firing) == 0 {
		return Plan{}
	}
	merge(d, firing, o)
	d.begin()
	for k, n := range firing {
		if k == 0 {
			d.consider(n, "opened", "no open incident of %s", o.Workload)
		} else {
			d.consider(n, "joined", "same workload, same moment: %s is a facet of incident %d", n.Class, d.i.ID)
		}
	}
	d.place(s, EventOpened, EventOpenedQuietly, d.i.Title)
	d.adopt(s.Candidates)
	for _, id := range s.Dependents {
		d.plan.Tasks = append(d.plan.Tasks, TaskAt{Task: engine.Task{Kind: engine.TaskDiagnose, IncidentID: id}})
	}
	d.pass(seen)
	return d.finish()
}

// begin derives an incident's head from the signals that fire, and asks for diagnoses: now, and when there is more to be read.
func (d *draft) begin() {
	d.i.StartedAt = time.Time{}
	for _, n := range d.i.Signals {
		if !n.Firing() {
			continue
		}
		if !slices.Contains(d.i.Classes, n.Class) {
			d.i.Classes = append(d.i.Classes, n.Class)
		}
		if d.i.StartedAt.IsZero() || n.StartsAt.Before(d.i.StartedAt) {
			d.i.StartedAt = n.StartsAt
		}
	}
	d.i.Severity = severity(d.i.Signals, engine.Info)
	d.i.Title = title(d.i)
	d.after(0, engine.TaskDiagnose, "")
	d.after(SecondLook, engine.TaskDiagnose, engine.LookIfUnsure)
	d.after(ThirdLook, engine.TaskDiagnose, engine.LookIfUnsure)
}

// place tells an incident that begins in the channel, or keeps it quiet under a parent or in a maintenance window.
func (d *draft) place(s State, loud, hushed, text string) {
	if p, ok := parentOf(d.i.Signals, s.Parents, d.r); ok {
		d.i.ParentID = p.ID
		d.note(hushed, engine.Person{}, "%s; follows from incident %d: %s", text, p.ID, p.Title)
		d.hurts(p)
		d.consider(d.i.Signals[0], "child", "follows from incident %d: %s", p.ID, p.Title)
		return
	}
	if w, in := d.r.maintenance(d.i.Workload, d.now); in {
		d.note(hushed, engine.Person{}, "%s; not told before %s, the end of the maintenance window %q", text, w.End.UTC().Format("15:04 MST"), w.Name)
		d.consider(d.i.Signals[0], "suppressed", "maintenance window %q until %s", w.Name, w.End.UTC().Format(time.RFC3339))
		d.at(w.End, engine.TaskSettle, "")
		return
	}
	if loud == EventOpened && d.storm(s, text) {
		return
	}
	if loud == EventOpened {
		d.note(loud, engine.Person{}, "%s", text) // the card itself tells it
	} else {
		d.tell(loud, engine.Person{}, "%s", text)
	}
	d.escalateLater()
}

// sift leaves out the signals that a rule ignores.
func (d *draft) sift(signals []engine.Signal) []engine.Signal {
	var kept []engine.Signal
	for _, n := range signals {
		if reason, yes := d.r.ignored(n); yes {
			d.consider(n, "ignored", "%s", reason)
		} else {
			kept = append(kept, n)
		}
	}
	return kept
}
