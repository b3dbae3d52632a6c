package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

// costLock is the advisory lock under which costs are written.
const costLock int64 = 0x6175746f636f7374

// SaveCosts keeps a day in place of what was kept of it: the bills of its payers, and always the estimate, which must not stand
// beside a bill of the same things. The days of a payer that the record has no bill of stay. It fails with engine.Invalid for a
// record whose rows do not come to its bills, and with engine.Conflict when a month is closed; nothing is changed then.
func (s *Store) SaveCosts(ctx context.Context, r price.Record) error {
	if err := r.Check(); err != nil {
		return err
	}
	payers := []string{""}
	for _, b := range r.Bills {
		payers = append(payers, b.Payer)
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockCosts(ctx, tx); err != nil {
			return err
		}
		var closed bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM cost_month WHERE payer = ANY ($1) AND month = date_trunc('month', $2::date)::date)`, payers, r.Day).Scan(&closed)
		if err != nil {
			return err
		}
		if closed {
			return engine.Errorf(engine.Conflict, "%s is closed", r.Day.Format("January 2006"))
		}
		b := &pgx.Batch{}
		b.Queue(`DELETE FROM cost_row WHERE day = $1 AND payer = ANY ($2)`, r.Day, payers)
		b.Queue(`DELETE FROM cost_day WHERE day = $1 AND payer = ANY ($2)`, r.Day, payers)
		for _, bill := range r.Bills {
			b.Queue(`INSERT INTO cost_day (day, payer, total, guessed, bill, missing, saved_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				r.Day, bill.Payer, int64(bill.Total()), r.Guessed, bill, append([]engine.Gap{}, r.Missing...), s.now())
		}
		if err := tx.SendBatch(ctx, b).Close(); err != nil {
			return err
		}
		return insertCosts(ctx, tx, r.Rows)
	})
}

func lockCosts(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, costLock)
	return err
}

func insertCosts(ctx context.Context, tx pgx.Tx, rows []price.Row) error {
	b := &pgx.Batch{}
	for _, r := range rows {
		b.Queue(`INSERT INTO cost_row (day, payer, account, cluster, namespace, team, kind, what, micro_usd, provisional)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			r.Day, r.Payer, r.Account, r.Cluster, r.Namespace, r.Team, r.Kind, r.What, int64(r.Amount), r.Provisional)
	}
	return tx.SendBatch(ctx, b).Close()
}

const selectCosts = `SELECT day, payer, account, cluster, namespace, team, kind, what, micro_usd, provisional FROM cost_row `

func costRows(ctx context.Context, tx pgx.Tx, where string, args ...any) ([]price.Row, error) {
	rows, err := tx.Query(ctx, selectCosts+where+` ORDER BY day, payer, id`, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r price.Row, err error) {
		err = row.Scan(&r.Day, &r.Payer, &r.Account, &r.Cluster, &r.Namespace, &r.Team, &r.Kind, &r.What, &r.Amount, &r.Provisional)
		return r, err
	})
}

// CostRows gives the kept rows from the first day to before the last, estimates too.
func (s *Store) CostRows(ctx context.Context, from, to time.Time) ([]price.Row, error) {
	var rows []price.Row
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		rows, err = costRows(ctx, tx, `WHERE day >= $1 AND day < $2`, from, to)
		return err
	})
	return rows, err
}

// CostDays says which days are kept from the first to before the last.
func (s *Store) CostDays(ctx context.Context, from, to time.Time) ([]price.Status, error) {
	var days []price.Status
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT payer, day, saved_at, guessed FROM cost_day WHERE day >= $1 AND day < $2 ORDER BY day, payer`, from, to)
		if err != nil {
			return err
		}
		days, err = pgx.CollectRows(rows, pgx.RowToStructByPos[price.Status])
		return err
	})
	return days, err
}

