package chaos

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// share bounds how much of one workload is hit at once. Pods that were chosen never exceed it; what was asked for may, and
// so may a workload that has shrunk since. What a drain takes away is the budgets' to say.
func share(e engine.Experiment, f Field, r Rules) []string {
	var reasons []string
	for _, s := range e.Strikes {
		switch {
		case !chosenPods(s) || len(s.Targets) == 0:
		case s.Percent > r.MaxPercent:
			reasons = append(reasons, fmt.Sprintf("-percent %d is more than the %d %% of a workload that may be hit at once", s.Percent, r.MaxPercent))
		case s.Count > len(s.Targets):
			reasons = append(reasons, fmt.Sprintf("-count %d is more than may be hit of %s at once: %s (%d %% of a workload, and %d ready stay untouched); ask for -count %d",
				s.Count, place(s), plural(len(s.Targets), "pod"), r.MaxPercent, r.MinReady, len(s.Targets)))
		}
	}
	for _, w := range scopeOf(e, f).hit {
		n, most := 0, max(f.size(w)*r.MaxPercent/100, 1)
		for id := range aims(e, chosenPods) {
			if p, ok := f.pod(id); ok && p.Workload == w {
				n++
			}
		}
		if n > most {
			reasons = append(reasons, fmt.Sprintf("%d of %s of %s would be hit; at most %d %% at once, which is %d", n, plural(f.size(w), "pod"), w, r.MaxPercent, most))
		}
	}
	return reasons
}
