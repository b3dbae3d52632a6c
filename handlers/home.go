package handlers

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine"
)

// HomeOpened has the person's Home tab drawn, and kept current while they may be looking.
func (h *Handlers) HomeOpened(ctx context.Context, p engine.Person) error {
	return h.Decisions.HomeOpened(ctx, p)
}
