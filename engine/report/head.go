package report

import (
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// head is the top of the page: of what it is, how final, and the four figures that matter.
type head struct {
	Kind, Period, Span, Scope string
	AsOf                      string
	States                    []state
	Tiles                     []tile
}

// state is a word on how final or how good something is. Bad ones stand out.
type state struct {
	Word, Why string
	Bad       bool
}

// tile is one figure.
type tile struct {
	Name, Value string
	Missing     bool
	Lines       []string
}

type insight struct{ Text, Rows string }

func newHead(d engine.Digest) head {
	h := head{Kind: "Weekly report", Period: d.Period.String(), Span: span(d.Period), Scope: scope(d.Scope), AsOf: moment(d.AsOf)}
	if d.Period.Kind == engine.Monthly {
		h.Kind = "Monthly report"
	}
	h.Period = periodName(d.Period)
	h.States = states(d)
	h.Tiles = []tile{spendTile(d), verifiedTile(d), forecastTile(d), openTile(d)}
	return h
}

func newInsights(d engine.Digest) (all []insight) {
	for _, i := range d.Insights {
		rows := i.Rows
		if kind, ok := strings.CutPrefix(rows, "kind "); ok {
			rows = "type " + partName("kind", kind)
		}
		all = append(all, insight{sentence(i.Text), name(rows, "")})
	}
	return all
}

// periodName is a period in a heading: "Week 47 of 2026", "October 2026".
func periodName(p engine.Period) string {
	if p.Kind == engine.Monthly {
		return p.From.Format("January 2006")
	}
	year, week := p.From.ISOWeek()
	return fmt.Sprintf("Week %d of %d", week, year)
}

// shortPeriod is a period in a table: "Week 47", "October".
func shortPeriod(p engine.Period) string {
	if p.Kind == engine.Monthly {
		return p.From.Format("January")
	}
	_, week := p.From.ISOWeek()
	return fmt.Sprintf("Week %d", week)
}

func span(p engine.Period) string {
	last := p.To.AddDate(0, 0, -1)
	first := "2 January 2006"
	switch {
	case p.From.Year() == last.Year() && p.From.Month() == last.Month():
		first = "2"
	case p.From.Year() == last.Year():
		first = "2 January"
	}
	return p.From.Format(first) + "–" + last.Format("2 January 2006") + " (UTC)"
}

func scope(s engine.DigestScope) string {
	var parts []string
	if s.Team != "" {
		parts = append(parts, "team "+name(s.Team, ""))
	}
	if s.Cluster != "" {
		parts = append(parts, "cluster "+name(s.Cluster, ""))
	}
	if len(parts) == 0 {
		return "all teams and clusters"
	}
	return strings.Join(parts, ", ")
}

func states(d engine.Digest) []state {
	var all []state
	s := d.Spend
	switch {
	case d.Closed:
		all = append(all, state{Word: "Closed", Why: "by the invoices; only corrections change it"})
	case s.DaysKnown == 0:
	case s.Estimated != 0 && s.Estimated == s.Total:
		all = append(all, state{Word: "Estimated", Why: "at list prices: no bill is known"})
	case s.Provisional != 0:
		all = append(all, state{Word: "Provisional", Why: "AWS may still change " + money(s.Provisional)})
	}
	if s.Estimated != 0 && s.Estimated != s.Total {
		all = append(all, state{Word: "Partly estimated", Why: money(s.Estimated) + " at list prices"})
	}
	if n := d.Period.Days() - s.DaysKnown; n > 0 && s.DaysKnown > 0 {
		all = append(all, state{Word: "Incomplete", Why: plural(n, "day has", "days have") + " no bill yet", Bad: true})
	} else if s.DaysKnown == 0 {
		all = append(all, state{Word: "No bill", Why: "no cost of this time is known", Bad: true})
	}
	over, will := 0, 0
	for _, b := range d.Budgets {
		switch budgetState(b).word {
		case overBudget:
			over++
		case willBeOver:
			will++
		}
	}
	if over > 0 {
		all = append(all, state{Word: "Over budget", Why: plural(over, "budget is", "budgets are") + " spent", Bad: true})
	}
	if will > 0 {
		all = append(all, state{Word: "Budget at risk", Why: plural(will, "budget", "budgets") + " by the forecast", Bad: true})
	}
	return all
}

func spendTile(d engine.Digest) tile {
	s := d.Spend
	if s.DaysKnown == 0 {
		return tile{Name: "Spend", Value: unknown, Missing: true, Lines: []string{"There is no bill of these days yet."}}
	}
	t := tile{Name: "Spend", Value: money(s.Total)}
	t.Lines = append(t.Lines, compared(d))
	if s.Allocated > 0 {
		t.Lines = append(t.Lines, percent(s.Allocated)+" of it is put to teams")
	}
	return t
}

// compared says what changed, as far as that can be said.
func compared(d engine.Digest) string {
	s, before := d.Spend, inText(d.Period.Before())
	if s.SameDays == 0 {
		return "Nothing to compare with in " + before
	}
	now, was, on := s.Total, s.Before, " on "+before
	if !s.Comparable(d.Period) {
		now, was = s.SameTotal, s.SameBefore
		on = fmt.Sprintf(" on %s, over the %s that can be compared", before, plural(s.SameDays, "day", "days"))
	}
	by := signed(now - was)
	if c := change(now, was); c != "" {
		by += " (" + c + ")"
	}
	return by + on
}

// inText is a period within a sentence: "week 47", "October".
func inText(p engine.Period) string { return strings.Replace(shortPeriod(p), "Week", "week", 1) }

func verifiedTile(d engine.Digest) tile {
	f := d.Funnel
	year := money(f.Year) + " since 1 January"
	if f.Chains == 0 {
		return tile{Name: "Verified savings", Value: "none measured", Missing: true, Lines: []string{"No change was live and measured in this time", year}}
	}
	return tile{Name: "Verified savings", Value: money(f.Verified), Lines: []string{
		fmt.Sprintf("90 %% between %s and %s", money(f.Low), money(f.High)), money(f.Cash) + " of it off the bill", year,
	}}
}

func forecastTile(d engine.Digest) tile {
	f := d.Forecast
	if f == nil {
		return tile{Name: "Forecast", Value: unknown, Missing: true, Lines: []string{"Too few days are known"}}
	}
	t := tile{Name: "Forecast of " + f.Month.Format("January"), Value: money(f.Mid), Lines: []string{
		fmt.Sprintf("An estimate: 80 %% between %s and %s", money(f.Low), money(f.High)),
	}}
	if f.Before != 0 {
		line := "after " + money(f.Before) + " in " + f.Month.AddDate(0, -1, 0).Format("January")
		if c := change(f.Mid, f.Before); c != "" {
			line = c + " " + line
		}
		t.Lines = append(t.Lines, line)
	}
	return t
}

func openTile(d engine.Digest) tile {
	o := d.Open
	return tile{Name: "Open opportunities", Value: money(o.Monthly), Lines: []string{
		"A month, estimated, in " + plural(o.Count, "finding", "findings"), money(o.Cash) + " of it off the bill",
	}}
}

// round is an amount as it is shown.
func round(m engine.MicroUSD) engine.MicroUSD { return engine.ToCents([]engine.MicroUSD{m}, m)[0] }
