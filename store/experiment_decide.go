package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// AskExperiment keeps that somebody wants an experiment, and the wish, which waits to be planned, and until a time if that is not zero.
// The same decision twice is one experiment: the second call gives the first's. That makes a schedule's once, whoever comes with it first.
func (s *Store) AskExperiment(ctx context.Context, d engine.Decision, e engine.Experiment, from time.Time) (engine.Experiment, error) {
	return s.decideExperiment(ctx, d, func(ctx context.Context, tx pgx.Tx, d *engine.Decision) (outcome, err error) {
		now := s.now()
		e.Status, e.By, e.AskedAt, e.Expires = engine.ExperimentAsked, d.By, now, now.Add(undecided)
		if from.After(now) {
			e.Expires, e.Text = from.Add(undecided), "it is planned at "+from.UTC().Format("15:04 UTC on Monday 2 January")
		}
		asked, err := s.insertExperiment(ctx, tx, e)
		if d.ExperimentID = asked.ID; err == nil && from.After(now) {
			err = release(ctx, tx, asked.ID, from)
		}
		return nil, err
	})
}

// ConfirmExperiment keeps a yes to a plan. When there are enough of them, the experiment waits to be begun.
//
// It fails with engine.Conflict when the plan is not the one that was shown, may not begin, has expired, or has moved on, and with
// engine.Forbidden where who asked does not count. The decision is kept even so. A person counts once.
func (s *Store) ConfirmExperiment(ctx context.Context, d engine.Decision) (engine.Experiment, error) {
	return s.decideExperiment(ctx, d, func(ctx context.Context, tx pgx.Tx, d *engine.Decision) (outcome, err error) {
		e, err := loadExperiment(ctx, tx, d.ExperimentID)
		if err != nil {
			return err, nil
		}
		said := slices.ContainsFunc(e.Approvals, func(a engine.Approval) bool { return a.By.ID == d.By.ID })
		switch {
		case d.By.IsZero() && e.Schedule == "":
			return engine.Errorf(engine.Forbidden, "the bot confirms no experiment: a person must"), nil
		case e.Status == engine.ExperimentAsked:
			return engine.Errorf(engine.Conflict, "experiment %d is being planned: wait for what it would do", e.ID), nil
		case e.Status != engine.ExperimentPlanned && said:
			return nil, nil // they were not the last
		case e.Status != engine.ExperimentPlanned:
			return engine.Errorf(engine.Conflict, "experiment %d is %s already%s", e.ID, e.Status, because(e.Text)), nil
		case !s.now().Before(e.Expires):
			if err := s.expire(ctx, tx, &e); err != nil {
				return nil, err
			}
			return engine.Errorf(engine.Conflict, "the plan of experiment %d expired at %s: ask for it again", e.ID, e.Expires.UTC().Format("15:04 UTC on 2 January")), nil
		case len(e.Refusals) > 0:
			return engine.Errorf(engine.Conflict, "experiment %d may not begin: %s", e.ID, e.Refusals[0].Text), nil
		case d.Hash != e.Hash:
			return engine.Errorf(engine.Conflict, "the plan of experiment %d changed since you saw it: look at the card again", e.ID), nil
		case e.Need.NotProposer && e.By.ID == d.By.ID:
			return engine.Errorf(engine.Forbidden, "you asked for this experiment yourself: somebody else must confirm it"), nil
		case said:
			return nil, nil
		}
		return nil, s.approveExperiment(ctx, tx, e, *d)
	})
}

func (s *Store) approveExperiment(ctx context.Context, tx pgx.Tx, e engine.Experiment, d engine.Decision) error {
	e.Approvals = append(e.Approvals, engine.Approval{By: d.By, At: s.now(), Hash: e.Hash, Role: d.Role})
	if _, missing := policy.Counted(e.Need, e.Approvals, e.By); missing == "" || d.By.IsZero() {
		e.Status, e.Expires, e.Text = engine.ExperimentConfirmed, s.now().Add(undecided), ""
	} else {
		e.Text = missing
	}
	return s.saveExperiment(ctx, tx, &e)
}

// CancelExperiment keeps a no to an experiment that has not begun. It fails with engine.Conflict when it has.
func (s *Store) CancelExperiment(ctx context.Context, d engine.Decision) (engine.Experiment, error) {
	return s.decideExperiment(ctx, d, func(ctx context.Context, tx pgx.Tx, d *engine.Decision) (outcome, err error) {
		e, err := loadExperiment(ctx, tx, d.ExperimentID)
		switch {
		case err != nil:
			return err, nil
		case e.Status == engine.ExperimentRunning:
			return engine.Errorf(engine.Conflict, "experiment %d runs: stop it instead, with `/autopilot chaos stop %d`", e.ID, e.ID), nil
		case e.Status == engine.ExperimentOver || e.Status == engine.ExperimentRefused:
			return engine.Errorf(engine.Conflict, "experiment %d is %s already%s", e.ID, e.Status, because(e.Text)), nil
		}
		return nil, s.callOff(ctx, tx, e, d.By, fmt.Sprintf("called off by %s", whoever(d.By)))
	})
}

