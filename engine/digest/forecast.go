package digest

import (
	"cmp"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	leastHistory = 21 // days, below which nothing is forecast
	stale        = 14 // days before the month, before which the newest must not be

	window  = 8 * 7 // days that a forecast looks back
	trained = 14    // known days that a replay needs behind it
	replays = 120   // at most, the newest

	// A trend goes on for a while: each day adds damping/1000 of what the day before added.
	damping = 950

	// fewErrors is how many errors of different days are few.
	fewErrors = 3

	// Nothing is forecast better than by 1 % of what is still to come.
	floorShare = 100
)

// history is what each day cost, from the first to the newest that is whole.
type history struct {
	first time.Time
	days  []past
	known int
}

// past is a day that is over. What is not known counts for nothing.
type past struct {
	amount engine.MicroUSD
	known  bool
}

// wish is a day to forecast. What has begun, because some of its bill is there, will not come to less.
type wish struct {
	day   time.Time
	begun bool
	least engine.MicroUSD
}

// told is a forecast of some days.
type told struct {
	mid, low, high engine.MicroUSD
	days           []engine.ForecastDay
	basis          int
}

// tell forecasts days. The middle goes on as the last weeks did, by medians, so that a day that was out of order says nothing. How far
// that may be wrong is how far it was wrong: the same is done for the past, from each of its days as far ahead, and the errors that
// came out give the interval. No errors are assumed to be of any shape. ok is false when too little is known.
func (h history) tell(want []wish) (t told, ok bool) {
	if h.known < leastHistory {
		return t, false
	}
	m := h.fit(len(h.days))
	t.basis = min(h.known, m.basis)
	if len(want) == 0 {
		return t, true
	}
	sumErrors, dayErrors, ahead := h.replay(len(want))
	dayLow, dayHigh := interval(dayErrors, ahead*ahead)
	for _, w := range want {
		mid := m.at(int(w.day.Sub(h.first) / oneDay))
		d := engine.ForecastDay{Day: w.day, Mid: mid, Low: mid + dayLow, High: mid + dayHigh}
		if w.begun {
			d.Mid, d.Low, d.High = max(d.Mid, w.least), max(d.Low, w.least), max(d.High, w.least)
		}
		t.days = append(t.days, d)
		t.mid += d.Mid
	}
	low, high := interval(sumErrors, ahead)
	floor := size(t.mid) / floorShare
	t.low, t.high = t.mid+min(low, -floor), t.mid+max(high, floor)
	return t, true
}

// replay forecasts the past: the next n days from each day that has enough behind it, and gives by how much the days came to more
// than was forecast, on the whole and each. Where the past is too short for n days, it is asked for fewer, and the errors grow with n:
// a level that is wrong is wrong on every day.
func (h history) replay(n int) (sums, days []engine.MicroUSD, ahead int) {
	ahead = max(1, min(n, (len(h.days)-trained)/2))
	last := len(h.days) - ahead
	behind := 0
	for end := range last + 1 {
		if end > 0 && h.days[end-1].known {
			behind++
		}
		if behind < trained || end <= last-replays {
			continue
		}
		m := h.fit(end)
		var sum engine.MicroUSD
		compared := 0
		for k := end; k < end+ahead; k++ {
			if h.days[k].known {
				wrong := h.days[k].amount - m.at(k)
				sum, compared = sum+wrong, compared+1
				days = append(days, wrong)
			}
		}
		if compared*2 > ahead {
			sums = append(sums, sum*engine.MicroUSD(n)/engine.MicroUSD(compared))
		}
	}
	return sums, days, ahead
}

// interval gives the bounds that 80 % of errors are within, each found over ahead days: a tenth is beyond on either side. Errors of
// days that overlap are not many errors. Where they are few, a side that has been spared so far is given what the other has had, and
// both a little more. Without errors both are 0.
func interval(errors []engine.MicroUSD, ahead int) (low, high engine.MicroUSD) {
	if len(errors) == 0 {
		return 0, 0
	}
	slices.Sort(errors)
	beyond := len(errors) / 10
	low, high = min(0, errors[beyond]), max(0, errors[len(errors)-1-beyond])
	apart := max(1, len(errors)/ahead)
	if apart < fewErrors {
		for k := range errors {
			errors[k] = size(errors[k])
		}
		slices.Sort(errors)
		either := errors[len(errors)-1-len(errors)/5]
		low, high = min(low, -either), max(high, either)
	}
	more := engine.MicroUSD(apart)
	return low + low/(2*more), high + high/(2*more)
}

// model is how a history goes on.
type model struct {
	h      history
	end    int // the first day that it does not know
	level  engine.MicroUSD
	slope  engine.MicroUSD // a week
	season [7]engine.MicroUSD
	basis  int
}

// fit makes a model of the days before end.
func (h history) fit(end int) model {
	m := model{h: h, end: end}
	from := max(0, end-window)
	var by [7][]engine.MicroUSD
	for k := from; k < end; k++ {
		if !h.days[k].known {
			continue
		}
		m.basis++
		if around, n := m.median(k-3, k+4, from, false); n >= 4 {
			by[k%7] = append(by[k%7], h.days[k].amount-around)
		}
	}
	for k, list := range by {
		if len(list) > 1 {
			m.season[k] = median(list)
		}
	}
	var weeks []engine.MicroUSD // the newest first
	for to := end; to > from && len(weeks) < 4; to -= 7 {
		if level, n := m.median(to-7, to, from, true); n >= 4 {
			weeks = append(weeks, level)
		}
	}
	m.level, _ = m.median(end-2*7, end, from, true)
	if len(weeks) > 0 {
		m.level = weeks[0]
	}
	if len(weeks) == 4 {
		// A step changes one of the three differences, or two by a part of it: it is no trend.
		m.slope = median([]engine.MicroUSD{weeks[0] - weeks[1], weeks[1] - weeks[2], weeks[2] - weeks[3]})
	}
	return m
}

// median is that of the known days from one to before another, without their season or with it.
func (m *model) median(from, to, least int, flat bool) (middle engine.MicroUSD, n int) {
	var room [window]engine.MicroUSD // a forecast asks for thousands of medians
	list := room[:0]
	for k := max(from, least); k < min(to, m.end); k++ {
		if !m.h.days[k].known {
			continue
		}
		amount := m.h.days[k].amount
		if flat {
			amount -= m.season[k%7]
		}
		list = append(list, amount)
	}
	return median(list), len(list)
}

// at gives a day of the future, or one of the past that is not known.
func (m *model) at(k int) engine.MicroUSD {
	season := m.season[((k%7)+7)%7]
	if k < m.end {
		if level, n := m.median(k-7, k+8, 0, true); n > 0 {
			return level + season
		}
		return m.level + season
	}
	// The level is that of the middle of the last week, three days before its end.
	days, step := engine.MicroUSD(3*1000), engine.MicroUSD(1000)
	for range k - m.end + 1 {
		step = step * damping / 1000
		days += step
	}
	return m.level + m.slope*days/7000 + season
}

// median gives the middle of a list, which it sorts; 0 for none.
func median[T cmp.Ordered](list []T) (middle T) {
	if len(list) == 0 {
		return middle
	}
	slices.Sort(list)
	return list[(len(list)-1)/2]
}
