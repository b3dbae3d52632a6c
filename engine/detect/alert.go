package detect

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// known maps the names of our own alerts and of the kubernetes-mixin's to classes. Any other alert is of ClassAlert.
var known = map[string]engine.Class{
	"AutopilotCrashLoopBackOff": engine.ClassCrashLoop,
	"AutopilotOOMKilled":        engine.ClassOOMKilled,
	"AutopilotPodEvicted":       engine.ClassEvicted,
	"AutopilotHighCPU":          engine.ClassHighCPU,
	"AutopilotHighMemory":       engine.ClassHighMemory,
	"AutopilotNodeNotReady":     engine.ClassNodeNotReady,
	"AutopilotReplicasMissing":  engine.ClassReplicasMissing,
	"AutopilotHighLatency":      engine.ClassHighLatency,
	"AutopilotCPUThrottled":     engine.ClassHighCPU,
	"AutopilotSlowDependency":   engine.ClassHighLatency,
	"AutopilotHighErrorRate":    engine.ClassAlert,
	"AutopilotDependencyErrors": engine.ClassAlert,

	"KubePodCrashLooping":               engine.ClassCrashLoop,
	"KubePodNotReady":                   engine.ClassReplicasMissing,
	"KubeContainerWaiting":              engine.ClassConfigError,
	"KubeDeploymentReplicasMismatch":    engine.ClassReplicasMissing,
	"KubeStatefulSetReplicasMismatch":   engine.ClassReplicasMissing,
	"KubeDaemonSetMisScheduled":         engine.ClassReplicasMissing,
	"KubeDaemonSetNotScheduled":         engine.ClassUnschedulable,
	"KubeDeploymentRolloutStuck":        engine.ClassRolloutStuck,
	"KubeDeploymentGenerationMismatch":  engine.ClassRolloutStuck,
	"KubeStatefulSetUpdateNotRolledOut": engine.ClassRolloutStuck,
	"KubeDaemonSetRolloutStuck":         engine.ClassRolloutStuck,
	"KubeJobFailed":                     engine.ClassJobFailed,
	"KubeJobNotCompleted":               engine.ClassJobFailed,
	"KubeJobCompletion":                 engine.ClassJobFailed,
	"KubeNodeNotReady":                  engine.ClassNodeNotReady,
	"KubeNodeUnreachable":               engine.ClassNodeNotReady,
	"KubeNodeReadinessFlapping":         engine.ClassNodeNotReady,
	"KubeNodePressure":                  engine.ClassNodePressure,
	"KubeNodeEviction":                  engine.ClassNodePressure,
	"KubeletTooManyPods":                engine.ClassNodePressure,
	"NodeFilesystemAlmostOutOfSpace":    engine.ClassNodePressure,
	"NodeFilesystemSpaceFillingUp":      engine.ClassNodePressure,
	"NodeMemoryHighUtilization":         engine.ClassNodePressure,
	"NodeCPUHighUsage":                  engine.ClassHighCPU,
	"CPUThrottlingHigh":                 engine.ClassHighCPU,
	"KubeContainerOOMKilled":            engine.ClassOOMKilled,
	"ContainerOOMKilled":                engine.ClassOOMKilled,
	"KubePersistentVolumeClaimPending":  engine.ClassClaimPending,

	"KubernetesDeploymentReplicasMismatch": engine.ClassReplicasMissing,
	"KubernetesDaemonsetMisscheduled":      engine.ClassReplicasMissing,
	"KubeHpaReplicasMismatch":              engine.ClassScalingStuck,
	"KubeHpaMaxedOut":                      engine.ClassScalingStuck,
	"KubeAggregatedAPIDown":                engine.ClassAPIDown,
	"KubeAggregatedAPIErrors":              engine.ClassAPIDown,
	"KubePdbNotEnoughHealthyPods":          engine.ClassReplicasMissing,
	"KubePersistentVolumeFillingUp":        engine.ClassVolumeFailing,
	"KubePersistentVolumeErrors":           engine.ClassVolumeFailing,
	"KubeClientCertificateExpiration":      engine.ClassCertificate,
	"KubeletClientCertificateExpiration":   engine.ClassCertificate,
	"KubeletServerCertificateExpiration":   engine.ClassCertificate,
	"CertManagerCertExpirySoon":            engine.ClassCertificate,
	"CertManagerCertNotReady":              engine.ClassCertificate,
	"HostHighCpuLoad":                      engine.ClassHighCPU,
	"HostOomKillDetected":                  engine.ClassOOMKilled,
}

// IsWatchdog tells whether an alert is the one that always fires, to show that alerting works.
func IsWatchdog(a engine.Alert) bool { return a.Labels["alertname"] == "Watchdog" }

// IsSignal tells whether an alert says that something is wrong. Watchdog does not, nor does InfoInhibitor of the
// kubernetes-mixin, which fires to keep others quiet.
func IsSignal(a engine.Alert) bool { return !IsWatchdog(a) && a.Labels["alertname"] != "InfoInhibitor" }

