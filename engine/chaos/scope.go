package chaos

import (
	"cmp"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// scope is whom an experiment touches, and whom that may reach.
type scope struct {
	hit       []engine.Workload // that have targets, sorted
	nodes     []engine.Workload // that are drained, or that targets run on
	drained   []engine.Workload // those of nodes that are drained
	beneath   []engine.Workload // what hit depends on, without hit
	above     []engine.Workload // what depends on hit, without hit
	untouched []Pod             // ready pods of hit that are no target
}

func scopeOf(e engine.Experiment, f Field) scope {
	var s scope
	aim := map[string]bool{}
	for _, strike := range e.Strikes {
		if strike.Node != "" {
			s.drained = append(s.drained, node(e.Cluster, strike.Node))
		}
		for _, t := range strike.Targets {
			aim[t.Object.UID] = true
			if t.Node != "" {
				s.nodes = append(s.nodes, node(e.Cluster, t.Node))
			}
			if t.Workload.Kind != engine.KindNode {
				s.hit = append(s.hit, t.Workload)
			}
		}
	}
	s.drained = sorted(s.drained)
	s.nodes = sorted(append(s.nodes, s.drained...))
	s.hit = sorted(s.hit)
	callers := map[engine.Workload][]engine.Workload{}
	for from, to := range f.Calls {
		for _, w := range to {
			callers[w] = append(callers[w], from)
		}
	}
	s.beneath, s.above = reach(f.Calls, s.hit), reach(callers, s.hit)
	for _, p := range f.Pods {
		if p.Ready && !p.Leaving && !aim[p.Ref.UID] && slices.Contains(s.hit, p.Workload) {
			s.untouched = append(s.untouched, p)
		}
	}
	return s
}

// aims gives the UIDs of the pods that some of an experiment's strikes are at.
func aims(e engine.Experiment, which func(engine.Strike) bool) map[string]bool {
	all := map[string]bool{}
	for _, s := range e.Strikes {
		for _, t := range s.Targets {
			if which(s) && t.Workload.Kind != engine.KindNode {
				all[uid(t)] = true
			}
		}
	}
	return all
}

// chosenPods tells the strikes whose pods were chosen from those whose pods are all that a node has.
func chosenPods(s engine.Strike) bool { return s.Fault != engine.FaultDrain }

// victims lists the targets that are pods.
func victims(e engine.Experiment) []engine.Victim {
	var all []engine.Victim
	for _, s := range e.Strikes {
		for _, t := range s.Targets {
			if t.Workload.Kind != engine.KindNode {
				all = append(all, t)
			}
		}
	}
	return all
}

func node(cluster, name string) engine.Workload {
	return engine.Workload{Cluster: cluster, Kind: engine.KindNode, Name: name}
}

// reach follows edges from some workloads as far as they go, and gives what it finds beyond them, sorted.
func reach(edges map[engine.Workload][]engine.Workload, from []engine.Workload) []engine.Workload {
	seen := map[engine.Workload]bool{}
	for _, w := range from {
		seen[w] = true
	}
	var found []engine.Workload
	for queue := slices.Clone(from); len(queue) > 0; queue = queue[1:] {
		for _, w := range edges[queue[0]] {
			if !seen[w] {
				seen[w] = true
				found = append(found, w)
				queue = append(queue, w)
			}
		}
	}
	return sorted(found)
}

func sorted(all []engine.Workload) []engine.Workload {
	slices.SortFunc(all, func(a, b engine.Workload) int {
		return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return slices.Compact(all)
}

func (f Field) namespace(name string) (Namespace, bool) {
	k := slices.IndexFunc(f.Namespaces, func(n Namespace) bool { return n.Name == name })
	if k < 0 {
		return Namespace{}, false
	}
	return f.Namespaces[k], true
}

func (f Field) unit(w engine.Workload) (Unit, bool) {
	k := slices.IndexFunc(f.Units, func(u Unit) bool { return u.Workload == w })
	if k < 0 {
		return Unit{}, false
	}
	return f.Units[k], true
}

func (f Field) pod(uid string) (Pod, bool) {
	k := slices.IndexFunc(f.Pods, func(p Pod) bool { return p.Ref.UID == uid })
	if k < 0 {
		return Pod{}, false
	}
	return f.Pods[k], true
}

// size is how many pods a workload has: as many as are there, or as many as it wants where more are there for the moment.
func (f Field) size(w engine.Workload) int {
	there := 0
	for _, p := range f.Pods {
		if p.Workload == w && !p.Leaving {
			there++
		}
	}
	if u, ok := f.unit(w); ok && u.Desired > 0 {
		return min(u.Desired, there)
	}
	return there
}
