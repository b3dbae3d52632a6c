package e2e_test

import (
	"context"
	"time"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
)

// storm crashes 200 pods of one workload together: one thread, in which it stays quiet.
func storm(w *world, _ *cluster.Cluster) {
	const pods = 200
	s := scenario.Scenario{
		Name: "storm", Namespace: "storm",
		Setup: []scenario.Step{{Apply: simulated("web", pods, "", "")}, {WaitReady: "Deployment/web"}},
		// All at once: a rolling update would take them a quarter at a time.
		Break: []scenario.Step{{Delete: simulated("web", pods, "", "")}, {Apply: simulated("web", pods, cluster.FailCrash, "")}},
		Fix:   []scenario.Step{{Apply: simulated("web", pods, "", "")}, {WaitReady: "Deployment/web"}},
	}
	w.t.Cleanup(func() { w.must(w.player.End(context.Background(), s)) })
	w.must(w.player.Begin(w.t.Context(), s))
	w.must(w.player.Break(w.t.Context(), s))
	card := w.card(90*time.Second, "storm/web", "200 of 200 pods not ready")
	w.thread(60*time.Second, card.TS, "exit code 1")
	w.must(w.player.Fix(w.t.Context(), s))
	w.card(90*time.Second, "storm/web", "(resolved)")
	w.noDoubles("storm/web", card.TS)

	all, err := w.reader.Cards(w.t.Context())
	w.must(err)
	if len(all) != 1 {
		w.t.Errorf("%d cards after %d pods crashed, want one", len(all), pods)
	}
	thread, err := w.slack.Control().Thread(w.t.Context(), w.reader.Channel, card.TS, w.people["ana"])
	w.must(err)
	calls, err := w.slack.Control().Calls(w.t.Context(), 0)
	w.must(err)
	edits := 0
	for _, c := range calls {
		if c.Method == "chat.update" {
			edits++
		}
	}
	if len(thread) > 14 || edits > 60 {
		w.t.Errorf("%d messages and %d edits for one workload, want it told in 14 and a second apart", len(thread), edits)
	}
	if w.t.Failed() {
		w.t.Log(w.channelText())
	}
}
