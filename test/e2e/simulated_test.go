package e2e_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// TestSimulated is what a single real node cannot play, or what would disturb the tests on it: many pods, nodes that go, and an
// API server that goes. Its cluster has simulated nodes alone, and one thing happens in it at a time.
func TestSimulated(t *testing.T) {
	ahead(t)
	t.Parallel()
	c, err := cluster.Start(t.Context(), cluster.Config{Name: "e2e-simulated", Mode: cluster.KWOK})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	rules, err := readerRules()
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := c.UserKubeconfig(t.Context(), "autopilot", rules)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(cfg *stand.BotConfig) { cfg.Kubeconfig = kubeconfig })
	w.player, err = scenario.NewPlayer(c.RESTConfig(), nil)
	w.must(err)
	for _, s := range []struct {
		name string
		test func(*world, *cluster.Cluster)
	}{{"storm", storm}, {"node", nodeDown}, {"api server", apiServerAway}} {
		t.Run(s.name, func(t *testing.T) {
			w := *w
			w.t = t
			s.test(&w, c)
		})
	}
}

// simulated is a manifest of a Deployment for simulated nodes; fail is a way to fail, or nothing.
func simulated(name string, replicas int, fail, pod string) string {
	annotations := "{}"
	if fail != "" {
		annotations = fmt.Sprintf("{%s: %s}", cluster.FailAnnotation, fail)
	}
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}, annotations: %[3]s}
    spec:
      terminationGracePeriodSeconds: 0
      %[4]s
      containers: [{name: app, image: shop/%[1]s}]
`, name, replicas, annotations, pod)
}
