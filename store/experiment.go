package store

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// chaosLock is the advisory lock under which experiments move on: two of them never begin in one namespace at once.
	chaosLock int64 = 0x6175746f63686173

	// undecided is how long an experiment waits for the process that plans it, and, once confirmed, for the one that begins it.
	undecided = 10 * time.Minute

	selectExperiment = `SELECT e.id, e.version, e.body, coalesce(m.channel_id, ''), coalesce(m.ts, '')
		FROM experiments e LEFT JOIN messages m ON m.key = 'experiment/' || e.id || '/card' `

	insertExperimentSQL = `INSERT INTO experiments (cluster, status, namespaces, by_id, asked_at, expires, body) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`

	saveExperimentSQL = `UPDATE experiments SET status = $2, namespaces = $3, expires = $4, started_at = $5, stop_at = $6, over_at = $7, graded = $8,
		version = $9, body = $10 WHERE id = $1`

	mostExperiments = 1000
)

// Experiment fails with engine.NotFound when there is none of that id.
func (s *Store) Experiment(ctx context.Context, id int64) (engine.Experiment, error) {
	var e engine.Experiment
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		e, err = loadExperiment(ctx, tx, id)
		return err
	})
	return e, err
}

// Experiments gives those that a filter chooses, the newest first.
func (s *Store) Experiments(ctx context.Context, f engine.ExperimentFilter) ([]engine.Experiment, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	var list []engine.Experiment
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		list, err = selectExperiments(ctx, tx, `WHERE ($1 = '' OR e.cluster = $1) AND (cardinality($2::text[]) = 0 OR e.status = ANY ($2)) AND ($3 = '' OR e.by_id = $3)
				AND ($4::timestamptz IS NULL OR greatest(e.asked_at, e.over_at) > $4) AND (e.graded OR NOT $5) ORDER BY e.id DESC LIMIT $6`,
			f.Cluster, words(f.Statuses), f.By, orNull(f.Since), f.Graded, min(f.Limit, mostExperiments))
		return err
	})
	return list, err
}

// Judged gives the incidents that somebody answered about since a time, with their answers and causes.
func (s *Store) Judged(ctx context.Context, since time.Time) ([]engine.Incident, error) {
	var list []engine.Incident
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		list, err = selectIncidents(ctx, tx, `WHERE i.id IN (SELECT v.incident_id FROM verdicts v WHERE v.at > $1 ORDER BY v.at DESC LIMIT $2) ORDER BY i.id`,
			stamp(since), mostExperiments)
		if err != nil {
			return err
		}
		return loadLists(ctx, tx, list)
	})
	return list, err
}

func words[S ~string](all []S) []string {
	list := make([]string, len(all))
	for k, w := range all {
		list[k] = string(w)
	}
	return list
}

func selectExperiments(ctx context.Context, tx pgx.Tx, rest string, args ...any) ([]engine.Experiment, error) {
	rows, err := tx.Query(ctx, selectExperiment+rest, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (engine.Experiment, error) {
		var id, version int64
		var e engine.Experiment
		var thread engine.Thread
		err := row.Scan(&id, &version, &e, &thread.Channel, &thread.TS)
		e.ID, e.Version, e.Thread = id, version, thread
		return e, err
	})
}

func loadExperiment(ctx context.Context, tx pgx.Tx, id int64) (engine.Experiment, error) {
	list, err := selectExperiments(ctx, tx, `WHERE e.id = $1`, id)
	if err != nil {
		return engine.Experiment{}, err
	}
	if len(list) == 0 {
		return engine.Experiment{}, engine.Errorf(engine.NotFound, "there is no experiment %d; `/autopilot chaos list` has those of late", id)
	}
	return list[0], nil
}

// lockExperiments lets nobody else move an experiment on until the transaction ends.
func lockExperiments(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, chaosLock)
	return err
}

// insertExperiment keeps a new one and has its card shown.
func (s *Store) insertExperiment(ctx context.Context, tx pgx.Tx, e engine.Experiment) (engine.Experiment, error) {
	e.Version = 1
	err := tx.QueryRow(ctx, insertExperimentSQL, e.Cluster, e.Status, placesOf(e), e.By.ID, stamp(e.AskedAt), orNull(e.Expires), e).Scan(&e.ID)
	if err != nil {
		return e, err
	}
	return e, s.showExperiment(ctx, tx, e)
}

