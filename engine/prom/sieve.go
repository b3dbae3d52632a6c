package prom

import (
	"errors"
	"math"
)

// sieve puts the samples of one series onto the times of a grid, as a query over the steps of that grid would find them:
//
//   - of a counter the newest sample of each step, and nothing where that one tells that the series ended (a staleness marker is a
//     NaN), as a selector finds it with the look-back of 5 minutes that Prometheus has;
//   - of a gauge the highest sample of each step, as max_over_time does.
//
// Both ends of a step belong to it, as they did for Prometheus before version 3, which leaves out the first. A second series that
// shares the row raises what is there, as it does in the answer to a query.
type sieve struct {
	grid    grid
	highest bool
	row     []float64 // nil passes over the series

	at    int64   // of the last sample, in milliseconds
	step  int64   // that it lies in
	end   int64   // of that step
	value float64 // the newest or the highest one of it
}

var errOrder = errors.New("samples are out of order")

// begin prepares for a series. The one before must have been ended.
func (s *sieve) begin(row []float64) {
	s.row, s.at, s.end = row, math.MinInt64, math.MinInt64
}

// take takes the next samples of the series.
func (s *sieve) take(times []int64, values []float64) error {
	last, end, best := s.at, s.end, s.value
	for i, at := range times {
		if at <= last {
			return errOrder
		}
		v := values[i]
		switch {
		case at > end:
			s.at, s.value = last, best
			s.turn(at)
			end, best = s.end, v
		case !s.highest || v > best || best != best:
			best = v
		}
		if s.highest && at == end {
			s.put(s.step+1, v)
		}
		last = at
	}
	s.at, s.value = last, best
	return nil
}

// turn ends a step and goes to that of a sample.
func (s *sieve) turn(at int64) {
	first, width := s.grid.first.UnixMilli(), max(s.grid.step.Milliseconds(), 1)
	next := (at - first) / width
	if (at-first)%width > 0 {
		next++
	}
	s.finish(next)
	s.step, s.end = next, first+next*width
}

// finish puts what the last step gave; next is the one that goes on.
func (s *sieve) finish(next int64) {
	if s.at == math.MinInt64 {
		return
	}
	s.put(s.step, s.value)
	if !s.highest && s.at == s.end && next > s.step+1 {
		s.put(s.step+1, s.value)
	}
}

// close ends the series.
func (s *sieve) close() {
	s.finish(math.MaxInt64)
	s.begin(nil)
}

func (s *sieve) put(step int64, value float64) {
	if step >= 0 && step < int64(len(s.row)) {
		put(s.row, int(step), value)
	}
}
