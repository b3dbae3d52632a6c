package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// draft is an incident that is being changed, and the plan that grows with it. The incident it was made from stays as it was.
type draft struct {
	i       engine.Incident
	r       Rules
	now     time.Time
	plan    Plan
	changed bool
	thread  []engine.Message // of this plan's events, in order
	others  []engine.Message // of other incidents
}

func newDraft(i engine.Incident, r Rules, now time.Time) *draft {
	i.Classes = slices.Clone(i.Classes)
	i.Signals = slices.Clone(i.Signals)
	i.Considered = slices.Clone(i.Considered)
	i.Timeline = slices.Clone(i.Timeline)
	i.Verdicts = slices.Clone(i.Verdicts)
	i.Children = slices.Clone(i.Children)
	return &draft{i: i, r: r, now: now}
}

// note adds a line to the timeline.
func (d *draft) note(kind string, by engine.Person, format string, args ...any) engine.Event {
	number := int64(len(d.i.Timeline)) + 1
	if n := len(d.i.Timeline); n > 0 {
		number = d.i.Timeline[n-1].ID + 1
	}
	e := engine.Event{ID: number, At: d.now, Kind: kind, By: by, Text: fmt.Sprintf(format, args...)}
	d.i.Timeline = append(d.i.Timeline, e)
	d.plan.Events = append(d.plan.Events, e)
	d.changed = true
	return e
}

// flapping is for how long what goes and comes back is counted in one line.
const flapping = time.Hour

// again notes what may happen over and over: the first time within flapping it is a line, after that the line counts.
func (d *draft) again(kind, text string) {
	e, ok := latest(d.i, kind)
	if !ok || d.now.Sub(e.At) >= flapping {
		d.note(kind, engine.Person{}, "%s", text)
		return
	}
	e.Times = max(e.Times, 1) + 1
	e.Text = fmt.Sprintf("%s (%d times since %s)", text, e.Times, clock(e.At))
	d.amend(e)
}

// amend puts a line in the place of the one with its number.
func (d *draft) amend(e engine.Event) {
	k := slices.IndexFunc(d.i.Timeline, func(o engine.Event) bool { return o.ID == e.ID })
	d.i.Timeline[k], d.changed = e, true
	d.plan.Amended = append(d.plan.Amended, e)
}

// tell adds a line to the timeline and to the thread. A quiet incident has the line only.
func (d *draft) tell(kind string, by engine.Person, format string, args ...any) {
	e := d.note(kind, by, format, args...)
	d.show(eventMessage(d.i.ID, e.ID))
}

// eventMessage is the line of the thread that shows a line of the timeline; declared again, it is edited.
func eventMessage(incident, n int64) engine.Message {
	return engine.Message{Key: fmt.Sprintf("incident/%d/event/%d", incident, n), Kind: engine.MessageEvent, Detail: n}
}

// show adds a message of the thread that is not an event.
func (d *draft) show(m engine.Message) { d.thread = append(d.thread, m) }

// consider writes down why a signal was taken as it was. A repetition of what is already written down adds nothing.
func (d *draft) consider(s engine.Signal, verdict, format string, args ...any) {
	c := engine.Consideration{
		At: d.now, Signal: s.Summary, Class: s.Class, Source: s.Source, Verdict: verdict, Reason: fmt.Sprintf(format, args...),
	}
	for _, old := range d.i.Considered {
		if old.At = c.At; old == c {
			return
		}
	}
	d.i.Considered = append(d.i.Considered, c)
	d.plan.Considered = append(d.plan.Considered, c)
	d.changed = true
}

// after schedules a task for this incident; a delay of 0 is at once.
func (d *draft) after(delay time.Duration, kind engine.TaskKind, detail string) {
	at := time.Time{}
	if delay > 0 {
		at = d.now.Add(delay)
	}
	d.at(at, kind, detail)
}

func (d *draft) at(at time.Time, kind engine.TaskKind, detail string) {
	t := TaskAt{Task: engine.Task{Kind: kind, IncidentID: d.i.ID, Detail: detail}, At: at}
	if !slices.Contains(d.plan.Tasks, t) {
		d.plan.Tasks = append(d.plan.Tasks, t)
	}
}

// line adds a line to another incident's timeline.
func (d *draft) line(id int64, kind, format string, args ...any) {
	d.plan.Lines = append(d.plan.Lines, Line{id, engine.Event{At: d.now, Kind: kind, Text: fmt.Sprintf(format, args...)}})
}

// finish gives the plan. A changed incident's Version grows by one and every message that shows it is declared at that version.
func (d *draft) finish() Plan {
	if !d.changed {
		return d.plan
	}
	d.i.Version++
	sortSignals(d.i.Signals)
	d.plan.Incident = &d.i
	// The diagnosis shows what was considered, too.
	if len(d.plan.Considered) > 0 && !slices.ContainsFunc(d.thread, func(m engine.Message) bool { return m.Kind == engine.MessageDiagnosis }) {
		d.showDiagnosis()
	}
	if hasCard(d.i) {
		channel := d.r.Route.channelOf(d.i)
		d.plan.Messages = append(d.plan.Messages, engine.Message{
			Key: engine.CardKey(d.i.ID), Kind: engine.MessageCard, Subject: d.i.ID, Channel: channel, Version: d.i.Version,
		})
		for _, m := range d.thread {
			if quiet(d.i) && m.Kind != engine.MessageDiagnosis {
				continue
			}
			m.Subject, m.Channel, m.ThreadKey, m.Version = d.i.ID, channel, engine.CardKey(d.i.ID), d.i.Version
			d.plan.Messages = append(d.plan.Messages, m)
		}
	}
	d.plan.Messages = append(d.plan.Messages, d.others...)
	if d.i.ParentID != 0 && !slices.Contains(d.plan.Touched, d.i.ParentID) {
		d.plan.Touched = append(d.plan.Touched, d.i.ParentID)
	}
	return d.plan
}
