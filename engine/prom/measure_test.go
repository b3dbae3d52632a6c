package prom

import (
	"context"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// byDash takes what stands before the first dash of a pod's name for its Deployment; pods that begin with x are nobody's.
func byDash(namespace, pod string) (engine.Workload, bool) {
	name, _, _ := strings.Cut(pod, "-")
	if strings.HasPrefix(pod, "x") {
		return engine.Workload{}, false
	}
	return engine.Workload{Cluster: "prod", Namespace: namespace, Kind: kindDeployment, Name: name}, true
}

func inShop(name string) engine.Workload {
	w, _ := byDash("shop", name+"-a")
	return w
}

// TestMeasure reads what workloads do from a real Prometheus, with what goes wrong: counters that begin again, series that ended, that
// stand there twice or have other labels, another cluster, and what is no number.
func TestMeasure(t *testing.T) {
	const every = 30 * time.Second
	since := usageEnd.Add(-20 * time.Hour)
	per := func(rate float64) func(time.Time) float64 { return counter(since, rate) }
	reset := func(rate float64) func(time.Time) float64 {
		return func(at time.Time) float64 {
			if at.Before(usageEnd.Add(-150 * time.Second)) {
				return 1e6 + at.Sub(since).Seconds()*rate
			}
			return at.Sub(usageEnd.Add(-150*time.Second)).Seconds() * rate
		}
	}
	ended := in(since, usageEnd.Add(-10*time.Minute), per(50))
	cpu := func(pod, container string, value func(time.Time) float64, more ...string) past {
		return series(every, value, append([]string{"__name__", cpuMetric, "cluster", "a", "namespace", "shop", "pod", pod, "container", container}, more...)...)
	}
	of := func(metric, pod string, value func(time.Time) float64, more ...string) past {
		return series(every, value, append([]string{"__name__", metric, "cluster", "a", "namespace", "shop", "pod", pod}, more...)...)
	}
	restarted := func(at time.Time) float64 { // three times in the last five minutes
		if at.Before(usageEnd.Add(-2 * time.Minute)) {
			return 4
		}
		return 7
	}
	p := serveHistory(t, 1,
		cpu("web-a", "app", per(0.5)), cpu("web-b", "app", reset(1.5)), cpu("web-c", "app", ended), cpu("xstray-a", "app", per(1)),
		cpu("web-a", "sidecar", per(0.25)), cpu("web-a", "app", per(0.4), "instance", "again"), cpu("web-a", "POD", per(9)),
		series(every, per(9), "__name__", cpuMetric, "cluster", "a", "namespace", "shop", "pod", "web-a"),
		series(every, per(9), "__name__", cpuMetric, "cluster", "b", "namespace", "shop", "pod", "web-a", "container", "app"),
		series(every, per(9), "__name__", cpuMetric, "cluster", "a", "namespace", "back", "pod", "web-a", "container", "app"),
		of(memoryMetric, "web-a", always(100e6), "container", "app"), of(memoryMetric, "web-b", always(300e6), "container", "app"),
		of(memoryMetric, "db-a", always(math.Inf(1)), "container", "app"),
		of(throttledMetric, "web-a", per(2), "container", "app"), of(periodsMetric, "web-a", per(10), "container", "app"),
		of(restartsMetric, "web-a", restarted, "container", "app"), of(restartsMetric, "db-a", always(3), "container", "db"),
		// The pods' own word, with three spellings of the status, beside the mesh's, which counts.
		of("http_requests_total", "web-a", per(90), "code", "200"),
		of("istio_requests_total", "web-a", per(30), "reporter", "destination", "response_code", "200"),
		of("istio_requests_total", "web-b", per(9), "reporter", "destination", "response_code", "200"),
		of("istio_requests_total", "web-b", per(1), "reporter", "destination", "response_code", "503", "grpc_response_status", "14"),
		of("istio_requests_total", "web-b", per(500), "reporter", "source", "response_code", "503"),
		of("istio_request_duration_milliseconds_sum", "web-a", per(30*40), "reporter", "destination"),
		of("istio_request_duration_milliseconds_count", "web-a", per(30), "reporter", "destination"),
		of("istio_request_duration_milliseconds_sum", "web-b", per(10*200), "reporter", "destination"),
		of("istio_request_duration_milliseconds_count", "web-b", per(10), "reporter", "destination"),
		of("http_requests_total", "db-a", per(6), "code", "200"), of("http_requests_total", "db-a", per(1), "status", "500"), of("http_requests_total", "db-a", per(1), "status_code", "502"),
		of("http_request_duration_seconds_sum", "db-a", per(0.8)), of("http_request_duration_seconds_count", "db-a", per(8)),
		of("http_requests_total", "idle-a", always(50), "code", "200"), of("http_request_duration_seconds_sum", "idle-a", always(5)), of("http_request_duration_seconds_count", "idle-a", always(50)),
	)
	m := p.Meter(MeterConfig{Cluster: "prod", Match: map[string]string{"cluster": "a"}, Interval: 5 * time.Minute})
	got, err := m.Measure(t.Context(), usageEnd, byDash)
	if err != nil {
		t.Fatal(err)
	}
	back, _ := byDash("back", "web-a")
	want := map[engine.Workload]anomaly.Values{
		inShop("web"): {
			engine.MeasureCPU: (0.75 + 1.5*8/9) / 2, engine.MeasureMemory: 300e6, engine.MeasureSaturation: 0.2, engine.MeasureRestarts: 3,
			engine.MeasureRequests: 40, engine.MeasureErrors: 1. / 40, engine.MeasureLatency: (30*0.04 + 10*0.2) / 40,
		},
		inShop("db"):   {engine.MeasureRestarts: 0, engine.MeasureRequests: 8, engine.MeasureErrors: 0.25, engine.MeasureLatency: 0.1},
		inShop("idle"): {engine.MeasureRequests: 0},
		back:           {engine.MeasureCPU: 9},
	}
	if d := cmp.Diff(want, got.Values, cmpopts.EquateApprox(0.01, 1e-3)); d != "" {
		t.Error(d)
	}
	said := ""
	for _, c := range p.Meter(MeterConfig{Cluster: "prod", Match: map[string]string{"cluster": "a"}, Interval: 5 * time.Minute}).Check(t.Context(), usageEnd) {
		if !c.OK {
			t.Errorf("%+v", c)
		}
		said += c.Name + ": " + c.Found + "\n"
	}
	if !strings.Contains(said, "requests of prod: 4 pods, by istio, http") || !strings.Contains(said, "cpu of prod: 4 pods") {
		t.Errorf("doctor says: %s", said)
	}
	if len(got.Gaps) > 0 || got.Strays != 1 || got.Cost.Queries != 8 {
		t.Errorf("%+v, %d strays, %d queries", got.Gaps, got.Strays, got.Cost.Queries)
	}
	again, err := m.Measure(t.Context(), usageEnd.Add(5*time.Minute), byDash)
	if err != nil || again.Cost.Queries != 7 || len(again.Values) != 4 {
		t.Errorf("the next time: %d queries, %d workloads, %v", again.Cost.Queries, len(again.Values), err)
	}
	only := p.Meter(MeterConfig{Cluster: "prod", Match: map[string]string{"cluster": "none"}, Interval: 5 * time.Minute, Measures: []engine.Measure{engine.MeasureCPU, engine.MeasureErrors}})
	nothing, err := only.Measure(t.Context(), usageEnd, byDash)
	if err != nil || len(nothing.Values) > 0 || len(nothing.Gaps) != 1 || !strings.Contains(nothing.Gaps[0].Reason, "there is no CPU") || nothing.Cost.Queries != 2 {
		t.Errorf("of a cluster that is not there: %+v, %v", nothing, err)
	}
}

// TestFamily holds the queries of a family of one's own.
func TestFamily(t *testing.T) {
	f := Family{
		Name: "own", Requests: "hits", Match: map[string]string{"job": `a"b`}, Errors: []Match{{"result", "bad|worse"}, {"code", "5.."}},
		Latency: "took", Unit: 0.001, Namespace: "ns", Pod: "pod",
	}
	base := matchers{}.is("cluster", "a")
	for _, c := range []struct{ got, want string }{
		{f.requests(base, "[300s]"), `sum by (ns, pod) (rate(hits{cluster="a",job="a\"b"}[300s]))`},
		{f.errors(base, "[300s]"), `sum by (ns, pod) (rate(hits{cluster="a",job="a\"b",result=~"bad|worse"}[300s]) or rate(hits{cluster="a",job="a\"b",code=~"5.."}[300s]))`},
		{f.latency(base, "[300s]"), `sum by (ns, pod) (rate(took_sum{cluster="a",job="a\"b"}[300s])) / sum by (ns, pod) (rate(took_count{cluster="a",job="a\"b"}[300s])) * 0.001`},
		{f.named(3, "x"), `label_replace(label_replace(x, "namespace", "$1", "ns", "(.+)"), "autopilot_family", "3", "", "")`},
	} {
		if c.got != c.want {
			t.Errorf("%s\nwant %s", c.got, c.want)
		}
	}
	for name, bad := range map[string]Family{
		"no counter": {}, "a query": {Requests: "sum(x)"}, "latency": {Requests: "x", Latency: "a b"}, "label": {Requests: "x", Pod: "po-d"},
		"error": {Requests: "x", Errors: []Match{{"co de", "5.."}}}, "no pattern": {Requests: "x", Errors: []Match{{"code", "("}}}, "match": {Requests: "x", Match: map[string]string{"a}": ""}},
	} {
		if engine.CodeOf(bad.Check()) != engine.Invalid {
			t.Errorf("%s is taken: %v", name, bad.Check())
		}
	}
	for _, f := range append(Families(), f) {
		if err := f.Check(); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

// TestMeasureFaults has Prometheus away, slow or in part broken.
func TestMeasureFaults(t *testing.T) {
	for name, c := range map[string]struct {
		answers func(n int, query string, steps int) (time.Duration, int)
		code    engine.Code
		gap     string
		cpu     bool
		within  time.Duration
	}{
		"well":       {within: time.Second, gap: "there is no throttling", cpu: true},
		"away":       {func(int, string, int) (time.Duration, int) { return 0, http.StatusServiceUnavailable }, engine.Unavailable, "", false, 2 * time.Minute},
		"refuses us": {func(int, string, int) (time.Duration, int) { return 0, http.StatusForbidden }, engine.Forbidden, "", false, time.Second},
		"memory is broken": {func(_ int, q string, _ int) (time.Duration, int) {
			if strings.Contains(q, memoryMetric) {
				return 0, http.StatusBadRequest
			}
			return 0, http.StatusOK
		}, "", "memory (container_memory_working_set_bytes) could not be read", true, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, err := Connect(Config{URL: "http://prometheus", Transport: &faulty{series: 2, answers: c.answers, body: `{"status":"error","error":"no"}`}})
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				m := p.Meter(MeterConfig{Cluster: "prod", Interval: 5 * time.Minute, Measures: []engine.Measure{engine.MeasureCPU, engine.MeasureMemory, engine.MeasureSaturation}})
				got, err := m.Measure(t.Context(), time.Now(), byDash)
				if (err != nil) != (c.code != "") || err != nil && engine.CodeOf(err) != c.code {
					t.Fatalf("%v, want %q", err, c.code)
				}
				if took := time.Since(began); took > c.within {
					t.Errorf("it took %s", took)
				}
				said := ""
				for _, g := range got.Gaps {
					said += g.Reason + "\n"
				}
				if !strings.Contains(said, c.gap) {
					t.Errorf("gaps: %s", said)
				}
				if _, ok := got.Values[inShop("web")][engine.MeasureCPU]; ok != c.cpu {
					t.Errorf("%+v", got.Values)
				}
			})
		})
	}
	t.Run("stopped", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p, err := Connect(Config{URL: "http://prometheus", Transport: &faulty{answers: func(int, string, int) (time.Duration, int) { return time.Hour, 200 }}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if _, err := p.Meter(MeterConfig{}).Measure(ctx, time.Now(), byDash); err == nil {
				t.Error("no error")
			}
		})
	})
}
