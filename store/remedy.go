package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// saveRemedySQL keeps a remedy once; after that only what came of it is written.
const saveRemedySQL = `INSERT INTO remedies (id, incident_id, kind, status, asked_at, body) VALUES ($1, $2, $3, $4, $5, $6)
	ON CONFLICT (id) DO UPDATE SET status = excluded.status, over_at = $5, body = excluded.body`

func saveRemedy(b *pgx.Batch, r engine.Remedy, s *Store) {
	b.Queue(saveRemedySQL, r.ID, r.Incident, r.Kind, r.Status, s.now(), r)
}

// Remedy gives a remedy by the id of the decision that asked for it. It fails with engine.NotFound.
func (s *Store) Remedy(ctx context.Context, id string) (engine.Remedy, error) {
	var r engine.Remedy
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		r, err = loadRemedy(ctx, tx, id)
		return err
	})
	return r, err
}

func loadRemedy(ctx context.Context, tx pgx.Tx, id string) (r engine.Remedy, err error) {
	err = tx.QueryRow(ctx, `SELECT body FROM remedies WHERE id = $1`, id).Scan(&r)
	if errors.Is(err, pgx.ErrNoRows) {
		err = engine.Errorf(engine.NotFound, "nobody asked for a remedy by %q", id)
	}
	return r, err
}

// Remedied keeps what came of a remedy and tells it in the thread. What is known already changes nothing. It fails with
// engine.NotFound for a remedy that nobody asked for.
func (s *Store) Remedied(ctx context.Context, id string, status engine.RemedyStatus, outcome string) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		r, err := loadRemedy(ctx, tx, id)
		if err != nil {
			return err
		}
		i, err := lockIncident(ctx, tx, r.Incident)
		if err != nil {
			return err
		}
		if r, err = loadRemedy(ctx, tx, id); err != nil { // as it is now that nobody else writes it
			return err
		}
		return s.apply(ctx, tx, incident.Remedied(i, r, status, outcome, s.rules(), s.now()))
	})
}
