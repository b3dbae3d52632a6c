package waste

import (
	"math"
	"slices"
	"time"
)

const (
	still       = 0.01 // cores: levels below it are all alike
	usual       = 0.3  // unrest of a container of which nothing is known: what three days of its own weigh as much as
	usualDays   = 3
	shiftRatio  = 1.5 // at least, of any day after a change of level to any day before it, or the other way round
	shiftUp     = 3   // days known before and after a rise: fewer come about by chance
	shiftDown   = 7   // days known since a fall: a week, so that no holiday counts
	weeklyPairs = 5   // pairs of days, whole weeks apart, that show what a week does; growth is when all but one of them rise
	fastest     = math.Ln2 / 7
)

// daily is what was used in 24 hours.
type daily struct {
	age   int       // whole days between their end and the time that they are counted back from
	used  []float32 // as the series has it: what is not usable among it says nothing
	peak  float32
	level float64 // logarithm of the mean
}

// days cuts the series into days of 24 hours that end at a time, oldest first. Days of which nothing is known are left out.
func (s Series) days(at time.Time) []daily {
	var days []daily
	for age, end := 0, s.index(at); end > 0; age++ {
		from := s.index(at.Add(-time.Duration(age+1) * day))
		d := daily{age: age, used: s.Max[from:end]}
		sum, n := 0.0, 0
		for _, v := range d.used {
			if usable(v) {
				d.peak, sum, n = max(d.peak, v), sum+float64(v), n+1
			}
		}
		if n > 0 {
			d.level = math.Log(sum/float64(n) + still)
			days = append(days, d)
		}
		end = from
	}
	slices.Reverse(days)
	return days
}

// lastShift is the index of the first day after the last lasting change of level, or 0. The day of the change itself may be anywhere
// between the two. A rise that has just come is there to be met whatever was before it, and need not be known as one.
func lastShift(days []daily) int {
	low, high := make([]float64, len(days)), make([]float64, len(days)) // of the days before each
	for i := range days {
		if i == 0 {
			low[i], high[i] = math.Inf(1), math.Inf(-1)
			continue
		}
		low[i], high[i] = min(low[i-1], days[i-1].level), max(high[i-1], days[i-1].level)
	}
	apart, least, most := math.Log(shiftRatio), math.Inf(1), math.Inf(-1)
	for i := len(days) - 1; i > 0; i-- {
		least, most = min(least, days[i].level), max(most, days[i].level)
		after := len(days) - i
		rose := func(before int) bool { return min(after, before) >= shiftUp && least > high[before]+apart }
		fell := func(before int) bool { return before > 0 && after >= shiftDown && most < low[before]-apart }
		between := days[i-1].level
		if rose(i) || fell(i) || rose(i-1) && between < least || fell(i-1) && between > most {
			return i
		}
	}
	return 0
}

// growth is by how much the logarithm of the level rises a day, of the rates from week to week. It is 0 when the level did not rise all
// along, and at most a doubling each week.
func growth(rates []float64) float64 {
	fell := 0
	for _, rate := range rates {
		if rate <= 0 {
			fell++
		}
	}
	if len(rates) < weeklyPairs || fell > 1 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(rates))
	return min(max(rank(sorted, 0.5), 0), fastest)
}

// weekly is by how much the level rose a day, of each pair of days that are whole weeks apart: a Monday tells nothing of a Sunday.
func weekly(days []daily) []float64 {
	var rates []float64
	for i, d := range days {
		for _, before := range days[:i] {
			if apart := before.age - d.age; apart%7 == 0 {
				rates = append(rates, (d.level-before.level)/float64(apart))
			}
		}
	}
	return rates
}

// unrest is how far the level rises from one day to the next beyond what it always does, as a standard deviation; where enough weeks are
// known, from one week to the next, so that a Monday is no surprise. A fall does no harm, and does not count. Of few days it is drawn to
// what is usual.
func unrest(days []daily, rates []float64, rise float64) float64 {
	sum, n := usualDays*usual*usual, float64(usualDays)
	see := func(step float64) {
		up := max(step, 0)
		sum, n = sum+2*up*up, n+1 // twice, for the half that fell
	}
	if len(rates) >= weeklyPairs {
		for _, rate := range rates {
			see((rate - rise) * 7)
		}
	} else {
		for i := 1; i < len(days); i++ {
			see(days[i].level - days[i-1].level - rise)
		}
	}
	return math.Sqrt(sum / n)
}
