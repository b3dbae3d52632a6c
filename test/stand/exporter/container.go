package exporter

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/prometheus/client_golang/prometheus"
)

// containers are the families of one kind of container, regular or init.
type containers struct {
	info, waiting, waitingReason, running, terminated, terminatedReason family
	lastReason, lastExitCode, lastTime, ready, restarts                 family
	requests, limits                                                    family
}

var (
	regular = containerFamilies("kube_pod_container", "image", "image_id", "image_spec", "container_id")
	initial = containerFamilies("kube_pod_init_container", "image", "image_id", "image_spec", "container_id", "restart_policy")
)

func containerFamilies(prefix string, infoLabels ...string) containers {
	of := func(name, help string, labels ...string) family {
		return podFamily(prefix+name, help, append([]string{"container"}, labels...)...)
	}
	restarts := of("_status_restarts_total", "The number of container restarts per container.")
	restarts.kind = prometheus.CounterValue
	return containers{
		info:             of("_info", "Information about a container in a pod.", infoLabels...),
		waiting:          of("_status_waiting", "Describes whether the container is currently in waiting state."),
		waitingReason:    of("_status_waiting_reason", "Describes the reason the container is currently in waiting state.", "reason"),
		running:          of("_status_running", "Describes whether the container is currently in running state."),
		terminated:       of("_status_terminated", "Describes whether the container is currently in terminated state."),
		terminatedReason: of("_status_terminated_reason", "Describes the reason the container is currently in terminated state.", "reason"),
		lastReason:       of("_status_last_terminated_reason", "Describes the last reason the container was in terminated state.", "reason"),
		lastExitCode:     of("_status_last_terminated_exitcode", "Describes the exit code for the last container in terminated state."),
		lastTime:         of("_status_last_terminated_timestamp", "Last terminated time for a pod container in unix timestamp."),
		ready:            of("_status_ready", "Describes whether the containers readiness check succeeded."),
		restarts:         restarts,
		requests:         of("_resource_requests", "The number of requested request resource by a container.", "node", "resource", "unit"),
		limits:           of("_resource_limits", "The number of requested limit resource by a container.", "node", "resource", "unit"),
	}
}

// containerSeries shows a pod's regular and init containers; ephemeral ones are
// not shown by kube-state-metrics either.
func containerSeries(p *corev1.Pod, out emit) {
	specs := map[string]corev1.Container{}
	for _, c := range p.Spec.Containers {
		specs[c.Name] = c
		resourceSeries(regular, p.Spec.NodeName, c, out)
	}
	for _, c := range p.Spec.InitContainers {
		specs[c.Name] = c
		resourceSeries(initial, p.Spec.NodeName, c, out)
	}
	for _, s := range p.Status.ContainerStatuses {
		out(regular.info, 1, s.Name, s.Image, s.ImageID, specs[s.Name].Image, s.ContainerID)
		statusSeries(regular, s, out)
		// kube-state-metrics has these two for regular containers alone.
		if t := s.LastTerminationState.Terminated; t != nil {
			out(regular.lastExitCode, float64(t.ExitCode), s.Name)
			out(regular.lastTime, float64(t.FinishedAt.Unix()), s.Name)
		}
	}
	for _, s := range p.Status.InitContainerStatuses {
		var policy string
		if r := specs[s.Name].RestartPolicy; r != nil {
			policy = string(*r)
		}
		out(initial.info, 1, s.Name, s.Image, s.ImageID, specs[s.Name].Image, s.ContainerID, policy)
		statusSeries(initial, s, out)
	}
}

func statusSeries(f containers, s corev1.ContainerStatus, out emit) {
	out(f.waiting, number(s.State.Waiting != nil), s.Name)
	out(f.running, number(s.State.Running != nil), s.Name)
	out(f.terminated, number(s.State.Terminated != nil), s.Name)
	out(f.ready, number(s.Ready), s.Name)
	out(f.restarts, float64(s.RestartCount), s.Name)
	if s.State.Waiting != nil {
		out(f.waitingReason, 1, s.Name, s.State.Waiting.Reason)
	}
	if s.State.Terminated != nil {
		out(f.terminatedReason, 1, s.Name, s.State.Terminated.Reason)
	}
	if t := s.LastTerminationState.Terminated; t != nil {
		out(f.lastReason, 1, s.Name, t.Reason)
	}
}

func resourceSeries(f containers, node string, c corev1.Container, out emit) {
	eachResource(c.Resources.Requests, func(resource, unit string, value float64) {
		out(f.requests, value, c.Name, node, resource, unit)
	})
	eachResource(c.Resources.Limits, func(resource, unit string, value float64) {
		out(f.limits, value, c.Name, node, resource, unit)
	})
}

// eachResource gives CPU in cores, memory and storage in bytes, and pods as a
// number; extended resources are left out.
func eachResource(list corev1.ResourceList, out func(resource, unit string, value float64)) {
	for name, q := range list {
		switch name {
		case corev1.ResourceCPU:
			out("cpu", "core", float64(q.MilliValue())/1000)
		case corev1.ResourceMemory:
			out("memory", "byte", float64(q.Value()))
		case corev1.ResourceStorage:
			out("storage", "byte", float64(q.Value()))
		case corev1.ResourceEphemeralStorage:
			out("ephemeral_storage", "byte", float64(q.Value()))
		case corev1.ResourcePods:
			out("pods", "integer", float64(q.Value()))
		}
	}
}
