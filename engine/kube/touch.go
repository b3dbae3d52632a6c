package kube

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// all lists every workload that the caches know of.
func (o *objects) all() []engine.Workload {
	seen := map[engine.Workload]bool{}
	for name, i := range o.informers {
		if name == "events" {
			continue // they are about objects that are listed themselves
		}
		for _, obj := range i.GetStore().List() {
			for _, w := range o.touched(nil, obj) {
				seen[w] = true
			}
		}
	}
	out := make([]engine.Workload, 0, len(seen))
	for w := range seen {
		out = append(out, w)
	}
	return out
}

// touched gives the workloads whose scene an object is part of.
func (o *objects) touched(old, obj any) []engine.Workload {
	switch t := obj.(type) {
	case *corev1.Pod:
		return o.top(t, kindPod)
	case *appsv1.ReplicaSet:
		return o.top(t, kindReplicaSet)
	case *batchv1.Job:
		return o.top(t, kindJob)
	case *appsv1.Deployment:
		return itself(kindDeployment, t)
	case *appsv1.StatefulSet:
		return itself(kindStatefulSet, t)
	case *appsv1.DaemonSet:
		return itself(kindDaemonSet, t)
	case *corev1.PersistentVolumeClaim:
		out := itself(kindClaim, t)
		for _, p := range find[corev1.Pod](o.pods, byClaim, t.Namespace+"/"+t.Name) {
			out = append(out, o.top(p, kindPod)...)
		}
		return unique(out)
	case *corev1.Node:
		out := itself(engine.KindNode, t)
		if old != nil { // at its first sight the node's pods are looked at for their own sake
			for _, p := range find[corev1.Pod](o.pods, byNode, t.Name) {
				out = append(out, o.top(p, kindPod)...)
			}
		}
		return unique(out)
	case *corev1.Event:
		return o.involved(t.InvolvedObject)
	}
	return nil
}

func (o *objects) involved(ref corev1.ObjectReference) []engine.Workload {
	if ref.Kind == kindClaim {
		if claim := get[corev1.PersistentVolumeClaim](o.claims, ref.Namespace, ref.Name); claim != nil {
			return o.touched(nil, claim)
		}
		return nil
	}
	namespace := ref.Namespace
	if ref.Kind == engine.KindNode {
		namespace = ""
	}
	if w, ok := o.owner(ref.Kind, namespace, ref.Name); ok {
		return []engine.Workload{w}
	}
	return nil
}

// top gives the workload above an object. It gives none while a step is not in the caches yet: when that arrives, it is
// an object of the workload itself, and brings the others along.
func (o *objects) top(m metav1.Object, kind string) []engine.Workload {
	if w, ok := climb(m, kind, o.cached); ok {
		return []engine.Workload{w}
	}
	return nil
}

func itself(kind string, m metav1.Object) []engine.Workload {
	return []engine.Workload{{Namespace: m.GetNamespace(), Kind: kind, Name: m.GetName()}}
}

func unique(in []engine.Workload) []engine.Workload {
	var out []engine.Workload
	for _, w := range in {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// same tells whether an update changed nothing that is kept, such as a node's heartbeat.
func same(old, obj any) bool {
	was, ok := old.(metav1.Object)
	is, ok2 := obj.(metav1.Object)
	if !ok || !ok2 {
		return false
	}
	if was.GetResourceVersion() == is.GetResourceVersion() {
		return true
	}
	switch a := old.(type) {
	case *corev1.Node:
		b, ok := obj.(*corev1.Node)
		return ok && apiequality.Semantic.DeepEqual(a.Status, b.Status) && apiequality.Semantic.DeepEqual(a.Spec, b.Spec)
	case *corev1.Pod:
		b, ok := obj.(*corev1.Pod)
		return ok && apiequality.Semantic.DeepEqual(a.Status, b.Status) && a.Spec.NodeName == b.Spec.NodeName &&
			a.DeletionTimestamp.Equal(b.DeletionTimestamp) && apiequality.Semantic.DeepEqual(a.Labels, b.Labels)
	}
	return false
}

// urgent tells whether an update shows that a container ended: people wait for that one.
func urgent(old, obj any) bool {
	was, ok := old.(*corev1.Pod)
	is, ok2 := obj.(*corev1.Pod)
	return ok && ok2 && exits(is) > exits(was)
}

// exits counts how often the containers of a pod have ended.
func exits(p *corev1.Pod) int {
	n := 0
	for _, list := range [][]corev1.ContainerStatus{p.Status.InitContainerStatuses, p.Status.ContainerStatuses} {
		for _, s := range list {
			n += int(s.RestartCount)
			if s.State.Terminated != nil && s.State.Terminated.ExitCode != 0 {
				n++
			}
		}
	}
	return n
}
