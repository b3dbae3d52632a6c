package main

import (
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/store"
)

func TestAnomalyDefaults(t *testing.T) {
	c, err := parseConfig("f", []byte(smallest))
	if err != nil {
		t.Fatal(err)
	}
	want := anomaly.Rules{
		Interval: 5 * time.Minute, WarmUp: 24 * time.Hour, Post: anomaly.PostFelt, Most: 10, Rules: []anomaly.Rule{{Strictness: anomaly.Normal}},
		Measures: []engine.Measure{
			engine.MeasureCPU, engine.MeasureMemory, engine.MeasureRestarts, engine.MeasureRequests, engine.MeasureErrors, engine.MeasureLatency, engine.MeasureSaturation,
			engine.MeasureHourlyCost,
		},
	}
	if d := cmp.Diff(want, c.Anomalies.rules()); d != "" || !c.Anomalies.on() || c.Anomalies.families() != nil {
		t.Errorf("%s; on: %v", d, c.Anomalies.on())
	}
	c, err = parseConfig("f", []byte(smallest+"anomalies: {enabled: false}\n"))
	if err != nil || c.Anomalies.on() {
		t.Errorf("switched off: %v, %v", c.Anomalies.on(), err)
	}
}

func TestSpendChannel(t *testing.T) {
	for text, want := range map[string]string{
		"":            "",
		"waste: {}\n": "",
		"waste: {}\nanomalies: {costs: {channel: \"#finops\"}}\n":                 "#finops",
		"waste: {}\nanomalies: {costs: {channel: \"#finops\", enabled: false}}\n": "",
		"waste: {}\nanomalies: {enabled: false, costs: {channel: \"#finops\"}}\n": "",
		"anomalies: {costs: {channel: \"#finops\"}}\n":                            "",
	} {
		c, err := parseConfig("f", []byte(smallest+text))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.spendChannel(); got != want || want != "" && !slices.Contains(c.channels(), want) {
			t.Errorf("%q: %q, want %q; channels %v", text, got, want, c.channels())
		}
	}
	c, err := parseConfig("f", []byte(smallest+"    savings: \"#savings\"\nwaste: {}\n"))
	if err != nil || c.spendChannel() != "#savings" || c.Anomalies.Costs.Strictness != "normal" {
		t.Errorf("%q, %v", c.spendChannel(), err)
	}
}

func TestAnomalyRules(t *testing.T) {
	data, err := os.ReadFile("testdata/config/anomalies_full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, err := parseConfig("f", data)
	if err != nil {
		t.Fatal(err)
	}
	want := anomaly.Rules{
		Interval: 2 * time.Minute, WarmUp: 48 * time.Hour, Post: anomaly.PostAll, Most: 5,
		Measures: []engine.Measure{engine.MeasureLatency, engine.MeasureErrors, engine.MeasureMemory},
		Rules: []anomaly.Rule{
			{Cluster: "prod", Namespace: "batch-*", Measures: []engine.Measure{engine.MeasureMemory}},
			{Workload: "checkout", Strictness: anomaly.Strict},
			{Strictness: anomaly.Loose},
		},
	}
	if d := cmp.Diff(want, c.Anomalies.rules()); d != "" {
		t.Error(d)
	}
	families := []prom.Family{{
		Name: "own", Requests: "hits_total", Match: map[string]string{"job": "web"}, Errors: []prom.Match{{Label: "result", Pattern: "bad|worse"}},
		Latency: "hit_duration_milliseconds", Unit: 0.001, Namespace: "kubernetes_namespace", Pod: "kubernetes_pod_name",
	}}
	if d := cmp.Diff(families, c.Anomalies.families()); d != "" {
		t.Error(d)
	}
	log := slog.New(slog.DiscardHandler)
	clusters, err := connectClusters(t.Context(), c, Secrets{}, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	if m := watchMetrics(c, clusters[0], nil, (*store.Store)(nil), log); m == nil || m.Cluster != "prod" || m.Problem() != "" {
		t.Errorf("%+v", m)
	}
	clusters[0].prometheus = nil
	if m := watchMetrics(c, clusters[0], nil, (*store.Store)(nil), log); m != nil {
		t.Errorf("without a Prometheus: %+v", m)
	}
}
