package report_test

import (
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		panic(err)
	}
	return t
}

func day(s string) time.Time { return at(s + " 00:00") }

// noise is a share in [-1,1] that looks random and is the same each time.
func noise(n int) float64 {
	x := uint32(n)*2654435761 + 12345 //nolint:gosec // it is meant to wrap
	x ^= x >> 15
	x *= 2246822519
	x ^= x >> 13
	return float64(x%2001)/1000 - 1
}

// trendOf gives a day's spend for each day before to, but for those that are absent.
func trendOf(from, to time.Time, a float64, absent ...time.Time) (days []engine.SpendDay) {
	for k, d := 0, from; d.Before(to); k, d = k+1, d.AddDate(0, 0, 1) {
		skip := false
		for _, x := range absent {
			skip = skip || x.Equal(d)
		}
		weekend := 1.0
		if d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
			weekend = 0.86
		}
		if !skip {
			days = append(days, engine.SpendDay{Day: d, Amount: engine.Dollars(a * weekend * (1 + 0.04*noise(k)) * (1 + float64(k)/1200))})
		}
	}
	return days
}

// week is a digest of a week with something in each section.
func week() engine.Digest {
	p := engine.PeriodOf(engine.Weekly, day("2026-11-18"))
	d := engine.Digest{
		Period: p, AsOf: at("2026-11-23 08:58"),
		Spend: engine.Spend{
			Total: engine.Dollars(38_412.337518), Before: engine.Dollars(36_998.104449), SameTotal: engine.Dollars(38_412.337518), SameBefore: engine.Dollars(36_998.104449),
			SameDays: 7, DaysKnown: 7, DaysBefore: 7, Provisional: engine.Dollars(38_412.337518), Idle: engine.Dollars(4_211.104), Shared: engine.Dollars(2_107.55),
			Unallocated: engine.Dollars(1_390.201), Outside: engine.Dollars(3_004.9), Allocated: 0.71,
		},
		Trend: trendOf(day("2026-08-31"), p.To, 5100, day("2026-10-11")),
		Waterfall: []engine.SpendStep{
			{By: "team", Name: "search", Amount: engine.Dollars(1_102.4)}, {By: "team", Name: "payments", Amount: engine.Dollars(-611.003)},
			{By: "kind", Name: "idle", Amount: engine.Dollars(540.1)}, {By: "kind", Name: "unallocatable", Amount: engine.Dollars(230.44)},
			{By: "team", Name: "machine-learning-platform", Amount: engine.Dollars(190.2)}, {Name: "others"},
		},
		Movers: []engine.Mover{
			{By: "team", Name: "search", Before: engine.Dollars(6_020.1), Now: engine.Dollars(7_122.5)}, {By: "team", Name: "payments", Before: engine.Dollars(5_811), Now: engine.Dollars(5_199.997)},
			{By: "kind", Name: "idle", Before: engine.Dollars(3_671.004), Now: engine.Dollars(4_211.104)}, {By: "cluster", Name: "prod-eu-central-1", Before: engine.Dollars(21_000), Now: engine.Dollars(21_400)},
		},
		Forecast: &engine.Forecast{Month: day("2026-11-01"), SoFar: engine.Dollars(116_210.5), Mid: engine.Dollars(160_840), Low: engine.Dollars(158_100), High: engine.Dollars(163_700), Basis: 56, Before: engine.Dollars(155_004.2)},
		Budgets: []engine.Budget{
			{Name: "Platform", Month: day("2026-11-01"), Amount: engine.Dollars(165_000), Spent: engine.Dollars(116_210.5), Forecast: engine.Dollars(160_840)},
			{Name: "Search", Scope: engine.DigestScope{Team: "search"}, Month: day("2026-11-01"), Amount: engine.Dollars(26_000), Spent: engine.Dollars(20_900), Forecast: engine.Dollars(28_700)},
			{Name: "Sandbox", Scope: engine.DigestScope{Cluster: "sandbox"}, Month: day("2026-11-01"), Amount: engine.Dollars(1_500), Spent: engine.Dollars(1_733.02)},
		},
		Units: []engine.UnitCost{
			{Name: "Request", Count: 1_204_550_113, Days: 7, Spend: engine.Dollars(38_412.337518), Each: 0.0000318894, Before: 0.0000330012},
			{Name: "Customer", Count: 840, Days: 6, Spend: engine.Dollars(33_012), Each: 39.3, Before: 38.1}, {Name: "Order", Scope: engine.DigestScope{Team: "checkout"}},
		},
		Funnel: engine.Funnel{
			Identified: engine.FunnelStep{Chains: 31, Monthly: engine.Dollars(8_904.1)}, Approved: engine.FunnelStep{Chains: 12, Monthly: engine.Dollars(4_120.7)},
			Implemented: engine.FunnelStep{Chains: 9, Monthly: engine.Dollars(3_310.25)}, Reversed: engine.FunnelStep{Chains: 1, Monthly: engine.Dollars(120)},
			Verified: engine.Dollars(1_204.11), Cash: engine.Dollars(810.05), Low: engine.Dollars(1_050), High: engine.Dollars(1_351.5), Promised: engine.Dollars(1_298.4), Chains: 22, Missed: 3, Year: engine.Dollars(41_884.93),
		},
		Open: engine.Opportunities{Count: 64, Monthly: engine.Dollars(11_208.42), Cash: engine.Dollars(4_390.1), ByKind: []engine.SavingsLine{
			{Kind: engine.OverRequestedCPU, Count: 30, Monthly: engine.Dollars(4_120.33)}, {Kind: engine.OverRequestedMemory, Count: 21, Monthly: engine.Dollars(2_697.99)},
			{Kind: engine.IdleNode, Count: 4, Monthly: engine.Dollars(3_290.1)}, {Kind: engine.OrphanVolume, Count: 9, Monthly: engine.Dollars(1_100)},
		}, Top: []engine.Opportunity{
			{Group: 12, Title: "node group workers-m6i", Team: "platform", Cluster: "prod-eu-central-1", Monthly: engine.Dollars(1_640.2), Cash: true, Confidence: 0.93, Risk: engine.RiskLow, Drafted: true},
			{Group: 40, Title: "search/indexer", Team: "search", Cluster: "prod-eu-central-1", Monthly: engine.Dollars(988.8), Confidence: 0.81, Risk: engine.RiskMedium, Drafted: true},
			{Group: 7, Title: "volumes of shop/db", Cluster: "prod-us-east-1", Monthly: engine.Dollars(410), Cash: true, Confidence: 0.66, Risk: engine.RiskHigh},
		}},
		Own: engine.OwnCost{BilledCalls: 42, BilledAmount: engine.Dollars(0.42), Scans: 14, Queries: 1_918, Samples: 48_211_904, Slowest: 4_210 * time.Millisecond},
		Insights: []engine.Insight{
			{Text: "Spend rose by $1,414.23 (+3.8 %), and search alone added $1,102.40 of it.", Amount: engine.Dollars(1_414.23), Rows: "team search"},
			{Text: "The forecast for team search passes its budget of $26,000.00 by $2,700.00.", Amount: engine.Dollars(2_700), Rows: "budget Search"},
			{Text: "Nine changes went live, which are expected to save $3,310.25 a month.", Amount: engine.Dollars(3_310.25), Rows: "savings ledger"},
		},
		Corrections: []engine.Correction{{Of: "invoice of 2026-10", Amount: engine.Dollars(-412.77), At: at("2026-11-18 07:12"), Reason: "the invoice has a credit that no day had"}},
		Bills: engine.BillState{Newest: day("2026-11-22"), Scan: at("2026-11-23 06:04"), Source: "Cost Explorer", Since: day("2025-10-02"), Guessed: 1, Payers: []engine.PayerLine{
			{Payer: "111122223333", Amount: engine.Dollars(30_112.337518)}, {Payer: "444455556666", Amount: engine.Dollars(8_300)},
		}},
		Missing: []engine.Gap{{Collector: "sandbox", Reason: "Prometheus does not answer"}},
		Audit:   &engine.Anchor{Seq: 18_204, Hash: "9f2c6e0b1d7a4c5f8e3b2a1908f7e6d5c4b3a29180716253443526171809fabc", At: at("2026-11-23 08:55")},
	}
	for k := 15; k < 22; k++ {
		d.Trend[len(d.Trend)-22+k].Provisional = true
	}
	for k := range 8 {
		mid := 5_580 + 200*noise(k)
		d.Forecast.Days = append(d.Forecast.Days, engine.ForecastDay{Day: p.To.AddDate(0, 0, k), Mid: engine.Dollars(mid), Low: engine.Dollars(mid - 300), High: engine.Dollars(mid + 330)})
	}
	d.Breakdowns = breakdownsOf(d.Spend, []string{"search", "payments", "checkout", "machine-learning-platform", "identity", "logistics", "web", "data"}, []string{"prod-eu-central-1", "prod-us-east-1", "sandbox"})
	d.Ledger, d.ByType, d.ByCluster = ledgerOf(16)
	d.Incidents = incidentsOf()
	return d
}

