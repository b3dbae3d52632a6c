package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// settled is how long what explains a deletion may take to be seen: it comes by another watch than the pod's end.
	settled = 2 * time.Second
	// Brief is how long a shortfall may last that nobody need be woken for.
	Brief = 10 * time.Second
	// LossMemory is how long a pod that is gone is looked at.
	LossMemory = 10 * time.Minute
	// healedMemory is for how long it is told that a loss is healed: long enough for whoever keeps incidents to have been away for a moment.
	healedMemory = 2 * time.Minute
	// scaledBefore is how long before a deletion fewer replicas may have been asked for to explain it.
	scaledBefore = 30 * time.Second
	// skew is by how much the clocks of two things that belong together may differ, such as a deletion and what is made in its place; some count
	// in whole seconds.
	skew = 2 * time.Second
)

// Departure is a pod that was deleted.
type Departure struct {
	Pod    *corev1.Pod  // as it was last seen
	At     time.Time    // when its deletion was asked for
	Node   *corev1.Node // that it was on: as it was then, or when it was on its way out itself; nil when it is gone
	Excuse string       // who says that it was meant, when one is known who evicts by plan
}

// Planners are who evicts pods through the API by plan and says so in events: the reasons or reporters of these.
var Planners = []string{"EvictedByVPA", "descheduler", "Preempted", "TaintManagerEviction", "karpenter", "cluster-autoscaler"}

// lostPods finds ready pods that were deleted although their workload still wanted them, when no rollout, scaling or disruption of a node
// explains it. What is healed is told too, as over: whoever keeps incidents may not have heard that it began.
func lostPods(v *view) {
	if lost := v.lost(); len(lost) > 0 {
		v.tellLost(v.latest(lost))
	}
}

// Unexplained gives the Departures of a scene for which nothing in it accounts.
func Unexplained(s Scene) []Departure {
	v := &view{Scene: s, groups: map[group]*problem{}}
	return v.lost()
}

func (v *view) lost() []Departure {
	if !v.keepsPods() {
		return nil
	}
	var out []Departure
	all := v.departures()
	for _, d := range all {
		if d.Excuse == "" && v.within(d.At, LossMemory) && v.due(d.At, settled) && served(d) && !v.wantedGone(d, all) && !v.nodeGoes(d) {
			out = append(out, d)
		}
	}
	return out
}

// keepsPods tells whether a workload is one whose controller replaces pods, and that is to stay.
func (v *view) keepsPods() bool {
	switch {
	case v.Deployment != nil:
		return v.Deployment.DeletionTimestamp == nil
	case v.StatefulSet != nil:
		return v.StatefulSet.DeletionTimestamp == nil
	case v.DaemonSet != nil:
		return v.DaemonSet.DeletionTimestamp == nil
	}
	return v.Workload.Kind == "ReplicaSet" && len(v.ReplicaSets) == 1 && v.ReplicaSets[0].DeletionTimestamp == nil
}

// departures are those that the watch remembers, and those that are still there to be seen.
func (v *view) departures() []Departure {
	out := slices.Clone(v.Departures)
	for _, p := range v.Pods {
		if p.DeletionTimestamp == nil || slices.ContainsFunc(out, func(d Departure) bool { return d.Pod.UID == p.UID }) {
			continue
		}
		out = append(out, Departure{Pod: p, At: Asked(p), Node: v.Nodes[p.Spec.NodeName]})
	}
	slices.SortFunc(out, func(a, b Departure) int { return a.At.Compare(b.At) })
	return out
}

// Asked is when the deletion of a pod was asked for; zero when it was not. The API server writes the end of its grace.
func Asked(p *corev1.Pod) time.Time {
	if p.DeletionTimestamp == nil {
		return time.Time{}
	}
	at := p.DeletionTimestamp.Time
	if g := p.DeletionGracePeriodSeconds; g != nil {
		at = at.Add(-time.Duration(*g) * time.Second)
	}
	return at
}

// served tells whether a pod was ready when its deletion was asked for. To delete one that is ill is a way to mend it.
func served(d Departure) bool {
	c := podCondition(d.Pod, corev1.PodReady)
	return c != nil && (c.Status == corev1.ConditionTrue || !c.LastTransitionTime.Time.Before(d.At.Add(-time.Second))) &&
		d.Pod.Status.Phase != corev1.PodSucceeded && d.Pod.Status.Phase != corev1.PodFailed
}

// byPlan are the reasons of the API server's own for a pod to go that are not somebody's eviction: its node, or a pod of higher priority.
var byPlan = []string{corev1.PodReasonPreemptionByScheduler, "DeletionByTaintManager", "DeletionByPodGC", corev1.PodReasonTerminationByKubelet}

