package view_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

var (
	w47  = engine.PeriodOf(engine.Weekly, time.Date(2026, 11, 18, 0, 0, 0, 0, time.UTC))
	oct  = engine.PeriodOf(engine.Monthly, time.Date(2026, 10, 18, 0, 0, 0, 0, time.UTC))
	deed = engine.Thread{Channel: "C0FIN", TS: "1763781125.000100"}
)

// usd is an amount in dollars and cents, with some micro-dollars to round away.
func usd(d float64) engine.MicroUSD { return engine.Dollars(d) + 3_100 }

// week is a digest with something of everything.
func week() engine.Digest {
	d := engine.Digest{
		ID: 12, Period: w47, AsOf: w47.To.Add(9 * time.Hour),
		Spend: engine.Spend{
			Total: usd(41_235.18), Before: usd(39_649.25), DaysKnown: 7, DaysBefore: 7, SameDays: 7, SameTotal: usd(41_235.18), SameBefore: usd(39_649.25), Provisional: usd(12_004.5),
			Idle: usd(4_100), Shared: usd(1_720), Unallocated: usd(2_310.4), Outside: usd(1_204), Allocated: 0.812,
		},
		Trend: days(w47.From.AddDate(0, 0, -12*7), w47.To, 5_600),
		Forecast: &engine.Forecast{
			Month: date(11, 1), SoFar: usd(129_400), Mid: usd(176_412), Low: usd(170_131), High: usd(183_040), Basis: 60, Before: usd(169_002.11),
			Days: []engine.ForecastDay{{Day: date(11, 23), Mid: usd(5_800), Low: usd(5_500), High: usd(6_200)}},
		},
		Waterfall: []engine.SpendStep{
			{By: "team", Name: "payments", Amount: usd(911.90)},
			{By: "team", Name: "search", Amount: usd(804.22)},
			{By: "kind", Name: "idle", Amount: -usd(402.1)},
			{Name: "others", Amount: usd(41_235.18) - usd(39_649.25) - usd(911.90) - usd(804.22) + usd(402.1)},
		},
		Movers: []engine.Mover{
			{By: "team", Name: "payments", Before: usd(2_400.1), Now: usd(3_312)},
			{By: "cluster", Name: "prod-us", Before: usd(8_100), Now: usd(8_904.22)},
			{By: "kind", Name: "idle", Before: usd(4_502.1), Now: usd(4_100)},
			{By: "team", Name: "shop", Before: 0, Now: usd(120)},
		},
		Breakdowns: []engine.Breakdown{
			{By: "team", Lines: []engine.BreakdownLine{
				{Name: "platform", Amount: usd(14_200), Before: usd(14_100)},
				{Name: "payments", Amount: usd(3_312), Before: usd(2_400.1)},
				{Name: "", Amount: usd(41_235.18) - usd(14_200) - usd(3_312), Before: usd(39_649.25) - usd(14_100) - usd(2_400.1)},
			}},
			{By: "cluster", Lines: []engine.BreakdownLine{
				{Name: "prod-eu", Amount: usd(30_100), Before: usd(30_100)},
				{Name: "prod-us", Amount: usd(8_904.22), Before: usd(8_100)},
				{Name: "", Amount: usd(41_235.18) - usd(30_100) - usd(8_904.22), Before: usd(39_649.25) - usd(30_100) - usd(8_100)},
			}},
			{By: "kind", Lines: []engine.BreakdownLine{
				{Name: "workload", Amount: usd(41_235.18) - usd(4_100) - usd(1_720), Before: usd(39_649.25) - usd(4_502.1)},
				{Name: "idle", Amount: usd(4_100), Before: usd(4_502.1)},
				{Name: "shared", Amount: usd(1_720)},
			}},
		},
		Budgets: []engine.Budget{
			{Name: "all of it", Month: date(11, 1), Amount: 180_000 * engine.USD, Spent: usd(129_400), Forecast: usd(176_412)},
			{Name: "payments", Scope: engine.DigestScope{Team: "payments"}, Month: date(11, 1), Amount: 11_000 * engine.USD, Spent: usd(9_900), Forecast: usd(13_904)},
		},
		Units: []engine.UnitCost{
			{Name: "requests of the shop", Scope: engine.DigestScope{Cluster: "prod-eu"}, Count: 98_123_456, Days: 7, Spend: usd(30_100), Each: 0.000306756, Before: 0.000322},
			{Name: "customers"},
		},
		Funnel: engine.Funnel{
			Identified: engine.FunnelStep{Chains: 34, Monthly: usd(12_400)}, Approved: engine.FunnelStep{Chains: 20, Monthly: usd(8_100)},
			Implemented: engine.FunnelStep{Chains: 18, Monthly: usd(6_904.4)}, Reversed: engine.FunnelStep{Chains: 1, Monthly: usd(120)},
			Verified: usd(1_204.22), Cash: usd(812), Low: usd(1_100), High: usd(1_304), Promised: usd(1_310), Chains: 44, Missed: 3, Year: usd(15_300.12),
		},
		Open: engine.Opportunities{
			Count: 41, Monthly: usd(18_400), Cash: usd(12_010),
			ByKind: []engine.SavingsLine{{Kind: engine.IdleNode, Count: 6, Monthly: usd(9_000)}, {Kind: engine.OverRequestedCPU, Count: 35, Monthly: usd(9_400)}},
			Top: []engine.Opportunity{
				{Group: 8, Title: "node group workers", Team: "platform", Cluster: "prod-eu", Monthly: usd(1_402.1), Cash: true, Confidence: 0.95, Risk: engine.RiskLow, Drafted: true, Thread: deed, Since: date(11, 3)},
				{Group: 9, Title: "payments/api", Team: "payments", Cluster: "prod-eu", Monthly: usd(930), Confidence: 0.8, Risk: engine.RiskMedium, Drafted: true, Thread: deed},
				{Group: 11, Title: "vol-0abc", Cluster: "prod-us", Monthly: usd(412), Cash: true, Confidence: 0.7, Risk: engine.RiskLow, Thread: deed},
				{Group: 12, Title: "search/index", Team: "search", Monthly: usd(300), Confidence: 0.7, Risk: engine.RiskLow, Drafted: true},
			},
		},
		Incidents: engine.IncidentTally{
			Opened: 12, Resolved: 11, StillOpen: 2, Before: 8,
			BySeverity: []engine.SeverityLine{{Severity: engine.Critical, Count: 3}, {Severity: engine.Warning, Count: 9}},
			Detect:     engine.Spread{Count: 12, Median: 40 * time.Second, P95: 130 * time.Second},
			Resolve:    engine.Spread{Count: 11, Median: 34 * time.Minute, P95: 3*time.Hour + 5*time.Minute}, Cost: usd(4_200), Costed: 5,
			Top: []engine.IncidentLine{
				{ID: 42, Title: "payments/api is crash-looping", Severity: engine.Critical, Started: date(11, 18), Resolved: date(11, 18).Add(3 * time.Hour), Lasted: 3 * time.Hour, Cost: usd(3_000), Costed: true, Thread: deed},
				{ID: 43, Title: "shop/cart misses replicas", Severity: engine.Warning, Started: date(11, 22), Lasted: 20 * time.Hour, Thread: deed},
			},
		},
		Trust: new(trusted()),
		Own:   engine.OwnCost{BilledCalls: 24, BilledAmount: 240_000, Scans: 14, Queries: 8_412, Samples: 1_234_000_000, Slowest: 2100 * time.Millisecond},
		Insights: []engine.Insight{
			{Rule: "mover", Text: "Team payments cost $911.90 more than the week before, more than half of the rise.", Amount: usd(911.9), Rows: "team payments"},
			{Rule: "budget", Text: "Budget payments heads for $13,904 of $11,000.", Amount: usd(2_904), Rows: "budget payments"},
			{Rule: "savings", Text: "92 % of what was promised was measured.", Amount: usd(105), Rows: "44 changes"},
		},
		Corrections: []engine.Correction{{Of: "invoice of 2026-10", Amount: -usd(12), At: date(11, 17), Reason: "the invoice is final"}},
		Bills: engine.BillState{
			Newest: date(11, 22), Scan: date(11, 22).Add(2 * time.Hour), Source: "Cost Explorer", Guessed: 1,
			Payers: []engine.PayerLine{{Payer: "123456789012", Amount: usd(41_235.18)}},
		},
		Missing: []engine.Gap{{Collector: "Prometheus of prod-us", Reason: "timeout after 30 s"}},
		Audit:   &engine.Anchor{Seq: 12_345, Hash: "a1b2c3d4e5f60718293a4b5c6d7e8f90"},
	}
	d.Ledger = engine.Ledger{
		From: w47.From, To: w47.To, Verified: d.Funnel.Verified, Cash: d.Funnel.Cash, Freed: d.Funnel.Verified - d.Funnel.Cash, Twice: usd(12.3), Implemented: usd(6_904.4), Detected: usd(12_400),
		Shares:      []engine.LedgerShare{{Name: "platform", Verified: usd(1_000), Cash: usd(812), Implemented: usd(6_000), Detected: usd(12_000)}, {Name: "", Verified: usd(204.22) - 3_100, Implemented: usd(904.4) - 3_100, Detected: usd(400)}},
		Calibration: []engine.CalibrationLine{{Type: engine.IdleNode, Chains: 4, Estimated: usd(900), Verified: usd(812), Ratio: 0.902}},
		Lines: []engine.LedgerLine{
			{Finding: 3, Type: engine.IdleNode, Target: engine.Target{Workload: engine.Workload{Cluster: "prod-eu", Kind: engine.KindNode, Name: "ip-10-0-3-7"}}, State: engine.EntryVerified, Estimated: usd(280), Verified: usd(60), Cash: usd(60), Days: 7, PullURL: "https://github.com/acme/infra/pull/12"},
			{Finding: 4, Type: engine.OverRequestedCPU, Target: engine.Target{Workload: engine.Workload{Cluster: "prod-eu", Namespace: "shop", Kind: "Deployment", Name: "cart"}, Container: "app"}, State: engine.EntryReversed, Estimated: usd(120)},
		},
	}
	d.ByType = []engine.LedgerShare{{Name: string(engine.IdleNode), Verified: d.Ledger.Verified, Cash: d.Ledger.Cash, Implemented: d.Ledger.Implemented}}
	d.ByCluster = []engine.LedgerShare{{Name: "prod-eu", Verified: d.Ledger.Verified, Cash: d.Ledger.Cash, Implemented: d.Ledger.Implemented}}
	return d
}

