package store_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
)

const ttl = time.Minute

// next leases the next message; it fails the test when there is none.
func (w *world) next() engine.Delivery {
	w.t.Helper()
	d, ok, err := w.Lease(w.t.Context(), "a", ttl)
	w.must(err)
	if !ok {
		w.t.Fatalf("nothing is due; messages:\n%s\nlanes:\n%s",
			w.sql(`SELECT key, lane, wanted, shown, ts, retry_at, dropped FROM messages`), w.sql(`SELECT * FROM lanes`))
	}
	return d
}

func (w *world) idle(why string) {
	w.t.Helper()
	d, ok, err := w.Lease(w.t.Context(), "a", ttl)
	w.must(err)
	if ok {
		w.t.Fatalf("%s is due, though %s", d.Key, why)
	}
}

// deliver delivers the next message and gives its key.
func (w *world) deliver() string {
	w.t.Helper()
	d := w.next()
	w.must(w.BeginPost(w.t.Context(), d.Key))
	w.must(w.Delivered(w.t.Context(), d.Key, d.Version, "C1", "ts-"+d.Key, 0))
	return d.Key
}

// declare makes messages wanted, as plans do.
func (w *world) declare(messages ...engine.Message) {
	w.t.Helper()
	w.must(store.Declare(w.t.Context(), w.Store, messages...))
}

func card(id int64, channel string, version int64) engine.Message {
	return engine.Message{Key: engine.CardKey(id), Kind: engine.MessageCard, Subject: id, Channel: channel, Version: version}
}

func event(id, n int64, channel string) engine.Message {
	return engine.Message{
		Key: fmt.Sprintf("incident/%d/event/%d", id, n), Kind: engine.MessageEvent, Subject: id, Detail: n, Channel: channel,
		ThreadKey: engine.CardKey(id), Version: 1,
	}
}

func TestDeliveryInOrder(t *testing.T) {
	w := newWorld(t)
	w.declare(card(1, "#a", 1), event(1, 2, "#a"), card(2, "#a", 1), event(2, 2, "#a"), event(1, 3, "#a"))
	d := w.next()
	equal(t, "first", d, engine.Delivery{Message: card(1, "#a", 1), Declared: start.Truncate(time.Microsecond)})
	w.idle("its channel is leased")
	w.must(w.BeginPost(t.Context(), d.Key))
	w.must(w.Delivered(t.Context(), d.Key, 1, "C1", "100.1", time.Second))
	w.idle("the channel rests for a second")
	w.pass(time.Second)

	d = w.next()
	want := engine.Delivery{Message: event(1, 2, "#a"), ThreadTS: "100.1", Declared: start.Truncate(time.Microsecond)}
	equal(t, "second", d, want)
	w.must(w.Delivered(t.Context(), d.Key, 1, "C1", "100.2", 0))
	for _, key := range []string{"incident/2/card", "incident/2/event/2", "incident/1/event/3"} {
		equal(t, "next", w.deliver(), key)
	}
	w.idle("all are shown")
	equal(t, "where the card is", w.sql(`SELECT channel_id, ts, posting FROM messages WHERE key = 'incident/1/card'`), "C1 100.1 false")
}

func TestThreadOfAnIncident(t *testing.T) {
	w := newWorld(t)
	w.open(api)
	d := w.next()
	w.must(w.Delivered(t.Context(), d.Key, d.Version, "C9", "77.1", 0))
	equal(t, "thread", w.incident(1).Thread, engine.Thread{Channel: "C9", TS: "77.1"})
	equal(t, "thread in a list", w.find(engine.IncidentFilter{})[0].Thread, engine.Thread{Channel: "C9", TS: "77.1"})
}

func TestEditsCoalesce(t *testing.T) {
	w := newWorld(t)
	w.declare(card(1, "#a", 1), card(2, "#a", 1))
	w.declare(card(1, "#a", 2), card(1, "#a", 5), card(1, "#a", 3))
	d := w.next()
	equal(t, "it keeps its place and only the newest counts", []any{d.Key, d.Version}, []any{"incident/1/card", int64(5)})
	w.declare(card(1, "#a", 6)) // while version 5 is on its way
	w.must(w.Delivered(t.Context(), d.Key, 5, "C1", "1.1", 0))
	d = w.next()
	equal(t, "what changed on its way is due at once", []any{d.Key, d.Version, d.TS, d.ChannelID}, []any{"incident/1/card", int64(6), "1.1", "C1"})
	w.must(w.Delivered(t.Context(), d.Key, 6, "C1", "1.1", 0))

	w.declare(card(1, "#a", 6), card(1, "#a", 4))
	w.declare(card(1, "#a", 7))
	equal(t, "an edit of what is shown waits behind what was not", []string{w.deliver(), w.deliver()}, []string{"incident/2/card", "incident/1/card"})
	w.idle("an older version is no change")
}

