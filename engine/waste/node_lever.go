package waste

import (
	"fmt"
	"strings"
)

// autoscalerThreshold is the share of a node's requests below which cluster-autoscaler looks at it, where nobody said otherwise.
const autoscalerThreshold = 0.5

// selfManaged says why the one who keeps a node's group removes it without our help; "" when something keeps it from that.
// fullness is the share of the node that is asked for, empty that no pod would have to move.
func (m membership) selfManaged(fullness float64, empty bool) string {
	switch m.controller {
	case byKarpenter:
		if m.hindrance(empty) == "" {
			return "NodePool " + m.name + " lets Karpenter consolidate it"
		}
	case byAutoscaler:
		if fullness < autoscalerThreshold {
			return "cluster-autoscaler scales " + m.name + " down"
		}
	}
	return ""
}

// hindrance is the setting of a NodePool that keeps Karpenter from consolidating a node; "" when there is none.
func (m membership) hindrance(empty bool) string {
	p := m.pool
	switch {
	case p == nil:
		return ""
	case p.ConsolidateAfter == "Never":
		return "consolidateAfter, Never now"
	case p.ConsolidationPolicy == "WhenEmpty" && !empty:
		return "consolidationPolicy, WhenEmpty now: WhenEmptyOrUnderutilized would let it go"
	}
	for _, b := range p.Budgets {
		// A budget that names a schedule or reasons holds only at times or for some.
		if b = strings.TrimSpace(b); b == "0" || b == "0%" {
			return "disruption budgets, " + b + " nodes now"
		}
	}
	return ""
}

// lever says in one sentence what to change so that n nodes of the group can go.
func (m membership) lever(n int, node string, empty bool) string {
	switch m.controller {
	case byKarpenter:
		return fmt.Sprintf("NodePool %s: %s.", m.name, m.hindrance(empty))
	case byAutoscaler:
		return fmt.Sprintf("--scale-down-utilization-threshold of cluster-autoscaler: the node is asked for by more than the default of %.0f %%, "+
			"though its pods fit elsewhere.", 100*autoscalerThreshold)
	case byNobody:
		return fmt.Sprintf("Node %s belongs to no group: drain it and terminate its instance.", node)
	}
	g := m.group
	desired := g.Desired - n
	minimum, size := "minSize", "desiredSize"
	if !g.Managed {
		minimum, size = "minimum size", "desired capacity"
	}
	change := fmt.Sprintf("%s of %s %s: %d to %d", minimum, m.controller, g.Name, g.Min, min(g.Min, desired))
	if desired >= g.Min {
		change = fmt.Sprintf("%s of %s %s: %d to %d; its %s of %d allows that", size, m.controller, g.Name, g.Desired, desired, minimum, g.Min)
	} else {
		change += fmt.Sprintf(", and %s: %d to %d", size, g.Desired, desired)
	}
	if g.Managed {
		change += ". terraform-aws-modules/eks ignores desired_size after creation, so it takes aws eks update-nodegroup-config as well"
	}
	return change + "."
}
