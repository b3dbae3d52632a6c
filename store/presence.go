package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/jackc/pgx/v5"
)

// River takes up the tasks of a dead process only when no task could still be running: after more than a minute. On-call
// waits for some of them, so workers show that they live by a session-level advisory lock on their name, which PostgreSQL
// frees the moment their connection breaks, and the others take up what a nameless one left running.

const (
	presenceCheck = 2 * time.Second
	mostRescues   = 10 // of one task; past it, it may be what ends its processes, and River's slower rescue is enough
)

// workerName is a new name for a worker.
func workerName() string { return "autopilot_" + rand.Text() }

// presenceKey is the advisory lock that a living worker holds.
func presenceKey(worker string) int64 {
	sum := sha256.Sum256([]byte("worker\x00" + worker))
	return int64(binary.BigEndian.Uint64(sum[:8])) //nolint:gosec // a bit pattern, not a quantity
}

// present holds the lock of a worker until ctx ends and looks after the others meanwhile. It calls held each time that it
// has the lock.
func (s *Store) present(ctx context.Context, worker string, held func()) {
	for {
		err := s.presentOnce(ctx, worker, held)
		if ctx.Err() != nil {
			return
		}
		s.log.WarnContext(ctx, "not present among the workers", "worker", worker, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}

func (s *Store) presentOnce(ctx context.Context, worker string, held func()) error {
	c, err := connect(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer closeQuickly(ctx, c)
	if _, err := c.Exec(ctx, `SELECT pg_advisory_lock($1)`, presenceKey(worker)); err != nil {
		return err
	}
	held()
	suspects := map[string]bool{}
	tick := time.NewTicker(presenceCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if suspects, err = s.rescue(ctx, c, worker, suspects); err != nil {
			return err
		}
	}
}

// rescue makes the running tasks of workers available that were absent the last time and still are. Once is not enough: after
// a restart of the database, everybody is absent for a moment.
func (s *Store) rescue(ctx context.Context, c *pgx.Conn, self string, suspects map[string]bool) (map[string]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rows, err := c.Query(ctx, `SELECT DISTINCT attempted_by[cardinality(attempted_by)] FROM river_job
		WHERE state = 'running' AND cardinality(attempted_by) > 0`)
	if err != nil {
		return nil, err
	}
	workers, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	absent := map[string]bool{}
	for _, worker := range workers {
		var free bool
		if worker == self {
			continue
		}
		if err := c.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, presenceKey(worker)).Scan(&free); err != nil {
			return nil, err
		}
		if !free {
			continue
		}
		absent[worker] = true
		if suspects[worker] {
			tag, err := c.Exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = now()
				WHERE state = 'running' AND attempted_by[cardinality(attempted_by)] = $1 AND attempt < $2`, worker, mostRescues)
			if err != nil {
				return nil, err
			}
			s.log.WarnContext(ctx, "took up the tasks of a worker that is gone", "worker", worker, "tasks", tag.RowsAffected())
		}
		if _, err := c.Exec(ctx, `SELECT pg_advisory_unlock($1)`, presenceKey(worker)); err != nil {
			return nil, err
		}
	}
	return absent, nil
}
