package kube

import (
	"context"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

// Roster is what the watch knows of a cluster's workloads at one time, for who watches their metrics: which there are, with how many
// replicas and of which revision, and whose each pod is. Runs of jobs are not among them: their metrics are those of work that ends.
type Roster struct {
	Workloads map[engine.Workload]anomaly.About
	Nodes     []*corev1.Node             // with their labels and capacity only
	pods      map[string]engine.Workload // by namespace and name
	places    map[string]string          // the node of a pod, by namespace and name
}

// Owner gives the workload of a pod. ok is false for one that is not known, and for one of a job.
func (r Roster) Owner(namespace, pod string) (engine.Workload, bool) {
	w, ok := r.pods[namespace+"/"+pod]
	return w, ok
}

// Place gives the node that a pod is on; "" for none, and for a pod that is not known.
func (r Roster) Place(namespace, pod string) string { return r.places[namespace+"/"+pod] }

// Roster fails with Unavailable while the cluster is not watched here, or was not yet read in full.
func (c *Cluster) Roster(context.Context) (Roster, error) {
	o := c.current()
	if o == nil {
		return Roster{}, engine.Errorf(engine.Unavailable, "cluster %s is not read yet", c.name)
	}
	return o.roster(c.name), nil
}

func (o *objects) roster(cluster string) Roster {
	r := Roster{Workloads: map[engine.Workload]anomaly.About{}, pods: map[string]engine.Workload{}, places: map[string]string{}, Nodes: typed[corev1.Node](o.nodes.GetStore().List())}
	add := func(kind string, m metav1.Object, a anomaly.About) {
		a.Labels = m.GetLabels()
		r.Workloads[engine.Workload{Cluster: cluster, Namespace: m.GetNamespace(), Kind: kind, Name: m.GetName()}] = a
	}
	for _, obj := range o.deployments.GetStore().List() {
		if d, ok := obj.(*appsv1.Deployment); ok {
			add(kindDeployment, d, aboutDeployment(d))
		}
	}
	for _, obj := range o.statefulSets.GetStore().List() {
		if s, ok := obj.(*appsv1.StatefulSet); ok {
			add(kindStatefulSet, s, aboutStatefulSet(s))
		}
	}
	for _, obj := range o.daemonSets.GetStore().List() {
		if d, ok := obj.(*appsv1.DaemonSet); ok {
			add(kindDaemonSet, d, aboutDaemonSet(d))
		}
	}
	for _, obj := range o.pods.GetStore().List() {
		if p, ok := obj.(*corev1.Pod); ok {
			o.enlist(cluster, p, &r)
		}
	}
	for w, a := range r.Workloads {
		if a.Node == several {
			a.Node = ""
			r.Workloads[w] = a
		}
	}
	return r
}

// several stands for the nodes of pods that are on more than one.
const several = "\x00"

// enlist adds a pod, and its workload where it is of a kind that no informer lists.
func (o *objects) enlist(cluster string, p *corev1.Pod, r *Roster) {
	w, ok := climb(p, kindPod, o.cached)
	if !ok || w.Kind == kindJob || w.Kind == kindCronJob || w.Kind == engine.KindNode {
		return
	}
	w.Cluster = cluster
	r.pods[p.Namespace+"/"+p.Name] = w
	r.places[p.Namespace+"/"+p.Name] = p.Spec.NodeName
	a, known := r.Workloads[w]
	if !known {
		a = anomaly.About{Labels: p.Labels}
	}
	switch w.Kind {
	case kindDeployment, kindStatefulSet, kindDaemonSet: // they say so themselves
	default:
		a.Wanted++
	}
	switch {
	case p.Spec.NodeName == "" || a.Node == several:
	case a.Node == "":
		a.Node = p.Spec.NodeName
	case a.Node != p.Spec.NodeName:
		a.Node = several
	}
	r.Workloads[w] = a
}

func aboutDeployment(d *appsv1.Deployment) anomaly.About {
	n := wanted(d.Spec.Replicas)
	return anomaly.About{
		Revision: d.Annotations["deployment.kubernetes.io/revision"], Wanted: n,
		Rolling: int(d.Status.UpdatedReplicas) < n || d.Status.Replicas > d.Status.UpdatedReplicas || d.Status.ObservedGeneration < d.Generation,
	}
}

func aboutStatefulSet(s *appsv1.StatefulSet) anomaly.About {
	return anomaly.About{
		Revision: s.Status.UpdateRevision, Wanted: wanted(s.Spec.Replicas),
		Rolling: s.Status.UpdateRevision != s.Status.CurrentRevision || s.Status.ObservedGeneration < s.Generation,
	}
}

// aboutDaemonSet has no revision in its status, but only its template is ever edited.
func aboutDaemonSet(d *appsv1.DaemonSet) anomaly.About {
	return anomaly.About{
		Revision: strconv.FormatInt(d.Generation, 10), Wanted: int(d.Status.DesiredNumberScheduled),
		Rolling: d.Status.UpdatedNumberScheduled < d.Status.DesiredNumberScheduled || d.Status.ObservedGeneration < d.Generation,
	}
}

// wanted is how many replicas a spec asks for; one when it does not say.
func wanted(replicas *int32) int {
	if replicas == nil {
		return 1
	}
	return int(*replicas)
}
