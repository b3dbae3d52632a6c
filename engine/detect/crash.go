package detect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// probation is how long a container that failed once must run before it counts as recovered.
	probation = time.Minute
	// loopMemory is the same for one that has failed twice or more: some loops crash only after minutes.
	loopMemory = 5 * time.Minute
	// recent is how long ago an OOM kill, an eviction or a liveness kill still counts.
	recent = 10 * time.Minute
	// service is how long a container must have run for a clean end to be a surprise: it is none that does a task and ends.
	service = 20 * time.Second
)

// crashing finds containers that end again and again, and those that should run and have just failed for the first time.
// A Job's containers are left to the Job, which counts their failures; those that the kubelet killed, to their probe.
func crashing(v *view, p *corev1.Pod) {
	if p.Status.Phase == corev1.PodFailed || v.isJob() {
		return
	}
	for _, c := range containers(p) {
		t := c.terminated()
		backOff := c.waiting() == "CrashLoopBackOff"
		if t == nil && !backOff {
			continue
		}
		if !backOff && (v.probeKilled(p, c) || !v.looping(c, t) && !v.firstFailure(c, t) && !v.surprising(p, c, t)) {
			continue
		}
		f := found{class: engine.ClassCrashLoop, container: c.spec.Name, text: "keeps crashing"}
		if t != nil {
			f.since = t.FinishedAt.Time
			f.text = "exited with code " + fmt.Sprint(t.ExitCode)
			switch {
			case !backOff && t.ExitCode == 0:
				f.text = "ended (exit code 0) and was started again"
			case backOff || c.status.RestartCount >= 2:
				f.text = fmt.Sprintf("is crash-looping (exit code %d)", t.ExitCode)
			}
		}
		for _, e := range v.eventsOf("Pod", p.Name, string(p.UID), "BackOff") {
			first := firstSeen(e)
			if strings.HasPrefix(e.Message, "Back-off restarting") && ofContainer(e, c.spec.Name) && (f.since.IsZero() || first.Before(f.since)) {
				f.since = first
			}
		}
		v.pod(p, f)
	}
}

// looping tells whether a container that failed at least twice is not running, or has not run for long.
func (v *view) looping(c container, t *corev1.ContainerStateTerminated) bool {
	if c.status.RestartCount < 2 || !abnormal(t) || !c.restart {
		return false
	}
	return c.startedAt().IsZero() || v.within(c.startedAt(), loopMemory)
}

// firstFailure tells whether a container that should run has failed, and has not run for long since. An OOM kill is its own class,
// and so is a container that could not be started at all.
func (v *view) firstFailure(c container, t *corev1.ContainerStateTerminated) bool {
	if !abnormal(t) || !c.restart || t.Reason == reasonOOM || slices.Contains(unstartable, t.Reason) {
		return false
	}
	if c.startedAt().IsZero() {
		return c.status.State.Terminated != nil || c.waiting() != ""
	}
	return v.within(c.startedAt(), probation)
}

// surprising tells whether a container that served ended cleanly just now, although it is to run on: a program that is told to end by a signal
// does that. After its node was away it is no surprise.
func (v *view) surprising(p *corev1.Pod, c container, t *corev1.ContainerStateTerminated) bool {
	if t == nil || t.ExitCode != 0 || c.init || !c.restart || c.status.RestartCount == 0 || t.FinishedAt.Sub(t.StartedAt.Time) < service {
		return false
	}
	if n := v.Nodes[p.Spec.NodeName]; n != nil {
		if ready := nodeCondition(n, corev1.NodeReady); ready != nil && v.within(ready.LastTransitionTime.Time, loopMemory) {
			return false
		}
	}
	if c.startedAt().IsZero() {
		return v.within(t.FinishedAt.Time, probation)
	}
	return v.within(c.startedAt(), probation)
}

// abnormal leaves out a clean exit, and the end that containers meet when their node or its runtime restarts.
func abnormal(t *corev1.ContainerStateTerminated) bool {
	return t != nil && t.ExitCode != 0 && t.Reason != "Unknown" && t.Reason != "ContainerStatusUnknown"
}

// reasonOOM is the kubelet's word for a container that the kernel killed for its memory.
const reasonOOM = "OOMKilled"

// outOfMemory finds containers that the kernel killed for their memory lately, or that wait because of it. A Job that may still
// succeed is left to try again.
func outOfMemory(v *view, p *corev1.Pod) {
	if v.isJob() && !jobHas(v.Job, batchv1.JobFailed) {
		return
	}
	for _, c := range containers(p) {
		for _, t := range []*corev1.ContainerStateTerminated{c.status.State.Terminated, c.status.LastTerminationState.Terminated} {
			if t == nil || t.Reason != reasonOOM {
				continue
			}
			if c.waiting() == "CrashLoopBackOff" || v.within(t.FinishedAt.Time, recent) {
				v.pod(p, found{class: engine.ClassOOMKilled, container: c.spec.Name, since: t.FinishedAt.Time, text: "was OOM-killed"})
				break
			}
		}
	}
}

// ofContainer tells whether an event names a container, or none at all.
func ofContainer(e *corev1.Event, name string) bool {
	path := e.InvolvedObject.FieldPath
	return path == "" || strings.HasSuffix(path, "{"+name+"}")
}

func (v *view) isJob() bool {
	return v.Job != nil || v.Workload.Kind == "Job" || v.Workload.Kind == "CronJob"
}
