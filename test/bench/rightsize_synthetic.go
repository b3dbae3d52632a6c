package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

const (
	syntheticDays  = 21 // the last 7 of them are what requests are tried on
	syntheticTried = 7
	syntheticEach  = 60 // series of a shape
)

// shape is a way in which use goes on: the level at a time of so many days, for one series whose traits are drawn first.
type shape struct {
	name string
	draw func(r *rand.Rand) func(t float64) float64
}

var shapes = []shape{
	{"flat", func(*rand.Rand) func(float64) float64 { return func(float64) float64 { return 1 } }},
	{"daily cycle", func(r *rand.Rand) func(float64) float64 {
		swing, phase := 0.3+0.6*r.Float64(), r.Float64()
		return func(t float64) float64 { return 1 + swing*math.Sin(2*math.Pi*(t+phase)) }
	}},
	{"weekly cycle", func(r *rand.Rand) func(float64) float64 {
		busy, height := r.IntN(7), 1.5+2*r.Float64() // one busy day, such as the Monday of a payroll
		return func(t float64) float64 {
			if int(t)%7 == busy {
				return height
			}
			return 1
		}
	}},
	{"step up", func(r *rand.Rand) func(float64) float64 {
		at, height := 4+9*r.Float64(), 1.6+1.4*r.Float64()
		return func(t float64) float64 { return after(t, at, 1, height) }
	}},
	{"step down", func(r *rand.Rand) func(float64) float64 {
		at, height := 1+6*r.Float64(), 1.6+1.4*r.Float64()
		return func(t float64) float64 { return after(t, at, height, 1) }
	}},
	{"growth", func(r *rand.Rand) func(float64) float64 {
		rate := 0.01 + 0.03*r.Float64() // a day
		return func(t float64) float64 { return math.Exp(rate * t) }
	}},
	{"bursts", func(r *rand.Rand) func(float64) float64 {
		chance, length, height := 1+5*r.Float64(), 0.003+0.02*r.Float64(), 2+4*r.Float64() // a day, in days, times the base
		end := -1.0
		return func(t float64) float64 {
			if t > end && r.Float64() < chance/float64(slotsDaily) {
				end = t + length*r.ExpFloat64()
			}
			return after(t, end, height, 1)
		}
	}},
}

func after(t, at, before, then float64) float64 {
	if t < at {
		return before
	}
	return then
}

// synthetic draws the series of a shape: a size, the level over time, a noise that lasts for about an hour, and one that does not.
func synthetic(s shape, seed uint64, before int) []history {
	r := rand.New(rand.NewPCG(seed, uint64(len(s.name))<<32|uint64(s.name[0])))
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	at := start.Add((syntheticDays - syntheticTried) * 24 * time.Hour)
	var all []history
	for n := range syntheticEach {
		size := min(0.1*math.Exp(r.NormFloat64()), 0.5) // cores, as most containers are
		level, rough, slow := s.draw(r), 0.05+0.15*r.Float64(), 0.0
		series := waste.Series{Start: start, Step: slot}
		for i := range syntheticDays * slotsDaily {
			slow = 0.92*slow + math.Sqrt(1-0.92*0.92)*r.NormFloat64()
			use := size * level(float64(i)/float64(slotsDaily)) * math.Exp(rough*(slow+0.5*r.NormFloat64()))
			series.Max = append(series.Max, float32(use))
		}
		series = series.Since(at.Add(-time.Duration(before) * 24 * time.Hour))
		if h, ok := split(fmt.Sprintf("%s/%d", s.name, n), series, at); ok {
			all = append(all, h)
		}
	}
	return all
}

// compareSynthetic prints, for each shape, the slack at the share over that simple formulas have.
func compareSynthetic(out io.Writer, seed uint64) error {
	t := table{{"shape", "days before", "p99 x1.15: over", "slack", "floor's", "Autopilot's", "p95: over", "slack", "floor's", "Autopilot's", "Autopilot as shipped: over", "slack"}}
	row := func(name string, before int, histories []history) {
		cells := []string{name, fmt.Sprint(before)}
		floor, ours := floorCurve(histories), cpuCurve(histories)
		for _, f := range []func(h history) float64{
			func(h history) float64 { return margin * nearest(h.before, 0.99) },
			func(h history) float64 { return nearest(h.before, 0.95) },
		} {
			its := rate(histories, each(histories, f))
			cells = append(cells, percent(its.over), percent(its.slack))
			for _, c := range []curve{floor, ours} {
				cell := "-"
				if s, ok := c.at(its.over); ok {
					cell = percent(s.slack)
				}
				cells = append(cells, cell)
			}
		}
		shipped := rate(histories, cpuRequests(histories, waste.Balance))
		t.add(append(cells, percent(shipped.over), percent(shipped.slack))...)
	}
	const whole = syntheticDays - syntheticTried
	var all []history
	for _, s := range shapes {
		histories := synthetic(s, seed, whole)
		all = append(all, histories...)
		row(s.name, whole, histories)
	}
	row("all", whole, all)
	for _, before := range []int{3, 7, 10} {
		row("weekly cycle", before, synthetic(shapes[2], seed, before))
	}
	return t.print(out, fmt.Sprintf("CPU, %d synthetic series of each shape, %d days before and %d after", syntheticEach, whole, syntheticTried))
}
