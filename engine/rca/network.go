package rca

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// leastWait is how much longer than usual, in seconds, a way must take to be slow: as much as nobody is alerted of is what a busy machine or
// a garbage collector makes of requests that usually take a few milliseconds.
const leastWait = 0.05

// way is how long requests from a caller to a callee took, beyond what is usual and beyond what the callee itself took longer.
type way struct {
	caller, callee string
	wait           float64 // seconds, at the highest; 0 for one that is as fast as ever
	share          float64 // of what it took longer, that which neither the callee's own word nor a busy CPU explains
	since          int64
}

// ways are those of which callers say how long they wait.
func ways(fared map[string]Series, j *judge) []way {
	var out []way
	for _, callee := range slices.Sorted(maps.Keys(fared)) {
		own, slower := j.depart(engine.MeasureLatency, fared[callee][engine.MeasureLatency])
		for _, m := range slices.Sorted(maps.Keys(fared[callee])) {
			caller, ok := strings.CutPrefix(string(m), seenBy)
			if !ok {
				continue
			}
			w := way{caller: caller, callee: callee}
			if d, left := j.depart(m, fared[callee][m]); left {
				from := j.lasting()
				w.wait, w.share, w.since = d.peak(from)-d.median, 1, d.from(from)
				if longer := own.peak(from) - own.median; slower && longer > 0 {
					w.share = max(0, 1-longer/w.wait)
				}
				if w.wait < leastWait || busy(j, fared[callee]) || busy(j, fared[caller]) {
					w.wait, w.share = 0, 0
				}
			}
			out = append(out, w)
		}
	}
	return out
}

// lasting is from when on a way must be slow for the trouble to come of it: one that was slow before and is well again by then was another
// trouble's. The last value counts at least.
func (j *judge) lasting() int64 {
	began := min(j.alarm.Began.Add(-30*time.Second).Unix(), j.alarm.Now.Add(-30*time.Second).Unix())
	return max(j.alarm.Onset.Unix(), began)
}

// peak is the highest value from a time on, or the last one before, where a series ends: what is too ill to tell is not well.
func (d departure) peak(from int64) float64 {
	most := 0.0
	for _, p := range slices.Backward(d.after) {
		if !finite(p.Value) {
			continue
		}
		if p.At < from {
			if most == 0 {
				most = p.Value
			}
			break
		}
		most = max(most, p.Value)
	}
	return most
}

// from is since when a series is beyond what is usual, of what counts from a time on.
func (d departure) from(at int64) int64 {
	if d.since >= at {
		return d.since
	}
	for _, p := range d.after {
		if p.At >= at && p.Value > d.high {
			return p.At
		}
	}
	return d.since
}

// slowNetwork finds the node to and from which packets are slow: whoever calls it waits longer than it takes by its own word, and it waits
// for all whom it calls, while others do not wait for them.
func slowNetwork(n *Neighborhood, fared map[string]Series, a Alarm) (engine.Evidence, bool) {
	j := &judge{alarm: a}
	score, waits, sides := map[string]float64{}, map[string]float64{}, map[string]int{}
	var since int64
	all := ways(fared, j)
	for _, w := range all {
		for _, end := range []string{w.caller, w.callee} {
			switch {
			case w.share >= 0.3:
			case w.wait > 0:
				score[end] -= 0.5 // explained by who answers, who may wait for a slow way in turn
				continue
			default:
				score[end]-- // a way of its own that is well
				continue
			}
			score[end] += w.share
			waits[end] = max(waits[end], w.wait)
			sides[end]++
			if since == 0 || w.since < since {
				since = w.since
			}
		}
	}
	// Of a caller and its only callee either may be the one; the callee is closer to most troubles.
	callee := map[string]bool{}
	for _, w := range all {
		callee[w.callee] = true
	}
	var ends []string
	for name, s := range score {
		if s <= 0 || n.Workloads[name].Name == "" {
			continue
		}
		ends = append(ends, name)
	}
	if len(ends) == 0 {
		return engine.Evidence{}, false
	}
	slices.SortFunc(ends, func(x, y string) int {
		return cmp.Or(cmp.Compare(score[y], score[x]), compareBool(callee[y], callee[x]), strings.Compare(x, y))
	})
	name := ends[0]
	w := n.Workloads[name]
	wait := engine.MeasureLatency.Amount(waits[name])
	text := fmt.Sprintf("%s: requests to and from it take up to %s longer on %s than they take by the word of who answers them", w, wait, plural(sides[name], "way"))
	return engine.Evidence{
		ID: "network/" + name, Kind: engine.EvidenceNeighbor, Object: objectOf(w), At: time.Unix(since, 0).UTC(), Text: text,
		Fields: map[string]string{
			"network": wait, "ways": strconv.Itoa(sides[name]), "relation": string(n.Relation(name)), "kind": w.Kind, "namespace": w.Namespace, "name": w.Name,
		},
	}, true
}

func plural(n int, word string) string {
	if n == 1 {
		return "one " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}

// busy tells whether a node uses or is denied more CPU than ever.
func busy(j *judge, s Series) bool {
	for _, m := range []engine.Measure{engine.MeasureCPU, engine.MeasureSaturation} {
		if d, ok := j.depart(m, s[m]); ok && d.peak(j.lasting())-d.high >= leastRise[m] {
			return true
		}
	}
	return false
}
