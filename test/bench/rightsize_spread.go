package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// shares are those of samples over at which the differences to the floor are shown: about those of KRR, of p95 x1.25 and of Crane.
var shares = []float64{0.066, 0.039, 0.011}

const resamples = 200 // of the machines, for a standard error

// trial is what each history was asked for and how often it was over, at each point of the trade: any sample of them can be
// scored without sizing again.
type trial struct {
	used, samples []float64   // of each history
	asked, over   [][]float64 // at each balance, of each history
}

func trialOf(histories []history, request func(i int, balance float64) float64) trial {
	t := trial{}
	for _, h := range histories {
		t.used, t.samples = append(t.used, h.used), append(t.samples, float64(len(h.after)))
	}
	for _, b := range balances() {
		asked, over := make([]float64, len(histories)), make([]float64, len(histories))
		for i, h := range histories {
			r := request(i, b) * (1 + 1e-9)
			asked[i] = r * float64(len(h.after))
			over[i] = float64(len(h.after) - sort.Search(len(h.after), func(k int) bool { return h.after[k] > r }))
		}
		t.asked, t.over = append(t.asked, asked), append(t.over, over)
	}
	return t
}

// curve scores the trial, with each history taken so many times.
func (t trial) curve(times []float64) curve {
	sum := func(values []float64) float64 {
		total := 0.0
		for i, v := range values {
			total += times[i] * v
		}
		return total
	}
	used, samples := sum(t.used), sum(t.samples)
	var c curve
	for b := range t.asked {
		c = append(c, score{slack: 1 - used/sum(t.asked[b]), over: sum(t.over[b]) / samples})
	}
	return c
}

// gain is by how many points of slack the one curve is below the other at a share over; not a number beyond an end of either.
func gain(floor, ours curve, over float64) float64 {
	f, okFloor := floor.at(over)
	a, okOurs := ours.at(over)
	if !okFloor || !okOurs {
		return math.NaN()
	}
	return 100 * (f.slack - a.slack)
}

// spreadCPU says how far the difference to the floor depends on the machines and the day that it is measured on. The standard errors
// are those over machines (bootstrap; a machine's days stay together).
func spreadCPU(out io.Writer, machines []history, seed uint64) error {
	t := table{{"measured on", "histories"}}
	for _, over := range shares {
		t[0] = append(t[0], "points under the floor at "+percent(over)+" over")
	}
	row := func(name string, histories []history) {
		floor, ours := floorTrial(histories), demandTrial(histories)
		once := slices.Repeat([]float64{1}, len(histories))
		f, a := floor.curve(once), ours.curve(once)
		errs := standardErrors(histories, floor, ours, seed)
		cells := []string{name, strconv.Itoa(len(histories))}
		for k, over := range shares {
			cells = append(cells, fmt.Sprintf("%+.2f ± %.2f", gain(f, a, over), errs[k]))
		}
		t.add(cells...)
	}
	row("the last day", machines)
	const folds = 5
	for fold := range folds {
		var some []history
		for i, h := range machines {
			if i%folds == fold {
				some = append(some, h)
			}
		}
		row(fmt.Sprintf("the last day, a fifth of the machines, %d", fold+1), some)
	}
	all, earlier := slices.Clone(machines), dayEarlier(machines)
	for n := 1; len(earlier) > 0; n++ {
		if n <= 2 {
			row(fmt.Sprintf("a day of theirs earlier, %d", n), earlier)
		}
		all, earlier = append(all, earlier...), dayEarlier(earlier)
	}
	row("every day that has two before it", all)
	return t.print(out, "CPU, spread over machines and days")
}

// standardErrors are those of the gain at each share.
func standardErrors(histories []history, floor, ours trial, seed uint64) []float64 {
	var ids []string
	for _, h := range histories {
		ids = append(ids, h.id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	at := make([]int, len(histories)) // the index of each one's machine
	for i, h := range histories {
		at[i], _ = slices.BinarySearch(ids, h.id)
	}
	r := rand.New(rand.NewPCG(seed, resamples))
	gains := make([][]float64, len(shares))
	for range resamples {
		drawn := make([]float64, len(ids))
		for range ids {
			drawn[r.IntN(len(ids))]++
		}
		times := make([]float64, len(histories))
		for i := range times {
			times[i] = drawn[at[i]]
		}
		f, a := floor.curve(times), ours.curve(times)
		for k, over := range shares {
			if g := gain(f, a, over); !math.IsNaN(g) { // a few draws have none, where the floor ends near the share
				gains[k] = append(gains[k], g)
			}
		}
	}
	errs := make([]float64, len(shares))
	for k, of := range gains {
		errs[k] = deviation(of)
	}
	return errs
}

// deviation is the standard deviation of values.
func deviation(values []float64) float64 {
	n := float64(len(values))
	mean, squares := 0.0, 0.0
	for _, v := range values {
		mean += v / n
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / n)
}

// foresightCPU says what a request would come to that were made with sight of what comes after, the more of it the further down: how
// much there is to be had at all.
func foresightCPU(out io.Writer, histories []history) error {
	t := table{{"a request that knows"}}
	for _, over := range shares {
		t[0] = append(t[0], "slack at "+percent(over)+" over")
	}
	row := func(name string, of trial) {
		c := of.curve(slices.Repeat([]float64{1}, len(histories)))
		cells := []string{name}
		for _, over := range shares {
			cell := "-"
			if s, ok := c.at(over); ok {
				cell = percent(s.slack)
			}
			cells = append(cells, cell)
		}
		t.add(cells...)
	}
	seeing := func(expect func(h history) []float64) trial {
		expected := make([][]float64, len(histories))
		for i, h := range histories {
			expected[i] = expect(h)
		}
		return trialOf(histories, func(i int, balance float64) float64 { return cheapest(expected[i], balance) })
	}
	row("the past: the floor", floorTrial(histories))
	row("the past: Autopilot", demandTrial(histories))
	row("which of the past days the day is most like", seeing(toldDay))
	row("the day", seeing(func(h history) []float64 { return h.after }))
	return t.print(out, "CPU, what foresight would give")
}

// toldDay is the one of the past days whose quantiles are the nearest, together, to those of what came after.
func toldDay(h history) []float64 {
	var best []float64
	least := math.Inf(1)
	for end := h.at; end.After(h.series.Start); end = end.Add(-24 * time.Hour) {
		of := h.series.Since(end.Add(-24 * time.Hour)).Until(end).Known()
		if len(of) == 0 {
			continue
		}
		slices.Sort(of)
		apart := 0.0
		for i, v := range h.after {
			apart += math.Abs(v - nearest(of, (float64(i)+0.5)/float64(len(h.after))))
		}
		if apart < least {
			best, least = of, apart
		}
	}
	return best
}

func floorTrial(histories []history) trial {
	return trialOf(histories, func(i int, balance float64) float64 { return cheapest(histories[i].before, balance) })
}

func demandTrial(histories []history) trial {
	demands := make([]waste.Demand, len(histories))
	for i, h := range histories {
		demands[i], _ = waste.CPUDemand(h.series, h.at)
	}
	return trialOf(histories, func(i int, balance float64) float64 { return demands[i].Request(balance) })
}
