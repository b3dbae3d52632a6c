package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
	"github.com/eks-autopilot/autopilot/engine/price"
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

// useKept is how long it is remembered what a day used: longer than a baseline reaches back.
const useKept = 45 * 24 * time.Hour

// ToMeasure gives the findings of which it should be known what their targets use: those that are shown on a card, and may be
// approved any day, and those whose chains are measured. Their charts are left out.
func (s *Store) ToMeasure(ctx context.Context) ([]engine.Finding, error) {
	var list []engine.Finding
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		found, err := collectFindings(ctx, tx, selectPlain+`WHERE f.status = 'open' AND g.carded_at IS NOT NULL OR EXISTS (
			SELECT FROM ledger a WHERE a.finding_id = f.id AND a.kind = 'approved' AND NOT EXISTS
				(SELECT FROM ledger r WHERE r.chain = a.chain AND r.kind = 'reversed')) ORDER BY f.id`)
		list = nil
		for _, f := range found {
			list = append(list, f.Finding)
		}
		return err
	})
	return list, err
}

// OpenChains gives all entries of the chains that were approved and are not reversed.
func (s *Store) OpenChains(ctx context.Context) ([]engine.LedgerEntry, error) {
	var list []engine.LedgerEntry
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		list, err = ledgerRows(ctx, tx, `l WHERE EXISTS (SELECT FROM ledger a WHERE a.chain = l.chain AND a.kind = 'approved')
			AND NOT EXISTS (SELECT FROM ledger r WHERE r.chain = l.chain AND r.kind = 'reversed') ORDER BY id`)
		return err
	})
	return list, err
}

// Uses gives what is known of the days from the first to before the last, by finding and in order of days.
func (s *Store) Uses(ctx context.Context, from, to time.Time) (map[int64][]ledger.Use, error) {
	all := map[int64][]ledger.Use{}
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT finding_id, use FROM ledger_use WHERE day >= $1 AND day < $2 ORDER BY finding_id, day`, from, to)
		if err != nil {
			return err
		}
		clear(all)
		var id int64
		var use *ledger.Use
		_, err = pgx.ForEachRow(rows, []any{&id, &use}, func() error {
			all[id] = append(all[id], *use)
			use = nil
			return nil
		})
		return err
	})
	return all, err
}

// SaveUses keeps what days used in place of what was known of them. An approval that had to do without a baseline gets one as soon as
// enough is known of the days before it.
func (s *Store) SaveUses(ctx context.Context, uses map[int64][]ledger.Use) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		b := &pgx.Batch{}
		for id, days := range uses {
			for _, u := range days {
				b.Queue(`INSERT INTO ledger_use (finding_id, day, use) VALUES ($1, $2, $3)
					ON CONFLICT (finding_id, day) DO UPDATE SET use = excluded.use`, id, u.Day, u)
			}
		}
		b.Queue(`DELETE FROM ledger_use WHERE day < $1`, s.now().Add(-useKept))
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		return s.freezeLate(ctx, tx, slices.Sorted(maps.Keys(uses)))
	})
}

// freezeLate gives baselines to approvals without one. They are of the days before the approval, whenever these became known.
func (s *Store) freezeLate(ctx context.Context, tx pgx.Tx, findings []int64) error {
	bare, err := ledgerRows(ctx, tx, `a WHERE kind = 'approved' AND baseline IS NULL AND finding_id = ANY ($1)
		AND NOT EXISTS (SELECT FROM ledger c WHERE c.corrects = a.id AND c.baseline IS NOT NULL) ORDER BY id`, findings)
	if err != nil {
		return err
	}
	for _, a := range bare {
		baseline, err := s.freeze(ctx, tx, a)
		if err != nil {
			return err
		}
		if baseline == nil {
			continue
		}
		if err := s.appendLedger(ctx, tx, []engine.LedgerEntry{{
			Chain: a.Chain, Kind: engine.EntryCorrected, Corrects: a.ID, Proposal: a.Proposal, By: a.By, Baseline: baseline,
			Ref: "baseline of the days before the approval",
		}}); err != nil {
			return err
		}
	}
	return nil
}

// Bills gives the bills of payers for the days from the first to before the last. What is estimated without a payer is none.
func (s *Store) Bills(ctx context.Context, from, to time.Time) ([]price.Bill, error) {
	var bills []price.Bill
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT bill FROM cost_day WHERE payer <> '' AND day >= $1 AND day < $2 ORDER BY day, payer`, from, to)
		if err != nil {
			return err
		}
		bills, err = pgx.CollectRows(rows, pgx.RowTo[price.Bill])
		return err
	})
	return bills, err
}
