package waste

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// warnPeaks tells of nodes that would take pods, and whose pods at their highest would use more than the node has. All peaks at one
// time is the worst that is known, so that it is a risk and no reason against.
func (v *survey) warnPeaks(c *prospect, risk func(engine.Risk, string, ...any)) {
	if len(v.c.Usage) == 0 {
		return
	}
	seen := map[*place]bool{}
	for _, t := range c.moved {
		if seen[t.at] {
			continue
		}
		seen[t.at] = true
		var cpu, memory float64
		for _, o := range t.at.tenants {
			a, b := v.peak(o)
			cpu, memory = cpu+a, memory+b
		}
		node := t.at.node.Name
		if has := float64(t.at.total[corev1.ResourceMemory]); memory > has {
			risk(engine.RiskHigh, "If all pods of %s used their most at one time, it would lack memory: %.1f of %.1f GiB.", node, memory/gib, has/gib)
		}
		if has := float64(t.at.total[corev1.ResourceCPU]) / 1000; cpu > has {
			risk(engine.RiskMedium, "If all pods of %s used their most at one time, it would lack CPU: %.1f of %.1f cores.", node, cpu, has)
		}
	}
}

// peak is the most that a pod is known to have used; of a container of which nothing is known, what it asks for.
func (v *survey) peak(t *tenant) (cores, bytes float64) {
	top := v.climb.top(t.pod)
	for _, c := range t.pod.Spec.Containers {
		use := v.c.Usage[ContainerKey{Namespace: top.namespace, Kind: top.kind, Name: top.name, Container: c.Name}]
		cpu, memory := use.CPU.Peak(), use.Memory.Peak()
		for _, p := range use.Peaks {
			if usable(p.Memory) {
				memory = max(memory, float64(p.Memory))
			}
		}
		if use.CPU.Count() == 0 {
			cpu = float64(amount(c.Resources.Requests, engine.CPU)) / 1000
		}
		if memory == 0 {
			memory = float64(amount(c.Resources.Requests, engine.Memory))
		}
		cores, bytes = cores+cpu, bytes+memory
	}
	return cores, bytes
}
