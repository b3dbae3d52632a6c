package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const (
	leftBehind = 10 * time.Minute
	unwatched  = "24 hours" // after which a cluster whose lease nobody took counts as removed from the configuration

	// What a person resolved while it fired is still compared with what the sources say.
	longResolved = `(SELECT i.id FROM incidents i WHERE i.status = 'resolved' AND i.resolved_at < $1
		AND NOT EXISTS (SELECT FROM signals s WHERE s.incident_id = i.id AND s.ends_at IS NULL))`
)

// Sweep deletes what has been kept long enough and takes up work that was left behind: incidents that should have been settled
// or diagnosed, and whose task is gone.
func (s *Store) Sweep(ctx context.Context) error {
	now := s.now()
	if err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return s.forget(ctx, tx, now) }); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tasks, err := orphans(ctx, tx, now, s.rules().HoldDown)
		if err != nil {
			return err
		}
		return s.insertTasks(ctx, tx, tasks)
	})
}

// forget deletes what is too old. Incidents, their timelines, decisions and the audit log stay.
func (s *Store) forget(ctx context.Context, tx pgx.Tx, now time.Time) error {
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM inbox WHERE received_at < $1`, now.Add(-s.payloads))
	long := now.Add(-s.retention)
	b.Queue(`DELETE FROM diagnoses WHERE incident_id IN `+longResolved, long)
	b.Queue(`DELETE FROM considerations WHERE incident_id IN `+longResolved, long)
	b.Queue(`DELETE FROM signals WHERE incident_id IN `+longResolved, long)
	b.Queue(`DELETE FROM home_viewers WHERE seen_at < $1`, long)
	b.Queue(`DELETE FROM cluster_lease WHERE until < now() - interval '` + unwatched + `'`)
	return tx.SendBatch(ctx, b).Close()
}

// orphans gives the tasks that open incidents lack.
func orphans(ctx context.Context, tx pgx.Tx, now time.Time, holdDown time.Duration) ([]incident.TaskAt, error) {
	const pending = `EXISTS (SELECT FROM river_job j WHERE j.kind = $1 AND j.finalized_at IS NULL AND (j.args ->> 'incident_id')::bigint = i.id)`
	var tasks []incident.TaskAt
	for kind, where := range map[engine.TaskKind]string{
		engine.TaskSettle:   `i.cleared_at < $2`,
		engine.TaskDiagnose: `EXISTS (SELECT FROM diagnosis_requests d WHERE d.incident_id = i.id AND d.done < d.wanted) AND i.detected_at < $2`,
	} {
		before := now.Add(-leftBehind)
		if kind == engine.TaskSettle {
			before = before.Add(-holdDown)
		}
		rows, err := tx.Query(ctx, `SELECT i.id FROM incidents i WHERE i.status <> 'resolved' AND `+where+` AND NOT `+pending+` ORDER BY i.id LIMIT 200`, kind, before)
		if err != nil {
			return nil, err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			tasks = append(tasks, incident.TaskAt{Task: engine.Task{Kind: kind, IncidentID: id}})
		}
	}
	return tasks, nil
}
