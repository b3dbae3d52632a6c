package rca

import (
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Neighborhood is what stands near the workload of an incident: who calls whom, and which machine each is on.
type Neighborhood struct {
	Of        engine.Workload
	Graph     Graph                      // its nodes are named by NodeName
	Workloads map[string]engine.Workload // what each node of the graph is
	Pods      map[PodKey]Placed          // pods of the workloads
	Services  map[string][]string        // the nodes of the graph that a service selects, by "namespace/name"
	Unread    error                      // why a namespace beyond its own could not be read; nil when all were
	Changes   []engine.Evidence          // of kind EvidenceNeighbor: what was changed of those on whom it depends, before the onset
}

// PodKey names a pod.
type PodKey struct{ Namespace, Name string }

// Placed says whose a pod is, and which machine it is on, as nodes of the graph; Machine is "" for a pod that has none.
type Placed struct{ Workload, Machine string }

// Relation is how a node stands to the one whose incident it is.
type Relation string

// The relations, nearest first.
const (
	RelationSelf     Relation = "self"
	RelationCalls    Relation = "calls"     // it is called, perhaps by way of others
	RelationOn       Relation = "runs_on"   // the machine
	RelationUnder    Relation = "under"     // the machine of what it calls
	RelationHas      Relation = "has"       // the claim of a volume, of its own or of what it calls
	RelationSameNode Relation = "same_node" // on a machine with it
	RelationCalledBy Relation = "called_by"
	RelationNone     Relation = ""
)

// Behind gives the one workload that an address means to a caller of a namespace: "cart:8080/path", "cart.shop", "cart.shop.svc.cluster.local".
func (n *Neighborhood) Behind(namespace, address string) (name string, ok bool) {
	host, _, _ := strings.Cut(address, "/")
	parts := strings.Split(strings.ToLower(hostOf(host)), ".")
	if len(parts) > 1 {
		namespace = parts[1]
	}
	if at := n.Services[namespace+"/"+parts[0]]; len(at) == 1 && (len(parts) <= 2 || parts[2] == "svc") {
		return at[0], true
	}
	return "", false
}

// KindClaim is the kind of the claims of volumes.
const KindClaim = "PersistentVolumeClaim"

// VolumeUsed is the measure of how much of a volume is used, 0 to 1.
const VolumeUsed engine.Measure = "volume filled"

// NodeName is what a workload is called in a Graph.
func NodeName(w engine.Workload) string { return w.Namespace + "/" + w.Kind + "/" + w.Name }

// Relation tells how a node stands to the workload whose incident it is. What it calls comes before what it runs on: both may hold.
func (n *Neighborhood) Relation(name string) Relation {
	self := NodeName(n.Of)
	switch {
	case name == self:
		return RelationSelf
	case n.Workloads[name].Kind == engine.KindNode && slices.Contains(n.Graph[self], name):
		return RelationOn
	case n.reaches(self, name) && n.Workloads[name].Kind == engine.KindNode:
		return RelationUnder
	case n.reaches(self, name) && n.Workloads[name].Kind == KindClaim:
		return RelationHas
	case n.reaches(self, name):
		return RelationCalls
	case n.reaches(name, self):
		return RelationCalledBy
	case slices.ContainsFunc(n.Graph[self], func(m string) bool {
		return n.Workloads[m].Kind == engine.KindNode && slices.Contains(n.Graph[name], m)
	}):
		return RelationSameNode
	}
	return RelationNone
}

// reaches tells whether one node calls another, by way of others or not.
func (n *Neighborhood) reaches(from, to string) bool {
	seen, queue := map[string]bool{from: true}, []string{from}
	for len(queue) > 0 {
		var at string
		at, queue = queue[0], queue[1:]
		for _, next := range n.Graph[at] {
			if next == to {
				return true
			}
			if !seen[next] && n.Workloads[next].Kind != engine.KindNode {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	return false
}
