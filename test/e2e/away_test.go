package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// late is a Job whose time runs out: it cannot begin, and has twelve seconds.
const late = `apiVersion: batch/v1
kind: Job
metadata: {name: report}
spec:
  activeDeadlineSeconds: 12
  template:
    spec:
      restartPolicy: Never
      schedulingGates: [{name: autopilot.local/never}]
      containers: [{name: app, image: shop/report}]
`

// apiServerAway stops the API server for as long as a Job's time runs out. Meanwhile the bot says that it does not know the
// cluster's state, and afterwards it tells what broke.
func apiServerAway(w *world, c *cluster.Cluster) {
	s := scenario.Scenario{Name: "away", Namespace: "away", Break: []scenario.Step{{Apply: late}}}
	w.t.Cleanup(func() { w.must(w.player.End(context.Background(), s)) })
	w.must(w.player.Begin(w.t.Context(), s))
	w.must(w.player.Break(w.t.Context(), s))
	over := time.Now().Add(12 * time.Second)
	w.must(c.StopAPIServer())
	w.ask("/autopilot status", "Cluster "+clusterName+" is not watched:", "*not watched*, current as of")
	time.Sleep(time.Until(over))
	w.must(c.StartAPIServer(w.t.Context()))
	card := w.card(120*time.Second, "away/report")
	w.thread(30*time.Second, card.TS, "DeadlineExceeded")
	w.ask("/autopilot status", "`"+clusterName+"` watched, current as of")
	w.one("away/report")
}

// ask types a command until the answer has all the texts.
func (w *world) ask(command string, texts ...string) {
	w.t.Helper()
	w.eventually(60*time.Second, fmt.Sprintf("%s says %q", command, texts), func(ctx context.Context) (bool, error) {
		o, err := w.slack.Control().Command(ctx, w.people["eve"], w.reader.Channel, command)
		if err != nil || !o.OK {
			return false, err
		}
		time.Sleep(time.Second) // people do not ask faster
		seen, err := w.slack.Control().Messages(ctx, w.reader.Channel, w.people["eve"])
		seen = slices.DeleteFunc(seen, func(m slack.Message) bool { return !m.IsEphemeral })
		return len(seen) > 0 && reader.Has(seen[len(seen)-1], texts...), err
	})
}
