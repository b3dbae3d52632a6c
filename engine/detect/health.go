package detect

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// health says how much of a workload works; nil for what is not meant to go on working: nodes, claims, Jobs.
func health(s Scene) *engine.Health {
	h := engine.Health{}
	switch {
	case s.Deployment != nil:
		h.Desired, h.Ready = count(s.Deployment.Spec.Replicas), int(s.Deployment.Status.ReadyReplicas)
	case s.StatefulSet != nil:
		h.Desired, h.Ready = count(s.StatefulSet.Spec.Replicas), int(s.StatefulSet.Status.ReadyReplicas)
	case s.DaemonSet != nil:
		h.Desired, h.Ready = int(s.DaemonSet.Status.DesiredNumberScheduled), int(s.DaemonSet.Status.NumberReady)
	case s.Node != nil, s.Job != nil, s.Workload.Kind == "Job", s.Workload.Kind == "CronJob", len(s.Pods) == 0 && len(s.ReplicaSets) == 0,
		s.Workload.Kind == "PersistentVolumeClaim":
		return nil
	case s.Workload.Kind == "ReplicaSet" && len(s.ReplicaSets) == 1:
		h.Desired, h.Ready = count(s.ReplicaSets[0].Spec.Replicas), int(s.ReplicaSets[0].Status.ReadyReplicas)
	default: // a bare pod, or the pods of a controller that we do not know
		for _, p := range s.Pods {
			if p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
				h.Desired++
				if isReady(p) {
					h.Ready++
				}
			}
		}
	}
	h.Ready = min(h.Ready, h.Desired) // a rollout may have more ready than asked for
	return &h
}

// count is a replica count as the API server defaults it.
func count(n *int32) int {
	if n == nil {
		return 1
	}
	return int(*n)
}

func isReady(p *corev1.Pod) bool {
	c := podCondition(p, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

func podCondition(p *corev1.Pod, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == t {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

// begun is when the kubelet took the pod on, or when it was made.
func begun(p *corev1.Pod) time.Time {
	if p.Status.StartTime != nil {
		return p.Status.StartTime.Time
	}
	return p.CreationTimestamp.Time
}

// firstSeen and lastSeen are when an event first and last happened, in whichever of its fields the reporter wrote that.
func firstSeen(e *corev1.Event) time.Time {
	for _, t := range []time.Time{e.FirstTimestamp.Time, e.EventTime.Time, e.CreationTimestamp.Time} {
		if !t.IsZero() {
			return t
		}
	}
	return e.LastTimestamp.Time
}

// earliest is when the first of some events first happened; zero for none.
func earliest(events []*corev1.Event) time.Time {
	var first time.Time
	for _, e := range events {
		if at := firstSeen(e); first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

func lastSeen(e *corev1.Event) time.Time {
	last := e.LastTimestamp.Time
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	if last.IsZero() {
		last = firstSeen(e)
	}
	return last
}

// eventsOf are the events about an object, of any of the reasons. An event without a UID is matched by name.
func (v *view) eventsOf(kind, name, uid string, reasons ...string) []*corev1.Event {
	var out []*corev1.Event
	for _, e := range v.Events {
		o := e.InvolvedObject
		if o.Kind != kind || o.Name != name || (o.UID != "" && uid != "" && string(o.UID) != uid) {
			continue
		}
		for _, r := range reasons {
			if e.Reason == r {
				out = append(out, e)
			}
		}
	}
	return out
}

// container is a container's spec and status side by side.
type container struct {
	spec    *corev1.Container
	status  *corev1.ContainerStatus
	init    bool // runs to its end before the others start
	restart bool // is started again whatever its exit code
}

// containers pairs a pod's containers with their statuses; those without a status yet are left out.
func containers(p *corev1.Pod) []container {
	var out []container
	pair := func(specs []corev1.Container, statuses []corev1.ContainerStatus, init bool) {
		for i := range statuses {
			for j := range specs {
				if specs[j].Name != statuses[i].Name {
					continue
				}
				sidecar := init && specs[j].RestartPolicy != nil && *specs[j].RestartPolicy == corev1.ContainerRestartPolicyAlways
				out = append(out, container{
					spec: &specs[j], status: &statuses[i], init: init && !sidecar,
					restart: sidecar || p.Spec.RestartPolicy == corev1.RestartPolicyAlways || p.Spec.RestartPolicy == "",
				})
			}
		}
	}
	pair(p.Spec.InitContainers, p.Status.InitContainerStatuses, true)
	pair(p.Spec.Containers, p.Status.ContainerStatuses, false)
	return out
}

// waiting gives the reason that a container waits for; "" when it does not wait.
func (c container) waiting() string {
	if w := c.status.State.Waiting; w != nil {
		return w.Reason
	}
	return ""
}

// terminated is how the container ended: now, or before its last start.
func (c container) terminated() *corev1.ContainerStateTerminated {
	if t := c.status.State.Terminated; t != nil {
		return t
	}
	return c.status.LastTerminationState.Terminated
}

// startedAt is when the container that runs now was started; zero when none runs.
func (c container) startedAt() time.Time {
	if r := c.status.State.Running; r != nil {
		return r.StartedAt.Time
	}
	return time.Time{}
}
