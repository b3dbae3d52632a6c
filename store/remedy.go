package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const (
	askRemedySQL  = `INSERT INTO remedies (id, incident_id, kind, status, asked_at, body) VALUES ($1, $2, $3, $4, $5, $6)`
	overRemedySQL = `UPDATE remedies SET status = $2, over_at = $3, body = $4 WHERE id = $1`

	// Whoever asked waits for an answer, which a task that is gone does not give.
	lostRemediesSQL = `SELECT r.id, r.incident_id FROM remedies r WHERE r.status = 'asked' AND r.asked_at < $2
		AND NOT EXISTS (SELECT FROM river_job j WHERE j.kind = $1 AND j.finalized_at IS NULL AND j.args ->> 'detail' = r.id) ORDER BY r.asked_at`
)

// saveRemedy keeps what somebody asked for, or what came of it.
func saveRemedy(b *pgx.Batch, r engine.Remedy, now time.Time) {
	if r.Status == engine.RemedyAsked {
		b.Queue(askRemedySQL, r.ID, r.Incident, r.Kind, r.Status, now, r)
		return
	}
	b.Queue(overRemedySQL, r.ID, r.Status, now, r)
}

// lostRemedies gives the tasks of remedies that somebody asked for and whose task is gone.
func lostRemedies(ctx context.Context, tx pgx.Tx, before time.Time) ([]incident.TaskAt, error) {
	rows, err := tx.Query(ctx, lostRemediesSQL, engine.TaskRemedy, before)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (incident.TaskAt, error) {
		t := engine.Task{Kind: engine.TaskRemedy}
		err := row.Scan(&t.Detail, &t.IncidentID)
		return incident.TaskAt{Task: t}, err
	})
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
