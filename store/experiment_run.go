package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// leaseExperimentSQL gives what needs something first: whose process died, then what people wait for, then what is to be graded.
const leaseExperimentSQL = `
	UPDATE experiments SET holder = $2, leased_until = now() + $3 WHERE id = (
		SELECT id FROM experiments WHERE cluster = ANY ($1) AND (leased_until IS NULL OR leased_until <= now()) AND (next_at IS NULL OR next_at <= $4)
			AND (status IN ('asked', 'confirmed', 'running') OR status = 'over' AND NOT graded)
		ORDER BY array_position(ARRAY['running', 'confirmed', 'asked', 'over'], status), id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
	RETURNING id`

// LeaseExperiment takes the next experiment of these clusters that needs something: one that runs without a process that holds it, one to
// begin, one to plan, one to grade. ok is false when there is none. Give each lease a holder of its own: what is kept later must
// come from it. The lease ends after ttl unless it is renewed.
func (s *Store) LeaseExperiment(ctx context.Context, clusters []string, holder string, ttl time.Duration) (e engine.Experiment, ok bool, err error) {
	if holder == "" || ttl <= 0 {
		return e, false, engine.Errorf(engine.Invalid, "a lease of an experiment needs a holder and a time, not %q and %s", holder, ttl)
	}
	err = s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var id int64
		e, ok = engine.Experiment{}, false
		err := tx.QueryRow(ctx, leaseExperimentSQL, clusters, holder, ttl, s.now()).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err == nil {
			e, err = loadExperiment(ctx, tx, id)
		}
		ok = err == nil
		return err
	})
	return e, ok && err == nil, err
}

