package store

import (
	"context"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/trust"
)

// trust reads the experiments of the period, and of as long a time before it, and scores them. How often a
// confidence is right counts what people answered in the period, too. A team has no scorecard: what is broken on
// purpose tests the bot, not a team.
func (r *digestReader) trust(ctx context.Context) error {
	f := r.facts
	if f.Scope.Team != "" {
		return nil
	}
	from, to := f.Period.From, f.Period.To
	list, err := selectExperiments(ctx, r.tx, `WHERE e.status = 'over' AND e.started_at >= $1 AND e.started_at < $2 AND ($3 = '' OR e.cluster = $3) ORDER BY e.id`,
		from.Add(-to.Sub(from)), to, f.Scope.Cluster)
	if err != nil {
		return err
	}
	card := trust.Score(list, from, to)
	if card.All.Detected.Of+card.Controls.Of+card.Stranded.Of == 0 {
		return nil
	}
	judged, err := selectIncidents(ctx, r.tx, `WHERE i.id IN (SELECT incident_id FROM verdicts WHERE at >= $1 AND at < $2) AND ($3 = '' OR i.cluster = $3) ORDER BY i.id`,
		from, to, f.Scope.Cluster)
	if err == nil {
		err = loadLists(ctx, r.tx, judged)
	}
	if err != nil {
		return err
	}
	within := func(at time.Time) bool { return !at.Before(from) && at.Before(to) }
	for k := range judged {
		judged[k].Verdicts = slices.DeleteFunc(judged[k].Verdicts, func(v engine.Verdict) bool { return !within(v.At) })
	}
	list = slices.DeleteFunc(list, func(e engine.Experiment) bool { return !within(e.StartedAt) })
	card.Reliable = trust.Reliable(append(trust.OfExperiments(list), trust.OfPeople(judged)...))
	f.Trust = &card
	return nil
}
