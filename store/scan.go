package store

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const (
	// scanLock is the advisory lock under which scans are begun and saved: two scans never judge one cluster at once.
	scanLock int64 = 0x6175746f7363616e

	// ScanTimeout is how long a scan may take. Another may begin when it is over, whatever became of the first.
	ScanTimeout = 10 * time.Minute

	selectScan = `SELECT id, trigger, by_id, by_name, cluster, namespace, started_at, finished_at, problem, report FROM scan `

	// overlaps is true of a scan of a cluster ($1) and namespace ($2) that shares targets with the scan; "" is all.
	overlaps = `(cluster = '' OR $1 = '' OR cluster = $1) AND (namespace = '' OR $2 = '' OR namespace = $2)`
)

// RequestScan has a scan made as a person asked for, or keeps that they were refused; both are audited. The same decision twice
// asks once. It fails with engine.Conflict while a scan of the same targets waits or runs.
func (s *Store) RequestScan(ctx context.Context, d engine.Decision, cluster, namespace string) (engine.Scan, error) {
	var scan engine.Scan
	var outcome error
	if d.ID == "" {
		return scan, engine.Errorf(engine.Invalid, "a decision needs the id of the click, command or submission")
	}
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		scan, outcome = engine.Scan{}, nil
		if err := lockScans(ctx, tx); err != nil {
			return err
		}
		fresh, err := saveDecision(ctx, tx, d, 0)
		if err != nil {
			return err
		}
		if !fresh {
			if scan, err = oneScan(ctx, tx, `WHERE decision = $1`, d.ID); err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			outcome, err = formerOutcome(ctx, tx, d.ID)
			return err
		}
		if d.Allowed {
			if scan, outcome, err = s.enqueueScan(ctx, tx, d, cluster, namespace); err != nil {
				return err
			}
		}
		return s.conclude(ctx, tx, d, outcome)
	})
	if err != nil {
		return engine.Scan{}, err
	}
	return scan, outcome
}

// enqueueScan inserts the scan and its task, unless one of the same targets waits or runs: that is the outcome then.
func (s *Store) enqueueScan(ctx context.Context, tx pgx.Tx, d engine.Decision, cluster, namespace string) (scan engine.Scan, outcome, err error) {
	scan, err = oneScan(ctx, tx, `WHERE finished_at IS NULL AND `+overlaps+` AND requested_at > $3 ORDER BY id LIMIT 1`,
		cluster, namespace, s.now().Add(-staleScan))
	switch {
	case err == nil && scan.Started.IsZero():
		return scan, engine.Errorf(engine.Conflict, "A scan of %s waits already; its findings will be in `/autopilot savings`.", scopeOf(scan)), nil
	case err == nil:
		return scan, engine.Errorf(engine.Conflict, "A scan of %s runs already, since %s; its findings will be in `/autopilot savings`.",
			scopeOf(scan), scan.Started.UTC().Format("15:04 UTC")), nil
	case !errors.Is(err, pgx.ErrNoRows):
		return scan, nil, err
	}
	var id int64
	err = tx.QueryRow(ctx, `INSERT INTO scan (trigger, by_id, by_name, cluster, namespace, decision, requested_at)
		VALUES ('command', $1, $2, $3, $4, $5, $6) RETURNING id`, d.By.ID, d.By.Name, cluster, namespace, d.ID, s.now()).Scan(&id)
	if err != nil {
		return scan, nil, err
	}
	if scan, err = oneScan(ctx, tx, `WHERE id = $1`, id); err != nil {
		return scan, nil, err
	}
	return scan, nil, s.insertTasks(ctx, tx, scanTask(id))
}

// staleScan is how long a scan that never ended keeps others of its targets from being asked for.
const staleScan = 2 * time.Hour

func scopeOf(s engine.Scan) string {
	switch {
	case s.Cluster == "":
		return "all clusters"
	case s.Namespace == "":
		return "cluster `" + s.Cluster + "`"
	}
	return "namespace `" + s.Namespace + "` of cluster `" + s.Cluster + "`"
}

