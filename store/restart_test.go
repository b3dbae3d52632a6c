package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

// PostgreSQL goes away and comes back under a store that observes, works and delivers: what was accepted is there, what was
// not says so, and everything goes on by itself.
func TestDatabaseRestarts(t *testing.T) {
	ctx := t.Context()
	server, err := storetest.StartServer(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, url: server.URL("devops_brain")}
	w.must(server.CreateDatabase(ctx, "devops_brain"))
	w.must(store.Migrate(ctx, w.url))
	w.Store = storetest.Open(t, w.url, store.Options{Rules: rules, Log: slog.New(slog.DiscardHandler)})
	w.clock = time.Now()

	var mu sync.Mutex
	diagnosed := map[int64]bool{}
	stop := w.work(w.Store, handlers{engine.TaskDiagnose: func(_ context.Context, task engine.Task) error {
		mu.Lock()
		defer mu.Unlock()
		diagnosed[task.IncidentID] = true
		return nil
	}})
	waking, unwake := context.WithCancel(ctx)
	wake := w.Wake(waking)
	observe := func(n int) error {
		of := api
		of.Name = fmt.Sprint("api-", n)
		return w.Observe(ctx, engine.Observation{Source: engine.SourceWatch, Workload: of, Signals: []engine.Signal{w.signal(of, engine.ClassCrashLoop)}, At: w.now()})
	}
	known := func(n int) bool {
		mu.Lock()
		defer mu.Unlock()
		return diagnosed[int64(n)]
	}
	w.must(observe(1))
	await(t, "the first diagnosis", func() bool { return known(1) })

	for outage := range 2 {
		w.must(server.Stop(ctx))
		for name, f := range map[string]func() error{
			"observe": func() error { return observe(2 + outage) },
			"read":    func() error { _, err := w.Incident(ctx, 1); return err },
			"receive": func() error { _, err := w.Receive(ctx, payload("e1"), time.Minute); return err },
			"lease":   func() error { _, _, err := w.Lease(ctx, "a", ttl); return err },
			"check":   func() error { return w.Check(ctx) },
		} {
			code(t, name+" without a database", f(), engine.Unavailable)
		}
		w.must(server.Start(ctx))
		await(t, "the database to be of use again", func() bool { return observe(2+outage) == nil })
		await(t, "the tasks to go on", func() bool { return known(2 + outage) })
		await(t, "the wake to listen again", func() bool {
			return w.sql(`SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN autopilot%'`) == "1"
		})
	}
	equal(t, "incidents", w.sql(`SELECT count(*), max(id) FROM incidents`), "3 3")
	for n := range 3 {
		equal(t, "card", w.deliver(), engine.CardKey(int64(n+1)))
	}
	w.must(w.VerifyAudit(ctx))
	stop()
	unwake()
	for range wake {
	}
}

// A caller who gives up gets its word at once, and no transaction is left behind.
func TestContextIsObeyed(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code(t, "observe", w.Observe(ctx, engine.Observation{Source: engine.SourceWatch, Workload: node, At: w.now()}), engine.Unavailable)
	_, err := w.Incident(ctx, 1)
	code(t, "incident", err, engine.Unavailable)
	_, _, err = w.Lease(ctx, "a", ttl)
	code(t, "lease", err, engine.Unavailable)
	code(t, "ping", w.Ping(ctx), engine.Unavailable)
	equal(t, "transactions left behind", w.sql(`SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()`), "0")
}
