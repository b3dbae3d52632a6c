package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

// TestStorm opens thirty incidents at the same time: three have a card, one message tells all, and those that go on get their cards when it
// is over.
func TestStorm(t *testing.T) {
	w := &world{t: t, clock: start, url: storetest.URL(t)}
	stormy := func() incident.Rules {
		r := rules()
		r.Storm = incident.StormRule{More: 3, Within: 5 * time.Minute}
		return r
	}
	w.Store = storetest.Open(t, w.url, store.Options{Rules: stormy, Now: w.now})
	of := func(n int) engine.Workload {
		return engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: fmt.Sprint("w", n)}
	}
	var all sync.WaitGroup
	for n := range 30 {
		all.Go(func() {
			s := w.signal(of(n), engine.ClassCrashLoop)
			if err := w.Observe(t.Context(), engine.Observation{Source: engine.SourceWatch, Workload: of(n), Signals: []engine.Signal{s}, Complete: true, At: w.now()}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	equal(t, "cards", w.sql(`SELECT key FROM messages WHERE kind = 'card' ORDER BY key`), "incident/1/card\nincident/2/card\nincident/3/card")
	equal(t, "one storm", w.sql(`SELECT id, cluster, channel, version, ended_at IS NULL FROM storms`), "4 prod #incidents 27 true")
	equal(t, "its message", w.sql(`SELECT key, lane, wanted FROM messages WHERE kind = 'storm'`), "storm/4 #incidents 27")
	equal(t, "one task", w.sql(`SELECT count(*) FROM river_job WHERE kind = 'storm'`), "1")
	storm, err := w.Storm(t.Context(), 4)
	w.must(err)
	equal(t, "its incidents", len(storm.Incidents), 30)
	_, err = w.Storm(t.Context(), 9)
	code(t, "another", err, engine.NotFound)

	// What is new of one of them is new of the message.
	w.must(w.decide("ack", engine.ActionAcknowledge, ada, 20))
	equal(t, "stirred", w.sql(`SELECT wanted FROM messages WHERE kind = 'storm'`), "28")

	w.must(w.Calm(t.Context(), 4)) // too early
	w.pass(10 * time.Minute)
	w.must(w.Calm(t.Context(), 4)) // too many are open
	equal(t, "lasts", w.sql(`SELECT count(*) FROM storms WHERE ended_at IS NULL`), "1")
	for _, i := range storm.Incidents {
		if i.ID != 10 && i.ID != 20 {
			w.watch(i.Workload)
		}
	}
	w.pass(10 * time.Minute)
	for _, i := range storm.Incidents {
		w.must(w.Settle(t.Context(), i.ID))
	}
	w.must(w.Calm(t.Context(), 4))
	w.must(w.Calm(t.Context(), 4)) // over already
	equal(t, "ended", w.sql(`SELECT count(*) FROM storms WHERE ended_at IS NULL`), "0")
	equal(t, "cards of those that go on", w.sql(`SELECT key FROM messages WHERE kind = 'card' AND subject > 3 ORDER BY subject`), "incident/10/card\nincident/20/card")
	equal(t, "held back", w.sql(`SELECT count(*) FROM incidents WHERE held`), "0")
	equal(t, "told to the end", w.sql(`SELECT m.wanted = s.version FROM messages m, storms s WHERE m.kind = 'storm'`), "true")
}
