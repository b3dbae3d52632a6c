package waste

import (
	"math"
	"slices"
	"time"
)

const day = 24 * time.Hour

// Until gives the part of the series before a time: the steps that have ended by then.
func (s Series) Until(t time.Time) Series { return s.cut(0, s.index(t)) }

// Since gives the part of the series from a time on: the steps that had not ended by then.
func (s Series) Since(t time.Time) Series { return s.cut(s.index(t), len(s.Max)) }

// index is the number of steps that have ended by a time, at most all.
func (s Series) index(t time.Time) int {
	if s.Step <= 0 || !t.After(s.Start) {
		return 0
	}
	return int(min(int64(t.Sub(s.Start)/s.Step), int64(len(s.Max))))
}

// cut gives the steps from one index to another; Pods may be shorter than Max.
func (s Series) cut(from, to int) Series {
	return Series{
		Start: s.Start.Add(time.Duration(from) * s.Step),
		Step:  s.Step,
		Max:   part(s.Max, from, to),
		Pods:  part(s.Pods, from, to),
	}
}

func part[T any](values []T, from, to int) []T {
	return values[min(from, len(values)):min(to, len(values))]
}

// End is when the last step ends.
func (s Series) End() time.Time { return s.Start.Add(time.Duration(len(s.Max)) * s.Step) }

// Known gives the values of the pod that used the most, without the steps in which nothing is known. What cannot be a use (negative,
// infinite) counts as not known.
func (s Series) Known() []float64 {
	known := make([]float64, 0, len(s.Max))
	for _, v := range s.Max {
		if usable(v) {
			known = append(known, float64(v))
		}
	}
	return known
}

func usable(v float32) bool { return v >= 0 && !math.IsInf(float64(v), 1) }

// Count is the number of steps in which something is known.
func (s Series) Count() int {
	n := 0
	for _, v := range s.Max {
		if usable(v) {
			n++
		}
	}
	return n
}

// Days is how much history is known, in days: gaps do not count.
func (s Series) Days() float64 { return (time.Duration(s.Count()) * max(s.Step, 0)).Hours() / 24 }

// Peak is the highest value, or 0 when nothing is known.
func (s Series) Peak() float64 {
	peak := float32(0)
	for _, v := range s.Max {
		if usable(v) {
			peak = max(peak, v)
		}
	}
	return float64(peak)
}

// Quantile is the smallest known value that at least the share q of them do not exceed (nearest rank), or 0 when nothing is known.
func (s Series) Quantile(q float64) float64 {
	known := s.Known()
	slices.Sort(known)
	return rank(known, q)
}

// rank is the quantile of sorted values.
func rank(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(max(int(math.Ceil(q*float64(len(sorted))))-1, 0), len(sorted)-1)]
}

// Over is the share of known values above a bound, or 0 when nothing is known.
func (s Series) Over(bound float64) float64 {
	over, n := 0, 0
	for _, v := range s.Max {
		if !usable(v) {
			continue
		}
		n++
		if float64(v) > bound {
			over++
		}
	}
	if n == 0 {
		return 0
	}
	return float64(over) / float64(n)
}

// Replicas is the mean number of pods over the steps that had any, or 0 when there were none.
func (s Series) Replicas() float64 {
	sum, n := 0, 0
	for _, p := range s.Pods {
		if p > 0 {
			sum, n = sum+int(p), n+1
		}
	}
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n)
}
