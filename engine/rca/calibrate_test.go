package rca_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine/rca"
)

// said gives answers about a rule that were all shown with one confidence.
func said(rule string, confidence float64, right, wrong int) []rca.Answer {
	var out []rca.Answer
	for n := range right + wrong {
		out = append(out, rca.Answer{Rule: rule, Confidence: confidence, Right: n < right})
	}
	return out
}

func TestCalibrate(t *testing.T) {
	answers := append(said("oom/limit", 0.9, 27, 3), said("crash/dns", 0.35, 1, 3)...)
	answers = append(answers, rca.Answer{Rule: "of another version", Confidence: math.NaN(), Right: true})
	c := rca.Calibrate(answers)
	near := cmpopts.EquateApprox(0, 1e-9)
	// By hand: (27·0.01 + 3·0.81 + 1·0.4225 + 3·0.1225) / 34.
	want := map[string]float64{"brier": (27*0.01 + 3*0.81 + 0.65*0.65 + 3*0.35*0.35) / 34, "base": 28.0 / 34 * 6 / 34, "error": (30*0 + 4*0.10) / 34}
	// One answer less: 26 of 29 for those that were right, 27 of 29 for the others; 0 of 3 and 1 of 3.
	want["refit"] = (27*(1-27.0/31)*(1-27.0/31) + 3*(28.0/31)*(28.0/31) + (1-1.0/5)*(1-1.0/5) + 3*(2.0/5)*(2.0/5)) / 34
	got := map[string]float64{"brier": c.Brier, "base": c.Base, "error": c.Error, "refit": c.Refit}
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
	if c.Answers != 35 || c.Right != 29 || c.Known != 34 {
		t.Errorf("%d answers, %d right, %d known", c.Answers, c.Right, c.Known)
	}
	if diff := cmp.Diff(rca.Bin{From: 0.9, To: 1, Count: 30, Said: 0.9, Found: 0.9}, c.Bins[9], near); diff != "" {
		t.Errorf("the last bin (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(rca.Bin{From: 0.3, To: 0.4, Count: 4, Said: 0.35, Found: 0.25}, c.Bins[3], near); diff != "" {
		t.Errorf("the fourth bin (-want +got):\n%s", diff)
	}
	// The quantiles of Beta(28, 4) and Beta(2, 4), by adding up the density in steps of 1/200,000.
	first, second, third := c.Rules[0], c.Rules[1], c.Rules[2]
	loose := cmpopts.EquateApprox(0, 5e-4)
	if diff := cmp.Diff([]float64{0.7685, 0.9547}, []float64{first.Low, first.High}, loose); diff != "" || !first.Used || first.Rule != "oom/limit" {
		t.Errorf("%+v (-want +got):\n%s", first, diff)
	}
	if diff := cmp.Diff([]float64{0.0764, 0.6574}, []float64{second.Low, second.High}, loose); diff != "" || second.Used || second.Prior != 0.82 {
		t.Errorf("%+v (-want +got):\n%s", second, diff)
	}
	if !math.IsNaN(third.Prior) || third.Tally != (rca.Tally{Right: 1}) {
		t.Errorf("a rule that is not known: %+v", third)
	}
}

func TestCalibrateNothing(t *testing.T) {
	c := rca.Calibrate(nil)
	if c.Answers != 0 || c.Brier != 0 || c.Base != 0 || len(c.Bins) != 10 || len(c.Rules) != 0 {
		t.Errorf("of nothing: %+v", c)
	}
}

// TestCalibrateAny looks at what must hold of any answers: the order does not matter, counts add up, the scores lie between 0 and 1, and
// the interval holds the mean.
func TestCalibrateAny(t *testing.T) {
	answer := rapid.Custom(func(t *rapid.T) rca.Answer {
		a := rca.Answer{
			Rule: rapid.SampledFrom([]string{"oom/limit", "crash/dns", "x"}).Draw(t, "rule"), Confidence: rapid.Float64Range(0, 1).Draw(t, "confidence"),
			Right: rapid.Bool().Draw(t, "right"),
		}
		if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
			a.Confidence = math.NaN()
		}
		return a
	})
	rapid.Check(t, func(t *rapid.T) {
		answers := rapid.SliceOfN(answer, 1, 60).Draw(t, "answers")
		c := rca.Calibrate(answers)
		again := rca.Calibrate(rapid.Permutation(answers).Draw(t, "order"))
		if diff := cmp.Diff(c, again, cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("another order gives:\n%s", diff)
		}
		count := 0
		for _, b := range c.Bins {
			count += b.Count
			if b.Count > 0 && (b.Said < b.From-1e-9 || b.Said > b.To+1e-9 || b.Found < 0 || b.Found > 1) {
				t.Fatalf("bin %+v", b)
			}
		}
		if count != c.Known || c.Known > c.Answers {
			t.Fatalf("%d in bins, %d known, %d answers", count, c.Known, c.Answers)
		}
		for _, x := range []float64{c.Brier, c.Base, c.Refit, c.Error} {
			if !(x >= 0 && x <= 1) {
				t.Fatalf("scores %+v", c)
			}
		}
		sum := 0
		for _, r := range c.Rules {
			sum += r.Tally.Right + r.Tally.Wrong
			if !(r.Low >= 0 && r.Low < r.Mean && r.Mean < r.High && r.High <= 1) {
				t.Fatalf("rule %+v", r)
			}
		}
		if sum != c.Answers {
			t.Fatalf("%d answers of rules, %d in all", sum, c.Answers)
		}
	})
}
