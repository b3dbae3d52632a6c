package view

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	digestLines = 10 // of a table or list; the smaller ones are one line
	digestName  = 14 // characters of a name, so that a table keeps its lines on a phone
)

// DigestDetails draws one of the messages in the thread of a digest, counted from 1: where the money went, and what was saved, lost and
// corrected. It fails with NotFound when there is no such part.
func DigestDetails(d engine.Digest, part int64) (Message, error) {
	c := newCanvas()
	title := ""
	switch part {
	case 1:
		title = "Where the money went"
		c.header(title + ": " + periodName(d.Period))
		spendDetails(c, d)
	case 2:
		title = "Savings, incidents and what the figures mean"
		c.header(title + ": " + periodName(d.Period))
		savedDetails(c, d)
	default:
		return Message{}, engine.Errorf(engine.NotFound, "a digest has no part %d", part)
	}
	return Message{Blocks: c.done(), Text: title + ": " + periodName(d.Period)}, nil
}

func spendDetails(c *canvas, d engine.Digest) {
	for _, b := range d.Breakdowns {
		if len(b.Lines) > 0 {
			c.section("*By "+breakdownName(b.By)+"*", table(breakdownTable(b)))
		}
	}
	if lines := waterfall(d); len(lines) > 1 {
		c.section("*From the "+unit(d.Period)+" before to this one*", table(lines))
	}
	for _, of := range []struct {
		title    string
		clusters bool
		skip     bool // it says what the digest's own scope does
	}{{"*Moved most: teams, and what is no team's*", false, d.Scope.Team != ""}, {"*Moved most: clusters*", true, d.Scope.Cluster != ""}} {
		if lines := moverLines(moversOf(d, of.clusters), digestLines); len(lines) > 0 && !of.skip {
			c.section(append([]string{of.title}, lines...)...)
		}
	}
	if len(d.Budgets) > 0 {
		c.section(append([]string{"*Budgets*"}, list(d.Budgets, digestLines, budgetLine)...)...)
	}
	if len(d.Units) > 0 {
		c.section(append([]string{"*Cost of a unit of work*"}, list(d.Units, digestLines, unitLine)...)...)
	}
	if lines := payerLines(d.Bills.Payers); len(lines) > 0 {
		c.section(append([]string{"*Bills*"}, lines...)...)
	}
	if len(d.Insights) > 0 {
		c.context("What stands out rests on: " + strings.Join(list(d.Insights, digestTop, func(i engine.Insight) string { return outside(insightRows(i.Rows), 120) }), "; "))
	}
	if len(c.blocks) < 2 {
		c.section("No costs are known.")
	}
}

// insightRows says where the rows of an insight are, by the names that the tables have.
func insightRows(rows string) string {
	if kind, ok := strings.CutPrefix(rows, "kind "); ok {
		return "kind of cost " + partName("kind", kind)
	}
	return rows
}

