package waste

import (
	"math"
	"time"
)

// Demand is what the days to come are expected to be like: how much of the time a container will use more than so many cores.
type Demand struct {
	used  []float64 // cores, ascending, no two alike
	above []float64 // the share of the time above each of them; 0 for the last
	drift float64   // how far a day may be off, as the standard deviation of a logarithm
}

const (
	halfLife   = 5.0  // days: what a day tells of the days to come, as half of what one so much later does
	driftShare = 0.25 // of the unrest between days, for the first day that passes: the days that are pooled differ already
	aboveAll   = 0.07 // of the highest use, kept above it for a container that never moves
	middle     = 3.5  // days from now to the middle of the week that a request is for
)

// CPUDemand expects the days to come to be as those that were, but for four things. What came before a lasting change of level
// says nothing any more. The older a day, the less it counts, but a busy Monday still does a week later. What grew from week to week
// goes on growing until the middle of the next one. And the level of a day wanders from that of the days before it: by how much days
// went up, and as the square root of the days since the newest that is known, as a random walk does. It is false when too little
// is known.
func CPUDemand(s Series, at time.Time) (Demand, bool) {
	past := s.Until(at)
	if past.Count() < leastSamples {
		return Demand{}, false
	}
	days := past.days(at)
	days = days[lastShift(days):]
	rates := weekly(days)
	rise := growth(rates)
	used, above := pool(days, rise)
	passed := float64(days[len(days)-1].age + 1)
	return Demand{used, above, driftShare * unrest(days, rates, rise) * math.Sqrt(passed)}, true
}

// A use is counted in the bucket of its leading bits: a float32 cut after the seventh bit of its mantissa, so that a bucket is less
// than a hundredth wide, and those of positive numbers are in their order. What is under a 4096th of the highest use is counted as one.
// So no history has to be sorted, of which a scan sizes each many times over.
const (
	bucketCut = 16
	doublings = 12
	buckets   = doublings << (23 - bucketCut)
)

// bucket is the number of the bucket of a use; zero may have a sign.
func bucket(use float32) int { return int(math.Float32bits(use) & math.MaxInt32 >> bucketCut) }

// pool gives the cores that were used in days, ascending, and the weighted share of the samples above each. Of what is in one bucket,
// the highest use stands for all.
func pool(days []daily, rise float64) (used, above []float64) {
	peak := float32(0)
	for _, d := range days {
		peak = max(peak, d.peak)
	}
	highest := float32(min(float64(peak)*math.Exp(rise*middle), math.MaxFloat32))
	lowest := max(bucket(highest)-buckets, 0)
	size := bucket(highest) - lowest + 1
	most, weights := make([]float32, size), make([]float64, size)
	filled, total, newest := 0, 0.0, days[len(days)-1].age
	for _, d := range days {
		weight, factor := math.Exp2(float64(newest-d.age)/halfLife), math.Exp(rise*(float64(d.age)+middle))
		for _, v := range d.used {
			if !usable(v) {
				continue
			}
			grown := min(float32(min(float64(v)*factor, math.MaxFloat32)), highest)
			b := max(bucket(grown)-lowest, 0)
			if weights[b] == 0 {
				filled++
			}
			most[b], weights[b] = max(most[b], grown), weights[b]+weight
			total += weight
		}
	}
	used, above = make([]float64, 0, filled), make([]float64, 0, filled)
	below := 0.0
	for b, weight := range weights {
		if weight > 0 {
			below += weight
			used, above = append(used, float64(most[b])), append(above, max(1-below/total, 0))
		}
	}
	above[len(above)-1] = 0
	return used, above
}

// outlook is how a day may turn out: lower, as expected or higher, by so many standard deviations. Its moments are those of the normal
// distribution up to the fifth (the Gauss–Hermite quadrature of three nodes: Abramowitz and Stegun, 25.4.46).
var outlook = [...]struct{ off, share float64 }{{-sqrt3, 1.0 / 6}, {0, 2.0 / 3}, {sqrt3, 1.0 / 6}}

const sqrt3 = 1.73205080756887729352744634150

// Request gives the cores that cost the least together with the time above them, when so many cores as balance says cost as much
// as being above all the time. That is the Lagrangian of the least cores in all at a given time above in all (Everett, Operations Research
// 11, 1963), and why one balance for all containers puts each core where it helps the most. Nothing is above for more than 1/balance of
// the time, which is what a container of one core may come to: those that are larger are no worse off. A request is a use that was
// seen, one as it would be on a high day where none higher was seen soon above it, or a little above them all.
func (d Demand) Request(balance float64) float64 {
	if len(d.used) == 0 {
		return 0
	}
	var scale [len(outlook)]float64
	for k, o := range outlook {
		scale[k] = math.Exp(-o.off * d.drift)
	}
	request, least := 0.0, math.Inf(1)
	var next [len(outlook)]int                // index of the first use above these cores, as it would be on that day
	weigh := func(cores float64, last bool) { // which is called for more cores each time
		over := 0.0
		for k, o := range outlook {
			for next[k] < len(d.used) && d.used[next[k]] <= cores*scale[k] {
				next[k]++
			}
			if next[k] == 0 {
				over += o.share
			} else {
				over += o.share * d.above[next[k]-1]
			}
		}
		if cost := cores + balance*over; cost < least && (over <= 1/balance || last) {
			request, least = cores, cost
		}
	}
	high := math.Exp(sqrt3*d.drift) * (1 + 1e-9) // which outweighs what rounding loses
	for i, cores := range d.used {
		weigh(cores, false)
		if i+1 < len(d.used) && cores*high < d.used[i+1] {
			weigh(cores*high, false)
		}
	}
	weigh(d.used[len(d.used)-1]*(1+aboveAll), true)
	return request
}