func scanTask(id int64) []incident.TaskAt {
	return []incident.TaskAt{{Task: engine.Task{Kind: engine.TaskScan, Detail: strconv.FormatInt(id, 10)}}}
}

// ScheduleScan has the scan of a period made, unless that was done, by whomever.
func (s *Store) ScheduleScan(ctx context.Context, period time.Time) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var id int64
		err := tx.QueryRow(ctx, `INSERT INTO scan (trigger, period, requested_at) VALUES ('schedule', $1, $2)
			ON CONFLICT (period) DO NOTHING RETURNING id`, stamp(period), s.now()).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.insertTasks(ctx, tx, scanTask(id))
	})
}

// BeginScan says that a scan begins, and gives it. One that has ended comes back as it ended: there is nothing to do. It fails
// with engine.Unavailable while another scan of the same targets runs, and with engine.NotFound for an unknown one.
func (s *Store) BeginScan(ctx context.Context, id int64) (engine.Scan, error) {
	var scan engine.Scan
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockScans(ctx, tx); err != nil {
			return err
		}
		var err error
		scan, err = oneScan(ctx, tx, `WHERE id = $1`, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return engine.Errorf(engine.NotFound, "there is no scan %d", id)
		}
		if err != nil || !scan.Finished.IsZero() {
			return err
		}
		other, err := oneScan(ctx, tx, `WHERE `+overlaps+` AND id <> $3 AND finished_at IS NULL AND running_until > now() LIMIT 1`,
			scan.Cluster, scan.Namespace, id)
		if err == nil {
			return engine.Errorf(engine.Unavailable, "scan %d of %s runs", other.ID, scopeOf(other))
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		scan.Started = s.now()
		_, err = tx.Exec(ctx, `UPDATE scan SET started_at = $2, running_until = now() + $3 WHERE id = $1`, id, scan.Started, ScanTimeout)
		return err
	})
	return scan, err
}

// FailScan keeps why a scan gave nothing at all. One that has ended stays as it is.
func (s *Store) FailScan(ctx context.Context, id int64, problem string) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE scan SET finished_at = $2, problem = $3, started_at = coalesce(started_at, $2)
			WHERE id = $1 AND finished_at IS NULL`, id, s.now(), problem)
		return err
	})
}

// PauseScan lets others scan while a scan that could not go on waits for its next try.
func (s *Store) PauseScan(ctx context.Context, id int64) error {
	return s.exec(ctx, `UPDATE scan SET running_until = NULL WHERE id = $1 AND finished_at IS NULL`, id)
}

// LastScan gives the newest scan that ended, else the newest; the zero Scan when there is none.
func (s *Store) LastScan(ctx context.Context) (engine.Scan, error) {
	var scan engine.Scan
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		scan, err = lastScan(ctx, tx)
		return err
	})
	return scan, err
}

func lastScan(ctx context.Context, tx pgx.Tx) (engine.Scan, error) {
	scan, err := oneScan(ctx, tx, `ORDER BY finished_at DESC NULLS LAST, id DESC LIMIT 1`)
	if errors.Is(err, pgx.ErrNoRows) {
		return engine.Scan{}, nil
	}
	return scan, err
}

func oneScan(ctx context.Context, tx pgx.Tx, rest string, args ...any) (engine.Scan, error) {
	rows, err := tx.Query(ctx, selectScan+rest, args...)
	if err != nil {
		return engine.Scan{}, err
	}
	return pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (engine.Scan, error) {
		var own engine.Scan
		var report *engine.Scan
		err := row.Scan(&own.ID, &own.Trigger, &own.By.ID, &own.By.Name, &own.Cluster, &own.Namespace,
			zeroTime{&own.Started}, zeroTime{&own.Finished}, &own.Problem, &report)
		if err != nil || report == nil {
			return own, err
		}
		full := *report
		full.ID, full.Trigger, full.By, full.Cluster, full.Namespace = own.ID, own.Trigger, own.By, own.Cluster, own.Namespace
		full.Started, full.Finished, full.Problem = own.Started, own.Finished, own.Problem
		return full, nil
	})
}

func lockScans(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, scanLock)
	return err
}