// wantedGone tells whether the pod's controller wanted fewer pods, or another one in its place.
func (v *view) wantedGone(d Departure, all []Departure) bool {
	if c := podCondition(d.Pod, corev1.DisruptionTarget); c != nil && c.Status == corev1.ConditionTrue && slices.Contains(byPlan, c.Reason) {
		return true
	}
	if !v.Lowered.IsZero() && v.Lowered.After(d.At.Add(-scaledBefore)) && v.Lowered.Before(d.At.Add(Brief)) {
		return true
	}
	owner := metav1.GetControllerOfNoCopy(d.Pod)
	if owner == nil {
		return true
	}
	switch {
	case v.StatefulSet != nil:
		s := v.StatefulSet
		hash := d.Pod.Labels[appsv1.ControllerRevisionHashLabelKey]
		return s.Status.ObservedGeneration < s.Generation || hash != "" && s.Status.UpdateRevision != "" && hash != s.Status.UpdateRevision || v.renewed(d) || v.enough(d, all, count(s.Spec.Replicas))
	case v.DaemonSet != nil:
		return v.outdated(d) || v.enough(d, all, int(v.DaemonSet.Status.DesiredNumberScheduled))
	}
	for _, rs := range v.ReplicaSets {
		if rs.Name == owner.Name {
			return rs.DeletionTimestamp != nil || v.enough(d, all, count(rs.Spec.Replicas))
		}
	}
	return true // its ReplicaSet is gone, and takes its pods along
}

// enough tells whether, without the pod, its controller still had as many as it wants: then it took the pod away itself.
func (v *view) enough(d Departure, all []Departure, want int) bool {
	owner := metav1.GetControllerOfNoCopy(d.Pod)
	left := 0
	count := func(p *corev1.Pod, until time.Time) {
		of := metav1.GetControllerOfNoCopy(p)
		if p.UID != d.Pod.UID && of != nil && of.Kind == owner.Kind && of.Name == owner.Name && p.CreationTimestamp.Time.Before(d.At.Add(-skew)) && (until.IsZero() || until.After(d.At)) &&
			p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			left++
		}
	}
	for _, p := range v.Pods {
		if p.DeletionTimestamp == nil {
			count(p, time.Time{})
		}
	}
	for _, other := range all {
		count(other.Pod, other.At)
	}
	return left >= want
}

// AnnotationGeneration is where a DaemonSet says which of its templates is the newest; its pods have the number as a label.
const AnnotationGeneration = "deprecated.daemonset.template.generation"

// outdated tells whether a DaemonSet's pod was of an older template than the newest.
func (v *view) outdated(d Departure) bool {
	s := v.DaemonSet
	newest, mine := s.Annotations[AnnotationGeneration], d.Pod.Labels["pod-template-generation"]
	if newest != "" && mine != "" {
		return mine != newest
	}
	return s.Status.ObservedGeneration < s.Generation || v.renewed(d)
}

// renewed tells whether a pod of another template came after one that went: pods come by one watch, and tell of a rollout that their
// controller's own watch may not have told of yet.
func (v *view) renewed(d Departure) bool {
	hash := d.Pod.Labels[appsv1.ControllerRevisionHashLabelKey]
	return slices.ContainsFunc(v.Pods, func(p *corev1.Pod) bool {
		return !p.CreationTimestamp.Time.Before(d.At.Add(-skew)) && p.Labels[appsv1.ControllerRevisionHashLabelKey] != hash
	})
}

// nodeGoes tells whether the node that a pod was on is gone, fails, or is being emptied.
func (v *view) nodeGoes(d Departure) bool {
	name := d.Pod.Spec.NodeName
	now := v.Nodes[name]
	if name == "" || now == nil || leaving(now) || notReady(now) || v.announced(name) {
		return true
	}
	return d.Node != nil && (leaving(d.Node) || notReady(d.Node))
}

// Leaving tells whether a node is on its way out because somebody, or something that is meant to, takes it away.
func Leaving(n *corev1.Node) bool { return leaving(n) }

// latest are those of some losses, the oldest first, that make up the last shortfall: it begins after those before it were made good.
func (v *view) latest(lost []Departure) []Departure {
	for i := 1; i < len(lost); i++ {
		if end, healed := v.healed(lost[:i]); healed && end.Before(lost[i].At) {
			return v.latest(lost[i:])
		}
	}
	return lost
}

