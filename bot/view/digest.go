package view

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	digestTop = 3   // movers, opportunities
	steady    = 0.1 // share of the period before by which spend moves without being called a rise or a fall
)

// Digest draws the message of a digest: what a reader with half a minute wants to know. The tables are in its thread.
// base is the workspace's address, for links.
func Digest(key string, d engine.Digest, base string) Message {
	c := newCanvas(digestFooter(d, true))
	notice, charts := digest(c, key, d, base)
	return Message{Blocks: c.done(), Text: notice, Charts: charts}
}

// digest draws all but the footer, what matters most first: what does not fit is left out from the end.
func digest(c *canvas, key string, d engine.Digest, base string) (notice string, charts []Chart) {
	title := periodName(d.Period)
	c.header(":bar_chart: " + title + ": " + digestHeading(d) + plainScope(d.Scope))
	c.section(digestStatus(d))
	c.fields(spendField(d), savedField(d), forecastField(d), allocatedField(d))
	c.context(strings.Join(digestCaveats(d), " "))
	if len(d.Insights) > 0 {
		c.section(append([]string{"*What stands out*"}, list(d.Insights, digestTop, func(i engine.Insight) string { return "• " + outside(i.Text, 500) })...)...)
	}
	if block, chart, ok := spendChart(blockID(key, "spend"), d); ok && c.add(block) {
		charts = append(charts, chart)
	}
	c.section(digestFunnel(d)...)
	if lines := topMovers(d); len(lines) > 0 {
		c.section(append([]string{"*Moved most*"}, lines...)...)
	}
	opportunities(c, key, d.Open, base)
	c.section(digestIncidents(d, base)...)
	c.section(digestTrust(d)...)
	if n := len(d.Corrections); n > 0 {
		var sum engine.MicroUSD
		for _, r := range d.Corrections {
			sum += r.Amount
		}
		c.context(fmt.Sprintf("Corrected in this %s, of what was reported before: %s in %s.", unit(d.Period), signed(sum), plural(n, "row", "rows")))
	}
	c.context(digestGaps(d))
	return digestNotice(d), charts
}

// digestHeading is the spend and how it moved.
func digestHeading(d engine.Digest) string {
	s := d.Spend
	switch {
	case s.DaysKnown == 0:
		return "no costs are known"
	case s.Comparable(d.Period):
		return money(s.Total) + " spent, " + moved(s.SameBefore, s.SameTotal)
	case s.DaysKnown < d.Period.Days():
		return fmt.Sprintf("%s spent on %d of %d days", money(s.Total), s.DaysKnown, d.Period.Days())
	}
	return money(s.Total) + " spent"
}

func plainScope(s engine.DigestScope) string {
	text := ""
	if s.Team != "" {
		text += " · team " + plain(s.Team, 40)
	}
	if s.Cluster != "" {
		text += " · cluster " + plain(s.Cluster, 40)
	}
	return text
}

// digestNotice is the digest in one line, for a phone's lock screen.
func digestNotice(d engine.Digest) string {
	text := periodName(d.Period) + ": " + digestHeading(d)
	if words := scopeWords(d.Scope); words != "" {
		text += " (" + words + ")"
	}
	if d.Funnel.Chains > 0 {
		text += ". Verified savings: " + money(d.Funnel.Verified)
	}
	if f := d.Forecast; f != nil {
		text += ". " + f.Month.Format("January") + " heads for " + whole(f.Mid)
	}
	return text + "."
}

// digestStatus says in a sentence whether somebody has to look. Budgets come first.
func digestStatus(d engine.Digest) string {
	days := " · " + periodDays(d.Period)
	if words := scopeWords(d.Scope); words != "" {
		days += " · " + words
	}
	if mark, text := budgetStatus(d.Budgets); text != "" {
		return mark + " " + text + days
	}
	s := d.Spend
	share := 0.0
	if s.SameBefore > 0 {
		share = (s.SameTotal - s.SameBefore).Dollars() / s.SameBefore.Dollars()
	}
	switch {
	case s.DaysKnown == 0:
		return ":white_circle: *No costs are known*" + days
	case s.SameDays == 0:
		return ":white_circle: *Not compared with the " + unit(d.Period) + " before*" + days
	case share > steady:
		return ":large_orange_circle: *Spend rose*" + days
	case share < -steady:
		return ":large_blue_circle: *Spend fell*" + days
	}
	return ":large_green_circle: *Spend is steady*" + days
}

