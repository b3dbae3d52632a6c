package store_test

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestNarrative keeps a model's paragraph beside the diagnosis that it is of, once, and never of another.
func TestNarrative(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	s := engine.Signal{
		Source: engine.SourceMetrics, ID: "metrics/api", Workload: api, Class: engine.ClassHighLatency, Severity: engine.Warning, StartsAt: w.now(), Summary: "slow",
	}
	w.must(w.Observe(ctx, engine.Observation{Source: engine.SourceMetrics, Workload: api, Signals: []engine.Signal{s}, Complete: true, At: w.now()}))
	at := w.now().Add(time.Second + 7*time.Nanosecond)
	diagnosis := func(at time.Time, rule string) engine.Diagnosis {
		return engine.Diagnosis{
			IncidentID: 1, At: at, Causes: []engine.Cause{{Rule: rule, Title: rule, Confidence: 0.5, Basis: engine.Prior, For: []string{"end"}}},
			Evidence: []engine.Evidence{{ID: "end", Text: "it was killed"}},
		}
	}
	paragraph := func(text string) engine.Narrative {
		return engine.Narrative{Model: "m", Sentences: []engine.Sentence{{Text: text, Evidence: []string{"end"}}}}
	}
	w.must(w.SaveDiagnosis(ctx, diagnosis(at, "oom")))
	w.must(w.SaveNarrative(ctx, 1, at.Add(-time.Minute), paragraph("of another")))
	if n := w.incident(1).Diagnosis.Narrative; n != nil {
		t.Errorf("of another diagnosis: %+v", n)
	}
	before := w.incident(1).Version
	w.must(w.SaveNarrative(ctx, 1, at, paragraph("It was killed.")))
	w.must(w.SaveNarrative(ctx, 1, at, paragraph("Something else.")))
	want := paragraph("It was killed.")
	equal(t, "narrative", w.incident(1).Diagnosis.Narrative, &want)
	if v := w.incident(1).Version; v != before+1 {
		t.Errorf("version %d after %d: the thread is drawn anew once", v, before)
	}
	w.must(w.SaveDiagnosis(ctx, diagnosis(at.Add(time.Minute), "leak")))
	if n := w.incident(1).Diagnosis.Narrative; n != nil {
		t.Errorf("what was said of the diagnosis before: %+v", n)
	}
	if err := w.SaveNarrative(ctx, 99, at, paragraph("x")); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("of no incident: %v", err)
	}
}
