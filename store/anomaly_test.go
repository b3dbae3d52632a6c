package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

func seriesKept(w *world, n int, at time.Time) (all []anomaly.Kept) {
	for k := range n {
		of := api
		of.Name = fmt.Sprintf("api-%04d", k)
		all = append(all, anomaly.Kept{Key: anomaly.Key{Workload: of, Measure: engine.MeasureLatency}, At: at, State: []byte{byte(k), byte(k >> 8), 1}})
	}
	return all
}

func latency(at time.Time, value float64) []engine.Track {
	return []engine.Track{{
		Measure: engine.MeasureLatency, Points: []engine.Point{{At: at.Unix(), Value: value}}, High: 0.4, Score: 0.9, Since: at, Reason: "latency 3.1 s",
	}}
}

// TestSaveInstant keeps more series than one statement takes, newer ones in place of older, and what is strange until it is over.
func TestSaveInstant(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	save := func(kept []anomaly.Kept, strange ...anomaly.Strange) {
		t.Helper()
		w.must(w.SaveInstant(ctx, "prod", w.now(), kept, strange))
	}
	const n = 2100
	began := w.now()
	save(seriesKept(w, n, began))
	w.must(w.SaveInstant(ctx, "other", began, []anomaly.Kept{{Key: anomaly.Key{Workload: engine.Workload{Cluster: "other", Kind: "Deployment", Name: "x"}, Measure: engine.MeasureCPU}, At: began, State: []byte{9}}}, nil))
	old := seriesKept(w, 1, began.Add(-time.Hour))
	old[0].State = []byte("older")
	fresh := seriesKept(w, 2, began.Add(time.Hour))[1:]
	fresh[0].State = []byte("newer")
	save(slices.Concat(old, fresh))
	got, err := w.Series(ctx, "prod")
	w.must(err)
	slices.SortFunc(got, func(a, b anomaly.Kept) int { return a.At.Compare(b.At) })
	if len(got) != n || string(got[n-1].State) != "newer" || got[n-1].Key != fresh[0].Key {
		t.Fatalf("%d series, the newest %+v", len(got), got[len(got)-1])
	}
	for _, k := range got {
		if string(k.State) == "older" {
			t.Errorf("%+v is older than what was there", k.Key)
		}
	}

	of := func(value float64, told bool) anomaly.Strange {
		return anomaly.Strange{Workload: api, Since: began, Severity: engine.Warning, Told: told, Tracks: latency(began, value)}
	}
	save(nil, of(3, true))
	w.pass(5 * time.Minute)
	save(nil, of(4, false))
	equal(t, "one row while it goes on", w.sql(`SELECT told, until IS NULL, tracks -> 0 -> 'points' -> 0 ->> 'value' FROM anomaly`), "true true 4")
	w.pass(5 * time.Minute)
	save(nil)
	w.must(w.SaveInstant(ctx, "other", w.now(), nil, nil))
	equal(t, "over", w.sql(`SELECT count(*) FROM anomaly WHERE until IS NOT NULL`), "1")
	w.pass(time.Hour)
	again := of(5, true)
	again.Since = w.now()
	save(nil, again)
	list, err := w.Strange(ctx, api, began.Add(-time.Hour), w.now())
	w.must(err)
	if len(list) != 2 || !list[0].Since.After(list[1].Since) || list[0].Tracks[0].Points[0].Value != 5 {
		t.Errorf("%+v", list)
	}
	list, err = w.Strange(ctx, api, began.Add(20*time.Minute), began.Add(30*time.Minute))
	w.must(err)
	equal(t, "between the two", len(list), 0)
	list, err = w.Strange(ctx, node, began, w.now())
	w.must(err)
	equal(t, "of another", len(list), 0)

	w.pass(15 * 24 * time.Hour)
	w.must(w.Sweep(ctx))
	got, err = w.Series(ctx, "prod")
	w.must(err)
	equal(t, "series without values", len(got), 0)
	equal(t, "what was strange", w.sql(`SELECT count(*) FROM anomaly`), "2")
	w.pass(31 * 24 * time.Hour)
	w.must(w.Sweep(ctx))
	equal(t, "long ago", w.sql(`SELECT count(*) FROM anomaly`), "1") // the one that was never over
}

// TestUseless counts what people say of the metrics that an incident rests on.
func TestUseless(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	s := engine.Signal{
		Source: engine.SourceMetrics, ID: "metrics/api", Workload: api, Class: engine.ClassHighLatency, Severity: engine.Warning, StartsAt: w.now(), Summary: "slow",
		Tracks: append(latency(w.now(), 3), engine.Track{Measure: engine.MeasureErrors, Points: []engine.Point{}}),
	}
	w.must(w.Observe(ctx, engine.Observation{Source: engine.SourceMetrics, Workload: api, Signals: []engine.Signal{s}, Complete: true, At: w.now()}))
	say := func(id string, by engine.Person, right bool) {
		t.Helper()
		_, err := w.Decide(ctx, engine.Decision{ID: id, Action: engine.ActionVerdict, By: by, IncidentID: 1, At: w.now(), Allowed: true, Rule: engine.RuleAlarm, Right: right})
		w.must(err)
	}
	useless := func() map[anomaly.Key]int {
		t.Helper()
		all, err := w.Useless(ctx, "prod")
		w.must(err)
		return all
	}
	key := func(m engine.Measure) anomaly.Key { return anomaly.Key{Workload: api, Measure: m} }
	equal(t, "nobody", useless(), map[anomaly.Key]int{})
	say("1", ada, false)
	say("1", ada, false)
	say("2", grace, false)
	equal(t, "both", useless(), map[anomaly.Key]int{key(engine.MeasureLatency): 2, key(engine.MeasureErrors): 2})
	say("3", ada, true)
	equal(t, "one thinks better of it", useless(), map[anomaly.Key]int{key(engine.MeasureLatency): 0, key(engine.MeasureErrors): 0})
	audit, err := w.Audit(ctx, "incident/1", 10)
	w.must(err)
	if len(audit) != 3 || audit[0].Action != engine.ActionVerdict || audit[0].Subject != "incident/1" {
		t.Errorf("%+v", audit)
	}
	tracks := w.incident(1).Signals[0].Tracks
	equal(t, "tracks", tracks, s.Tracks)
}
