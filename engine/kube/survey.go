package kube

import (
	"context"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// The kinds that change slowly and stand between workloads are listed from time to time and not watched: what is wrong with them is a signal
// only after minutes, a list a minute costs less memory than a watch of each, and asks for fewer rights.
const (
	surveyEvery    = time.Minute
	surveyDeadline = 20 * time.Second
	surveyPage     = 500
	surveyMost     = 20_000 // objects of a kind that are looked at
)

// survey is what was last listed of a cluster.
type survey struct {
	c       *Cluster
	objects *objects

	mu         sync.Mutex
	facts      map[engine.Workload][]detect.Fact
	autoscaled bool
	missing    map[string]bool // kinds of workloads that were never listed though they may be: nothing is known of them

	last detect.Estate // kept for what cannot be listed this time; only the one goroutine that surveys uses it
}

func newSurvey(c *Cluster, o *objects) *survey {
	return &survey{c: c, objects: o, facts: map[engine.Workload][]detect.Fact{}, missing: map[string]bool{}}
}

// add puts what the survey knows into a scene. ok is false when nothing is known of the workload's kind yet, and so nothing may be said.
func (s *survey) add(scene *detect.Scene) (known, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := scene.Workload
	w.Cluster = ""
	scene.Facts, scene.Autoscaled = s.facts[w], s.autoscaled
	return len(scene.Facts) > 0, !s.missing[w.Kind]
}

// take lists everything anew, and gives the workloads of which something was or is to be said.
func (s *survey) take(ctx context.Context) []engine.Workload {
	ctx, cancel := context.WithTimeout(ctx, surveyDeadline)
	defer cancel()
	e, missing := s.list(ctx)
	s.last = e
	s.fill(&e)
	facts := detect.Facts(e)

	s.mu.Lock()
	defer s.mu.Unlock()
	touched := map[engine.Workload]bool{}
	for _, of := range []map[engine.Workload][]detect.Fact{s.facts, facts} {
		for w := range of {
			touched[w] = true
		}
	}
	s.facts, s.missing, s.autoscaled = facts, missing, autoscaled(e)
	out := make([]engine.Workload, 0, len(touched))
	for w := range touched {
		out = append(out, w)
	}
	return out
}

// list reads every kind, one after another: one slow kind must not hold many requests open. What is not installed is left out; what cannot be
// read now is as it was.
func (s *survey) list(ctx context.Context) (detect.Estate, map[string]bool) {
	e, missing := s.last, map[string]bool{}
	client := s.c.client
	note := func(kind string, err error, had bool) {
		if err != nil && !had && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
			missing[kind] = true
		}
	}
	note("Service", listed(ctx, &e.Services, client.CoreV1().Services("").List, func(l *corev1.ServiceList) []corev1.Service { return l.Items }), e.Services != nil)
	note("Ingress", listed(ctx, &e.Ingresses, client.NetworkingV1().Ingresses("").List, func(l *networkingv1.IngressList) []networkingv1.Ingress { return l.Items }), e.Ingresses != nil)
	note("HorizontalPodAutoscaler", listed(ctx, &e.Autoscalers, client.AutoscalingV2().HorizontalPodAutoscalers("").List,
		func(l *autoscalingv2.HorizontalPodAutoscalerList) []autoscalingv2.HorizontalPodAutoscaler {
			return l.Items
		}), e.Autoscalers != nil)
	note("PodDisruptionBudget", listed(ctx, &e.Budgets, client.PolicyV1().PodDisruptionBudgets("").List,
		func(l *policyv1.PodDisruptionBudgetList) []policyv1.PodDisruptionBudget { return l.Items }), e.Budgets != nil)
	note("Namespace", listed(ctx, &e.Namespaces, client.CoreV1().Namespaces().List, func(l *corev1.NamespaceList) []corev1.Namespace { return l.Items }), e.Namespaces != nil)
	note("PersistentVolume", listed(ctx, &e.Volumes, client.CoreV1().PersistentVolumes().List, func(l *corev1.PersistentVolumeList) []corev1.PersistentVolume { return l.Items }), e.Volumes != nil)
	note("Ingress", s.classes(ctx, &e), e.Classes != nil)
	note(kindCronJob, s.cronJobs(ctx, &e), e.CronJobs != nil)
	s.hooks(ctx, &e, note)
	s.custom(ctx, &e, note)
	return e, missing
}

