package waste

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	growthDays    = 14   // looked back, and ahead
	leastGrowth   = 10   // days of them that must be known
	steadyGrowth  = 0.85 // the share of the differences between the days that a straight line explains
	levelQuantile = 0.95 // of a day, which stands for it
)

// outgrows tells whether a use that has been growing in a straight line passes a request within as many days as it was looked back: a
// leak, or traffic that comes to stay. A wave, a step and noise are no line.
func (c *candidate) outgrows(request int64) (days float64, ok bool) {
	if c.brief() {
		return 0, false
	}
	at, levels := c.dayLevels()
	if len(at) < leastGrowth {
		at, levels = c.dayPeaks()
	}
	if len(at) < leastGrowth {
		return 0, false
	}
	slope, now, explained := line(at, levels)
	if slope <= 0 || explained < steadyGrowth {
		return 0, false
	}
	days = (float64(request)/scale(c.resource) - now) / slope
	return max(days, 0), days < growthDays
}

// dayLevels gives the level of each of the last days, by its distance from now: of those that the history holds.
func (c *candidate) dayLevels() (at, levels []float64) {
	for n := growthDays; n > 0; n-- {
		from := c.at.Add(-time.Duration(n) * day)
		if of := c.history.Since(from).Until(from.Add(day)); of.Days() > 0.5 {
			at, levels = append(at, float64(-n)+0.5), append(levels, of.Quantile(levelQuantile))
		}
	}
	return at, levels
}

// dayPeaks gives the peaks of the last days that are over instead, where they go further back than the history. Those from before the
// part of it that counts say nothing.
func (c *candidate) dayPeaks() (at, levels []float64) {
	if c.history.Start.After(c.all.Start) {
		return nil, nil
	}
	for _, p := range c.usage.Peaks {
		v := p.Memory
		if c.resource == engine.CPU {
			v = p.CPU
		}
		if age := c.at.Sub(p.Day); usable(v) && age >= day && age <= growthDays*day {
			at, levels = append(at, 0.5-age.Hours()/24), append(levels, float64(v))
		}
	}
	return at, levels
}

// line fits a straight line through points by least squares: its slope, where it is at zero, and the share of the variance that it
// explains.
func line(xs, ys []float64) (slope, at0, explained float64) {
	n := float64(len(xs))
	var mx, my float64
	for i := range xs {
		mx, my = mx+xs[i]/n, my+ys[i]/n
	}
	var xx, xy, yy float64
	for i := range xs {
		xx += (xs[i] - mx) * (xs[i] - mx)
		xy += (xs[i] - mx) * (ys[i] - my)
		yy += (ys[i] - my) * (ys[i] - my)
	}
	if xx == 0 || yy == 0 {
		return 0, my, 0
	}
	slope = xy / xx
	return slope, my - slope*mx, xy * xy / (xx * yy)
}