// breakdownsOf divides a spend by made-up shares; the last line has what is left, so that all come to it.
func breakdownsOf(s engine.Spend, teams, clusters []string) []engine.Breakdown {
	team, cluster := engine.Breakdown{By: "team"}, engine.Breakdown{By: "cluster"}
	named := s.Total - s.Idle - s.Shared - s.Unallocated - s.Outside - s.Adjustment
	divide := func(total, before engine.MicroUSD, names []string) (lines []engine.BreakdownLine) {
		for k, n := range names {
			share := engine.BreakdownLine{Name: n, Amount: total / engine.MicroUSD(k+2), Before: before / engine.MicroUSD(k+2) * engine.MicroUSD(100+k) / 102}
			total, before = total-share.Amount, before-share.Before
			lines = append(lines, share)
		}
		lines[len(lines)-1].Amount += total
		lines[len(lines)-1].Before += before
		return lines
	}
	team.Lines = append(divide(named, s.Before*7/10, teams), engine.BreakdownLine{Amount: s.Total - named, Before: s.Before - s.Before*7/10})
	cluster.Lines = append(divide(s.Total-s.Outside-s.Unallocated, s.Before*8/10, clusters), engine.BreakdownLine{Amount: s.Outside + s.Unallocated, Before: s.Before - s.Before*8/10})
	kind := engine.Breakdown{By: "kind", Lines: []engine.BreakdownLine{
		{Name: "workload", Amount: named, Before: s.Before * 7 / 10}, {Name: "idle", Amount: s.Idle, Before: s.Before / 10}, {Name: "outside", Amount: s.Outside, Before: s.Before / 10},
		{Name: "shared", Amount: s.Shared, Before: s.Before / 20}, {Name: "unallocatable", Amount: s.Unallocated, Before: s.Before - s.Before*7/10 - s.Before/10 - s.Before/10 - s.Before/20},
	}}
	return []engine.Breakdown{team, cluster, kind}
}