func (v *view) tellLost(lost []Departure) {
	first := lost[0]
	f := found{
		class: engine.ClassReplicasMissing, since: first.At, severity: engine.Warning,
		text: fmt.Sprintf("lost %s of %d: %s, and no rollout, scaling or disruption of a node explains it", pods(len(lost)), max(v.health.Desired, len(lost)), departed(lost)),
	}
	names := make([]string, 0, len(lost))
	for _, d := range lost {
		names = append(names, d.Pod.Name)
	}
	f.labels = map[string]string{engine.LabelLost: strings.Join(names[:min(len(names), mostNamed)], ",")}
	if r := disruption(first.Pod); r != "" {
		f.labels[engine.LabelDisruption] = r
	}
	if end, healed := v.healed(lost); healed {
		if !v.within(end, healedMemory) {
			return
		}
		if f.ended = end; !end.After(f.since) {
			f.ended = f.since.Add(time.Second) // the API server counts in seconds
		}
	} else if v.due(lost[0].At, Brief) {
		f.severity = ""
	}
	v.whole(f)
}

// mostNamed is how many pods a signal names.
const mostNamed = 5

func pods(n int) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}

// departed says what became of the first of some pods, and how.
func departed(lost []Departure) string {
	p := lost[0].Pod
	how := "was deleted"
	if disruption(p) == reasonEviction {
		how = "was evicted through the API"
	}
	if len(lost) > 1 {
		return fmt.Sprintf("%s and others %s", p.Name, strings.Replace(how, "was", "were", 1))
	}
	return p.Name + " " + how
}

// reasonEviction is the API server's word for a pod that somebody evicted.
const reasonEviction = "EvictionByEvictionAPI"

func disruption(p *corev1.Pod) string {
	if c := podCondition(p, corev1.DisruptionTarget); c != nil && c.Status == corev1.ConditionTrue {
		return c.Reason
	}
	return ""
}

// ReadySince tells whether a pod is ready, and since when; zero when its condition does not say.
func ReadySince(p *corev1.Pod) (since time.Time, ready bool) {
	if !isReady(p) {
		return time.Time{}, false
	}
	return podCondition(p, corev1.PodReady).LastTransitionTime.Time, true
}

// everReady tells whether a pod is ready or was, and since when. For one that was and is not now, and was not seen to become so, that is no sooner
// than told: a pod that is made is not ready, and its condition keeps the time of that until it first is.
func (v *view) everReady(p *corev1.Pod) (time.Time, bool) {
	if at, seen := v.Served[p.UID]; seen {
		return at, true
	}
	c := podCondition(p, corev1.PodReady)
	switch {
	case c == nil:
		return time.Time{}, false
	case c.Status == corev1.ConditionTrue && c.LastTransitionTime.IsZero():
		return begun(p), true
	case c.Status == corev1.ConditionTrue:
		return c.LastTransitionTime.Time, true
	case p.Status.StartTime == nil || !c.LastTransitionTime.After(p.Status.StartTime.Add(skew)):
		return time.Time{}, false
	}
	at := p.Status.StartTime.Time
	for _, s := range p.Status.ContainerStatuses {
		var first time.Time // when it first began; after more than one restart nobody says
		switch {
		case s.RestartCount > 1:
		case s.LastTerminationState.Terminated != nil:
			first = s.LastTerminationState.Terminated.StartedAt.Time
		case s.State.Terminated != nil:
			first = s.State.Terminated.StartedAt.Time
		case s.State.Running != nil:
			first = s.State.Running.StartedAt.Time
		}
		if first.After(at) && first.Before(c.LastTransitionTime.Time) {
			at = first
		}
	}
	return at, true
}

// healed tells since when there are as many ready pods again as there were. One that took a lost pod's place made that good, even if it was
// lost later itself, or ceased to be ready for a reason of its own.
func (v *view) healed(lost []Departure) (time.Time, bool) {
	var ready []time.Time
	first := lost[0].At
	for _, p := range v.Pods {
		if p.DeletionTimestamp != nil || p.CreationTimestamp.Time.Before(first.Add(-skew)) || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		if at, ok := v.everReady(p); ok {
			ready = append(ready, at)
		}
	}
	for _, d := range v.departures() {
		// Those that went with the first, young as they may be, did not take its place.
		if d.At.After(first.Add(skew)) && !d.Pod.CreationTimestamp.Time.Before(first.Truncate(time.Second)) && served(d) {
			at := d.At.Add(-1) // at the latest: the condition may tell when it ceased to be ready
			if first, seen := v.Served[d.Pod.UID]; seen {
				at = first
			} else if since, is := ReadySince(d.Pod); is {
				at = since
			}
			ready = append(ready, at)
		}
	}
	if len(ready) >= len(lost) {
		slices.SortFunc(ready, time.Time.Compare)
		return ready[len(lost)-1], true
	}
	if v.Lowered.After(lost[0].At) && v.health.Ready >= v.health.Desired {
		return v.Lowered, true // the rest is not wanted any more
	}
	return time.Time{}, false
}
