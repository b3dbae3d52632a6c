package handlers

import (
	"context"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Submit takes a modal that was sent in. What is wrong with a field comes back in Reply.Invalid and the modal stays open.
func (h *Handlers) Submit(ctx context.Context, s engine.Submission) (engine.Reply, error) {
	switch s.Form {
	case engine.FormCorrection:
	case engine.FormSnooze, engine.FormNotWaste:
		return h.submitMute(ctx, s)
	case engine.FormApprove:
		return h.submitApproval(ctx, s)
	case engine.FormDeny:
		return h.submitDenial(ctx, s)
	case engine.FormRemedy:
		return h.submitRemedy(ctx, s)
	case engine.FormChaos:
		return h.submitChaos(ctx, s)
	case engine.FormChaosDelete:
		return h.submitDelete(ctx, s)
	default:
		return engine.Reply{}, engine.Errorf(engine.Invalid, "this form is not known to this version")
	}
	b, err := engine.ParseButton(s.Subject)
	if err != nil {
		return engine.Reply{}, err
	}
	cause := strings.TrimSpace(s.Values["cause"])
	switch n := len([]rune(cause)); {
	case n < 3:
		return engine.Reply{Invalid: map[string]string{"cause": "Say in a few words what it was."}}, nil
	case n > 1000:
		return engine.Reply{Invalid: map[string]string{"cause": "1,000 characters at most."}}, nil
	}
	i, err := h.Incidents.Incident(ctx, b.Incident)
	if err != nil {
		return engine.Reply{}, err
	}
	d := engine.Decision{ID: s.ID, Action: engine.ActionVerdict, IncidentID: b.Incident, By: s.By, At: h.Now(), Rule: b.Rule, Comment: cause}
	ok, reason, err := h.allowed(ctx, s.By, d.Action, i.Workload)
	if err != nil {
		return engine.Reply{}, err
	}
	if !ok {
		d.Reason = reason
		return h.refuse(ctx, d)
	}
	d.Allowed = true
	if i, err = h.Decisions.Decide(ctx, d); err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{Text: done(d, i)}, nil
}
