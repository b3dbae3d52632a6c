package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// seriesStore keeps in memory what the store would.
type seriesStore struct {
	mu       sync.Mutex
	series   map[anomaly.Key]anomaly.Kept
	strange  []anomaly.Strange
	observed []engine.Observation
	held     map[engine.Workload]bool
	fail     error
	useless  map[anomaly.Key]int
	astray   []string // ids of trails of observations that are not those of their workloads
}

func newSeriesStore() *seriesStore {
	return &seriesStore{series: map[anomaly.Key]anomaly.Kept{}, held: map[engine.Workload]bool{}}
}

func (s *seriesStore) Series(context.Context, string) (all []anomaly.Kept, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.series {
		all = append(all, k)
	}
	return all, s.fail
}

func (s *seriesStore) SaveInstant(_ context.Context, _ string, _ time.Time, kept []anomaly.Kept, strange []anomaly.Strange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail == nil {
		for _, k := range kept {
			s.series[k.Key] = k
		}
		s.strange = strange
	}
	return s.fail
}

func (s *seriesStore) Useless(context.Context, string) (map[anomaly.Key]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.useless, s.fail
}

func (s *seriesStore) Watching(_ context.Context, _ string, source engine.Source) (all []engine.Workload, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.held {
		all = append(all, w)
	}
	if source != engine.SourceMetrics {
		return nil, fmt.Errorf("asked for %s", source)
	}
	return all, s.fail
}

func (s *seriesStore) Observe(ctx context.Context, o engine.Observation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := engine.ID(ctx); id != o.Workload.Fingerprint() {
		s.astray = append(s.astray, id)
	}
	if s.fail != nil {
		return s.fail
	}
	s.observed = append(s.observed, o)
	if len(o.Signals) > 0 {
		s.held[o.Workload] = true
	} else {
		delete(s.held, o.Workload)
	}
	return nil
}

func (s *seriesStore) breaks(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// take gives what was observed since the last time, as "name: class" or "name: over".
func (s *seriesStore) take(t *testing.T) (all []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.observed {
		if !o.Complete || o.Source != engine.SourceMetrics || o.At.IsZero() {
			t.Errorf("%+v", o)
		}
		what := "over"
		for _, sig := range o.Signals {
			what = string(sig.Class)
		}
		all = append(all, o.Workload.Name+": "+what)
	}
	s.observed = nil
	if len(s.astray) > 0 {
		t.Errorf("observations with the ids %q, which are not their workloads'", s.astray)
	}
	return all
}

// metrics is a cluster of three workloads whose latency is what a test says.
type metrics struct {
	mu      sync.Mutex
	asked   []time.Time
	latency map[string]float64 // in place of what is usual
	fail    error
	gaps    []engine.Gap
	takes   time.Duration
}

func (m *metrics) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func (m *metrics) measure(ctx context.Context, at time.Time) (anomaly.Instant, []engine.Gap, error) {
	m.mu.Lock()
	takes := m.takes
	m.asked = append(m.asked, at)
	m.mu.Unlock()
	if !pause(ctx, takes) {
		return anomaly.Instant{}, nil, engine.Wrap(engine.Unavailable, ctx.Err(), "it took too long")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return anomaly.Instant{}, nil, m.fail
	}
	i := anomaly.Instant{Workloads: map[engine.Workload]anomaly.About{}, Values: map[engine.Workload]anomaly.Values{}}
	for _, name := range []string{"a", "b", "c"} {
		w := engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: name}
		v := 0.2 + 0.1*float64(at.Hour()%12)/12 + 0.01*float64(at.Minute()%7)
		if own, ok := m.latency[name]; ok {
			v = own
		}
		i.Workloads[w], i.Values[w] = anomaly.About{Wanted: 1}, anomaly.Values{engine.MeasureLatency: v}
	}
	return i, m.gaps, nil
}

