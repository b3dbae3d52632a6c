package waste

import (
	"time"
)

// leastDays is the history without which no request is proposed. Rules.MinDays is the user's, and higher.
const leastDays = 0.25

// SizeCPU gives the cores that a pod should ask for, from what was known by a time. It is false when too little is known.
func SizeCPU(s Series, at time.Time) (cores float64, ok bool) {
	past := s.Until(at)
	if past.Days() < leastDays {
		return 0, false
	}
	return past.Quantile(0.99) * 1.15, true
}

// SizeMemory gives the bytes that a pod should ask for, from what was known by a time: never less than the highest use that is
// known, by the series or by the peaks of the days before it. The limit is the container's, 0 for none; what it asks for is not
// put above it unless it was used. It is false when too little is known.
func SizeMemory(s Series, peaks []Peak, limit int64, at time.Time) (bytes float64, ok bool) {
	past := s.Until(at)
	if past.Days() < leastDays {
		return 0, false
	}
	peak := past.Peak()
	for _, p := range peaks {
		if p.Day.Before(at) && usable(p.Memory) {
			peak = max(peak, float64(p.Memory))
		}
	}
	bytes = peak * 1.15
	if limit > 0 {
		bytes = max(min(bytes, float64(limit)), peak)
	}
	return bytes, true
}
