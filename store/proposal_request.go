package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// requestDraftsSQL gives the groups that have something open and whose drafts nobody is about to make.
const requestDraftsSQL = `SELECT DISTINCT f.group_id::text FROM finding f WHERE f.status = 'open' AND f.group_id IS NOT NULL
	AND NOT EXISTS (SELECT FROM river_job j WHERE j.kind = $1 AND j.args ->> 'detail' = f.group_id::text
		AND j.state IN ('available', 'pending', 'retryable', 'scheduled'))
	ORDER BY 1`

// RequestDrafts has the drafts of every finding group made anew that has something open, each by a task of its own. A task that waits
// already is enough; one that runs may have looked before.
func (s *Store) RequestDrafts(ctx context.Context) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, requestDraftsSQL, engine.TaskDraft)
		if err != nil {
			return err
		}
		groups, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		tasks := make([]incident.TaskAt, len(groups))
		for k, group := range groups {
			tasks[k].Task = engine.Task{Kind: engine.TaskDraft, Detail: group}
		}
		return s.insertTasks(ctx, tx, tasks)
	})
}
