package view

import (
	"cmp"
	"fmt"
	"strings"
	"unicode"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	costLines = 15 // of teams, namespaces or clusters; the smaller ones are one line
	costName  = 28 // characters of a name
)

// costRow is a line of the table.
type costRow struct {
	name        string
	own, shared string
	amount      engine.MicroUSD
}

// costs is the table of what a time has cost. Its cents add up.
func costs(c *canvas, s engine.Costs) string {
	head := s.Total.String()
	title := "*" + head + "* (" + outside(s.Filter, 300) + ")"
	if s.Days == 0 {
		c.section("*No costs are known* (" + outside(s.Filter, 300) + ")")
		c.context("The bill of a day is divided on the afternoon (UTC) after it, as far as AWS has it by then.")
		return "No costs are known"
	}
	c.section(append([]string{title}, costState(s)...)...)
	rows := costRows(s)
	amounts := make([]engine.MicroUSD, len(rows))
	for k, r := range rows {
		amounts[k] = r.amount
	}
	own := "own"
	if s.By == engine.CostByCluster {
		own = "own and idle"
	}
	table := [][4]string{{costHeading(s.By), own, "shared", "sum"}}
	for k, amount := range engine.ToCents(amounts, s.Total) {
		table = append(table, [4]string{rows[k].name, rows[k].own, rows[k].shared, amount.String()})
	}
	c.section(fence(strings.Join(columns(append(table, [4]string{"Sum", "", "", head})), "\n"), maxSection))
	if len(s.Missing) > 0 {
		c.context("Could not see: " + strings.Join(list(s.Missing, 6, func(g engine.Gap) string {
			return outside(g.Collector, 80) + " (" + outside(g.Reason, 160) + ")"
		}), ", "))
	}
	if s.BilledCalls > 0 {
		c.context(fmt.Sprintf("Asking AWS for bills cost %s since %s (%s).", s.BilledAmount, s.From.Format("2 January"), plural(s.BilledCalls, "call", "calls")))
	}
	return "Costs: " + head
}

// costState says how final the sum is.
func costState(s engine.Costs) (lines []string) {
	switch {
	case s.Estimated == s.Total && s.Total != 0:
		lines = append(lines, ":warning: An estimate: no payer is configured, so these are hours at list prices, of nodes, volumes and control planes alone.")
	case s.Estimated != 0:
		lines = append(lines, fmt.Sprintf(":warning: %s of it is an estimate at list prices.", s.Estimated))
	}
	if s.Provisional != 0 && s.Estimated != s.Total {
		lines = append(lines, "Provisional: AWS may still change it until the month is closed.")
	}
	if wanted := int(s.To.Sub(s.From).Hours() / 24); s.Days < wanted {
		lines = append(lines, fmt.Sprintf("%d of %s; the newest with a bill is %s.", s.Days, plural(wanted, "day", "days"), s.Newest.Format("2 January")))
	}
	if s.Guessed > 0 {
		lines = append(lines, fmt.Sprintf("On %s, who used what was not measured: what was there later stands for it.", plural(s.Guessed, "day", "days")))
	}
	return lines
}

func costHeading(by engine.CostBy) string {
	switch by {
	case engine.CostByCluster:
		return "Cluster"
	case engine.CostByNamespace:
		return "Namespace"
	default:
		return "Team"
	}
}

// costRows are the named lines, the small ones together, and what is nobody's.
func costRows(s engine.Costs) []costRow {
	var rows []costRow
	var rest costRow
	more := 0
	for k, l := range s.Lines {
		if k >= costLines {
			more++
			rest.amount += l.Amount
			continue
		}
		name := cmp.Or(cut(tame(clip(l.Name, costName)), costName), "no "+strings.ToLower(costHeading(s.By)))
		rows = append(rows, costRow{name: name, own: l.Own.String(), shared: l.Shared.String(), amount: l.Amount})
		if l.Idle != 0 {
			rows[len(rows)-1].own = (l.Own + l.Idle).String()
		}
	}
	if more > 0 {
		rest.name = fmt.Sprintf("%d more", more)
		rows = append(rows, rest)
	}
	for _, of := range []costRow{
		{name: "Idle", amount: s.Idle},
		{name: "Shared, not divided", amount: s.Shared},
		{name: "Outside of the clusters", amount: s.Outside},
		{name: "Unallocated: tax, support", amount: s.Unallocated},
		{name: "Invoice less its days", amount: s.Adjustment},
	} {
		if of.amount != 0 {
			rows = append(rows, of)
		}
	}
	return rows
}

// columns lines up a table: the first column to the left, the others to the right.
func columns(table [][4]string) []string {
	var widths [4]int
	for _, row := range table {
		for k, cell := range row {
			widths[k] = max(widths[k], wide(cell))
		}
	}
	lines := make([]string, len(table))
	for n, row := range table {
		lines[n] = row[0] + strings.Repeat(" ", widths[0]-wide(row[0]))
		for k := 1; k < len(row); k++ {
			lines[n] += strings.Repeat(" ", 2+widths[k]-wide(row[k])) + row[k]
		}
	}
	return lines
}

// twice are the characters that take the room of two: those of East Asia, and pictures.
var twice = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x2e80, Hi: 0xa4cf, Stride: 1}, {Lo: 0xac00, Hi: 0xd7a3, Stride: 1}, {Lo: 0xf900, Hi: 0xfaff, Stride: 1}, {Lo: 0xfe30, Hi: 0xfe6f, Stride: 1}, {Lo: 0xff00, Hi: 0xff60, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1faff, Stride: 1}, {Lo: 0x20000, Hi: 0x3fffd, Stride: 1}},
}

// wide is how many columns a text takes in a typewriter's letters.
func wide(s string) int {
	n, joined := 0, false
	for _, r := range s {
		switch {
		case r == '\u200d': // what follows is drawn into what was before
			joined = true
			continue
		case joined, unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case unicode.Is(twice, r):
			n += 2
		default:
			n++
		}
		joined = false
	}
	return n
}
