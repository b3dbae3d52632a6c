package prom

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestPastIsWhatWasMeasured reads two hours from a real Prometheus at once: each instant is what an instant gives that is asked for alone,
// though pods come and go, counters begin again and a family fails for a while.
func TestPastIsWhatWasMeasured(t *testing.T) {
	const every = 30 * time.Second
	since := usageEnd.Add(-20 * time.Hour)
	ago := func(d time.Duration) time.Time { return usageEnd.Add(-d) }
	of := func(metric, pod string, value func(time.Time) float64, more ...string) past {
		return series(every, value, append([]string{"__name__", metric, "namespace", "shop", "pod", pod, "container", "app"}, more...)...)
	}
	steps := func(at time.Time) float64 { return math.Floor(at.Sub(since).Minutes() / 37) }
	p := serveHistory(t, 1,
		of(cpuMetric, "web-a", counter(since, 0.5)), of(cpuMetric, "web-b", in(ago(80*time.Minute), ago(30*time.Minute), counter(ago(80*time.Minute), 2))),
		of(cpuMetric, "xstray", counter(since, 3)),
		of(memoryMetric, "web-a", func(at time.Time) float64 { return 1e8 + 1e6*at.Sub(since).Minutes() }), of(restartsMetric, "web-a", steps),
		of("http_requests_total", "web-a", counter(since, 30), "code", "200"), of("http_requests_total", "web-a", in(ago(time.Hour), usageEnd, counter(ago(time.Hour), 6)), "code", "500"),
	)
	cfg := MeterConfig{Cluster: "prod", Interval: 5 * time.Minute}
	var moments []Moment
	got, err := p.Meter(cfg).Past(t.Context(), ago(2*time.Hour).Add(time.Second), usageEnd.Add(-time.Second), byDash, func(m Moment) { moments = append(moments, m) })
	if err != nil {
		t.Fatal(err)
	}
	if got.Instants != 23 || len(moments) != 23 || !moments[0].At.Equal(ago(115*time.Minute)) || got.Cost.Queries > 20 {
		t.Fatalf("%d instants from %s, %d queries", got.Instants, moments[0].At, got.Cost.Queries)
	}
	m := p.Meter(cfg)
	pods := map[int]int{}
	for k, moment := range moments {
		if want := ago(115 * time.Minute).Add(time.Duration(k) * 5 * time.Minute); !moment.At.Equal(want) {
			t.Fatalf("instant %d is at %s, want %s", k, moment.At, want)
		}
		alone, err := m.Measure(t.Context(), moment.At, byDash)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(alone.Values, moment.Values, cmpopts.EquateApprox(1e-9, 0)); d != "" {
			t.Errorf("at %s (-alone +past):\n%s", moment.At, d)
		}
		pods[len(moment.Pods[inShop("web")])]++
	}
	if pods[1] == 0 || pods[2] == 0 || len(pods) != 2 {
		t.Errorf("instants by the pods that there were: %v", pods)
	}
	var said []string
	for _, g := range got.Gaps {
		said = append(said, g.Reason)
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "there is no throttling") || strings.Contains(text, "requests") {
		t.Errorf("gaps: %s", text)
	}
}

// TestPastAsksForLess has a Prometheus that takes no more than seven instants at once, one that refuses a measure, and one that is away.
func TestPastAsksForLess(t *testing.T) {
	cfg := MeterConfig{Cluster: "prod", Interval: 5 * time.Minute, Measures: []engine.Measure{engine.MeasureCPU, engine.MeasureMemory}}
	for name, c := range map[string]struct {
		answers func(n int, query string, steps int) (time.Duration, int)
		code    engine.Code
		cpu     bool
		gap     string
	}{
		"well": {func(int, string, int) (time.Duration, int) { return time.Millisecond, http.StatusOK }, "", true, ""},
		"seven at once": {func(_ int, _ string, steps int) (time.Duration, int) {
			if steps > 7 {
				return time.Millisecond, http.StatusUnprocessableEntity
			}
			return time.Millisecond, http.StatusOK
		}, "", true, ""},
		"refuses memory": {func(_ int, q string, _ int) (time.Duration, int) {
			if strings.Contains(q, memoryMetric) {
				return 0, http.StatusBadRequest
			}
			return time.Millisecond, http.StatusOK
		}, "", true, "memory (container_memory_working_set_bytes) could not be read"},
		"away":       {func(int, string, int) (time.Duration, int) { return 0, http.StatusServiceUnavailable }, engine.Unavailable, false, ""},
		"forbids us": {func(int, string, int) (time.Duration, int) { return 0, http.StatusForbidden }, engine.Forbidden, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, err := Connect(Config{URL: "http://prometheus", Transport: &faulty{series: 2, answers: c.answers, body: `{"status":"error","errorType":"bad_data","error":"no"}`}})
				if err != nil {
					t.Fatal(err)
				}
				to := time.Now().Truncate(time.Hour)
				var at []time.Time
				cpu := true
				got, err := p.Meter(cfg).Past(t.Context(), to.Add(-6*time.Hour), to, byDash, func(m Moment) {
					at = append(at, m.At)
					cpu = cpu && m.Values[inShop("web")][engine.MeasureCPU] > 0
				})
				if engine.CodeOf(err) != c.code && (err != nil || c.code != "") {
					t.Fatalf("%v, want %q", err, c.code)
				}
				if c.code != "" {
					return
				}
				if len(at) != 73 || !slices.IsSortedFunc(at, time.Time.Compare) || len(slices.CompactFunc(at, time.Time.Equal)) != 73 || got.Instants != 73 {
					t.Errorf("%d instants, %d told, want each of 73 once", got.Instants, len(at))
				}
				if cpu != c.cpu {
					t.Errorf("CPU at every instant: %v", cpu)
				}
				said := ""
				for _, g := range got.Gaps {
					said += g.Reason + "\n"
				}
				if !strings.Contains(said, c.gap) || (c.gap == "") != (said == "") {
					t.Errorf("gaps: %q, want %q", said, c.gap)
				}
			})
		})
	}
}
