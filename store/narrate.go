package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// SaveNarrative keeps what a model wrote of the diagnosis that an incident had at a time. Where it has another one by now, or a paragraph
// already, nothing changes. It fails with engine.NotFound for an unknown incident.
func (s *Store) SaveNarrative(ctx context.Context, id int64, at time.Time, n engine.Narrative) error {
	at = stamp(at)
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		i, err := lockIncident(ctx, tx, id)
		if err != nil {
			return err
		}
		plan := incident.Narrated(i, at, n, s.rules(), s.now())
		if plan.Incident == nil {
			return nil
		}
		if _, err := tx.Exec(ctx, `UPDATE diagnoses SET narrative = $3 WHERE incident_id = $1 AND at = $2`, id, at, n); err != nil {
			return err
		}
		return s.apply(ctx, tx, plan)
	})
}
