package waste

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// returnDays is how far back a replica must have run to be expected again: a week, so that no night and no weekend looks like the end of it.
const returnDays = 7

// tidal tells whether something in the cluster changes by itself how many pods there are, so that one look does not tell what its
// nodes are for.
func (c *Cluster) tidal() bool { return len(c.Autoscalers)+len(c.CronJobs) > 0 }

// withReturning gives the cluster with the pods that are not there now and were of late: what each workload ran at its most in the last
// days, beyond what it runs now. Autoscalers, schedules and CronJobs bring them back; a node that is idle until then is not idle.
// They have no node, as pods that wait for one.
func withReturning(c *Cluster, at time.Time) *Cluster {
	most := map[identity]int{}
	for key, u := range c.Usage {
		id := identity{key.Namespace, key.Kind, key.Name}
		most[id] = max(most[id], u.CPU.Since(at.Add(-returnDays*day)).Until(at).atOnce())
	}
	for _, h := range c.Autoscalers {
		id := identity{h.Namespace, h.Spec.ScaleTargetRef.Kind, h.Spec.ScaleTargetRef.Name}
		if h.Spec.MaxReplicas > 0 {
			most[id] = min(most[id], int(h.Spec.MaxReplicas))
		}
	}
	for _, j := range c.CronJobs {
		if j.Spec.Suspend != nil && *j.Spec.Suspend {
			delete(most, identity{j.Namespace, kindCronJob, j.Name})
		}
	}
	with := *c
	with.Pods = slices.Clip(c.Pods)
	// The first of a workload that fits nowhere speaks for all that follow: absurd counts of replicas cost no more than full nodes.
	holds := 1
	for _, n := range c.Nodes {
		holds += int(max(n.Status.Allocatable.Pods().Value(), 0))
	}
	for _, w := range workloads(c) {
		spec := w.podSpec()
		if spec == nil || w.Kind == kindDaemonSet || w.Kind == kindPod || w.Kind == engine.KindNode || w.runs && w.Kind != kindCronJob {
			continue // it goes with its nodes, or does not come back
		}
		for n := len(w.pods) + 1; n <= min(most[identity{w.Namespace, w.Kind, w.Name}], len(w.pods)+holds); n++ {
			with.Pods = append(with.Pods, w.returning(spec, n))
		}
	}
	return &with
}

// atOnce is the most pods that there were for longer than a step: within one, those of a roll-out stand beside those that they replace.
func (s Series) atOnce() int {
	most := 0
	for i := 1; i < len(s.Pods); i++ {
		most = max(most, int(min(s.Pods[i-1], s.Pods[i])))
	}
	return most
}

// returning is the n-th pod of a workload as it will be, without claims of its own: nobody knows which.
func (w *workload) returning(spec *corev1.PodSpec, n int) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: fmt.Sprintf("%s (replica %d, which ran of late)", w.Name, n)}, Spec: *spec}
	if newest := w.newest(); newest != nil {
		p.Labels, p.OwnerReferences = newest.Labels, newest.OwnerReferences
	} else {
		p.Labels = w.labels[len(w.labels)-1]
	}
	p.Spec.NodeName = ""
	p.Spec.Volumes = slices.DeleteFunc(slices.Clone(spec.Volumes), func(v corev1.Volume) bool {
		return v.PersistentVolumeClaim != nil || v.Ephemeral != nil
	})
	p.Status.Phase = corev1.PodPending
	return p
}
