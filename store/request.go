package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/eks-autopilot/autopilot/engine"
)

// busyPause is how long a diagnosis waits for another one of its incident.
const busyPause = 250 * time.Millisecond

// requestDiagnosis counts a wish. The task that finds every wish done has nothing to do.
func requestDiagnosis(ctx context.Context, tx pgx.Tx, incident int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO diagnosis_requests AS d (incident_id, wanted) VALUES ($1, 1)
		ON CONFLICT (incident_id) DO UPDATE SET wanted = d.wanted + 1`, incident)
	return err
}

// diagnose runs the handler once for all wishes so far, one run of an incident at a time. A look that is due later is no wish that an earlier
// run fulfils, and has a Detail.
func (w *worker) diagnose(ctx context.Context, job int64, t engine.Task) error {
	wanted, busy, err := w.store.beginDiagnosis(ctx, job, t.IncidentID, t.Detail != "")
	switch {
	case err != nil:
		return err
	case busy:
		return river.JobSnooze(busyPause)
	case wanted == 0:
		return nil
	}
	failed := w.safely(ctx, t)
	done := wanted
	if failed != nil {
		done = 0
	}
	// The context may have ended with the task's time; that the run is over must be written all the same.
	err = w.store.exec(context.WithoutCancel(ctx), `
		UPDATE diagnosis_requests SET done = greatest(done, $2), running_job = 0, running_until = NULL
		WHERE incident_id = $1 AND running_job = $3`, t.IncidentID, done, job)
	if failed != nil {
		return failed
	}
	return err
}

// beginDiagnosis gives how many wishes a run that starts now fulfils, 0 when none is left and it does not come for a later look. busy is true
// while another run goes on; a job whose process died may begin again at once.
func (s *Store) beginDiagnosis(ctx context.Context, job, incident int64, later bool) (wanted int64, busy bool, err error) {
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `
			SELECT CASE WHEN done < wanted OR $3 THEN wanted ELSE 0 END, running_job <> $2 AND coalesce(running_until > now(), false)
			FROM diagnosis_requests WHERE incident_id = $1 FOR UPDATE`, incident, job, later).Scan(&wanted, &busy)
		if errors.Is(err, pgx.ErrNoRows) {
			wanted, busy = 0, false
			return nil
		}
		if err != nil || wanted == 0 || busy {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE diagnosis_requests SET running_job = $2, running_until = now() + $3 WHERE incident_id = $1`,
			incident, job, taskTimeout+stopGrace)
		return err
	})
	return wanted, busy && wanted > 0, err
}
