package kube

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
	"github.com/eks-autopilot/autopilot/engine/kube/collect"
)

// eventWindow is how old an event may be to count as present.
const eventWindow = time.Hour

// scene gathers all that the caches hold of a workload. ok is false when nothing of it is left, or when it is no workload of
// its own any more, such as a Job that turned out to be a run of a CronJob.
func (o *objects) scene(w engine.Workload, now time.Time) (s detect.Scene, ok bool) {
	s = detect.Scene{Workload: w, Now: now, Nodes: map[string]*corev1.Node{}}
	about := []string{objectKey(w.Kind, w.Namespace, w.Name)}
	switch w.Kind {
	case engine.KindNode:
		s.Node = get[corev1.Node](o.nodes, "", w.Name)
		ok = s.Node != nil
	case kindClaim:
		if claim := get[corev1.PersistentVolumeClaim](o.claims, w.Namespace, w.Name); claim != nil {
			s.Claims, ok = []*corev1.PersistentVolumeClaim{claim}, true
		}
		s.Pods = find[corev1.Pod](o.pods, byClaim, w.Namespace+"/"+w.Name)
	case kindPod:
		if p := get[corev1.Pod](o.pods, w.Namespace, w.Name); p != nil && o.isTop(p, w) {
			s.Pods, ok = []*corev1.Pod{p}, true
		}
	case kindDeployment:
		s.Deployment = get[appsv1.Deployment](o.deployments, w.Namespace, w.Name)
		ok = s.Deployment != nil
	case kindStatefulSet:
		s.StatefulSet = get[appsv1.StatefulSet](o.statefulSets, w.Namespace, w.Name)
		ok = s.StatefulSet != nil
	case kindDaemonSet:
		s.DaemonSet = get[appsv1.DaemonSet](o.daemonSets, w.Namespace, w.Name)
		ok = s.DaemonSet != nil
	case kindReplicaSet:
		if rs := get[appsv1.ReplicaSet](o.replicaSets, w.Namespace, w.Name); rs != nil && o.isTop(rs, w) {
			s.ReplicaSets, ok = []*appsv1.ReplicaSet{rs}, true
		}
	case kindJob:
		if job := get[batchv1.Job](o.jobs, w.Namespace, w.Name); job != nil && o.isTop(job, w) {
			s.Job, ok = job, true
		}
	}
	if w.Kind != kindClaim {
		o.belongings(&s, about[0])
	}
	ok = ok || o.vouched(w.Kind, s)

	for _, rs := range s.ReplicaSets {
		about = append(about, objectKey(kindReplicaSet, rs.Namespace, rs.Name))
	}
	if s.Job != nil {
		about = append(about, objectKey(kindJob, s.Job.Namespace, s.Job.Name))
	}
	for _, p := range s.Pods {
		about = append(about, objectKey(kindPod, p.Namespace, p.Name))
		o.surroundings(&s, p)
	}
	for _, claim := range s.Claims {
		about = append(about, objectKey(kindClaim, claim.Namespace, claim.Name))
	}
	s.Events = o.eventsAbout(about, now)
	return s, ok
}

// belongings adds what the workload controls: its pods, directly or through ReplicaSets and Jobs.
func (o *objects) belongings(s *detect.Scene, key string) {
	s.Pods = append(s.Pods, find[corev1.Pod](o.pods, byController, key)...)
	s.ReplicaSets = append(s.ReplicaSets, find[appsv1.ReplicaSet](o.replicaSets, byController, key)...)
	for _, rs := range s.ReplicaSets {
		s.Pods = append(s.Pods, find[corev1.Pod](o.pods, byController, objectKey(kindReplicaSet, rs.Namespace, rs.Name))...)
	}
	if s.Job == nil {
		stands, count := collect.Runs(find[batchv1.Job](o.jobs, byController, key))
		s.Job = stands
		for _, job := range count {
			s.Pods = append(s.Pods, find[corev1.Pod](o.pods, byController, objectKey(kindJob, job.Namespace, job.Name))...)
		}
	}
	if s.Deployment != nil && o.health.forbidden("replicasets") {
		s.Pods = append(s.Pods, o.podsByName(s.Workload)...)
	}
	slices.SortFunc(s.Pods, func(a, b *corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.ReplicaSets, func(a, b *appsv1.ReplicaSet) int { return cmp.Compare(a.Name, b.Name) })
}

// podsByName finds a Deployment's pods when ReplicaSets may not be read.
func (o *objects) podsByName(w engine.Workload) []*corev1.Pod {
	var out []*corev1.Pod
	for _, obj := range o.pods.GetStore().List() {
		p, ok := obj.(*corev1.Pod)
		if !ok || p.Namespace != w.Namespace {
			continue
		}
		if top, known := climb(p, kindPod, o.cached); known && top.Kind == w.Kind && top.Name == w.Name {
			out = append(out, p)
		}
	}
	return out
}

// watched are the resources by kind of workload.
var watched = map[string]string{
	kindPod: "pods", kindReplicaSet: "replicasets", kindDeployment: "deployments", kindStatefulSet: "statefulsets",
	kindDaemonSet: "daemonsets", kindJob: "jobs", kindClaim: "persistentvolumeclaims", engine.KindNode: "nodes",
}

// vouched tells whether a workload that we cannot look up itself is there because something of it is.
func (o *objects) vouched(kind string, s detect.Scene) bool {
	if resource, ok := watched[kind]; ok && !o.health.forbidden(resource) {
		return false
	}
	return len(s.Pods)+len(s.ReplicaSets) > 0 || s.Job != nil
}

// surroundings adds the node that a pod is on and the claims that it mounts.
func (o *objects) surroundings(s *detect.Scene, p *corev1.Pod) {
	if name := p.Spec.NodeName; name != "" && s.Nodes[name] == nil {
		if n := get[corev1.Node](o.nodes, "", name); n != nil {
			s.Nodes[name] = n
		}
	}
	for _, v := range p.Spec.Volumes {
		claim := get[corev1.PersistentVolumeClaim](o.claims, p.Namespace, claimName(p, v))
		if claim != nil && !slices.Contains(s.Claims, claim) {
			s.Claims = append(s.Claims, claim)
		}
	}
}

func (o *objects) eventsAbout(keys []string, now time.Time) []*corev1.Event {
	var out []*corev1.Event
	for _, key := range keys {
		for _, e := range find[corev1.Event](o.events, byObject, key) {
			if e.Type == corev1.EventTypeWarning && now.Sub(collect.Happened(e)) <= eventWindow && !collect.Guest(e) {
				out = append(out, e)
			}
		}
	}
	slices.SortFunc(out, func(a, b *corev1.Event) int {
		return cmp.Or(collect.Happened(a).Compare(collect.Happened(b)), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// isTop tells whether an object is the workload itself, with nothing above it that people would speak of instead.
func (o *objects) isTop(m metav1.Object, w engine.Workload) bool {
	top, ok := climb(m, w.Kind, o.cached)
	return ok && top.Kind == w.Kind && top.Name == w.Name
}

func (o *objects) exists(w engine.Workload) bool {
	_, ok := o.scene(w, time.Time{})
	return ok
}
