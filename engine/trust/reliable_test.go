package trust_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/trust"
)

func TestReliable(t *testing.T) {
	got := trust.Reliable([]trust.Claim{
		{0.9, true}, {0.8, true}, {1, false}, {0.85, true}, {0.1, false}, {0.199, true}, {0.2, false}, {0, true}, {1.1, true}, {math.NaN(), true}, {-1, true},
	})
	want := []engine.Reliability{
		{Low: 0, High: 0.2, Said: 0.1495, Right: trust.Wilson(1, 2)},
		{Low: 0.2, High: 0.4, Said: 0.2, Right: trust.Wilson(0, 1)},
		{Low: 0.8, High: 1, Said: 0.8875, Right: trust.Wilson(3, 4)},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Error(diff)
	}
	if got := trust.Reliable(nil); got != nil {
		t.Errorf("of nothing: %+v", got)
	}
}

// Every claim with a confidence falls into exactly one bin, which its confidence is in.
func TestReliableProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var claims []trust.Claim
		right := 0
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			c := trust.Claim{Confidence: rapid.Float64Range(1e-6, 1).Draw(t, "confidence"), Right: rapid.Bool().Draw(t, "right")}
			claims = append(claims, c)
			if c.Right {
				right++
			}
		}
		of, hits, last := 0, 0, -1.0
		for _, b := range trust.Reliable(claims) {
			of += b.Right.Of
			hits += b.Right.Hits
			if b.Said < b.Low-1e-9 || b.Said > b.High+1e-9 || b.Low <= last {
				t.Fatalf("bin %+v after %v", b, last)
			}
			last = b.Low
		}
		if of != len(claims) || hits != right {
			t.Fatalf("%d of %d claims, %d of %d right", of, len(claims), hits, right)
		}
	})
}

func TestClaims(t *testing.T) {
	grade := func(g engine.Grade) engine.Experiment { return engine.Experiment{Grade: &g} }
	control := grade(engine.Grade{Counts: true, Detected: true, Cause: "a", Confidence: 0.5, Rank: 1})
	control.Expect.Nothing = true
	got := trust.OfExperiments([]engine.Experiment{
		{},
		grade(engine.Grade{Counts: true, Detected: true, Cause: "a", Confidence: 0.9, Rank: 1}), grade(engine.Grade{Counts: true, Detected: true, Cause: "b", Confidence: 0.6, Rank: 2}),
		grade(engine.Grade{Detected: true, Cause: "a", Confidence: 0.9, Rank: 1}), grade(engine.Grade{Counts: true, Cause: "a", Confidence: 0.9}), grade(engine.Grade{Counts: true, Detected: true}), control,
	})
	if want := []trust.Claim{{0.9, true}, {0.6, false}}; !cmp.Equal(want, got) {
		t.Errorf("of experiments: %+v, want %+v", got, want)
	}

	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	verdict := func(who, rule string, right bool, after time.Duration) engine.Verdict {
		return engine.Verdict{At: noon.Add(after), By: engine.Person{ID: who}, Rule: rule, Right: right}
	}
	i := engine.Incident{ID: 1, Diagnosis: engine.Diagnosis{Causes: []engine.Cause{{Rule: "a", Confidence: 0.8}, {Rule: "b", Confidence: 0.1}}}}
	i.Verdicts = []engine.Verdict{
		verdict("U1", "a", false, 2*time.Minute), verdict("U1", "a", true, time.Minute), // the later answer counts, wherever it stands
		verdict("U2", "a", true, 0), verdict("U2", "b", false, 0), verdict("U3", "gone", true, 0), verdict("U3", engine.RuleAlarm, true, 0), verdict("U3", "", true, 0),
	}
	if got, want := trust.OfPeople([]engine.Incident{i, {ID: 2}}), []trust.Claim{{0.8, false}, {0.8, true}, {0.1, false}}; !cmp.Equal(want, got) {
		t.Errorf("of people: %+v, want %+v", got, want)
	}
}
