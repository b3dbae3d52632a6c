package digest

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Facts are the rows that a digest rests on, added up by the database where only sums are wanted. They are read in one snapshot.
type Facts struct {
	Period engine.Period
	Scope  engine.DigestScope
	AsOf   time.Time // when the newest row among them was written
	Closed bool      // the invoice of each payer is final, so costs change by corrections alone

	Parts   []Part             // of the period and the one before, summed by what Part names but its days
	Days    []DaySum           // of the scope, from TrendFrom on to the period's end, in order
	Scopes  []ScopeDays        // the same for other scopes that were asked for, from MonthFrom on
	Known   []time.Time        // days with a bill or an estimate, of the period and the one before
	Guessed int                // days of the period
	Since   time.Time          // the first day of which costs are known; zero without
	Newest  time.Time          // and the newest
	Payers  []engine.PayerLine // of the period

	Ledger []engine.LedgerEntry // all entries of the chains that have one in the period
	Year   engine.MicroUSD      // verified since 1 January of the year that the period ends in, corrections too
	Open   engine.Opportunities

	Incidents []engine.IncidentLine // that were open in the period, whenever they began
	Earlier   int                   // incidents opened in the period before

	Own         engine.OwnCost
	Counts      []UnitDay // of the period and the one before
	Corrections []engine.Correction
	Scan        time.Time
	Audit       *engine.Anchor
	Missing     []engine.Gap
}

// Part is a sum of cost rows.
type Part struct {
	Before      bool // of the period before
	Payer       string
	Cluster     string
	Team        string
	Kind        string // of the row: workload, shared, idle, outside, unallocatable, adjustment
	What        string // of an unallocatable row: "tax", "credit", "support"; "" otherwise
	Amount      engine.MicroUSD
	Provisional bool
}

// DaySum is what the scope cost on a day.
type DaySum struct {
	Day         time.Time
	Amount      engine.MicroUSD
	Provisional bool
}

// ScopeDays are the days of one scope.
type ScopeDays struct {
	Scope engine.DigestScope
	Days  []DaySum
}

// UnitDay is how many units of work were done on a day.
type UnitDay struct {
	Name  string
	Day   time.Time
	Count float64
}

// Rules are what the configuration says of digests.
type Rules struct {
	Budgets []BudgetRule
	Units   []UnitRule
	Hours   []HourRule
}

// BudgetRule is what may be spent in a calendar month.
type BudgetRule struct {
	Name    string
	Scope   engine.DigestScope
	Monthly engine.MicroUSD
}

// UnitRule names a unit of work that costs are divided by. Its counts are kept rows: see Facts.Counts.
type UnitRule struct {
	Name  string
	Scope engine.DigestScope
}

// HourRule is what an hour of an incident costs the business. Of several that match, the first counts. Empty fields match all.
type HourRule struct {
	Cluster, Namespace, Team string // each may have * in it
	Severity                 engine.Severity
	PerHour                  engine.MicroUSD
}

// Scopes are those that the rules want the days of.
func (r Rules) Scopes() []engine.DigestScope {
	var scopes []engine.DigestScope
	seen := map[engine.DigestScope]bool{}
	for _, b := range r.Budgets {
		if !seen[b.Scope] {
			seen[b.Scope] = true
			scopes = append(scopes, b.Scope)
		}
	}
	for _, u := range r.Units {
		if !seen[u.Scope] {
			seen[u.Scope] = true
			scopes = append(scopes, u.Scope)
		}
	}
	return scopes
}

// TrendFrom is the first day of a period's trend: 13 weeks for a week, 13 months for a month.
func TrendFrom(p engine.Period) time.Time {
	if p.Kind == engine.Monthly {
		return p.From.AddDate(0, -12, 0)
	}
	return p.From.AddDate(0, 0, -12*7)
}

// MonthFrom is the first day that the scopes of budgets and units are wanted from: enough for a forecast, and the period before.
func MonthFrom(p engine.Period) time.Time {
	last := p.To.AddDate(0, 0, -1)
	first := last.AddDate(0, 0, 1-last.Day()).AddDate(0, -2, 0)
	if before := p.Before().From; before.Before(first) {
		return before
	}
	return first
}
