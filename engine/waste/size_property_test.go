package waste

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyUse draws a series of up to three weeks: levels by the day, noise, gaps, and now and then what cannot be.
func anyUse(t *rapid.T) Series {
	steps := rapid.IntRange(1, 24).Draw(t, "steps a day")
	days := rapid.IntRange(1, 21).Draw(t, "days")
	s := Series{Start: noon.Add(-time.Duration(days) * day), Step: day / time.Duration(steps)}
	odd := []float32{float32(math.NaN()), -1, float32(math.Inf(1)), 0, float32(math.Copysign(0, -1)), math.MaxFloat32}
	for range days {
		level := math.Exp(rapid.Float64Range(-5, 3).Draw(t, "level"))
		for range steps {
			v := float32(level * rapid.Float64Range(0.5, 1.5).Draw(t, "use"))
			if rapid.IntRange(0, 30).Draw(t, "odd") == 0 {
				v = rapid.SampledFrom(odd).Draw(t, "what")
			}
			s.Max = append(s.Max, v)
		}
	}
	return s
}

// TestSizesAreSane: whatever the history, a request is a number, follows from it alone, and keeps within its bounds.
func TestSizesAreSane(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyUse(t)
		cores, ok := SizeCPU(s, noon)
		again, _ := SizeCPU(s, noon)
		if cores != again {
			t.Fatalf("%v, and then %v", cores, again)
		}
		if ok != (s.Count() >= leastSamples) {
			t.Fatalf("ok is %v of %d samples", ok, s.Count())
		}
		if !ok {
			return
		}
		peak, least := s.Peak(), slices.Min(s.Known())
		if most := (1 + aboveAll) * math.Exp(fastest*middle) * 1.000001 * peak; math.IsNaN(cores) || cores < least || cores > most {
			t.Fatalf("%v cores, of uses from %v to %v", cores, least, peak)
		}
		limit := rapid.Int64Range(-1, 1000).Draw(t, "limit")
		bytes, _ := SizeMemory(s, nil, limit, noon)
		if math.IsNaN(bytes) || bytes < peak || bytes > peak*(1+leastMargin+Spread*limitPeaks)*(1+1e-9) {
			t.Fatalf("%v bytes, peak %v, limit %d", bytes, peak, limit)
		}
		if limit > 0 && bytes > max(peak, float64(limit)) {
			t.Fatalf("%v bytes are above the limit %d and the peak %v", bytes, limit, peak)
		}
	})
}

// TestMemoryNeverBelowAPeak of any day that is over, however old.
func TestMemoryNeverBelowAPeak(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyUse(t)
		var peaks []Peak
		highest := 0.0
		for range rapid.IntRange(0, 40).Draw(t, "peaks") {
			p := Peak{Day: noon.Add(-time.Duration(rapid.IntRange(2, 60).Draw(t, "days ago")) * day).Truncate(day), Memory: float32(rapid.Float64Range(0, 1e3).Draw(t, "peak"))}
			peaks, highest = append(peaks, p), max(highest, float64(p.Memory))
		}
		if bytes, ok := SizeMemory(s, peaks, rapid.Int64Range(0, 1000).Draw(t, "limit"), noon); ok && bytes < highest {
			t.Fatalf("%v bytes, but a peak was %v", bytes, highest)
		}
	})
}

// TestSizesScale: memory has no unit; of CPU a container that is larger is asked for more of, but never for a larger share of its own use.
func TestSizesScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyUse(t)
		for i, v := range s.Max { // levels are compared with 10 millicores, and float32 ends somewhere
			if usable(v) {
				s.Max[i] = min(max(v, 1), 1e6)
			}
		}
		by := rapid.IntRange(1, 10).Draw(t, "doublings")
		larger := s.cut(0, len(s.Max))
		larger.Max = make([]float32, len(s.Max))
		for i, v := range s.Max {
			larger.Max[i] = float32(math.Ldexp(float64(v), by))
		}
		small, ok := SizeMemory(s, nil, 1<<40, noon)
		large, _ := SizeMemory(larger, nil, 1<<40<<by, noon)
		if !ok {
			return
		}
		if math.Abs(large-math.Ldexp(small, by)) > 1e-6*large {
			t.Fatalf("%v bytes, and %v of 2^%d as much", small, large, by)
		}
		d, _ := CPUDemand(s, noon)
		grown := Demand{used: make([]float64, len(d.used)), above: d.above, drift: d.drift}
		for i, v := range d.used {
			grown.used[i] = math.Ldexp(v, by)
		}
		if a, b := math.Ldexp(d.Request(Balance), by), grown.Request(Balance); b > a*(1+1e-9) {
			t.Fatalf("%v cores for a container, and %v, more than 2^%d as many, for one as much larger", d.Request(Balance), b, by)
		}
	})
}

// TestDearerTimeAsksForMore: the more cores the time above costs, the more are asked for, and the less time is above.
func TestDearerTimeAsksForMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, ok := CPUDemand(anyUse(t), noon)
		if !ok {
			return
		}
		a := rapid.Float64Range(0.1, 100).Draw(t, "balance")
		b := a * rapid.Float64Range(1, 10).Draw(t, "times")
		if d.Request(b) < d.Request(a) {
			t.Fatalf("%v cores at %v, %v at %v", d.Request(a), a, d.Request(b), b)
		}
	})
}
