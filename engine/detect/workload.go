package detect

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// jobMemory is how long a failed Job that nothing followed is a problem.
	jobMemory = 24 * time.Hour
	// missingAfter is how long replicas may be missing.
	missingAfter = 20 * time.Second
	// newWorkload is how long a workload that was just made is left to come up.
	newWorkload = time.Minute
	// startingPod is how long a new pod may take to become ready: images are pulled, applications warm up.
	startingPod = 2 * time.Minute
)

// jobFailed finds a Job that has given up. Its retries before that are not a problem yet.
func jobFailed(v *view) {
	if v.Job == nil || v.Job.DeletionTimestamp != nil {
		return
	}
	for _, c := range v.Job.Status.Conditions {
		if c.Type != batchv1.JobFailed || c.Status != corev1.ConditionTrue || !v.within(c.LastTransitionTime.Time, jobMemory) {
			continue
		}
		text := "failed"
		switch c.Reason {
		case batchv1.JobReasonBackoffLimitExceeded:
			text = "failed: its pods failed too often"
		case batchv1.JobReasonDeadlineExceeded:
			text = "failed: it took longer than its deadline"
		}
		v.add(found{
			class: engine.ClassJobFailed, severity: engine.Warning, since: c.LastTransitionTime.Time, text: text,
			object: engine.ObjectRef{Kind: "Job", Namespace: v.Job.Namespace, Name: v.Job.Name, UID: string(v.Job.UID)},
		})
	}
}

// jobHas tells whether a condition of a Job holds.
func jobHas(j *batchv1.Job, t batchv1.JobConditionType) bool {
	return j != nil && slices.ContainsFunc(j.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == t && c.Status == corev1.ConditionTrue
	})
}

// rolloutStuck finds a rollout that does not get on: past its deadline, or with failing new pods while old ones still serve.
func rolloutStuck(v *view) {
	switch {
	case v.Deployment != nil:
		v.deploymentStuck()
	case v.StatefulSet != nil:
		s := v.StatefulSet.Status
		if s.UpdateRevision == "" || s.UpdateRevision == s.CurrentRevision {
			return
		}
		fails := func(p *corev1.Pod) bool {
			return p.Labels[appsv1.ControllerRevisionHashLabelKey] == s.UpdateRevision
		}
		if k := slices.IndexFunc(v.failed, fails); k >= 0 && s.ReadyReplicas > 0 {
			v.whole(found{
				class: engine.ClassRolloutStuck, since: v.failed[k].CreationTimestamp.Time,
				text: "is stuck in its rollout: the first updated pods fail",
			})
		}
	case v.DaemonSet != nil:
		v.daemonSetStuck()
	}
}

// daemonSetStuck goes by the pods: a DaemonSet does not say which revision it rolls out, but every new pod is of it.
func (v *view) daemonSetStuck() {
	if v.DaemonSet.Status.UpdatedNumberScheduled >= v.DaemonSet.Status.DesiredNumberScheduled {
		return
	}
	var newest *corev1.Pod
	for _, p := range v.Pods {
		if p.DeletionTimestamp == nil && (newest == nil || p.CreationTimestamp.After(newest.CreationTimestamp.Time)) {
			newest = p
		}
	}
	if newest == nil {
		return
	}
	updated := func(p *corev1.Pod) bool {
		return p.Labels[appsv1.ControllerRevisionHashLabelKey] == newest.Labels[appsv1.ControllerRevisionHashLabelKey]
	}
	serving := slices.ContainsFunc(v.Pods, func(p *corev1.Pod) bool { return p.DeletionTimestamp == nil && !updated(p) && isReady(p) })
	if k := slices.IndexFunc(v.failed, updated); k >= 0 && serving {
		v.whole(found{
			class: engine.ClassRolloutStuck, since: v.failed[k].CreationTimestamp.Time,
			text: "is stuck in its rollout: the first updated pods fail, older ones still serve",
		})
	}
}

func (v *view) deploymentStuck() {
	d := v.Deployment
	if d.Spec.Paused {
		return
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse && c.Reason == "ProgressDeadlineExceeded" {
			v.whole(found{class: engine.ClassRolloutStuck, since: c.LastTransitionTime.Time, text: "is stuck in its rollout: it is past its deadline"})
			return
		}
	}
	newest := newestReplicaSet(v.ReplicaSets)
	if newest == nil || len(v.ReplicaSets) < 2 {
		return
	}
	serving := 0
	for _, rs := range v.ReplicaSets {
		if rs != newest {
			serving += int(rs.Status.ReadyReplicas)
		}
	}
	fails := slices.ContainsFunc(v.failed, func(p *corev1.Pod) bool {
		return slices.ContainsFunc(p.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Kind == "ReplicaSet" && o.Name == newest.Name })
	})
	if fails && serving > 0 && int(newest.Status.ReadyReplicas) < count(newest.Spec.Replicas) {
		v.whole(found{
			class: engine.ClassRolloutStuck, since: newest.CreationTimestamp.Time,
			text: fmt.Sprintf("is stuck in its rollout: the pods of revision %d fail, older ones still serve", revision(newest)),
		})
	}
}

