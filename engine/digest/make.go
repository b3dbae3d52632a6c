package digest

import (
	"cmp"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Make gives the digest of a period. The order in which the facts come does not matter.
func Make(f Facts, r Rules) engine.Digest {
	c := newCalendar(f)
	d := engine.Digest{
		Period: f.Period, Scope: f.Scope, AsOf: f.AsOf, Closed: f.Closed,
		Spend: spend(f), Trend: c.trend(f.Period, f.Days), Forecast: c.forecastOf(f.Period, f.Days),
		Waterfall: waterfall(f), Movers: movers(f), Breakdowns: breakdowns(f),
		Budgets: budgets(f, r, c), Units: units(f, r, c),
		Funnel: f.Funnel, Ledger: f.Ledger, Decisions: decisions(f.Decisions), ByType: f.ByType, ByCluster: f.ByCluster, Open: open(f.Open),
		Incidents: incidents(f, r), Trust: f.Trust, Own: f.Own,
		Corrections: corrections(f.Corrections), Bills: bills(f), Missing: gaps(f.Missing), Audit: f.Audit,
	}
	d.Insights = insights(f, d)
	return d
}

// open puts the opportunities in order: the dearest first.
func open(o engine.Opportunities) engine.Opportunities {
	o.Top = slices.SortedFunc(slices.Values(o.Top), func(a, b engine.Opportunity) int {
		return cmp.Or(cmp.Compare(b.Monthly, a.Monthly), cmp.Compare(a.Group, b.Group))
	})
	kinds := engine.FindingKinds()
	o.ByKind = slices.SortedFunc(slices.Values(o.ByKind), func(a, b engine.SavingsLine) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(a.Kind, b.Kind))
	})
	return o
}

func decisions(list []engine.DecisionLine) []engine.DecisionLine {
	return slices.SortedFunc(slices.Values(list), func(a, b engine.DecisionLine) int {
		return cmp.Or(cmp.Compare(a.Proposal, b.Proposal), cmp.Compare(a.Row, b.Row))
	})
}

func corrections(list []engine.Correction) []engine.Correction {
	return slices.SortedFunc(slices.Values(list), func(a, b engine.Correction) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Of, b.Of), cmp.Compare(a.Amount, b.Amount), cmp.Compare(a.Reason, b.Reason))
	})
}

// gaps are what could not be had, each once.
func gaps(list []engine.Gap) []engine.Gap {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b engine.Gap) int {
		return cmp.Or(cmp.Compare(a.Collector, b.Collector), cmp.Compare(a.Reason, b.Reason))
	})
	return slices.Compact(sorted)
}

// bills says how fresh the costs are.
func bills(f Facts) engine.BillState {
	b := engine.BillState{Newest: f.Newest, Scan: f.Scan, Since: f.Since}
	known := map[time.Time]bool{}
	for _, k := range f.Known {
		day := k.Day.UTC()
		known[day] = true
		if !in(f.Period, day) {
			continue
		}
		if k.Guessed {
			b.Guessed++
		}
		if !k.Estimated {
			b.Source = "Cost Explorer"
		} else if b.Source == "" {
			b.Source = "list prices"
		}
	}
	for day := range daysOf(f.Period) {
		if !known[day] {
			b.Absent = append(b.Absent, day)
		}
	}
	b.Payers = slices.SortedFunc(slices.Values(f.Payers), func(a, b engine.PayerLine) int {
		return cmp.Or(cmp.Compare(a.Payer, b.Payer), cmp.Compare(a.Amount, b.Amount))
	})
	return b
}

// in tells whether a day is one of a period.
func in(p engine.Period, day time.Time) bool { return !day.Before(p.From) && day.Before(p.To) }

// daysOf walks the days of a period.
func daysOf(p engine.Period) func(yield func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		for day := p.From; day.Before(p.To); day = day.AddDate(0, 0, 1) {
			if !yield(day) {
				return
			}
		}
	}
}