// OpenMonths gives the months before one of which days are kept and which are not closed. Estimates are never closed.
func (s *Store) OpenMonths(ctx context.Context, before time.Time) ([]price.Month, error) {
	var months []price.Month
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT DISTINCT d.payer, date_trunc('month', d.day)::date AS first FROM cost_day d
			WHERE d.payer <> '' AND d.day < date_trunc('month', $1::date)
				AND NOT EXISTS (SELECT FROM cost_month m WHERE m.payer = d.payer AND m.month = date_trunc('month', d.day)::date)
			ORDER BY first, d.payer`, before)
		if err != nil {
			return err
		}
		months, err = pgx.CollectRows(rows, pgx.RowToStructByPos[price.Month])
		return err
	})
	return months, err
}

// CloseMonth makes the rows of a payer's month come to its invoice, and final: what the invoice differs from the days by is in new
// rows. Of a month that is closed nothing changes; where a later invoice differs, the difference is in rows that are added.
// It fails with engine.Conflict while the invoice is not final.
func (s *Store) CloseMonth(ctx context.Context, v price.Invoice) error {
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockCosts(ctx, tx); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(n), 0) FROM cost_month WHERE payer = $1 AND month = $2`, v.Payer, v.Month).Scan(&n); err != nil {
			return err
		}
		rows, err := costRows(ctx, tx, `WHERE payer = $1 AND day >= $2 AND day < $3`, v.Payer, v.Month, v.Month.AddDate(0, 1, 0))
		if err != nil {
			return err
		}
		reconciled, err := price.Reconcile(v, rows)
		if err != nil {
			return err
		}
		added := price.Added(rows, reconciled)
		if n > 0 && len(added) == 0 {
			return nil
		}
		invoice, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("the invoice cannot be kept: %w", err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO cost_month (payer, month, n, total, invoice, closed_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			v.Payer, v.Month, n+1, int64(v.Total()), invoice, s.now()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE cost_row SET provisional = false WHERE payer = $1 AND day >= $2 AND day < $3 AND provisional`,
			v.Payer, v.Month, v.Month.AddDate(0, 1, 0)); err != nil {
			return err
		}
		return insertCosts(ctx, tx, added)
	})
}

// Costs gives what a time has cost, as it is kept, and what asking for it has cost. The rows themselves are CostRows'.
func (s *Store) Costs(ctx context.Context, f engine.CostFilter) (engine.Costs, error) {
	var c engine.Costs
	err := s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
		rows, err := costRows(ctx, tx, `WHERE day >= $1 AND day < $2 AND ($3 = '' OR team = $3) AND ($4 = '' OR cluster = $4) AND ($5 = '' OR namespace = $5)`,
			f.From, f.To, f.Team, f.Cluster, f.Namespace)
		if err != nil {
			return err
		}
		c = price.Sum(rows, f)
		if err := costDays(ctx, tx, f, &c); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT coalesce(sum(calls), 0)::int, coalesce(sum(micro_usd), 0)::bigint FROM cost_call WHERE day >= $1`, f.From).
			Scan(&c.BilledCalls, &c.BilledAmount)
	})
	return c, err
}

// costDays says which days there are, and what is missing of them; each gap once.
func costDays(ctx context.Context, tx pgx.Tx, f engine.CostFilter, c *engine.Costs) error {
	err := tx.QueryRow(ctx, `SELECT count(DISTINCT day)::int, max(day)::timestamp AT TIME ZONE 'UTC', count(DISTINCT day) FILTER (WHERE guessed)::int
		FROM cost_day WHERE day >= $1 AND day < $2`, f.From, f.To).Scan(&c.Days, zeroTime{&c.Newest}, &c.Guessed)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `SELECT gap ->> 'collector', gap ->> 'reason' FROM cost_day, jsonb_array_elements(missing) AS gap
		WHERE day >= $1 AND day < $2 GROUP BY 1, 2 ORDER BY max(day) DESC, 1, 2 LIMIT 20`, f.From, f.To)
	if err != nil {
		return err
	}
	c.Missing, err = pgx.CollectRows(rows, pgx.RowToStructByPos[engine.Gap])
	return err
}
