package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

func (w *world) vitals() store.Vitals {
	w.t.Helper()
	v, err := w.Vitals(w.t.Context())
	w.must(err)
	return v
}

func TestVitalsOfAnEmptyDatabase(t *testing.T) {
	w := newWorld(t)
	equal(t, "vitals", w.vitals(), store.Vitals{Delays: []store.Delay{}, Clusters: []store.ClusterVitals{}, Findings: []store.FindingSum{}, Saved: []store.SavedSum{}})
}

// TestDelays follows two incidents, of which one has its card and one its cause.
func TestDelays(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	mild := w.signal(node, engine.ClassNodePressure)
	w.watch(node, mild)
	w.sql(`UPDATE incidents SET started_at = detected_at - CASE id WHEN 1 THEN interval '4 s' ELSE interval '8 s' END`)
	w.sql(`UPDATE messages SET ts = (SELECT extract(epoch FROM detected_at + interval '2 s')::numeric(16, 6)::text FROM incidents WHERE id = 1) WHERE key = 'incident/1/card'`)
	w.sql(`INSERT INTO diagnoses (incident_id, at, causes, evidence, gaps) SELECT id, detected_at + n * interval '3 s', '[]', '[]', '[]' FROM incidents, generate_series(1, 2) n WHERE id = 2`)
	v := w.vitals()
	equal(t, "detected", v.Detected, 2)
	for k := range v.Delays {
		v.Delays[k].Median, v.Delays[k].P95 = v.Delays[k].Median.Round(time.Millisecond), v.Delays[k].P95.Round(time.Millisecond)
	}
	equal(t, "delays", v.Delays, []store.Delay{
		{Step: "card", Count: 1, Median: 2 * time.Second, P95: 2 * time.Second},
		{Step: "cause", Count: 1, Median: 3 * time.Second, P95: 3 * time.Second},
		{Step: "incident", Count: 2, Median: 6 * time.Second, P95: 7800 * time.Millisecond},
	})
	w.pass(2 * time.Hour)
	v = w.vitals()
	equal(t, "two hours later", len(v.Delays)+v.Detected, 0)
}

func TestClusterVitals(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"prod", "lost"} {
		_, err := w.WatchCluster(t.Context(), name, "r", time.Hour)
		w.must(err)
	}
	w.must(w.ClusterStatus(t.Context(), "prod", w.now(), ""))
	w.must(w.ClusterStatus(t.Context(), "lost", time.Time{}, "no way there"))
	w.must(w.SawWatchdog(t.Context(), "prod", w.now()))
	w.pass(time.Minute)
	equal(t, "clusters", w.vitals().Clusters, []store.ClusterVitals{
		{Name: "lost", Synced: store.Unknown, Watchdog: store.Unknown},
		{Name: "prod", Watched: true, Synced: time.Minute, Watchdog: time.Minute},
	})
	w.sql(`UPDATE cluster_lease SET until = now() - interval '1 s' WHERE cluster = 'prod'`)
	if w.vitals().Clusters[1].Watched {
		t.Error("a lease that is over still counts")
	}
}

// TestScanVitals has a scan go well, one of a part, and one fail.
func TestScanVitals(t *testing.T) {
	w := newSavers(t)
	begun := w.begin("", "")
	w.pass(30 * time.Second)
	looked := begun
	looked.Cost = engine.ScanCost{Queries: 7, Samples: 1000}
	w.report(waste.Report{Scan: looked, Outcome: waste.Outcome{Findings: []engine.Finding{sizing("api", 40), sizing("web", 2)}}})
	good := w.vitals().Scan
	if !good.Good.Equal(begun.Started) || good.Took != 30*time.Second || good.Failed || good.Cost.Queries != 7 || good.Cost.Samples != 1000 {
		t.Errorf("after a scan that went well: %+v, begun %s", good, begun.Started)
	}
	equal(t, "findings", w.vitals().Findings, []store.FindingSum{{Kind: "over_requested_cpu", Cluster: "prod", Count: 2, Monthly: 42 * engine.USD}})
	w.pass(time.Hour)
	w.report(waste.Report{Scan: w.begin("prod", "")})
	equal(t, "a part says nothing", w.vitals().Scan, good)
	w.sql(`INSERT INTO scan (trigger, requested_at, started_at, finished_at, problem) SELECT 'schedule', now(), $1::timestamptz, $1::timestamptz + interval '5 s', 'no Prometheus'`, w.now())
	failed := w.vitals().Scan
	if !failed.Good.Equal(good.Good) || !failed.Failed || failed.Took != 5*time.Second {
		t.Errorf("after one that failed: %+v", failed)
	}
}

