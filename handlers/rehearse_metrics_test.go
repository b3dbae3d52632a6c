package handlers

import (
	"fmt"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// TestRecall takes three days of two Deployments' metrics through the watch: errors that never were before become one incident, in which
// an alert about the same workload is too, and it ends when they do; what a rollout uses more is nothing.
func TestRecall(t *testing.T) {
	const day = 24 * time.Hour
	r := NewRecall("prod", anomaly.Rules{Interval: 5 * time.Minute, WarmUp: day, Post: anomaly.PostAll})
	pods := func(hash string) map[engine.Workload][]string {
		out := map[engine.Workload][]string{}
		for _, name := range []string{"cart-7f9c6d5b4-x2x4z", "cart-7f9c6d5b4-q8q8q", "front-" + hash + "-b8k2m"} {
			w, ok := r.Owner("shop", name)
			if !ok {
				t.Fatalf("whose is %s", name)
			}
			out[w] = append(out[w], name)
		}
		return out
	}
	of := func(name string) engine.Workload {
		return engine.Workload{Cluster: "prod", Namespace: "shop", Kind: "Deployment", Name: name}
	}
	if _, ok := r.Owner("shop", "lonely"); ok {
		t.Error("a bare name is somebody's")
	}
	broke := noon.Add(2*day + 3*time.Hour)
	for at := noon; at.Before(noon.Add(3 * day)); at = at.Add(5 * time.Minute) {
		n := int(at.Sub(noon) / (5 * time.Minute))
		jitter := float64(n*7919%13) / 100
		cart := anomaly.Values{engine.MeasureRequests: 50 + jitter, engine.MeasureErrors: 0.001 * jitter, engine.MeasureCPU: 0.2 + jitter/10}
		if at.After(broke) && at.Before(broke.Add(time.Hour)) {
			cart[engine.MeasureErrors] = 0.4
		}
		hash, cpu := "7f9c6d5b4", 0.2+jitter/10
		if at.After(broke) {
			hash, cpu = "6b6b6b6b6", 2+jitter/10
		}
		r.At(at, map[engine.Workload]anomaly.Values{of("cart"): cart, of("front"): {engine.MeasureCPU: cpu}}, pods(hash))
	}
	if r.Workloads() != 2 || r.Strange() != 1 {
		t.Fatalf("%d of %d workloads: %+v", r.Strange(), r.Workloads(), r.Observations())
	}
	alerts, _ := Observations("prod", []engine.Alert{{
		Fingerprint: "a", Labels: map[string]string{"alertname": "HighErrorRate", "namespace": "shop", "pod": "cart-7f9c6d5b4-x2x4z"},
		StartsAt: broke.Add(20 * time.Minute), EndsAt: broke.Add(50 * time.Minute),
	}})
	got := Replay(append(alerts, r.Observations()...), replayRules, noon, noon.Add(4*day))
	if len(got.Incidents) != 1 || got.Cards != 1 {
		t.Fatalf("%d incidents, %d cards: %+v", len(got.Incidents), got.Cards, got.Incidents)
	}
	i := got.Incidents[0]
	if i.Workload != of("cart") || i.IsOpen() || i.DetectedAt.Before(broke) || i.DetectedAt.After(broke.Add(10*time.Minute)) || i.ResolvedAt.Before(broke.Add(time.Hour)) || i.ResolvedAt.After(broke.Add(90*time.Minute)) {
		t.Errorf("%s from %s to %s, status %s", i.Workload, i.DetectedAt, i.ResolvedAt, i.Status)
	}
	sources := map[engine.Source]int{}
	for _, s := range i.Signals {
		sources[s.Source]++
	}
	if fmt.Sprint(sources) != fmt.Sprint(map[engine.Source]int{engine.SourceAlert: 1, engine.SourceMetrics: 1}) {
		t.Errorf("signals by source: %v", sources)
	}
	if n := Noise("prod", nil, got.Incidents, noon); len(n) != 0 {
		t.Errorf("metrics are no alerts: %+v", n)
	}
}
