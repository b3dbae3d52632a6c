package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// Vitals are how well the bot does what it is there for: what its own metrics show beside the Backlog.
type Vitals struct {
	Detected    int     // incidents opened in the last hour
	Delays      []Delay // of those, a line a step that any of them has taken
	Clusters    []ClusterVitals
	Scan        ScanVitals
	Experiments ExperimentVitals
	Findings    []FindingSum
	Saved       []SavedSum
}

// Delay is how long a step took: incident from the start of the problem to its incident, card from there to the post in Slack, cause from
// there to the first diagnosis.
type Delay struct {
	Step        string
	Count       int
	Median, P95 time.Duration
}

// ClusterVitals is how well a cluster is watched. Unknown is the age of what never was.
type ClusterVitals struct {
	Name     string
	Watched  bool
	Synced   time.Duration // since what is known of it was current
	Watchdog time.Duration // since its always-firing alert came
}

// Unknown is the age of what never was.
const Unknown time.Duration = -1

// ScanVitals is how the newest scans for waste went.
type ScanVitals struct {
	Good   time.Time // when the last one of all clusters that gave findings began; zero for none
	Last   time.Time // when the last one of all clusters ended, however; zero for none
	Failed bool      // it gave no findings
	Took   time.Duration
	Gaps   int // what it could not have
	Cost   engine.ScanCost
}

// ExperimentVitals is what waits for the process that does experiments, and what nobody ended.
type ExperimentVitals struct {
	Waiting  Waiting // asked for, and nobody has planned them
	Stranded int     // under way without anybody who holds them; or over within the last hour, and it was not seen that nothing is left
}

// FindingSum is open findings of one kind in one cluster.
type FindingSum struct {
	Kind, Cluster string
	Count         int
	Monthly       engine.MicroUSD
}

// SavedSum is what the ledger says of one type of waste in one cluster.
type SavedSum struct {
	Type, Cluster string
	Step          string // approved, implemented: a month, of what was not reversed; verified: in all, as measured and corrected
	Amount        engine.MicroUSD
}

// When a card was posted its ts says, by Slack's own clock.
const delaysSQL = `
	WITH fresh AS (SELECT * FROM incidents WHERE detected_at > $1), steps AS (
		SELECT 'incident' AS step, extract(epoch FROM detected_at - started_at)::float8 AS took FROM fresh
		UNION ALL
		SELECT 'card', m.ts::float8 - extract(epoch FROM f.detected_at)::float8
			FROM fresh f JOIN messages m ON m.key = 'incident/' || f.id || '/card' WHERE m.ts ~ '^[0-9]+[.][0-9]+$'
		UNION ALL
		SELECT 'cause', extract(epoch FROM min(d.at) - f.detected_at)::float8 FROM fresh f JOIN diagnoses d ON d.incident_id = f.id GROUP BY f.id, f.detected_at)
	SELECT step, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY took), percentile_cont(0.95) WITHIN GROUP (ORDER BY took)
	FROM steps GROUP BY step ORDER BY step`

const clusterVitalsSQL = `
	SELECT c.cluster, c.problem = '' AND coalesce(c.until > now(), false), coalesce(extract(epoch FROM $1 - c.synced_at)::float8, -1),
		coalesce(extract(epoch FROM $1 - w.at)::float8, -1)
	FROM cluster_lease c LEFT JOIN watchdog w USING (cluster) ORDER BY c.cluster`

// A scan of a part of what there is says nothing of the schedule.
const wholeScans = `WHERE cluster = '' AND namespace = '' AND finished_at IS NOT NULL `

const experimentVitalsSQL = `
	SELECT count(*) FILTER (WHERE status = 'asked'), coalesce(extract(epoch FROM $1 - min(asked_at) FILTER (WHERE status = 'asked')), 0)::float8,
		count(*) FILTER (WHERE status = 'running' AND coalesce(leased_until, started_at) < now() - interval '1 minute'
			OR status = 'over' AND over_at > $1 - interval '1 hour' AND body @? '$.blows[*] ? (@.clean == false)')
	FROM experiments WHERE status IN ('asked', 'running') OR over_at > $1 - interval '1 hour'`

