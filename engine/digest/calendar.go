package digest

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// calendar says of each day whether its costs are known, and how well.
type calendar struct {
	days   map[time.Time]KnownDay
	newest time.Time // day that is settled; zero without
}

func newCalendar(f Facts) calendar {
	c := calendar{days: make(map[time.Time]KnownDay, len(f.Known))}
	for _, k := range f.Known {
		day := k.Day.UTC()
		c.days[day] = k
		if k.settled() && day.After(c.newest) {
			c.newest = day
		}
	}
	return c
}

// whole tells whether all of a day's costs are there, in the way in which those of today are: of a cluster that is billed now, what was
// estimated before says little.
func (c calendar) whole(day time.Time) bool {
	k, known := c.days[day]
	return known && k.settled() && k.Estimated == c.days[c.newest].Estimated
}

// sums gives the days of a scope by day.
func sums(days []DaySum) map[time.Time]DaySum {
	out := make(map[time.Time]DaySum, len(days))
	for _, d := range days {
		day := d.Day.UTC()
		s := out[day]
		s.Day, s.Amount, s.Adjustment, s.Provisional = day, s.Amount+d.Amount, s.Adjustment+d.Adjustment, s.Provisional || d.Provisional
		out[day] = s
	}
	return out
}

// trend gives the days of a period's trend: those that are known, and those that have costs.
func (c calendar) trend(p engine.Period, list []DaySum) []engine.SpendDay {
	of := sums(list)
	var out []engine.SpendDay
	for day := TrendFrom(p); day.Before(p.To); day = day.AddDate(0, 0, 1) {
		k, known := c.days[day]
		s, has := of[day]
		if known || has {
			out = append(out, engine.SpendDay{
				Day: day, Amount: s.Amount, Estimated: k.Estimated, Provisional: s.Provisional || !known || !k.settled(),
			})
		}
	}
	return out
}

// monthOf is the first day of the month of a day.
func monthOf(day time.Time) time.Time { return day.AddDate(0, 0, 1-day.Day()) }

// forecastMonth is the month that the digest of a period forecasts: that which a week ends in, and the one after a month.
func forecastMonth(p engine.Period) time.Time {
	if p.Kind == engine.Monthly {
		return p.To
	}
	return monthOf(p.To.AddDate(0, 0, -1))
}

// within gives what a scope cost from a day to before another.
func within(of map[time.Time]DaySum, from, to time.Time) (sum engine.MicroUSD) {
	for day, s := range of {
		if !day.Before(from) && day.Before(to) {
			sum += s.Amount
		}
	}
	return sum
}

// history is what a scope cost on each day that is whole, up to the newest. What an invoice differs by is of no day.
func (c calendar) history(of map[time.Time]DaySum) history {
	var h history
	for day := range c.days {
		if c.whole(day) && (h.first.IsZero() || day.Before(h.first)) {
			h.first = day
		}
	}
	for day := h.first; !h.first.IsZero() && !day.After(c.newest); day = day.AddDate(0, 0, 1) {
		known := c.whole(day)
		h.days = append(h.days, past{amount: of[day].Amount - of[day].Adjustment, known: known})
		if known {
			h.known++
		}
	}
	return h
}

// forecastOf is the forecast of the digest's own scope.
func (c calendar) forecastOf(p engine.Period, list []DaySum) *engine.Forecast {
	f, ok := c.forecast(forecastMonth(p), p.To, sums(list))
	if !ok {
		return nil
	}
	return &f
}

// forecast says what a month will come to, of which days before until can be known. ok is false when too little is known.
func (c calendar) forecast(month, until time.Time, of map[time.Time]DaySum) (f engine.Forecast, ok bool) {
	before, end := month.AddDate(0, -1, 0), month.AddDate(0, 1, 0)
	f = engine.Forecast{Month: month, SoFar: within(of, month, end)}
	if c.hasAll(before, month) {
		f.Before = within(of, before, month)
	}
	if c.newest.Before(month.AddDate(0, 0, -stale)) {
		return f, false
	}
	var want []wish
	var whole engine.MicroUSD
	for day := month; day.Before(end); day = day.AddDate(0, 0, 1) {
		if day.Before(until) && c.whole(day) {
			whole += of[day].Amount
			continue
		}
		s := of[day]
		w := wish{day: day}
		if _, w.begun = c.days[day]; w.begun {
			w.least = s.Amount - s.Adjustment
		}
		want = append(want, w)
		whole += s.Adjustment
	}
	told, ok := c.history(of).tell(want)
	if !ok {
		return f, false
	}
	f.Basis, f.Days = told.basis, told.days
	f.Mid, f.Low, f.High = whole+told.mid, whole+told.low, whole+told.high
	return f, true
}

// hasAll tells whether the costs of each day from one to before another are known.
func (c calendar) hasAll(from, to time.Time) bool {
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		if _, known := c.days[day]; !known {
			return false
		}
	}
	return true
}