func savedDetails(c *canvas, d engine.Digest) {
	for _, by := range []struct {
		by     engine.LedgerBy
		shares []engine.LedgerShare
	}{{engine.LedgerByTeam, d.Ledger.Shares}, {engine.LedgerByType, d.ByType}, {engine.LedgerByCluster, d.ByCluster}} {
		l := d.Ledger
		l.By, l.Shares = by.by, by.shares
		rows := ledgerTable(l)
		for n := range rows {
			rows[n][3] = "" // three columns are what a phone has room for
		}
		if len(rows) > 0 {
			c.section("*Saved, by "+strings.ToLower(ledgerHeading(by.by))+"*", table(rows))
		}
	}
	if len(d.Ledger.Calibration) > 0 {
		c.section(append([]string{"*Promised and measured*"}, list(d.Ledger.Calibration, len(kindNames), calibration)...)...)
	}
	if n := len(d.Ledger.Lines); n > 0 {
		shown := d.Ledger.Lines[:min(n, digestLines)]
		lines := append([]string{"*Changes*"}, list(shown, digestLines, ledgerLine)...)
		if more := d.Ledger.More + n - len(shown); more > 0 {
			lines = append(lines, "and "+plural(more, "more change", "more changes")+", in the report")
		}
		c.section(lines...)
	}
	if len(d.Open.ByKind) > 0 {
		c.section(append([]string{"*Open opportunities*"}, list(d.Open.ByKind, digestLines, func(l engine.SavingsLine) string {
			return fmt.Sprintf("• %s: %s/month in %s", kindName(l.Kind), money(l.Monthly), plural(l.Count, "finding", "findings"))
		})...)...)
	}
	if len(d.Incidents.Top) > 0 {
		c.section(append([]string{"*Incidents*"}, list(d.Incidents.Top, digestLines, func(i engine.IncidentLine) string { return incidentLine(i, "") })...)...)
	}
	trustDetails(c, d)
	if len(d.Corrections) > 0 {
		c.section(append([]string{"*Corrections of what was reported before*"}, list(d.Corrections, digestLines, func(r engine.Correction) string {
			return fmt.Sprintf("• %s %s: %s (%s)", r.At.UTC().Format("2 January"), outside(r.Of, 80), signed(r.Amount), outside(r.Reason, 160))
		})...)...)
	}
	for _, line := range definitions {
		c.context(line)
	}
}

// definitions say what the words of a digest mean.
var definitions = []string{
	"*Spend* is what was really paid for the days (UTC) of the period, Savings Plans and reservations spread over their term. *Provisional* is what AWS may still change; " +
		"*an estimate* is hours at list prices. *Idle* is paid for and asked for by nobody; *shared* serves several teams; " +
		"*outside* is of no cluster; *unallocated* cannot be put to anybody, such as tax; *adjustments* are what invoices differ from their days by.",
	"*Identified*, *approved* and *implemented* are estimates a month, of the changes that came that far in the period. *Verified* is measured, day by day, against the baseline that " +
		"was frozen at the approval; *off the bill* is the part by which the bill fell, the rest is freed capacity. No dollar is in two changes; what freed capacity let nodes go is said where it may stand twice. A day that could not be measured is in no sum.",
	"*The forecast* goes on as the days before did; 80 of 100 such months end within its bounds. *Detected* and *resolved* count from the first sign of an incident.",
}

func breakdownName(by string) string {
	if by == "kind" {
		return "kind of cost"
	}
	return by
}

// table is rows in columns, with a minus as it is printed before dollars.
func table(rows [][4]string) string {
	return fence(strings.ReplaceAll(strings.Join(columns(rows), "\n"), "-$", "−$"), maxSection-100)
}

// breakdownTable divides the spend. Its cents add up; the smaller lines are one.
func breakdownTable(b engine.Breakdown) [][4]string {
	var names []string
	var now, before []engine.MicroUSD
	var sum, was engine.MicroUSD
	for n, l := range b.Lines {
		sum, was = sum+l.Amount, was+l.Before
		if n >= digestLines && len(b.Lines) > digestLines+1 {
			if n == digestLines {
				names, now, before = append(names, fmt.Sprintf("%d more", len(b.Lines)-digestLines)), append(now, 0), append(before, 0)
			}
			now[digestLines], before[digestLines] = now[digestLines]+l.Amount, before[digestLines]+l.Before
			continue
		}
		names, now, before = append(names, cell(partName(b.By, l.Name), digestName)), append(now, l.Amount), append(before, l.Before)
	}
	now = engine.ToCents(now, sum)
	rows := [][4]string{{"", "spend", "", ""}}
	for n, name := range names {
		rows = append(rows, [4]string{name, now[n].String(), moved(before[n], now[n]), ""})
	}
	return append(rows, [4]string{"Sum", sum.String(), moved(was, sum), ""})
}

