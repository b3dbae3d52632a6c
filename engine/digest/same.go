package digest

import (
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// settling is how long after a day its bill still grows: Cost Explorer is complete a day later.
const settling = 24 * time.Hour

// settled tells whether the costs of a day are all there. What AWS changes later, it changes by little.
func (k KnownDay) settled() bool {
	return !k.Partial && (k.Estimated || !k.SavedAt.Before(k.Day.Add(24*time.Hour+settling)))
}

// Same gives the days of a period and of the one before that can be compared: the nth of one with the nth of the other, where both
// are settled and both are billed or both estimated. Where all days of both are, those are all days, however long the months. They
// are in order.
func Same(p engine.Period, known []KnownDay) []time.Time {
	at := map[time.Time]KnownDay{}
	for _, k := range known {
		if k.settled() {
			at[k.Day.UTC()] = k
		}
	}
	before := p.Before()
	var then, now, all []time.Time
	for n := range max(p.Days(), before.Days()) {
		a, b := before.From.AddDate(0, 0, n), p.From.AddDate(0, 0, n)
		x, knownBefore := at[a]
		y, knownNow := at[b]
		knownBefore, knownNow = knownBefore && a.Before(before.To), knownNow && b.Before(p.To)
		if knownBefore {
			all = append(all, a)
		}
		if knownNow {
			all = append(all, b)
		}
		if knownBefore && knownNow && x.Estimated == y.Estimated {
			then, now = append(then, a), append(now, b)
		}
	}
	if len(all) == p.Days()+before.Days() && len(now) == min(p.Days(), before.Days()) {
		slices.SortFunc(all, time.Time.Compare)
		return all
	}
	return append(then, now...)
}
