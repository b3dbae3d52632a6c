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
	fewest   = 3                // values that a past needs to say what is usual, and a departure to be strong
	counting = 10               // values that a past needs, none of which falls, to be those of a counter
	lately   = 20 * time.Minute // what stood all through this time before the onset is usual too: the earliest suspicion is minutes before the alarm
	beyond   = 3.0              // spreads above the median that are usual
	half     = 10.0             // spreads above that which make a departure half as strong as can be
	still    = 0.05             // of the median: no spread is less, so that a series which never moves is not strange when it trembles
	noise    = 1e-9             // no spread is less than that either, for a median of 0
	sigma    = 0.8413           // of the values of plain noise are less than one standard deviation above its median
)

// departure is how a series left what was usual for it, upwards.
type departure struct {
	median, high float64        // of the past; what is usual stays under high
	points       []engine.Point // of the series, or how fast it grew, for one that counts
	after        []engine.Point // those from the onset on
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
	end := startAt(points, j.alarm.Now.Unix()+1)
	points = points[:end]
	if counts(points[:j.onset(points)]) {
		points = increases(points)
	}
	onset := j.onset(points)
	d := departure{points: points, after: points[onset:]}
	highest, lowest := math.Inf(-1), math.Inf(1) // since the onset, and in the time before it
	for _, p := range d.after {
		if finite(p.Value) {
			highest = max(highest, p.Value)
		}
	}
	past := j.room[:0]
	for _, p := range points[:onset] {
		if !finite(p.Value) {
			continue
		}
		past = append(past, p.Value)
		if j.alarm.Onset.Unix()-p.At <= int64(lately/time.Second) {
			lowest = min(lowest, p.Value)
		}
	}
	j.room = past
	if len(past) < fewest || highest <= lowest && !math.IsInf(lowest, 1) {
		return d, false
	}
	spread := d.usual(m, past, highest)
	if !math.IsInf(lowest, 1) {
		d.high = max(d.high, lowest)
	}
	if highest <= d.high {
		return d, false
	}
	d.exceed(spread)
	if d.since == d.after[0].At { // it may have been so before anybody noticed
		for _, p := range slices.Backward(points[:onset]) {
			if p.Value <= d.high {
				break
			}
			d.since = p.At
		}
	}
	return d, true
}

// onset is the index of the first point that is not the past.
func (j *judge) onset(points []engine.Point) int { return startAt(points, j.alarm.Onset.Unix()) }

// usual finds out what the past stayed under, and gives its spread: for how far it goes upwards, not downwards.
func (d *departure) usual(m engine.Measure, past []float64, highest float64) (spread float64) {
	half := len(past) / 2
	d.median = selectRank(past, half)
	spread = max(still*math.Abs(d.median), least(m))
	if d.high = d.median + beyond*spread; highest <= d.high {
		return spread // most series end here, before their spread costs time
	}
	spread = max(spread, selectRank(past[half:], int(sigma*float64(len(past)))-half)-d.median)
	d.high = d.median + beyond*spread
	return spread
}

// exceed adds up how far the values since the onset are above what is usual. How strong that is counts from when it began, since the onset may
// be suspected too early; one value alone is weak.
func (d *departure) exceed(spread float64) {
	var values, since float64
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
		if d.since != 0 {
			since++
		}
	}
	d.excess /= values
	d.strength /= max(since, min(values, fewest))
}

// counts tells whether a series only ever grew, so that what is usual for it is how fast.
func counts(past []engine.Point) bool {
	if len(past) < counting {
		return false
	}
	rises := 0
	for i := 1; i < len(past); i++ {
		switch {
		case past[i].Value < past[i-1].Value:
			return false
		case past[i].Value > past[i-1].Value:
			rises++
		}
	}
	return rises > len(past)/2
}

// increases is how fast a counter grew, a second. Where it fell it began anew, and nobody knows.
func increases(points []engine.Point) []engine.Point {
	out := make([]engine.Point, 0, len(points))
	before := -1
	for i, p := range points {
		if !finite(p.Value) {
			continue
		}
		if before >= 0 {
			b := points[before]
			if grown, sec := p.Value-b.Value, p.At-b.At; grown >= 0 && sec > 0 {
				out = append(out, engine.Point{At: p.At, Value: grown / float64(sec)})
			}
		}
		before = i
	}
	return out
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
func tracks(left map[engine.Measure]departure) []engine.Track {
	out := make([]engine.Track, 0, len(left))
	for m, d := range left {
		out = append(out, engine.Track{
			Measure: m, Points: d.points, Low: max(min(0, d.median), 2*d.median-d.high), High: d.high, Score: d.strength,
			Since:  time.Unix(d.since, 0).UTC(),
			Reason: fmt.Sprintf("%.3g on average above what is usual, which is up to %.3g", d.excess, d.high),
		})
	}
	slices.SortFunc(out, func(x, y engine.Track) int {
		return cmp.Or(cmp.Compare(y.Score, x.Score), strings.Compare(string(x.Measure), string(y.Measure)))
	})
	return out
}
