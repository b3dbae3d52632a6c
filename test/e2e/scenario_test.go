package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/stand"
)

// TestScenarios plays every built-in fault on the real node, all at once against one bot: each makes one incident with the right
// first cause and its evidence in one thread, and is resolved there after the fix.
func TestScenarios(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *stand.BotConfig) {
		cfg.Ignore = []string{"alert*", "commands", "escalation*", "killed", "outage*", "people", "trouble", "undone*"} // of the other tests
	})
	all, err := scenario.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			w := *w
			w.t = t
			w.playThrough(s)
		})
	}
}

func (w *world) playThrough(s scenario.Scenario) {
	w.t.Helper()
	ctx := w.t.Context()
	_, name, _ := strings.Cut(s.Expect.Workload, "/")
	subject := s.Namespace + "/" + name
	w.t.Cleanup(func() { w.must(w.player.End(context.Background(), s)) })
	w.must(w.player.Begin(ctx, s))
	w.must(w.player.Break(ctx, s))
	card := w.card(s.Expect.Deadline(), append([]string{subject}, s.Expect.Card...)...)
	want := s.Expect.Evidence
	if s.Expect.Change != "" {
		want = append(want, s.Expect.Change)
	}
	w.thread(30*time.Second, card.TS, want...)
	w.must(w.player.Fix(ctx, s))
	w.card(90*time.Second, subject, "(resolved)")
	cards, err := w.reader.Cards(ctx, subject)
	w.must(err)
	if len(cards) != 1 {
		w.t.Errorf("%d cards of %s, want one\n%s", len(cards), subject, w.channelText())
	}
}
