package kube

import (
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine/detect"
)

// What a watch keeps in memory. A cluster has ten thousand pods and each decodes to some 15 kB, of which detection uses two:
// everything below drops the rest before it reaches the cache, and shares the strings that thousands of objects repeat.
// Collectors read the whole objects from the API when there is an incident.

// gpu is how a node names the GPUs of NVIDIA.
const gpu corev1.ResourceName = "nvidia.com/gpu"

const maxEventMessage = 1024 // bytes; the kubelet cuts its own at this length too

// trim drops what detection and the walk to the owner do not use. Its input is ours alone.
func trim(obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Pod:
		trimPod(o)
	case *corev1.Node:
		trimNode(o)
	case *corev1.Event:
		trimEvent(o)
	case *corev1.PersistentVolumeClaim:
		trimMeta(&o.ObjectMeta)
		o.Spec = corev1.PersistentVolumeClaimSpec{StorageClassName: o.Spec.StorageClassName, VolumeName: o.Spec.VolumeName, Resources: o.Spec.Resources}
		o.Status = corev1.PersistentVolumeClaimStatus{Phase: o.Status.Phase, Conditions: o.Status.Conditions, AllocatedResourceStatuses: o.Status.AllocatedResourceStatuses}
	case *appsv1.ReplicaSet:
		trimMeta(&o.ObjectMeta)
		o.Spec = appsv1.ReplicaSetSpec{Replicas: o.Spec.Replicas}
	case *appsv1.Deployment:
		trimMeta(&o.ObjectMeta)
		o.Spec.Selector, o.Spec.Template = nil, trimTemplate(o.Spec.Template)
	case *appsv1.StatefulSet:
		trimMeta(&o.ObjectMeta)
		o.Spec.Selector, o.Spec.Template, o.Spec.VolumeClaimTemplates = nil, trimTemplate(o.Spec.Template), nil
	case *appsv1.DaemonSet:
		trimMeta(&o.ObjectMeta)
		o.Spec.Selector, o.Spec.Template = nil, trimTemplate(o.Spec.Template)
	case *batchv1.Job:
		trimMeta(&o.ObjectMeta)
		o.Spec.Selector, o.Spec.Template = nil, corev1.PodTemplateSpec{}
		o.Status.UncountedTerminatedPods = nil
	}
	return obj, nil
}

// kept are the annotations that the product reads from a watch.
var kept = []string{
	"deployment.kubernetes.io/revision",
	corev1.MirrorPodAnnotationKey,
	detect.AnnotationGeneration,
}

func trimMeta(m *metav1.ObjectMeta) {
	m.ManagedFields, m.GenerateName = nil, ""
	if m.DeletionTimestamp == nil {
		m.Finalizers = nil
	}
	var annotations map[string]string
	for _, key := range kept {
		if v, ok := m.Annotations[key]; ok {
			if annotations == nil {
				annotations = map[string]string{}
			}
			annotations[key] = shared.of(v)
		}
	}
	m.Annotations = annotations
	m.Namespace = shared.of(m.Namespace)
	m.Labels = trimLabels(m.Labels)
	for i := range m.OwnerReferences {
		r := &m.OwnerReferences[i]
		r.APIVersion, r.Kind, r.Name, r.BlockOwnerDeletion = shared.of(r.APIVersion), shared.of(r.Kind), shared.of(r.Name), nil
	}
}

func trimLabels(in map[string]string) map[string]string {
	if len(in) == 0 {
		return in
	}
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[shared.of(k)] = shared.of(v)
	}
	return out
}

// trimTemplate keeps the labels of the pods that a workload makes: by them it is seen whether a Service selects any.
func trimTemplate(t corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: trimLabels(t.Labels)}}
}

func trimPod(p *corev1.Pod) {
	trimMeta(&p.ObjectMeta)
	p.Spec = corev1.PodSpec{
		NodeName:        shared.of(p.Spec.NodeName),
		RestartPolicy:   corev1.RestartPolicy(shared.of(string(p.Spec.RestartPolicy))),
		SchedulingGates: p.Spec.SchedulingGates,
		Containers:      trimContainers(p.Spec.Containers),
		InitContainers:  trimContainers(p.Spec.InitContainers),
		Volumes:         claimVolumes(p),
	}
	s := p.Status
	p.Status = corev1.PodStatus{
		Phase: s.Phase, Reason: shared.of(s.Reason), Message: s.Message, StartTime: s.StartTime, QOSClass: s.QOSClass,
		Conditions:            trimPodConditions(s.Conditions),
		ContainerStatuses:     trimStatuses(s.ContainerStatuses),
		InitContainerStatuses: trimStatuses(s.InitContainerStatuses),
	}
}

func trimContainers(in []corev1.Container) []corev1.Container {
	out := make([]corev1.Container, len(in))
	for i, c := range in {
		out[i] = corev1.Container{
			Name: shared.of(c.Name), Image: shared.of(c.Image), RestartPolicy: c.RestartPolicy, Ports: trimPorts(c.Ports),
			LivenessProbe: trimProbe(c.LivenessProbe), ReadinessProbe: trimProbe(c.ReadinessProbe), StartupProbe: trimProbe(c.StartupProbe),
		}
	}
	return out
}

