package chaos

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// podCap bounds how many pods one experiment hits, and refuses one that hits none. How many a drain evicts is the node's to say; it has a
// role of its own, and keeps to disruption budgets.
func podCap(e engine.Experiment, _ Field, r Rules) []string {
	var reasons []string
	if n := len(aims(e, chosenPods)); n > r.MaxPods {
		reasons = append(reasons, fmt.Sprintf("it would hit %s; at most %d are allowed at once: ask for fewer, such as -count %d", plural(n, "pod"), r.MaxPods, max(r.MaxPods, 1)))
	}
	for _, s := range e.Strikes {
		if len(s.Targets) == 0 {
			reasons = append(reasons, fmt.Sprintf("%s has no pod that may be hit: all are leaving, not ready, chosen already, or have to stay", place(s)))
		}
	}
	return reasons
}
