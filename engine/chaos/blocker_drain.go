package chaos

import (
	"fmt"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// drainedNamespace refuses a drain that would evict a pod of a namespace that has not opted in, and one after which there is no node left.
func drainedNamespace(e engine.Experiment, f Field, r Rules) []string {
	var reasons []string
	for _, s := range e.Strikes {
		if s.Fault != engine.FaultDrain {
			continue
		}
		pods := map[string][]string{}
		for _, t := range s.Targets {
			if t.Workload.Kind == engine.KindNode {
				continue
			}
			if n, ok := f.namespace(t.Object.Namespace); !ok || !n.OptedIn {
				pods[t.Object.Namespace] = append(pods[t.Object.Namespace], t.Object.Name)
			}
		}
		for _, ns := range namespacesOf(e, func(engine.Strike) bool { return true }) {
			if names := pods[ns]; len(names) > 0 {
				reasons = append(reasons, fmt.Sprintf("%s runs %s of %s, which has not opted in: %s; kubectl label namespace %s %s, or move them", s.Node, plural(len(names), "pod"), ns, listed(names), ns, r.OptIn))
			}
		}
		if !slices.ContainsFunc(f.Nodes, func(n Node) bool { return n.Name != s.Node && n.Ready && !n.Cordoned }) {
			reasons = append(reasons, fmt.Sprintf("no other node is ready to take what runs on %s; add one first", s.Node))
		}
		if slices.ContainsFunc(f.Nodes, func(n Node) bool { return n.Name == s.Node && n.Cordoned }) {
			reasons = append(reasons, fmt.Sprintf("%s is cordoned already: somebody else is at work on it", s.Node))
		}
	}
	return reasons
}
