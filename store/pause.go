package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// SetPause keeps a decision to pause or to resume, or the refusal of one, and carries it out. A pause stops all experiments. Both are audited; the same
// decision twice acts once. It fails with engine.Invalid for any other action.
func (s *Store) SetPause(ctx context.Context, d engine.Decision) error {
	if d.Action != engine.ActionPause && d.Action != engine.ActionResume {
		return engine.Errorf(engine.Invalid, "%q neither pauses nor resumes", d.Action)
	}
	if d.ID == "" {
		return engine.Errorf(engine.Invalid, "a decision needs the id of the click, command or submission")
	}
	d.IncidentID = 0
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockExperiments(ctx, tx); err != nil {
			return err
		}
		fresh, err := saveDecision(ctx, tx, d, 0)
		if err != nil || !fresh {
			return err
		}
		if d.Allowed {
			b := &pgx.Batch{}
			b.Queue(`UPDATE pause SET is_on = $1, by_id = $2, by_name = $3, at = $4, reason = $5`,
				d.Action == engine.ActionPause, d.By.ID, d.By.Name, s.now(), d.Reason)
			b.Queue(homeChangedSQL, s.now().Add(-homeInterest))
			b.Queue(wakeSQL)
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return err
			}
			if d.Action == engine.ActionPause {
				if _, err := s.stopExperiments(ctx, tx, 0, d.By, "writes are paused by "+whoever(d.By)); err != nil {
					return err
				}
			}
		}
		return s.conclude(ctx, tx, d, nil)
	})
}

// Paused tells whether writes are stopped, and who last stopped or resumed them.
func (s *Store) Paused(ctx context.Context) (engine.Pause, error) {
	var p engine.Pause
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		p, err = loadPause(ctx, tx)
		return err
	})
	return p, err
}

func loadPause(ctx context.Context, tx pgx.Tx) (engine.Pause, error) {
	var p engine.Pause
	err := tx.QueryRow(ctx, `SELECT is_on, by_id, by_name, at, reason FROM pause`).
		Scan(&p.On, &p.By.ID, &p.By.Name, zeroTime{&p.At}, &p.Reason)
	return p, err
}