func TestSavedVitals(t *testing.T) {
	w := newSavers(t)
	w.scan(priced("api", 40), priced("web", 30))
	for n, name := range []string{"api", "web"} {
		w.append(approvedOf(w.one(name), int64(n+1)))
	}
	f := w.one("api")
	entry := func(kind engine.EntryKind) engine.LedgerEntry {
		return engine.LedgerEntry{Chain: engine.LedgerChain(f.ID, 0), Kind: kind, Proposal: 1, Amount: f.Monthly, By: ada, Ref: "pr"}
	}
	w.append(entry(engine.EntryImplemented))
	verified := entry(engine.EntryVerified)
	verified.Low, verified.High = engine.USD, engine.USD
	verified.Day, verified.Amount = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), engine.USD
	w.append(verified)
	equal(t, "saved", w.vitals().Saved, []store.SavedSum{
		{Type: "over_requested_cpu", Cluster: "prod", Step: "approved", Amount: 70 * engine.USD},
		{Type: "over_requested_cpu", Cluster: "prod", Step: "implemented", Amount: 40 * engine.USD},
		{Type: "over_requested_cpu", Cluster: "prod", Step: "verified", Amount: engine.USD},
	})
	back := entry(engine.EntryReversed)
	back.Amount = 0
	w.append(back)
	equal(t, "after it was taken back", len(w.vitals().Saved), 2)
}

func TestExperimentVitals(t *testing.T) {
	w := newWorld(t)
	e := w.running("shop")
	w.wish("late", ada, kill("payments"))
	w.pass(30 * time.Second)
	v := w.vitals().Experiments
	equal(t, "while all is well", v, store.ExperimentVitals{Waiting: store.Waiting{Count: 1, Age: 30 * time.Second}})
	alone, err := w.ExperimentVitals(t.Context())
	w.must(err)
	equal(t, "asked for alone", alone, v)
	w.sql(`UPDATE experiments SET leased_until = now() - interval '2 minutes' WHERE id = $1`, e.ID)
	equal(t, "nobody holds it", w.vitals().Experiments.Stranded, 1)

	w.sql(`UPDATE experiments SET next_at = $1 WHERE status = 'asked'`, w.now().Add(time.Hour)) // out of the way
	e = w.lease("second", e.ID)
	e.Blows, e.Ending = []engine.Blow{{Began: w.now(), Clean: false}}, engine.EndedByDeath
	_, err = w.EndExperiment(t.Context(), e, "second")
	w.must(err)
	equal(t, "over, and it was not seen that nothing is left", w.vitals().Experiments.Stranded, 1)
	w.sql(`UPDATE experiments SET body = jsonb_set(body, '{blows,0,clean}', 'true') WHERE id = $1`, e.ID)
	equal(t, "seen clean", w.vitals().Experiments.Stranded, 0)
}

func TestStatementsAreTimed(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]int{}
	w := &world{t: t, url: storetest.URL(t)}
	st := storetest.Open(t, w.url, store.Options{Asked: func(outcome string, took time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if took <= 0 {
			t.Errorf("%s took %s", outcome, took)
		}
		seen[outcome]++
	}})
	if _, err := st.Vitals(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.sql(`DROP TABLE ledger CASCADE`)
	if _, err := st.Vitals(t.Context()); err == nil {
		t.Error("a table that is gone was read")
	}
	mu.Lock()
	defer mu.Unlock()
	if seen["ok"] < 8 || seen["42P01"] != 1 || len(seen) != 2 {
		t.Errorf("outcomes %v, want all statements ok but the one that asks for a table that is gone", seen)
	}
}
