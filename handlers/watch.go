package handlers

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Leases shares the clusters out among replicas: one watches a cluster at a time.
type Leases interface {
	WatchCluster(ctx context.Context, cluster, holder string, ttl time.Duration) (bool, error)
	ClusterStatus(ctx context.Context, cluster string, synced time.Time, problem string) error
}

// Watched is a cluster that can be watched.
type Watched struct {
	Name   string
	Watch  func(ctx context.Context) error           // until ctx ends
	Status func() (synced time.Time, problem string) // while it is watched
}

// Watching keeps a watch on every cluster whose lease this replica holds.
type Watching struct {
	Leases Leases
	Holder string        // this replica's name; the same after a restart, so that it takes its own lease over
	TTL    time.Duration // of a lease; it is renewed three times within it
	Log    *slog.Logger
}

// Run watches the clusters until ctx ends.
func (w Watching) Run(ctx context.Context, clusters []Watched) {
	var wg sync.WaitGroup
	for _, c := range clusters {
		wg.Go(func() { w.hold(ctx, c) })
	}
	wg.Wait()
}

// hold takes and renews the lease of one cluster, and watches while it has it. When the lease cannot be renewed the watch goes on
// until it has run out: two replicas that watch for a moment do no harm, for the store folds what both observe into one.
func (w Watching) hold(ctx context.Context, c Watched) {
	var current *running
	var until time.Time
	defer func() { current.end() }()
	tick := time.NewTicker(w.TTL / 3)
	defer tick.Stop()
	for {
		held, err := w.Leases.WatchCluster(ctx, c.Name, w.Holder, w.TTL)
		switch {
		case err != nil:
			w.Log.WarnContext(ctx, "lease not renewed", "cluster", c.Name, "error", err)
			if time.Now().After(until) {
				current.end()
				current = nil
			}
		case !held:
			current.end()
			current = nil
		default:
			until = time.Now().Add(w.TTL)
			if current == nil {
				current = w.begin(ctx, c)
			}
			synced, problem := c.Status()
			if err := w.Leases.ClusterStatus(ctx, c.Name, synced, problem); err != nil {
				w.Log.WarnContext(ctx, "cluster status not kept", "cluster", c.Name, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// running is a watch that goes on.
type running struct {
	stop context.CancelFunc
	done chan struct{}
}

// end stops the watch and waits for it; no watch is ended already.
func (r *running) end() {
	if r != nil {
		r.stop()
		<-r.done
	}
}

func (w Watching) begin(ctx context.Context, c Watched) *running {
	ctx, stop := context.WithCancel(ctx)
	r := &running{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		w.watch(ctx, c)
	}()
	return r
}

// watch runs one watch and starts it again when it fails, until ctx ends.
func (w Watching) watch(ctx context.Context, c Watched) {
	for ctx.Err() == nil {
		w.Log.InfoContext(ctx, "watching", "cluster", c.Name)
		if err := c.Watch(ctx); err != nil && ctx.Err() == nil {
			w.Log.ErrorContext(ctx, "watch ended", "cluster", c.Name, "error", err, "code", engine.CodeOf(err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.TTL / 3):
		}
	}
}
