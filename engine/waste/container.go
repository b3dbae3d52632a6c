package waste

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// The kinds of workload that are named in more than one place.
const (
	kindPod         = "Pod"
	kindReplicaSet  = "ReplicaSet"
	kindDeployment  = "Deployment"
	kindStatefulSet = "StatefulSet"
	kindDaemonSet   = "DaemonSet"
	kindJob         = "Job"
	kindCronJob     = "CronJob"
)

// workload is the owner at the top, what it was written as, and its pods.
type workload struct {
	engine.Workload
	labels   []map[string]string // of the owner and of its template
	template *corev1.PodSpec     // nil where the snapshot has none: the pods of an operator's own resource
	pods     []*corev1.Pod       // that hold resources, newest first
	ended    []*corev1.Pod       // runs that are over, newest first
	runs     bool                // to completion
	changed  time.Time           // when the newest revision came; zero when not known
}

// role is when a container runs within its pod.
type role int

const (
	regular role = iota
	sidecar      // an init container that stays: restartPolicy Always
	initial      // an init container that ends before the pod starts
)

// container is one container of a workload as it runs now.
type container struct {
	*workload
	spec    corev1.Container
	role    role
	written *corev1.Container // in the template; nil when something else put it into the pods
}

// newest is the pod that shows what runs now; nil when none is known.
func (w *workload) newest() *corev1.Pod {
	for _, pods := range [][]*corev1.Pod{w.pods, w.ended} {
		if len(pods) > 0 {
			return pods[0]
		}
	}
	return nil
}

// podSpec is what runs now, or would if the workload had a pod; nil when nobody knows.
func (w *workload) podSpec() *corev1.PodSpec {
	if p := w.newest(); p != nil {
		return &p.Spec
	}
	return w.template
}

// containers lists what runs in the workload's pods, in the order of their spec.
func (w *workload) containers() []container {
	spec := w.podSpec()
	if spec == nil {
		return nil
	}
	all := make([]container, 0, len(spec.Containers)+len(spec.InitContainers))
	for _, c := range spec.Containers {
		all = append(all, container{w, c, regular, w.find(c.Name)})
	}
	for _, c := range spec.InitContainers {
		r := initial
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			r = sidecar
		}
		all = append(all, container{w, c, r, w.find(c.Name)})
	}
	return all
}

func (w *workload) find(name string) *corev1.Container {
	if w.template == nil {
		return nil
	}
	return containerOf(w.template, name)
}

