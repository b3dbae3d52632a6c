package chaos

import (
	"fmt"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// limits refuses stress where nothing bounds it, and a dose that is beyond what does: the node, or the kernel's choice of whom to kill for
// its memory, would be hit and not the pod.
func limits(e engine.Experiment, f Field, _ Rules) []string {
	var reasons []string
	for _, s := range e.Strikes {
		for _, t := range s.Targets {
			p, ok := f.pod(t.Object.UID)
			if !ok {
				continue
			}
			if why := unbounded(s, t, p); why != "" && !slices.Contains(reasons, why) {
				reasons = append(reasons, why)
			}
		}
	}
	return reasons
}

func unbounded(s engine.Strike, t engine.Victim, p Pod) string {
	var what string
	var limited func(Container) bool
	switch s.Fault {
	case engine.FaultCPU:
		what, limited = "CPU", func(c Container) bool { return c.CPU > 0 }
	case engine.FaultMemory:
		what, limited = "memory", func(c Container) bool { return c.Memory > 0 }
	default:
		return ""
	}
	c, ok := running(p, limited)
	if k := slices.IndexFunc(p.Containers, func(c Container) bool { return c.Name == t.Container }); k >= 0 && limited(p.Containers[k]) {
		c = p.Containers[k]
	}
	switch {
	case !ok:
		return fmt.Sprintf("no running container of %s has a %s limit, so the whole node would suffer; set resources.limits", t.Workload, what)
	case s.Fault == engine.FaultCPU && s.Dose.CPU > c.CPU:
		return fmt.Sprintf("-cpu %v is more than the limit of container %s of %s, %v; ask for less", s.Dose.CPU, c.Name, t.Workload, c.CPU)
	case s.Fault == engine.FaultMemory && s.Dose.Memory > c.Memory:
		return fmt.Sprintf("-memory %d MiB is more than the limit of container %s of %s, %d MiB; ask for less", s.Dose.Memory>>20, c.Name, t.Workload, c.Memory>>20)
	}
	return ""
}
