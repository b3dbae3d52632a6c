package waste

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// TestMixedSystemsBlurThePrice wants it said where one share of the list price stands for Linux and Windows.
func TestMixedSystemsBlurThePrice(t *testing.T) {
	const said = "runs both Linux and Windows here"
	for name, tt := range map[string]struct {
		source engine.PriceSource
		other  func(n *Node) // another node of the cluster
		want   bool
	}{
		"Linux alone":         {engine.PriceEffective, func(*Node) {}, false},
		"both":                {engine.PriceEffective, func(n *Node) { n.Labels[corev1.LabelOSStable] = "windows" }, true},
		"both at list prices": {engine.PriceList, func(n *Node) { n.Labels[corev1.LabelOSStable] = "windows" }, false},
		"Windows elsewhere": {engine.PriceEffective, func(n *Node) {
			n.Labels[corev1.LabelOSStable], n.Labels[corev1.LabelInstanceTypeStable] = "windows", "c6i.large"
		}, false},
		"an old label":          {engine.PriceEffective, func(n *Node) { n.Labels["beta.kubernetes.io/os"] = "windows" }, true},
		"a node without a type": {engine.PriceEffective, func(n *Node) { delete(n.Labels, corev1.LabelInstanceTypeStable) }, false},
	} {
		w := newNodeWorld(t)
		for i := range w.cluster().Nodes {
			w.cluster().Nodes[i].Price.Basis.Source = tt.source
		}
		tt.other(w.node("n4"))
		found, skipped := w.detect()
		f, ok := found["n1"]
		if !ok {
			t.Fatalf("%s: n1 is skipped: %+v", name, skipped["n1"])
		}
		if got := has(f.Caveats, said); got != tt.want {
			t.Errorf("%s: said %v, want %v: %q", name, got, tt.want, f.Caveats)
		}
		ix := newIndex(w.cluster())
		for _, of := range ix.workloads {
			if of.placed() == 0 || of.pods[0].Spec.NodeName != "n1" {
				continue
			}
			ix.nodes["n1"].Price.CPUHour = engine.Dollars(0.03)
			at := ix.seats(of, engine.CPU, 1)
			if got := has(priceCaveats(at, 1), said); got != tt.want {
				t.Errorf("%s: said %v of requests, want %v", name, got, tt.want)
			}
		}
	}
}
