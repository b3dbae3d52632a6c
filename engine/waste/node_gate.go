package waste

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Why a node is not removable.
const (
	skipControlPlane = "it runs the control plane"
	skipServerless   = "it is no instance that one pays for by the node"
	skipLeaving      = "it is being taken out of use"
	skipNotReady     = "it is not ready"
	skipYoung        = "it is too young to be judged"
	skipKept         = "somebody asked that it be kept"
	skipGroupUnknown = "its node group is not known"
	skipProtected    = "it is protected from scale-in"
	skipResizing     = "its group is changing its size"
	skipMinimum      = "its group is at its minimum size"
	skipLastOfZone   = "it is the last node of its group in its zone"
	skipZoneBalance  = "its group would lose the balance of its zones"
	skipSelfManaged  = "its autoscaler removes it by itself when it may"
	skipPending      = "pods wait for room that it could give"
	skipReturns      = "replicas that ran of late would want its room"
	skipPodStays     = "a pod of it may not be evicted"
	skipBudget       = "a PodDisruptionBudget does not allow it"
	skipNoRoom       = "a pod of it fits on no other node"
	skipTight        = "its pods fit elsewhere only if they are placed in one way"
	skipHeadroom     = "too little room would be left"
	skipReceives     = "it is to take the pods of nodes that can go"
	skipReserve      = "it is a reserve by the configuration"
	skipGroupKept    = "a person called as many nodes of its group no waste"
)

// Taints by which autoscalers mark nodes that they are about to remove.
var leavingTaints = []string{
	"ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption",
	"aws-node-termination-handler/spot-itn", "aws-node-termination-handler/scheduled-maintenance",
	"aws-node-termination-handler/asg-lifecycle-termination", "aws-node-termination-handler/rebalance-recommendation",
}

// gate says why a node is not judged at all; "" when it is.
func gate(n *Node, s *Snapshot, r Rules) (reason, detail string) {
	switch {
	case hasLabel(n.Node, "node-role.kubernetes.io/control-plane"), hasLabel(n.Node, "node-role.kubernetes.io/master"):
		return skipControlPlane, ""
	case serverless(n.Node):
		return skipServerless, ""
	case leaving(n.Node) != "":
		return skipLeaving, leaving(n.Node)
	case !ready(n.Node):
		return skipNotReady, ""
	case s.At.Sub(n.CreationTimestamp.Time) < r.NodeAge:
		return skipYoung, ""
	}
	if key := forbids(n.Annotations, scaleDownDisabled, doNotDisrupt); key != "" {
		return skipKept, key
	}
	return "", ""
}

func hasLabel(n *corev1.Node, key string) bool {
	_, ok := n.Labels[key]
	return ok
}

// serverless tells whether a node is of Fargate or a virtual kubelet: it is paid for by the pod.
func serverless(n *corev1.Node) bool {
	return n.Labels["eks.amazonaws.com/compute-type"] == "fargate" || n.Labels["type"] == "virtual-kubelet" ||
		strings.HasPrefix(n.Name, "fargate-")
}

// leaving says what shows that a node is on its way out; "" when nothing does.
func leaving(n *corev1.Node) string {
	switch {
	case n.DeletionTimestamp != nil:
		return "it is being deleted"
	case n.Spec.Unschedulable:
		return "it is cordoned"
	}
	for _, t := range n.Spec.Taints {
		if slices.Contains(leavingTaints, t.Key) {
			return "taint " + t.Key
		}
	}
	return ""
}

// ready tells whether a node is ready and under no pressure.
func ready(n *corev1.Node) bool {
	ok := false
	for _, c := range n.Status.Conditions {
		switch c.Type {
		case corev1.NodeReady:
			ok = c.Status == corev1.ConditionTrue
		case corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure, corev1.NodeNetworkUnavailable:
			if c.Status == corev1.ConditionTrue {
				return false
			}
		}
	}
	return ok
}

// takesPods tells whether pods may be put onto a node.
func takesPods(n *corev1.Node) bool { return ready(n) && leaving(n) == "" && !serverless(n) }
