package report

import (
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// slice is a part of the spend by whose it is.
type slice struct {
	key, name string
	amount    engine.MicroUSD
}

// allocation divides the spend by whose it is. The parts come to Spend.Total.
func allocation(d engine.Digest) []slice {
	s := d.Spend
	var teams engine.MicroUSD
	for _, l := range breakdown(d, "team").Lines {
		if l.Name != "" {
			teams += l.Amount
		}
	}
	nobody := s.Total - teams - s.Idle - s.Shared - s.Outside - s.Unallocated - s.Adjustment
	return []slice{
		{"teams", "Put to teams", teams},
		{"no_team", noTeam, nobody},
		{"idle", "Idle capacity", s.Idle},
		{"shared", "Shared", s.Shared},
		{"outside", "Outside clusters", s.Outside},
		{"unallocated", "Unallocated", s.Unallocated},
		{"adjustment", "Invoices less their days", s.Adjustment},
	}
}

// spendDay is a day of the trend, with or without a bill.
type spendDay struct {
	engine.SpendDay
	known bool
}

// soft tells whether its amount may still change, or is no bill at all.
func (d spendDay) soft() bool { return d.Provisional || d.Estimated }

// What a trend shows at most: the newest days, and days to come.
const (
	maxDays  = 800
	maxAhead = 62
)

// days gives each day from the first of the trend to the period's end. A day without a bill is not known.
func days(d engine.Digest) []spendDay {
	known := make(map[time.Time]engine.SpendDay, len(d.Trend))
	first := d.Period.From
	for _, t := range d.Trend {
		known[t.Day.UTC()] = t
		if t.Day.Before(first) {
			first = t.Day.UTC()
		}
	}
	var all []spendDay
	for at := d.Period.To.UTC().AddDate(0, 0, -1); !at.Before(first) && len(all) < maxDays; at = at.AddDate(0, 0, -1) {
		t, found := known[at]
		t.Day = at
		all = append(all, spendDay{t, found})
	}
	slices.Reverse(all)
	return all
}

// cents rounds what of gives of each item so that the column comes to its total.
func cents[T any](items []T, total engine.MicroUSD, of func(T) engine.MicroUSD) []engine.MicroUSD {
	amounts := make([]engine.MicroUSD, len(items))
	for k, item := range items {
		amounts[k] = of(item)
	}
	return engine.ToCents(amounts, total)
}

// sum adds up what of gives of each item.
func sum[T any](items []T, of func(T) engine.MicroUSD) (total engine.MicroUSD) {
	for _, item := range items {
		total += of(item)
	}
	return total
}