// newestReplicaSet is the one that a Deployment rolls out; nil when none has a revision.
func newestReplicaSet(all []*appsv1.ReplicaSet) *appsv1.ReplicaSet {
	var newest *appsv1.ReplicaSet
	for _, rs := range all {
		if revision(rs) > 0 && (newest == nil || revision(rs) > revision(newest)) {
			newest = rs
		}
	}
	return newest
}

func revision(rs *appsv1.ReplicaSet) int {
	n, err := strconv.Atoi(rs.Annotations["deployment.kubernetes.io/revision"])
	if err != nil {
		return 0
	}
	return n
}

// replicasMissing finds fewer ready replicas than asked for, when nothing else that was found explains it: no failing pod, no rollout,
// no scaling, no pod that is just starting.
func replicasMissing(v *view) {
	w, ok := v.replicated()
	if !ok || v.health == nil || v.health.Ready >= v.health.Desired || v.lasting() || w.moving {
		return
	}
	short, since, parents := v.unready()
	if len(parents) == 0 && !v.due(w.created, newWorkload) {
		return // on a node that is down, it is not its start that takes long
	}
	if short == 0 {
		at, refused := v.refused()
		if !refused {
			return // the controller has not made the pods yet
		}
		since = at
	}
	if !v.due(since, missingAfter+v.aftermath(since)) {
		return
	}
	f := found{
		class: engine.ClassReplicasMissing, since: since,
		text: fmt.Sprintf("has %d of %d replicas ready", v.health.Ready, v.health.Desired),
	}
	if len(parents) == 1 && short > 0 {
		f.node, f.parent = parents[0], v.nodeWorkload(parents[0])
	}
	v.whole(f)
}

// lasting tells whether a problem was found that is not over.
func (v *view) lasting() bool {
	for _, p := range v.groups {
		if p.ended.IsZero() {
			return true
		}
	}
	return false
}

// replicated is what the three kinds of workload with replicas have in common.
type replicated struct {
	created time.Time
	moving  bool // a rollout or a change of scale is under way
}

func (v *view) replicated() (replicated, bool) {
	switch {
	case v.Deployment != nil:
		d := v.Deployment
		return replicated{d.CreationTimestamp.Time, d.Status.ObservedGeneration < d.Generation || int(d.Status.UpdatedReplicas) < count(d.Spec.Replicas) && !v.createRefused()}, true
	case v.StatefulSet != nil:
		s := v.StatefulSet
		return replicated{s.CreationTimestamp.Time, s.Status.ObservedGeneration < s.Generation || s.Status.UpdateRevision != s.Status.CurrentRevision}, true
	case v.DaemonSet != nil:
		d := v.DaemonSet
		return replicated{d.CreationTimestamp.Time, d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedNumberScheduled < d.Status.DesiredNumberScheduled && !v.createRefused()}, true
	}
	return replicated{}, false
}

// unready counts the pods that are not ready and have had their time, since when the longest of them is so, and the nodes that explain all of them.
func (v *view) unready() (n int, since time.Time, nodes []string) {
	explained := true
	for _, p := range v.Pods {
		if p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed || isReady(p) {
			continue
		}
		node := v.Nodes[p.Spec.NodeName]
		down, planned := node != nil && notReady(node), node != nil && leaving(node)
		at := p.CreationTimestamp.Time
		if c := podCondition(p, corev1.PodReady); c != nil && c.LastTransitionTime.After(at) {
			at = c.LastTransitionTime.Time
		}
		if !down && !v.due(v.reported(p.CreationTimestamp.Time, startingPod), startingPod) {
			continue
		}
		if planned && !v.due(at, startingPod) { // another takes its place
			continue
		}
		n++
		if since.IsZero() || at.Before(since) {
			since = at
		}
		if !down {
			explained = false
		} else if !slices.Contains(nodes, p.Spec.NodeName) {
			nodes = append(nodes, p.Spec.NodeName)
		}
	}
	if !explained {
		nodes = nil
	}
	return n, since, nodes
}

// refused tells since when the controller is refused the making of pods, as by a quota or a webhook.
func (v *view) refused() (time.Time, bool) {
	if v.Deployment != nil {
		for _, c := range v.Deployment.Status.Conditions {
			if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
				return c.LastTransitionTime.Time, true
			}
		}
	}
	for _, e := range v.Events {
		if e.Reason == "FailedCreate" && v.within(lastSeen(e), recent) {
			return firstSeen(e), true
		}
	}
	return time.Time{}, false
}

func (v *view) createRefused() bool {
	_, yes := v.refused()
	return yes
}

// whole adds a finding about the workload itself.
func (v *view) whole(f found) {
	f.object = engine.ObjectRef{Kind: v.Workload.Kind, Namespace: v.Workload.Namespace, Name: v.Workload.Name}
	if len(v.failed) > 0 && f.parent.IsZero() {
		f.parent = v.commonParent()
	}
	v.add(f)
}

// commonParent is the parent that everything found so far has; zero when there is none.
func (v *view) commonParent() engine.Workload {
	var parent engine.Workload
	for _, p := range v.groups {
		if len(p.parents) != 1 {
			return engine.Workload{}
		}
		for w := range p.parents {
			if w.IsZero() || (!parent.IsZero() && w != parent) {
				return engine.Workload{}
			}
			parent = w
		}
	}
	return parent
}
