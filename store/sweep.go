package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const (
	leftBehind  = 10 * time.Minute
	mostOrphans = 200                 // of one kind in one sweep; the next finds the rest
	unmeasured  = 14 * 24 * time.Hour // after which a change whose days nobody could measure holds up no other of the same value
	unwatched   = "24 hours"          // after which a cluster whose lease nobody took counts as removed from the configuration

	// What a person resolved while it fired is still compared with what the sources say.
	longResolved = `(SELECT i.id FROM incidents i WHERE i.status = 'resolved' AND i.resolved_at < $1
		AND NOT EXISTS (SELECT FROM signals s WHERE s.incident_id = i.id AND s.ends_at IS NULL))`
)

// Sweep deletes what has been kept long enough and takes up work that was left behind: incidents that should have been settled,
// diagnosed or repeated to the on-call, and proposals on their way, whose task is gone. Proposals and experiments that nobody decided in time expire.
func (s *Store) Sweep(ctx context.Context) error {
	now := s.now()
	if err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return s.forget(ctx, tx, now) }); err != nil {
		return err
	}
	if err := s.ExpireProposals(ctx); err != nil {
		return err
	}
	if err := s.ExpireExperiments(ctx); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tasks, err := orphans(ctx, tx, now, s.rules())
		if err != nil {
			return err
		}
		more, err := strayed(ctx, tx, now)
		if err != nil {
			return err
		}
		remedies, err := lostRemedies(ctx, tx, now.Add(-leftBehind))
		if err != nil {
			return err
		}
		storms, err := stormy(ctx, tx, now)
		if err != nil {
			return err
		}
		return s.insertTasks(ctx, tx, slices.Concat(tasks, more, remedies, storms))
	})
}

// forget deletes what is too old, and lets go of what nobody waits for any more. Incidents, their timelines, decisions and the audit log stay.
func (s *Store) forget(ctx context.Context, tx pgx.Tx, now time.Time) error {
	b := &pgx.Batch{}
	b.Queue(`DELETE FROM inbox WHERE received_at < $1`, now.Add(-s.payloads))
	long := now.Add(-s.retention)
	b.Queue(`DELETE FROM diagnoses WHERE incident_id IN `+longResolved, long)
	b.Queue(`DELETE FROM considerations WHERE incident_id IN `+longResolved, long)
	b.Queue(`DELETE FROM signals WHERE incident_id IN `+longResolved, long)
	b.Queue(`DELETE FROM anomaly WHERE until < $1`, long)
	b.Queue(`DELETE FROM anomaly_series WHERE at < $1`, now.Add(-seriesRetention))
	b.Queue(`DELETE FROM home_viewers WHERE seen_at < $1`, long)
	b.Queue(`DELETE FROM proposal_item i USING finding f WHERE i.proposal_id IS NULL AND f.id = i.finding_id AND f.status = 'closed'`)
	b.Queue(`UPDATE proposal_item i SET live = false FROM proposal p
		WHERE i.live AND p.id = i.proposal_id AND p.status = 'deployed' AND p.deployed_at < $1`, now.Add(-unmeasured))
	b.Queue(`DELETE FROM cluster_lease WHERE until < now() - interval '` + unwatched + `'`)
	return tx.SendBatch(ctx, b).Close()
}

// orphans gives the tasks that open incidents lack.
func orphans(ctx context.Context, tx pgx.Tx, now time.Time, r incident.Rules) ([]incident.TaskAt, error) {
	const pending = `EXISTS (SELECT FROM river_job j WHERE j.kind = $1 AND j.finalized_at IS NULL AND (j.args ->> 'incident_id')::bigint = i.id)`
	var tasks []incident.TaskAt
	for kind, where := range map[engine.TaskKind]string{
		engine.TaskSettle:   `i.cleared_at < $2`,
		engine.TaskDiagnose: `EXISTS (SELECT FROM diagnosis_requests d WHERE d.incident_id = i.id AND d.done < d.wanted) AND i.detected_at < $2`,
		engine.TaskEscalate: `i.status = 'open' AND i.parent_id IS NULL AND i.detected_at < $2`,
	} {
		before := now.Add(-leftBehind)
		if kind == engine.TaskSettle {
			before = before.Add(-r.HoldDown)
		}
		rows, err := tx.Query(ctx, `SELECT i.id FROM incidents i WHERE i.status <> 'resolved' AND `+where+` AND NOT `+pending+` ORDER BY i.id`, kind, before)
		if err != nil {
			return nil, err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err == nil && kind == engine.TaskEscalate {
			ids, err = escalating(ctx, tx, ids, r)
		}
		if err != nil {
			return nil, err
		}
		for _, id := range ids[:min(len(ids), mostOrphans)] {
			tasks = append(tasks, incident.TaskAt{Task: engine.Task{Kind: kind, IncidentID: id}})
		}
	}
	return tasks, nil
}

// escalating keeps the incidents that are still to be repeated or paged: most that wait for somebody have had all of it.
func escalating(ctx context.Context, tx pgx.Tx, ids []int64, r incident.Rules) ([]int64, error) {
	list, err := selectIncidents(ctx, tx, `WHERE i.id = ANY ($1) ORDER BY i.id`, ids)
	if err != nil {
		return nil, err
	}
	if err := loadLists(ctx, tx, list); err != nil {
		return nil, err
	}
	var left []int64
	for _, i := range list {
		if incident.Escalates(i, r) {
			left = append(left, i.ID)
		}
	}
	return left, nil
}