// StopExperiments keeps that somebody stops an experiment, or all that run where d names none, and gives those that it stops. One that has
// not begun does not begin. Those that run end within seconds, whatever else waits. It fails with engine.Conflict when the one
// that is named is over.
func (s *Store) StopExperiments(ctx context.Context, d engine.Decision) ([]engine.Experiment, error) {
	var stopped []engine.Experiment
	_, err := s.decideExperiment(ctx, d, func(ctx context.Context, tx pgx.Tx, d *engine.Decision) (outcome, err error) {
		stopped = nil
		if d.ExperimentID != 0 {
			e, err := loadExperiment(ctx, tx, d.ExperimentID)
			if err != nil {
				return err, nil
			}
			if e.Status == engine.ExperimentOver || e.Status == engine.ExperimentRefused {
				return engine.Errorf(engine.Conflict, "experiment %d is %s already%s", e.ID, e.Status, because(e.Text)), nil
			}
		}
		stopped, err = s.stopExperiments(ctx, tx, d.ExperimentID, d.By, "stopped by "+whoever(d.By))
		return nil, err
	})
	return stopped, err
}

// stopExperiments has one, or all of them, stop. The caller holds the lock.
func (s *Store) stopExperiments(ctx context.Context, tx pgx.Tx, id int64, by engine.Person, why string) ([]engine.Experiment, error) {
	list, err := selectExperiments(ctx, tx, `WHERE ($1 = 0 AND e.status IN ('confirmed', 'running') OR e.id = $1) ORDER BY e.id`, id)
	if err != nil {
		return nil, err
	}
	for k := range list {
		e := &list[k]
		switch {
		case e.Status != engine.ExperimentRunning:
			if err := s.callOff(ctx, tx, *e, by, why); err != nil {
				return nil, err
			}
		case e.StopAt.IsZero():
			e.StopAt, e.StopBy, e.Text = s.now(), by, why
			if err := s.saveExperiment(ctx, tx, e); err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// callOff ends one that has not begun. Whoever holds it learns it when it comes to keep what it found.
func (s *Store) callOff(ctx context.Context, tx pgx.Tx, e engine.Experiment, by engine.Person, why string) error {
	e.Status, e.StopBy, e.Text = engine.ExperimentRefused, by, why
	if err := release(ctx, tx, e.ID, s.now()); err != nil {
		return err
	}
	return s.saveExperiment(ctx, tx, &e)
}

// whoever names a person as Slack shows them.
func whoever(p engine.Person) string {
	if p.IsZero() {
		return "the bot"
	}
	return "<@" + strings.TrimSpace(p.ID) + ">"
}

// decideExperiment is what all decisions about experiments have in common: kept once, audited once, whatever comes of them.
func (s *Store) decideExperiment(ctx context.Context, d engine.Decision,
	act func(context.Context, pgx.Tx, *engine.Decision) (outcome, err error),
) (engine.Experiment, error) {
	var after engine.Experiment
	var outcome error
	if d.ID == "" {
		return after, engine.Errorf(engine.Invalid, "a decision needs the id of the click, command or submission")
	}
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		after, outcome = engine.Experiment{}, nil
		d := d
		d.IncidentID = 0
		if err := lockExperiments(ctx, tx); err != nil {
			return err
		}
		fresh, err := saveDecision(ctx, tx, d, 0)
		if err != nil {
			return err
		}
		if !fresh {
			if outcome, err = formerOutcome(ctx, tx, d.ID); err != nil {
				return err
			}
			after, err = experimentOf(ctx, tx, d.ID)
			return err
		}
		if d.Allowed {
			if outcome, err = act(ctx, tx, &d); err != nil {
				return err
			}
			d.Allowed = engine.CodeOf(outcome) != engine.Forbidden
		}
		if _, err := tx.Exec(ctx, `UPDATE decisions SET allowed = $2, hash = $3, role = $4, experiment_id = (SELECT id FROM experiments WHERE id = $5) WHERE id = $1`,
			d.ID, d.Allowed, d.Hash, d.Role, d.ExperimentID); err != nil {
			return err
		}
		if err := s.conclude(ctx, tx, d, outcome); err != nil {
			return err
		}
		after, err = experimentOf(ctx, tx, d.ID)
		return err
	})
	if err != nil {
		return engine.Experiment{}, err
	}
	return after, outcome
}

// experimentOf gives the experiment that a decision is about; the zero one where it is about none.
func experimentOf(ctx context.Context, tx pgx.Tx, decision string) (engine.Experiment, error) {
	list, err := selectExperiments(ctx, tx, `WHERE e.id = (SELECT experiment_id FROM decisions WHERE id = $1)`, decision)
	if err != nil || len(list) == 0 {
		return engine.Experiment{}, err
	}
	return list[0], nil
}
