package incident

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// parentOf finds the open incident that explains all that fires. Every firing signal of a watch must name it; an alert names
// no parent and so has no say. What began much earlier than the parent's problem does not follow from it.
func parentOf(signals []engine.Signal, parents []engine.Incident, r Rules) (engine.Incident, bool) {
	var named engine.Workload
	for _, s := range signals {
		if !s.Firing() || s.Source == engine.SourceAlert {
			continue
		}
		if s.Parent.IsZero() || (!named.IsZero() && s.Parent != named) {
			return engine.Incident{}, false
		}
		named = s.Parent
	}
	if named.IsZero() {
		return engine.Incident{}, false
	}
	for _, p := range parents {
		if p.Workload == named && p.IsOpen() && !precedes(signals, p, r) {
			return p, true
		}
	}
	return engine.Incident{}, false
}

// precedes tells whether a signal that fires began too long before the parent's problem to be its effect.
func precedes(signals []engine.Signal, parent engine.Incident, r Rules) bool {
	return slices.ContainsFunc(signals, func(s engine.Signal) bool {
		return s.Firing() && s.StartsAt.Before(parent.StartedAt.Add(-r.ParentWindow))
	})
}

// adopt puts the open incidents that a node's new incident explains under it: those with every placed signal on the node.
// Pressure explains evictions only.
func (d *draft) adopt(candidates []engine.Incident) {
	if d.i.Workload.Kind != engine.KindNode || d.i.ParentID != 0 {
		return
	}
	down := slices.Contains(d.i.Classes, engine.ClassNodeNotReady)
	var hurt []engine.Workload
	for _, c := range candidates {
		if !c.IsOpen() || c.ParentID != 0 || c.ID == d.i.ID || !firing(c.Signals) || precedes(c.Signals, d.i, d.r) || !d.explains(c, down) {
			continue
		}
		had := hasCard(c) || len(c.Timeline) == 0 // one without a parent was told, unless its timeline says otherwise
		c.ParentID = d.i.ID
		c.Version++
		d.plan.Others = append(d.plan.Others, c)
		d.line(c.ID, EventAdopted, "Follows from incident %d: %s", d.i.ID, d.i.Title)
		hurt = append(hurt, c.Workload)
		if had {
			d.others = append(d.others, d.cardOf(c))
		}
		for _, g := range c.Children { // what followed from it follows from the node
			if g.IsOpen() {
				g.ParentID = d.i.ID
				g.Version++
				d.plan.Others, d.plan.Touched = append(d.plan.Others, g), append(d.plan.Touched, g.ID)
				d.line(g.ID, EventAdopted, "Follows from incident %d: %s", d.i.ID, d.i.Title)
				hurt = append(hurt, g.Workload)
			}
		}
	}
	if len(hurt) > 0 {
		d.tell(EventHurt, engine.Person{}, "%s", hurtText(hurt))
	}
}

// hurts tells the parent that this incident was put under it: in one line for all of its children, however many there are, which
// is edited in its thread.
func (d *draft) hurts(parent engine.Incident) {
	var hurt []engine.Workload
	for _, c := range parent.Children {
		if c.IsOpen() && c.ID != d.i.ID {
			hurt = append(hurt, c.Workload)
		}
	}
	e, ok := latest(parent, EventHurt)
	if !ok {
		e = engine.Event{ID: 1, At: d.now, Kind: EventHurt}
		if n := len(parent.Timeline); n > 0 {
			e.ID = parent.Timeline[n-1].ID + 1
		}
	}
	e.Text = hurtText(append(hurt, d.i.Workload))
	d.plan.Lines = append(d.plan.Lines, Line{parent.ID, e})
	if !hasCard(parent) || quiet(parent) {
		return
	}
	m := eventMessage(parent.ID, e.ID)
	m.Subject, m.Channel, m.ThreadKey = parent.ID, d.r.Route.channelOf(parent), engine.CardKey(parent.ID)
	m.Version = parent.Version + 1 // a parent is touched with each of its children
	d.others = append(d.others, m)
}

// mostHurt is how many workloads are named in the line that tells them.
const mostHurt = 8

func hurtText(of []engine.Workload) string {
	if len(of) == 1 {
		return of[0].String() + " is hurt too"
	}
	names := make([]string, min(len(of), mostHurt))
	for k := range names {
		names[k] = of[k].String()
	}
	text := fmt.Sprintf("%d workloads are hurt too: %s", len(of), strings.Join(names, ", "))
	if more := len(of) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (d *draft) explains(c engine.Incident, down bool) bool {
	placed := 0
	for _, s := range c.Signals {
		if !s.Firing() {
			continue
		}
		if !down && s.Class != engine.ClassEvicted {
			return false
		}
		if s.Node != "" && s.Node != d.i.Workload.Name {
			return false
		}
		if s.Node != "" {
			placed++
		}
	}
	return placed > 0
}

// release ends the parenthood of a resolved incident: children that still fire get a card of their own. Those that have
// cleared stay, and resolve as quietly as they were.
func (d *draft) release() {
	for _, c := range d.i.Children {
		if !c.IsOpen() || !c.ClearedAt.IsZero() {
			continue
		}
		c.ParentID, c.Held = 0, false
		c.Version++
		d.plan.Others = append(d.plan.Others, c)
		d.line(c.ID, EventPromoted, "On its own now: incident %d is resolved and this goes on", d.i.ID)
		card := d.cardOf(c)
		d.others = append(d.others, card)
		if !c.Diagnosis.At.IsZero() {
			d.others = append(d.others, engine.Message{
				Key: diagnosisKey(c.ID), Kind: engine.MessageDiagnosis, Subject: c.ID,
				Channel: card.Channel, ThreadKey: card.Key, Version: c.Version,
			})
		}
		if e := d.r.Escalation[c.Severity]; e.After > 0 && c.Status == engine.Open {
			d.plan.Tasks = append(d.plan.Tasks, TaskAt{
				Task: engine.Task{Kind: engine.TaskEscalate, IncidentID: c.ID}, At: d.now.Add(e.After),
			})
		}
		d.plan.Tasks = append(d.plan.Tasks, TaskAt{Task: engine.Task{Kind: engine.TaskDiagnose, IncidentID: c.ID}})
	}
}

func (d *draft) cardOf(i engine.Incident) engine.Message {
	return engine.Message{
		Key: engine.CardKey(i.ID), Kind: engine.MessageCard, Subject: i.ID, Channel: d.r.Route.channelOf(i), Version: i.Version,
	}
}
