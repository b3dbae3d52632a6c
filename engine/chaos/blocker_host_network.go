package chaos

import (
	"fmt"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// hostNetwork refuses network faults on pods that are on their node's network: the fault would be the node's.
func hostNetwork(e engine.Experiment, f Field, _ Rules) []string {
	var reasons []string
	for _, s := range e.Strikes {
		if !network(s.Fault) {
			continue
		}
		for _, t := range s.Targets {
			if p, ok := f.pod(t.Object.UID); !ok || !p.HostNetwork {
				continue
			}
			why := fmt.Sprintf("%s is on its node's network, so the whole node would suffer; choose a workload without hostNetwork", t.Workload)
			if !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
		}
	}
	return reasons
}