// budgetStatus is the budget that is the most in danger; text is "" without budgets.
func budgetStatus(budgets []engine.Budget) (mark, text string) {
	if len(budgets) == 0 {
		return "", ""
	}
	use := func(b engine.Budget) float64 {
		if b.Amount <= 0 {
			return 0
		}
		return max(b.Spent, b.Forecast).Dollars() / b.Amount.Dollars()
	}
	worst := slices.MaxFunc(budgets, func(a, b engine.Budget) int { return cmp.Compare(use(a), use(b)) })
	name := outside(worst.Name, 80)
	switch {
	case worst.Spent > worst.Amount:
		return ":red_circle:", fmt.Sprintf("*Over budget:* %s, %s of %s spent", name, money(worst.Spent), whole(worst.Amount))
	case worst.Forecast > worst.Amount:
		return ":red_circle:", fmt.Sprintf("*Heading over budget:* %s, for %s of %s by the end of %s", name, whole(worst.Forecast), whole(worst.Amount), worst.Month.Format("January"))
	}
	if len(budgets) == 1 {
		return ":large_green_circle:", "*Within budget:* " + name + ", at " + percent(use(worst))
	}
	return ":large_green_circle:", fmt.Sprintf("*Within all %d budgets:* the nearest, %s, is at %s", len(budgets), name, percent(use(worst)))
}

func spendField(d engine.Digest) string {
	s := d.Spend
	if s.DaysKnown == 0 {
		return "Spend\n*not known*"
	}
	head := "Spend\n*" + money(s.Total) + "*\n"
	by := moved(s.SameBefore, s.SameTotal) + " (" + signed(s.SameTotal-s.SameBefore) + ")"
	switch {
	case s.Comparable(d.Period):
		return head + by + " on the " + unit(d.Period) + " before"
	case s.SameDays > 0:
		return head + by + " over the " + plural(s.SameDays, "day", "days") + " that can be compared"
	case s.DaysBefore == 0:
		return head + "the first " + unit(d.Period) + " that is known"
	}
	return head + fmt.Sprintf("%d of %d days; none can be compared", s.DaysKnown, d.Period.Days())
}

func savedField(d engine.Digest) string {
	f := d.Funnel
	const head = "Verified savings\n"
	year := ""
	if f.Year != 0 {
		year = "; " + money(f.Year) + " since 1 January"
	}
	switch {
	case f.Chains == 0:
		return head + "*nothing was measured*" + year
	case f.Verified < 0:
		return head + "*" + money(f.Verified) + "*\nit cost more than before" + year
	}
	return head + "*" + money(f.Verified) + "*\n" + money(f.Cash) + " off the bill, the rest freed capacity" + year
}

func forecastField(d engine.Digest) string {
	f := d.Forecast
	if f == nil {
		return "Forecast\n*too little is known yet*"
	}
	if f.SoFar == f.Mid && len(f.Days) == 0 {
		return fmt.Sprintf("%s in all\n*%s*\n%s", f.Month.Format("January"), money(f.Mid), monthBefore(*f))
	}
	return fmt.Sprintf("%s forecast\n*%s*\n80 %%: %s to %s%s", f.Month.Format("January"), whole(f.Mid), whole(f.Low), whole(f.High), prefixed("; ", monthBefore(*f)))
}

