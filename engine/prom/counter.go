package prom

import "math"

// rates turns the values of a counter, a step apart, into its mean rate over each step: out[i] is that between values[i] and
// values[i+1]. As both ends are read and not a window between them, the sum of the rates is exactly what the counter grew by.
//
//   - A counter that fell began again at zero: its value is what it grew by, at least.
//   - A step of which an end is missing is not known. Nothing is spread over a gap, for a mean over hours is no use of minutes.
//   - A rate that is negative, infinite or above most is no use of CPU at all: it is dropped and counted.
func rates(values []float64, seconds, most float64, out []float32) (dropped int) {
	for i := range out {
		before, after := values[i], values[i+1]
		out[i] = unknown
		if math.IsNaN(before) || math.IsNaN(after) {
			continue
		}
		grew := after - before
		if grew < 0 {
			grew = after
		}
		rate := grew / seconds
		if before < 0 || !(rate >= 0 && rate <= most) {
			dropped++
			continue
		}
		out[i] = float32(rate)
	}
	return dropped
}

// growth is by how much a counter grew over its known values, over gaps and resets.
func growth(values []float64) float64 {
	sum, before := 0.0, math.NaN()
	for _, v := range values {
		if math.IsNaN(v) || v < 0 || math.IsInf(v, 0) {
			continue
		}
		switch {
		case v >= before:
			sum += v - before
		case v < before:
			sum += v
		}
		before = v
	}
	return sum
}

// gauge copies the values of a gauge that can be: not negative and not above most. The others are dropped and counted.
func gauge(values []float64, most float64, out []float32) (dropped int) {
	for i, v := range values {
		out[i] = unknown
		switch {
		case math.IsNaN(v):
		case v >= 0 && v <= most:
			out[i] = float32(v)
		default:
			dropped++
		}
	}
	return dropped
}

var unknown = float32(math.NaN())