// Alert turns an alert into a signal. owner gives the workload of an object, such as a pod's Deployment.
//
// The workload is taken from the labels: workload and workload_kind, which our own rules have; else the label that names a
// controller (before the pod, which in alerts about a controller is often the exporter's own); else the pod's owner; else the
// node; else, so that alerts of one service still meet in one thread, a Service named by the service, app or job label. An
// alert that names nothing is a workload of its own, of kind Alert.
func Alert(cluster string, a engine.Alert, owner func(kind, namespace, name string) (engine.Workload, bool)) engine.Signal {
	name := a.Labels["alertname"]
	s := engine.Signal{
		Source: engine.SourceAlert, ID: a.Fingerprint, Class: cmp.Or(known[name], engine.ClassAlert),
		Severity: severityOf(a.Labels["severity"]), Summary: summaryOf(a),
		Labels: maps.Clone(a.Labels), StartsAt: a.StartsAt, EndsAt: a.EndsAt,
	}
	s.Workload, s.Object = subject(a.Labels, s.Class, owner)
	s.Workload.Cluster = cluster
	s.Node = a.Labels["node"]
	if s.Object.Kind == "Pod" {
		s.Container = a.Labels["container"]
	}
	if s.Workload.Kind == engine.KindNode {
		s.Node = s.Workload.Name
	}
	return s
}

// controllers are the labels that name one, with its kind. The mixin's job is the scrape job, so a Job is job_name alone.
var controllers = []struct{ label, kind string }{
	{"deployment", "Deployment"},
	{"statefulset", "StatefulSet"},
	{"daemonset", "DaemonSet"},
	{"cronjob", "CronJob"},
	{"job_name", "Job"},
	{"replicaset", "ReplicaSet"},
	{"persistentvolumeclaim", "PersistentVolumeClaim"},
	{"horizontalpodautoscaler", kindAutoscaler},
	{"poddisruptionbudget", "PodDisruptionBudget"},
}

// aboutNodes are the classes for which a node label names what is hurt, and not merely where something runs.
var aboutNodes = []engine.Class{engine.ClassNodeNotReady, engine.ClassNodePressure}

func subject(l map[string]string, class engine.Class, owner func(kind, namespace, name string) (engine.Workload, bool)) (engine.Workload, engine.ObjectRef) {
	ns := l["namespace"]
	node := engine.Workload{Kind: engine.KindNode, Name: l["node"]}
	object := engine.ObjectRef{}
	if l["pod"] != "" && ns != "" {
		object = engine.ObjectRef{Kind: "Pod", Namespace: ns, Name: l["pod"]}
	}
	switch {
	case node.Name != "" && slices.Contains(aboutNodes, class):
		return node, engine.ObjectRef{Kind: engine.KindNode, Name: node.Name}
	case class == engine.ClassAPIDown && l["name"] != "": // of an APIService, which is the cluster's
		return engine.Workload{Kind: "APIService", Name: l["name"]}, engine.ObjectRef{Kind: "APIService", Name: l["name"]}
	case l["workload"] != "" && l["workload_kind"] == engine.KindNode:
		return engine.Workload{Kind: engine.KindNode, Name: l["workload"]}, object
	case l["workload"] != "" && l["workload_kind"] != "" && ns != "":
		return engine.Workload{Namespace: ns, Kind: l["workload_kind"], Name: l["workload"]}, object
	}
	for _, c := range controllers {
		name := l[c.label]
		if name == "" || ns == "" {
			continue
		}
		ref := engine.ObjectRef{Kind: c.kind, Namespace: ns, Name: name}
		if w, ok := owner(c.kind, ns, name); ok { // a ReplicaSet's Deployment, a Job's CronJob
			return w, ref
		}
		return engine.Workload{Namespace: ns, Kind: c.kind, Name: name}, ref
	}
	if object.Name != "" {
		if w, ok := owner("Pod", ns, object.Name); ok {
			return w, object
		}
	}
	switch {
	case object.Name != "": // a pod that is gone, or not watched
		return engine.Workload{Namespace: ns, Kind: "Pod", Name: object.Name}, object
	case node.Name != "":
		return node, engine.ObjectRef{Kind: engine.KindNode, Name: node.Name}
	}
	for _, label := range []string{"service", "app", "job"} {
		if l[label] != "" && ns != "" {
			return engine.Workload{Namespace: ns, Kind: "Service", Name: l[label]}, engine.ObjectRef{}
		}
	}
	return engine.Workload{Namespace: ns, Kind: "Alert", Name: cmp.Or(l["alertname"], "unnamed")}, engine.ObjectRef{}
}

// severityOf reads the habits of severity labels; what it does not know is a warning.
func severityOf(label string) engine.Severity {
	switch strings.ToLower(label) {
	case "critical", "page", "emergency", "error", "high", "p1", "sev1":
		return engine.Critical
	case "info", "none", "low", "notice", "p4", "sev4":
		return engine.Info
	}
	return engine.Warning
}

// summaryLimit is in bytes; annotations come from outside.
const summaryLimit = 300

// summaryOf is the alert's first line for people.
func summaryOf(a engine.Alert) string {
	text := cmp.Or(a.Annotations["summary"], a.Annotations["message"], a.Annotations["description"], a.Labels["alertname"], "an alert without a name")
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if len(text) > summaryLimit {
		text = strings.ToValidUTF8(text[:summaryLimit], "") + "…"
	}
	return text
}