func ledgerOf(n int) (l engine.Ledger, byType, byCluster []engine.LedgerShare) {
	states := []engine.EntryKind{engine.EntryVerified, engine.EntryImplemented, engine.EntryApproved, engine.EntryReversed, engine.EntryDetected}
	for k := range n {
		line := engine.LedgerLine{
			Chain: fmt.Sprintf("finding/%d/0", 100+k), Finding: int64(100 + k), Type: engine.FindingKinds()[k%4], Team: []string{"search", "payments", ""}[k%3],
			Target: engine.Target{Workload: engine.Workload{Cluster: "prod-eu-central-1", Namespace: "shop", Kind: "Deployment", Name: fmt.Sprintf("api-%d", k)}, Container: "app"},
			State:  states[k%5], At: at("2026-11-20 10:00").Add(-time.Duration(k) * 7 * time.Hour), Estimated: engine.Dollars(412.5 / float64(k+1)),
		}
		if k%5 < 4 {
			line.Proposal, line.PullURL = int64(50+k), fmt.Sprintf("https://github.com/example/deploy/pull/%d", 200+k)
		}
		if k%5 == 0 {
			line.Days, line.Verified, line.Cash = 7, engine.Dollars(91.104/float64(k+1)), engine.Dollars(60.1/float64(k+1))
			line.Low, line.High, line.Missing = line.Verified*8/10, line.Verified*12/10, k%2
		}
		l.Lines = append(l.Lines, line)
	}
	l.Shares = []engine.LedgerShare{
		{Name: "search", Detected: engine.Dollars(5_000.005), Implemented: engine.Dollars(2_000), Verified: engine.Dollars(800.004), Cash: engine.Dollars(600)},
		{Name: "payments", Detected: engine.Dollars(3_000.005), Implemented: engine.Dollars(1_310.25), Verified: engine.Dollars(404.106), Cash: engine.Dollars(210.05)},
		{Detected: engine.Dollars(904.09)},
	}
	byType = []engine.LedgerShare{{Name: string(engine.IdleNode), Detected: engine.Dollars(5_904.1), Implemented: engine.Dollars(3_310.25), Verified: engine.Dollars(1_204.11), Cash: engine.Dollars(810.05)}, {Name: string(engine.OverRequestedCPU), Detected: engine.Dollars(3_000)}}
	byCluster = []engine.LedgerShare{{Name: "prod-eu-central-1", Detected: engine.Dollars(8_904.1), Implemented: engine.Dollars(3_310.25), Verified: engine.Dollars(1_204.11), Cash: engine.Dollars(810.05)}}
	l.Calibration = []engine.CalibrationLine{{Type: engine.IdleNode, Chains: 4, Estimated: engine.Dollars(900), Verified: engine.Dollars(870.4), Ratio: 0.967}, {Type: engine.OverRequestedCPU, Chains: 18, Estimated: engine.Dollars(398.4), Verified: engine.Dollars(333.71), Ratio: 0.838}}
	return l, byType, byCluster
}