// listed replaces what is known of a kind, page by page, without what nobody looks at. On an error, what was known stays.
func listed[T any, L runtime.Object](ctx context.Context, into *[]*T, list func(context.Context, metav1.ListOptions) (L, error), items func(L) []T) error {
	var found []*T
	opts := metav1.ListOptions{Limit: surveyPage}
	for {
		page, err := list(ctx, opts)
		if err != nil {
			return err
		}
		all := items(page)
		for k := range all {
			if m, ok := any(&all[k]).(metav1.Object); ok {
				slim(m)
			}
			found = append(found, &all[k])
		}
		meta, ok := any(page).(metav1.ListInterface)
		if !ok || meta.GetContinue() == "" || len(found) >= surveyMost {
			break
		}
		opts.Continue = meta.GetContinue()
	}
	if found == nil {
		found = []*T{}
	}
	*into = found
	return nil
}

// slim drops the bulk of an object's metadata, but for who wrote when.
func slim(m metav1.Object) {
	fields := m.GetManagedFields()
	for k := range fields {
		fields[k].FieldsV1 = nil
	}
	notes := m.GetAnnotations()
	delete(notes, "kubectl.kubernetes.io/last-applied-configuration")
	m.SetAnnotations(notes)
}

// fill adds what the caches have.
func (s *survey) fill(e *detect.Estate) {
	o := s.objects
	e.Now = s.c.now()
	e.Pods, e.Nodes = typed[corev1.Pod](o.pods.GetStore().List()), typed[corev1.Node](o.nodes.GetStore().List())
	for _, d := range typed[appsv1.Deployment](o.deployments.GetStore().List()) {
		e.Templates = append(e.Templates, detect.Template{Workload: itself(kindDeployment, d)[0], Labels: d.Spec.Template.Labels})
	}
	for _, d := range typed[appsv1.StatefulSet](o.statefulSets.GetStore().List()) {
		e.Templates = append(e.Templates, detect.Template{Workload: itself(kindStatefulSet, d)[0], Labels: d.Spec.Template.Labels})
	}
	for _, d := range typed[appsv1.DaemonSet](o.daemonSets.GetStore().List()) {
		e.Templates = append(e.Templates, detect.Template{Workload: itself(kindDaemonSet, d)[0], Labels: d.Spec.Template.Labels})
	}
	for _, w := range typed[corev1.Event](o.events.GetStore().List()) {
		switch w.InvolvedObject.Kind {
		case kindPod, engine.KindNode, kindReplicaSet, kindDeployment: // their scenes have their events
		default:
			e.Warnings = append(e.Warnings, w)
		}
	}
	e.Owner = func(p *corev1.Pod) (engine.Workload, bool) { return climb(p, kindPod, o.cached) }
}

func typed[T any](all []any) []*T {
	out := make([]*T, 0, len(all))
	for _, obj := range all {
		if t, ok := obj.(*T); ok {
			out = append(out, t)
		}
	}
	return out
}

// autoscaled tells whether something adds nodes to the cluster: Karpenter or EKS's Auto Mode, whose nodes say so, or a cluster autoscaler.
func autoscaled(e detect.Estate) bool {
	return slices.ContainsFunc(e.Nodes, func(n *corev1.Node) bool {
		return n.Labels["karpenter.sh/nodepool"] != "" || n.Labels["eks.amazonaws.com/compute-type"] == "auto"
	}) || slices.ContainsFunc(e.Templates, func(t detect.Template) bool {
		name := t.Labels["app.kubernetes.io/name"]
		return name == "karpenter" || name == "cluster-autoscaler" || name == "aws-cluster-autoscaler" || t.Labels["app"] == "cluster-autoscaler"
	})
}

// cronJobs lists them, with their schedules.
func (s *survey) cronJobs(ctx context.Context, e *detect.Estate) error {
	var all []*batchv1.CronJob
	if err := listed(ctx, &all, s.c.client.BatchV1().CronJobs("").List, func(l *batchv1.CronJobList) []batchv1.CronJob { return l.Items }); err != nil {
		return err
	}
	e.CronJobs = make([]detect.CronJob, len(all))
	for k, c := range all {
		c.Spec.JobTemplate = batchv1.JobTemplateSpec{}
		e.CronJobs[k] = detect.CronJob{CronJob: c, Next: schedule(c)}
	}
	return nil
}
