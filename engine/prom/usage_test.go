package prom

import (
	"iter"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/test/stand/block"
)

var usageEnd = time.Date(2026, 3, 11, 12, 0, 0, 0, time.UTC)

// past writes a history: each series is a function of time, asked every so often; NaN is no sample, unless it is stale.
type past struct {
	labels []block.Label
	offset time.Duration // of the first sample
	every  time.Duration
	value  func(at time.Time) float64
}

func series(every time.Duration, value func(time.Time) float64, labels ...string) past {
	p := past{every: every, value: value}
	for i := 0; i < len(labels); i += 2 {
		p.labels = append(p.labels, block.Label{Name: labels[i], Value: labels[i+1]})
	}
	slices.SortFunc(p.labels, func(a, b block.Label) int { return strings.Compare(a.Name, b.Name) })
	return p
}

// serveHistory runs a real Prometheus on a block of so many days before usageEnd.
func serveHistory(t *testing.T, days int, all ...past) *Prometheus {
	t.Helper()
	return serveHistoryWith(t, nil, days, all...)
}

func serveHistoryWith(t *testing.T, flags []string, days int, all ...past) *Prometheus {
	t.Helper()
	slices.SortFunc(all, func(a, b past) int { return block.Compare(a.labels, b.labels) })
	start := usageEnd.Add(-time.Duration(days) * day).Truncate(day)
	end := usageEnd.Add(2 * time.Hour)
	url := serve(t, "prometheus", "prometheus", func(dir, address string) []string {
		err := block.Write(filepath.Join(dir, "data"), 1, start, end, func(yield func([]block.Label, iter.Seq2[int64, float64]) bool) {
			for _, s := range all {
				samples := func(yield func(int64, float64) bool) {
					for at := start.Add(s.offset); at.Before(end); at = at.Add(s.every) {
						if v := s.value(at); (!math.IsNaN(v) || math.Float64bits(v) == math.Float64bits(stale)) && !yield(at.UnixMilli(), v) {
							return
						}
					}
				}
				if !yield(s.labels, samples) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return append([]string{
			"--config.file=" + write(t, filepath.Join(dir, "p.yml"), "{}"), "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + address,
			"--storage.tsdb.retention.time=10y", "--storage.tsdb.min-block-duration=100d", "--storage.tsdb.max-block-duration=100d",
		}, flags...)
	})
	p, err := Connect(Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// shop is a cluster of Deployments in namespaces shop and back, with a pod that is there and what the test says of history.
func shop() *waste.Cluster {
	c := &waste.Cluster{Name: "prod", Complete: true, Nodes: []waste.Node{{Node: &corev1.Node{Status: corev1.NodeStatus{Capacity: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("16"), corev1.ResourceMemory: resource.MustParse("64Gi"),
	}}}}}}
	for _, name := range []string{"shop/web", "shop/db", "back/queue"} {
		namespace, name, _ := strings.Cut(name, "/")
		c.Deployments = append(c.Deployments, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})
		p := &corev1.Pod{ObjectMeta: named(name+"-66666ccccc-aaaaa", kindReplicaSet, name+"-66666ccccc")}
		p.Namespace = namespace
		p.Spec.Containers = []corev1.Container{{Name: "app"}}
		c.Pods = append(c.Pods, p)
		rs := &appsv1.ReplicaSet{ObjectMeta: named(name+"-66666ccccc", kindDeployment, name)}
		rs.Namespace = namespace
		c.ReplicaSets = append(c.ReplicaSets, rs)
	}
	return c
}

// counter grows by so many a second from a time on.
func counter(since time.Time, cores float64) func(time.Time) float64 {
	return func(at time.Time) float64 { return 1000 + at.Sub(since).Seconds()*cores }
}

// in gives the value of another function from one time up to but not at another, and nothing elsewhere.
func in(from, to time.Time, value func(time.Time) float64) func(time.Time) float64 {
	return func(at time.Time) float64 {
		if at.Before(from) || !at.Before(to) {
			return math.NaN()
		}
		return value(at)
	}
}

func always(v float64) func(time.Time) float64 { return func(time.Time) float64 { return v } }

// TestUsage reads a history with everything in it that goes wrong, from a real Prometheus.
func TestUsage(t *testing.T) {
	ago := func(d time.Duration) time.Time { return usageEnd.Add(-d) }
	const web, old, db, queue = "web-66666ccccc-aaaaa", "web-55555bbbbb-bcdfg", "db-66666ccccc-aaaaa", "queue-66666ccccc-aaaaa"
	of := func(metric, namespace, pod string, more ...string) []string {
		return append([]string{"__name__", metric, "namespace", namespace, "pod", pod, "container", "app", "cluster", "prod"}, more...)
	}
	p := serveHistory(t, 20,
		// web: half a core and 100 MB, 9 days long, read by two scrapers of which one was away; a gap of an hour yesterday; a second
		// pod, of a ReplicaSet that is gone, for a day.
		series(time.Minute, in(ago(9*day), ago(25*time.Hour), counter(ago(20*day), 0.5)), of(cpuMetric, "shop", web, "id", "a", "replica", "1")...),
		series(time.Minute, in(ago(24*time.Hour), usageEnd.Add(day), counter(ago(20*day), 0.5)), of(cpuMetric, "shop", web, "id", "a", "replica", "1")...),
		series(time.Minute, in(ago(9*day), ago(3*day), counter(ago(20*day), 0.5)), of(cpuMetric, "shop", web, "id", "a", "replica", "2")...),
		series(time.Minute, in(ago(9*day), usageEnd.Add(day), func(at time.Time) float64 {
			if at.Equal(ago(50*time.Hour + 2*time.Minute)) {
				return 900e6 // for one sample, which no look every five minutes would see
			}
			return 100e6
		}), of(memoryMetric, "shop", web)...),
		series(time.Minute, in(ago(3*day), ago(2*day), counter(ago(20*day), 1.5)), of(cpuMetric, "shop", old)...),
		series(time.Minute, in(ago(3*day), ago(2*day), always(300e6)), of(memoryMetric, "shop", old)...),
		// The same pod's name in another cluster, the pod's own slice, and its pause container.
		series(time.Minute, counter(ago(20*day), 8), "__name__", cpuMetric, "namespace", "shop", "pod", web, "container", "app", "cluster", "test"),
		series(time.Minute, counter(ago(20*day), 8), "__name__", cpuMetric, "namespace", "shop", "pod", web, "cluster", "prod"),
		series(time.Minute, counter(ago(20*day), 8), "__name__", cpuMetric, "namespace", "shop", "pod", web, "container", "POD", "cluster", "prod"),
		// db: was restarted 30 hours ago as another series, killed for memory; once a value that cannot be; long peaks.
		series(time.Minute, in(ago(20*day), ago(30*time.Hour), counter(ago(20*day), 1)), of(cpuMetric, "shop", db, "id", "1")...),
		series(time.Minute, in(ago(30*time.Hour), usageEnd.Add(day), func(at time.Time) float64 { return at.Sub(ago(30*time.Hour)).Seconds() * 0.25 }), of(cpuMetric, "shop", db, "id", "2")...),
		series(time.Minute, func(at time.Time) float64 {
			switch {
			case at.Equal(ago(5*day - 2*time.Minute)):
				return 1e15
			case at.After(ago(15*day)) && at.Before(ago(15*day-30*time.Minute)):
				return 4e9
			}
			return 1e9
		}, of(memoryMetric, "shop", db)...),
		series(time.Minute, func(at time.Time) float64 {
			if at.Before(ago(30 * time.Hour)) {
				return 3
			}
			return 4
		}, of(restartsMetric, "shop", db)...),
		series(time.Minute, in(ago(30*time.Hour), usageEnd.Add(day), always(1)), of(reasonMetric, "shop", db, "reason", killed)...),
		series(time.Minute, in(ago(90*time.Hour), ago(30*time.Hour), always(1)), of(reasonMetric, "shop", db, "reason", "Error")...),
		series(time.Minute, counter(ago(20*day), 10), of(periodsMetric, "shop", db)...),
		series(time.Minute, func(at time.Time) float64 { return max(0, at.Sub(ago(day)).Seconds()) * 2.5 }, of(throttledMetric, "shop", db)...),
		series(time.Minute, always(512<<20), of("jvm_memory_max_bytes", "shop", db, "area", "heap", "id", "old")...),
		series(time.Minute, always(-1), of("jvm_memory_max_bytes", "shop", db, "area", "heap", "id", "eden")...),
		series(time.Minute, always(1<<30), of("jvm_memory_max_bytes", "shop", db, "area", "nonheap", "id", "meta")...),
		// queue: in another namespace; it has run for two hours only.
		series(time.Minute, in(ago(2*time.Hour), usageEnd.Add(day), counter(ago(20*day), 2)), of(cpuMetric, "back", queue)...),
		series(time.Minute, in(ago(2*time.Hour), usageEnd.Add(day), always(50e6)), of(memoryMetric, "back", queue)...),
		// Of a workload that is gone.
		series(time.Minute, counter(ago(20*day), 1), of(cpuMetric, "shop", "gone-55555bbbbb-bcdfg")...),
	)
	t.Run("chunks", func(t *testing.T) { wantUsage(t, p, true) })
	t.Run("queries", func(t *testing.T) { wantUsage(t, refusing(p, http.StatusNotFound), false) })
}

// wantUsage reads the history of TestUsage.
func wantUsage(t *testing.T, p *Prometheus, chunks bool) {
	began := usageEnd.Add(-fineDays * day)
	ago := func(d time.Duration) time.Time { return usageEnd.Add(-d) }
	r := p.Usage(t.Context(), UsageWanted{Cluster: shop(), Match: map[string]string{"cluster": "prod"}, At: usageEnd})
	if chunks != (r.NoChunks == "") || chunks != (r.Cost.ChunkReads > 2) {
		t.Errorf("%d of %d requests were for chunks; %q", r.Cost.ChunkReads, r.Cost.Queries, r.NoChunks)
	}
	if len(r.Unread) > 0 || len(r.Usage) != 3 {
		t.Fatalf("unread %v, gaps %v, usage of %d", r.Unread, r.Gaps, len(r.Usage))
	}
	key := func(namespace, name string) waste.ContainerKey {
		return waste.ContainerKey{Namespace: namespace, Kind: kindDeployment, Name: name, Container: "app"}
	}
	at := func(s waste.Series, when time.Time) (float32, uint16) {
		i := int(when.Sub(s.Start) / s.Step)
		return s.Max[i], s.Pods[i]
	}
	is := func(what string, s waste.Series, when time.Time, most float64, pods uint16) {
		t.Helper()
		a, n := at(s, when)
		near := func(x float32, want float64) bool {
			return math.IsNaN(want) && x != x || math.Abs(float64(x)-want) <= want*0.003
		}
		if !near(a, most) || n != pods {
			t.Errorf("%s at %s: %v of %d pods, want %v of %d", what, when, a, n, most, pods)
		}
	}
	nan := math.NaN()

	w := r.Usage[key("shop", "web")]
	if w.CPU.Start != began || w.CPU.Step != 5*time.Minute || len(w.CPU.Max) != 2304 || len(w.CPU.Pods) != 2304 || w.Memory.End() != usageEnd {
		t.Fatalf("the span: %s %s %d, to %s", w.CPU.Start, w.CPU.Step, len(w.CPU.Max), w.Memory.End())
	}
	is("web", w.CPU, began, 0.5, 1)
	is("web, two pods", w.CPU, ago(60*time.Hour), 1.5, 2)
	is("web, two pods", w.Memory, ago(60*time.Hour), 300e6, 2)
	is("web, in the gap", w.CPU, ago(24*time.Hour+30*time.Minute), nan, 0)
	is("web, the newest", w.CPU, ago(5*time.Minute), 0.5, 1)
	is("web, a short peak", w.Memory, ago(50*time.Hour+5*time.Minute), 900e6, 2)
	if peak := w.CPU.Peak(); math.Abs(peak-1.5) > 0.01 {
		t.Errorf("web's peak is %v cores: a change of scrapers or a gap shows as use", peak)
	}

	d := r.Usage[key("shop", "db")]
	is("db before its restart", d.CPU, ago(31*time.Hour), 1, 1)
	is("db after its restart", d.CPU, ago(29*time.Hour), 0.25, 1)
	if peak := d.CPU.Peak(); math.Abs(peak-1) > 0.01 {
		t.Errorf("db's peak is %v cores: its restart shows as use", peak)
	}
	is("db, a value that cannot be", d.Memory, ago(5*day), nan, 0)
	if d.Restarts != 1 || d.JVMHeap != 512<<20 {
		t.Errorf("db: %d restarts, heap %d", d.Restarts, d.JVMHeap)
	}
	if len(d.OOMKills) != 1 || d.OOMKills[0].Before(ago(30*time.Hour)) || d.OOMKills[0].After(ago(29*time.Hour)) {
		t.Errorf("db was killed at %v, want within the hour after %s", d.OOMKills, ago(30*time.Hour))
	}
	want := []float64{0, 0, 0, 0, 0, 0, 0, 0.25}
	if diff := cmp.Diff(want, d.Throttled, cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 0.01 })); diff != "" {
		t.Errorf("db was throttled (-want +got):\n%s", diff)
	}
	days := map[string]waste.Peak{}
	for i, p := range d.Peaks {
		days[p.Day.Format(time.DateOnly)] = p
		if i > 0 && !d.Peaks[i-1].Day.Before(p.Day) || p.Day != p.Day.Truncate(day) {
			t.Errorf("day %s out of order", p.Day)
		}
	}
	if p := days[ago(15*day).Format(time.DateOnly)]; p.Memory != 4e9 || math.Abs(float64(p.CPU)-1) > 0.01 {
		t.Errorf("the peak of fifteen days ago: %+v", p)
	}
	if p := days[ago(0).Format(time.DateOnly)]; p.Memory != 1e9 || math.Abs(float64(p.CPU)-0.25) > 0.01 {
		t.Errorf("today's peak: %+v", p)
	}
	if n := len(d.Peaks); n != 22 { // the history begins at midnight, which ends the last step of the day before
		t.Errorf("%d days have a peak, want 22", n)
	}

	q := r.Usage[key("back", "queue")]
	is("queue", q.CPU, ago(time.Hour), 2, 1)
	is("queue before it was there", q.CPU, ago(3*time.Hour), nan, 0)
	var gaps []string
	for _, g := range r.Gaps {
		gaps = append(gaps, g.Reason)
	}
	if diff := cmp.Diff([]string{
		"1 values were left out that no container can use: negative, or more than any node has", "1 pods that are gone could not be told to belong to a workload",
	}, gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	if r.Cost.Queries == 0 || r.Cost.Samples == 0 || r.Cost.Slowest == 0 || r.Most > maxSamples || r.Peak > maxSamples || r.Peak == 0 {
		t.Errorf("cost %+v, most %d, peak %d", r.Cost, r.Most, r.Peak)
	}

	// One namespace only; and a cluster that this Prometheus does not know, whose name is no expression.
	r = p.Usage(t.Context(), UsageWanted{Cluster: shop(), Namespaces: []string{"back"}, Match: map[string]string{"cluster": "prod"}, At: usageEnd, PeakDays: 8})
	if len(r.Usage) != 1 || len(r.Usage[key("back", "queue")].CPU.Max) == 0 || len(r.Gaps) > 0 {
		t.Errorf("one namespace: usage of %d, gaps %v", len(r.Usage), r.Gaps)
	}
	r = p.Usage(t.Context(), UsageWanted{Cluster: shop(), Match: map[string]string{"cluster": "x\"} or {cluster=~\".+\\"}, At: usageEnd})
	if len(r.Usage) != 0 || len(r.Unread) != 2 || len(r.Gaps) != 1 || !strings.Contains(r.Gaps[0].Reason, "there is no series") {
		t.Errorf("another cluster: usage of %d, unread %v, gaps %v", len(r.Usage), r.Unread, r.Gaps)
	}
}

// TestUsageOfADenseScrape wants memory that is scraped every ten seconds to be looked at in full where that costs no query, and once
// a minute where it does.
func TestUsageOfADenseScrape(t *testing.T) {
	const pod = "web-66666ccccc-aaaaa"
	since := usageEnd.Add(-9 * day)
	p := serveHistory(t, 9,
		series(10*time.Second, counter(since, 0.5), "__name__", cpuMetric, "namespace", "shop", "pod", pod, "container", "app"),
		series(10*time.Second, func(at time.Time) float64 { return float64(at.Sub(since)/time.Minute) + 1e6 }, "__name__", memoryMetric, "namespace", "shop", "pod", pod, "container", "app"),
	)
	for _, tt := range []struct {
		p    *Prometheus
		most int64 // samples a step
	}{{p, 62}, {refusing(p, http.StatusForbidden), 9}} {
		r := tt.p.Usage(t.Context(), UsageWanted{Cluster: shop(), At: usageEnd, PeakDays: 8})
		m := r.Usage[waste.ContainerKey{Namespace: "shop", Kind: kindDeployment, Name: "web", Container: "app"}].Memory
		if m.Count() != fineSteps || m.Max[0] != float32(1e6+24*60+5) {
			t.Errorf("%d steps are known, the first is %v; gaps %v", m.Count(), m.Max[:1], r.Gaps)
		}
		if r.Cost.Samples > 2304*tt.most {
			t.Errorf("%d samples were read, want at most %d a step", r.Cost.Samples, tt.most)
		}
	}
}