func incidentsOf() engine.IncidentTally {
	return engine.IncidentTally{
		Opened: 6, Resolved: 5, StillOpen: 1, Before: 9, BySeverity: []engine.SeverityLine{{Severity: engine.Critical, Count: 2}, {Severity: engine.Warning, Count: 4}},
		Detect: engine.Spread{Count: 6, Median: 41 * time.Second, P95: 3 * time.Minute}, Resolve: engine.Spread{Count: 5, Median: 27 * time.Minute, P95: 4*time.Hour + 12*time.Minute},
		Cost: engine.Dollars(6_540), Costed: 2,
		Top: []engine.IncidentLine{
			{ID: 318, Title: "payments/api: OOMKilled, crash loop", Workload: engine.Workload{Cluster: "prod-eu-central-1", Namespace: "payments", Kind: "Deployment", Name: "api"}, Team: "payments", Severity: engine.Critical, Started: at("2026-11-17 02:58"), Detected: at("2026-11-17 02:59"), Resolved: at("2026-11-17 04:20"), Lasted: 82 * time.Minute, Cost: engine.Dollars(5_400), Costed: true},
			{ID: 322, Title: "search/indexer: image cannot be pulled", Workload: engine.Workload{Cluster: "prod-eu-central-1", Namespace: "search", Kind: "StatefulSet", Name: "indexer"}, Severity: engine.Warning, Started: at("2026-11-22 19:00"), Detected: at("2026-11-22 19:01"), Lasted: 5 * time.Hour},
		},
	}
}
