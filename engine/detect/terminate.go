package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// terminating finds a pod that was deleted and is still there long after its grace. On a node that is down it waits for the node.
func terminating(v *view, p *corev1.Pod) {
	since := p.DeletionTimestamp.Time // the end of its grace
	if !v.due(since, goneAfter) {
		return
	}
	text := "was deleted and does not end"
	switch n := v.Nodes[p.Spec.NodeName]; {
	case len(p.Finalizers) > 0:
		text = fmt.Sprintf("was deleted and waits for %s to take off its finalizer", strings.Join(p.Finalizers, " and "))
	case p.Spec.NodeName != "" && n == nil && len(v.Nodes) > 0:
		text = fmt.Sprintf("was deleted and waits for node %s, which is gone", p.Spec.NodeName)
	}
	v.pod(p, found{class: engine.ClassStuckTerminating, severity: engine.Warning, since: since, text: text})
}

// refusedBy are the reasons for which a kubelet does not take a pod that was placed on its node.
var refusedBy = []string{
	"NodeAffinity", "NodePorts", "OutOfcpu", "OutOfmemory", "OutOfpods", "OutOfephemeral-storage", "UnexpectedAdmissionError",
	"TopologyAffinityError", "PodOSNotSupported", "InvalidNodeInfo", "SysctlForbidden", "AppArmor",
}

// turnedAway finds pods that their node refused lately, while replicas are short: a controller makes another, which mostly finds a place.
func turnedAway(v *view, p *corev1.Pod) {
	if p.Status.Phase != corev1.PodFailed || !slices.Contains(refusedBy, p.Status.Reason) || v.health == nil || v.health.Ready >= v.health.Desired {
		return
	}
	if at := begun(p); v.within(at, recent) && v.due(at, unschedulableAfter) {
		v.pod(p, found{class: engine.ClassUnschedulable, since: at, text: fmt.Sprintf("was refused by its node (%s)", p.Status.Reason)})
	}
}

// resizing are the conditions and states of a claim whose volume cannot grow, or be changed.
var (
	resizing    = []corev1.PersistentVolumeClaimConditionType{corev1.PersistentVolumeClaimControllerResizeError, corev1.PersistentVolumeClaimNodeResizeError, corev1.PersistentVolumeClaimVolumeModifyVolumeError}
	infeasible  = []corev1.ClaimResourceStatus{corev1.PersistentVolumeClaimControllerResizeInfeasible, corev1.PersistentVolumeClaimNodeResizeInfeasible}
	resizeAfter = 5 * time.Minute // a driver tries several times
)

// claimFailing finds claims that lost their volume, or whose volume does not become what they ask for. One that a pod uses is a problem of the
// pod's workload.
func claimFailing(v *view) {
	if v.Workload.Kind == "PersistentVolumeClaim" && len(v.Pods) > 0 {
		return
	}
	for _, c := range v.Claims {
		f := found{
			class: engine.ClassVolumeFailing, severity: engine.Warning,
			object: engine.ObjectRef{Kind: "PersistentVolumeClaim", Namespace: c.Namespace, Name: c.Name, UID: string(c.UID)},
		}
		if c.Status.Phase == corev1.ClaimLost {
			f.severity, f.since, f.text = engine.Critical, c.CreationTimestamp.Time, "has lost its volume"
			if at := earliest(v.eventsOf("PersistentVolumeClaim", c.Name, string(c.UID), "ClaimLost", "ClaimMisbound")); !at.IsZero() {
				f.since = at
			}
			v.add(f)
			continue
		}
		if since, ok := v.cannotGrow(c); ok {
			f.since, f.text = since, "is not given the size that it asks for"
			v.add(f)
		}
	}
}

// cannotGrow tells since when a claim waits in vain for another size. A file system that grows at the next start of its pod only waits.
func (v *view) cannotGrow(c *corev1.PersistentVolumeClaim) (time.Time, bool) {
	for _, k := range c.Status.Conditions {
		if slices.Contains(resizing, k.Type) && k.Status == corev1.ConditionTrue {
			return k.LastTransitionTime.Time, v.due(k.LastTransitionTime.Time, resizeAfter)
		}
	}
	e := v.eventsOf("PersistentVolumeClaim", c.Name, string(c.UID), "VolumeResizeFailed", "FileSystemResizeFailed", "VolumeModifyFailed")
	first := earliest(e)
	if slices.Contains(infeasible, c.Status.AllocatedResourceStatuses[corev1.ResourceStorage]) {
		if first.IsZero() {
			first = c.CreationTimestamp.Time
		}
		return first, true
	}
	goesOn := slices.ContainsFunc(e, func(w *corev1.Event) bool { return v.within(lastSeen(w), controllerMemory) })
	return first, goesOn && v.due(first, resizeAfter)
}
