package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// settled is how long an alert must be known before its absence from Alertmanager's list ends it: a webhook and the list may cross.
const settled = 30 * time.Second

// pollAlerts compares what is held open with what each Alertmanager lists. It finds the alerts that ended while silenced, for which
// Alertmanager sends nothing, and those whose webhook was lost.
func (h *Handlers) pollAlerts(ctx context.Context, _ engine.Task) error {
	var errs []error
	for _, c := range h.Clusters {
		if c.Alertmanager == nil {
			continue
		}
		if err := h.pollCluster(ctx, c); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (h *Handlers) pollCluster(ctx context.Context, c Cluster) error {
	listed, err := c.Alertmanager.Alerts(ctx)
	if err != nil {
		return err
	}
	firing, err := h.Signals.FiringAlerts(ctx, c.Name)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, s := range firing {
		known[s.ID] = true
	}
	owner := func(kind, namespace, name string) (engine.Workload, bool) { return c.Owner(ctx, kind, namespace, name) }
	still := map[string]bool{}
	var lost []engine.Alert
	for _, a := range listed {
		if detect.IsWatchdog(a) || !a.EndsAt.IsZero() {
			continue
		}
		id := a.Fingerprint
		still[id] = true
		// A silenced alert is one that somebody does not want to hear of; it is followed only if it was told before.
		if !known[id] && !a.Silenced && h.Now().Sub(a.StartsAt) > settled {
			lost = append(lost, a)
		}
	}
	for _, s := range firing {
		if still[s.ID] || h.Now().Sub(s.StartsAt) < settled {
			continue
		}
		s.EndsAt = h.Now()
		o := engine.Observation{Source: engine.SourceAlert, Workload: s.Workload, Signals: []engine.Signal{s}, At: h.Now()}
		if err := h.Signals.Observe(ctx, o); err != nil {
			return err
		}
	}
	for _, a := range lost {
		s := detect.Alert(c.Name, a, owner)
		o := engine.Observation{Source: engine.SourceAlert, Workload: s.Workload, Signals: []engine.Signal{s}, At: h.Now()}
		if err := h.Signals.Observe(ctx, o); err != nil {
			return err
		}
	}
	return nil
}
