package store_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestClusterLease(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	watch := func(holder string, ttl time.Duration) bool {
		t.Helper()
		held, err := w.WatchCluster(ctx, "prod", holder, ttl)
		w.must(err)
		return held
	}
	var holders atomic.Int32
	var all sync.WaitGroup
	for n := range 10 {
		all.Go(func() {
			if watch(string(rune('a'+n)), time.Hour) {
				holders.Add(1)
			}
		})
	}
	all.Wait()
	equal(t, "holders", holders.Load(), int32(1))
	holder := w.sql(`SELECT holder FROM cluster_lease`)
	equal(t, "renewed", watch(holder, 20*time.Millisecond), true)
	await(t, "the lease to run out", func() bool { return watch("other", time.Hour) })
	equal(t, "the former holder", watch(holder, time.Hour), false)
	_, err := w.WatchCluster(ctx, "prod", "", time.Hour)
	code(t, "nobody", err, engine.Invalid)
}

func TestOverview(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.HomeOpened(ctx, ada))
	w.open(api)
	mild := w.signal(node, engine.ClassNodePressure)
	mild.Severity = engine.Warning
	w.watch(node, mild)
	cart := engine.Workload{Cluster: "dev", Namespace: "shop", Kind: "Deployment", Name: "cart"}
	w.open(cart)
	w.must(w.decide("r", engine.ActionResolve, ada, 3))
	_, err := w.WatchCluster(ctx, "prod", "replica-a", time.Hour)
	w.must(err)
	synced := start.Truncate(time.Microsecond)
	w.must(w.ClusterStatus(ctx, "prod", synced, ""))
	w.must(w.ClusterStatus(ctx, "prod", synced.Add(-time.Minute), ""))
	w.must(w.ClusterStatus(ctx, "dev", time.Time{}, "the API server does not answer"))
	w.must(w.SawWatchdog(ctx, "prod", synced.Add(time.Minute)))
	w.must(w.SawWatchdog(ctx, "prod", synced))

	o, err := w.Overview(ctx)
	w.must(err)
	ids := func(list []engine.Incident) (ids []int64) {
		for _, i := range list {
			ids = append(ids, i.ID)
		}
		return ids
	}
	equal(t, "open", ids(o.Open), []int64{2, 1})
	equal(t, "resolved", ids(o.Resolved), []int64{3})
	equal(t, "by severity", o.BySev, map[engine.Severity]int{engine.Critical: 1, engine.Warning: 1})
	equal(t, "clusters", o.Clusters, []engine.ClusterState{
		{Name: "dev", Error: "the API server does not answer"},
		{Name: "prod", Watched: true, Holder: "replica-a", SyncedAt: synced, OpenCount: 2},
	})
	equal(t, "watchdog", o.Watchdog, synced.Add(time.Minute))
	equal(t, "at", o.At, synced)

	_, err = w.WatchCluster(ctx, "dev", "replica-a", time.Hour)
	w.must(err)
	w.must(w.SawWatchdog(ctx, "dev", synced.Add(-time.Hour)))
	w.must(w.SawWatchdog(ctx, "removed", synced.Add(-48*time.Hour)))
	o, err = w.Overview(ctx)
	w.must(err)
	equal(t, "watchdog of the cluster that is silent", o.Watchdog, synced.Add(-time.Hour))

	w.pass(25 * time.Hour)
	o, err = w.Overview(ctx)
	w.must(err)
	equal(t, "resolved a day later", len(o.Resolved), 0)
}

func TestClusterProblemShowsOnHome(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.must(w.HomeOpened(ctx, ada))
	w.deliver()
	w.must(w.ClusterStatus(ctx, "prod", start, ""))
	w.idle("a cluster that is well is no news")
	w.must(w.ClusterStatus(ctx, "prod", start, "forbidden"))
	equal(t, "a problem", w.deliver(), "home/U1")
	w.must(w.ClusterStatus(ctx, "prod", start, "forbidden"))
	w.idle("the problem is known")
}
