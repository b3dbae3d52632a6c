package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// collectFor is how long a collector may take. What it has by then counts; the rest is shown as missing.
const collectFor = 8 * time.Second

// likely is the confidence from which on a cause is not looked for again by itself.
const likely = 0.6

// logCollectors are the names of the collectors that read log lines, which the configuration can switch off by namespace.
var logCollectors = []string{"logs", "loki"}

// diagnose gathers evidence side by side, ranks the causes and has them kept.
func (h *Handlers) diagnose(ctx context.Context, t engine.Task) error {
	i, err := h.Incidents.Incident(ctx, t.IncidentID)
	if err != nil {
		return err
	}
	// What healed before anybody looked, at first or when it came back, has a cause too; one that is known stays as it is.
	known := len(i.Diagnosis.Causes) > 0 && !i.Diagnosis.At.Before(i.StartedAt)
	if known && (!i.IsOpen() || t.Detail == engine.LookIfUnsure && i.Diagnosis.Causes[0].Confidence >= likely) {
		return nil
	}
	c, ok := h.cluster(i.Workload.Cluster)
	if !ok {
		return engine.Errorf(engine.NotFound, "cluster %s is no longer in the configuration", i.Workload.Cluster)
	}
	tallies, err := h.Diagnoses.Tallies(ctx)
	if err != nil {
		return err
	}
	collectors, off := c.Collectors, []engine.Gap(nil)
	if h.Changes != nil && h.Changes.Forge != nil {
		collectors = append(slices.Clip(collectors), mergeEvidence{h})
	}
	if h.Policy.LogsAreOff(i.Workload.Namespace) {
		collectors = slices.DeleteFunc(slices.Clone(collectors), func(c rca.Collector) bool { return slices.Contains(logCollectors, c.Name()) })
		off = []engine.Gap{{Collector: logCollectors[0], Reason: "switched off for this namespace by configuration"}}
	}
	evidence, gaps := h.collect(ctx, collectors, i)
	gaps = append(gaps, off...)
	if ctx.Err() != nil {
		return engine.Wrap(engine.Unavailable, ctx.Err(), "the diagnosis was stopped")
	}
	d := rca.Rank(i, evidence, gaps, tallies, h.Now())
	h.offers(ctx, c, i, &d)
	if err := h.Diagnoses.SaveDiagnosis(ctx, d); err != nil {
		return err
	}
	h.Log.InfoContext(ctx, "an incident was diagnosed", "incident", i.ID, "causes", len(d.Causes), "evidence", len(d.Evidence), "gaps", len(d.Gaps))
	h.narrate(ctx, i.ID, d.At)
	return nil
}

// collect runs the collectors side by side, each with its deadline. A collector that fails, panics or is late leaves a gap.
func (h *Handlers) collect(ctx context.Context, collectors []rca.Collector, i engine.Incident) ([]engine.Evidence, []engine.Gap) {
	type result struct {
		evidence []engine.Evidence
		gap      *engine.Gap
	}
	results := make([]result, len(collectors))
	var wg sync.WaitGroup
	for n, c := range collectors {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, collectFor)
			defer cancel()
			evidence, err := collectSafely(ctx, c, i)
			results[n].evidence = evidence
			if err != nil {
				h.Log.InfoContext(ctx, "evidence missing", "incident", i.ID, "collector", c.Name(), "error", err)
				results[n].gap = &engine.Gap{Collector: c.Name(), Reason: gapReason(err)}
			}
		})
	}
	wg.Wait()
	var evidence []engine.Evidence
	var gaps []engine.Gap
	for _, r := range results {
		evidence = append(evidence, r.evidence...)
		if r.gap != nil {
			gaps = append(gaps, *r.gap)
		}
	}
	// The order in which collectors happen to answer must not show in the ranking.
	slices.SortStableFunc(evidence, func(a, b engine.Evidence) int {
		return cmp.Or(cmp.Compare(a.Collector, b.Collector), cmp.Compare(a.ID, b.ID))
	})
	return evidence, gaps
}

func collectSafely(ctx context.Context, c rca.Collector, i engine.Incident) (evidence []engine.Evidence, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("collector %s panicked: %v", c.Name(), p)
		}
	}()
	return c.Collect(ctx, i)
}

func gapReason(err error) string {
	var ours *engine.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s", collectFor)
	case errors.As(err, &ours) && ours.Code != engine.Internal:
		return ours.Message
	}
	return "failed; the log has the reason"
}