const savedSQL = `
	SELECT l.type, l.cluster, l.kind, sum(l.amount)::bigint FROM ledger l
	WHERE l.kind IN ('approved', 'implemented') AND NOT EXISTS (SELECT FROM ledger r WHERE r.chain = l.chain AND r.kind = 'reversed')
	GROUP BY l.type, l.cluster, l.kind
	UNION ALL
	SELECT type, cluster, 'verified', sum(amount)::bigint FROM ledger WHERE day IS NOT NULL GROUP BY type, cluster
	ORDER BY 1, 2, 3`

// Vitals reads them. It fails with Unavailable while the database does not answer.
func (s *Store) Vitals(ctx context.Context) (v Vitals, err error) {
	now := s.now()
	err = s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		v = Vitals{}
		if err := v.delays(ctx, tx, now); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, clusterVitalsSQL, now)
		if err != nil {
			return err
		}
		if v.Clusters, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c ClusterVitals, err error) {
			var synced, watchdog float64
			err = row.Scan(&c.Name, &c.Watched, &synced, &watchdog)
			c.Synced, c.Watchdog = age(synced), age(watchdog)
			return c, err
		}); err != nil {
			return err
		}
		if err := v.scan(ctx, tx); err != nil {
			return err
		}
		if err := v.Experiments.read(ctx, tx, now); err != nil {
			return err
		}
		return v.money(ctx, tx)
	})
	return v, err
}

// ExperimentVitals reads what of the Vitals is about experiments. It fails with Unavailable while the database does not answer.
func (s *Store) ExperimentVitals(ctx context.Context) (v ExperimentVitals, err error) {
	now := s.now()
	err = s.read(ctx, func(ctx context.Context, tx pgx.Tx) error { return v.read(ctx, tx, now) })
	return v, err
}

func (v *ExperimentVitals) read(ctx context.Context, tx pgx.Tx, now time.Time) error {
	var waits float64
	if err := tx.QueryRow(ctx, experimentVitalsSQL, now).Scan(&v.Waiting.Count, &waits, &v.Stranded); err != nil {
		return err
	}
	v.Waiting.Age = seconds(waits)
	return nil
}

func (v *Vitals) delays(ctx context.Context, tx pgx.Tx, now time.Time) error {
	since := now.Add(-time.Hour)
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM incidents WHERE detected_at > $1`, since).Scan(&v.Detected); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, delaysSQL, since)
	if err != nil {
		return err
	}
	v.Delays, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Delay, err error) {
		var median, p95 float64
		err = row.Scan(&d.Step, &d.Count, &median, &p95)
		d.Median, d.P95 = seconds(median), seconds(p95)
		return d, err
	})
	return err
}

func (v *Vitals) scan(ctx context.Context, tx pgx.Tx) error {
	if err := tx.QueryRow(ctx, `SELECT max(started_at) FROM scan `+wholeScans+`AND problem = ''`).Scan(zeroTime{&v.Scan.Good}); err != nil {
		return err
	}
	l, err := oneScan(ctx, tx, wholeScans+`ORDER BY finished_at DESC, id DESC LIMIT 1`)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	v.Scan.Last, v.Scan.Failed, v.Scan.Gaps, v.Scan.Cost = l.Finished, l.Problem != "", len(l.Missing), l.Cost
	if !l.Started.IsZero() {
		v.Scan.Took = l.Finished.Sub(l.Started)
	}
	return nil
}

func (v *Vitals) money(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT kind, cluster, count(*), sum(monthly)::bigint FROM finding WHERE status = 'open' GROUP BY kind, cluster ORDER BY kind, cluster`)
	if err != nil {
		return err
	}
	if v.Findings, err = pgx.CollectRows(rows, pgx.RowToStructByPos[FindingSum]); err != nil {
		return err
	}
	if rows, err = tx.Query(ctx, savedSQL); err != nil {
		return err
	}
	v.Saved, err = pgx.CollectRows(rows, pgx.RowToStructByPos[SavedSum])
	return err
}

// age is seconds, or Unknown where there are none.
func age(s float64) time.Duration {
	if s < 0 {
		return Unknown
	}
	return seconds(s)
}
