package detect

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// pullReasons are why a container waits for its image in vain; configReasons why it waits to be created.
var (
	pullReasons   = []string{"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable", "ImageInspectError", "SignatureValidationFailed"}
	configReasons = []string{"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError"}
	// unstartable are the ends of containers whose process never began: no such command, not executable, a mount that fails.
	unstartable = []string{"StartError", "ContainerCannotRun"}
	// creating are the reasons of a container that waits for the pod's sandbox and volumes.
	creating = []string{"ContainerCreating", "PodInitializing"}
	// stuckEvents say why those are not there.
	stuckEvents = []string{"FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox", "FailedPodSandBoxStatus", "NetworkNotReady"}
)

// stuckAfter is how long a pod may be creating its containers before a failed mount counts: many mounts succeed at the second try.
const stuckAfter = 30 * time.Second

// eventMemory is how long an event that is still true may be silent: the kubelet says the same thing at most every five minutes after 25 times.
const eventMemory = 6 * time.Minute

// imagePull finds containers whose image does not come.
func imagePull(v *view, p *corev1.Pod) {
	for _, c := range containers(p) {
		if slices.Contains(pullReasons, c.waiting()) {
			v.pod(p, found{
				class: engine.ClassImagePull, container: c.spec.Name, since: v.waitingSince(p, c, "Failed", "BackOff", "InspectFailed", "ErrImageNeverPull"),
				text: fmt.Sprintf("cannot pull image %s", c.spec.Image),
			})
		}
	}
}

// containerConfig finds containers that cannot be created or started: a ConfigMap, Secret or key that is not there, a command that does not exist.
func containerConfig(v *view, p *corev1.Pod) {
	for _, c := range containers(p) {
		t := c.terminated()
		never := t != nil && slices.Contains(unstartable, t.Reason) && c.startedAt().IsZero()
		if slices.Contains(configReasons, c.waiting()) || never {
			text := "cannot be created"
			if c.waiting() == "RunContainerError" || never {
				text = "cannot be started"
			}
			v.pod(p, found{class: engine.ClassConfigError, container: c.spec.Name, since: v.waitingSince(p, c, "Failed"), text: text})
		}
	}
}

// waitingSince is about when a container began to wait: the first event about it since it last ended, else that end, else the pod's start.
func (v *view) waitingSince(p *corev1.Pod, c container, reasons ...string) time.Time {
	floor := begun(p)
	if t := c.terminated(); t != nil && t.FinishedAt.After(floor) {
		floor = t.FinishedAt.Time
	}
	since := time.Time{}
	for _, e := range v.eventsOf("Pod", p.Name, string(p.UID), reasons...) {
		first := firstSeen(e)
		if ofContainer(e, c.spec.Name) && !first.Before(floor) && (since.IsZero() || first.Before(since)) {
			since = first
		}
	}
	if since.IsZero() {
		return floor
	}
	return since
}

// stuckCreating finds pods whose volumes or network do not come: containers that are still being created long after the pod
// was placed, with an event that says why.
func stuckCreating(v *view, p *corev1.Pod) {
	if p.Status.Phase != corev1.PodPending || p.Spec.NodeName == "" {
		return
	}
	waits := slices.ContainsFunc(containers(p), func(c container) bool { return slices.Contains(creating, c.waiting()) })
	if !waits && len(p.Status.ContainerStatuses) > 0 {
		return
	}
	for _, e := range v.eventsOf("Pod", p.Name, string(p.UID), stuckEvents...) {
		if !v.due(begun(p), stuckAfter) || !v.within(lastSeen(e), eventMemory) {
			continue
		}
		text := "cannot mount its volumes"
		switch e.Reason {
		case "FailedAttachVolume":
			text = "cannot attach its volumes"
		case "FailedCreatePodSandBox", "FailedPodSandBoxStatus", "NetworkNotReady":
			text = "cannot get its network"
		}
		v.pod(p, found{class: engine.ClassConfigError, since: firstSeen(e), text: text})
		return
	}
}
