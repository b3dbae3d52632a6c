package waste

import (
	"math"
	"time"
)

const (
	// leastSamples is what a request is proposed from at the least. Rules.MinDays, the user's, asks for more.
	leastSamples = 10
	// Balance is how many cores cost as much as being above the request all the time: a core is kept for a container that needs
	// it for more than a thirtieth of the time. It is the same for all, so that the next core goes where it helps the most.
	Balance = 30
	// Spread is the share of its limit that is kept above the peak of a container whose peaks went up and down by all of it.
	Spread = 0.4
)

// SizeCPU gives the cores that a pod should ask for, from what was known by a time. It is false when too little is known.
func SizeCPU(s Series, at time.Time) (cores float64, ok bool) {
	d, ok := CPUDemand(s, at)
	return d.Request(Balance), ok
}

// SizeMemory gives the bytes that a pod should ask for, from what was known by a time: never less than the highest use that is
// known, by the series or by the peaks of the days before it. The limit is the container's, 0 for none; what it asks for is not
// put above it unless it was used. It is false when too little is known.
func SizeMemory(s Series, peaks []Peak, limit int64, at time.Time) (bytes float64, ok bool) {
	h, ok := MemoryHeadroom(s, peaks, limit, at)
	return h.Request(Spread), ok
}

// Headroom is what decides how far above its peak a container's memory may go.
type Headroom struct {
	Peak  float64 // bytes: the highest use that is known
	Swing float64 // how far the peaks of parts of the history are from each other, as a share of the highest
	Limit float64 // bytes: what a jump is measured by
}

const (
	swingParts  = 8    // parts of the history, each with its peak: fewer hide what happens once a day, more see noise
	leastMargin = 0.04 // above the peak, of the peak, however calm it was
	limitPeaks  = 10   // a limit higher than so many peaks says nothing of the container
	noLimit     = 2    // peaks that stand for the limit of a container that has none
)

// MemoryHeadroom looks at a history up to a time. A container that was calm all along stays near its peak; one that went up and
// down may jump, and a jump is as high as the container's limit lets it be, not as its peak is. It is false when too little is known.
func MemoryHeadroom(s Series, peaks []Peak, limit int64, at time.Time) (Headroom, bool) {
	past := s.Until(at)
	if past.Count() < leastSamples {
		return Headroom{}, false
	}
	least, most := math.Inf(1), 0.0
	see := func(peak float64) { least, most = min(least, peak), max(most, peak) }
	for n := range swingParts {
		part := past.cut(n*len(past.Max)/swingParts, (n+1)*len(past.Max)/swingParts)
		if part.Count() > 0 {
			see(part.Peak())
		}
	}
	for _, p := range peaks {
		if !p.Day.Add(day).After(at) && usable(p.Memory) { // a day that is over: the series has the rest
			see(float64(p.Memory))
		}
	}
	h := Headroom{Peak: most, Limit: min(float64(limit), limitPeaks*most)}
	if limit <= 0 {
		h.Limit = noLimit * most
	}
	if most > 0 {
		h.Swing = (most - least) / most
	}
	return h, true
}

// Request gives the bytes to ask for when the share spread of the limit is kept above a peak that swung by all of itself. It is at
// least the peak, and not above the limit unless the peak is.
func (h Headroom) Request(spread float64) float64 {
	bytes := h.Peak*(1+leastMargin) + spread*h.Swing*h.Limit
	return max(h.Peak, min(bytes, h.Limit))
}
