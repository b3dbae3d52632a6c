package prom

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// TestHourlyCost reads what pods ask for and use from a real Prometheus: the larger of each counts, at the price of each pod's node.
func TestHourlyCost(t *testing.T) {
	const every, gib = 30 * time.Second, float64(1 << 30)
	since := usageEnd.Add(-20 * time.Minute)
	of := func(metric, pod string, value func(time.Time) float64, more ...string) past {
		return series(every, value, append([]string{"__name__", metric, "cluster", "a", "namespace", "shop", "pod", pod, "container", "app"}, more...)...)
	}
	asks := func(pod, resource string, v float64, more ...string) past {
		return of("kube_pod_container_resource_requests", pod, always(v), append([]string{"resource", resource}, more...)...)
	}
	p := serveHistory(t, 1,
		of(cpuMetric, "web-a", counter(since, 0.5)), of(memoryMetric, "web-a", always(3*gib)), asks("web-a", "cpu", 1), asks("web-a", "memory", 2*gib),
		asks("web-a", "cpu", 1, "instance", "again"), asks("web-a", "ephemeral_storage", 100*gib), // the same twice, and what has no price
		of(cpuMetric, "web-b", counter(since, 1.5)), of(memoryMetric, "web-b", always(gib)), // asks for nothing
		asks("gpu-a", "nvidia_com_gpu", 2), asks("gpu-a", "cpu", 1),
		asks("part-a", "cpu", 1), asks("part-b", "cpu", 1), // the price of whose second node is not known
		asks("xstray-a", "cpu", 8),
	)
	prices := map[string]engine.NodePrice{
		"web-a":  {CPUHour: engine.Dollars(0.04), GiBHour: engine.Dollars(0.005)},
		"web-b":  {CPUHour: engine.Dollars(0.02), GiBHour: engine.Dollars(0.002)}, // Spot
		"gpu-a":  {CPUHour: engine.Dollars(0.04), GPUHour: engine.Dollars(2)},
		"part-a": {CPUHour: engine.Dollars(0.04)},
	}
	measured := func(cfg MeterConfig) map[engine.Workload]anomaly.Values {
		t.Helper()
		cfg.Cluster, cfg.Match, cfg.Interval = "prod", map[string]string{"cluster": "a"}, 5*time.Minute
		got, err := p.Meter(cfg).Measure(t.Context(), usageEnd, byDash)
		if err != nil {
			t.Fatal(err)
		}
		return got.Values
	}
	price := func(namespace, pod string) (engine.NodePrice, bool) {
		n, ok := prices[pod]
		return n, ok && namespace == "shop"
	}
	got := map[engine.Workload]float64{}
	for w, v := range measured(MeterConfig{Price: price, Measures: []engine.Measure{engine.MeasureHourlyCost}}) {
		if cost, ok := v[engine.MeasureHourlyCost]; ok {
			got[w] = cost
		}
	}
	want := map[engine.Workload]float64{inShop("web"): (1*0.04 + 3*0.005) + (1.5*0.02 + 1*0.002), inShop("gpu"): 0.04 + 2*2}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0.01, 1e-6)); d != "" {
		t.Error(d)
	}
	for name, cfg := range map[string]MeterConfig{"nobody knows a price": {}, "it is not wanted": {Price: price, Measures: []engine.Measure{engine.MeasureCPU}}} {
		for w, v := range measured(cfg) {
			if cost, ok := v[engine.MeasureHourlyCost]; ok {
				t.Errorf("%s: %s costs %v", name, w, cost)
			}
		}
	}
}