func containerOf(spec *corev1.PodSpec, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{spec.Containers, spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

func (c container) key() ContainerKey {
	return ContainerKey{Namespace: c.Namespace, Kind: c.Kind, Name: c.Name, Container: c.spec.Name}
}

// brief tells whether the container ends by itself, so that its use is that of its runs.
func (c container) brief() bool { return c.runs || c.role == initial }

// identity names a workload within its cluster.
type identity struct{ namespace, kind, name string }

// workloads lists all workloads of a cluster, those without pods too, in a stable order.
func workloads(c *Cluster) []*workload {
	known := map[identity]*workload{}
	add := func(kind string, m metav1.ObjectMeta, t *corev1.PodTemplateSpec) *workload {
		w := &workload{Workload: engine.Workload{Cluster: c.Name, Namespace: m.Namespace, Kind: kind, Name: m.Name}}
		w.labels = []map[string]string{m.Labels}
		if t != nil {
			w.labels = append(w.labels, t.Labels)
			w.template = written(t)
		}
		known[identity{m.Namespace, kind, m.Name}] = w
		return w
	}
	for _, o := range c.Deployments {
		add(kindDeployment, o.ObjectMeta, &o.Spec.Template)
	}
	for _, o := range c.StatefulSets {
		add(kindStatefulSet, o.ObjectMeta, &o.Spec.Template)
	}
	for _, o := range c.DaemonSets {
		add(kindDaemonSet, o.ObjectMeta, &o.Spec.Template)
	}
	for _, o := range c.CronJobs {
		add(kindCronJob, o.ObjectMeta, &o.Spec.JobTemplate.Spec.Template).runs = true
	}
	for _, o := range c.Jobs {
		if metav1.GetControllerOfNoCopy(o) == nil {
			add(kindJob, o.ObjectMeta, &o.Spec.Template).runs = true
		}
	}
	up := newClimber(c)
	for _, p := range c.Pods {
		id := up.top(p)
		w := known[id]
		if w == nil {
			w = add(id.kind, metav1.ObjectMeta{Namespace: id.namespace, Name: id.name, Labels: p.Labels}, nil)
			w.runs = p.Spec.RestartPolicy == corev1.RestartPolicyNever || p.Spec.RestartPolicy == corev1.RestartPolicyOnFailure
		}
		if over(p) {
			w.ended = append(w.ended, p)
		} else {
			w.pods = append(w.pods, p)
		}
	}
	all := make([]*workload, 0, len(known))
	for _, w := range known {
		slices.SortFunc(w.pods, newestFirst)
		slices.SortFunc(w.ended, newestFirst)
		w.changed = up.changed(w)
		if w.template == nil && len(w.pods) > 0 {
			w.template = up.template(w.pods[0])
		}
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b *workload) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// written is the pod spec of a template, or nil for one that was trimmed to nothing.
func written(t *corev1.PodTemplateSpec) *corev1.PodSpec {
	if len(t.Spec.Containers) == 0 {
		return nil
	}
	return &t.Spec
}

// over tells whether a pod has ended, and holds nothing any more.
func over(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

func newestFirst(a, b *corev1.Pod) int {
	return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}

// climber walks from a pod to the owner at the top: over ReplicaSets and Jobs to what controls them, and no further, for people
// speak of the StatefulSet and not of the operator's resource behind it.
type climber struct {
	sets map[identity]*appsv1.ReplicaSet
	jobs map[identity]*batchv1.Job
}

func newClimber(c *Cluster) climber {
	u := climber{make(map[identity]*appsv1.ReplicaSet, len(c.ReplicaSets)), make(map[identity]*batchv1.Job, len(c.Jobs))}
	for _, rs := range c.ReplicaSets {
		u.sets[identity{rs.Namespace, kindReplicaSet, rs.Name}] = rs
	}
	for _, j := range c.Jobs {
		u.jobs[identity{j.Namespace, kindJob, j.Name}] = j
	}
	return u
}

func (u climber) top(p *corev1.Pod) identity {
	id, owner := identity{p.Namespace, kindPod, p.Name}, metav1.GetControllerOfNoCopy(p)
	if owner == nil {
		return id
	}
	id.kind, id.name = owner.Kind, owner.Name
	if rs := u.sets[id]; rs != nil {
		owner = metav1.GetControllerOfNoCopy(rs)
	} else if j := u.jobs[id]; j != nil {
		owner = metav1.GetControllerOfNoCopy(j)
	}
	if owner != nil {
		id.kind, id.name = owner.Kind, owner.Name
	}
	return id
}

// set is the ReplicaSet that made a pod, or nil.
func (u climber) set(p *corev1.Pod) *appsv1.ReplicaSet {
	if owner := metav1.GetControllerOfNoCopy(p); owner != nil {
		return u.sets[identity{p.Namespace, owner.Kind, owner.Name}]
	}
	return nil
}

// template is what a pod was made from where the owner at the top is of a kind that the snapshot does not list, such as a Rollout.
func (u climber) template(p *corev1.Pod) *corev1.PodSpec {
	if rs := u.set(p); rs != nil {
		return written(&rs.Spec.Template)
	}
	return nil
}

// changed is when the newest revision of a workload came: when its ReplicaSet was made, or for a workload that has none the
// oldest of the pods that are of the newest pod's revision, which may be later than the revision but not earlier.
func (u climber) changed(w *workload) time.Time {
	if len(w.pods) == 0 || w.runs {
		return time.Time{}
	}
	if rs := u.set(w.pods[0]); rs != nil {
		return rs.CreationTimestamp.Time
	}
	revision := w.pods[0].Labels[appsv1.ControllerRevisionHashLabelKey]
	if revision == "" {
		return time.Time{}
	}
	at := w.pods[0].CreationTimestamp.Time
	for _, p := range w.pods {
		if p.Labels[appsv1.ControllerRevisionHashLabelKey] == revision && p.CreationTimestamp.Time.Before(at) {
			at = p.CreationTimestamp.Time
		}
	}
	return at
}
