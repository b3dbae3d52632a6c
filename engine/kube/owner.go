package kube

import (
	"context"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// The kinds that are named in more than one place. A workload of kind Job is a Job that nothing controls: the runs of a
// CronJob are one workload, or each failed run would be an incident of its own.
const (
	kindPod         = "Pod"
	kindReplicaSet  = "ReplicaSet"
	kindDeployment  = "Deployment"
	kindStatefulSet = "StatefulSet"
	kindDaemonSet   = "DaemonSet"
	kindJob         = "Job"
	kindCronJob     = "CronJob"
	kindClaim       = "PersistentVolumeClaim"
)

// lookup gives the object that a step of the walk passes through: a pod, ReplicaSet or Job. nil means that it is not known.
type lookup func(kind, namespace, name string) metav1.Object

// climb walks from an object to its workload: over ReplicaSets and Jobs to what controls them, and no further, for people
// speak of the StatefulSet and not of the operator's resource behind it. ok is false when a step is not known (yet).
func climb(m metav1.Object, kind string, next lookup) (engine.Workload, bool) {
	owner := metav1.GetControllerOfNoCopy(m)
	if owner == nil {
		return engine.Workload{Namespace: m.GetNamespace(), Kind: kind, Name: m.GetName()}, true
	}
	switch owner.Kind {
	case engine.KindNode:
		return engine.Workload{Kind: engine.KindNode, Name: owner.Name}, true
	case kindReplicaSet, kindJob:
		up := next(owner.Kind, m.GetNamespace(), owner.Name)
		if up == nil {
			return engine.Workload{}, false
		}
		return climb(up, owner.Kind, next)
	}
	return engine.Workload{Namespace: m.GetNamespace(), Kind: owner.Kind, Name: owner.Name}, true
}

// stepped tells whether climb may pass over objects of a kind.
func stepped(kind string) bool { return kind == kindPod || kind == kindReplicaSet || kind == kindJob }

// cached looks in the caches. When we may not read ReplicaSets at all, the name of one tells its Deployment.
func (o *objects) cached(kind, namespace, name string) metav1.Object {
	switch kind {
	case kindPod:
		if p := get[corev1.Pod](o.pods, namespace, name); p != nil {
			return p
		}
	case kindReplicaSet:
		if rs := get[appsv1.ReplicaSet](o.replicaSets, namespace, name); rs != nil {
			return rs
		}
		if o.health.forbidden("replicasets") {
			return guessReplicaSet(namespace, name)
		}
	case kindJob:
		if job := get[batchv1.Job](o.jobs, namespace, name); job != nil {
			return job
		}
		if o.health.forbidden("jobs") {
			return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		}
	}
	return nil
}

// guessReplicaSet rests on the names that the Deployment controller gives: the Deployment's, a dash, the template's hash.
func guessReplicaSet(namespace, name string) metav1.Object {
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		yes := true
		rs.OwnerReferences = []metav1.OwnerReference{{Kind: kindDeployment, Name: name[:i], Controller: &yes}}
	}
	return rs
}

// Owner gives the workload that an object belongs to: from the caches when the cluster is watched here, else by asking the
// API server. It fails with NotFound when there is no such object, and with Unavailable when it cannot be found out.
func (c *Cluster) Owner(ctx context.Context, kind, namespace, name string) (engine.Workload, error) {
	w, ok := engine.Workload{}, false
	if o := c.current(); o != nil {
		w, ok = o.owner(kind, namespace, name)
	}
	if !ok {
		var err error
		if w, err = c.ask(ctx, kind, namespace, name); err != nil {
			return engine.Workload{}, err
		}
	}
	w.Cluster = c.name
	return w, nil
}

func (o *objects) owner(kind, namespace, name string) (engine.Workload, bool) {
	if stepped(kind) {
		m := o.cached(kind, namespace, name)
		if m == nil {
			return engine.Workload{}, false
		}
		return climb(m, kind, o.cached)
	}
	w := engine.Workload{Namespace: namespace, Kind: kind, Name: name}
	if kind == engine.KindNode {
		w.Namespace = ""
	}
	return w, o.exists(w)
}

func (c *Cluster) ask(ctx context.Context, kind, namespace, name string) (engine.Workload, error) {
	var problem error = engine.Errorf(engine.NotFound, "there is no %s %s/%s whose owner could be told", kind, namespace, name)
	live := func(kind, namespace, name string) metav1.Object {
		m, err := c.fetch(ctx, kind, namespace, name)
		if err != nil {
			if !apierrors.IsNotFound(err) && engine.CodeOf(err) != engine.Invalid {
				c.log.WarnContext(ctx, "cannot look up an owner", "kind", kind, "namespace", namespace, "name", name, "error", err)
				problem = engine.Wrap(engine.Unavailable, err, "the API server does not say whose "+kind+" "+namespace+"/"+name+" is")
			}
			return nil
		}
		return m
	}
	m := live(kind, namespace, name)
	if m == nil {
		return engine.Workload{}, problem
	}
	if stepped(kind) {
		if w, ok := climb(m, kind, live); ok {
			return w, nil
		}
		return engine.Workload{}, problem
	}
	return engine.Workload{Namespace: m.GetNamespace(), Kind: kind, Name: name}, nil
}

// fetch reads an object of a kind that can be a workload, or a step to one.
func (c *Cluster) fetch(ctx context.Context, kind, namespace, name string) (metav1.Object, error) {
	opts := metav1.GetOptions{}
	switch kind {
	case kindPod:
		return c.client.CoreV1().Pods(namespace).Get(ctx, name, opts)
	case engine.KindNode:
		return c.client.CoreV1().Nodes().Get(ctx, name, opts)
	case kindClaim:
		return c.client.CoreV1().PersistentVolumeClaims(namespace).Get(ctx, name, opts)
	case kindReplicaSet:
		return c.client.AppsV1().ReplicaSets(namespace).Get(ctx, name, opts)
	case kindDeployment:
		return c.client.AppsV1().Deployments(namespace).Get(ctx, name, opts)
	case kindStatefulSet:
		return c.client.AppsV1().StatefulSets(namespace).Get(ctx, name, opts)
	case kindDaemonSet:
		return c.client.AppsV1().DaemonSets(namespace).Get(ctx, name, opts)
	case kindJob:
		return c.client.BatchV1().Jobs(namespace).Get(ctx, name, opts)
	case kindCronJob:
		return c.client.BatchV1().CronJobs(namespace).Get(ctx, name, opts)
	}
	return nil, engine.Errorf(engine.Invalid, "objects of kind %q are not read", kind)
}
