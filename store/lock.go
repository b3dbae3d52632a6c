package store

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// lockKey is the advisory lock that stands for a workload.
func lockKey(fingerprint string) (int64, error) {
	n, err := strconv.ParseUint(fingerprint, 16, 64)
	if err != nil {
		return 0, engine.Errorf(engine.Internal, "fingerprint %q is not 16 hex digits", fingerprint)
	}
	return int64(n), nil //nolint:gosec // a bit pattern, not a quantity
}

// lockWorkloads takes the workload's own lock and shared locks on what it may follow from, in the order of the keys, until
// the transaction ends.
func lockWorkloads(ctx context.Context, tx pgx.Tx, own string, shared []string) error {
	exclusive := map[int64]bool{}
	for _, f := range shared {
		k, err := lockKey(f)
		if err != nil {
			return err
		}
		exclusive[k] = false
	}
	k, err := lockKey(own)
	if err != nil {
		return err
	}
	exclusive[k] = true
	b := &pgx.Batch{}
	for _, k := range slices.Sorted(maps.Keys(exclusive)) {
		if exclusive[k] {
			b.Queue(`SELECT pg_advisory_xact_lock($1)`, k)
		} else {
			b.Queue(`SELECT pg_advisory_xact_lock_shared($1)`, k)
		}
	}
	return tx.SendBatch(ctx, b).Close()
}

// lockRelated locks the rows of incidents, of their parents and of their children, in the order of their ids.
func lockRelated(ctx context.Context, tx pgx.Tx, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		SELECT FROM incidents WHERE id = ANY ($1) OR parent_id = ANY ($1)
			OR id IN (SELECT parent_id FROM incidents WHERE id = ANY ($1) AND parent_id IS NOT NULL)
		ORDER BY id FOR NO KEY UPDATE`, ids)
	return err
}

// fingerprintOf fails with engine.NotFound.
func fingerprintOf(ctx context.Context, tx pgx.Tx, id int64) (string, error) {
	var fingerprint string
	err := tx.QueryRow(ctx, `SELECT coalesce((SELECT fingerprint FROM incidents WHERE id = $1), '')`, id).Scan(&fingerprint)
	if err == nil && fingerprint == "" {
		err = engine.Errorf(engine.NotFound, "there is no incident %d", id)
	}
	return fingerprint, err
}

// lockIncident locks an incident and what it may change, and reads it with its lists and those of its children. It fails
// with engine.NotFound.
func lockIncident(ctx context.Context, tx pgx.Tx, id int64) (engine.Incident, error) {
	fingerprint, err := fingerprintOf(ctx, tx, id)
	if err != nil {
		return engine.Incident{}, err
	}
	if err := lockWorkloads(ctx, tx, fingerprint, nil); err != nil {
		return engine.Incident{}, err
	}
	if err := lockRelated(ctx, tx, []int64{id}); err != nil {
		return engine.Incident{}, err
	}
	i, err := loadIncident(ctx, tx, id)
	if err != nil {
		return i, err
	}
	return i, loadLists(ctx, tx, i.Children)
}