// watchMetrics runs a watch within a synctest until the test ends or stop is called.
func watchMetrics(t *testing.T, st *seriesStore, m *metrics) (watch *MetricsWatch, stop func()) {
	watch = &MetricsWatch{
		Cluster: "prod", Rules: anomaly.Rules{Interval: 5 * time.Minute}, Store: st, Measure: m.measure, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { watch.Run(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return watch, stop
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// TestMetricsWatch has a workload become slow and well again.
func TestMetricsWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, m := newSeriesStore(), &metrics{}
		watch, _ := watchMetrics(t, st, m)
		after(8*24*time.Hour + time.Minute)
		if got := st.take(t); len(got) > 0 {
			t.Fatalf("in a quiet week: %v", got)
		}
		for n, at := range m.asked {
			if want := m.asked[0].Add(time.Duration(n) * 5 * time.Minute); !at.Equal(want) {
				t.Fatalf("instant %d is at %s, want %s", n, at, want)
			}
		}
		if n := len(m.asked); n < 8*288 || n > 8*288+1 || len(st.series) != 3 {
			t.Fatalf("%d instants, %d series kept", n, len(st.series))
		}
		m.set(func() { m.latency = map[string]float64{"b": 5} })
		after(5 * time.Minute)
		if got := fmt.Sprint(st.take(t)); got != "[b: high_latency]" {
			t.Fatal(got)
		}
		if len(st.strange) != 1 || !st.strange[0].Told {
			t.Errorf("%+v", st.strange)
		}
		after(50 * time.Minute)
		if got := st.take(t); len(got) != 3 {
			t.Errorf("within 50 minutes it is told anew %d times: %v", len(got), got)
		}
		m.set(func() { m.latency = nil })
		after(15 * time.Minute)
		if got := st.take(t); !slices.Contains(got, "b: over") || slices.Index(got, "b: over") != len(got)-1 || len(st.strange) > 0 {
			t.Errorf("at the end: %v, %+v", got, st.strange)
		}
		after(time.Hour)
		if got := st.take(t); len(got) > 0 || watch.Problem() != "" {
			t.Errorf("afterwards: %v, %q", got, watch.Problem())
		}
	})
}

// TestMetricsAway takes Prometheus away while something is strange: nothing ends by that, and the gap is told once it is one.
func TestMetricsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, m := newSeriesStore(), &metrics{}
		watch, _ := watchMetrics(t, st, m)
		after(8 * 24 * time.Hour)
		m.set(func() { m.latency = map[string]float64{"b": 5} })
		after(6 * time.Minute)
		if got := fmt.Sprint(st.take(t)); got != "[b: high_latency]" {
			t.Fatal(got)
		}
		m.set(func() { m.fail = engine.Errorf(engine.Unavailable, "Prometheus does not answer") })
		after(5 * time.Minute)
		if p := watch.Problem(); p != "" {
			t.Errorf("after one instant: %q", p)
		}
		after(12 * time.Hour)
		if p := watch.Problem(); !strings.HasPrefix(p, "metrics are not watched since 2000-01-") || !strings.HasSuffix(p, "Prometheus does not answer") {
			t.Errorf("%q", p)
		}
		if got := st.take(t); len(got) > 0 || !st.held[engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: "b"}] {
			t.Errorf("while it is away: %v", got)
		}
		m.set(func() { m.fail, m.latency = nil, nil })
		after(16 * time.Minute)
		if got := fmt.Sprint(st.take(t)); !strings.HasSuffix(got, "b: over]") || watch.Problem() != "" {
			t.Errorf("when it is back: %s, %q", got, watch.Problem())
		}
		m.set(func() { m.takes = 12 * time.Minute })
		n := len(m.asked)
		after(time.Hour)
		if took := len(m.asked) - n; took < 11 || took > 13 || watch.Problem() == "" { // each is cut off within its interval
			t.Errorf("%d questions in an hour that each take longer than an interval; %q", took, watch.Problem())
		}
	})
}

// TestMetricsStoreAway has the store refuse, and the bot restart.
func TestMetricsStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st, m := newSeriesStore(), &metrics{}
		away := engine.Errorf(engine.Unavailable, "the database does not answer")
		st.fail = away
		_, stop := watchMetrics(t, st, m)
		after(time.Minute)
		st.breaks(nil)
		after(8 * 24 * time.Hour)
		if n := len(m.asked); n < 8*288 || n > 8*288+1 {
			t.Fatalf("%d instants", n)
		}
		m.set(func() { m.latency = map[string]float64{"b": 5} })
		st.breaks(away)
		after(6 * time.Minute)
		st.breaks(nil)
		if got := st.take(t); len(got) > 0 {
			t.Fatal(got)
		}
		after(retrySignal)
		if got := fmt.Sprint(st.take(t)); got != "[b: high_latency]" {
			t.Fatalf("when the store is back: %s", got)
		}
		after(time.Hour)
		stop()
		m.set(func() { m.latency = map[string]float64{"c": 5} })
		st.take(t)
		after(3 * time.Hour)
		watchMetrics(t, st, m)
		after(21 * time.Minute)
		got := st.take(t)
		if !slices.Contains(got, "b: over") || !slices.Contains(got, "c: high_latency") {
			t.Errorf("after a restart: %v", got)
		}
	})
}

// TestStrangeEvidence has what was strange speak in a diagnosis.
func TestStrangeEvidence(t *testing.T) {
	w := engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: "b"}
	at := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	track := func(m engine.Measure, v float64, reason string) engine.Track {
		return engine.Track{Measure: m, Points: []engine.Point{{At: at.Unix(), Value: v}}, Low: 1, High: 2, Since: at, Reason: reason}
	}
	e := StrangeEvidence{Now: func() time.Time { return at }, Strange: func(_ context.Context, of engine.Workload, from, to time.Time) ([]anomaly.Strange, error) {
		if of != w || !from.Equal(at.Add(-3*time.Hour)) || !to.Equal(at) {
			t.Errorf("asked of %s from %s to %s", of, from, to)
		}
		return []anomaly.Strange{
			{Tracks: []engine.Track{track(engine.MeasureLatency, 3, "latency 3 s"), track(engine.MeasureRequests, 0.5, "few requests")}},
			{Tracks: []engine.Track{track(engine.MeasureLatency, 9, "earlier"), {Measure: engine.MeasureCPU}}},
		}, nil
	}}
	got, err := e.Collect(t.Context(), engine.Incident{Workload: w, StartedAt: at.Add(-time.Hour)})
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got[0].Text != "latency 3 s" || got[0].Fields["measure"] != "latency" || got[0].Fields["now"] != "3 s" || got[0].Fields["usual"] != "2 s" || got[0].Kind != engine.EvidenceSeries {
		t.Errorf("%+v", got[0])
	}
	if got[1].Fields["measure"] != "requests" || got[1].Fields["direction"] != "down" || got[1].Fields["usual"] != "1/s" {
		t.Errorf("%+v", got[1])
	}
	e.Strange = func(context.Context, engine.Workload, time.Time, time.Time) ([]anomaly.Strange, error) {
		return nil, engine.Errorf(engine.Unavailable, "away")
	}
	if _, err := e.Collect(t.Context(), engine.Incident{}); err == nil {
		t.Error("no error")
	}
}
