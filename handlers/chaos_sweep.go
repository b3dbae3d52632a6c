package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// sweepSpan is how far back an experiment may be over whose faults are still looked for.
const sweepSpan = 24 * time.Hour

// sweeps looks for what is left in the clusters, at the start and again and again: faults whose end nobody could see, because the API server
// did not answer just then, and nodes that a drain should have let go by now. What is left is ended.
func (b *Breaking) sweeps(ctx context.Context) {
	whole := map[int64]bool{} // experiments of which it was seen that nothing is left
	for ctx.Err() == nil {
		for _, c := range b.Clusters {
			b.complain(ctx, "what experiments left cannot be seen to", b.sweep(ctx, c, whole))
		}
		sleep(ctx, b.Patience.Sweep)
	}
}

// sweep looks once. It fails when something could not be seen; that is looked for again.
func (b *Breaking) sweep(ctx context.Context, c Broken, whole map[int64]bool) error {
	b.complain(ctx, "a node that was drained is not let go", c.Injector.Sweep(ctx))
	list, err := b.Queue.Experiments(ctx, engine.ExperimentFilter{
		Cluster: c.Name, Statuses: []engine.ExperimentStatus{engine.ExperimentOver}, Since: b.Now().Add(-sweepSpan), Limit: 1000,
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range list {
		if whole[e.ID] || !slices.ContainsFunc(e.Blows, func(b engine.Blow) bool { return !b.Clean }) {
			continue
		}
		left, err := c.Injector.Left(ctx, e)
		if err != nil {
			errs = append(errs, fmt.Errorf("experiment %d: %w", e.ID, err))
			continue
		}
		if whole[e.ID] = len(left) == 0; !whole[e.ID] {
			b.Log.WarnContext(ctx, "faults are left of an experiment that is over", "experiment", e.ID, "left", left)
			continue
		}
		b.Log.InfoContext(ctx, "nothing is left of an experiment whose end was not seen", "experiment", e.ID)
	}
	return errors.Join(errs...)
}
