package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

func payload(id string) engine.Payload {
	return engine.Payload{ID: id, Kind: engine.PayloadSlash, Body: []byte(`{"a":"\u0000"}`), At: start.Truncate(time.Microsecond)}
}

func TestReceiveOnce(t *testing.T) {
	w := newWorld(t)
	var fresh atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			ok, err := w.Receive(t.Context(), payload("e1"), time.Minute)
			if err != nil {
				t.Error(err)
			}
			if ok {
				fresh.Add(1)
			}
		})
	}
	all.Wait()
	equal(t, "fresh", fresh.Load(), int32(1))
	w.must(w.Finish(t.Context(), "e1", ""))
	w.pass(24 * time.Hour)
	w.must(w.Sweep(t.Context()))
	ok, err := w.Receive(t.Context(), payload("e1"), time.Minute)
	w.must(err)
	equal(t, "fresh a day later", ok, false)
	_, err = w.Receive(t.Context(), engine.Payload{}, time.Minute)
	code(t, "without an id", err, engine.Invalid)
}

func TestAbandonedPayloads(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for n := range 5 {
		claim := time.Duration(0)
		if n == 4 {
			claim = time.Hour // its process is still at it
		}
		_, err := w.Receive(ctx, payload(fmt.Sprint("e", n)), claim)
		w.must(err)
		w.pass(time.Second)
	}
	w.must(w.Finish(ctx, "e0", ""))
	take := func(n int, claim time.Duration) (ids []string) {
		t.Helper()
		list, err := w.Abandoned(ctx, n, claim)
		w.must(err)
		for _, p := range list {
			equal(t, "payload", p, payload(p.ID))
			ids = append(ids, p.ID)
		}
		return ids
	}
	equal(t, "the oldest", take(2, time.Hour), []string{"e1", "e2"})
	equal(t, "the rest", take(9, 0), []string{"e3"})
	equal(t, "again, for its claim has run out", take(9, 0), []string{"e3"})
	w.must(w.Finish(ctx, "e3", "the button is unknown"))
	equal(t, "none", len(take(9, 0)), 0)
	equal(t, "problem", w.sql(`SELECT problem FROM inbox WHERE id = 'e3'`), "the button is unknown")
}

func TestPoisonousPayloadIsGivenUp(t *testing.T) {
	w := newWorld(t)
	_, err := w.Receive(t.Context(), payload("e1"), 0)
	w.must(err)
	tries := 0
	for range 20 {
		list, err := w.Abandoned(t.Context(), 9, 0)
		w.must(err)
		tries += len(list)
	}
	equal(t, "tries after the first", tries, 11)
	equal(t, "problem", w.sql(`SELECT finished_at IS NOT NULL, problem FROM inbox`), "true given up: it was begun 12 times and never finished")
}

func TestAbandonedIsClaimedOnce(t *testing.T) {
	w := newWorld(t)
	for n := range 30 {
		_, err := w.Receive(t.Context(), payload(fmt.Sprint("e", n)), 0)
		w.must(err)
	}
	var mu sync.Mutex
	seen := map[string]int{}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range 6 {
				list, err := w.Abandoned(t.Context(), 3, time.Hour)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				for _, p := range list {
					seen[p.ID]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	equal(t, "payloads", len(seen), 30)
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
}
