package waste

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The annotations by which people and autoscalers say what may be moved.
const (
	safeToEvict        = "cluster-autoscaler.kubernetes.io/safe-to-evict"
	safeToEvictVolumes = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
	scaleDownDisabled  = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
	doNotDisrupt       = "karpenter.sh/do-not-disrupt"
	doNotEvict         = "karpenter.sh/do-not-evict" // its name until 2023
)

// boundToNode tells whether a pod belongs to its node and goes with it: it is of a DaemonSet, or a static pod.
func boundToNode(p *corev1.Pod) bool {
	if _, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return true
	}
	owner := controllerOf(p)
	return owner != nil && (owner.Kind == "DaemonSet" || owner.Kind == "Node")
}

// forbids tells whether an annotation that forbids is set: any value but "false" does, for Karpenter takes durations too.
func forbids(annotations map[string]string, keys ...string) string {
	for _, key := range keys {
		if value := annotations[key]; value != "" && value != "false" {
			return key
		}
	}
	return ""
}

// blocked says why a pod may not be evicted, wherever it would fit; "" when it may. What safe-to-evict=true overrides is what it
// overrides for cluster-autoscaler.
func (s *survey) blocked(t *tenant) string {
	p := t.pod
	if key := forbids(p.Annotations, doNotDisrupt, doNotEvict); key != "" {
		return "it says " + key
	}
	switch p.Annotations[safeToEvict] {
	case "false":
		return "it says " + safeToEvict + "=false"
	case "true":
		return s.unplaceable(p)
	}
	if why := ownership(s.jobs, p); why != "" {
		return why
	}
	if p.Namespace == "kube-system" && len(s.budgets.of(p)) == 0 {
		return "it is of kube-system and has no PodDisruptionBudget"
	}
	if volume := localStorage(p); volume != "" {
		return "its volume " + volume + " is kept on the node and would be lost"
	}
	return s.unplaceable(p)
}

// unplaceable says why this package cannot tell where a pod would go.
func (s *survey) unplaceable(p *corev1.Pod) string {
	switch {
	case p.Spec.SchedulerName != "" && p.Spec.SchedulerName != corev1.DefaultSchedulerName:
		return "another scheduler places it: " + p.Spec.SchedulerName
	case len(p.Spec.ResourceClaims) > 0:
		return "it has claims to devices"
	}
	return ""
}

// ownership says why nobody would start a pod again after its eviction.
func ownership(jobs map[string]bool, p *corev1.Pod) string {
	owner := controllerOf(p)
	if owner == nil {
		return "it has no owner that would start it again"
	}
	switch owner.Kind {
	case "ReplicaSet", "StatefulSet", "ReplicationController":
		return ""
	case "Job":
		if !jobs[p.Namespace+"/"+owner.Name] {
			return "its Job may not start it again"
		}
		return ""
	}
	return "nobody knows whether its owner, a " + owner.Kind + ", would start it again elsewhere"
}

// retrying tells for each running Job whether it starts a pod again that was evicted.
func retrying(c *Cluster) map[string]bool {
	all := make(map[string]bool, len(c.Jobs))
	for _, j := range c.Jobs {
		limit := int32(6) // the API server's default
		if j.Spec.BackoffLimit != nil {
			limit = *j.Spec.BackoffLimit
		}
		all[j.Namespace+"/"+j.Name] = j.Status.Failed < limit
	}
	return all
}

// localStorage names a volume of a pod that holds data on its node; "" when there is none, or when the pod says that it may go.
func localStorage(p *corev1.Pod) string {
	expendable := strings.Split(p.Annotations[safeToEvictVolumes], ",")
	for _, v := range p.Spec.Volumes {
		local := v.HostPath != nil || v.EmptyDir != nil && v.EmptyDir.Medium != corev1.StorageMediumMemory
		if local && !slices.ContainsFunc(expendable, func(name string) bool { return strings.TrimSpace(name) == v.Name }) {
			return v.Name
		}
	}
	return ""
}
