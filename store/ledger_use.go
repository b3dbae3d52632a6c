package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

// freeze makes the baseline of an approval. It gives nil while too little is known: what is learnt later of the days before makes it.
func (s *Store) freeze(ctx context.Context, tx pgx.Tx, e engine.LedgerEntry) (*engine.Baseline, error) {
	found, err := collectFindings(ctx, tx, selectPlain+`WHERE f.id = $1`, e.Finding)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	days, err := usedDays(ctx, tx, e.Finding, e.At)
	if err != nil {
		return nil, err
	}
	b, err := ledger.Freeze(found[0].Finding, days, e.At)
	if err != nil {
		s.log.InfoContext(ctx, "no baseline could be frozen yet", "chain", e.Chain, "error", err)
		return nil, nil
	}
	return &b, nil
}

// usedDays gives what the target of a finding used on the days that a baseline of a time is made of.
func usedDays(ctx context.Context, tx pgx.Tx, finding int64, at time.Time) ([]ledger.Use, error) {
	rows, err := tx.Query(ctx, `SELECT use FROM ledger_use WHERE finding_id = $1 AND day < $2 AND day >= $3 ORDER BY day`,
		finding, stamp(at), at.AddDate(0, 0, -ledger.BaselineDays-1))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[ledger.Use])
}
