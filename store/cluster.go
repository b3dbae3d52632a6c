package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// WatchCluster takes or renews the lease on a cluster for a replica. held is false while another replica holds it.
// Renew it well before ttl has passed, and stop watching when that fails for as long as ttl.
func (s *Store) WatchCluster(ctx context.Context, cluster, holder string, ttl time.Duration) (held bool, err error) {
	if cluster == "" || holder == "" || ttl <= 0 {
		return false, engine.Errorf(engine.Invalid, "a cluster lease needs a cluster, a holder and a time, not %q, %q and %s", cluster, holder, ttl)
	}
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			INSERT INTO cluster_lease AS c (cluster, holder, until) VALUES ($1, $2, now() + $3)
			ON CONFLICT (cluster) DO UPDATE SET holder = excluded.holder, until = excluded.until
			WHERE c.holder = excluded.holder OR c.until IS NULL OR c.until <= now()`, cluster, holder, ttl)
		held = tag.RowsAffected() == 1
		return err
	})
	return held, err
}

// ClusterStatus records until when what is known of a cluster is current, and why it is not watched ("" when it is).
// A zero time leaves the time as it was.
func (s *Store) ClusterStatus(ctx context.Context, cluster string, synced time.Time, problem string) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var before string
		err := tx.QueryRow(ctx, `
			WITH old AS (SELECT problem FROM cluster_lease WHERE cluster = $1)
			INSERT INTO cluster_lease AS c (cluster, synced_at, problem) VALUES ($1, $2, $3)
			ON CONFLICT (cluster) DO UPDATE SET synced_at = greatest(c.synced_at, excluded.synced_at), problem = excluded.problem
			RETURNING coalesce((SELECT problem FROM old), '')`, cluster, orNull(synced), problem).Scan(&before)
		if err != nil || clean(problem) == before {
			return err
		}
		b := &pgx.Batch{}
		b.Queue(homeChangedSQL, s.now().Add(-homeInterest))
		b.Queue(wakeSQL)
		return tx.SendBatch(ctx, b).Close()
	})
}

// SawWatchdog records that a cluster's always-firing alert arrived: the road from Prometheus to here is open.
func (s *Store) SawWatchdog(ctx context.Context, cluster string, at time.Time) error {
	return s.exec(ctx, `
		INSERT INTO watchdog AS w (cluster, at) VALUES ($1, $2)
		ON CONFLICT (cluster) DO UPDATE SET at = excluded.at WHERE excluded.at > w.at`, cluster, stamp(at))
}

func loadClusters(ctx context.Context, tx pgx.Tx) ([]engine.ClusterState, error) {
	rows, err := tx.Query(ctx, `
		SELECT c.cluster, c.problem = '' AND coalesce(c.until > now(), false), c.holder, c.synced_at, c.problem,
			(SELECT count(*) FROM incidents i WHERE i.cluster = c.cluster AND i.status <> 'resolved')
		FROM cluster_lease c ORDER BY c.cluster`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (engine.ClusterState, error) {
		var c engine.ClusterState
		err := row.Scan(&c.Name, &c.Watched, &c.Holder, zeroTime{&c.SyncedAt}, &c.Error, &c.OpenCount)
		return c, err
	})
}
