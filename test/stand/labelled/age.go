package labelled

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Age writes the ages of the cases onto a listing of their cluster. It is all that is not as the API server gave it: that server stamps
// what it makes with its own clock, and a figure that waits forty days is of no use.
func Age(c *waste.Cluster, all []Case, at time.Time) {
	nodes := map[string]time.Duration{}
	type owner struct{ namespace, app string }
	revisions := map[owner]time.Duration{}
	for _, k := range all {
		for _, n := range k.Nodes {
			nodes[n.Name] = n.Age.or(old)
		}
		for _, w := range k.Workloads {
			revisions[owner{k.Namespace, w.Name}] = w.Revised.or(old)
		}
	}
	before := func(d time.Duration) metav1.Time {
		if d == 0 {
			d = old
		}
		return metav1.NewTime(at.Add(-d))
	}
	for _, n := range c.Nodes {
		n.CreationTimestamp = before(nodes[n.Name])
	}
	for _, s := range c.ReplicaSets {
		s.CreationTimestamp = before(revisions[owner{s.Namespace, s.Labels["app"]}])
	}
	for _, p := range c.Pods {
		p.CreationTimestamp = before(revisions[owner{p.Namespace, p.Labels["app"]}])
	}
}