func TestFailureHoldsUpOnlyItsThread(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.declare(card(1, "#a", 1), event(1, 2, "#a"), card(2, "#a", 1), event(2, 2, "#a"))
	d := w.next()
	w.must(w.BeginPost(ctx, d.Key))
	w.must(w.Failed(ctx, d.Key, "timeout", w.now().Add(time.Minute)))
	equal(t, "the others go on", []string{w.deliver(), w.deliver()}, []string{"incident/2/card", "incident/2/event/2"})
	w.idle("the retry's time has not come")
	w.pass(time.Minute)
	d = w.next()
	equal(t, "again", []any{d.Key, d.Posting, d.Attempt}, []any{"incident/1/card", true, 1})
	w.must(w.Failed(ctx, d.Key, "timeout", w.now()))
	equal(t, "attempts", w.next().Attempt, 2)
	w.must(w.Delivered(ctx, d.Key, 1, "C1", "1.1", 0))
	equal(t, "after that its thread", w.deliver(), "incident/1/event/2")
	equal(t, "nothing is remembered of the failures", w.sql(`SELECT attempts, problem, posting, retry_at FROM messages WHERE key = 'incident/1/card'`), "0  false <nil>")
}

func TestLater(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.declare(card(1, "#a", 1), card(2, "#a", 1))
	w.must(w.Delivered(ctx, w.next().Key, 1, "C1", "1.1", 0))
	w.must(w.Delivered(ctx, w.next().Key, 1, "C1", "1.2", 0))
	w.declare(card(1, "#a", 2), card(2, "#a", 2))
	w.must(w.Later(ctx, w.next().Key, w.now().Add(time.Second)))
	equal(t, "the others go on", w.deliver(), "incident/2/card")
	w.declare(card(1, "#a", 3))
	w.idle("its time has not come, for a newer version neither")
	w.pass(time.Second)
	d := w.next()
	equal(t, "the newest, and no failure", []any{d.Key, d.Version, d.Attempt}, []any{"incident/1/card", int64(3), 0})
	w.must(w.Delivered(ctx, d.Key, 3, "C1", "1.1", 0))
	equal(t, "it is no more put off", w.sql(`SELECT retry_at FROM messages WHERE key = 'incident/1/card'`), "<nil>")
}

func TestLostMessageIsPostedAnew(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.declare(card(1, "#a", 1), event(1, 2, "#a"))
	w.deliver()
	w.declare(card(1, "#a", 2), event(1, 3, "#a"))
	equal(t, "order", w.deliver(), "incident/1/event/2")
	d := w.next()
	w.must(w.Lost(ctx, d, "message_not_found", w.now(), ""))
	d = w.next()
	equal(t, "anew in its channel", []any{d.Key, d.TS, d.ChannelID, d.Posting, d.Channel}, []any{"incident/1/card", "", "", false, "#a"})
	w.must(w.Lost(ctx, d, "is_archived", w.now(), "#fallback"))
	d = w.next()
	equal(t, "in the fallback channel", []any{d.Key, d.Channel}, []any{"incident/1/card", "#fallback"})
	w.must(w.Delivered(ctx, d.Key, 2, "C2", "2.1", 0))
	d = w.next()
	equal(t, "what waited in its thread follows", []any{d.Key, d.Channel, d.ThreadTS}, []any{"incident/1/event/3", "#fallback", "2.1"})
	w.must(w.Delivered(ctx, d.Key, 1, "C2", "2.2", 0))
	w.declare(event(1, 4, "#a"))
	equal(t, "and what comes later", w.next().Channel, "#fallback")
}

// TestALossIsSeenToOnce has a reply that finds its channel gone long after its lease, when its thread has gone elsewhere already.
func TestALossIsSeenToOnce(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.declare(card(1, "#a", 1))
	w.deliver()
	w.declare(event(1, 2, "#a"))
	late := w.next()
	w.must(w.Lost(ctx, late, "is_archived", w.now(), "#fallback"))
	d := w.next()
	equal(t, "the thread is begun anew before its reply", []any{d.Key, d.TS, d.Channel}, []any{"incident/1/card", "", "#fallback"})
	w.must(w.BeginPost(ctx, d.Key))

	w.must(w.Lost(ctx, late, "is_archived", w.now(), "#fallback"))
	w.idle("the card is being posted")
	equal(t, "what is being posted", w.sql(`SELECT posting FROM messages WHERE key = 'incident/1/card'`), "true")
	w.must(w.Delivered(ctx, d.Key, 1, "C2", "2.1", 0))

	w.must(w.Lost(ctx, late, "is_archived", w.now(), "#third"))
	d = w.next()
	equal(t, "the card stays, and the reply follows it", []any{d.Key, d.Channel, d.ThreadTS}, []any{"incident/1/event/2", "#fallback", "2.1"})
}

