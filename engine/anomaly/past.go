package anomaly

import "math"

const (
	blocks   = 8
	blockFor = 28 * 24 * 3600 // seconds: 32 weeks are remembered, four of them are forgotten at a time
)

// past is between which values something was, in the last 32 weeks.
type past struct {
	block   int64 // number of the current four weeks, since 1970
	lo, hi  [blocks]float32
	some    [blocks]bool
	started bool
}

// add says how far x is outside of the past, and makes it a part of it. level tells that x is an amount, so that a small change of a
// series that never moves is small.
func (p *past) add(now int64, x float32, margin, least float64, level bool) Score {
	lo, hi := p.bounds()
	known := p.started
	p.put(now, x)
	if !known {
		return Score{}
	}
	return beyond(x, lo, hi, margin, least, level)
}

// beyond scores x against bounds, which are taken to be at least so far apart.
func beyond(x, lo, hi float32, margin, least float64, level bool) Score {
	out := max(float64(x)-float64(hi), float64(lo)-float64(x))
	if out <= 0 {
		return Score{}
	}
	width := max(float64(hi)-float64(lo), least)
	if level {
		width = max(width, stillShare*max(math.Abs(float64(hi)), math.Abs(float64(lo))))
	}
	s := Score{Value: 1, Low: float64(lo), High: float64(hi), Up: x > hi}
	if width > 0 {
		share := out / width
		s.Value = share / (share + margin)
	}
	return s
}

func (p *past) put(now int64, x float32) {
	block := now / blockFor
	if !p.started {
		p.block, p.started = block, true
	}
	if gone := min(block-p.block, blocks); gone > 0 {
		for k := range gone {
			p.some[(p.block+1+k)%blocks] = false
		}
		p.block = block
	}
	k := p.block % blocks
	if !p.some[k] {
		p.lo[k], p.hi[k], p.some[k] = x, x, true
		return
	}
	p.lo[k], p.hi[k] = min(p.lo[k], x), max(p.hi[k], x)
}

// bounds are 0, 0 before the first value.
func (p *past) bounds() (lo, hi float32) {
	first := true
	for k := range blocks {
		switch {
		case !p.some[k]:
		case first:
			lo, hi, first = p.lo[k], p.hi[k], false
		default:
			lo, hi = min(lo, p.lo[k]), max(hi, p.hi[k])
		}
	}
	return lo, hi
}
