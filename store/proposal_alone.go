package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
)

// Alone gives what a person has approved alone within a time, saved or spent a month, of the repository and team of an item: of what
// could have been one plan with it. What takes a change back does not count, nor what came to nothing for good.
func (s *Store) Alone(ctx context.Context, by engine.Person, with engine.ProposalItem, within time.Duration) (engine.MicroUSD, error) {
	var sum engine.MicroUSD
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		sum, err = aloneWithin(ctx, tx, by, with, 0, s.now().Add(-within))
		return err
	})
	return sum, err
}

// aloneWithin is Alone since a time, without the proposal but. One that a person closed counts: it may be opened again.
func aloneWithin(ctx context.Context, tx pgx.Tx, by engine.Person, with engine.ProposalItem, but int64, since time.Time) (sum engine.MicroUSD, err error) {
	err = tx.QueryRow(ctx, `SELECT coalesce(sum(abs(i.monthly)), 0)::bigint FROM proposal_approval a
			JOIN proposal p ON p.id = a.proposal_id JOIN proposal_item i ON i.proposal_id = p.id
		WHERE a.by_id = $1 AND a.at > $2 AND lower(p.repo) = lower($3) AND p.team = $4 AND p.id <> $5
			AND p.reverts IS NULL AND (p.need ->> 'people')::int <= 1 AND p.status NOT IN ('denied', 'expired', 'stale')`,
		by.ID, since, with.Repo, with.Owner.Team, but).Scan(&sum)
	return sum, err
}
