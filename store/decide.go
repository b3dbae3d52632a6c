package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

const saveDecisionSQL = `
	INSERT INTO decisions (id, action, incident_id, by_id, by_name, at, allowed, reason, for_ns, is_right, comment)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING`

// Decide keeps what a person decided about an incident, or was refused, and carries it out. Both are audited. The same
// decision twice acts once: the second call gives the incident as it is, or the first call's error.
//
// It fails with engine.NotFound for an unknown incident, with engine.Conflict when the decision no longer applies, and with
// engine.Invalid when it makes no sense. The decision is kept even so. A refused decision is no error: nothing happens.
func (s *Store) Decide(ctx context.Context, d engine.Decision) (engine.Incident, error) {
	var after engine.Incident
	var outcome error
	if d.IncidentID != 0 {
		engine.Follow(ctx, engine.IncidentTrail(d.IncidentID))
	}
	if d.ID == "" {
		return after, engine.Errorf(engine.Invalid, "a decision needs the id of the click, command or submission")
	}
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		after, outcome = engine.Incident{}, nil
		var i engine.Incident
		if d.IncidentID != 0 {
			i, outcome = lockIncident(ctx, tx, d.IncidentID)
			if outcome != nil && engine.CodeOf(outcome) != engine.NotFound {
				return outcome
			}
		} else if d.Allowed {
			outcome = engine.Errorf(engine.Invalid, "%q must name an incident", d.Action)
		}
		fresh, err := saveDecision(ctx, tx, d, i.ID)
		if err != nil {
			return err
		}
		if !fresh {
			after = i
			outcome, err = formerOutcome(ctx, tx, d.ID)
			return err
		}
		if d.Remedy != nil {
			if err := keepSubject(ctx, tx, d); err != nil {
				return err
			}
		}
		if outcome == nil {
			if outcome, err = s.carryOut(ctx, tx, i, d); err != nil {
				return err
			}
		}
		if err := s.conclude(ctx, tx, d, outcome); err != nil {
			return err
		}
		if i.ID != 0 {
			after, err = loadIncident(ctx, tx, i.ID)
		}
		return err
	})
	if err != nil {
		return engine.Incident{}, err
	}
	return after, outcome
}

// carryOut applies an allowed decision. The outcome is what the person is told; err ends the transaction.
func (s *Store) carryOut(ctx context.Context, tx pgx.Tx, i engine.Incident, d engine.Decision) (outcome, err error) {
	switch {
	case !d.Allowed, d.Action == engine.ActionView, d.Action == engine.ActionLogs:
		return nil, nil // to be kept and audited, no more
	case d.Action == engine.ActionPause, d.Action == engine.ActionResume:
		return engine.Errorf(engine.Invalid, "%q is about everything, not about incident %d", d.Action, i.ID), nil
	}
	plan, outcome := incident.Decide(i, d, s.rules(), s.now())
	if outcome != nil {
		return outcome, nil
	}
	return nil, s.apply(ctx, tx, plan)
}

// saveDecision inserts the decision; fresh is false when one of that id is there.
func saveDecision(ctx context.Context, tx pgx.Tx, d engine.Decision, incident int64) (fresh bool, err error) {
	var id *int64
	if incident != 0 {
		id = &incident
	}
	tag, err := tx.Exec(ctx, saveDecisionSQL, d.ID, d.Action, id, d.By.ID, d.By.Name, stamp(d.At), d.Allowed, d.Reason,
		int64(d.For), d.Right, d.Comment)
	return tag.RowsAffected() == 1, err
}

// conclude audits the decision and keeps how it came out, for the next time that it arrives.
func (s *Store) conclude(ctx context.Context, tx pgx.Tx, d engine.Decision, outcome error) error {
	if outcome != nil {
		code, message := engine.CodeOf(outcome), engine.UserMessage(outcome, d.ID)
		if _, err := tx.Exec(ctx, `UPDATE decisions SET outcome_code = $2, outcome_message = $3 WHERE id = $1`, d.ID, code, message); err != nil {
			return err
		}
		d.Reason = message
	}
	return s.appendAudit(ctx, tx, engine.AuditRow{
		At: s.now(), By: d.By, Action: d.Action, Subject: subjectOf(d), Allowed: d.Allowed, Reason: d.Reason, Plan: d.Hash,
	})
}

// formerOutcome is how a decision came out the first time.
func formerOutcome(ctx context.Context, tx pgx.Tx, id string) (outcome, err error) {
	var code engine.Code
	var message string
	err = tx.QueryRow(ctx, `SELECT outcome_code, outcome_message FROM decisions WHERE id = $1`, id).Scan(&code, &message)
	if err != nil || code == "" {
		return nil, err
	}
	return engine.Wrap(code, errors.New("decided before"), message), nil
}

func subjectOf(d engine.Decision) string {
	switch {
	case d.ProposalID != 0:
		return fmt.Sprintf("proposal/%d", d.ProposalID)
	case d.IncidentID != 0:
		return fmt.Sprintf("incident/%d", d.IncidentID)
	case d.GroupID != 0:
		return fmt.Sprintf("savings/%d", d.GroupID)
	case d.ExperimentID != 0:
		return fmt.Sprintf("experiment/%d", d.ExperimentID)
	}
	return "autopilot"
}
