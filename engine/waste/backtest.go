package waste

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// testDays is how many of the last days a proposal is tried on.
const testDays = 7

// Try applies a way of sizing to the last days of a series: each day with the request that would have been proposed from what came
// before it. Old is the request of today, limit the container's limit (0 for none), both in the unit of the series. It is false
// when no day has a history before it.
func Try(s Series, at time.Time, old, limit float64, size func(Series, time.Time) (float64, bool)) (engine.Backtest, bool) {
	var b engine.Backtest
	var over, overOld float64
	for n := testDays; n > 0; n-- {
		from := at.Add(-time.Duration(n) * day)
		request, ok := size(s, from)
		if !ok {
			continue
		}
		applied := s.Since(from).Until(from.Add(day))
		count := applied.Count()
		b.Samples += count
		b.Days += applied.Days()
		b.Kills += applied.passes(limit)
		over += applied.Over(request) * float64(count)
		overOld += applied.Over(old) * float64(count)
	}
	if b.Samples == 0 {
		return engine.Backtest{}, false
	}
	b.Over, b.OverOld = over/float64(b.Samples), overOld/float64(b.Samples)
	return b, true
}

// passes counts the times that the series goes above a limit; 0 is none.
func (s Series) passes(limit float64) int {
	times, above := 0, false
	for _, v := range s.Max {
		now := limit > 0 && usable(v) && float64(v) > limit
		if now && !above {
			times++
		}
		above = now
	}
	return times
}
