package store

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// beginAnew opens the findings again that stayed open while what was done about them was done and taken back.
func (s *Store) beginAnew(ctx context.Context, tx pgx.Tx, p engine.Proposal, by engine.Person) error {
	var changes []waste.Change
	for _, i := range p.Items {
		found, err := selectFindings(ctx, tx, `WHERE f.id = $1 AND f.status = 'open'`, i.FindingID)
		if err != nil {
			return err
		}
		for _, f := range found {
			if i.Chain != engine.LedgerChain(f.ID, f.Reopened) {
				continue
			}
			changes = append(changes, anew(f.Finding, "the change was taken back"))
		}
	}
	return s.saveChanges(ctx, tx, changes, nil, 0, by)
}

// anew opens a finding again that is open: what is done about it from now on is another chain of the ledger.
func anew(f engine.Finding, why string) waste.Change {
	f.Reopened++
	return waste.Change{Finding: f, Event: waste.EventReopened, Reason: why, Shown: true}
}

// leftOver begins findings anew that a scan has seen after what was done about them was live, and is measured or never will be: what it
// saw is what that left, and may be approved like any other.
func (s *Store) leftOver(ctx context.Context, tx pgx.Tx, scan engine.Scan) error {
	found, err := selectFindings(ctx, tx, `WHERE f.status = 'open' AND f.last_seen >= $1 AND EXISTS (SELECT FROM proposal_item i
			JOIN proposal p ON p.id = i.proposal_id AND p.status IN ('deployed', 'verified') AND p.deployed_at < $1 AND p.reverts IS NULL
			WHERE i.finding_id = f.id AND NOT i.live AND i.body ->> 'Chain' = 'finding/' || f.id || '/' || f.reopened) ORDER BY f.id`, stamp(scan.Started))
	if err != nil {
		return err
	}
	changes := make([]waste.Change, len(found))
	for k, f := range found {
		changes[k] = anew(f.Finding, "this is left after the change")
	}
	return s.saveChanges(ctx, tx, changes, nil, scan.ID, engine.Person{})
}
