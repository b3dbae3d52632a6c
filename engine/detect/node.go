package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// nodeStart is how long a new node may take to get its network.
	nodeStart = 3 * time.Minute
	// nodeBlip is how long a kubelet may be not ready, as when it is restarted.
	nodeBlip = 30 * time.Second
)

// pressures are the kubelet's own conditions, and the two of the node problem detector that do not go away by themselves. Those of EKS's node
// monitoring agent (NetworkingReady, KernelReady and the like) are about parts of a node that works, which EKS repairs, and are not among them:
// they are evidence when something on the node fails.
var pressures = map[corev1.NodeConditionType]string{
	"KernelDeadlock":              "has a deadlock in its kernel",
	"ReadonlyFilesystem":          "has a file system that became read-only",
	corev1.NodeMemoryPressure:     "is short of memory",
	corev1.NodeDiskPressure:       "is short of disk",
	corev1.NodePIDPressure:        "is short of process ids",
	corev1.NodeNetworkUnavailable: "has no network",
}

// nodeNotReady finds a node that cannot run pods. One that people, an autoscaler or the end of a Spot instance take away may go: that is
// planned, and what it does to a workload is told there.
func nodeNotReady(v *view) {
	n := v.Node
	if n == nil || leaving(n) {
		return
	}
	c := nodeCondition(n, corev1.NodeReady)
	if c == nil || c.Status == corev1.ConditionTrue || v.announced(n.Name) {
		return
	}
	since := c.LastTransitionTime.Time
	if c.Status == corev1.ConditionFalse && (!v.due(n.CreationTimestamp.Time, nodeStart) || !v.due(since, nodeBlip)) {
		return
	}
	if d := v.aftermath(since); d > 0 && !v.due(since, d) {
		return
	}
	text := "is not ready"
	if c.Status == corev1.ConditionUnknown {
		text = "is not ready: its kubelet stopped reporting"
	}
	v.node(found{class: engine.ClassNodeNotReady, severity: engine.Critical, since: since, text: text})
}

// nodePressure finds what a node says it is short of. That the kernel killed a process outside of any container is said by the kubelet alone.
func nodePressure(v *view) {
	if v.Node == nil || v.Node.DeletionTimestamp != nil || notReady(v.Node) {
		return
	}
	killed := v.eventsOf(engine.KindNode, v.Node.Name, "", "SystemOOM")
	if slices.ContainsFunc(killed, func(e *corev1.Event) bool { return v.within(lastSeen(e), recent) }) {
		v.node(found{class: engine.ClassNodePressure, severity: engine.Warning, since: earliest(killed), text: "ran out of memory: the kernel killed a process of the system"})
	}
	for _, c := range v.Node.Status.Conditions {
		text, ok := pressures[c.Type]
		if !ok || c.Status != corev1.ConditionTrue || !v.due(c.LastTransitionTime.Time, nodeBlip) {
			continue
		}
		if c.Type == corev1.NodeNetworkUnavailable && !v.due(v.Node.CreationTimestamp.Time, nodeStart) {
			continue
		}
		v.node(found{class: engine.ClassNodePressure, severity: engine.Warning, since: c.LastTransitionTime.Time, text: text})
	}
}

func (v *view) node(f found) {
	f.object, f.node = engine.ObjectRef{Kind: engine.KindNode, Name: v.Node.Name, UID: string(v.Node.UID)}, v.Node.Name
	v.add(f)
}

func nodeCondition(n *corev1.Node, t corev1.NodeConditionType) *corev1.NodeCondition {
	for i := range n.Status.Conditions {
		if n.Status.Conditions[i].Type == t {
			return &n.Status.Conditions[i]
		}
	}
	return nil
}

// notReady tells whether a node says that it is not ready, or says nothing any more.
func notReady(n *corev1.Node) bool {
	c := nodeCondition(n, corev1.NodeReady)
	return c != nil && c.Status != corev1.ConditionTrue
}

// evicted finds pods that a kubelet evicted lately. When their node is short of something, the node is the parent; a pod that went
// over its own storage limit has only itself.
func evicted(v *view, p *corev1.Pod) {
	if p.Status.Phase != corev1.PodFailed || p.Status.Reason != "Evicted" {
		return
	}
	at := v.evictedAt(p)
	if !v.within(at, recent) {
		return
	}
	f := found{class: engine.ClassEvicted, since: at, text: "was evicted"}
	if resource, ok := shortOf(p.Status.Message); ok {
		f.text = fmt.Sprintf("was evicted: the node was low on %s", resource)
		if n := v.Nodes[p.Spec.NodeName]; n != nil {
			f.parent = v.nodeWorkload(p.Spec.NodeName)
		}
	} else if strings.Contains(p.Status.Message, "ephemeral") {
		f.text = "was evicted: it used more ephemeral storage than its limit"
	}
	v.pod(p, f)
}

// evictedAt is the best of what tells when a pod was evicted: the condition made for it, the kubelet's event, the latest change of any condition.
func (v *view) evictedAt(p *corev1.Pod) time.Time {
	if c := podCondition(p, corev1.DisruptionTarget); c != nil && !c.LastTransitionTime.IsZero() {
		return c.LastTransitionTime.Time
	}
	for _, e := range v.eventsOf("Pod", p.Name, string(p.UID), "Evicted") {
		return firstSeen(e)
	}
	at := begun(p)
	for _, c := range p.Status.Conditions {
		if c.LastTransitionTime.After(at) {
			at = c.LastTransitionTime.Time
		}
	}
	return at
}

// shortOf reads the resource from "The node was low on resource: memory. Threshold quantity: …".
func shortOf(message string) (string, bool) {
	_, rest, ok := strings.Cut(message, "low on resource: ")
	if !ok {
		return "", false
	}
	resource, _, _ := strings.Cut(rest, ".")
	return strings.TrimSpace(resource), true
}
