package e2e_test

import (
	"context"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/stand/reader"
)

// nodeDown takes a node away on which three workloads run: one incident, with the workloads under it and no cards of theirs.
func nodeDown(w *world, c *cluster.Cluster) {
	const node = "kwok-001"
	s := scenario.Scenario{Name: "node", Namespace: "node-down"}
	names := []string{"cart", "web", "search"}
	for _, name := range names {
		s.Setup = append(s.Setup, scenario.Step{Apply: simulated(name, 2, "", "nodeSelector: {kubernetes.io/hostname: "+node+"}")})
	}
	for _, name := range names {
		s.Setup = append(s.Setup, scenario.Step{WaitReady: "Deployment/" + name})
	}
	w.t.Cleanup(func() { w.must(w.player.End(context.Background(), s)) })
	w.must(w.player.Begin(w.t.Context(), s))
	before, err := w.reader.Cards(w.t.Context())
	w.must(err)
	w.must(c.KillNode(w.t.Context(), node))
	card := w.card(150*time.Second, "Node "+node, "3 workloads are hurt by this", "node-down/cart", "node-down/web", "node-down/search")
	if !strings.Contains(reader.Text(card), "kubelet stopped reporting") {
		w.t.Errorf("the card does not say what is wrong with the node: %s", reader.Text(card))
	}
	w.must(c.RestoreNode(w.t.Context(), node))
	w.card(90*time.Second, "Node "+node, "(resolved)")
	after, err := w.reader.Cards(w.t.Context())
	w.must(err)
	if len(after) != len(before)+1 {
		w.t.Errorf("%d new cards, want that of the node alone\n%s", len(after)-len(before), w.channelText())
	}
}
