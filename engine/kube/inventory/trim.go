package inventory

import (
	"maps"
	"reflect"
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// maxAnnotation is the longest annotation, in bytes, that is kept. Those that say how an object may be disrupted are short; the
// long ones are whole manifests and status of tools.
const maxAnnotation = 256

// trimmer drops what no detector reads, and lets the objects of a listing share what they have in common: the pods of one
// workload are alike in almost everything that stays.
type trimmer struct {
	strings map[string]string
	twins   map[types.UID]*corev1.Pod // by controller: the first of its pods
}

func newTrimmer() trimmer {
	return trimmer{strings: map[string]string{}, twins: map[types.UID]*corev1.Pod{}}
}

// of gives one copy of strings that are equal.
func (t trimmer) of(s string) string {
	if same, ok := t.strings[s]; ok {
		return same
	}
	t.strings[s] = s
	return s
}

func (t trimmer) meta(m *metav1.ObjectMeta) {
	m.ManagedFields, m.Finalizers, m.GenerateName = nil, nil, ""
	m.Namespace = t.of(m.Namespace)
	maps.DeleteFunc(m.Annotations, func(_, v string) bool { return len(v) > maxAnnotation })
	m.Annotations, m.Labels = t.table(m.Annotations), t.table(m.Labels)
	for i := range m.OwnerReferences {
		r := &m.OwnerReferences[i]
		r.APIVersion, r.Kind, r.Name, r.UID = t.of(r.APIVersion), t.of(r.Kind), t.of(r.Name), types.UID(t.of(string(r.UID)))
	}
}

func (t trimmer) table(in map[string]string) map[string]string {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]string, len(in))
	for k, v := range in {
		out[t.of(k)] = t.of(v)
	}
	return out
}

func (t trimmer) pod(p *corev1.Pod) {
	t.meta(&p.ObjectMeta)
	node := t.of(p.Spec.NodeName)
	p.Spec = t.spec(p.Spec)
	p.Spec.NodeName = node
	s := p.Status
	p.Status = corev1.PodStatus{
		Phase: corev1.PodPhase(t.of(string(s.Phase))), Reason: t.of(s.Reason), StartTime: s.StartTime, QOSClass: corev1.PodQOSClass(t.of(string(s.QOSClass))),
		ContainerStatuses: t.statuses(s.ContainerStatuses), InitContainerStatuses: t.statuses(s.InitContainerStatuses),
	}
	for _, c := range s.Conditions {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{
			Type: corev1.PodConditionType(t.of(string(c.Type))), Status: corev1.ConditionStatus(t.of(string(c.Status))),
			Reason: t.of(c.Reason), LastTransitionTime: c.LastTransitionTime,
		})
	}
	if o := metav1.GetControllerOfNoCopy(p); o != nil {
		if twin := t.twins[o.UID]; twin != nil {
			liken(p, twin)
		} else {
			t.twins[o.UID] = p
		}
	}
}

// liken makes a pod share with another what is equal in both.
func liken(p, twin *corev1.Pod) {
	share(&p.Labels, twin.Labels)
	share(&p.Annotations, twin.Annotations)
	share(&p.OwnerReferences, twin.OwnerReferences)
	a, b := &p.Spec, &twin.Spec
	share(&a.Containers, b.Containers)
	share(&a.InitContainers, b.InitContainers)
	share(&a.NodeSelector, b.NodeSelector)
	share(&a.Affinity, b.Affinity)
	share(&a.Tolerations, b.Tolerations)
	share(&a.TopologySpreadConstraints, b.TopologySpreadConstraints)
	share(&a.Volumes, b.Volumes)
	share(&a.Priority, b.Priority)
	share(&a.Overhead, b.Overhead)
}

func share[T any](mine *T, other T) {
	if reflect.DeepEqual(*mine, other) {
		*mine = other
	}
}

// spec keeps what decides where pods go, what they ask for, and what they hold on to.
func (t trimmer) spec(s corev1.PodSpec) corev1.PodSpec {
	out := corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicy(t.of(string(s.RestartPolicy))), NodeSelector: t.table(s.NodeSelector), Affinity: s.Affinity, Tolerations: s.Tolerations,
		TopologySpreadConstraints: s.TopologySpreadConstraints, Priority: s.Priority, PriorityClassName: t.of(s.PriorityClassName),
		PreemptionPolicy: s.PreemptionPolicy, SchedulerName: t.of(s.SchedulerName), SchedulingGates: s.SchedulingGates, HostNetwork: s.HostNetwork,
		RuntimeClassName: s.RuntimeClassName, Overhead: s.Overhead, Resources: s.Resources, ResourceClaims: s.ResourceClaims, OS: s.OS,
		TerminationGracePeriodSeconds: s.TerminationGracePeriodSeconds,
		Containers:                    t.containers(s.Containers), InitContainers: t.containers(s.InitContainers),
	}
	for _, v := range s.Volumes {
		if v.ConfigMap == nil && v.Secret == nil && v.Projected == nil && v.DownwardAPI == nil {
			out.Volumes = append(out.Volumes, v)
		}
	}
	return out
}

