package waste

import (
	"cmp"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// MaxSnooze is how far away a snooze may end: who wants longer means that it is no waste.
const MaxSnooze = 366 * 24 * time.Hour

// The events in a finding's life that a person brings about.
const (
	EventSnoozed  = "snoozed"
	EventNotWaste = "not_waste"
	EventUndone   = "undone"
)

// Mute carries out what a person decided about a group, or about one finding of it: to put it off until a day, to call it no waste,
// or to take either back. It fails with engine.Invalid when the decision makes no sense, with engine.NotFound when the group has no
// such finding, and with engine.Conflict when it no longer applies.
func Mute(g engine.FindingGroup, d engine.Decision, now time.Time) ([]Change, error) {
	if err := muteable(d, now); err != nil {
		return nil, err
	}
	found := d.FindingID == 0
	var changes []Change
	for _, f := range g.Findings {
		if d.FindingID != 0 && f.ID != d.FindingID {
			continue
		}
		found = true
		if c, ok := muted(f, d); ok {
			changes = append(changes, c)
		}
	}
	switch {
	case !found:
		return nil, engine.Errorf(engine.NotFound, "%s has no finding %d", g.Title, d.FindingID)
	case len(changes) == 0 && d.Undo:
		return nil, engine.Errorf(engine.Conflict, "there is nothing to take back at %s", g.Title)
	case len(changes) == 0:
		return nil, engine.Errorf(engine.Conflict, "nothing of %s is open any more", g.Title)
	}
	return changes, nil
}

func muteable(d engine.Decision, now time.Time) error {
	switch {
	case d.Action != engine.ActionSnooze && d.Action != engine.ActionNotWaste:
		return engine.Errorf(engine.Invalid, "%q is nothing that can be done to savings", d.Action)
	case d.Undo:
		return nil
	case strings.TrimSpace(d.Reason) == "":
		return engine.Errorf(engine.Invalid, "a reason is wanted: it is shown to whoever asks later")
	case d.Action == engine.ActionSnooze && !d.Until.After(now):
		return engine.Errorf(engine.Invalid, "a snooze must end in the future")
	case d.Action == engine.ActionSnooze && d.Until.Sub(now) > MaxSnooze:
		return engine.Errorf(engine.Invalid, "a snooze ends within a year; call it not waste if it never is")
	}
	return nil
}

func muted(f engine.Finding, d engine.Decision) (Change, bool) {
	status, event := engine.FindingSnoozed, EventSnoozed
	if d.Action == engine.ActionNotWaste {
		status, event = engine.FindingNotWaste, EventNotWaste
	}
	if d.Undo {
		return Change{Finding: opened(f), Event: EventUndone, Reason: cmp.Or(d.Reason, f.Reason), Shown: true}, f.Status == status
	}
	if f.Status != engine.FindingOpen && (f.Status != engine.FindingSnoozed || status == engine.FindingSnoozed) {
		return Change{}, false
	}
	f = opened(f)
	f.Status, f.Reason, f.By = status, strings.TrimSpace(d.Reason), d.By
	if status == engine.FindingSnoozed {
		f.Until = d.Until
	}
	return Change{Finding: f, Event: event, Reason: f.Reason, Shown: true}, true
}
