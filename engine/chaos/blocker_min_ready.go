package chaos

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// minReady keeps a number of ready pods of each workload untouched. A drain may take all of a workload only where a disruption budget paces it.
func minReady(e engine.Experiment, f Field, r Rules) []string {
	var reasons []string
	s := scopeOf(e, f)
	for _, w := range s.hit {
		if n := s.stays(w); n < r.MinReady && !paced(e, f, w) {
			reasons = append(reasons, fmt.Sprintf("only %d ready of %s would stay untouched; at least %d have to: add replicas, or hit fewer", n, w, r.MinReady))
		}
	}
	return reasons
}

// stays is how many ready pods of a workload are no targets.
func (s scope) stays(w engine.Workload) int {
	n := 0
	for _, p := range s.untouched {
		if p.Workload == w {
			n++
		}
	}
	return n
}

// paced tells whether a workload is hit by drains alone, and each pod that they evict is covered by a disruption budget.
func paced(e engine.Experiment, f Field, w engine.Workload) bool {
	covered := map[string]bool{}
	for _, b := range f.Budgets {
		for _, p := range b.Pods {
			covered[refKey(p)] = true
		}
	}
	for _, s := range e.Strikes {
		for _, t := range s.Targets {
			if t.Workload == w && (chosenPods(s) || !covered[refKey(t.Object)]) {
				return false
			}
		}
	}
	return true
}
