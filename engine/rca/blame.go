package rca

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Graph says which node depends on which: a caller on whom it calls, a workload on the node or volume that it has.
type Graph map[string][]string

// Series are the measures of one node of a Graph, before and after the onset.
type Series map[engine.Measure][]engine.Point

// Alarm is what somebody noticed: where, in which measure ("" when it is not one), and in which time.
type Alarm struct {
	Node    string
	Measure engine.Measure
	Onset   time.Time // the earliest suspicion; what is before it is the past
	Now     time.Time // what is after it is not looked at
}

// Suspect is a node that may be where the trouble began.
type Suspect struct {
	Node   string
	Share  float64        // of the suspicion; the shares of all suspects add up to 1
	Since  time.Time      // when its first series left what was usual; zero when none did
	Tracks []engine.Track // the series that speak for it, strangest first
}

// Blame ranks the nodes by how likely the trouble began there, likeliest first.
func Blame(g Graph, nodes map[string]Series, a Alarm) []Suspect {
	names := slices.Sorted(maps.Keys(nodes))
	judged := make(map[string]map[engine.Measure]departure, len(nodes))
	for _, n := range names {
		judged[n] = departures(nodes[n], a)
	}
	score := make(map[string]float64, len(nodes))
	for _, m := range []engine.Measure{engine.MeasureLatency, engine.MeasureErrors} {
		if (a.Measure == engine.MeasureLatency || a.Measure == engine.MeasureErrors) && a.Measure != m {
			continue
		}
		for n, s := range burdens(g, nodes, judged, m, a) {
			score[n] += s
		}
	}
	var all []Suspect
	var sum float64
	for _, n := range names {
		for m, d := range judged[n] {
			switch m {
			case engine.MeasureLatency, engine.MeasureErrors, engine.MeasureRequests:
			default:
				score[n] += resourceWeight * d.strength
			}
		}
		if score[n] <= 0 {
			continue
		}
		sum += score[n]
		all = append(all, Suspect{Node: n, Share: score[n]})
	}
	for i := range all {
		all[i].Share /= sum
	}
	slices.SortStableFunc(all, func(x, y Suspect) int { return cmp.Compare(y.Share, x.Share) })
	return all
}

const resourceWeight = 0.5

// burdens is, for each node, which share of the trouble that requests had it may have caused itself: what its requests took or failed more than
// usual, less what those on whom it depends took or failed.
func burdens(g Graph, nodes map[string]Series, judged map[string]map[engine.Measure]departure, m engine.Measure, a Alarm) map[string]float64 {
	whole := map[string]float64{}
	for n, ds := range judged {
		d, ok := ds[m]
		if !ok || d.strength <= 0 {
			continue
		}
		whole[n] = d.total(nodes[n][engine.MeasureRequests], a)
	}
	own := map[string]float64{}
	var most float64
	for n, w := range whole {
		rest := w
		for _, c := range g[n] {
			rest -= whole[c]
		}
		if rest > 0 {
			own[n] = rest
			most = max(most, rest)
		}
	}
	for n := range own {
		own[n] *= judged[n][m].strength / most
	}
	return own
}
