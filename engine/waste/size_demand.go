package waste

import (
	"math"
	"slices"
	"time"
)

// Demand is what the days to come are expected to be like: how much of the time a container will use more than so many cores.
type Demand struct {
	used  []float64 // cores, ascending, no two alike
	above []float64 // the share of the time above each of them; 0 for the last
	drift float64   // how far a day may be off, as the standard deviation of a logarithm
}

const (
	errorShare = 0.5  // of the unrest between days, for the days that are pooled differ already
	leastError = 0.04 // which keeps 7 % above what never moved
	mostError  = 0.25 // and no more than 54 % above what was ever seen
	middle     = 3.5  // days from now to the middle of the week that a request is for
	oldest     = 31   // weeks, from which on age makes no difference; all ones, for it is the mask of a sample's age as well
)

// CPUDemand expects the days to come to be as those that were, but for four things. What came before a lasting change of level
// says nothing any more. A week counts half of the week after it; its days count alike, for a busy Monday is one day in seven.
// What grew from week to week goes on growing until the middle of the next one. And a day may be off, by how
// much days went up. It is false when too little is known.
func CPUDemand(s Series, at time.Time) (Demand, bool) {
	past := s.Until(at)
	if past.Count() < leastSamples {
		return Demand{}, false
	}
	days := past.days(at)
	days = days[lastShift(days):]
	rise := growth(days)
	used, above := pool(days, rise, past.Peak())
	return Demand{used, above, max(leastError, min(errorShare*unrest(days, rise), mostError))}, true
}

// pool gives the cores that were used in days, ascending, and the weighted share of the samples above each.
func pool(days []daily, rise, peak float64) (used, above []float64) {
	// A sample is the bits of its value, which sort as the value does, over its age in weeks. Integers sort several times as
	// fast as structs with a comparison, and a scan sizes each container many times over.
	var samples []uint64
	var weight [oldest + 1]float64
	for week := range weight {
		weight[week] = math.Exp2(-float64(week))
	}
	total, highest := 0.0, peak*math.Exp(rise*middle)
	for _, d := range days {
		week := min(d.age/7, oldest)
		factor := math.Exp(rise * (float64(d.age) + middle))
		for _, v := range d.used {
			grown := float32(min(float64(v)*factor, highest, math.MaxFloat32))
			samples = append(samples, uint64(math.Float32bits(grown))<<32|uint64(week)) //nolint:gosec // week is not negative
		}
		total += weight[week] * float64(len(d.used))
	}
	slices.Sort(samples)
	below := 0.0
	for i, x := range samples {
		below += weight[x&oldest]
		if i+1 < len(samples) && samples[i+1]>>32 == x>>32 {
			continue
		}
		used = append(used, float64(math.Float32frombits(uint32(x>>32))))
		above = append(above, max(1-below/total, 0))
	}
	above[len(above)-1] = 0
	return used, above
}

// outlook is how a day may turn out: lower, as expected or higher, by so many standard deviations. Its mean is 0, its variance 1.
var outlook = [...]struct{ off, share float64 }{{-sqrt3, 1.0 / 6}, {0, 2.0 / 3}, {sqrt3, 1.0 / 6}}

const sqrt3 = 1.73205080756887729352744634150

// Request gives the cores that cost the least together with the time above them, when so many cores as balance says cost as much
// as being above all the time. Nothing is above for more than 1/balance of the time, which is what a container of one core
// may come to: those that are larger are no worse off. It is a use that was seen, or a little above them all.
func (d Demand) Request(balance float64) float64 {
	if len(d.used) == 0 {
		return 0
	}
	last := len(d.used) - 1
	request := d.used[last] * math.Exp(sqrt3*d.drift)
	cost := request
	var scale [len(outlook)]float64
	for k, o := range outlook {
		scale[k] = math.Exp(-o.off * d.drift)
	}
	var next [len(outlook)]int // index of the first use above the bound, as it would be on that day
	for i, cores := range d.used {
		// What a day off would turn this use into is taken for the use nearest to it: half way to the next one.
		bound := cores
		if i < last {
			bound = cores + (d.used[i+1]-cores)/2
		}
		over := 0.0
		for k, o := range outlook {
			for next[k] <= last && d.used[next[k]] <= bound*scale[k] {
				next[k]++
			}
			if next[k] == 0 {
				over += o.share
			} else {
				over += o.share * d.above[next[k]-1]
			}
		}
		if over <= 1/balance && cores+balance*over < cost {
			request, cost = cores, cores+balance*over
		}
	}
	return request
}