func date(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC)
}

// days is a trend that rises a little and rests on Sundays.
func days(from, to time.Time, about float64) (out []engine.SpendDay) {
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		amount := about + 4*float64(len(out))
		if day.Weekday() == time.Sunday {
			amount *= 0.8
		}
		out = append(out, engine.SpendDay{Day: day, Amount: usd(amount), Provisional: to.Sub(day) < 72*time.Hour})
	}
	return out
}

// empty is a week of which nothing is known and in which nothing happened.
func empty() engine.Digest { return engine.Digest{ID: 13, Period: w47, AsOf: w47.To} }

// first is the first week of an installation: nothing to compare with, nothing measured, an estimate.
func first() engine.Digest {
	d := week()
	d.Spend.Before, d.Spend.DaysBefore, d.Spend.SameBefore, d.Spend.SameTotal, d.Spend.SameDays = 0, 0, 0, 0, 0
	d.Spend.Estimated, d.Spend.Provisional = d.Spend.Total, 0
	d.Trend, d.Forecast, d.Waterfall, d.Movers, d.Budgets, d.Insights, d.Corrections = d.Trend[len(d.Trend)-7:], nil, nil, nil, nil, nil, nil
	d.Funnel = engine.Funnel{Identified: d.Funnel.Identified}
	d.Ledger, d.ByType, d.ByCluster = engine.Ledger{}, nil, nil
	d.Incidents, d.Audit, d.Missing = engine.IncidentTally{}, nil, nil
	d.Bills.Source, d.Bills.Payers = "list prices", []engine.PayerLine{{Amount: d.Spend.Total}}
	return d
}

