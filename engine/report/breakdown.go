package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

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
		return name(s, "Put to no team")
	case "cluster":
		return name(s, "Of no cluster")
	}
	return cmp.Or(spendKinds[s], name(s, "Other"))
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

func newMovers(d engine.Digest) section {
	s := section{ID: "movers", Title: "Top movers"}
	if len(d.Movers) == 0 {
		s.Empty = "Nobody's cost changed, as far as two periods can be compared."
		return s
	}
	movers := slices.Clone(d.Movers)
	slices.SortStableFunc(movers, func(a, b engine.Mover) int {
		return cmp.Compare(math.Abs((b.Now - b.Before).Dollars()), math.Abs((a.Now - a.Before).Dollars()))
	})
	var rows [][]cell
	for _, m := range movers {
		rows = append(rows, []cell{
			named(partName(m.By, m.Name), strings.ToLower(breakdownHead(m.By))), say(money(m.Before)), say(money(m.Now)),
			{Text: signed(round(m.Now) - round(m.Before)), Sub: change(m.Now, m.Before)},
		})
	}
	columns := []column{text("Whose"), figures(shortPeriod(d.Period.Before())), figures(shortPeriod(d.Period)), figures("Change")}
	s.Tables = []*table{newTable("movers-table", "Largest changes of cost, over the "+plural(d.Spend.SameDays, "day", "days")+" that can be compared", "movers", columns, rows, nil, nil)}
	return s
}
