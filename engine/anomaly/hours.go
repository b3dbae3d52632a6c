package anomaly

const (
	hoursOfDay = 24
	weekOfDays = 7              // that an hour must have been seen on before it is judged
	halfLife   = 28 * 24 * 3600 // of what is remembered of the hours: the older half is dropped this often
)

// hours is between which levels each hour of the day (UTC) was on earlier days.
type hours struct {
	day   int64 // of the newest value
	since int64 // when the newer half began
	today [hoursOfDay]extent
	newer [hoursOfDay]extent
	older [hoursOfDay]extent
	days  [hoursOfDay]uint8 // on which each hour was seen, at most 255
}

type extent struct {
	lo, hi float32
	some   bool
}

func (e *extent) put(o extent) {
	switch {
	case !o.some:
	case !e.some:
		*e = o
	default:
		e.lo, e.hi = min(e.lo, o.lo), max(e.hi, o.hi)
	}
}

// add says how far a level is outside of all that its hour, and the hours beside it, had on earlier days, as a share of width.
func (h *hours) add(now int64, x, width float32) Score {
	day, hour := now/86400, int(now%86400/3600)
	if day != h.day {
		h.turn(now, day)
	}
	var s Score
	var seen extent
	enough := true
	for _, k := range []int{(hour + hoursOfDay - 1) % hoursOfDay, hour, (hour + 1) % hoursOfDay} {
		seen.put(h.newer[k])
		seen.put(h.older[k])
		enough = enough && h.days[k] >= weekOfDays
	}
	if enough && seen.some && width > 0 {
		if out := max(x-seen.hi, seen.lo-x); out > 0 {
			share := float64(out) / float64(width)
			s = Score{Value: share / (share + marginHour), Low: float64(seen.lo), High: float64(seen.hi), Up: x > seen.hi}
		}
	}
	h.today[hour].put(extent{x, x, true})
	return s
}

// turn makes what was today a part of the past.
func (h *hours) turn(now, day int64) {
	if h.since == 0 {
		h.since = now
	}
	if now-h.since > halfLife {
		h.older, h.newer, h.since = h.newer, [hoursOfDay]extent{}, now
	}
	for k, e := range h.today {
		if e.some {
			h.newer[k].put(e)
			h.days[k] = min(h.days[k], 254) + 1
		}
	}
	h.today, h.day = [hoursOfDay]extent{}, day
}
