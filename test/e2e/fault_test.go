package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// noDoubles asserts that no message of the bot stands twice: one card of the workload, and no line of its thread a second time.
func (w *world) noDoubles(subject, ts string) {
	w.t.Helper()
	cards, err := w.reader.Cards(w.t.Context(), subject)
	w.must(err)
	if len(cards) != 1 {
		w.t.Errorf("%d cards of %s, want one", len(cards), subject)
	}
	thread, err := w.slack.Control().Thread(w.t.Context(), w.reader.Channel, ts, w.people["ana"])
	w.must(err)
	keys := map[string]int{}
	for _, m := range thread {
		if m.Metadata == nil {
			w.t.Errorf("a message without its key: %s", reader.Text(m))
			continue
		}
		keys[fmt.Sprint(m.Metadata.EventPayload["key"])]++
	}
	for key, n := range keys {
		if n != 1 {
			w.t.Errorf("message %s stands %d times", key, n)
		}
	}
	if w.t.Failed() {
		w.t.Log(w.channelText())
	}
}

// TestKilled kills the bot at random moments from the fault to its resolution: nothing is lost and nothing is said twice.
func TestKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, only("killed"))
	s := fault(t, "crash", "killed")
	random := rand.New(rand.NewPCG(1, 2))
	kill := func() {
		t.Helper()
		time.Sleep(time.Duration(random.IntN(2500)) * time.Millisecond)
		w.must(w.bot.Kill())
		w.must(w.bot.Start(t.Context()))
	}
	t.Cleanup(func() { w.must(w.player.End(context.Background(), s)) })
	w.must(w.player.Begin(t.Context(), s))
	w.must(w.player.Break(t.Context(), s))
	for range 4 {
		kill()
	}
	card := w.card(90*time.Second, "killed/api", "db:5432")
	w.ready()
	// An acknowledged click is never lost, whenever the process dies after it.
	w.press("ana", card.TS, "Acknowledge")
	w.must(w.bot.Kill())
	w.must(w.bot.Start(t.Context()))
	w.card(90*time.Second, "killed/api", "Acknowledged by")
	w.must(w.player.Fix(t.Context(), s))
	for range 2 {
		kill()
	}
	w.card(120*time.Second, "killed/api", "(resolved)")
	w.noDoubles("killed/api", card.TS)
}

// TestDatabaseOutage stops PostgreSQL while a workload breaks. A click meanwhile is refused by Slack's own error, for it could not be
// stored; the incident is told when the database is back.
func TestDatabaseOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, only("outage"))
	first := fault(t, "config", "outage-a")
	card := w.breakIt(first)
	w.must(w.postgres.Stop(t.Context()))
	o, err := w.reader.Press(t.Context(), w.people["ana"], card.TS, "Acknowledge")
	w.must(err)
	if o.OK {
		t.Error("a click was acknowledged to Slack although it could not be stored")
	}
	second := fault(t, "config", "outage-b")
	t.Cleanup(func() { w.must(w.player.End(context.Background(), second)) })
	w.must(w.player.Begin(t.Context(), second))
	w.must(w.player.Break(t.Context(), second))
	time.Sleep(20 * time.Second) // the outage that is wanted
	w.must(w.postgres.Start(t.Context()))
	later := w.card(90*time.Second, "outage-b/book", "book-config")
	w.noDoubles("outage-b/book", later.TS)
	w.noDoubles("outage-a/book", card.TS)
	if m, _, err := w.reader.Card(t.Context(), "outage-a/book"); err != nil || reader.Has(m, "Acknowledged by") {
		t.Errorf("the refused click was carried out later (%v)", err)
	}
	w.press("ana", card.TS, "Acknowledge")
	w.card(30*time.Second, "outage-a/book", "Acknowledged by")
}

// TestSlackTrouble drops the sockets, withholds Slack's answer after it took a post, and then has Slack refuse posts for a while.
func TestSlackTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, only("trouble"))
	control := w.slack.Control()
	// Slack takes the first post and breaks the connection before it answers: the bot must find it again, not post it twice.
	w.must(control.Fault(t.Context(), slack.Fault{Method: "chat.postMessage", Kind: "drop_after_accept", Count: 1}))
	s := fault(t, "crash", "trouble")
	card := w.breakIt(s)
	w.card(60*time.Second, "trouble/api", "db:5432")
	w.must(control.ClearFaults(t.Context()))

	open := func(ctx context.Context) (bool, error) {
		state, err := control.State(ctx)
		return state.Sockets == 2, err
	}
	w.eventually(30*time.Second, "both sockets are open", open) // the second opens some seconds after the first
	w.must(control.Disconnect(t.Context(), "refresh_requested", 1))
	w.press("ana", card.TS, "Acknowledge")
	w.card(30*time.Second, "trouble/api", "Acknowledged by")
	w.must(control.Drop(t.Context(), 0))
	w.eventually(60*time.Second, "both sockets are open again", open)

	w.must(control.Fault(t.Context(), slack.Fault{Method: "chat.postMessage", Kind: "ratelimit", RetryAfter: 3, ForMS: 8000}))
	w.must(control.Fault(t.Context(), slack.Fault{Method: "chat.update", Kind: "ratelimit", RetryAfter: 3, ForMS: 8000}))
	w.must(w.player.Fix(t.Context(), s))
	w.card(120*time.Second, "trouble/api", "(resolved)")
	w.thread(60*time.Second, card.TS, "\n----\nAcknowledged", "\n----\nResolved")
	w.noDoubles("trouble/api", card.TS)
	violations, err := control.Violations(t.Context())
	w.must(err)
	if len(violations) > 0 {
		t.Errorf("Slack would hold against the bot: %+v", violations)
	}
}
