package handlers

import (
	"context"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// grade says how the bot did, once what was hit works again and what was expected was noticed, or after a bounded time.
func (b *Breaking) grade(ctx context.Context, c Broken, e engine.Experiment, holder string) error {
	var recovered time.Time
	for {
		if recovered.IsZero() {
			well, err := b.recovered(ctx, c, e)
			switch {
			case err != nil && b.Now().Before(e.OverAt.Add(gradeFor)):
				return err
			case well:
				recovered = b.Now()
			}
		}
		incidents, err := b.noticed(ctx, e)
		if err != nil {
			return err
		}
		if now := b.Now(); chaos.GradeDue(e, incidents, recovered, now) {
			_, err := b.Queue.GradeExperiment(ctx, e.ID, holder, chaos.Judge(e, incidents, alertsOf(incidents), recovered, now))
			return err
		}
		if sleep(ctx, b.Patience.Gap); ctx.Err() != nil {
			return engine.Wrap(engine.Unavailable, context.Cause(ctx), "not graded yet")
		}
	}
}

// reopenFor is how old an incident may be that an experiment is still looked for in: one that comes back is reopened.
const reopenFor = 24 * time.Hour

// alertsOf are the alerts among what incidents are about.
func alertsOf(incidents []engine.Incident) []engine.Signal {
	var alerts []engine.Signal
	for _, i := range incidents {
		for _, s := range i.Signals {
			if s.Source == engine.SourceAlert {
				alerts = append(alerts, s)
			}
		}
	}
	return alerts
}

// noticed are the incidents of the cluster that were opened, or are open, since an experiment began, with all that is known of them, but
// for those that another experiment of that time brought about.
func (b *Breaking) noticed(ctx context.Context, e engine.Experiment) ([]engine.Incident, error) {
	others, err := b.Queue.Experiments(ctx, engine.ExperimentFilter{Cluster: e.Cluster, Since: e.StartedAt.Add(-time.Hour), Limit: 200})
	if err != nil {
		return nil, err
	}
	since, err := b.Witness.Incidents(ctx, engine.IncidentFilter{Cluster: e.Cluster, AnyStatus: true, Since: e.StartedAt.Add(-reopenFor), Limit: 200})
	if err != nil {
		return nil, err
	}
	open, err := b.Witness.Incidents(ctx, engine.IncidentFilter{Cluster: e.Cluster, Limit: 200}) // which may have been reopened
	if err != nil {
		return nil, err
	}
	var list []engine.Incident
	for _, known := range append(since, open...) {
		// One that was open before is of now too when it came back, even where that healed within seconds.
		lately := known.IsOpen() || !known.DetectedAt.Before(e.StartedAt.Add(-time.Second)) || known.ResolvedAt.After(e.StartedAt)
		if !lately || slices.ContainsFunc(list, func(i engine.Incident) bool { return i.ID == known.ID }) {
			continue
		}
		i, err := b.Witness.Incident(ctx, known.ID)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(others, func(o engine.Experiment) bool { return o.ID != e.ID && chaos.Explains(o, e, i) }) {
			list = append(list, i)
		}
	}
	return list, nil
}

// recovered tells whether all workloads that were hit have the ready pods that they want.
func (b *Breaking) recovered(ctx context.Context, c Broken, e engine.Experiment) (bool, error) {
	node := ""
	for _, s := range e.Strikes {
		if s.Node != "" {
			node = s.Node
		}
	}
	f, err := c.Injector.Field(ctx, e.Namespaces(), node)
	if err != nil {
		return false, err
	}
	hit := map[engine.Workload]bool{}
	for _, s := range e.Strikes {
		for _, t := range s.Targets {
			hit[t.Workload] = true
		}
	}
	for _, u := range f.Units {
		if hit[u.Workload] && (u.Ready < u.Desired || u.Rolling) {
			return false, nil
		}
	}
	return true, nil
}
