package chaos

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// budget refuses to take down more pods at once than a disruption budget allows: evictions, before the API server has to, and containers that
// are killed, for which the API server asks no budget though the pod is as unready. What a drain evicts is tried
// again until its budget has room, as every drain does; it is refused only where there is no room at all.
func budget(e engine.Experiment, f Field, _ Rules) []string {
	var reasons []string
	for _, b := range f.Budgets {
		covers := map[string]bool{}
		for _, p := range b.Pods {
			covers[refKey(p)] = true
		}
		kills, drained := 0, 0
		for _, s := range e.Strikes {
			for _, t := range s.Targets {
				switch {
				case !covers[refKey(t.Object)] || s.Dose.Force:
				case s.Fault == engine.FaultKill || s.Fault == engine.FaultContainerKill:
					kills++
				case s.Fault == engine.FaultDrain:
					drained++
				}
			}
		}
		switch name := b.Ref.Namespace + "/" + b.Ref.Name; {
		case kills > b.Allowed:
			reasons = append(reasons, fmt.Sprintf("disruption budget %s allows %s now, and %d would be taken down; ask for fewer, or wait until more are ready", name, plural(b.Allowed, "disruption"), kills))
		case drained > 0 && b.Allowed == 0:
			reasons = append(reasons, fmt.Sprintf("disruption budget %s allows no disruption now, so the node could not be drained; wait until more are ready", name))
		}
	}
	return reasons
}

// refKey tells pods apart: a budget may know them by name alone.
func refKey(r engine.ObjectRef) string { return r.Namespace + "/" + r.Name }
