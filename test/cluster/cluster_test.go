package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/cluster"
)

// start runs a cluster for a test, which stops it.
func start(t *testing.T, cfg cluster.Config) *cluster.Cluster {
	t.Helper()
	began := time.Now()
	cfg.Progress = func(line string) { t.Logf("%6.1fs %s: %s", time.Since(began).Seconds(), cfg.Name, line) }
	c, err := cluster.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%6.1fs %s is ready", time.Since(began).Seconds(), cfg.Name)
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return c
}
