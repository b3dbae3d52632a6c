package rca

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Answer is what somebody said about a cause that was shown with a confidence; Confidence is NaN where that is not known.
type Answer struct {
	Rule       string
	Confidence float64
	Right      bool
}

// Calibration says how far the confidences that were shown can be believed, and what the answers would make of them.
type Calibration struct {
	Answers, Right int
	Known          int     // answers whose confidence is known: all below is of these
	Brier          float64 // mean squared error of the confidences shown; 0 is perfect, 0.25 is a coin
	Base           float64 // the same if the share of right answers were said of every cause
	Refit          float64 // the same if each rule's share of right answers were said, by all answers but the one that is judged
	Error          float64 // expected calibration error: how far said and found are apart, weighted by the counts
	Bins           []Bin   // of a tenth each, from 0 to 1
	Rules          []RuleFit
}

// Bin is the answers about causes that were said with a confidence in [From, To).
type Bin struct {
	From, To float64
	Count    int
	Said     float64 // mean confidence
	Found    float64 // share that was right
}

// RuleFit is what the answers say of one rule: the posterior of its share under a uniform prior, Beta(Right+1, Wrong+1).
type RuleFit struct {
	Rule      string
	Tally     Tally
	Prior     float64 // our stated belief; NaN for a rule of another version
	Mean      float64 // of the posterior
	Low, High float64 // between which the share is with 90 %
	Used      bool    // whether there are answers enough for the mean to be what is shown
}

// Calibrate compares what was said with what people answered. The order of the answers does not matter.
func Calibrate(answers []Answer) Calibration {
	c := Calibration{Answers: len(answers), Bins: make([]Bin, 10)}
	for k := range c.Bins {
		c.Bins[k].From, c.Bins[k].To = float64(k)/10, float64(k+1)/10
	}
	// A sum of floating-point numbers depends on their order.
	answers = slices.SortedFunc(slices.Values(answers), func(a, b Answer) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Confidence, b.Confidence), cmp.Compare(truth(a), truth(b)))
	})
	tallies := map[string]Tally{}
	right := 0.0 // of those whose confidence is known
	for _, a := range answers {
		t := tallies[a.Rule]
		if a.Right {
			c.Right++
			t.Right++
		} else {
			t.Wrong++
		}
		tallies[a.Rule] = t
		if stated(a) {
			c.Known++
			right += truth(a)
		}
	}
	for _, a := range answers {
		if stated(a) {
			c.judge(a, tallies[a.Rule])
		}
	}
	if n := float64(c.Known); c.Known > 0 {
		c.Brier, c.Refit, c.Base = c.Brier/n, c.Refit/n, right/n*(1-right/n)
		for k := range c.Bins {
			if b := &c.Bins[k]; b.Count > 0 {
				b.Said, b.Found = b.Said/float64(b.Count), b.Found/float64(b.Count)
				c.Error += math.Abs(b.Said-b.Found) * float64(b.Count) / n
			}
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(tallies)) {
		c.Rules = append(c.Rules, fit(rule, tallies[rule]))
	}
	slices.SortStableFunc(c.Rules, func(a, b RuleFit) int {
		return cmp.Compare(b.Tally.Right+b.Tally.Wrong, a.Tally.Right+a.Tally.Wrong)
	})
	return c
}

// judge adds up what one answer says: in its bin, of the confidence shown, and of the share by the other answers about the rule.
func (c *Calibration) judge(a Answer, others Tally) {
	b := &c.Bins[min(int(a.Confidence*10+1e-9), len(c.Bins)-1)]
	b.Count++
	b.Said += a.Confidence
	b.Found += truth(a)
	if a.Right {
		others.Right--
	} else {
		others.Wrong--
	}
	c.Brier += square(a.Confidence - truth(a))
	c.Refit += square(share(others) - truth(a))
}

func fit(rule string, t Tally) RuleFit {
	a, b := float64(t.Right+1), float64(t.Wrong+1)
	f := RuleFit{
		Rule: rule, Tally: t, Prior: math.NaN(), Mean: share(t), Low: betaQuantile(a, b, 0.05), High: betaQuantile(a, b, 0.95),
		Used: t.Right+t.Wrong >= EnoughVerdicts,
	}
	for _, r := range rules {
		if r.name == rule {
			f.Prior = r.prior
		}
	}
	return f
}

func stated(a Answer) bool { return a.Confidence >= 0 && a.Confidence <= 1 }

func truth(a Answer) float64 {
	if a.Right {
		return 1
	}
	return 0
}

func square(x float64) float64 { return x * x }

// betaQuantile gives the x below which a share with the density Beta(a, b) is with probability p.
func betaQuantile(a, b, p float64) float64 {
	low, high := 0.0, 1.0
	for range 60 {
		if mid := (low + high) / 2; betaShare(a, b, mid) < p {
			low = mid
		} else {
			high = mid
		}
	}
	return (low + high) / 2
}

// betaShare is the regularised incomplete beta function, by its continued fraction (Lentz's method; Numerical Recipes, 3rd ed., section 6.4).
func betaShare(a, b, x float64) float64 {
	if x <= 0 || x >= 1 {
		return min(max(x, 0), 1)
	}
	if x > (a+1)/(a+b+2) {
		return 1 - betaShare(b, a, 1-x)
	}
	ga, _ := math.Lgamma(a)
	gb, _ := math.Lgamma(b)
	gab, _ := math.Lgamma(a + b)
	front := math.Exp(gab-ga-gb+a*math.Log(x)+b*math.Log(1-x)) / a
	const tiny = 1e-300
	d := 1 - (a+b)*x/(a+1)
	if math.Abs(d) < tiny {
		d = tiny
	}
	c, d := 1.0, 1/d
	f := d
	for m := 1.0; m <= 300; m++ {
		for _, num := range []float64{
			m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m)),
			-(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1)),
		} {
			if d = 1 + num*d; math.Abs(d) < tiny {
				d = tiny
			}
			if c = 1 + num/c; math.Abs(c) < tiny {
				c = tiny
			}
			d = 1 / d
			f *= c * d
		}
		if math.Abs(c*d-1) < 1e-12 {
			break
		}
	}
	return front * f
}
