package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

const topBars = 12

// spendKinds are the kinds of cost as people name them.
var spendKinds = map[string]string{
	"workload": "Workloads", "shared": "Shared", "idle": "Idle capacity", "outside": "Outside clusters",
	"unallocatable": "Unallocated", "adjustment": "Invoices less their days",
}

// partName is the name of a part of the spend by a dimension.
func partName(by, s string) string {
	switch by {
	case "team":
		return name(s, "Of no team")
	case "cluster":
		return name(s, "Of no cluster")
	}
	return cmp.Or(spendKinds[s], name(s, "Other"))
}

// noTeam is what workloads are called beside teams: they are those whose team nobody knows.
const noTeam = "No known team"

// changedName is the name of who changed: a team, a cluster, or a kind of cost that is no team's.
func changedName(by, s string) string {
	if by == "kind" && s == "workload" {
		return noTeam
	}
	return partName(by, s)
}

func newBreakdowns(d engine.Digest) ([]section, error) {
	var all []section
	for _, of := range []struct{ by, title string }{{"team", "Spend by team"}, {"kind", "Spend by type"}, {"cluster", "Spend by cluster"}} {
		s, err := newBreakdown(d, of.by, of.title)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// newBreakdown divides the spend by one dimension. The rows come to the spend to the cent; of many, the chart gathers the smaller ones.
func newBreakdown(d engine.Digest, by, title string) (section, error) {
	s := section{ID: "by-" + by, Title: title}
	parts := breakdown(d, by).Lines
	if len(parts) == 0 {
		s.Empty = "No cost of this time is known."
		return s, nil
	}
	total := sum(parts, func(l engine.BreakdownLine) engine.MicroUSD { return l.Amount })
	before := sum(parts, func(l engine.BreakdownLine) engine.MicroUSD { return l.Before })
	now := cents(parts, total, func(l engine.BreakdownLine) engine.MicroUSD { return l.Amount })
	changed := cents(parts, total-before, func(l engine.BreakdownLine) engine.MicroUSD { return l.Amount - l.Before })
	columns, comparable := []column{text(breakdownHead(by)), figures("Spend"), figures("Share")}, d.Spend.Comparable(d.Period)
	if comparable {
		columns = append(columns, figures("Change"))
	}
	row := func(first cell, m, by engine.MicroUSD) []cell {
		return []cell{first, say(money(m)), say(part(m, total)), say(signed(by))}[:len(columns)]
	}
	var rows [][]cell
	var top []bar
	for k, l := range parts {
		rows = append(rows, row(named(partName(by, l.Name), ""), now[k], changed[k]))
		if k < topBars || len(parts) == topBars+1 {
			top = append(top, bar{name: partName(by, l.Name), to: l.Amount.Dollars(), ink: inkWhole, label: short(l.Amount)})
		}
	}
	others := func(from int) []cell {
		return row(say(whole(int64(len(parts)-from))+" others"), added(now[from:]), added(changed[from:]))
	}
	if more := len(parts) - len(top); more > 0 {
		rest := sum(parts[len(top):], func(l engine.BreakdownLine) engine.MicroUSD { return l.Amount })
		top = append(top, bar{name: whole(int64(more)) + " others", to: rest.Dollars(), ink: inkOther, label: short(rest)})
	}
	if by == "team" && slices.ContainsFunc(parts, func(l engine.BreakdownLine) bool { return l.Name == "" }) {
		s.Lead = []string{"“Of no team” is idle capacity, what is shared or outside of clusters, tax and credits, and workloads whose team nobody knows."}
	}
	s.Tables = []*table{newTable("by-"+by+"-table", title, "spend-by-"+by, columns, rows, others,
		row(say("Spend"), added(now), added(changed)))}
	var err error
	s.Figure, err = barFigure("by-"+by+"-chart", title, top)
	if err == nil && len(parts) > len(top) {
		s.Figure.Note = fmt.Sprintf("The %d largest of %s; the others are one bar.", topBars, whole(int64(len(parts))))
	}
	return s, err
}

// added adds up amounts that are rounded already.
func added(amounts []engine.MicroUSD) (total engine.MicroUSD) {
	for _, m := range amounts {
		total += m
	}
	return total
}

func breakdownHead(by string) string {
	switch by {
	case "team":
		return "Team"
	case "cluster":
		return "Cluster"
	}
	return "Type"
}

// newMovers has those whose changes come to the whole in one table, and clusters, which hold the same dollars, in another.
func newMovers(d engine.Digest) section {
	s := section{ID: "movers", Title: "Top movers"}
	columns := []column{text("Whose"), figures(shortPeriod(d.Period.Before())), figures(shortPeriod(d.Period)), figures("Change")}
	days := ", over the " + plural(d.Spend.SameDays, "day", "days") + " that can be compared"
	for _, of := range []struct {
		id, caption string
		has         func(engine.Mover) bool
	}{
		{"movers-table", "Teams, and what is no team's" + days, func(m engine.Mover) bool { return m.By != "cluster" && (d.Scope.Team == "" || d.Scope.Cluster != "") }},
		{"movers-clusters", "Clusters" + days + ": the same money by where it was spent", func(m engine.Mover) bool { return m.By == "cluster" && d.Scope.Cluster == "" }},
	} {
		movers := slices.DeleteFunc(slices.Clone(d.Movers), func(m engine.Mover) bool { return !of.has(m) })
		slices.SortStableFunc(movers, func(a, b engine.Mover) int {
			return cmp.Compare(math.Abs((b.Now - b.Before).Dollars()), math.Abs((a.Now - a.Before).Dollars()))
		})
		var rows [][]cell
		for _, m := range movers {
			sub := ""
			if m.By == "team" {
				sub = "team"
			}
			rows = append(rows, []cell{
				named(changedName(m.By, m.Name), sub), say(money(m.Before)), say(money(m.Now)),
				{Text: signed(round(m.Now) - round(m.Before)), Sub: change(m.Now, m.Before)},
			})
		}
		if len(rows) > 0 {
			s.Tables = append(s.Tables, newTable(of.id, of.caption, "movers", columns, rows, nil, nil))
		}
	}
	if len(s.Tables) == 0 {
		s.Empty = "Nobody's cost changed, as far as two periods can be compared."
	}
	return s
}
