package trust

import (
	"math"

	"github.com/eks-autopilot/autopilot/engine"
)

// z is the 97.5th percentile of the standard normal distribution: 95 of 100 intervals hold the true share.
const z = 1.959963984540054

// Wilson gives a share with its score interval (Wilson, J. Am. Stat. Assoc. 22, 1927). Of nothing, the interval is all of [0, 1]. Hits
// beyond of, or below 0, are cut to them.
func Wilson(hits, of int) engine.Share {
	if of <= 0 {
		return engine.Share{High: 1}
	}
	hits = min(max(hits, 0), of)
	n := float64(of)
	p := float64(hits) / n
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	s := engine.Share{Of: of, Hits: hits, Low: max(middle-half, 0), High: min(middle+half, 1)}
	// The ends are exact where all or nothing hit; floating point is not.
	if hits == 0 {
		s.Low = 0
	}
	if hits == of {
		s.High = 1
	}
	return s
}
