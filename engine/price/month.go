package price

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Invoice is what AWS asked a payer to pay for a month, by member account.
type Invoice struct {
	Payer    string                     `json:"payer"`
	Month    time.Time                  `json:"month"` // the first, midnight UTC
	Accounts map[string]engine.MicroUSD `json:"accounts"`
	Final    bool                       `json:"final"` // the month is closed
}

// Total gives what the invoice comes to.
func (v Invoice) Total() engine.MicroUSD {
	var sum engine.MicroUSD
	for _, amount := range v.Accounts {
		sum += amount
	}
	return sum
}

// Reconcile closes a month: its rows are no longer provisional, and a row per account holds what the invoice differs from its days by:
// the time that payments ahead are for, credits, and what AWS changed after the days were read. The rows add up to the invoice.
// It fails with Conflict while the invoice is not final, and with Invalid for a row of another month or payer.
func Reconcile(v Invoice, rows []Row) ([]Row, error) {
	if !v.Final {
		return nil, engine.Errorf(engine.Conflict, "the invoice of %s is not final yet", v.Month.Format("January 2006"))
	}
	sums := map[string]engine.MicroUSD{}
	for account := range v.Accounts {
		sums[account] = 0
	}
	out := make([]Row, 0, len(rows)+len(sums))
	for _, row := range rows {
		if row.Payer != v.Payer || row.Day.Year() != v.Month.Year() || row.Day.Month() != v.Month.Month() {
			return nil, engine.Errorf(engine.Invalid, "a row of %s of payer %s is not of the invoice of %s of payer %s",
				row.Day.Format(time.DateOnly), row.Payer, v.Month.Format("2006-01"), v.Payer)
		}
		if row.Kind == RowAdjustment {
			continue // of an earlier reconciliation
		}
		row.Provisional = false
		sums[row.Account] += row.Amount
		out = append(out, row)
	}
	for _, account := range slices.SortedFunc(maps.Keys(sums), cmp.Compare[string]) {
		if difference := v.Accounts[account] - sums[account]; difference != 0 {
			out = append(out, Row{Payer: v.Payer, Day: v.Month, Account: account, Kind: RowAdjustment, What: "invoice less its days", Amount: difference})
		}
	}
	return out, nil
}

// monthHours is how many hours the month of a day has.
func monthHours(day time.Time) float64 {
	return 24 * float64(day.AddDate(0, 1, -day.Day()).Day())
}

// Added gives the adjustments that a reconciliation has beyond those that rows had before: the difference of each account.
func Added(before, reconciled []Row) []Row {
	known := map[string]engine.MicroUSD{}
	var of Row
	for _, row := range before {
		if row.Kind == RowAdjustment {
			known[row.Account] += row.Amount
			of = row
		}
	}
	var out []Row
	for _, row := range reconciled {
		if row.Kind != RowAdjustment {
			continue
		}
		of = row
		row.Amount -= known[row.Account]
		delete(known, row.Account)
		if row.Amount != 0 {
			out = append(out, row)
		}
	}
	for _, account := range slices.SortedFunc(maps.Keys(known), cmp.Compare[string]) {
		if known[account] == 0 {
			continue
		}
		// The invoice has come to agree with the days of the account.
		row := of
		row.Account, row.Amount = account, -known[account]
		out = append(out, row)
	}
	return out
}