// saveExperiment keeps how an experiment is now and has its card show it.
func (s *Store) saveExperiment(ctx context.Context, tx pgx.Tx, e *engine.Experiment) error {
	e.Version++
	if _, err := tx.Exec(ctx, saveExperimentSQL, e.ID, e.Status, placesOf(*e), orNull(e.Expires), orNull(e.StartedAt), orNull(e.StopAt), orNull(e.OverAt),
		e.Grade != nil, e.Version, *e); err != nil {
		return err
	}
	return s.showExperiment(ctx, tx, *e)
}

// placesOf are the namespaces that an experiment holds.
func placesOf(e engine.Experiment) []string { return append([]string{}, e.Namespaces()...) }

// showExperiment declares the card of an experiment, and, once it is graded, the grade in its thread. Who waits for work hears of it too.
func (s *Store) showExperiment(ctx context.Context, tx pgx.Tx, e engine.Experiment) error {
	b := &pgx.Batch{}
	card := engine.Message{Key: engine.ExperimentKey(e.ID), Kind: engine.MessageExperiment, Subject: e.ID, Channel: s.channel(e.Channel), Version: e.Version}
	declare(b, card, s.now())
	if e.Grade != nil {
		grade := card
		grade.Key, grade.Kind, grade.ThreadKey, grade.Version = card.Key+"/grade", engine.MessageGrade, card.Key, 1
		declare(b, grade, s.now())
	}
	b.Queue(wakeSQL)
	return tx.SendBatch(ctx, b).Close()
}

// held runs f on an experiment that a process holds, and keeps it. It fails with engine.Conflict when another process holds it by now.
func (s *Store) held(ctx context.Context, id int64, holder string, f func(ctx context.Context, tx pgx.Tx, e *engine.Experiment) error) (engine.Experiment, error) {
	var e engine.Experiment
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockExperiments(ctx, tx); err != nil {
			return err
		}
		var by string
		err := tx.QueryRow(ctx, `SELECT holder FROM experiments WHERE id = $1 FOR NO KEY UPDATE`, id).Scan(&by)
		if errors.Is(err, pgx.ErrNoRows) {
			return engine.Errorf(engine.NotFound, "there is no experiment %d", id)
		}
		if err != nil {
			return err
		}
		if by != holder {
			return engine.Errorf(engine.Conflict, "experiment %d is not held by %s any more", id, holder)
		}
		if e, err = loadExperiment(ctx, tx, id); err != nil {
			return err
		}
		if err := f(ctx, tx, &e); err != nil {
			return err
		}
		return s.saveExperiment(ctx, tx, &e)
	})
	return e, err
}

// release lets an experiment go that needs nothing until somebody decides, or until a time.
func release(ctx context.Context, tx pgx.Tx, id int64, until time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE experiments SET holder = '', leased_until = NULL, next_at = $2 WHERE id = $1`, id, orNull(until))
	return err
}

// ExpireExperiments ends those that nobody said yes to in time, and those that no process planned or began in time.
func (s *Store) ExpireExperiments(ctx context.Context) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockExperiments(ctx, tx); err != nil {
			return err
		}
		list, err := selectExperiments(ctx, tx, `WHERE e.status IN ('asked', 'planned', 'confirmed') AND e.expires <= $1`, s.now())
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := s.expire(ctx, tx, &e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) expire(ctx context.Context, tx pgx.Tx, e *engine.Experiment) error {
	e.Text = map[engine.ExperimentStatus]string{
		engine.ExperimentAsked:     "no process that does experiments planned it in time; `autopilot chaos` must run",
		engine.ExperimentPlanned:   "nobody said yes in time",
		engine.ExperimentConfirmed: "no process that does experiments began it in time; `autopilot chaos` must run",
	}[e.Status]
	e.Status = engine.ExperimentRefused
	if err := release(ctx, tx, e.ID, time.Time{}); err != nil {
		return err
	}
	return s.saveExperiment(ctx, tx, e)
}
