package handlers

import (
	"context"
	"hash/fnv"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

const (
	repeatSignal = 15 * time.Minute // what goes on is told anew, with its newest values
	retrySignal  = 15 * time.Second // what the store did not take
	loadAgain    = 10 * time.Second // when the store does not give what it kept
	toldAway     = 2                // instants in a row without an answer, before it is a problem of the cluster
	spreadOver   = 20               // parts of an interval, over the first of which the clusters are spread
)

// SeriesStore keeps what a Watch knows, takes what it sees, and knows what people answered. The store fills it.
type SeriesStore interface {
	Series(ctx context.Context, cluster string) ([]anomaly.Kept, error)
	SaveInstant(ctx context.Context, cluster string, at time.Time, kept []anomaly.Kept, strange []anomaly.Strange) error
	Useless(ctx context.Context, cluster string) (map[anomaly.Key]int, error)
	Watching(ctx context.Context, cluster string, source engine.Source) ([]engine.Workload, error)
	Observe(ctx context.Context, o engine.Observation) error
}

// MetricsWatch watches the metrics of one cluster for what never was before.
type MetricsWatch struct {
	Cluster string
	Rules   anomaly.Rules // with their Interval
	Store   SeriesStore
	// Measure says what is known of the cluster at an instant. It fails with Unavailable when that cannot be had; a measure that alone
	// could not be had is a gap.
	Measure func(ctx context.Context, at time.Time) (anomaly.Instant, []engine.Gap, error)
	Now     func() time.Time
	// Rest waits, and tells whether ctx goes on; nil means by the clock on the wall. With another, Now must be that one's.
	Rest func(ctx context.Context, d time.Duration) bool
	Log  *slog.Logger

	mu      sync.Mutex
	away    int // instants in a row without an answer
	since   time.Time
	problem string
}

// Problem says why the metrics are not watched now, and since when; "" when they are.
func (m *MetricsWatch) Problem() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away < toldAway {
		return ""
	}
	return "metrics are not watched since " + m.since.UTC().Format("2006-01-02 15:04 MST") + ": " + m.problem
}

// Run watches until ctx ends, one instant after the other, each at its time of the clock. When an answer takes longer than an interval,
// the instants in between are left out.
func (m *MetricsWatch) Run(ctx context.Context) {
	rest := m.Rest
	if rest == nil {
		rest = pause
	}
	w := &watched{m: m, watch: anomaly.NewWatch(m.Cluster, m.Rules), said: map[engine.Workload]said{}, owed: map[engine.Workload]engine.Observation{}}
	for !w.load(ctx) {
		if !rest(ctx, loadAgain) {
			return
		}
	}
	for {
		at := m.next(m.Now())
		for {
			wait := at.Sub(m.Now())
			if len(w.owed) > 0 {
				wait = min(wait, retrySignal)
			}
			if !rest(ctx, wait) {
				return
			}
			w.settle(ctx)
			if !m.Now().Before(at) {
				break
			}
		}
		w.instant(ctx, at)
	}
}

// next is the first instant after a time. All replicas have the same; those of different clusters are spread, so that one Prometheus
// behind several is not asked for all at once.
func (m *MetricsWatch) next(now time.Time) time.Time {
	h := fnv.New32a()
	_, _ = h.Write([]byte(m.Cluster))
	offset := m.Rules.Interval / spreadOver * time.Duration(h.Sum32()%spreadOver) / spreadOver
	at := now.Add(-offset).Truncate(m.Rules.Interval).Add(offset)
	if !at.After(now) {
		at = at.Add(m.Rules.Interval)
	}
	return at
}

// pause waits by the clock on the wall, and tells whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// watched is one run.
type watched struct {
	m     *MetricsWatch
	watch *anomaly.Watch
	said  map[engine.Workload]said               // what the store holds firing
	owed  map[engine.Workload]engine.Observation // what it did not take
}

// said is what the store was told of a workload.
type said struct {
	what string
	at   time.Time
}

// load takes up what was kept. ok is false when the store does not give it.
func (w *watched) load(ctx context.Context) (ok bool) {
	kept, err := w.m.Store.Series(ctx, w.m.Cluster)
	if err != nil {
		w.m.Log.WarnContext(ctx, "the series of a cluster cannot be read", "cluster", w.m.Cluster, "error", err)
		return false
	}
	held, err := w.m.Store.Watching(ctx, w.m.Cluster, engine.SourceMetrics)
	if err != nil {
		w.m.Log.WarnContext(ctx, "what the metrics told cannot be read", "cluster", w.m.Cluster, "error", err)
		return false
	}
	lost := w.watch.Load(kept)
	w.watch.Told(held)
	for _, of := range held {
		w.said[of] = said{}
	}
	w.m.Log.InfoContext(ctx, "watching metrics", "cluster", w.m.Cluster, "series", len(kept), "lost", lost, "strange", len(held))
	return true
}

