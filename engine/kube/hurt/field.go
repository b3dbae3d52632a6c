package hurt

import (
	"cmp"
	"context"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

const (
	securityLabel  = "pod-security.kubernetes.io/enforce"
	mirrorKey      = "kubernetes.io/config.mirror"
	kindPod        = "Pod"
	kindDeployment = "Deployment"
	kindReplicaSet = "ReplicaSet"
	kindStateful   = "StatefulSet"
	kindDaemonSet  = "DaemonSet"
	kindJob        = "Job"
)

// Field reads what a plan needs of the namespaces, of all that have opted in for none, and of a node and whatever runs on it, if one is
// named. Namespaces are told of all that there are, the rest of those which are meant. It fails with Unavailable when the cluster does not
// answer, and with Forbidden when it may not be read.
func (h *Injector) Field(ctx context.Context, namespaces []string, node string) (chaos.Field, error) {
	f := chaos.Field{Cluster: h.Name, At: h.Now(), FIS: h.Cloud != nil}
	spaces, err := h.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return f, h.problem(err, "the namespaces cannot be listed")
	}
	exists := map[string]bool{}
	var meant []string
	for _, n := range spaces.Items {
		exists[n.Name] = true
		own := chaos.Namespace{Name: n.Name, OptedIn: h.optedIn(n.Labels), Security: n.Labels[securityLabel]}
		f.Namespaces = append(f.Namespaces, own)
		if own.OptedIn && len(namespaces) == 0 && node == "" {
			meant = append(meant, n.Name)
		}
	}
	for _, n := range namespaces {
		if exists[n] {
			meant = append(meant, n)
		}
	}
	if node != "" {
		pods, err := h.on(ctx, node)
		if err != nil {
			return f, err
		}
		for _, p := range pods {
			meant = append(meant, p.Namespace)
		}
	}
	slices.Sort(meant)
	for _, n := range slices.Compact(meant) {
		if err := h.space(ctx, &f, n); err != nil {
			return f, err
		}
	}
	nodes, err := h.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return f, h.problem(err, "the nodes cannot be listed")
	}
	for _, n := range nodes.Items {
		ready := slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		})
		f.Nodes = append(f.Nodes, chaos.Node{Name: n.Name, Ready: ready, Cordoned: n.Spec.Unschedulable})
	}
	f.Meshes = h.meshes()
	return f, nil
}

// optedIn tells whether labels have the one by which a namespace opts in. Without such a label in the rules, none has.
func (h *Injector) optedIn(of map[string]string) bool {
	key, value, ok := strings.Cut(h.OptIn, "=")
	is, has := of[key]
	return ok && key != "" && has && is == value
}

// on lists the pods of a node that are not over.
func (h *Injector) on(ctx context.Context, node string) ([]corev1.Pod, error) {
	list, err := h.Client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node).String()})
	if err != nil {
		return nil, h.problem(err, "the pods of node "+node+" cannot be listed")
	}
	return slices.DeleteFunc(list.Items, over), nil
}

func over(p corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

// space reads the workloads, pods and budgets of a namespace.
func (h *Injector) space(ctx context.Context, f *chaos.Field, namespace string) error {
	apps, steps, opts := h.Client.AppsV1(), map[string]metav1.Object{}, metav1.ListOptions{}
	unit := func(kind, name string, desired, ready int32, rolling bool) {
		w := engine.Workload{Cluster: h.Name, Namespace: namespace, Kind: kind, Name: name}
		f.Units = append(f.Units, chaos.Unit{Workload: w, Desired: int(desired), Ready: int(ready), Rolling: rolling})
	}
	deployments, err := apps.Deployments(namespace).List(ctx, opts)
	if err != nil {
		return h.problem(err, "the Deployments of "+namespace+" cannot be listed")
	}
	for _, d := range deployments.Items {
		unit(kindDeployment, d.Name, deref(d.Spec.Replicas, 1), d.Status.ReadyReplicas, rolls(d))
	}
	stateful, err := apps.StatefulSets(namespace).List(ctx, opts)
	if err != nil {
		return h.problem(err, "the StatefulSets of "+namespace+" cannot be listed")
	}
	for _, s := range stateful.Items {
		rolling := s.Status.ObservedGeneration < s.Generation || s.Status.UpdateRevision != s.Status.CurrentRevision && s.Status.UpdatedReplicas < deref(s.Spec.Replicas, 1)
		unit(kindStateful, s.Name, deref(s.Spec.Replicas, 1), s.Status.ReadyReplicas, rolling)
	}
	daemons, err := apps.DaemonSets(namespace).List(ctx, opts)
	if err != nil {
		return h.problem(err, "the DaemonSets of "+namespace+" cannot be listed")
	}
	for _, d := range daemons.Items {
		rolling := d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedNumberScheduled < d.Status.DesiredNumberScheduled
		unit(kindDaemonSet, d.Name, d.Status.DesiredNumberScheduled, d.Status.NumberReady, rolling)
	}
	sets, err := apps.ReplicaSets(namespace).List(ctx, opts)
	if err != nil {
		return h.problem(err, "the ReplicaSets of "+namespace+" cannot be listed")
	}
	for i := range sets.Items {
		steps[kindReplicaSet+"/"+sets.Items[i].Name] = &sets.Items[i]
	}
	jobs, err := h.Client.BatchV1().Jobs(namespace).List(ctx, opts)
	if err != nil {
		return h.problem(err, "the Jobs of "+namespace+" cannot be listed")
	}
	for i := range jobs.Items {
		steps[kindJob+"/"+jobs.Items[i].Name] = &jobs.Items[i]
	}
	pods, err := h.Client.CoreV1().Pods(namespace).List(ctx, opts)
	if err != nil {
		return h.problem(err, "the pods of "+namespace+" cannot be listed")
	}
	pods.Items = slices.DeleteFunc(pods.Items, over)
	for i := range pods.Items {
		f.Pods = append(f.Pods, h.asPod(&pods.Items[i], func(kind, _, name string) metav1.Object {
			return steps[kind+"/"+name] // an owner that is gone is an untyped nil
		}))
	}
	budgets, err := h.Client.PolicyV1().PodDisruptionBudgets(namespace).List(ctx, opts)
	if err != nil {
		return h.problem(err, "the budgets of "+namespace+" cannot be listed")
	}
	for _, b := range budgets.Items {
		f.Budgets = append(f.Budgets, budget(b, pods.Items))
	}
	return nil
}

// rolls tells whether pods of an older template are still there, or of the newest still missing.
func rolls(d appsv1.Deployment) bool {
	return d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas < deref(d.Spec.Replicas, 1) || d.Status.Replicas > d.Status.UpdatedReplicas
}

func deref(n *int32, or int32) int32 {
	if n == nil {
		return or
	}
	return *n
}

// asPod says what a plan reads of a pod. A pod whose owner is gone stands for itself.
func (h *Injector) asPod(p *corev1.Pod, next func(kind, namespace, name string) metav1.Object) chaos.Pod {
	w, ok := h.Owner(p, kindPod, next)
	if !ok {
		w = engine.Workload{Namespace: p.Namespace, Kind: kindPod, Name: p.Name}
	}
	w.Cluster = h.Name
	out := chaos.Pod{
		Workload: w, Ref: reference(p), Node: p.Spec.NodeName, Labels: p.Labels, Leaving: p.DeletionTimestamp != nil,
		HostNetwork: p.Spec.HostNetwork, Daemon: stays(p),
		Ready: slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}),
	}
	for _, c := range p.Spec.Containers {
		out.Containers = append(out.Containers, chaos.Container{
			Name: c.Name, CPU: cores(c), Memory: c.Resources.Limits.Memory().Value(), Running: running(p, c.Name) != nil, Root: root(p, c),
		})
	}
	for _, c := range p.Spec.InitContainers {
		out.Inits = append(out.Inits, chaos.Container{Name: c.Name, CPU: cores(c), Memory: c.Resources.Limits.Memory().Value()})
	}
	for _, c := range p.Spec.EphemeralContainers {
		if strings.HasPrefix(c.Name, Prefix) {
			out.Agents++
		}
	}
	return out
}

