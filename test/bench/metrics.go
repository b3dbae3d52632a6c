package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/test/stand"
	"github.com/eks-autopilot/autopilot/test/stand/block"
)

// metricsEnd is when the last instant is.
var metricsEnd = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

const metricsEvery = 5 * time.Minute

// metrics measures what watching the metrics of a cluster takes: asking a real Prometheus, judging, and keeping in a real PostgreSQL.
func metrics(ctx context.Context, args []string, out io.Writer) (err error) {
	f := flag.NewFlagSet("bench metrics", flag.ContinueOnError)
	workloads := f.Int("workloads", 2000, "how many there are")
	pods := f.Int("pods", 3, "of each")
	instants := f.Int("instants", 6, "that are measured")
	past := f.Int("past", 300, "values that each series has before; a day is 288")
	if err := parse(f, args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-metrics-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w := busyCluster{workloads: *workloads, pods: *pods, start: metricsEnd.Add(-time.Duration(*instants+2) * metricsEvery)}
	progress("writing the series of %d pods", *workloads**pods)
	if err := w.write(filepath.Join(dir, "history")); err != nil {
		return err
	}
	server, url, err := startPrometheus(ctx, dir, filepath.Join(dir, "history"))
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop(context.WithoutCancel(ctx)) }()
	st, stop, err := metricsStore(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	p, err := prom.Connect(prom.Config{URL: url})
	if err != nil {
		return err
	}
	m := measured{
		meter: p.Meter(prom.MeterConfig{Cluster: "bench", Interval: metricsEvery}), store: st, cluster: w,
		watch: anomaly.NewWatch("bench", anomaly.Rules{Interval: metricsEvery, WarmUp: time.Hour}),
	}
	progress("%d values of each series, without Prometheus", *past)
	m.learn(*past)
	for n := range *instants {
		progress("instant %d of %d", n+1, *instants)
		if err := m.instant(ctx, metricsEnd.Add(-time.Duration(*instants-1-n)*metricsEvery)); err != nil {
			return err
		}
	}
	return m.print(out)
}

// metricsStore is a database of its own.
func metricsStore(ctx context.Context, dir string) (*store.Store, func(), error) {
	db := &stand.Postgres{Dir: filepath.Join(dir, "postgres"), Durable: true}
	if err := db.Start(ctx); err != nil {
		return nil, nil, err
	}
	stop := func() { _ = db.Stop(context.WithoutCancel(ctx)) }
	if err := store.Migrate(ctx, db.URL()); err != nil {
		stop()
		return nil, nil, err
	}
	st, err := store.Open(ctx, db.URL(), store.Options{Now: func() time.Time { return metricsEnd }})
	if err != nil {
		stop()
		return nil, nil, err
	}
	return st, func() { st.Close(); stop() }, nil
}

// measured is the watch of a cluster, and what it took.
type measured struct {
	meter   *prom.Meter
	store   *store.Store
	watch   *anomaly.Watch
	cluster busyCluster

	learned                      int
	learnedIn                    time.Duration
	values, queries              int
	samples                      int64
	ask, judge, keep             []time.Duration
	kept, keptBytes, largestKept int
}

// learn gives each series a past, made up; this is the judging alone.
func (m *measured) learn(values int) {
	names := m.cluster.names()
	about := map[engine.Workload]anomaly.About{}
	for _, w := range names {
		about[w] = anomaly.About{Wanted: m.cluster.pods, Revision: "1"}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n := range values {
		i := anomaly.Instant{At: m.cluster.start.Add(time.Duration(n-values) * metricsEvery), Workloads: about, Values: map[engine.Workload]anomaly.Values{}}
		for k, w := range names {
			v := anomaly.Values{}
			for _, x := range engine.Measures {
				if x != engine.MeasureCost {
					v[x] = m.cluster.usual(k, x) * (0.9 + 0.2*r.Float64())
				}
			}
			i.Values[w] = v
			m.learned += len(v)
		}
		began := time.Now()
		m.watch.Step(i)
		m.learnedIn += time.Since(began)
	}
}

// instant is what the bot does at one.
func (m *measured) instant(ctx context.Context, at time.Time) error {
	began := time.Now()
	got, err := m.meter.Measure(ctx, at, m.cluster.owner)
	if err != nil {
		return err
	}
	m.ask = append(m.ask, time.Since(began))
	m.queries, m.samples = max(m.queries, got.Cost.Queries), max(m.samples, got.Cost.Samples)
	i := anomaly.Instant{At: at, Values: got.Values, Workloads: map[engine.Workload]anomaly.About{}}
	m.values = 0
	for w, v := range got.Values {
		i.Workloads[w] = anomaly.About{Wanted: m.cluster.pods, Revision: "1"}
		m.values += len(v)
	}
	if want := 7 * m.cluster.workloads; m.values != want || len(got.Gaps) > 0 {
		return fmt.Errorf("%w: %d values, want %d; %+v", errMissed, m.values, want, got.Gaps)
	}
	began = time.Now()
	strange, _ := m.watch.Step(i)
	kept := m.watch.Keep(at)
	m.judge = append(m.judge, time.Since(began))
	began = time.Now()
	if err := m.store.SaveInstant(ctx, "bench", at, kept, strange); err != nil {
		return err
	}
	m.keep = append(m.keep, time.Since(began))
	m.kept = len(kept)
	m.keptBytes = 0
	for _, k := range kept {
		m.keptBytes += len(k.State)
		m.largestKept = max(m.largestKept, len(k.State))
	}
	return nil
}

func (m *measured) print(out io.Writer) error {
	t := table{append([]string{"part of an instant"}, spreadHead...)}
	for _, row := range []struct {
		name string
		took []time.Duration
	}{{"ask Prometheus", m.ask}, {"judge", m.judge}, {"keep in PostgreSQL", m.keep}} {
		t.add(append([]string{row.name}, spread(row.took)...)...)
	}
	if err := t.print(out, fmt.Sprintf("%d workloads of %d pods, %d series", m.cluster.workloads, m.cluster.pods, m.watch.Len())); err != nil {
		return err
	}
	whole := quantile(m.ask, 0.5) + quantile(m.judge, 0.5) + quantile(m.keep, 0.5)
	_, err := fmt.Fprintf(out, "\n%d queries and %d samples read by Prometheus an instant, at most. %d values an instant: %.0f values a second end to end, %.0f where only judging is counted.\n"+
		"%d series (%.1f MiB) are kept an instant, %d bytes each at most.\n%s\n",
		m.queries, m.samples, m.values, float64(m.values)/whole.Seconds(), float64(m.learned)/m.learnedIn.Seconds(), m.kept, float64(m.keptBytes)/(1<<20), m.largestKept, machine())
	if err == nil && m.largestKept > 2048 {
		err = fmt.Errorf("%w: a series takes more than 2 KiB", errMissed)
	}
	return err
}

// busyCluster has Deployments that serve requests.
type busyCluster struct {
	workloads, pods int
	start           time.Time
}

func (c busyCluster) names() (all []engine.Workload) {
	for k := range c.workloads {
		w, _ := c.owner(fmt.Sprintf("team-%02d", k%40), fmt.Sprintf("app%d-x", k))
		all = append(all, w)
	}
	return all
}

// owner is the workload of a pod.
func (c busyCluster) owner(namespace, pod string) (engine.Workload, bool) {
	name, _, ok := strings.Cut(pod, "-")
	return engine.Workload{Cluster: "bench", Namespace: namespace, Kind: "Deployment", Name: name}, ok
}

// usual is about what a measure of the k-th workload is.
func (c busyCluster) usual(k int, m engine.Measure) float64 {
	scale := 1 + float64(k%17)/4
	switch m {
	case engine.MeasureCPU:
		return 0.2 * scale
	case engine.MeasureMemory:
		return 2e8 * scale
	case engine.MeasureRequests:
		return 20 * scale * float64(c.pods)
	case engine.MeasureErrors:
		return 0.002
	case engine.MeasureLatency:
		return 0.05 * scale
	case engine.MeasureSaturation:
		return 0.02
	case engine.MeasureRestarts, engine.MeasureCost, engine.MeasureHourlyCost:
	}
	return 0
}

// write writes what a Prometheus would have scraped of it every 30 s.
func (c busyCluster) write(dir string) error {
	type line struct {
		labels []block.Label
		rate   float64
		gauge  bool
	}
	var all []line
	for k := range c.workloads {
		for p := range c.pods {
			add := func(metric string, value float64, gauge bool, more ...block.Label) {
				labels := append(more, block.Label{Name: "__name__", Value: metric}, block.Label{Name: "namespace", Value: fmt.Sprintf("team-%02d", k%40)},
					block.Label{Name: "pod", Value: fmt.Sprintf("app%d-%d", k, p)})
				slices.SortFunc(labels, func(a, b block.Label) int { return cmp.Compare(a.Name, b.Name) })
				all = append(all, line{labels, value, gauge})
			}
			app := block.Label{Name: "container", Value: "app"}
			requests, latency := c.usual(k, engine.MeasureRequests)/float64(c.pods), c.usual(k, engine.MeasureLatency)
			add("container_cpu_usage_seconds_total", c.usual(k, engine.MeasureCPU), false, app)
			add("container_memory_working_set_bytes", c.usual(k, engine.MeasureMemory), true, app)
			add("container_cpu_cfs_periods_total", 10, false, app)
			add("container_cpu_cfs_throttled_periods_total", 0.2, false, app)
			add("kube_pod_container_status_restarts_total", 2, true, app)
			add("http_requests_total", requests*0.998, false, block.Label{Name: "code", Value: "200"})
			add("http_requests_total", requests*0.002, false, block.Label{Name: "code", Value: "500"})
			add("http_request_duration_seconds_count", requests, false)
			add("http_request_duration_seconds_sum", requests*latency, false)
		}
	}
	slices.SortFunc(all, func(a, b line) int { return block.Compare(a.labels, b.labels) })
	end := metricsEnd.Add(time.Minute)
	return block.Write(dir, 1, c.start, end, func(yield func([]block.Label, iter.Seq2[int64, float64]) bool) {
		for n, l := range all {
			r := rand.New(rand.NewPCG(3, uint64(n)))
			samples := func(yield func(int64, float64) bool) {
				total := 0.0
				for at := c.start; at.Before(end); at = at.Add(30 * time.Second) {
					v := l.rate
					if !l.gauge {
						total += 30 * l.rate * (0.9 + 0.2*r.Float64())
						v = math.Round(total*1000) / 1000
					}
					if !yield(at.UnixMilli(), v) {
						return
					}
				}
			}
			if !yield(l.labels, samples) {
				return
			}
		}
	})
}