// instant measures, judges, tells and keeps.
func (w *watched) instant(ctx context.Context, at time.Time) {
	began := w.m.Now()
	asking, done := context.WithTimeout(ctx, w.m.Rules.Interval*2/3)
	i, gaps, err := w.m.Measure(asking, at)
	done()
	if ctx.Err() != nil {
		return
	}
	w.m.noted(ctx, at, gaps, err)
	if err != nil {
		return // nothing begins or ends by what nobody knows
	}
	if useless, err := w.m.Store.Useless(ctx, w.m.Cluster); err == nil {
		w.watch.Answers(useless)
	} else {
		w.m.Log.WarnContext(ctx, "what people answered cannot be read", "cluster", w.m.Cluster, "error", err)
	}
	i.At = at
	strange, signals := w.watch.Step(i)
	w.tell(at, signals)
	w.settle(ctx)
	if err := w.m.Store.SaveInstant(ctx, w.m.Cluster, at, w.watch.Keep(at), strange); err != nil {
		w.m.Log.WarnContext(ctx, "an instant was not kept", "cluster", w.m.Cluster, "error", err)
	}
	w.m.Log.DebugContext(ctx, "metrics watched", "cluster", w.m.Cluster, "workloads", len(i.Values), "series", w.watch.Len(), "strange", len(strange),
		"told", len(signals), "took", w.m.Now().Sub(began))
}

// noted remembers whether there was an answer. It is logged when that changes, not at each instant.
func (m *MetricsWatch) noted(ctx context.Context, at time.Time, gaps []engine.Gap, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var said []string
	for _, g := range gaps {
		said = append(said, g.Reason)
	}
	text := strings.Join(said, "; ")
	if err != nil {
		text = engine.UserMessage(err, m.Cluster)
	}
	if text != m.problem && text != "" {
		m.Log.WarnContext(ctx, "metrics are missing", "cluster", m.Cluster, "problem", text, "error", err)
	}
	m.problem = text
	switch {
	case err == nil:
		m.away = 0
	case m.away == 0:
		m.away, m.since = 1, at
	default:
		m.away++
	}
}

// tell owes the store what holds now, where that is not what it was told, or was told long ago; and the end of what no longer holds.
func (w *watched) tell(at time.Time, signals []engine.Signal) {
	holds := map[engine.Workload]bool{}
	for _, s := range signals {
		holds[s.Workload] = true
		what := gist(s)
		if last := w.said[s.Workload]; last.what == what && at.Sub(last.at) < repeatSignal {
			delete(w.owed, s.Workload) // what is owed is no longer so
			continue
		}
		w.owed[s.Workload] = engine.Observation{Source: engine.SourceMetrics, Workload: s.Workload, Signals: []engine.Signal{s}, Complete: true, At: at}
	}
	for of := range w.said {
		if !holds[of] {
			w.owed[of] = engine.Observation{Source: engine.SourceMetrics, Workload: of, Complete: true, At: at}
		}
	}
	for of, o := range w.owed {
		if len(o.Signals) > 0 && !holds[of] {
			delete(w.owed, of) // it never heard of it
		}
	}
}

// gist is what of a signal people are told of at once; the rest changes with each value.
func gist(s engine.Signal) string {
	parts := []string{string(s.Class), string(s.Severity)}
	for _, t := range s.Tracks {
		parts = append(parts, string(t.Measure))
	}
	slices.Sort(parts[2:])
	return strings.Join(parts, " ")
}

// settle hands over what is owed. What the store does not take is tried again.
func (w *watched) settle(ctx context.Context) {
	for of, o := range w.owed {
		ctx := engine.WithID(ctx, of.Fingerprint())
		if err := w.m.Store.Observe(ctx, o); err != nil {
			w.m.Log.WarnContext(ctx, "what the metrics say was not kept", "workload", of.String(), "error", err)
			if engine.CodeOf(err) == engine.Unavailable {
				return
			}
			continue
		}
		delete(w.owed, of)
		if len(o.Signals) == 0 {
			delete(w.said, of)
		} else {
			w.said[of] = said{gist(o.Signals[0]), o.At}
		}
	}
}
