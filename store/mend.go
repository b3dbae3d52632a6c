package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/incident"
)

// mendsSQL tells whether an incident has an offer that mends it, in one of these states.
const mendsSQL = `SELECT EXISTS (SELECT FROM proposal WHERE incident_id = $1 AND reverts IS NULL AND status = ANY ($2))`

// ByHand tells in an incident's thread what only a person can change to mend it, once while it is the same. It fails with
// engine.NotFound.
func (s *Store) ByHand(ctx context.Context, id int64, text string) error {
	_, err := s.follow(ctx, id, func(i engine.Incident) incident.Plan { return incident.ByHand(i, text, s.now()) })
	return err
}

// mendWanted gives the task that offers what mends a newly diagnosed incident, or looks whether what was offered still does; none where
// there is neither.
func mendWanted(ctx context.Context, tx pgx.Tx, i engine.Incident) ([]incident.TaskAt, error) {
	wanted := change.Mendable(i)
	if !wanted {
		if err := tx.QueryRow(ctx, mendsSQL, i.ID, []engine.ProposalStatus{engine.ProposalPending}).Scan(&wanted); err != nil {
			return nil, err
		}
	}
	if !wanted {
		return nil, nil
	}
	return []incident.TaskAt{{Task: engine.Task{Kind: engine.TaskMend, IncidentID: i.ID}}}, nil
}

// mendsOver gives a task for each incident that a plan resolves and that was to be mended: what nobody approved is withdrawn, and what
// is live did it.
func mendsOver(ctx context.Context, tx pgx.Tx, p incident.Plan) ([]incident.TaskAt, error) {
	all := p.Others
	if p.Incident != nil {
		all = append([]engine.Incident{*p.Incident}, all...)
	}
	var tasks []incident.TaskAt
	for _, i := range all {
		if i.IsOpen() {
			continue
		}
		var some bool
		if err := tx.QueryRow(ctx, mendsSQL, i.ID, []engine.ProposalStatus{
			engine.ProposalPending, engine.ProposalMerged, engine.ProposalDeployed,
		}).Scan(&some); err != nil {
			return nil, err
		}
		if some {
			tasks = append(tasks, incident.TaskAt{Task: engine.Task{Kind: engine.TaskMend, IncidentID: i.ID}})
		}
	}
	return tasks, nil
}
