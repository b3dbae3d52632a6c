package report

import (
	"slices"
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Tables gives every table of a digest as a CSV file (RFC 4180), always the same ones in the same order: a table of nothing has its
// header alone. Money is in dollars with all six decimals, durations are in seconds, times are UTC. What is not known is an empty cell.
func Tables(d engine.Digest) []engine.File {
	files := []engine.File{
		headlineSheet(d), insightSheet(d), trendSheet(d), forecastSheet(d), waterfallSheet(d), moverSheet(d),
		breakdownSheet(d, "team"), breakdownSheet(d, "cluster"), breakdownSheet(d, "kind"), budgetSheet(d), unitSheet(d),
		opportunitySheet(d), ledgerSheet(d), decisionSheet(d), calibrationSheet(d), shareSheet("team", d.Ledger.Shares),
		shareSheet("type", d.ByType), shareSheet("cluster", d.ByCluster), incidentSheet(d), trustSheet(d), trustCountSheet(d), missSheet(d), reliabilitySheet(d),
		correctionSheet(d), stateSheet(d),
	}
	return files
}

func file(name, title string, s *engine.Sheet) engine.File {
	return engine.File{Name: name + ".csv", Title: title, Content: s.String()}
}

// headlineSheet has a row for each number that is not of a table.
func headlineSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("name", "value", "unit")
	money := func(name string, m engine.MicroUSD, known bool) { s.Row(name, when(known, m.Exact()), "USD") }
	count := func(name string, n int64) { s.Row(name, strconv.FormatInt(n, 10), "count") }
	span := func(name string, of time.Duration, known bool) { s.Row(name, when(known, seconds(of)), "seconds") }
	s.Row("period", d.Period.String(), engine.Cell(string(d.Period.Kind)))
	s.Row("team", engine.Cell(d.Scope.Team), "scope")
	s.Row("cluster", engine.Cell(d.Scope.Cluster), "scope")
	s.Row("as_of", instant(d.AsOf), "time")
	s.Row("closed", strconv.FormatBool(d.Closed), "bool")
	known, before := d.Spend.DaysKnown > 0, d.Spend.DaysBefore > 0
	money("spend", d.Spend.Total, known)
	money("spend_before", d.Spend.Before, before)
	same := d.Spend.SameDays > 0
	count("days_that_can_be_compared", int64(d.Spend.SameDays))
	money("spend_of_those_days", d.Spend.SameTotal, same)
	money("spend_of_those_days_before", d.Spend.SameBefore, same)
	count("days_known", int64(d.Spend.DaysKnown))
	count("days_known_before", int64(d.Spend.DaysBefore))
	money("provisional", d.Spend.Provisional, known)
	money("estimated", d.Spend.Estimated, known)
	for _, p := range allocation(d) {
		money("allocation_"+p.key, p.amount, known)
	}
	f := d.Funnel
	for _, step := range []struct {
		name string
		of   engine.FunnelStep
	}{{"identified", f.Identified}, {"approved", f.Approved}, {"implemented", f.Implemented}, {"reversed", f.Reversed}} {
		count(step.name+"_chains", int64(step.of.Chains))
		money(step.name+"_monthly", step.of.Monthly, true)
	}
	measured := f.Chains > 0
	count("verified_chains", int64(f.Chains))
	count("days_not_measured", int64(f.Missed))
	money("verified", f.Verified, measured)
	money("verified_low", f.Low, measured)
	money("verified_high", f.High, measured)
	money("verified_cash", f.Cash, measured)
	money("freed_that_may_stand_twice", d.Ledger.Twice, measured)
	money("promised_for_the_same_days", f.Promised, measured)
	money("verified_this_year", f.Year, true)
	count("open_opportunities", int64(d.Open.Count))
	money("open_monthly", d.Open.Monthly, true)
	money("open_monthly_cash", d.Open.Cash, true)
	i := d.Incidents
	count("incidents_opened", int64(i.Opened))
	count("incidents_opened_before", int64(i.Before))
	count("incidents_resolved", int64(i.Resolved))
	count("incidents_open_at_the_end", int64(i.StillOpen))
	for _, l := range i.BySeverity {
		count("incidents_"+engine.Cell(string(l.Severity)), int64(l.Count))
	}
	span("time_to_detect_median", i.Detect.Median, i.Detect.Count > 0)
	span("time_to_detect_p95", i.Detect.P95, i.Detect.Count > 0)
	span("time_to_resolve_median", i.Resolve.Median, i.Resolve.Count > 0)
	span("time_to_resolve_p95", i.Resolve.P95, i.Resolve.Count > 0)
	money("incident_cost", i.Cost, i.Costed > 0)
	count("incidents_with_a_cost", int64(i.Costed))
	count("own_billed_calls", int64(d.Own.BilledCalls))
	money("own_billed", d.Own.BilledAmount, true)
	count("own_scans", int64(d.Own.Scans))
	count("own_prometheus_queries", int64(d.Own.Queries))
	count("own_prometheus_samples", d.Own.Samples)
	span("own_slowest_query", d.Own.Slowest, d.Own.Queries > 0)
	return file("headline", "Figures of the headline", s)
}

func insightSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("insight", "amount_usd", "rows", "rule")
	for _, i := range d.Insights {
		s.Row(engine.Cell(i.Text), i.Amount.Exact(), engine.Cell(i.Rows), engine.Cell(i.Rule))
	}
	return file("insights", "Insights", s)
}

func trendSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("day", "amount_usd", "provisional", "estimated")
	for _, day := range days(d) {
		s.Row(date(day.Day), when(day.known, day.Amount.Exact()), when(day.known, strconv.FormatBool(day.Provisional)), when(day.known, strconv.FormatBool(day.Estimated)))
	}
	return file("trend", "Spend by day", s)
}

func forecastSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("day", "mid_usd", "low_usd", "high_usd")
	if f := d.Forecast; f != nil {
		for _, day := range f.Days {
			s.Row(date(day.Day), day.Mid.Exact(), day.Low.Exact(), day.High.Exact())
		}
		s.Row("month "+f.Month.Format("2006-01"), f.Mid.Exact(), f.Low.Exact(), f.High.Exact())
	}
	return file("forecast", "Forecast by day, and of the month", s)
}

func waterfallSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("by", "step", "amount_usd")
	s.Row("", "before", when(d.Spend.DaysBefore > 0, d.Spend.Before.Exact()))
	for _, step := range d.Waterfall {
		s.Row(engine.Cell(step.By), engine.Cell(step.Name), step.Amount.Exact())
	}
	s.Row("", "now", when(d.Spend.DaysKnown > 0, d.Spend.Total.Exact()))
	return file("waterfall", "What changed", s)
}

func moverSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("by", "name", "before_usd", "now_usd", "change_usd")
	for _, m := range d.Movers {
		s.Row(engine.Cell(m.By), engine.Cell(m.Name), m.Before.Exact(), m.Now.Exact(), (m.Now - m.Before).Exact())
	}
	return file("movers", "Largest changes", s)
}

func breakdownSheet(d engine.Digest, by string) engine.File {
	s := engine.NewSheet(by, "amount_usd", "before_usd")
	for _, l := range breakdown(d, by).Lines {
		s.Row(engine.Cell(l.Name), l.Amount.Exact(), l.Before.Exact())
	}
	return file("spend-by-"+by, "Spend by "+by, s)
}

func budgetSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("budget", "team", "cluster", "month", "amount_usd", "spent_usd", "forecast_usd")
	for _, b := range d.Budgets {
		s.Row(engine.Cell(b.Name), engine.Cell(b.Scope.Team), engine.Cell(b.Scope.Cluster), b.Month.Format("2006-01"), b.Amount.Exact(), b.Spent.Exact(),
			when(b.Forecast != 0, b.Forecast.Exact()))
	}
	return file("budgets", "Budgets", s)
}

func unitSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("unit", "team", "cluster", "count", "days", "spend_usd", "each_usd", "each_before_usd")
	for _, u := range d.Units {
		s.Row(engine.Cell(u.Name), engine.Cell(u.Scope.Team), engine.Cell(u.Scope.Cluster), when(u.Days > 0, engine.Quantity(u.Count)), strconv.Itoa(u.Days),
			when(u.Days > 0, u.Spend.Exact()), when(u.Each != 0, engine.Quantity(u.Each)), when(u.Before != 0, engine.Quantity(u.Before)))
	}
	return file("units", "Cost of a unit of work", s)
}

func opportunitySheet(d engine.Digest) engine.File {
	s := engine.NewSheet("group", "title", "team", "cluster", "monthly_usd", "all_cash", "confidence", "risk", "drafted", "since")
	for _, o := range d.Open.Top {
		s.Row(strconv.FormatInt(o.Group, 10), engine.Cell(o.Title), engine.Cell(o.Team), engine.Cell(o.Cluster), o.Monthly.Exact(), strconv.FormatBool(o.Cash),
			engine.Quantity(o.Confidence), engine.Cell(string(o.Risk)), strconv.FormatBool(o.Drafted), instant(o.Since))
	}
	return file("opportunities", "Top open opportunities", s)
}

// breakdown gives the one by a dimension, empty when there is none.
func breakdown(d engine.Digest, by string) engine.Breakdown {
	if k := slices.IndexFunc(d.Breakdowns, func(b engine.Breakdown) bool { return b.By == by }); k >= 0 {
		return d.Breakdowns[k]
	}
	return engine.Breakdown{By: by}
}

func when(known bool, cell string) string {
	if !known {
		return ""
	}
	return cell
}

func seconds(d time.Duration) string { return engine.Quantity(d.Seconds()) }

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
