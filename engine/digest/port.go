package digest

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Facts are the rows that a digest rests on, added up where only sums are wanted. They are read in one snapshot. All of them are of
// the scope alone, but for Known, Counts, Own and what stands below it.
type Facts struct {
	Period engine.Period
	Scope  engine.DigestScope
	AsOf   time.Time // when the newest row among them was written
	Closed bool      // the invoice of each payer is final, so costs change by corrections alone

	Known  []KnownDay         // days with a bill or an estimate, from HistoryFrom to the period's end
	Parts  []Part             // of the period and the one before, summed by all that a Part names
	Days   []DaySum           // from HistoryFrom to the period's end; one that is known and not here cost 0
	Scopes []ScopeDays        // the same for the scopes that Rules.Scopes wants, whatever the digest's is
	Since  time.Time          // the first day of which costs are known at all; zero without
	Newest time.Time          // and the newest
	Payers []engine.PayerLine // of the period

	// What ledger.Summary makes of all entries of the chains that have one in the period, or that are to be measured on a day of it:
	// the span is the period's, Limit is LedgerLines. Funnel.Year is what was verified since 1 January of the year that the period's
	// last day is in, up to the period's end, corrections too.
	Ledger    engine.Ledger // its Shares are by team
	ByType    []engine.LedgerShare
	ByCluster []engine.LedgerShare
	Funnel    engine.Funnel
	Decisions []engine.DecisionLine // of the proposals that Ledger.Lines name

	Open engine.Opportunities // Top: the OpenGroups dearest

	// Incidents that were open in the period, whenever they began; of a parent and its children the parent alone. Lasted, Cost and
	// Costed are Make's to fill in.
	Incidents []engine.IncidentLine
	Earlier   int // incidents opened in the period before, again without children

	Trust       *engine.Scorecard // of the experiments that were graded in the period; nil without
	Own         engine.OwnCost
	Counts      []UnitDay // from the first day of the period before
	Corrections []engine.Correction
	Scan        time.Time
	Audit       *engine.Anchor
	Missing     []engine.Gap
}

const (
	// LedgerLines is how many chains a digest lists; its sums are of all.
	LedgerLines = 500
	// OpenGroups is how many open opportunities a digest lists.
	OpenGroups = 10
)

// KnownDay is a day with costs.
type KnownDay struct {
	Day       time.Time
	SavedAt   time.Time // when the oldest of its bills was kept, for it is kept again while it settles
	Estimated bool      // list prices: no payer has a bill of it
	Partial   bool      // a payer that has bills of days before it has none of it
	Guessed   bool      // who used what was not measured on the whole of it
}

// Part is a sum of cost rows of the period or of the one before.
type Part struct {
	Before      bool // of the period before
	Same        bool // of the days that Same gives
	Payer       string
	Cluster     string
	Team        string
	Kind        string // of the row: workload, shared, idle, outside, unallocatable, adjustment
	Amount      engine.MicroUSD
	Provisional bool
}

// DaySum is what the scope cost on a day.
type DaySum struct {
	Day         time.Time
	Amount      engine.MicroUSD
	Adjustment  engine.MicroUSD // of Amount: what an invoice differs from its days by, which is kept with the month's first day
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

// HistoryFrom is the first day that sums of days are wanted from: that of the trend, which is enough for a forecast too.
func HistoryFrom(p engine.Period) time.Time { return TrendFrom(p) }