// gappy is a week with two days that no bill is known of.
func gappy() engine.Digest {
	d := week()
	d.Spend.DaysKnown, d.Bills.Absent, d.Budgets = 5, []time.Time{date(11, 19), date(11, 18)}, nil
	d.Spend.SameDays, d.Spend.SameTotal, d.Spend.SameBefore = 5, usd(28_000), usd(26_000)
	d.Trend = append(d.Trend[:len(d.Trend)-5:len(d.Trend)-5], d.Trend[len(d.Trend)-3:]...)
	return d
}

// credited is a week in which credits were more than what was used, and savings that turned out to cost.
func credited() engine.Digest {
	d := week()
	d.Spend.Total, d.Spend.SameTotal, d.Budgets, d.Forecast = -usd(1_200), -usd(1_200), nil, nil
	d.Trend[len(d.Trend)-3].Amount = -usd(42_000)
	d.Movers = []engine.Mover{{By: "kind", Name: "unallocatable", Before: usd(2_000), Now: -usd(41_000)}}
	d.Funnel.Verified, d.Funnel.Cash, d.Funnel.Low = -usd(80), -usd(90), -usd(200)
	d.Waterfall = []engine.SpendStep{{Name: "Credits", Amount: d.Spend.Total - d.Spend.Before}}
	return d
}

