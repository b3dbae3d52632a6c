package report_test

import (
	"strings"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/year"
)

// The digests that the page is tried with.
var (
	week  = sync.OnceValue(func() engine.Digest { return year.New(year.Options{}).Digest(year.Week, engine.DigestScope{}) })
	whole = sync.OnceValue(func() engine.Digest { return year.New(year.Options{}).Digest(year.WholeWeek, engine.DigestScope{}) })
	month = sync.OnceValue(func() engine.Digest { return year.New(year.Options{}).Digest(year.Month, engine.DigestScope{}) })
	crowd = sync.OnceValue(func() engine.Digest { return crowdOf(500) })
	few   = sync.OnceValue(func() engine.Digest { return crowdOf(20) })
)

func digests() map[string]engine.Digest {
	return map[string]engine.Digest{"week": week(), "whole": whole(), "month": month(), "crowd": crowd(), "one day": oneDay(), "empty": empty()}
}

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// wild is a name as nobody should have one.
var wild = strings.Repeat("long-", 30) + "<b onclick=alert(1)>\x00\r\n\u202e支払い👩‍🚀فريق&amp;{{.}}]]>"

// crowdOf is a month with many teams, hostile names in every place that takes one, amounts below zero and links of all sorts.
func crowdOf(teams int) engine.Digest {
	d := year.New(year.Options{Teams: teams, Clusters: 20, Chains: 80, Hostile: true}).Digest(year.Month, engine.DigestScope{})
	d.Scope = engine.DigestScope{Team: wild, Cluster: "فريق"}
	d.Trend[len(d.Trend)-100].Amount = -d.Trend[0].Amount / 3 // a day's refund
	less := 2 * d.Spend.Total
	d.Spend.Unallocated, d.Spend.Total = d.Spend.Unallocated-less, d.Spend.Total-less
	for _, b := range d.Breakdowns {
		b.Lines[len(b.Lines)-1].Amount -= less
	}
	d.Waterfall = append([]engine.SpendStep{{By: "kind", Name: "unallocatable", Amount: -less}}, d.Waterfall...)
	d.Insights = append(d.Insights, engine.Insight{Text: wild, Rows: wild})
	d.Missing = append(d.Missing, engine.Gap{Collector: wild, Reason: strings.Repeat(wild, 50)})
	d.Corrections = append(d.Corrections, engine.Correction{Of: wild, Reason: wild, Amount: 5_000, At: d.Period.From})
	d.Bills.Payers = append(d.Bills.Payers, engine.PayerLine{Payer: wild, Amount: 1}, engine.PayerLine{Amount: -1})
	d.Units = append(d.Units, engine.UnitCost{Name: wild, Days: 3, Count: 1.5e17, Each: 1e-11}, engine.UnitCost{Name: "none"})
	d.Budgets = append(d.Budgets, engine.Budget{Name: wild, Amount: engine.USD, Spent: 2 * engine.USD, Month: d.Period.From})
	addresses := []string{
		"https://github.com/a/b/pull/1", "javascript:alert(1)", "https://user:pw@evil.example/", "data:text/html,x", "//evil.example", "https://evil.example/\"><script>",
	}
	for k := range d.Ledger.Lines {
		d.Ledger.Lines[k].PullURL = addresses[k%len(addresses)]
	}
	return d
}

// oneDay is a first week, which is the 53rd of its year: one day has an estimate.
func oneDay() engine.Digest {
	return engine.Digest{
		Period: engine.PeriodOf(engine.Weekly, day("2026-12-31")), AsOf: day("2027-01-04"), Scope: engine.DigestScope{Team: "payments"},
		Spend:      engine.Spend{Total: 12_345_000, Estimated: 12_345_000, DaysKnown: 1},
		Trend:      []engine.SpendDay{{Day: day("2027-01-02"), Amount: 12_345_000, Estimated: true}},
		Breakdowns: []engine.Breakdown{{By: "team", Lines: []engine.BreakdownLine{{Name: "payments", Amount: 12_345_000}}}},
		Bills:      engine.BillState{Newest: day("2027-01-02"), Source: "list prices", Absent: []time.Time{day("2026-12-28"), day("2026-12-29")}},
	}
}

// empty is a week of which nothing is known.
func empty() engine.Digest {
	return engine.Digest{Period: engine.PeriodOf(engine.Weekly, day("2026-11-18"))}
}
