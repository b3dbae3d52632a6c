package rca

import (
	"math"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	fewest  = 3 // values of a past that says what is usual
	recent  = time.Hour
	beyond  = 3.0
	halfway = 10.0
)

// departure is how a series left what was usual.
type departure struct {
	usual    float64 // the median of the past
	high     float64 // what the past stayed under
	strength float64 // 0 to 1
	since    int64
	after    []engine.Point
}

func departures(s Series, a Alarm) map[engine.Measure]departure {
	out := make(map[engine.Measure]departure, len(s))
	for m, points := range s {
		if d, ok := depart(points, a); ok {
			out[m] = d
		}
	}
	return out
}

func depart(points []engine.Point, a Alarm) (departure, bool) {
	onset, now := a.Onset.Unix(), a.Now.Unix()
	var past []float64
	var after []engine.Point
	least := math.Inf(1) // of the last hour
	for _, p := range points {
		switch {
		case math.IsNaN(p.Value) || math.IsInf(p.Value, 0) || p.At > now:
		case p.At < onset:
			past = append(past, p.Value)
			if p.At >= onset-int64(recent.Seconds()) {
				least = min(least, p.Value)
			}
		default:
			after = append(after, p)
		}
	}
	if len(past) < fewest || len(after) == 0 {
		return departure{}, false
	}
	slices.Sort(past)
	q := func(f float64) float64 {
		k := f * float64(len(past)-1)
		i := int(k)
		j := min(i+1, len(past)-1)
		return past[i] + (past[j]-past[i])*(k-float64(i))
	}
	d := departure{usual: q(0.5), after: after}
	scale := max((q(0.75)-q(0.25))/1.349, 0.01*math.Abs(d.usual), 1e-9)
	d.high = d.usual + beyond*scale
	if !math.IsInf(least, 1) {
		d.high = max(d.high, least)
	}
	for _, p := range after {
		z := (p.Value - d.high) / scale
		if z > 0 {
			d.strength += z / (z + halfway) / float64(len(after))
			if d.since == 0 {
				d.since = p.At
			}
		}
	}
	return d, true
}

// total is how much more than usual all requests together took (or failed).
func (d departure) total(requests []engine.Point, a Alarm) float64 {
	rate := map[int64]float64{}
	var sum, n float64
	for _, p := range requests {
		if p.At >= a.Onset.Unix() && p.At <= a.Now.Unix() {
			rate[p.At] = p.Value
			sum += p.Value
			n++
		}
	}
	mean := 1.0
	if n > 0 {
		mean = sum / n
	}
	var total float64
	for _, p := range d.after {
		r, ok := rate[p.At]
		if !ok {
			r = mean
		}
		total += r * max(0, p.Value-d.high)
	}
	return total
}