// RenewExperiment renews a lease and gives the experiment as it is now: whether somebody wants it stopped. It fails with engine.Conflict
// when another process took it.
func (s *Store) RenewExperiment(ctx context.Context, id int64, holder string, ttl time.Duration) (engine.Experiment, error) {
	var e engine.Experiment
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE experiments SET leased_until = now() + $3 WHERE id = $1 AND holder = $2`, id, holder, ttl)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return engine.Errorf(engine.Conflict, "experiment %d is not held by %s any more", id, holder)
		}
		e, err = loadExperiment(ctx, tx, id)
		return err
	})
	return e, err
}

// PlanExperiment keeps the plan of one that was asked for, and shows it. One that may not begin is refused; so is one whose namespaces
// another experiment holds by now. It fails with engine.Conflict when it is not held, or was called off.
func (s *Store) PlanExperiment(ctx context.Context, plan engine.Experiment, holder string) (engine.Experiment, error) {
	return s.held(ctx, plan.ID, holder, func(ctx context.Context, tx pgx.Tx, e *engine.Experiment) error {
		if e.Status != engine.ExperimentAsked {
			return moved(*e)
		}
		e.Title, e.Strikes, e.Expect, e.Steady, e.Need, e.Hash = plan.Title, plan.Strikes, plan.Expect, plan.Steady, plan.Need, plan.Hash
		e.Refusals, e.Expires, e.Text = plan.Refusals, plan.Expires, plan.Text
		if err := s.alone(ctx, tx, e); err != nil {
			return err
		}
		e.Status = engine.ExperimentPlanned
		if len(e.Refusals) > 0 || e.Text != "" {
			e.Status = engine.ExperimentRefused
			if err := s.auditExperiment(ctx, tx, *e, engine.ActionChaosRefused, whyRefused(*e)); err != nil {
				return err
			}
		}
		return release(ctx, tx, e.ID, time.Time{})
	})
}

// busy names the blocker that package chaos has for this too: what it said may not be so any more.
const busy = "one experiment at a time"

// alone adds a refusal where another experiment holds one of the namespaces.
func (s *Store) alone(ctx context.Context, tx pgx.Tx, e *engine.Experiment) error {
	list, err := selectExperiments(ctx, tx, `WHERE e.cluster = $1 AND e.id <> $2 AND e.namespaces && $3
		AND (e.status IN ('confirmed', 'running') OR e.status = 'planned' AND e.expires > $4) ORDER BY e.id`, e.Cluster, e.ID, placesOf(*e), s.now())
	if err != nil {
		return err
	}
	if len(list) == 0 || slices.ContainsFunc(e.Refusals, func(r engine.Refusal) bool { return r.Blocker == busy }) {
		return nil
	}
	held := slices.DeleteFunc(e.Namespaces(), func(n string) bool { return !slices.Contains(list[0].Namespaces(), n) })
	e.Refusals = append(e.Refusals, engine.Refusal{Blocker: busy, Text: fmt.Sprintf(
		"Experiment %d holds the namespace %s: wait until it is over, or stop it.", list[0].ID, strings.Join(held, " and "))})
	return nil
}

// BeginExperiment keeps that a confirmed experiment begins now, with what its second look brought, unless it was called off, or as many
// run in the cluster as may: it is refused then. atMost is how many may run; 0 means any number.
func (s *Store) BeginExperiment(ctx context.Context, look engine.Experiment, holder string, atMost int) (engine.Experiment, error) {
	return s.held(ctx, look.ID, holder, func(ctx context.Context, tx pgx.Tx, e *engine.Experiment) error {
		if e.Status != engine.ExperimentConfirmed {
			return moved(*e)
		}
		e.Strikes, e.Steady, e.Refusals, e.Text = look.Strikes, look.Steady, look.Refusals, look.Text
		var running int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM experiments WHERE cluster = $1 AND status = 'running'`, e.Cluster).Scan(&running); err != nil {
			return err
		}
		if atMost > 0 && running >= atMost {
			e.Refusals = append(e.Refusals, engine.Refusal{Blocker: busy, Text: fmt.Sprintf(
				"%d experiments run on %s already, and %d may: wait until one is over.", running, e.Cluster, atMost)})
		}
		if err := s.alone(ctx, tx, e); err != nil {
			return err
		}
		if len(e.Refusals) > 0 || e.Text != "" {
			e.Status = engine.ExperimentRefused
			if err := s.auditExperiment(ctx, tx, *e, engine.ActionChaosRefused, whyRefused(*e)); err != nil {
				return err
			}
			return release(ctx, tx, e.ID, time.Time{})
		}
		e.Status, e.StartedAt, e.EndsAt, e.Expires = engine.ExperimentRunning, s.now(), look.EndsAt, time.Time{}
		return s.auditExperiment(ctx, tx, *e, engine.ActionChaosBegun, e.Title)
	})
}

// KeepBlow keeps a blow before it is begun, and what came of it after.
func (s *Store) KeepBlow(ctx context.Context, id int64, holder string, b engine.Blow) (engine.Experiment, error) {
	return s.held(ctx, id, holder, func(_ context.Context, _ pgx.Tx, e *engine.Experiment) error {
		if e.Status != engine.ExperimentRunning {
			return moved(*e)
		}
		b.Began, b.Ended = stamp(b.Began), stamp(b.Ended)
		k := slices.IndexFunc(e.Blows, func(o engine.Blow) bool { return o.Strike == b.Strike && o.Target.Object == b.Target.Object })
		if k < 0 {
			e.Blows = append(e.Blows, b)
		} else {
			e.Blows[k] = b
		}
		return nil
	})
}

