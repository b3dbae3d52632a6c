package chaos

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// optedIn refuses namespaces that do not carry the label. A drain's are for drainedNamespace to refuse.
func optedIn(e engine.Experiment, f Field, r Rules) []string {
	var reasons []string
	for _, name := range namespacesOf(e, chosenPods) {
		if n, ok := f.namespace(name); !ok || !n.OptedIn {
			reasons = append(reasons, fmt.Sprintf("%s has not opted in; whoever owns it can: kubectl label namespace %s %s", name, name, r.OptIn))
		}
	}
	return reasons
}

// Untouched tells whether an experiment is for namespaces of which nobody said yes, or nobody can: nothing is tried there, not even in a
// rehearsal, which for some faults runs a process.
func Untouched(e engine.Experiment, f Field, r Rules) bool {
	return len(protectedNamespace(e, f, r))+len(optedIn(e, f, r)) > 0
}

// namespacesOf lists the namespaces of some of an experiment's strikes.
func namespacesOf(e engine.Experiment, which func(engine.Strike) bool) []string {
	var some engine.Experiment
	for _, s := range e.Strikes {
		if which(s) {
			some.Strikes = append(some.Strikes, s)
		}
	}
	return some.Namespaces()
}
