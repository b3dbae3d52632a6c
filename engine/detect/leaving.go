package detect

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// notices are the events by which Karpenter, AWS's node termination handler and EKS's managed node groups announce that a machine is about
// to go, and that Kubernetes itself makes of one.
var notices = []string{
	"SpotInterrupted", "TerminatingOnInterruption", "InstanceTerminating", "InstanceStopping", // Karpenter
	"SpotInterruption", "StateChange", "ScheduledEvent", "ASGLifecycle", "RebalanceRecommendation", // aws-node-termination-handler
	"NodeShutdown", "Shutdown",
}

// noticeMemory is how long an announcement explains that a node is away: two minutes of notice, and the time that the machine then takes.
const noticeMemory = 30 * time.Minute

// farewells are the taints of those who take nodes away: Karpenter (v1 and before), the cluster autoscaler, AWS's termination handler, and
// the cloud provider of a machine that is shut down. Karpenter does not cordon: its taint is all that says so.
var farewells = []string{
	"karpenter.sh/disrupted", "karpenter.sh/disruption", "ToBeDeletedByClusterAutoscaler",
	"aws-node-termination-handler/", "node.cloudprovider.kubernetes.io/shutdown", "node.kubernetes.io/out-of-service",
}

// leaving tells whether a node is on its way out because somebody, or something that is meant to, takes it away.
func leaving(n *corev1.Node) bool {
	return n.Spec.Unschedulable || n.DeletionTimestamp != nil || slices.ContainsFunc(n.Spec.Taints, farewell)
}

func farewell(t corev1.Taint) bool {
	return slices.ContainsFunc(farewells, func(prefix string) bool {
		return t.Key == prefix || strings.HasSuffix(prefix, "/") && strings.HasPrefix(t.Key, prefix)
	})
}

// leavingSince is when a node began to be emptied; zero when it does not, or nobody wrote when. A cordon alone does not say whether it is.
func leavingSince(n *corev1.Node) time.Time {
	if n.DeletionTimestamp != nil {
		return n.DeletionTimestamp.Time
	}
	for _, t := range n.Spec.Taints {
		if (farewell(t) || t.Key == corev1.TaintNodeUnschedulable) && t.TimeAdded != nil {
			return t.TimeAdded.Time
		}
	}
	return time.Time{}
}

// announced tells whether it was said of a node lately that its machine goes.
func (v *view) announced(name string) bool {
	return slices.ContainsFunc(v.eventsOf(engine.KindNode, name, "", notices...), func(e *corev1.Event) bool {
		return v.within(lastSeen(e), noticeMemory)
	})
}