// EndExperiment keeps that an experiment is over: all its faults have ended, or it is known of which that was not seen. It is graded from
// then on.
func (s *Store) EndExperiment(ctx context.Context, over engine.Experiment, holder string) (engine.Experiment, error) {
	return s.held(ctx, over.ID, holder, func(ctx context.Context, tx pgx.Tx, e *engine.Experiment) error {
		if e.Status != engine.ExperimentRunning {
			return moved(*e)
		}
		e.Status, e.OverAt, e.Ending, e.Text, e.Blows = engine.ExperimentOver, s.now(), over.Ending, over.Text, over.Blows
		for k := range e.Blows {
			e.Blows[k].Began, e.Blows[k].Ended = stamp(e.Blows[k].Began), stamp(e.Blows[k].Ended)
		}
		if err := release(ctx, tx, e.ID, time.Time{}); err != nil {
			return err
		}
		if over.Ending == engine.EndedByAlarm {
			return s.auditExperiment(ctx, tx, *e, engine.ActionChaosAlarm, e.Text)
		}
		return s.auditExperiment(ctx, tx, *e, engine.ActionChaosOver, strings.TrimSuffix(string(e.Ending)+": "+e.Text, ": "))
	})
}

// auditExperiment has the audit log say what became of an experiment without a person: it began, it was kept from that, it is over.
func (s *Store) auditExperiment(ctx context.Context, tx pgx.Tx, e engine.Experiment, a engine.Action, reason string) error {
	return s.appendAudit(ctx, tx, engine.AuditRow{
		At: s.now(), Action: a, Subject: fmt.Sprintf("experiment/%d", e.ID), Allowed: a != engine.ActionChaosRefused, Reason: reason, Plan: e.Hash,
	})
}

// whyRefused gives the reasons that keep an experiment from beginning, each with its blocker.
func whyRefused(e engine.Experiment) string {
	var all []string
	for _, r := range e.Refusals {
		all = append(all, r.Blocker+": "+r.Text)
	}
	if len(all) == 0 {
		return e.Text
	}
	return strings.Join(all, "; ")
}

// GradeExperiment keeps how the bot did in an experiment that is over. A grade that is there stays.
func (s *Store) GradeExperiment(ctx context.Context, id int64, holder string, g engine.Grade) (engine.Experiment, error) {
	return s.held(ctx, id, holder, func(ctx context.Context, tx pgx.Tx, e *engine.Experiment) error {
		if e.Status != engine.ExperimentOver || e.Grade != nil {
			return moved(*e)
		}
		g.At = stamp(g.At)
		e.Grade = &g
		return release(ctx, tx, id, time.Time{})
	})
}

// LeaveExperiment lets an experiment go until a time, as it is.
func (s *Store) LeaveExperiment(ctx context.Context, id int64, holder string, until time.Time) error {
	return s.exec(ctx, `UPDATE experiments SET holder = '', leased_until = NULL, next_at = $3 WHERE id = $1 AND holder = $2`, id, holder, orNull(until))
}

// moved is why what was found cannot be kept.
func moved(e engine.Experiment) error {
	return engine.Errorf(engine.Conflict, "experiment %d is %s by now%s", e.ID, e.Status, because(e.Text))
}

// SawChaosWorker keeps that a process that does experiments on these clusters is there.
func (s *Store) SawChaosWorker(ctx context.Context, clusters []string, holder string) error {
	return s.exec(ctx, `INSERT INTO chaos_worker (cluster, holder, seen_at) SELECT unnest($1::text[]), $2, now()
		ON CONFLICT (cluster) DO UPDATE SET holder = excluded.holder, seen_at = excluded.seen_at`, clusters, holder)
}

// ChaosWorker tells when a process that does experiments on a cluster was last seen, and how long ago that is by the clock of the
// database. Of no cluster it is the last of any; of one that nobody ever saw, zero.
func (s *Store) ChaosWorker(ctx context.Context, cluster string) (at time.Time, ago time.Duration, err error) {
	err = s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var seconds float64
		err := tx.QueryRow(ctx, `SELECT max(seen_at), coalesce(extract(epoch FROM now() - max(seen_at)), 0)::float8 FROM chaos_worker WHERE $1 IN ('', cluster)`, cluster).
			Scan(zeroTime{&at}, &seconds)
		ago = time.Duration(seconds * float64(time.Second))
		return err
	})
	return at, ago, err
}
