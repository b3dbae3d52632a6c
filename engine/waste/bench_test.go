package waste

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// BenchmarkScan is a scan of a cluster with so many containers, a week of quarter hours each.
func BenchmarkScan(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			a := newApp()
			a.days = 8
			s := a.build()
			c := &s.Clusters[0]
			u := c.Usage[a.key("api")]
			c.Nodes = nil
			for i := range n/10 + 1 {
				c.Nodes = append(c.Nodes, node(fmt.Sprint("n", i), "eu-west-1a"))
			}
			for i := range n {
				one := newApp()
				one.name, one.replicas = fmt.Sprint("app", i), 2
				one.pod = func(p *corev1.Pod) { p.Spec.NodeName = c.Nodes[i/10].Name }
				one.put(c)
				if i%5 == 0 {
					one.autoscaler(share("cpu", 30))
					one.alter(c)
				}
				c.Usage[one.key("api")] = u
			}
			for b.Loop() {
				if o := Scan(s, DefaultRules()); len(o.Findings) == 0 {
					b.Fatal("nothing found")
				}
			}
		})
	}
}
