package chaos

import (
	"fmt"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// mechanism refuses targets that no mechanism can bring the fault to. What the limits, the host network or the rule on deletes say is
// theirs to tell.
func mechanism(e engine.Experiment, f Field, r Rules) []string {
	var reasons []string
	for _, s := range e.Strikes {
		for _, t := range s.Targets {
			p, ok := f.pod(t.Object.UID)
			if t.Mechanism != "" || t.Refused != "" || ok && (unbounded(s, t, p) != "" || p.HostNetwork && network(s.Fault)) || s.Dose.Force && !r.Deletes {
				continue
			}
			why := fmt.Sprintf("pod %s is gone; ask for it again", refKey(t.Object))
			if ok {
				_, refused, _ := First(Ladder(s, p, f, r))
				why = fmt.Sprintf("%s cannot be brought to %s: %s", s.Fault, t.Workload, refused)
			}
			if !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
		}
	}
	return reasons
}