func reference(p *corev1.Pod) engine.ObjectRef {
	return engine.ObjectRef{Kind: kindPod, Namespace: p.Namespace, Name: p.Name, UID: string(p.UID)}
}

func cores(c corev1.Container) float64 { return c.Resources.Limits.Cpu().AsApproximateFloat64() }

// stays tells whether a drain leaves a pod alone: nothing but its node brings it back.
func stays(p *corev1.Pod) bool {
	_, mirror := p.Annotations[mirrorKey]
	owner := metav1.GetControllerOfNoCopy(p)
	return mirror || owner != nil && (owner.Kind == kindDaemonSet || owner.Kind == engine.KindNode)
}

// running gives the status of a container that runs; nil for one that does not.
func running(p *corev1.Pod, name string) *corev1.ContainerStatus {
	for i := range p.Status.ContainerStatuses {
		if s := &p.Status.ContainerStatuses[i]; s.Name == name && s.State.Running != nil {
			return s
		}
	}
	return nil
}

// root tells whether a container is uid 0, as far as its spec says.
func root(p *corev1.Pod, c corev1.Container) bool {
	user := runsAs(p, c)
	return user != nil && *user == 0
}

// runsAs is the user of a container where its spec names one.
func runsAs(p *corev1.Pod, c corev1.Container) *int64 {
	if s := c.SecurityContext; s != nil && s.RunAsUser != nil {
		return s.RunAsUser
	}
	if s := p.Spec.SecurityContext; s != nil {
		return s.RunAsUser
	}
	return nil
}

// budget says which of the pods a budget covers.
func budget(b policyv1.PodDisruptionBudget, pods []corev1.Pod) chaos.Budget {
	out := chaos.Budget{Ref: engine.ObjectRef{Kind: "PodDisruptionBudget", Namespace: b.Namespace, Name: b.Name, UID: string(b.UID)}, Allowed: int(b.Status.DisruptionsAllowed)}
	covers, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil { // which the API server does not take
		covers = labels.Nothing()
	}
	for i := range pods {
		if covers.Matches(labels.Set(pods[i].Labels)) {
			out.Pods = append(out.Pods, reference(&pods[i]))
		}
	}
	return out
}

// container is the one that a strike is about: the one that was named, or the first.
func container(p *corev1.Pod, t engine.Victim) (corev1.Container, error) {
	for _, c := range p.Spec.Containers {
		if c.Name == cmp.Or(t.Container, c.Name) {
			return c, nil
		}
	}
	return corev1.Container{}, engine.Errorf(engine.NotFound, "pod %s/%s has no container %q", p.Namespace, p.Name, t.Container)
}

const meshGroup = "chaos-mesh.org/v1alpha1"

// meshes lists the kinds of Chaos Mesh that are installed. Where it is not, or does not answer, there are none to use.
func (h *Injector) meshes() []string {
	list, err := h.Client.Discovery().ServerResourcesForGroupVersion(meshGroup)
	if err != nil {
		if !apierrors.IsNotFound(err) {
			h.Log.Warn("cannot tell whether Chaos Mesh is installed", "error", err)
		}
		return nil
	}
	var kinds []string
	for _, r := range list.APIResources {
		if !strings.Contains(r.Name, "/") && strings.HasSuffix(r.Kind, "Chaos") {
			kinds = append(kinds, r.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}