// cell is a name in a table, at most n characters long.
func cell(name string, n int) string { return cmp.Or(cut(tame(clip(name, n)), n), "-") }

// waterfall goes from one period's spend to the next one's, as both are shown: what rounding leaves is in the largest step.
func waterfall(d engine.Digest) [][4]string {
	if len(d.Waterfall) == 0 {
		return nil
	}
	var names []string
	var steps []engine.MicroUSD
	for n, s := range d.Waterfall {
		if n > digestLines && len(d.Waterfall) > digestLines+1 {
			steps[digestLines] += s.Amount
			continue
		}
		names, steps = append(names, cell(moverName(s.By, s.Name), 2*digestName)), append(steps, s.Amount)
	}
	if more := len(d.Waterfall) - digestLines; more > 1 {
		names[digestLines] = fmt.Sprintf("%d more", more)
	}
	ends := [2]engine.MicroUSD{engine.ToCents([]engine.MicroUSD{d.Spend.Before}, d.Spend.Before)[0], engine.ToCents([]engine.MicroUSD{d.Spend.Total}, d.Spend.Total)[0]}
	sum, largest := engine.MicroUSD(0), 0
	for n, m := range steps {
		if sum += m; m.Dollars()*m.Dollars() > steps[largest].Dollars()*steps[largest].Dollars() {
			largest = n
		}
	}
	const cent = engine.USD / 100
	if left := ends[1] - ends[0] - sum; -cent < left && left < cent {
		steps[largest] += left
	}
	rows := [][4]string{{"Before", ends[0].String(), "", ""}}
	for n, m := range engine.ToCents(steps, ends[1]-ends[0]) {
		rows = append(rows, [4]string{names[n], strings.Replace(signed(m), "\u2060", "", 1), "", ""})
	}
	return append(rows, [4]string{"This " + unit(d.Period), ends[1].String(), "", ""})
}

func budgetLine(b engine.Budget) string {
	line := fmt.Sprintf("• %s, %s: %s of %s spent", outside(b.Name, 80), b.Month.Format("January 2006"), money(b.Spent), whole(b.Amount))
	if words := scopeWords(b.Scope); words != "" {
		line = fmt.Sprintf("• %s (%s), %s: %s of %s spent", outside(b.Name, 80), words, b.Month.Format("January 2006"), money(b.Spent), whole(b.Amount))
	}
	switch {
	case b.Spent > b.Amount:
		return line + ": *over by " + money(b.Spent-b.Amount) + "*"
	case b.Forecast > b.Amount:
		return line + "; heads for " + whole(b.Forecast) + ": *over by " + whole(b.Forecast-b.Amount) + "*"
	case b.Forecast > 0:
		return line + "; heads for " + whole(b.Forecast) + ": within"
	}
	return line
}

func unitLine(u engine.UnitCost) string {
	name := outside(u.Name, 80)
	if words := scopeWords(u.Scope); words != "" {
		name += " (" + words + ")"
	}
	if u.Count <= 0 || u.Days == 0 {
		return "• " + name + ": nothing was counted"
	}
	line := fmt.Sprintf("• %s: *$%s* each", name, fine(u.Each))
	if u.Before > 0 && u.Each > 0 {
		line += ", " + moved(engine.Dollars(u.Before*1e6), engine.Dollars(u.Each*1e6)) + " on the period before"
	}
	return line + fmt.Sprintf(" (%s for %s, on %s)", money(u.Spend), many(u.Count), plural(u.Days, "day", "days"))
}

// payerLines are the bills that a period's costs come from.
func payerLines(payers []engine.PayerLine) []string {
	return list(payers, digestLines, func(p engine.PayerLine) string {
		if p.Payer == "" {
			return "• estimate at list prices: " + money(p.Amount)
		}
		state := "open"
		if p.Closed {
			state = "final"
		}
		return fmt.Sprintf("• payer %s: %s, invoice %s", code(p.Payer, 40), money(p.Amount), state)
	})
}
