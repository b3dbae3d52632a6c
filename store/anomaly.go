package store

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

const (
	seriesRetention = 14 * 24 * time.Hour // of a series that has no values any more
	seriesChunk     = 2000                // rows of one statement: some 4 MB

	saveSeriesSQL = `INSERT INTO anomaly_series AS s (cluster, namespace, kind, name, measure, at, state)
		SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::bytea[]) u (ns, k, n, m, at, state)
		ORDER BY ns, k, n, m
		ON CONFLICT (cluster, namespace, kind, name, measure) DO UPDATE SET at = excluded.at, state = excluded.state WHERE excluded.at > s.at`

	saveStrangeSQL = `INSERT INTO anomaly AS a (cluster, namespace, kind, name, since, severity, told, tracks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (cluster, namespace, kind, name) WHERE until IS NULL DO UPDATE SET
			severity = excluded.severity, told = a.told OR excluded.told, tracks = excluded.tracks`
)

// Series gives the series of a cluster as they were kept last.
func (s *Store) Series(ctx context.Context, cluster string) ([]anomaly.Kept, error) {
	var all []anomaly.Kept
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT namespace, kind, name, measure, at, state FROM anomaly_series WHERE cluster = $1`, cluster)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (anomaly.Kept, error) {
			k := anomaly.Kept{Key: anomaly.Key{Workload: engine.Workload{Cluster: cluster}}}
			w := &k.Key.Workload
			err := row.Scan(&w.Namespace, &w.Kind, &w.Name, &k.Key.Measure, &k.At, &k.State)
			return k, err
		})
		return err
	})
	return all, err
}

// SaveInstant keeps what a Watch came to at an instant: those of its series that are to be kept, and the workloads of which something is
// strange now. What was strange before and is not among them is over. An instant that is lost does no harm.
func (s *Store) SaveInstant(ctx context.Context, cluster string, at time.Time, kept []anomaly.Kept, strange []anomaly.Strange) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		for part := range slices.Chunk(kept, seriesChunk) {
			var r seriesRows
			for _, k := range part {
				r.add(k)
			}
			b.Queue(saveSeriesSQL, cluster, r.namespace, r.kind, r.name, r.measure, r.at, r.state)
		}
		var open seriesRows
		for _, x := range strange {
			w := x.Workload
			b.Queue(saveStrangeSQL, cluster, w.Namespace, w.Kind, w.Name, stamp(x.Since), x.Severity, x.Told, x.Tracks)
			open.add(anomaly.Kept{Key: anomaly.Key{Workload: w}})
		}
		b.Queue(`UPDATE anomaly a SET until = greatest($2, since) WHERE cluster = $1 AND until IS NULL
			AND NOT EXISTS (SELECT FROM unnest($3::text[], $4::text[], $5::text[]) u (ns, k, n) WHERE (u.ns, u.k, u.n) = (a.namespace, a.kind, a.name))`,
			cluster, stamp(at), open.namespace, open.kind, open.name)
		return tx.SendBatch(ctx, b).Close()
	})
}

// seriesRows are series by column.
type seriesRows struct {
	namespace, kind, name, measure []string
	at                             []time.Time
	state                          [][]byte
}

func (r *seriesRows) add(k anomaly.Kept) {
	w := k.Key.Workload
	r.namespace, r.kind, r.name = append(r.namespace, clean(w.Namespace)), append(r.kind, clean(w.Kind)), append(r.name, clean(w.Name))
	r.measure, r.at, r.state = append(r.measure, string(k.Key.Measure)), append(r.at, stamp(k.At)), append(r.state, k.State)
}

// Strange gives what was strange of a workload in a time, newest first.
func (s *Store) Strange(ctx context.Context, w engine.Workload, from, to time.Time) ([]anomaly.Strange, error) {
	const most = 5
	var all []anomaly.Strange
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT since, severity, told, tracks FROM anomaly
			WHERE cluster = $1 AND namespace = $2 AND kind = $3 AND name = $4 AND since <= $6 AND (until IS NULL OR until >= $5)
			ORDER BY since DESC, id DESC LIMIT $7`, w.Cluster, w.Namespace, w.Kind, w.Name, from, to, most)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (anomaly.Strange, error) {
			x := anomaly.Strange{Workload: w}
			err := row.Scan(&x.Since, &x.Severity, &x.Told, &x.Tracks)
			return x, err
		})
		return err
	})
	return all, err
}

// Useless gives, by series of a cluster, how often people said that an alarm in which it stood was not worth telling, less how often
// they said that it was.
func (s *Store) Useless(ctx context.Context, cluster string) (map[anomaly.Key]int, error) {
	out := map[anomaly.Key]int{}
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT i.namespace, i.workload_kind, i.workload, t ->> 'measure', sum(CASE WHEN v.is_right THEN -1 ELSE 1 END)::int
			FROM verdicts v JOIN incidents i ON i.id = v.incident_id JOIN signals s ON s.incident_id = i.id AND s.source = $2
				CROSS JOIN jsonb_array_elements(s.body -> 'tracks') t
			WHERE v.rule = $3 AND i.cluster = $1 GROUP BY 1, 2, 3, 4`, cluster, engine.SourceMetrics, engine.RuleAlarm)
		if err != nil {
			return err
		}
		k := anomaly.Key{Workload: engine.Workload{Cluster: cluster}}
		var n int
		_, err = pgx.ForEachRow(rows, []any{&k.Workload.Namespace, &k.Workload.Kind, &k.Workload.Name, &k.Measure, &n}, func() error {
			out[k] = n
			return nil
		})
		return err
	})
	return out, err
}
