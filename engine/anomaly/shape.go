package anomaly

import "math"

const (
	bins    = 5
	known   = 16 // distributions that are remembered
	strange = 60 // of 2·n·KL: chi-squared with four degrees of freedom is above 13.3 once in a hundred windows, but windows overlap
	faint   = 1e-3
)

// shapes are the distributions that windows of values had: histograms over the range of all values. It is the multinomial test of
// relative entropy of Wang and others, "Statistical techniques for online anomaly detection in data centers" (2011).
type shapes struct {
	lo, hi float32
	n      uint8
	seen   [known]shape
}

type shape struct {
	times uint16
	share [bins]float32
	log   [bins]float64 // of share, since each window is compared with all
}

func (s *shape) set(share [bins]float32) {
	s.share = share
	for b, p := range share {
		s.log[b] = math.Log(max(float64(p), faint))
	}
}

// xlogx[k] is k/window · ln(k/window).
var xlogx = func() (t [window + 1]float64) {
	for k := 1; k <= window; k++ {
		p := float64(k) / window
		t[k] = p * math.Log(p)
	}
	return t
}()

// add says how unlike all that it knows the newest window is, and remembers it.
func (s *shapes) add(r *ring, lo, hi float32) Score {
	if lo != s.lo || hi != s.hi {
		s.widen(lo, hi)
	}
	if r.n < window || hi <= lo {
		return Score{}
	}
	var counts [bins]uint8
	scale := bins / (float64(hi) - float64(lo))
	for _, v := range r.vals {
		counts[min(max(int((float64(v)-float64(lo))*scale), 0), bins-1)]++
	}
	nearest, at := math.Inf(1), -1
	for k := range s.n {
		var kl float64
		for b, c := range counts {
			if c > 0 {
				kl += xlogx[c] - float64(c)/window*s.seen[k].log[b]
			}
		}
		if kl < nearest {
			nearest, at = kl, int(k)
		}
	}
	if at >= 0 && 2*window*nearest < strange {
		s.seen[at].times = min(s.seen[at].times, math.MaxUint16-1) + 1
		return Score{}
	}
	s.remember(counts)
	if at < 0 {
		return Score{}
	}
	x := 2 * window * nearest / strange
	return Score{Value: x / (x + 1)}
}

// remember adds a distribution, in place of the one that was seen least when there is no room.
func (s *shapes) remember(counts [bins]uint8) {
	k := int(s.n)
	if k == known {
		k = 0
		for j := range s.seen {
			if s.seen[j].times < s.seen[k].times {
				k = j
			}
		}
	} else {
		s.n++
	}
	var share [bins]float32
	for b, c := range counts {
		share[b] = float32(c) / window
	}
	s.seen[k].times = 1
	s.seen[k].set(share)
}

// widen says what the distributions are over another range: each bin's share is spread evenly over the bins that it falls in.
func (s *shapes) widen(lo, hi float32) {
	from, width, wide := float64(s.lo), float64(s.hi)-float64(s.lo), float64(hi)-float64(lo)
	s.lo, s.hi = lo, hi
	if width <= 0 || wide <= 0 {
		s.n = 0
		return
	}
	for k := range s.n {
		old := s.seen[k].share
		var share [bins]float32
		for b, p := range old {
			a, z := from+width*float64(b)/bins, from+width*float64(b+1)/bins
			for c := range share {
				left, right := float64(lo)+wide*float64(c)/bins, float64(lo)+wide*float64(c+1)/bins
				if overlap := min(z, right) - max(a, left); overlap > 0 {
					share[c] += p * float32(overlap/(z-a))
				}
			}
		}
		s.seen[k].set(share)
	}
}
