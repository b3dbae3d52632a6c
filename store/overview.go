package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// Of several clusters the one that was heard of longest ago counts, or one that is heard would hide one that is not. Those that
// are not in the configuration any more have no lease.
const watchdogSQL = `SELECT min(w.at) FROM watchdog w JOIN cluster_lease c USING (cluster) WHERE c.until IS NOT NULL`

// Overview gives the dashboard as it is at one moment. At most 500 open incidents are listed; BySev counts all of them.
func (s *Store) Overview(ctx context.Context) (engine.Overview, error) {
	o := engine.Overview{At: s.now(), BySev: map[engine.Severity]int{}}
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if o.Open, err = selectIncidents(ctx, tx, `WHERE i.status <> 'resolved' ORDER BY i.detected_at DESC, i.id DESC LIMIT 500`); err != nil {
			return err
		}
		if o.Resolved, err = selectIncidents(ctx, tx,
			`WHERE i.status = 'resolved' AND i.resolved_at > $1 ORDER BY i.resolved_at DESC, i.id DESC LIMIT 10`, o.At.Add(-24*time.Hour)); err != nil {
			return err
		}
		if err := countBySeverity(ctx, tx, o.BySev); err != nil {
			return err
		}
		if o.Clusters, err = loadClusters(ctx, tx); err != nil {
			return err
		}
		if o.Paused, err = loadPause(ctx, tx); err != nil {
			return err
		}
		return tx.QueryRow(ctx, watchdogSQL).Scan(zeroTime{&o.Watchdog})
	})
	return o, err
}

func countBySeverity(ctx context.Context, tx pgx.Tx, counts map[engine.Severity]int) error {
	rows, err := tx.Query(ctx, `SELECT severity, count(*) FROM incidents WHERE status <> 'resolved' GROUP BY severity`)
	if err != nil {
		return err
	}
	var severity engine.Severity
	var n int
	_, err = pgx.ForEachRow(rows, []any{&severity, &n}, func() error {
		counts[severity] = n
		return nil
	})
	return err
}
