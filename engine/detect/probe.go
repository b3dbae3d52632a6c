package detect

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// warmUp is how long a container that was never ready may fail its readiness probe: many take a minute or two to start.
const warmUp = 2 * time.Minute

// killGrace is how long after a failed liveness probe the container's end may come: the usual termination grace, and a little.
const killGrace = 45 * time.Second

// probeFailing finds containers that run but are not ready because a probe says so, and those that were restarted for it.
func probeFailing(v *view, p *corev1.Pod) {
	if p.Status.Phase == corev1.PodFailed {
		return
	}
	for _, e := range v.eventsOf("Pod", p.Name, string(p.UID), "Unhealthy") {
		for _, c := range containers(p) {
			if !ofContainer(e, c.spec.Name) || (e.InvolvedObject.FieldPath == "" && len(p.Spec.Containers) > 1) {
				continue
			}
			probe, _, _ := strings.Cut(e.Message, " probe ")
			switch probe {
			case "Readiness":
				v.readiness(p, c, e)
			case "Liveness", "Startup":
				v.killed(p, c, e, strings.ToLower(probe))
			}
		}
	}
}

// readiness looks whether a container that failed a readiness probe is still not ready, and has had its time to start.
func (v *view) readiness(p *corev1.Pod, c container, e *corev1.Event) {
	started := c.startedAt()
	if started.IsZero() || c.status.Ready || !v.within(lastSeen(e), eventMemory) {
		return
	}
	if c.status.Started != nil && !*c.status.Started {
		return // the startup probe has the word
	}
	since := firstSeen(e)
	if ready := podCondition(p, corev1.ContainersReady); ready != nil && ready.LastTransitionTime.After(started.Add(patience(c.spec.ReadinessProbe)/2)) {
		// It was ready before: the probe's own failure threshold was patience enough. Half of that is asked for, since both times are in
		// whole seconds, and what was said of the container before it was started again is older.
		since = ready.LastTransitionTime.Time
	} else if !v.due(started, max(warmUp, patience(c.spec.ReadinessProbe))) {
		return
	}
	if since.Before(started) {
		since = started
	}
	v.pod(p, found{class: engine.ClassProbeFailing, container: c.spec.Name, since: since, text: "fails its readiness probe"})
}

// killed looks whether a container ended soon after a liveness or startup probe failed: then the kubelet restarted it for that.
func (v *view) killed(p *corev1.Pod, c container, e *corev1.Event, probe string) {
	if !killedFor(c, e) || !v.within(c.terminated().FinishedAt.Time, recent) {
		return
	}
	v.pod(p, found{class: engine.ClassProbeFailing, container: c.spec.Name, since: firstSeen(e), text: "is restarted because its " + probe + " probe fails"})
}

// killedFor tells whether a container ended when the kubelet would have killed it for what an event says.
func killedFor(c container, e *corev1.Event) bool {
	t := c.terminated()
	if t == nil || !c.restart || t.Reason == reasonOOM {
		return false
	}
	return !t.FinishedAt.Time.Before(firstSeen(e)) && !t.FinishedAt.After(lastSeen(e).Add(killGrace+eventMemory))
}

// probeKilled tells whether a container ended because of a liveness or startup probe.
func (v *view) probeKilled(p *corev1.Pod, c container) bool {
	for _, e := range v.eventsOf("Pod", p.Name, string(p.UID), "Unhealthy") {
		if ofContainer(e, c.spec.Name) && !strings.HasPrefix(e.Message, "Readiness") && killedFor(c, e) {
			return true
		}
	}
	return false
}

// patience is how long a probe lets a container be before it says no.
func patience(p *corev1.Probe) time.Duration {
	if p == nil {
		return 0
	}
	period, threshold := p.PeriodSeconds, p.FailureThreshold
	if period == 0 {
		period = 10
	}
	if threshold == 0 {
		threshold = 3
	}
	return time.Duration(p.InitialDelaySeconds+period*threshold) * time.Second
}
