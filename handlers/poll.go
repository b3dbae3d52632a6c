package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// settled is how long an alert must be known before its absence from Alertmanager's list ends it: a webhook and the list may cross.
const settled = 30 * time.Second

// relearn is how long after its start an Alertmanager may not list what fires: it forgets when it is restarted, and Prometheus
// tells it again with the next evaluation that is a minute after the last time.
const relearn = 3 * time.Minute

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
	held, still := workloads(firing), map[string]bool{}
	asking, done := context.WithTimeout(ctx, ownersWithin)
	defer done()
	var problem error
	for _, a := range listed {
		if !a.EndsAt.IsZero() {
			continue
		}
		still[a.Fingerprint] = true
		if _, known := held[a.Fingerprint]; known || !h.lost(c, a) {
			continue
		}
		s := signal(asking, c, a, held)
		problem = errors.Join(problem, h.observe(ctx, s.Workload, s))
	}
	return errors.Join(problem, h.endAbsent(ctx, c, firing, still))
}

// lost tells whether an alert that Alertmanager lists, and that we do not hold, should have come by webhook: one of this
// cluster, for several may share an Alertmanager; routed to us; and neither silenced nor so new that the webhook is on its way.
func (h *Handlers) lost(c Cluster, a engine.Alert) bool {
	own, err := h.alertCluster(c.Name, a)
	return err == nil && own.Name == c.Name && detect.IsSignal(a) && !a.Silenced && h.Now().Sub(a.StartsAt) > settled &&
		(c.Receiver == "" || slices.ContainsFunc(a.Receivers, c.receives))
}

// receives tells whether a receiver is ours. The Prometheus operator puts the namespace and the object before its name.
func (c Cluster) receives(receiver string) bool {
	return receiver == c.Receiver || strings.HasSuffix(receiver, "/"+c.Receiver)
}

// endAbsent ends the alerts that are held firing and no longer listed.
func (h *Handlers) endAbsent(ctx context.Context, c Cluster, firing []engine.Signal, still map[string]bool) error {
	absent := slices.DeleteFunc(slices.Clone(firing), func(s engine.Signal) bool {
		return still[s.ID] || h.Now().Sub(s.StartsAt) < settled
	})
	if len(absent) == 0 {
		return nil
	}
	// Asked after the list was: were it restarted in between, it would be taken for new, and not its empty list for the truth.
	started, err := c.Alertmanager.Started(ctx)
	if err != nil {
		return err
	}
	var problem error
	for _, s := range absent {
		if s.StartsAt.Before(started) && h.Now().Sub(started) < relearn {
			continue
		}
		s.EndsAt = h.Now()
		problem = errors.Join(problem, h.observe(ctx, s.Workload, s))
	}
	return problem
}