func TestDrop(t *testing.T) {
	w := newWorld(t)
	w.declare(card(1, "#a", 1), event(1, 2, "#a"), card(2, "#a", 1))
	d := w.next()
	w.must(w.Drop(t.Context(), d.Key, "invalid_blocks"))
	w.declare(card(1, "#a", 2), event(1, 3, "#a"))
	equal(t, "next", w.deliver(), "incident/2/card")
	w.idle("the card and its thread were given up")
	equal(t, "given up", w.sql(`SELECT key, problem FROM messages WHERE dropped ORDER BY key`),
		"incident/1/card invalid_blocks\nincident/1/event/2 its thread was given up\nincident/1/event/3 its thread was given up")

	w.declare(card(2, "#a", 2), event(2, 2, "#a"))
	d = w.next()
	w.must(w.Drop(t.Context(), d.Key, "its edit was refused"))
	equal(t, "the thread of a card that is there goes on", w.deliver(), "incident/2/event/2")
}

func TestPauses(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.declare(card(1, "#a", 1), card(2, "#b", 1), card(3, "#a", 1))
	equal(t, "first", w.deliver(), "incident/1/card")
	d := w.next() // in #b
	w.must(w.Pause(ctx, "#b", w.now().Add(30*time.Second)))
	equal(t, "the other channel goes on", w.deliver(), "incident/3/card")
	w.idle("#b is paused")
	w.pass(30 * time.Second)
	equal(t, "after the pause", []any{w.next().Key, d.Attempt}, []any{"incident/2/card", 0})
	w.must(w.Delivered(ctx, d.Key, 1, "C2", "2.1", 0))

	w.declare(card(1, "#a", 2), card(2, "#b", 2))
	w.must(w.Pause(ctx, "C2", w.now().Add(time.Minute))) // by the channel's id
	equal(t, "the other channel", w.deliver(), "incident/1/card")
	w.idle("the channel of that id is paused")
	w.pass(time.Minute)

	w.next()
	w.declare(card(9, "#new", 1))
	w.must(w.Pause(ctx, "", w.now().Add(time.Hour)))
	w.idle("all is paused, channels that are new too")
	w.pass(time.Hour)
	equal(t, "after the pause of all", w.deliver(), "incident/9/card")
}

func TestPauseOfAllEndsTheLeasesWithIt(t *testing.T) {
	w := newWorld(t)
	w.declare(card(1, "#a", 1))
	w.next()
	w.must(w.Pause(t.Context(), "", w.now().Add(50*time.Millisecond)))
	w.pass(50 * time.Millisecond)
	await(t, "the message to be due again", func() bool {
		_, ok, err := w.Lease(t.Context(), "b", ttl)
		return ok && err == nil
	})
}

func TestLeaseThatRanOut(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	other := storetest.Open(t, w.url, store.Options{Rules: rules, Now: w.now})
	w.declare(card(1, "#a", 1), card(2, "#a", 1))
	d, _, err := w.Lease(ctx, "a", 2*time.Second)
	w.must(err)
	w.must(w.BeginPost(ctx, d.Key))
	var again engine.Delivery
	await(t, "the lease to run out", func() bool {
		var ok bool
		again, ok, err = other.Lease(ctx, "b", ttl)
		return ok && err == nil
	})
	equal(t, "the other replica must look before it posts", []any{again.Key, again.Posting}, []any{d.Key, true})
	code(t, "a late post", w.BeginPost(ctx, d.Key), engine.Conflict)
	w.must(w.Delivered(ctx, d.Key, 1, "C1", "1.1", 0)) // the first one was only slow
	w.idle("its late word does not free the other's lease")
	w.must(other.Delivered(ctx, d.Key, 1, "C1", "1.1", 0))
	equal(t, "then", w.deliver(), "incident/2/card")
}

