package trust

import (
	"math"

	"github.com/eks-autopilot/autopilot/engine"
)

// Claim is a cause that was said with a confidence, and whether it was right.
type Claim struct {
	Confidence float64
	Right      bool
}

// bins is how many a reliability table has: each is a fifth of the confidences wide.
const bins = 5

// Reliable sorts claims by confidence into bins, lowest first, without those that nothing falls into: a bot whose confidences are honest is
// right as often as it says. A confidence outside of 0 to 1, or none, is left out.
func Reliable(claims []Claim) []engine.Reliability {
	var sum [bins]float64
	var hits, of [bins]int
	for _, c := range claims {
		if math.IsNaN(c.Confidence) || c.Confidence <= 0 || c.Confidence > 1 {
			continue
		}
		k := min(int(c.Confidence*bins), bins-1)
		of[k]++
		sum[k] += c.Confidence
		if c.Right {
			hits[k]++
		}
	}
	var table []engine.Reliability
	for k := range bins {
		if of[k] > 0 {
			table = append(table, engine.Reliability{
				Low: float64(k) / bins, High: float64(k+1) / bins, Said: sum[k] / float64(of[k]), Right: Wilson(hits[k], of[k]),
			})
		}
	}
	return table
}

// OfExperiments gives the claims that experiments judge: the cause that was ranked first in each that was noticed.
func OfExperiments(experiments []engine.Experiment) []Claim {
	var claims []Claim
	for _, e := range experiments {
		if g := e.Grade; g != nil && g.Counts && !e.Expect.Nothing && g.Detected && g.Cause != "" {
			claims = append(claims, Claim{Confidence: g.Confidence, Right: g.Rank == 1})
		}
	}
	return claims
}

// OfPeople gives the claims that people judged. A person who answered twice counts once, with the last word; a verdict on a cause that the
// incident's diagnosis no longer lists says nothing of a confidence.
func OfPeople(incidents []engine.Incident) []Claim {
	type vote struct {
		incident     int64
		person, rule string
	}
	last := map[vote]engine.Verdict{}
	var order []vote
	confidence := map[vote]float64{}
	for _, i := range incidents {
		for _, v := range i.Verdicts {
			if v.Rule == "" || v.Rule == engine.RuleAlarm {
				continue
			}
			c, ok := i.Diagnosis.Cause(v.Rule)
			if !ok {
				continue
			}
			k := vote{i.ID, v.By.ID, v.Rule}
			was, voted := last[k]
			if !voted {
				order = append(order, k)
			}
			if !voted || !v.At.Before(was.At) {
				last[k], confidence[k] = v, c.Confidence
			}
		}
	}
	claims := make([]Claim, 0, len(order))
	for _, k := range order {
		claims = append(claims, Claim{Confidence: confidence[k], Right: last[k].Right})
	}
	return claims
}
