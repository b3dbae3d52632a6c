package prom

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// fixes say what is to be done where nothing gives a measure.
var fixes = map[engine.Measure]string{
	engine.MeasureCPU:        "scrape the kubelets' /metrics/cadvisor, and check prometheus_labels",
	engine.MeasureMemory:     "scrape the kubelets' /metrics/cadvisor, and check prometheus_labels",
	engine.MeasureSaturation: "nothing, where no container has a CPU limit; else keep container_cpu_cfs_* when scraping cAdvisor",
	engine.MeasureRestarts:   "install kube-state-metrics, and scrape it",
	engine.MeasureRequests:   "scrape the mesh or the programs; name their metrics in anomalies.requests if they are others than those known",
	engine.MeasureErrors:     "see requests",
	engine.MeasureLatency:    "keep the _sum and _count of a histogram of the same requests",
}

// Check measures once, and says of how many pods each measure has data.
func (m *Meter) Check(ctx context.Context, now time.Time) []engine.Check {
	const area = "metrics"
	pods := func(namespace, pod string) (engine.Workload, bool) {
		return engine.Workload{Cluster: m.cfg.Cluster, Namespace: namespace, Kind: "Pod", Name: pod}, true
	}
	got, err := m.Measure(ctx, now, pods)
	if err != nil {
		return []engine.Check{engine.Missed("metrics-unreachable", engine.CheckWarn, area, "cluster "+m.cfg.Cluster, err.Error(), "an answer", "check clusters[].prometheus")}
	}
	count := map[engine.Measure]int{}
	for _, values := range got.Values {
		for x := range values {
			count[x]++
		}
	}
	var checks []engine.Check
	for _, x := range engine.Measures {
		name := string(x) + " of " + m.cfg.Cluster
		switch {
		case !m.wanted(x) || x == engine.MeasureCost:
		case count[x] == 0:
			checks = append(checks, engine.Missed("metrics-missing", engine.CheckWarn, area, name, "no data", "values by pod", fixes[x]))
		case x == engine.MeasureRequests:
			checks = append(checks, engine.Passed(area, name, fmt.Sprintf("%d pods, by %s", count[x], strings.Join(m.families(), ", "))))
		default:
			checks = append(checks, engine.Passed(area, name, fmt.Sprintf("%d pods", count[x])))
		}
	}
	return checks
}

// families names those that are asked for.
func (m *Meter) families() (names []string) {
	for _, n := range m.found {
		names = append(names, m.cfg.Families[n].Name)
	}
	return names
}
