package handlers

import (
	"context"
	"fmt"
	"strconv"

	"github.com/eks-autopilot/autopilot/engine"
)

// calm ends a storm that is over.
func (h *Handlers) calm(ctx context.Context, t engine.Task) error {
	id, err := strconv.ParseInt(t.Detail, 10, 64)
	if err != nil {
		return engine.Errorf(engine.Invalid, "%q is not a storm's id", t.Detail)
	}
	return h.Progress.Calm(ctx, id)
}

// stormClick acknowledges all incidents of a storm that wait for somebody, as far as the person may. Each is a decision of its own.
func (h *Handlers) stormClick(ctx context.Context, c engine.Click) (engine.Reply, error) {
	b, err := engine.ParseStorm(c.Value)
	if err != nil {
		return engine.Reply{}, err
	}
	if engine.Action(c.Action) != engine.ActionAcknowledge {
		return engine.Reply{}, engine.Errorf(engine.Invalid, "this button is not known to this version; run `/autopilot incidents`")
	}
	s, err := h.Incidents.Storm(ctx, b.Storm)
	if err != nil {
		return engine.Reply{}, err
	}
	taken, refused, reason := 0, 0, ""
	for _, i := range s.Incidents {
		if i.Status != engine.Open {
			continue
		}
		d := engine.Decision{ID: fmt.Sprintf("%s/%d", c.ID, i.ID), Action: engine.ActionAcknowledge, IncidentID: i.ID, By: c.By, At: h.Now()}
		ok, why, err := h.allowed(ctx, c.By, d.Action, i.Workload)
		if err != nil {
			return engine.Reply{}, err
		}
		if d.Allowed = ok; !ok {
			d.Reason, reason = why, why
			refused++
		} else {
			taken++
		}
		if _, err := h.Decisions.Decide(ctx, d); err != nil && engine.CodeOf(err) != engine.Conflict { // somebody else was quicker
			return engine.Reply{}, err
		}
	}
	switch {
	case taken == 0 && refused > 0:
		return engine.Reply{}, engine.Errorf(engine.Forbidden, "You may not do that: %s.", reason)
	case taken == 0:
		return engine.Reply{Text: "Nothing of this storm waits for somebody any more."}, nil
	case refused > 0:
		return engine.Reply{Text: fmt.Sprintf("Acknowledged %d incidents; %d are not yours to acknowledge: %s.", taken, refused, reason)}, nil
	}
	return engine.Reply{Text: fmt.Sprintf("Acknowledged %d incidents. Each is still open until its signals end.", taken)}, nil
}