func TestRestartedHolderGetsItsLaneBack(t *testing.T) {
	w := newWorld(t)
	w.declare(card(1, "#a", 1))
	d := w.next()
	w.must(w.BeginPost(t.Context(), d.Key))
	w.idle("it has just been leased: what was posted may not be in Slack's history yet")
	w.sql(`UPDATE lanes SET leased_until = leased_until - interval '3 seconds' WHERE lane = '#a'`)
	if _, ok, err := w.Lease(t.Context(), "b", ttl); ok || err != nil {
		t.Errorf("another holder gets the lane: %t, %v", ok, err)
	}
	again := w.next()
	equal(t, "the holder gets it back, and looks before it posts", []any{again.Key, again.Posting}, []any{d.Key, true})
	w.must(w.Delivered(t.Context(), d.Key, 1, "C1", "1.1", 0))
	w.idle("it is shown")
}

// Two replicas drain five channels: each channel in order, no message twice, no two messages of a channel at once.
func TestTwoReplicasDrain(t *testing.T) {
	w := newWorld(t)
	other := storetest.Open(t, w.url, store.Options{Rules: rules, Now: w.now})
	const channels, each = 5, 12
	for n := range int64(each) {
		for c := range int64(channels) {
			w.declare(card(c*100+n+1, fmt.Sprint("#", c), 1))
		}
	}
	var mu sync.Mutex
	sent, busy := map[string][]int64{}, map[string]bool{}
	var all sync.WaitGroup
	for k, s := range []*store.Store{w.Store, other, w.Store, other} {
		all.Go(func() {
			for {
				d, ok, err := s.Lease(t.Context(), fmt.Sprint(k), ttl)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				count := 0
				for _, list := range sent {
					count += len(list)
				}
				if ok && busy[d.Channel] {
					t.Errorf("%s is leased twice", d.Channel)
				}
				if ok {
					busy[d.Channel] = true
					sent[d.Channel] = append(sent[d.Channel], d.Subject)
				}
				mu.Unlock()
				if !ok {
					if count == channels*each {
						return
					}
					time.Sleep(time.Millisecond)
					continue
				}
				if err := s.BeginPost(t.Context(), d.Key); err != nil {
					t.Error(err)
				}
				mu.Lock()
				busy[d.Channel] = false
				mu.Unlock()
				if err := s.Delivered(t.Context(), d.Key, d.Version, "C", "1", 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for c, list := range sent {
		if len(list) != each || !slices.IsSorted(list) {
			t.Errorf("%s got %v", c, list)
		}
	}
}

func TestHome(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	code(t, "nobody", w.HomeOpened(ctx, engine.Person{}), engine.Invalid)
	w.must(w.HomeOpened(ctx, ada))
	d := w.next()
	equal(t, "home", []any{d.Key, d.Kind, d.Person, d.Channel, d.Version}, []any{"home/U1", engine.MessageHome, "U1", "", int64(1)})
	w.must(w.HomeOpened(ctx, grace))
	equal(t, "each tab is its own lane", w.next().Key, "home/U2")
	w.must(w.Delivered(ctx, "home/U1", 1, "", "", 0))
	w.must(w.Delivered(ctx, "home/U2", 1, "", "", 0))
	w.idle("both are shown")

	w.pass(7 * time.Hour)
	w.must(w.HomeOpened(ctx, grace))
	w.must(w.Delivered(ctx, w.next().Key, 2, "", "", 0))
	w.pass(2 * time.Hour) // Ada's was seen nine hours ago
	for n := range 3 {
		of := api
		of.Name = fmt.Sprint("api-", n)
		w.open(of)
	}
	var due []string
	for range 4 {
		due = append(due, w.deliver())
	}
	equal(t, "three changes are one drawing of the one tab that is looked at", strings.Join(due, " "),
		"incident/1/card incident/2/card incident/3/card home/U2")
	w.idle("all is shown")
	equal(t, "changes that wait", w.sql(`SELECT count(*) FROM home_changes`), "0")
	w.must(w.SetPause(ctx, engine.Decision{ID: "p", Action: engine.ActionPause, By: ada, At: w.now(), Allowed: true}))
	equal(t, "a pause shows there too", w.deliver(), "home/U2")
}

func TestWake(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := w.Wake(ctx), w.Wake(ctx)
	await(t, "a connection to listen", func() bool {
		return w.sql(`SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`) == "1"
	})
	drain(first)
	began := time.Now()
	w.declare(card(1, "#a", 1))
	for _, c := range []<-chan struct{}{first, second} {
		select {
		case <-c:
		case <-time.After(2 * time.Minute):
			t.Fatal("no wake")
		}
	}
	t.Logf("woken after %s", time.Since(began))
	cancel()
	for range first {
	}
	for range second {
	}
	await(t, "nobody to listen", func() bool {
		return w.sql(`SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`) == "0"
	})
}

func drain(c <-chan struct{}) {
	for {
		select {
		case <-c:
		default:
			return
		}
	}
}

// await waits until f holds, for as long as a loaded machine may need.
func await(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
