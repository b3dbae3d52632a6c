package detect

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// unschedulableAfter leaves the scheduler a second try.
	unschedulableAfter = 10 * time.Second
	// claimAfter is how long a volume may take to be made.
	claimAfter = 30 * time.Second
)

// unschedulable finds pods that fit on no node. A pod that is held back by a scheduling gate is not one.
func unschedulable(v *view, p *corev1.Pod) {
	c := podCondition(p, corev1.PodScheduled)
	if c == nil || c.Status != corev1.ConditionFalse || c.Reason != corev1.PodReasonUnschedulable {
		return
	}
	since := c.LastTransitionTime.Time
	if since.IsZero() {
		since = p.CreationTimestamp.Time
	}
	if v.due(since, unschedulableAfter) {
		v.pod(p, found{class: engine.ClassUnschedulable, since: since, text: "fits on no node"})
	}
}

// claimPending finds claims that wait for a volume that does not come.
//
// A claim of a class that binds at the first consumer waits by design, and the class is not part of the scene. So there must be a sign
// that something is wrong: no class at all, a warning about the claim, or a pod that the scheduler holds back because of it.
// A claim that a pod uses is a problem of the pod's workload; on its own it is one only while no pod uses it.
func claimPending(v *view) {
	if v.Workload.Kind == "PersistentVolumeClaim" && len(v.Pods) > 0 {
		return
	}
	for _, c := range v.Claims {
		if c.Status.Phase != corev1.ClaimPending || c.DeletionTimestamp != nil {
			continue
		}
		warned := len(v.eventsOf("PersistentVolumeClaim", c.Name, string(c.UID), "ProvisioningFailed", "FailedBinding", "ProvisioningCleanupFailed", "VolumeMismatch")) > 0
		classless := c.Spec.StorageClassName == nil || *c.Spec.StorageClassName == ""
		if (!warned && !classless && !slices.ContainsFunc(v.Pods, heldBackByClaim)) || !v.due(c.CreationTimestamp.Time, claimAfter) {
			continue
		}
		v.add(found{
			class: engine.ClassClaimPending, since: c.CreationTimestamp.Time, text: "has no volume",
			object: engine.ObjectRef{Kind: "PersistentVolumeClaim", Namespace: c.Namespace, Name: c.Name, UID: string(c.UID)},
		})
	}
}

func heldBackByClaim(p *corev1.Pod) bool {
	c := podCondition(p, corev1.PodScheduled)
	return c != nil && c.Status == corev1.ConditionFalse &&
		(strings.Contains(c.Message, "unbound immediate PersistentVolumeClaims") || strings.Contains(c.Message, "available persistent volumes to bind"))
}
