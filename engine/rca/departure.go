package rca

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	fewest = 3         // values that a past needs, to say what is usual
	lately = time.Hour // what stood all through this time before the onset is usual too
	beyond = 3.0       // spreads above the median that are usual
	half   = 10.0      // spreads above that which make a departure half as strong as can be
	still  = 0.05      // of the median: no spread is less, so that a series which never moves is not strange when it trembles
	noise  = 1e-9      // no spread is less than that either, for a median of 0
	sigma  = 0.8413    // of the values of plain noise are less than one standard deviation above its median
)

// departure is how a series left what was usual for it, upwards.
type departure struct {
	median, high float64        // of the past; what is usual stays under high
	after        []engine.Point // from the onset on
	excess       float64        // mean of what is above high
	strength     float64        // 0 to 1: how far above, in spreads of the past
	since        int64
}

// judge says which series left what was usual. It keeps the room that it sorts in.
type judge struct {
	alarm Alarm
	room  []float64
}

// departures are those of the measures of a node that did leave.
func departures(s Series, a Alarm) map[engine.Measure]departure {
	return (&judge{alarm: a}).departures(s)
}

// departures is the same for one node of many.
func (j *judge) departures(s Series) map[engine.Measure]departure {
	var out map[engine.Measure]departure
	for m, points := range s {
		if d, ok := j.depart(m, points); ok {
			if out == nil {
				out = map[engine.Measure]departure{}
			}
			out[m] = d
		}
	}
	return out
}

// depart judges a series. It is not ok when the series did not leave, has no value since the onset, or too few before it to know.
func (j *judge) depart(m engine.Measure, points []engine.Point) (departure, bool) {
	onset := j.alarm.Onset.Unix()
	first := startAt(points, onset)
	end := startAt(points, j.alarm.Now.Unix()+1)
	d := departure{after: points[min(first, end):end]}
	past, lowest := j.room[:0], math.Inf(1)
	for _, p := range points[:min(first, end)] {
		if !finite(p.Value) {
			continue
		}
		past = append(past, p.Value)
		if p.At >= onset-int64(lately/time.Second) {
			lowest = min(lowest, p.Value)
		}
	}
	j.room = past
	if len(past) < fewest || len(d.after) == 0 {
		return d, false
	}
	d.median = selectRank(past, len(past)/2)
	spread := max(selectRank(past, int(sigma*float64(len(past))))-d.median, still*math.Abs(d.median), least(m))
	d.high = d.median + beyond*spread
	if !math.IsInf(lowest, 1) {
		d.high = max(d.high, lowest)
	}
	values := 0
	for _, p := range d.after {
		if !finite(p.Value) {
			continue
		}
		values++
		if over := p.Value - d.high; over > 0 {
			d.excess += over
			d.strength += over / (over + half*spread)
			if d.since == 0 {
				d.since = p.At
			}
		}
	}
	if d.excess <= 0 {
		return d, false
	}
	d.excess /= float64(values)
	d.strength /= float64(values)
	for _, p := range slices.Backward(points[:first]) {
		if p.Value <= d.high || d.since != d.after[0].At && p.At < d.after[0].At {
			break
		}
		d.since = p.At
	}
	return d, true
}

// startAt is the index of the first point at a time or later.
func startAt(points []engine.Point, at int64) int {
	i, _ := slices.BinarySearchFunc(points, at, func(p engine.Point, at int64) int { return cmp.Compare(p.At, at) })
	return i
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// least is the least spread of a measure: one request of a thousand, where it is a share of them.
func least(m engine.Measure) float64 {
	if m == engine.MeasureErrors {
		return 0.001
	}
	return noise
}

// selectRank is the value that k others stand before when they are sorted. It moves the values about, and takes time by their number.
func selectRank(values []float64, k int) float64 {
	lo, hi := 0, len(values)-1
	for lo < hi {
		pivot, i, j := values[lo+(hi-lo)/2], lo, hi
		for i <= j {
			for values[i] < pivot {
				i++
			}
			for values[j] > pivot {
				j--
			}
			if i <= j {
				values[i], values[j] = values[j], values[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return values[k]
		}
	}
	return values[k]
}

// total is how much above the usual all requests were together: seconds, or requests that failed, a second. Where nobody counted requests,
// each value stands for one a second.
func (d departure) total(requests []engine.Point) float64 {
	first, last := d.after[0].At, d.after[len(d.after)-1].At
	var sum, n float64
	for _, p := range requests {
		if p.At >= first && p.At <= last && p.Value >= 0 {
			sum += p.Value
			n++
		}
	}
	if n == 0 {
		return d.excess
	}
	return d.excess * sum / n
}

// tracks are the series that left, the one that left furthest first.
func tracks(s Series, left map[engine.Measure]departure, a Alarm) []engine.Track {
	out := make([]engine.Track, 0, len(left))
	for m, d := range left {
		points := s[m]
		for len(points) > 0 && points[len(points)-1].At > a.Now.Unix() {
			points = points[:len(points)-1]
		}
		out = append(out, engine.Track{
			Measure: m, Points: points, Low: max(min(0, d.median), 2*d.median-d.high), High: d.high, Score: d.strength,
			Since:  time.Unix(d.since, 0).UTC(),
			Reason: fmt.Sprintf("%.3g on average, where up to %.3g is usual and %.3g the middle", d.high+d.excess, d.high, d.median),
		})
	}
	slices.SortFunc(out, func(x, y engine.Track) int {
		return cmp.Or(cmp.Compare(y.Score, x.Score), strings.Compare(string(x.Measure), string(y.Measure)))
	})
	return out
}
