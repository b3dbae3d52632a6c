package handlers

import (
	"context"
	"errors"
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// page tells every configured pager, then records that it was told. Pagers fold what they are told twice into one by its key.
func (h *Handlers) page(ctx context.Context, t engine.Task) error {
	i, err := h.Incidents.Incident(ctx, t.IncidentID)
	if err != nil {
		return err
	}
	// Between the plan and now somebody may have acknowledged it: then nobody needs waking.
	if t.Detail == "trigger" && i.Status != engine.Open {
		return nil
	}
	var errs []error
	for _, p := range h.Pagers {
		if err := p.Send(ctx, t.Detail, i, ""); err != nil {
			h.Log.ErrorContext(ctx, "pager not told", "pager", p.Name(), "incident", i.ID, "what", t.Detail, "error", err)
			errs = append(errs, fmt.Errorf("%s: %w", p.Name(), err))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	return h.Progress.Paged(ctx, i.ID, t.Detail)
}
