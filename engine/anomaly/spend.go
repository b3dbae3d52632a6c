package anomaly

import (
	"cmp"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// The kinds of what costs are watched of. A cluster is engine.KindCluster.
const (
	KindNamespace = "Namespace"
	KindTeam      = "Team"
	KindService   = "Service"
)

// Spend is what something cost on a day.
type Spend struct {
	Of     engine.Workload
	Day    time.Time // midnight UTC
	Amount engine.MicroUSD
}

// spendRules are those of days: two weeks are learned before anything is told, and what lasts for a week is usual.
func spendRules(s Strictness) Rules {
	const day = 24 * time.Hour
	return Rules{Interval: day, WarmUp: 14 * day, Measures: []engine.Measure{engine.MeasureCost}, Rules: []Rule{{Strictness: s}}}
}

// Rises gives what costs more on the last of the days than it ever did, dearest first. Each call judges all days anew, since bills are
// corrected for days and costs are kept for longer than it takes to judge them.
func Rises(all []Spend, s Strictness) []engine.SpendRise {
	days := map[time.Time]map[engine.Workload]Values{}
	about := map[engine.Workload]About{}
	var order []time.Time
	for _, x := range all {
		if days[x.Day] == nil {
			days[x.Day], order = map[engine.Workload]Values{}, append(order, x.Day)
		}
		days[x.Day][x.Of] = Values{engine.MeasureCost: x.Amount.Dollars() / 24}
		about[x.Of] = About{}
	}
	slices.SortFunc(order, time.Time.Compare)
	w := NewWatch("", spendRules(s))
	var strange []Strange
	for _, day := range order {
		strange, _ = w.Step(Instant{At: day, Workloads: about, Values: days[day]})
	}
	var out []engine.SpendRise
	for _, x := range strange {
		t := x.Tracks[0]
		last := t.Points[len(t.Points)-1]
		if last.At != order[len(order)-1].Unix() || last.Value <= t.High {
			continue // of the last day nothing is known of it, or it is well again
		}
		out = append(out, engine.SpendRise{
			Of: x.Workload, Since: x.Since, Amount: engine.Dollars(last.Value * 24), Usual: engine.Dollars(t.High * 24), Track: t,
		})
	}
	slices.SortStableFunc(out, func(a, b engine.SpendRise) int { return cmp.Compare(b.Over(), a.Over()) })
	return out
}
