package trust_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/trust"
)

// The published values are method 3, the score interval without continuity correction, of table I in Newcombe, "Two-sided confidence
// intervals for the single proportion", Statistics in Medicine 17 (1998).
func TestWilsonPublished(t *testing.T) {
	for _, c := range []struct {
		hits, of  int
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662},
		{15, 148, 0.0624, 0.1605},
		{0, 20, 0, 0.1611},
		{1, 29, 0.0061, 0.1718},
	} {
		got := trust.Wilson(c.hits, c.of)
		if got.Hits != c.hits || got.Of != c.of || math.Abs(got.Low-c.low) > 0.00005 || math.Abs(got.High-c.high) > 0.00005 {
			t.Errorf("Wilson(%d, %d) = %+v, want %v to %v", c.hits, c.of, got, c.low, c.high)
		}
	}
}

func TestWilsonEdges(t *testing.T) {
	for _, c := range []struct {
		hits, of int
		want     engine.Share
	}{
		{0, 0, engine.Share{High: 1}},
		{3, 0, engine.Share{High: 1}},
		{3, -1, engine.Share{High: 1}},
	} {
		if got := trust.Wilson(c.hits, c.of); got != c.want {
			t.Errorf("Wilson(%d, %d) = %+v, want %+v", c.hits, c.of, got, c.want)
		}
	}
	if got := trust.Wilson(9, 4); got.Hits != 4 || got.High != 1 {
		t.Errorf("Wilson(9, 4) = %+v", got)
	}
	if got := trust.Wilson(-2, 4); got.Hits != 0 || got.Low != 0 {
		t.Errorf("Wilson(-2, 4) = %+v", got)
	}
}

// The ends are where the observed share is z standard errors away: that is what the interval is. It is symmetric, holds the share, grows
// with the hits, and narrows with the tries.
func TestWilsonProperties(t *testing.T) {
	const z = 1.959963984540054
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.IntRange(1, 5000).Draw(t, "of")
		hits := rapid.IntRange(0, of).Draw(t, "hits")
		s := trust.Wilson(hits, of)
		if s.Low < 0 || s.High > 1 || s.Low > s.Value() || s.High < s.Value() || s.Low >= s.High {
			t.Fatalf("%+v does not hold %v", s, s.Value())
		}
		for _, end := range []float64{s.Low, s.High} {
			away := math.Abs(s.Value() - end)
			if want := z * math.Sqrt(end*(1-end)/float64(of)); end > 0 && end < 1 && math.Abs(away-want) > 1e-9 {
				t.Fatalf("%+v: the share is %v away from %v, which is not z standard errors (%v)", s, away, end, want)
			}
		}
		if m := trust.Wilson(of-hits, of); math.Abs(m.Low-(1-s.High)) > 1e-12 || math.Abs(m.High-(1-s.Low)) > 1e-12 {
			t.Fatalf("%+v and %+v are not mirrored", s, m)
		}
		if more := trust.Wilson(hits+1, of); hits < of && (more.Low <= s.Low || more.High <= s.High && s.High < 1) {
			t.Fatalf("one hit more: %+v after %+v", more, s)
		}
		if wide := trust.Wilson(4*hits, 4*of); wide.High-wide.Low >= s.High-s.Low {
			t.Fatalf("four times as many tries: %+v after %+v", wide, s)
		}
	})
}
