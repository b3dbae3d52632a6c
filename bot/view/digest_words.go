package view

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// money is an amount to the cent, with a minus that no line ends with.
func money(m engine.MicroUSD) string { return strings.Replace(m.String(), "-", "−\u2060", 1) }

// whole is an amount that nobody knows to the cent: what is to come, or a bound.
func whole(m engine.MicroUSD) string {
	const enough = 100 * engine.USD // below it, cents are what differs
	if -enough < m && m < enough {
		return money(m)
	}
	half := engine.USD / 2
	if m < 0 {
		half = -half
	}
	text, _, _ := strings.Cut(money((m+half)/engine.USD*engine.USD), ".")
	return text
}

// signed is a difference: "+$911.90", "−$4.00".
func signed(m engine.MicroUSD) string {
	if m > 0 {
		return "+" + money(m)
	}
	return money(m)
}

// moved says in words how an amount moved: "up 4 %", "down 12 %", "new", "gone", "unchanged". Where a share of it says nothing, it is
// "up" or "down" alone.
func moved(before, now engine.MicroUSD) string {
	by := (now - before).Dollars()
	way := "up"
	if by < 0 {
		way = "down"
	}
	switch {
	case by == 0:
		return "unchanged"
	case before == 0 && now > 0:
		return "new"
	case now == 0:
		return "gone"
	case before <= 0 || now < 0:
		return way
	case now > 10*before:
		return fmt.Sprintf("up to %s times", short(float64(now)/float64(before)))
	}
	return way + " " + strings.Replace(percent(math.Abs(by)/before.Dollars()), ".0 %", " %", 1)
}

// periodName is a period as people name it: "Week 47 of 2026", "October 2026".
func periodName(p engine.Period) string {
	if p.Kind == engine.Monthly {
		return p.From.Format("January 2006")
	}
	year, week := p.From.ISOWeek()
	return fmt.Sprintf("Week %d of %d", week, year)
}

// periodDays are its first and last day: "16–22 November 2026", "28 December 2026 – 3 January 2027".
func periodDays(p engine.Period) string {
	from, last := p.From, p.To.AddDate(0, 0, -1)
	end := last.Format("2 January 2006")
	switch {
	case from.Year() != last.Year():
		return from.Format("2 January 2006") + " – " + end
	case from.Month() != last.Month():
		return from.Format("2 January") + " – " + end
	}
	return from.Format("2") + "–" + end
}

// unit is a period in a sentence.
func unit(p engine.Period) string {
	if p.Kind == engine.Monthly {
		return "month"
	}
	return "week"
}

// scopeWords say whose digest or budget it is: "team *payments*, cluster `prod-eu`"; "" for all.
func scopeWords(s engine.DigestScope) string {
	var parts []string
	if s.Team != "" {
		parts = append(parts, "team *"+outside(s.Team, 80)+"*")
	}
	if s.Cluster != "" {
		parts = append(parts, "cluster "+code(s.Cluster, 80))
	}
	return strings.Join(parts, ", ")
}

// partNames are the kinds of cost as people name them: in a table, and in a sentence about what changed, where workloads are those
// of no team.
var partNames = map[string]struct{ short, long string }{
	"workload": {"Workloads", "Workloads of no team"}, "idle": {"Idle", "Idle capacity"}, "shared": {"Shared", "Shared, not divided"},
	"outside": {"Outside", "Outside of the clusters"}, "unallocatable": {"Unallocated", "Unallocated: tax, support, credits"},
	"adjustment": {"Adjustments", "Invoices less their days"},
}

// partName is the name of a line of a breakdown by some dimension.
func partName(by, name string) string {
	switch {
	case by == "kind":
		return cmp.Or(partNames[name].short, name)
	case name == "":
		return "no " + by
	}
	return name
}

// moverName is who moved, in a sentence.
func moverName(by, name string) string {
	switch {
	case by == "kind":
		return cmp.Or(partNames[name].long, name)
	case by == "" || name == "":
		return partName(by, name)
	}
	return by + " " + name
}

// dayList names days: "18 and 19 November".
func dayList(days []time.Time) string {
	const most = 5
	days = slices.Clone(days)
	slices.SortFunc(days, time.Time.Compare)
	var names []string
	for _, day := range days[:min(most, len(days))] {
		names = append(names, day.Format("2 January"))
	}
	if more := len(days) - most; more > 0 {
		names = append(names, plural(more, "more", "more"))
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// many is a number as people read it: "1,234", "1.2 million".
func many(n float64) string {
	switch {
	case n >= 1e9:
		return short(n/1e9) + " billion"
	case n >= 1e6:
		return short(n/1e6) + " million"
	case n >= 1000:
		return fmt.Sprintf("%d,%03d", int(n)/1000, int(n)%1000)
	}
	return short(n)
}

// fine is a small price: three digits that count, however small it is.
func fine(f float64) string {
	if math.Abs(f) >= 1 {
		return fmt.Sprintf("%.2f", f)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Max(math.Abs(f), 1e-9))))
	return strconv.FormatFloat(f, 'f', min(digits, 12), 64)
}

// Without says what could not be made of a digest's files.
func Without(reasons []string) string {
	return strings.Join(list(reasons, digestTop, func(s string) string { return outside(s, 300) }), " ")
}