// trimPorts keeps the names, by which Services send to them.
func trimPorts(in []corev1.ContainerPort) []corev1.ContainerPort {
	var out []corev1.ContainerPort
	for _, p := range in {
		if p.Name != "" {
			out = append(out, corev1.ContainerPort{Name: shared.of(p.Name)})
		}
	}
	return out
}

// trimProbe keeps a probe's timing; what it asks is read by the collectors.
func trimProbe(p *corev1.Probe) *corev1.Probe {
	if p == nil {
		return nil
	}
	return &corev1.Probe{
		InitialDelaySeconds: p.InitialDelaySeconds, TimeoutSeconds: p.TimeoutSeconds, PeriodSeconds: p.PeriodSeconds,
		SuccessThreshold: p.SuccessThreshold, FailureThreshold: p.FailureThreshold,
	}
}

func claimVolumes(p *corev1.Pod) []corev1.Volume {
	var out []corev1.Volume
	for _, v := range p.Spec.Volumes {
		if claim := claimName(p, v); claim != "" {
			out = append(out, corev1.Volume{Name: shared.of(v.Name), VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
			}})
		}
	}
	return out
}

// claimName is the claim behind a pod's volume; "" when the volume has none.
func claimName(p *corev1.Pod, v corev1.Volume) string {
	switch {
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		return p.Name + "-" + v.Name
	}
	return ""
}

func trimPodConditions(in []corev1.PodCondition) []corev1.PodCondition {
	for i := range in {
		c := &in[i]
		c.Type, c.Status = corev1.PodConditionType(shared.of(string(c.Type))), corev1.ConditionStatus(shared.of(string(c.Status)))
		c.Reason = shared.of(c.Reason)
	}
	return in
}

func trimStatuses(in []corev1.ContainerStatus) []corev1.ContainerStatus {
	for i := range in {
		c := &in[i]
		*c = corev1.ContainerStatus{
			Name: shared.of(c.Name), Image: shared.of(c.Image), Ready: c.Ready, Started: c.Started, RestartCount: c.RestartCount,
			State: trimState(c.State), LastTerminationState: trimState(c.LastTerminationState),
		}
	}
	return in
}

func trimState(s corev1.ContainerState) corev1.ContainerState {
	if t := s.Terminated; t != nil {
		t.ContainerID, t.Reason = "", shared.of(t.Reason)
	}
	if w := s.Waiting; w != nil {
		w.Reason = shared.of(w.Reason)
	}
	return s
}

func trimNode(n *corev1.Node) {
	trimMeta(&n.ObjectMeta)
	for i := range n.Status.Conditions {
		c := &n.Status.Conditions[i]
		c.LastHeartbeatTime = metav1.Time{} // moves every five minutes and would wake every workload of the node
	}
	n.Spec = corev1.NodeSpec{Unschedulable: n.Spec.Unschedulable, Taints: n.Spec.Taints}
	capacity := corev1.ResourceList{} // and its labels say what it costs
	for _, r := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, gpu} {
		if q, ok := n.Status.Capacity[r]; ok {
			capacity[r] = q
		}
	}
	n.Status = corev1.NodeStatus{Conditions: n.Status.Conditions, Capacity: capacity}
}

func trimEvent(e *corev1.Event) {
	*e = corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Name: e.Name, Namespace: shared.of(e.Namespace), UID: e.UID,
			ResourceVersion: e.ResourceVersion, CreationTimestamp: e.CreationTimestamp,
		},
		InvolvedObject: corev1.ObjectReference{
			Kind: shared.of(e.InvolvedObject.Kind), Namespace: shared.of(e.InvolvedObject.Namespace),
			Name: shared.of(e.InvolvedObject.Name), UID: e.InvolvedObject.UID, FieldPath: shared.of(e.InvolvedObject.FieldPath),
		},
		Reason: shared.of(e.Reason), Message: cut(e.Message, maxEventMessage), Type: shared.of(e.Type),
		FirstTimestamp: e.FirstTimestamp, LastTimestamp: e.LastTimestamp, EventTime: e.EventTime, Count: e.Count, Series: e.Series,
		Source:              corev1.EventSource{Component: shared.of(e.Source.Component), Host: shared.of(e.Source.Host)},
		ReportingController: shared.of(e.ReportingController),
	}
}

// cut shortens s to at most n bytes of valid UTF-8.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// pool gives one copy of strings that are equal. It forgets everything when it is full, so it never grows past its limit.
type pool struct {
	mu  sync.Mutex
	all map[string]string
}

const poolLimit = 1 << 16

var shared = &pool{all: map[string]string{}}

func (p *pool) of(s string) string {
	if s == "" {
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if same, ok := p.all[s]; ok {
		return same
	}
	if len(p.all) >= poolLimit {
		clear(p.all)
	}
	p.all[s] = s
	return s
}
