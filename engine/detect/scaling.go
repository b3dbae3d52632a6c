package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// scalingAfter is how long an autoscaler may lack its metrics: those of new pods take a minute or two.
	scalingAfter = 5 * time.Minute
	// drainAfter is how long a node may wait for evictions: applications end slowly, and one replica waits for the other.
	drainAfter = 15 * time.Minute
)

// autoscalers finds horizontal autoscalers that cannot work. What they scale is the workload; without a target they stand alone.
func autoscalers(e *estate) {
	for _, a := range e.Autoscalers {
		if a.DeletionTimestamp != nil {
			continue
		}
		c, text := idle(a)
		if c == nil {
			continue
		}
		f := Fact{Class: engine.ClassScalingStuck, Severity: engine.Warning, Since: c.LastTransitionTime.Time, After: scalingAfter, Text: text}
		target := engine.Workload{Namespace: a.Namespace, Kind: a.Spec.ScaleTargetRef.Kind, Name: a.Spec.ScaleTargetRef.Name}
		if slices.ContainsFunc(e.templates[a.Namespace], func(t Template) bool { return t.Workload == target }) {
			f.Object = ref(kindAutoscaler, a.ObjectMeta)
			e.add(target, f)
			continue
		}
		e.about(kindAutoscaler, a.ObjectMeta, f)
	}
}

const kindAutoscaler = "HorizontalPodAutoscaler"

// idle gives the condition for which an autoscaler does nothing, and says so. That its target is scaled to none is what somebody wants.
func idle(a *autoscalingv2.HorizontalPodAutoscaler) (*autoscalingv2.HorizontalPodAutoscalerCondition, string) {
	for k := range a.Status.Conditions {
		c := &a.Status.Conditions[k]
		if c.Status != corev1.ConditionFalse || c.Reason == "ScalingDisabled" {
			continue
		}
		switch {
		case c.Type == autoscalingv2.AbleToScale:
			return c, "cannot change the number of replicas"
		case c.Type == autoscalingv2.ScalingActive && strings.HasPrefix(c.Reason, "FailedGet"):
			return c, "gets no metrics, and so does not scale"
		case c.Type == autoscalingv2.ScalingActive:
			return c, "does not scale: " + c.Reason
		}
	}
	return nil, ""
}

// drains finds nodes that are to be emptied and cannot be, because a disruption budget allows no eviction of a pod on them. A budget that
// allows none is no fault while nobody wants to evict.
func drains(e *estate) {
	nodes := map[string]*corev1.Node{}
	for _, n := range e.Nodes {
		if !leavingSince(n).IsZero() {
			nodes[n.Name] = n
		}
	}
	if len(nodes) == 0 {
		return
	}
	seen := map[engine.Workload]bool{}
	for _, b := range e.Budgets {
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || b.Status.DisruptionsAllowed > 0 || b.Status.ExpectedPods == 0 || b.Status.ObservedGeneration < b.Generation {
			continue
		}
		for _, p := range e.pods[b.Namespace] {
			n := nodes[p.Spec.NodeName]
			if n == nil || p.DeletionTimestamp != nil || p.Status.Phase != corev1.PodRunning || !selector.Matches(labels.Set(p.Labels)) || stays(p) {
				continue
			}
			w, ok := e.Owner(p)
			if !ok || seen[w] {
				continue
			}
			seen[w] = true
			e.add(w, Fact{
				Class: engine.ClassDrainBlocked, Severity: engine.Warning, Object: ref("PodDisruptionBudget", b.ObjectMeta),
				Since: leavingSince(n), After: drainAfter, Text: fmt.Sprintf("lets no pod be evicted from node %s, which is to be emptied%s", n.Name, allowance(b)),
			})
		}
	}
}

// stays tells whether a drain leaves a pod where it is: those of DaemonSets, and the kubelet's own.
func stays(p *corev1.Pod) bool {
	owner := metav1.GetControllerOfNoCopy(p)
	return owner != nil && (owner.Kind == "DaemonSet" || owner.Kind == engine.KindNode)
}

// allowance says why a budget allows nothing, where that is a matter of its own numbers and not of pods that are ill.
func allowance(b *policyv1.PodDisruptionBudget) string {
	if b.Status.CurrentHealthy >= b.Status.ExpectedPods {
		return fmt.Sprintf(": it wants %d of %d pods at any time", b.Status.DesiredHealthy, b.Status.ExpectedPods)
	}
	return fmt.Sprintf(": only %d of %d pods are healthy, and it wants %d", b.Status.CurrentHealthy, b.Status.ExpectedPods, b.Status.DesiredHealthy)
}
