package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// Declare makes messages wanted without an incident behind them.
func Declare(ctx context.Context, s *Store, messages ...engine.Message) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return s.apply(ctx, tx, incident.Plan{Messages: messages}) })
}

// Insert inserts tasks without an incident's plan.
func Insert(ctx context.Context, s *Store, tasks ...incident.TaskAt) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return s.insertTasks(ctx, tx, tasks) })
}

// Cancels tells whether a task that failed so is not tried again.
func Cancels(err error, attempt int) bool {
	var cancel *river.JobCancelError
	return errors.As(verdictOn(err, attempt), &cancel)
}

// MigrationLock is what whoever migrates holds.
const MigrationLock = migrationLock

// Database is the database that the store connects to.
func Database(s *Store) string { return s.pool.Config().ConnConfig.Database }

// Rescue looks once after the tasks of workers that are gone.
func Rescue(ctx context.Context, s *Store, suspects map[string]bool) (map[string]bool, error) {
	c, err := connect(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return nil, err
	}
	defer closeQuickly(ctx, c)
	return s.rescue(ctx, c, "the test", suspects)
}