func monthBefore(f engine.Forecast) string {
	if f.Before == 0 {
		return ""
	}
	return f.Month.AddDate(0, -1, 0).Format("January") + " was " + whole(f.Before)
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

func allocatedField(d engine.Digest) string {
	s := d.Spend
	if s.DaysKnown == 0 || s.Total <= 0 {
		return "Put to teams\n*not known*"
	}
	return fmt.Sprintf("Put to teams\n*%s*\n%s idle, %s unallocated", percent(math.Min(s.Allocated, 1)), money(s.Idle), money(s.Unallocated))
}

// digestCaveats say how final the costs are.
func digestCaveats(d engine.Digest) (out []string) {
	s := d.Spend
	switch {
	case s.DaysKnown == 0:
		return []string{"A day's costs are known from the afternoon (UTC) after it."}
	case d.Closed:
		out = append(out, "Closed: the invoices are final.")
	case s.Estimated == s.Total && s.Total != 0:
		out = append(out, ":warning: An estimate: hours at list prices, no bill.")
	case s.Estimated != 0:
		out = append(out, ":warning: "+money(s.Estimated)+" of it is an estimate at list prices.")
	}
	if s.Provisional != 0 && !d.Closed {
		out = append(out, "Provisional: AWS may still change "+money(s.Provisional)+" of it.")
	}
	if s.Total < 0 {
		out = append(out, "Credits were more than what was used.")
	}
	if len(d.Bills.Absent) > 0 {
		out = append(out, ":warning: No bill for "+dayList(d.Bills.Absent)+".")
	}
	if d.Bills.Guessed > 0 {
		out = append(out, "On "+plural(d.Bills.Guessed, "day", "days")+", usage was only partly measured: the split by team rests on what was.")
	}
	return out
}

// digestFunnel is the way from waste to money: estimates a month at each step, and what was measured beside what was promised for it.
func digestFunnel(d engine.Digest) []string {
	f := d.Funnel
	if f.Identified.Chains+f.Approved.Chains+f.Implemented.Chains+f.Reversed.Chains+f.Chains == 0 {
		return []string{"*From waste to money*", "Nothing was found, approved, made or measured in this " + unit(d.Period) + "."}
	}
	step := func(name string, s engine.FunnelStep) string {
		return fmt.Sprintf("%s %s/month (%d)", name, money(s.Monthly), s.Chains)
	}
	verified := "verified nothing yet"
	if f.Chains > 0 {
		verified = fmt.Sprintf("verified *%s* in the %s (%d)", money(f.Verified), unit(d.Period), f.Chains)
	}
	lines := []string{
		"*From waste to money*",
		strings.Join([]string{step("Identified", f.Identified), step("approved", f.Approved), step("implemented", f.Implemented), verified}, " → "),
	}
	if f.Chains > 0 {
		line := fmt.Sprintf("For the days that were measured, %s was estimated and %s verified", money(f.Promised), money(f.Verified))
		if f.Promised > 0 && f.Verified >= 0 {
			line += ": " + percent(f.Verified.Dollars()/f.Promised.Dollars())
		}
		lines = append(lines, line+fmt.Sprintf(" (90 %% between %s and %s).", money(f.Low), money(f.High)))
	}
	if d.Ledger.Twice > 0 {
		lines = append(lines, mayStandTwice(d.Ledger.Twice))
	}
	if f.Reversed.Chains > 0 {
		lines = append(lines, fmt.Sprintf("Taken back, or wasted again: %s/month (%d).", money(f.Reversed.Monthly), f.Reversed.Chains))
	}
	if f.Missed > 0 {
		lines = append(lines, "Not measured, and in no sum: "+plural(f.Missed, "day of a change", "days of changes")+".")
	}
	return lines
}

// topMovers are those that come to the whole, so that no dollar is in two of them: teams, and what is no team's; of a team, clusters.
func topMovers(d engine.Digest) []string {
	return moverLines(moversOf(d, d.Scope.Team != ""), digestTop)
}

// moversOf are clusters, or teams and what is no team's: the same dollars once more.
func moversOf(d engine.Digest, clusters bool) []engine.Mover {
	return slices.DeleteFunc(slices.Clone(d.Movers), func(m engine.Mover) bool { return (m.By == "cluster") != clusters })
}

// moverLines are changes, at most n.
func moverLines(movers []engine.Mover, n int) []string {
	var lines []string
	for _, m := range movers[:min(n, len(movers))] {
		name := outside(moverName(m.By, m.Name), 80)
		lines = append(lines, fmt.Sprintf("• %s: *%s* (%s), %s → %s", name, moved(m.Before, m.Now), signed(m.Now-m.Before), money(m.Before), money(m.Now)))
	}
	return lines
}

func digestGaps(d engine.Digest) string {
	if len(d.Missing) == 0 {
		return ""
	}
	return ":warning: Could not be had: " + strings.Join(list(d.Missing, 4, func(g engine.Gap) string {
		return outside(g.Collector, 80) + " (" + outside(g.Reason, 160) + ")"
	}), ", ")
}

// digestFooter is what the bot itself cost, how fresh the figures are, and the head of the audit log.
func digestFooter(d engine.Digest, threaded bool) slack.Block {
	lines := []string{ownLine(d.Own)}
	if line := freshLine(d); line != "" {
		lines = append(lines, line)
	}
	if threaded {
		lines = append(lines, "The tables and the whole report are in the thread.")
	}
	return context(strings.Join(lines, "\n"))
}

func ownLine(o engine.OwnCost) string {
	line := fmt.Sprintf("The bot itself: %s for %s of Cost Explorer, %s", money(o.BilledAmount), plural(o.BilledCalls, "call", "calls"), plural(o.Scans, "scan", "scans"))
	if o.Queries > 0 {
		line += fmt.Sprintf(", %s queries of Prometheus (%s samples, the slowest %.1f s)", many(float64(o.Queries)), many(float64(o.Samples)), o.Slowest.Seconds())
	}
	return line
}

// freshLine is what the figures rest on.
func freshLine(d engine.Digest) string {
	var parts []string
	if d.Bills.Source != "" && !d.Bills.Newest.IsZero() {
		parts = append(parts, "costs by "+outside(d.Bills.Source, 40)+" up to "+d.Bills.Newest.Format("2 January"))
	}
	if !d.Bills.Scan.IsZero() {
		parts = append(parts, "scanned "+d.Bills.Scan.UTC().Format("2 January, 15:04 UTC"))
	}
	if a := d.Audit; a != nil {
		parts = append(parts, "audit log row "+many(float64(a.Seq))+", "+code(a.Hash[:min(12, len(a.Hash))], 20))
	}
	if len(parts) == 0 {
		return ""
	}
	line := strings.Join(parts, " · ")
	return strings.ToUpper(line[:1]) + line[1:]
}
