package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Pattern is how traffic goes up and down around its mean rate.
type Pattern string

// The patterns.
const (
	Steady Pattern = "steady" // the same all the time
	Day    Pattern = "day"    // a quiet night and a busy noon in each period
	Burst  Pattern = "burst"  // a tenth of each period has five times the traffic of the rest
)

var patterns = []Pattern{Steady, Day, Burst}

// swing is how far a day goes from its mean, at noon and at midnight.
const swing = 0.8

// Schedule says when requests are due: it begins at midnight, or with a burst, and never waits for an answer.
type Schedule struct {
	Pattern Pattern
	Rate    float64 // requests a second, in the mean
	Period  time.Duration
}

func (s Schedule) check() error {
	if !(s.Rate > 0 && s.Rate <= 100_000) {
		return fmt.Errorf("rate %v: want above 0 and up to 100000 requests a second", s.Rate)
	}
	if !slices.Contains(patterns, s.Pattern) {
		return fmt.Errorf("pattern %q: want one of %v", s.Pattern, patterns)
	}
	if s.Period <= 0 {
		return fmt.Errorf("period %s: want above 0s", s.Period)
	}
	return nil
}

// at is the rate at a time after the start.
func (s Schedule) at(after time.Duration) float64 {
	phase := float64(after%s.Period) / float64(s.Period)
	switch s.Pattern {
	case Day:
		return s.Rate * (1 - swing*math.Cos(2*math.Pi*phase))
	case Burst:
		if phase < 0.1 {
			return s.Rate * 5 / 1.4
		}
		return s.Rate / 1.4
	case Steady:
	}
	return s.Rate
}

// peak is the highest rate.
func (s Schedule) peak() float64 {
	switch s.Pattern {
	case Day:
		return s.Rate * (1 + swing)
	case Burst:
		return s.Rate * 5 / 1.4
	case Steady:
	}
	return s.Rate
}

// next is when the request after one at a time is due. Requests come at random, as those of people who do not know each
// other: candidates at the highest rate are thinned to that of their moment.
func (s Schedule) next(after time.Duration, rng *rand.Rand) time.Duration {
	for {
		after += time.Duration(rng.ExpFloat64() / s.peak() * float64(time.Second))
		if rng.Float64()*s.peak() < s.at(after) {
			return after
		}
	}
}
