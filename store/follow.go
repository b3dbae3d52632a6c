package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// historyLength is how many diagnoses of an incident are kept.
const historyLength = 10

// Settle resolves an incident whose hold-down is over, or does nothing. It fails with engine.NotFound.
func (s *Store) Settle(ctx context.Context, id int64) error {
	_, err := s.follow(ctx, id, func(i engine.Incident) incident.Plan { return incident.Settle(i, s.rules(), s.now()) })
	return err
}

// Escalate repeats an incident that nobody looks after, or does nothing, and gives it as it is then. It fails with
// engine.NotFound.
func (s *Store) Escalate(ctx context.Context, id int64) (engine.Incident, error) {
	return s.follow(ctx, id, func(i engine.Incident) incident.Plan { return incident.Escalate(i, s.rules(), s.now()) })
}

// Silenced records the Alertmanager silence that was made for an incident; "" records nothing. It fails with engine.NotFound.
func (s *Store) Silenced(ctx context.Context, id int64, alertmanagerID string) error {
	_, err := s.follow(ctx, id, func(i engine.Incident) incident.Plan { return incident.Silenced(i, alertmanagerID, s.now()) })
	return err
}

// Paged records that the pager was told: what is trigger, acknowledge or resolve; or refused, when it will never take the
// trigger. It fails with engine.NotFound.
func (s *Store) Paged(ctx context.Context, id int64, what string) error {
	_, err := s.follow(ctx, id, func(i engine.Incident) incident.Plan { return incident.Paged(i, what, s.now()) })
	return err
}

// SaveDiagnosis keeps a diagnosis that says something new. An older one than the incident has changes nothing. It fails with
// engine.NotFound for an unknown incident and with engine.Invalid for a diagnosis of no time.
func (s *Store) SaveDiagnosis(ctx context.Context, d engine.Diagnosis) error {
	if d.At.IsZero() {
		return engine.Errorf(engine.Invalid, "a diagnosis must say when it was made")
	}
	d.At = stamp(d.At)
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		i, near, err := lockNear(ctx, tx, d)
		if err != nil {
			return err
		}
		plan := incident.Diagnosed(i, d, s.rules(), s.now())
		if plan.Incident != nil {
			i.Diagnosis = d
			wanted, err := mendWanted(ctx, tx, i)
			if err != nil {
				return err
			}
			plan.Tasks = append(plan.Tasks, wanted...)
			b := &pgx.Batch{}
			b.Queue(`INSERT INTO diagnoses (incident_id, at, causes, evidence, gaps, last_change, remedies, no_remedy)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
				ON CONFLICT (incident_id, at) DO UPDATE SET causes = excluded.causes, evidence = excluded.evidence,
					gaps = excluded.gaps, last_change = excluded.last_change, remedies = excluded.remedies, no_remedy = excluded.no_remedy, narrative = NULL`,
				d.IncidentID, d.At, orEmpty(d.Causes), orEmpty(d.Evidence), orEmpty(d.Gaps), d.LastChange, orEmpty(d.Remedies), d.NoRemedy)
			b.Queue(`DELETE FROM diagnoses WHERE incident_id = $1 AND at NOT IN
				(SELECT at FROM diagnoses WHERE incident_id = $1 ORDER BY at DESC LIMIT $2)`, d.IncidentID, historyLength)
			if err := tx.SendBatch(ctx, b).Close(); err != nil {
				return err
			}
		}
		if err := s.apply(ctx, tx, plan); err != nil {
			return err
		}
		if plan.Incident != nil {
			children := i.Children // with their lists
			i = *plan.Incident
			i.Children = children
		}
		return s.apply(ctx, tx, incident.Follow(i, near, s.rules(), s.now()))
	})
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Tallies gives, by rule, how often people said that its cause was right and wrong.
func (s *Store) Tallies(ctx context.Context) (map[string]rca.Tally, error) {
	tallies := map[string]rca.Tally{}
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT rule, count(*) FILTER (WHERE is_right), count(*) FILTER (WHERE NOT is_right) FROM verdicts GROUP BY rule`)
		if err != nil {
			return err
		}
		var rule string
		var t rca.Tally
		_, err = pgx.ForEachRow(rows, []any{&rule, &t.Right, &t.Wrong}, func() error {
			tallies[rule] = t
			return nil
		})
		return err
	})
	return tallies, err
}

// Mentions says who must be woken by an escalation of the incident.
func (s *Store) Mentions(i engine.Incident) []engine.Mention {
	return s.rules().Escalation[i.Severity].Mention
}

// follow locks an incident, asks for the plan and applies it, and gives the incident as it is then.
func (s *Store) follow(ctx context.Context, id int64, plan func(engine.Incident) incident.Plan) (engine.Incident, error) {
	var after engine.Incident
	err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		i, err := lockIncident(ctx, tx, id)
		if err != nil {
			return err
		}
		p := plan(i)
		if err := s.apply(ctx, tx, p); err != nil {
			return err
		}
		after, err = loadIncident(ctx, tx, id)
		return err
	})
	return after, err
}