// closed is a month whose invoices are final.
func closed() engine.Digest {
	d := week()
	d.Period, d.Closed, d.AsOf, d.Scope = oct, true, oct.To.AddDate(0, 0, 6), engine.DigestScope{Team: "payments", Cluster: "prod-eu"}
	d.Spend.DaysKnown, d.Spend.DaysBefore, d.Spend.SameDays, d.Spend.Provisional = oct.Days(), oct.Before().Days(), oct.Days(), 0
	d.Trend = days(oct.From.AddDate(-1, 0, 0), oct.To, 5_600)
	d.Forecast.SoFar, d.Forecast.Before = 0, d.Spend.Total
	d.Budgets = d.Budgets[:1]
	d.Bills.Payers = []engine.PayerLine{{Payer: "123456789012", Amount: usd(41_235.18), Closed: true}}
	return d
}

// crowded has 200 teams and clusters, budgets, units, changes, incidents and gaps, each named by text.
func crowded(text string) engine.Digest {
	d := week()
	d.Scope = engine.DigestScope{Team: text, Cluster: text}
	d.Movers, d.Budgets, d.Units, d.Insights, d.Open.Top, d.Incidents.Top = nil, nil, nil, nil, nil, nil
	d.Corrections, d.Missing, d.Ledger.Lines, d.Ledger.Shares, d.Waterfall = nil, nil, nil, nil, nil
	d.Bills.Source, d.Audit.Hash = text, text
	var lines []engine.BreakdownLine
	for n := range 200 {
		name := fmt.Sprintf("%s %d", text, n)
		amount := usd(float64(40_000-n)) * 1001
		scope := engine.DigestScope{Team: name, Cluster: name}
		lines = append(lines, engine.BreakdownLine{Name: name, Amount: amount, Before: amount / 3})
		d.Movers = append(d.Movers, engine.Mover{By: "team", Name: name, Before: amount, Now: amount * 2})
		d.Waterfall = append(d.Waterfall, engine.SpendStep{Name: name, Amount: amount})
		d.Budgets = append(d.Budgets, engine.Budget{Name: name, Scope: scope, Month: date(11, 1), Amount: amount, Spent: amount / 2, Forecast: amount * 2})
		d.Units = append(d.Units, engine.UnitCost{Name: name, Scope: scope, Count: 1e12, Days: 7, Spend: amount, Each: 0.001, Before: 0.002})
		d.Insights = append(d.Insights, engine.Insight{Text: strings.Repeat(name+" ", 5), Rows: name})
		d.Open.Top = append(d.Open.Top, engine.Opportunity{Group: int64(n + 1), Title: name, Team: name, Cluster: name, Monthly: amount, Risk: engine.Risk(name), Drafted: true, Thread: deed})
		d.Incidents.Top = append(d.Incidents.Top, engine.IncidentLine{ID: int64(n + 1), Title: name, Severity: engine.Severity(name), Thread: deed})
		d.Corrections = append(d.Corrections, engine.Correction{Of: name, Reason: name, Amount: -amount})
		d.Missing = append(d.Missing, engine.Gap{Collector: name, Reason: name})
		d.Bills.Payers = append(d.Bills.Payers, engine.PayerLine{Payer: name, Amount: amount})
		d.Bills.Absent = append(d.Bills.Absent, date(11, 18))
		d.Ledger.Shares = append(d.Ledger.Shares, engine.LedgerShare{Name: name, Verified: amount, Cash: amount, Implemented: amount})
		d.Ledger.Lines = append(d.Ledger.Lines, engine.LedgerLine{Type: engine.FindingKind(name), Target: engine.Target{Workload: engine.Workload{Kind: name, Name: name}, Container: name}, State: engine.EntryVerified, Days: 7, PullURL: "https://example.com/" + strings.Repeat("p", 900)})
	}
	for n := range d.Breakdowns {
		d.Breakdowns[n].Lines = lines
	}
	d.ByType, d.ByCluster = d.Ledger.Shares, d.Ledger.Shares
	d.Incidents.BySeverity = []engine.SeverityLine{{Severity: engine.Severity(text), Count: 3}}
	return d
}
