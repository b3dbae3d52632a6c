package detect

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// unschedulableAfter leaves the scheduler a second try.
	unschedulableAfter = 10 * time.Second
	// machineAfter is how long an autoscaler may take to bring a node for a pod that fits on none.
	machineAfter = 3 * time.Minute
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
	wait := unschedulableAfter
	if v.Autoscaled && !v.hopeless(p) {
		wait = machineAfter
	}
	if v.due(since, wait) {
		v.pod(p, found{class: engine.ClassUnschedulable, since: since, text: "fits on no node"})
	}
}

// hopeless tells whether the autoscaler itself says that it can bring no node for a pod.
func (v *view) hopeless(p *corev1.Pod) bool {
	return slices.ContainsFunc(v.eventsOf("Pod", p.Name, string(p.UID), "FailedScheduling"), func(e *corev1.Event) bool {
		return e.Source.Component == "karpenter" || e.ReportingController == "karpenter"
	})
}

// claimPending finds claims that wait for a volume that does not come.
//
// A claim of a class that binds at the first consumer waits by design, and of some classes nobody knows when they bind. So there
// must be a sign that something is wrong: no class at all, a warning about the claim, or a pod that the scheduler holds back
// because of it. A claim that a pod uses is a problem of the pod's workload; on its own it is one only while no pod uses it.
func claimPending(v *view) {
	if v.Workload.Kind == "PersistentVolumeClaim" && len(v.Pods) > 0 {
		return
	}
	for _, c := range v.Claims {
		if c.Status.Phase != corev1.ClaimPending || c.DeletionTimestamp != nil || !v.wanting(c) || !v.due(c.CreationTimestamp.Time, claimAfter) {
			continue
		}
		v.add(found{
			class: engine.ClassClaimPending, since: c.CreationTimestamp.Time, text: "has no volume",
			object: engine.ObjectRef{Kind: "PersistentVolumeClaim", Namespace: c.Namespace, Name: c.Name, UID: string(c.UID)},
		})
	}
}

// wanting tells whether there is a sign that a pending claim waits in vain.
func (v *view) wanting(c *corev1.PersistentVolumeClaim) bool {
	warned := len(v.eventsOf("PersistentVolumeClaim", c.Name, string(c.UID), "ProvisioningFailed", "FailedBinding", "ProvisioningCleanupFailed", "VolumeMismatch")) > 0
	class := ""
	if c.Spec.StorageClassName != nil {
		class = *c.Spec.StorageClassName
	}
	if v.BindingModes[class] != storagev1.VolumeBindingWaitForFirstConsumer {
		return warned || class == "" || slices.ContainsFunc(v.Pods, func(p *corev1.Pod) bool { return heldBack(p, notBound) || heldBack(p, noneToBind) })
	}
	// What an earlier consumer left behind, or another claim of this pod waits for, is no sign.
	return slices.ContainsFunc(v.Pods, func(p *corev1.Pod) bool { return consumes(p, c) && (warned || heldBack(p, noneToBind)) })
}

// The scheduler's words for a pod that waits for a claim: of a class that binds at once, and of one that binds for its consumer.
const (
	notBound   = "unbound immediate PersistentVolumeClaims"
	noneToBind = "available persistent volumes to bind"
)

func heldBack(p *corev1.Pod, why string) bool {
	c := podCondition(p, corev1.PodScheduled)
	return c != nil && c.Status == corev1.ConditionFalse && strings.Contains(c.Message, why)
}

// consumes tells whether a pod that has not ended mounts a claim.
func consumes(p *corev1.Pod, c *corev1.PersistentVolumeClaim) bool {
	if p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed || p.Namespace != c.Namespace {
		return false
	}
	return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == c.Name || v.Ephemeral != nil && p.Name+"-"+v.Name == c.Name
	})
}
