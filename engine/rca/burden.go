package rca

import (
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// flows are the measures of requests. Trouble in them moves from a callee to its callers.
var flows = []engine.Measure{engine.MeasureLatency, engine.MeasureErrors}

// neighbourhood is what Blame was asked about.
type neighbourhood struct {
	graph, callers Graph
	rings          map[string]int // nodes of one ring call each other, by others or at once
	nodes          map[string]Series
	alarm          Alarm
	left           map[string]map[engine.Measure]departure // what left the usual, by node
}

func callersOf(g Graph) Graph {
	back := Graph{}
	for caller, callees := range g {
		for _, c := range callees {
			back[c] = append(back[c], caller)
		}
	}
	return back
}

// burden is how much of the trouble in requests each node made by itself, 1 for the most.
func (n neighbourhood) burden(m engine.Measure) map[string]float64 {
	whole, sure := map[string]float64{}, map[string]float64{}
	for name, left := range n.left {
		for k, d := range left {
			if k == m || m == engine.MeasureLatency && strings.HasPrefix(string(k), seenBy) {
				whole[name] = max(whole[name], d.total(n.nodes[name][engine.MeasureRequests]))
				sure[name] = max(sure[name], d.strength)
			}
		}
	}
	own, most := map[string]float64{}, 0.0
	for name, w := range whole {
		for _, c := range n.distinct(n.graph, name) {
			w -= whole[c]
		}
		if w > 0 {
			own[name] = w
			most = max(most, w)
		}
	}
	for name := range own {
		own[name] *= sure[name] / most
	}
	return own
}

// appetite is how far each node went beyond the usual in what it uses by itself, 0 to 1, in its strangest measure.
func (n neighbourhood) appetite() map[string]float64 {
	out := map[string]float64{}
	for name, left := range n.left {
		for m, d := range left {
			rest := d.excess
			switch {
			case slices.Contains(flows, m), strings.HasPrefix(string(m), seenBy), m == engine.MeasureRequests && !n.floods(name):
				continue
			case m != engine.MeasureRequests:
				rest -= d.high * n.surge(name)
			}
			for _, c := range n.distinct(n.callers, name) {
				rest -= n.left[c][m].excess
			}
			if rest > 0 {
				out[name] = max(out[name], d.strength*rest/d.excess)
			}
		}
	}
	return out
}

// surge is by how much a node has more requests than usual: 0 for none or not known, 1 for twice as many. Who serves more uses more.
func (n neighbourhood) surge(name string) float64 {
	d, ok := n.left[name][engine.MeasureRequests]
	if !ok || d.median <= 0 {
		return 0
	}
	return (d.high+d.excess)/d.median - 1
}

// floods tells whether a node calls one that gets more requests than ever, and is slower or fails more.
func (n neighbourhood) floods(name string) bool {
	return slices.ContainsFunc(n.graph[name], func(callee string) bool {
		left := n.left[callee]
		_, more := left[engine.MeasureRequests]
		return more && slices.ContainsFunc(flows, func(m engine.Measure) bool { _, worse := left[m]; return worse })
	})
}

// distinct are the nodes next to one in a graph, in order. Those that it is in a ring with are none of them: neither explains the other.
func (n neighbourhood) distinct(g Graph, name string) []string {
	next := slices.Clone(g[name])
	slices.Sort(next)
	return slices.DeleteFunc(slices.Compact(next), func(c string) bool { return n.rings[c] == n.rings[name] })
}

// rings gives all nodes of a ring the same number, and all others one of their own (Tarjan's strongly connected components).
func rings(g Graph) map[string]int {
	ring, index, low := map[string]int{}, map[string]int{}, map[string]int{}
	var open []string
	var visit func(string)
	visit = func(name string) {
		index[name] = len(index) + 1
		low[name] = index[name]
		open = append(open, name)
		for _, c := range g[name] {
			switch {
			case index[c] == 0:
				visit(c)
				low[name] = min(low[name], low[c])
			case ring[c] == 0:
				low[name] = min(low[name], index[c])
			}
		}
		for low[name] == index[name] && ring[name] == 0 {
			last := open[len(open)-1]
			open = open[:len(open)-1]
			ring[last] = index[name]
		}
	}
	for name := range g {
		if index[name] == 0 {
			visit(name)
		}
	}
	return ring
}
