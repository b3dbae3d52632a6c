package anomaly

import (
	"math"
	"time"
)

const (
	warmUp = 100           // values before the first score: a record among few is none
	quiet  = 3 * time.Hour // after an alarm: what goes on is the same thing

	levelOf = 7  // values whose median is the level
	hourOf  = 13 // the same for the question of the hour, which is about longer things

	// The share of its past range by which something must be outside of it to score 0.5.
	marginValue  = 0.05
	marginLevel  = 0.1
	marginSpread = 0.4
	marginHour   = 0.5

	// A spread that never changed much is measured against this much of the logarithm: a third more, or a quarter less.
	leastSpread = 0.3

	// A series that hardly moves is measured against this share of its level instead of its range.
	stillShare = 0.02
)

// Feature is what was strange about a value.
type Feature string

// The features.
const (
	Value  Feature = "value"  // outside of all that there was
	Level  Feature = "level"  // the median of the last seven values is
	Hour   Feature = "hour"   // the median of the last thirteen is outside of all that this hour of the day had
	Spread Feature = "spread" // the values of about a day never spread so far, or so little
	Shape  Feature = "shape"  // the last 52 values are distributed as no 52 before them
)

// Score is how strange the newest value is. Value is in [0,1]: 0 is like something that was there before; 0.5 is outside of the past by
// the feature's margin (a twentieth of the range of values, a tenth of that of levels, …), 2/3 by twice the margin.
type Score struct {
	Value     float64
	Of        Feature // the strangest one; "" for 0
	Low, High float64 // between which that feature was until now; 0, 0 for Shape
	Up        bool    // it is above High, rather than below Low; false for Shape
}

// Detector watches one series. The zero value is ready. It is not safe for use by several goroutines at once.
type Detector struct {
	// Alarm is the score from which on it is quiet for three hours: what goes on, and gets worse, is the same thing. 0 means DefaultAlarm.
	Alarm float64

	n         uint32
	last      int64 // Unix seconds of the newest value
	quietTill int64

	recent  ring
	value   past
	level   past
	spread  past
	spreads spreads
	hours   hours
	shapes  shapes
}

// DefaultAlarm is the score that a person is told of, if nothing else is configured.
const DefaultAlarm = 0.3

// Add reads a value and says how strange it is. A value that is no number, or no newer than the one before, is left out and scores 0.
func (d *Detector) Add(at time.Time, v float64) Score {
	now := at.Unix()
	if math.IsNaN(v) || math.IsInf(v, 0) || (d.n > 0 && now <= d.last) {
		return Score{}
	}
	x := float32(min(max(v, -math.MaxFloat32/8), math.MaxFloat32/8))
	d.last = now
	d.n++
	best := strangest(d.look(now, x))
	if d.n <= warmUp {
		return Score{}
	}
	if best.Value > 0 && now < d.quietTill {
		return Score{}
	}
	alarm := d.Alarm
	if alarm == 0 {
		alarm = DefaultAlarm
	}
	if best.Value >= alarm {
		d.quietTill = now + int64(quiet/time.Second)
	}
	return best
}

// looks are the answers to the five questions, in the order in which they are asked.
type looks [5]Score

const (
	lookValue = iota
	lookLevel
	lookHour
	lookSpread
	lookShape
)

// strangest is the first of the highest scores.
func strangest(all looks) (best Score) {
	for _, s := range all {
		if s.Value > best.Value {
			best = s
		}
	}
	return best
}

// look asks the five questions.
func (d *Detector) look(now int64, x float32) (all looks) {
	ask := func(k int, s Score, of Feature) {
		if s.Value > 0 {
			s.Of = of
			all[k] = s
		}
	}
	d.recent.add(x)
	ask(lookValue, d.value.add(now, x, marginValue, 0, true), Value)
	lo, hi := d.value.bounds()
	if level, ok := d.recent.median(levelOf); ok {
		ask(lookLevel, d.level.add(now, level, marginLevel, 0, true), Level)
	}
	if level, ok := d.recent.median(hourOf); ok {
		ask(lookHour, d.hours.add(now, level, hi-lo), Hour)
	}
	if s, ok := d.spreads.add(x); ok && hi > lo {
		ask(lookSpread, d.spread.add(now, float32(math.Log(float64(s/(hi-lo))+1e-3)), marginSpread, leastSpread, false), Spread)
	}
	ask(lookShape, d.shapes.add(&d.recent, lo, hi), Shape)
	return all
}
