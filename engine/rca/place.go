package rca

import (
	"maps"
	"slices"
)

// How much a node counts that can hardly be where the trouble began. It is never nothing: the graph may lack a call.
const (
	sharing = 0.5  // it depends on something that the alarmed node depends on too
	distant = 0.25 // it has nothing to do with the alarmed node
	later   = 0.5  // it moved after the alarmed node did
)

// place says how much a node counts, by where it is and when it moved. Where the graph does not know the alarmed node, all places count.
func (n neighbourhood) place() func(string) float64 {
	near := n.near()
	alarmed := n.first(n.alarm.Node)
	return func(name string) float64 {
		if alarmed != 0 && n.first(name) > alarmed+n.step(name) {
			return near(name) * later
		}
		return near(name)
	}
}

// first is when the first series of a node left what was usual, in Unix seconds; 0 when none did.
func (n neighbourhood) first(name string) (at int64) {
	for _, d := range n.left[name] {
		if at == 0 || d.since < at {
			at = d.since
		}
	}
	return at
}

// step is how far apart a node's values are, in seconds: it cannot be known better when the node moved.
func (n neighbourhood) step(name string) (sec int64) {
	for _, d := range n.left[name] {
		if len(d.after) > 1 {
			sec = max(sec, d.after[1].At-d.after[0].At)
		}
	}
	return sec
}

func (n neighbourhood) near() func(string) float64 {
	if len(n.graph[n.alarm.Node]) == 0 && len(n.callers[n.alarm.Node]) == 0 {
		return func(string) float64 { return 1 }
	}
	below := map[string]bool{}
	reach(n.graph, n.alarm.Node, below)
	beside := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(below)) {
		reach(n.callers, name, beside)
	}
	return func(name string) float64 {
		switch {
		case below[name]:
			return 1
		case beside[name]:
			return sharing
		}
		return distant
	}
}

// reach marks a node and all that can be come to from it.
func reach(g Graph, from string, seen map[string]bool) {
	open := []string{from}
	for len(open) > 0 {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		if seen[name] {
			continue
		}
		seen[name] = true
		open = append(open, g[name]...)
	}
}