func (t trimmer) containers(in []corev1.Container) []corev1.Container {
	var out []corev1.Container
	for _, c := range in {
		kept := corev1.Container{
			Name: t.of(c.Name), Image: t.of(c.Image), RestartPolicy: c.RestartPolicy, Resources: c.Resources, ResizePolicy: c.ResizePolicy,
			Command: javaWords(c.Command), Args: javaWords(c.Args),
		}
		for _, e := range c.Env {
			if words := javaWords(strings.Fields(e.Value)); javaOptions.MatchString(e.Name) || len(words) > 0 {
				kept.Env = append(kept.Env, corev1.EnvVar{Name: t.of(e.Name), Value: t.of(strings.Join(words, " "))})
			}
		}
		for _, p := range c.Ports {
			if p.HostPort != 0 {
				kept.Ports = append(kept.Ports, p)
			}
		}
		out = append(out, kept)
	}
	return out
}

var (
	javaOptions = regexp.MustCompile(`(?i)java|jvm|jdk|catalina|heap`)
	heapFlag    = regexp.MustCompile(`-Xm[sx][0-9]+[kKmMgGtT]?\b|-XX:(?:Initial|Max|Min)(?:RAMPercentage|RAMFraction|HeapSize)=[0-9.]+[kKmMgGtT]?\b`)
	javaProgram = regexp.MustCompile(`(?:^|[\s/"'])(?:java|jsvc|catalina\.sh)(?:$|[\s"'])|\.[jw]ar(?:$|[\s"'])`)
)

// javaWords keeps of a command line what sizes the heap of a JVM, and the word java where it starts one. The rest of it is the
// customer's, and may hold a password.
func javaWords(words []string) []string {
	var out []string
	for _, w := range words {
		if javaProgram.MatchString(w) {
			out = append(out, "java")
		}
		out = append(out, heapFlag.FindAllString(w, -1)...)
	}
	return out
}

func (t trimmer) statuses(in []corev1.ContainerStatus) []corev1.ContainerStatus {
	var out []corev1.ContainerStatus
	for _, c := range in {
		out = append(out, corev1.ContainerStatus{
			Name: t.of(c.Name), Ready: c.Ready, Started: c.Started, RestartCount: c.RestartCount,
			State: t.state(c.State), LastTerminationState: t.state(c.LastTerminationState),
		})
	}
	return out
}

func (t trimmer) state(s corev1.ContainerState) corev1.ContainerState {
	if w := s.Waiting; w != nil {
		s.Waiting = &corev1.ContainerStateWaiting{Reason: t.of(w.Reason)}
	}
	if e := s.Terminated; e != nil {
		s.Terminated = &corev1.ContainerStateTerminated{ExitCode: e.ExitCode, Signal: e.Signal, Reason: t.of(e.Reason), StartedAt: e.StartedAt, FinishedAt: e.FinishedAt}
	}
	return s
}

func (t trimmer) template(p *corev1.PodTemplateSpec) {
	t.meta(&p.ObjectMeta)
	p.Spec = t.spec(p.Spec)
}

func (t trimmer) replicaSet(o *appsv1.ReplicaSet) {
	t.meta(&o.ObjectMeta)
	o.Spec.Selector, o.Status.Conditions = nil, nil
	// A Deployment has the template itself; that of a Rollout is of a kind that is not listed.
	if by := metav1.GetControllerOfNoCopy(o); by != nil && by.Kind == "Deployment" {
		o.Spec.Template = corev1.PodTemplateSpec{}
		return
	}
	t.template(&o.Spec.Template)
}

func (t trimmer) deployment(o *appsv1.Deployment) {
	t.meta(&o.ObjectMeta)
	t.template(&o.Spec.Template)
}

func (t trimmer) statefulSet(o *appsv1.StatefulSet) {
	t.meta(&o.ObjectMeta)
	t.template(&o.Spec.Template)
	for i := range o.Spec.VolumeClaimTemplates {
		t.claim(&o.Spec.VolumeClaimTemplates[i])
	}
}

func (t trimmer) daemonSet(o *appsv1.DaemonSet) { t.meta(&o.ObjectMeta); t.template(&o.Spec.Template) }

func (t trimmer) job(o *batchv1.Job) {
	t.meta(&o.ObjectMeta)
	t.template(&o.Spec.Template)
	o.Status.UncountedTerminatedPods = nil
}

func (t trimmer) cronJob(o *batchv1.CronJob) {
	t.meta(&o.ObjectMeta)
	t.meta(&o.Spec.JobTemplate.ObjectMeta)
	t.template(&o.Spec.JobTemplate.Spec.Template)
}

func (t trimmer) autoscaler(o *autoscalingv2.HorizontalPodAutoscaler) { t.meta(&o.ObjectMeta) }

func (t trimmer) budget(o *policyv1.PodDisruptionBudget) { t.meta(&o.ObjectMeta) }

func (t trimmer) limitRange(o *corev1.LimitRange) { t.meta(&o.ObjectMeta) }

func (t trimmer) namespace(o *corev1.Namespace) { t.meta(&o.ObjectMeta) }

func (t trimmer) claim(o *corev1.PersistentVolumeClaim) { t.meta(&o.ObjectMeta) }

func (t trimmer) volume(o *corev1.PersistentVolume) { t.meta(&o.ObjectMeta) }

func (t trimmer) class(o *storagev1.StorageClass) { t.meta(&o.ObjectMeta) }

func (t trimmer) csiNode(o *storagev1.CSINode) { t.meta(&o.ObjectMeta) }

func (t trimmer) node(o *corev1.Node) {
	t.meta(&o.ObjectMeta)
	o.Status.Images, o.Status.Config = nil, nil
}
