package anomaly

import "math"

const (
	parts  = 12
	partOf = 24 // values: twelve such parts are a day of values five minutes apart
)

// spreads is the standard deviation of about the last day of values, kept as that of twelve parts of it.
type spreads struct {
	at   uint8 // the part that is being filled
	full uint8 // how many parts are full
	part [parts]moments
}

// moments are those of some values; Welford's, for they do not cancel.
type moments struct {
	n    uint16
	mean float32
	m2   float32 // sum of the squares of the differences from the mean
}

func (m *moments) add(x float32) {
	m.n++
	d := x - m.mean
	m.mean += d / float32(m.n)
	m.m2 += d * (x - m.mean)
}

// add gives the standard deviation with x; ok is false before the first day is full.
func (s *spreads) add(x float32) (sd float32, ok bool) {
	if s.part[s.at].n == partOf {
		s.at = (s.at + 1) % parts
		s.part[s.at] = moments{}
		s.full = min(s.full+1, parts-1)
	}
	s.part[s.at].add(x)
	if s.full < parts-1 {
		return 0, false
	}
	var n, mean, m2 float64 // Chan's way of putting parts together
	for _, p := range s.part {
		if p.n == 0 {
			continue
		}
		k, d := float64(p.n), float64(p.mean)-mean
		m2 += float64(p.m2) + d*d*n*k/(n+k)
		mean += d * k / (n + k)
		n += k
	}
	return float32(math.Sqrt(m2 / n)), true
}
