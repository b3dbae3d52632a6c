package rca

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Graph says which node depends on which: a caller on whom it calls, a workload on the node or volume that it has.
type Graph map[string][]string

// Series are the measures of one node of a Graph, before and after the onset, each oldest first. Measures beyond those of package engine
// are free to be there; what grows with trouble is a measure, what shrinks with it has to be turned round by who hands it over.
type Series map[engine.Measure][]engine.Point

// seenBy begins the measures that SeenBy names.
const seenBy = string(engine.MeasureLatency) + " seen by "

// SeenBy is the measure of how long a node's requests took one of its callers, in seconds: with the network between them, as a mesh
// measures it at the caller.
func SeenBy(caller string) engine.Measure { return engine.Measure(seenBy + caller) }

// Alarm is what was noticed.
type Alarm struct {
	Node    string         // where; "" when nobody can say
	Measure engine.Measure // in what; "" when it is not a measure
	Onset   time.Time      // the earliest suspicion: what is before it is the past
	Began   time.Time      // when it was told to begin, at Onset or after it; zero for Onset
	Now     time.Time      // what is after it is not looked at
}

// Suspect is a node that may be where the trouble began.
type Suspect struct {
	Node   string
	Share  float64        // of the suspicion; the shares of all suspects add up to 1
	Since  time.Time      // when its first series left what was usual
	Tracks []engine.Track // the series that speak for it, strangest first
}

// Weights of what speaks for a node. Requests that it slowed or failed by itself weigh 1.
const (
	otherFlow   = 0.5 // the same, in latency where errors were alarmed, and the other way round
	consumption = 0.5 // what the node itself uses more of than ever, such as CPU
)

// Blame ranks the nodes of a neighbourhood by how likely the trouble began there, likeliest first. Nodes that do nothing unusual are not
// suspected; with none left the answer is empty. The same input gives the same answer, in whatever order it comes.
//
// Two things speak for a node. The first is what its requests took, or failed, more than usual, all together and less what those on whom
// it depends took or failed: a caller that only waits is explained by its callee, and a callee that is strange in few requests does not
// explain a caller that is slow in many. The second is what it uses more of than usual, less what those that depend on it use more of: a
// machine is explained by the workload that burns its CPU.
func Blame(g Graph, nodes map[string]Series, a Alarm) []Suspect {
	n := neighbourhood{graph: g, callers: callersOf(g), rings: rings(g), nodes: nodes, alarm: a, left: make(map[string]map[engine.Measure]departure, len(nodes))}
	j := judge{alarm: a}
	for name, s := range nodes {
		if d := j.departures(s); len(d) > 0 {
			n.left[name] = d
		}
	}
	weight := n.place()
	scores := map[string]float64{}
	for _, m := range flows {
		part := 1.0
		if slices.Contains(flows, a.Measure) && a.Measure != m {
			part = otherFlow
		}
		for name, s := range n.burden(m) {
			scores[name] += part * s
		}
	}
	for name, s := range n.appetite() {
		scores[name] += consumption * s
	}
	var all []Suspect
	var sum float64
	for _, name := range slices.Sorted(maps.Keys(scores)) { // sums of floats depend on their order
		s := scores[name] * weight(name)
		if s <= 0 {
			continue
		}
		sum += s
		all = append(all, Suspect{Node: name, Share: s})
	}
	for i := range all {
		s := &all[i]
		s.Share /= sum
		s.Tracks = tracks(n.left[s.Node])
		s.Since = time.Unix(n.first(s.Node), 0).UTC()
	}
	slices.SortFunc(all, func(x, y Suspect) int {
		return cmp.Or(cmp.Compare(y.Share, x.Share), x.Since.Compare(y.Since), strings.Compare(x.Node, y.Node))
	})
	return all
}
