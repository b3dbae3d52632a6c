package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/label"
	"github.com/eks-autopilot/autopilot/store"
)

// exported is what an export writes, and how many lines it has.
func (w *world) exported(want store.ExportWanted) (file string, lines int) {
	w.t.Helper()
	var b bytes.Buffer
	w.must(w.Export(w.t.Context(), want, func(k label.Kept) error {
		lines++
		return label.Write(&b, label.RecordOf(k, func(s string) string { return s }))
	}))
	return b.String(), lines
}

func TestExport(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	i := w.open(api)
	diagnosed := func(confidence float64) {
		w.pass(time.Minute)
		w.must(w.SaveDiagnosis(ctx, engine.Diagnosis{
			IncidentID: i.ID, At: w.now(), Causes: []engine.Cause{{Rule: "crash/dns", Title: "cannot resolve db", Confidence: confidence, Basis: engine.Prior}},
			Evidence: []engine.Evidence{{ID: "log/1", Kind: engine.EvidenceLog, Text: "no such host", Fields: map[string]string{"b": "2", "a": "1"}}},
		}))
	}
	diagnosed(0.6)
	w.pass(time.Second)
	w.must(w.decide("yes", engine.ActionVerdict, ada, i.ID))
	diagnosed(0.8)
	w.must(w.decide("done", engine.ActionResolve, grace, i.ID))
	w.pass(24 * time.Hour)

	file, _ := w.exported(store.ExportWanted{})
	var r label.Record
	for r0, err := range label.Read(bytes.NewBufferString(file)) {
		w.must(err)
		r = r0
	}
	equal(t, "head", fmt.Sprint(r.ID, r.Status, r.Workload, len(r.Signals), len(r.Evidence), r.Causes[0].Confidence), fmt.Sprint(i.ID, "resolved", "api", 1, 1, 0.8))
	equal(t, "answers", r.Answers, []label.Answer{{
		At: r.Answers[0].At, By: "U1", Rule: "crash/dns", Right: true, Confidence: new(0.6), Basis: engine.Prior, // as it was shown
	}})
	equal(t, "decisions", fmt.Sprintln(r.Decisions[0].Action, r.Decisions[1].Action, len(r.Decisions)), "verdict resolve 2\n")
	equal(t, "fixes", r.Fixes[0].By, "U2")

	// More than a page: each once, in order, and the same bytes again.
	for n := range 60 {
		of := api
		of.Name = fmt.Sprint("w", n)
		w.watch(of, w.signal(of, engine.ClassOOMKilled))
	}
	file, lines := w.exported(store.ExportWanted{})
	equal(t, "lines", lines, 61)
	next := int64(1)
	for r, err := range label.Read(bytes.NewBufferString(file)) {
		w.must(err)
		equal(t, "id", r.ID, next)
		next++
	}
	again, _ := w.exported(store.ExportWanted{})
	equal(t, "the same bytes", again == file, true)

	count := func(want store.ExportWanted) int { _, n := w.exported(want); return n }
	equal(t, "since", count(store.ExportWanted{Since: w.now().Add(-time.Hour)}), 60)
	equal(t, "until", count(store.ExportWanted{Until: w.now().Add(-time.Hour)}), 1)
	equal(t, "cluster", count(store.ExportWanted{Cluster: "dev"}), 0)
	broken := errors.New("the disk is full")
	if err := w.Export(ctx, store.ExportWanted{}, func(label.Kept) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("the writer's error is lost: %v", err)
	}
}
