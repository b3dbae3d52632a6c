package store

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine/trust"
)

// trust reads the experiments of the period, and of as long a time before it, and scores them. A team has no scorecard: what is broken on
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
	if card := trust.Score(list, from, to); card.All.Detected.Of+card.Controls.Of+card.Stranded.Of > 0 {
		f.Trust = &card
	}
	return nil
}
