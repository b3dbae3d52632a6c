package prom

import (
	"regexp"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// suffix is what Kubernetes appends to names that it makes: of an alphabet without vowels, so that no words come of it.
const suffix = `[bcdfghjklmnpqrstvwxz2456789]`

// The names that controllers give to pods and to what makes them.
var (
	randomSuffix = regexp.MustCompile(`^(.+)-` + suffix + `{5}$`)    // of a ReplicaSet, a DaemonSet or a Job
	hashSuffix   = regexp.MustCompile(`^(.+)-` + suffix + `{1,10}$`) // of a Deployment's ReplicaSet
	ordinal      = regexp.MustCompile(`^(.+)-[0-9]{1,10}$`)          // of a StatefulSet's pod, and of a CronJob's Job
	runSuffix    = regexp.MustCompile(`^(.+)-[0-9]{7,11}$`)          // of a CronJob's Job: the minute that it was due
)

// owners tells which workload a pod belongs to, those that are gone too: by what the cluster says, then by what kube-state-metrics
// saw, then by the pod's name. A pod whose workload is gone, or that two workloads could have made, belongs to none.
type owners struct {
	pods map[object]owner   // namespace and name
	made map[object]owner   // by kube-state-metrics: the direct owner of a pod
	sets map[object]owner   // what is above a ReplicaSet or a Job
	tops map[object][]owner // workloads of a name
	seen map[object]owner   // what was found out by the name
}

type object struct{ namespace, name string }

type owner struct{ kind, name string }

const (
	kindReplicaSet  = "ReplicaSet"
	kindDeployment  = "Deployment"
	kindStatefulSet = "StatefulSet"
	kindDaemonSet   = "DaemonSet"
	kindJob         = "Job"
	kindCronJob     = "CronJob"
)

func newOwners(c *waste.Cluster) *owners {
	o := &owners{map[object]owner{}, map[object]owner{}, map[object]owner{}, map[object][]owner{}, map[object]owner{}}
	for _, d := range c.Deployments {
		o.top(d, kindDeployment)
	}
	for _, s := range c.StatefulSets {
		o.top(s, kindStatefulSet)
	}
	for _, d := range c.DaemonSets {
		o.top(d, kindDaemonSet)
	}
	for _, j := range c.CronJobs {
		o.top(j, kindCronJob)
	}
	for _, rs := range c.ReplicaSets {
		o.step(rs, kindReplicaSet)
	}
	for _, j := range c.Jobs {
		o.step(j, kindJob)
	}
	for _, p := range c.Pods {
		at, above := object{p.Namespace, p.Name}, metav1.GetControllerOfNoCopy(p)
		if above == nil {
			o.pods[at] = owner{"Pod", p.Name}
			continue
		}
		o.pods[at] = o.climb(p.Namespace, owner{above.Kind, above.Name})
	}
	return o
}

// top notes a workload.
func (o *owners) top(m metav1.Object, kind string) {
	at := object{m.GetNamespace(), m.GetName()}
	for _, known := range o.tops[at] {
		if known.kind == kind {
			return
		}
	}
	o.tops[at] = append(o.tops[at], owner{kind, at.name})
}

// step notes what is above a ReplicaSet or a Job, which is itself a workload when nothing is.
func (o *owners) step(m metav1.Object, kind string) {
	at, above := object{m.GetNamespace(), m.GetName()}, metav1.GetControllerOfNoCopy(m)
	if above == nil {
		o.top(m, kind)
		return
	}
	o.sets[at] = owner{above.Kind, above.Name}
	o.top(&metav1.ObjectMeta{Namespace: at.namespace, Name: above.Name}, above.Kind)
}

// climb goes from the direct owner of a pod to the one at the top.
func (o *owners) climb(namespace string, direct owner) owner {
	if direct.kind != kindReplicaSet && direct.kind != kindJob {
		return direct
	}
	if above, ok := o.sets[object{namespace, direct.name}]; ok {
		return above
	}
	pattern := hashSuffix
	if direct.kind == kindJob {
		pattern = runSuffix
	}
	// It is gone, or kept for a rollback only; what is above it has its name without the end.
	if m := pattern.FindStringSubmatch(direct.name); m != nil {
		for _, top := range o.tops[object{namespace, m[1]}] {
			if made := top.kind == kindCronJob; made == (direct.kind == kindJob) && top.kind != kindStatefulSet && top.kind != kindDaemonSet {
				return top
			}
		}
	}
	return direct
}

// saw notes the direct owner of a pod, as kube-state-metrics has it.
func (o *owners) saw(namespace, pod string, direct owner) {
	if direct.kind != "" && direct.kind != "<none>" {
		o.made[object{namespace, pod}] = direct
	}
}

// of gives the workload of a pod. ok is false when none is known for certain.
func (o *owners) of(namespace, pod string) (owner, bool) {
	at := object{namespace, pod}
	if top, ok := o.pods[at]; ok {
		return top, true
	}
	if direct, ok := o.made[at]; ok {
		return o.climb(namespace, direct), true
	}
	top, ok := o.seen[at]
	if !ok {
		top = o.named(namespace, pod)
		o.seen[at] = top
	}
	return top, top != owner{}
}

// named finds the one workload that could have given a pod its name; the zero owner when there is none, or more than one.
func (o *owners) named(namespace, pod string) owner {
	var found []owner
	add := func(name string, kinds ...string) {
		for _, top := range o.tops[object{namespace, name}] {
			for _, kind := range kinds {
				if top.kind == kind {
					found = append(found, top)
				}
			}
		}
	}
	if m := randomSuffix.FindStringSubmatch(pod); m != nil {
		maker := m[1]
		add(maker, kindDaemonSet, kindReplicaSet, kindJob)
		if above, ok := o.sets[object{namespace, maker}]; ok {
			return above
		}
		if m := hashSuffix.FindStringSubmatch(maker); m != nil {
			add(m[1], kindDeployment, "Rollout")
		}
		if m := runSuffix.FindStringSubmatch(maker); m != nil {
			add(m[1], kindCronJob)
		}
	}
	if m := ordinal.FindStringSubmatch(pod); m != nil {
		add(m[1], kindStatefulSet)
	}
	if len(found) != 1 {
		return owner{}
	}
	return found[0]
}
