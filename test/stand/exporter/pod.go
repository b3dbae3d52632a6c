package exporter

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podFamily is a family whose first labels are namespace, pod and uid.
func podFamily(name, help string, labels ...string) family {
	return gauge(name, help, append([]string{"namespace", "pod", "uid"}, labels...)...)
}

var (
	podInfo = podFamily("kube_pod_info", "Information about pod.",
		"host_ip", "pod_ip", "node", "created_by_kind", "created_by_name", "priority_class", "host_network")
	podOwner    = podFamily("kube_pod_owner", "Information about the Pod's owner.", "owner_kind", "owner_name", "owner_is_controller")
	podCreated  = podFamily("kube_pod_created", "Unix creation timestamp.")
	podStarted  = podFamily("kube_pod_start_time", "Start time in unix timestamp for a pod.")
	podDeletion = podFamily("kube_pod_deletion_timestamp", "Unix deletion timestamp.")
	podPhase    = podFamily("kube_pod_status_phase", "The pods current phase.", "phase")
	podReady    = podFamily("kube_pod_status_ready", "Describes whether the pod is ready to serve requests.", "condition")
	podReason   = podFamily("kube_pod_status_reason", "The pod status reasons.", "reason")

	phases = []corev1.PodPhase{corev1.PodPending, corev1.PodSucceeded, corev1.PodFailed, corev1.PodUnknown, corev1.PodRunning}
	// reasons are the pod reasons that kube-state-metrics shows, each only while it holds.
	reasons = []string{"Evicted", "NodeAffinity", "NodeLost", "Shutdown", "UnexpectedAdmissionError"}
)

func podSeries(p *corev1.Pod, emit emit) {
	out := func(f family, value float64, labels ...string) {
		emit(f, value, append([]string{p.Namespace, p.Name, string(p.UID)}, labels...)...)
	}
	var creatorKind, creatorName string
	if c := metav1.GetControllerOf(p); c != nil {
		creatorKind, creatorName = c.Kind, c.Name
	}
	out(podInfo, 1, p.Status.HostIP, p.Status.PodIP, p.Spec.NodeName, creatorKind, creatorName,
		p.Spec.PriorityClassName, strconv.FormatBool(p.Spec.HostNetwork))
	eachOwner(p.OwnerReferences, func(labels ...string) { out(podOwner, 1, labels...) })
	out(podCreated, float64(p.CreationTimestamp.Unix()))
	if p.Status.StartTime != nil {
		out(podStarted, float64(p.Status.StartTime.Unix()))
	}
	if p.DeletionTimestamp != nil {
		out(podDeletion, float64(p.DeletionTimestamp.Unix()))
	}
	if p.Status.Phase != "" {
		for _, phase := range phases {
			out(podPhase, number(p.Status.Phase == phase), string(phase))
		}
	}
	if i := slices.IndexFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady }); i >= 0 {
		eachStatus(p.Status.Conditions[i].Status, func(status string, value float64) { out(podReady, value, status) })
	}
	if slices.Contains(reasons, p.Status.Reason) {
		out(podReason, 1, p.Status.Reason)
	}
	containerSeries(p, out)
}

// eachOwner gives kind, name and whether it is the controller of each owner,
// or empty ones when there is none.
func eachOwner(owners []metav1.OwnerReference, out func(labels ...string)) {
	if len(owners) == 0 {
		out("", "", "")
	}
	for _, o := range owners {
		out(o.Kind, o.Name, strconv.FormatBool(o.Controller != nil && *o.Controller))
	}
}

// eachStatus spreads a condition's status over its three values.
func eachStatus[S ~string](status S, out func(status string, value float64)) {
	out("true", number(string(status) == "True"))
	out("false", number(string(status) == "False"))
	out("unknown", number(string(status) == "Unknown"))
}
