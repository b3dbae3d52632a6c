package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Rung is one mechanism that could bring a fault to a pod.
type Rung struct {
	Mechanism engine.Mechanism
	Container string // that it is for; "" for the pod as a whole
	Why       string // why it is taken, where none before it can be
	Refused   string // why it cannot be, and what would allow it; "" when it can be tried
}

// Ladder lists the mechanisms for a fault on a pod, in the order in which they are to be tried: what asks least of the cluster stands first.
// Those that cannot be are part of it, with their reasons. A rung that is not refused may still fail in the API server's dry run; the next
// one is tried then.
func Ladder(s engine.Strike, p Pod, f Field, r Rules) []Rung {
	switch s.Fault {
	case engine.FaultKill:
		return kills(s, r)
	case engine.FaultDrain:
		return []Rung{{Mechanism: engine.ByEviction, Why: "an eviction keeps to disruption budgets"}}
	case engine.FaultContainerKill:
		return signals(p, r)
	case engine.FaultCPU:
		return stresses(s.Fault, p, f, r, "CPU", func(c Container) bool { return c.CPU > 0 })
	case engine.FaultMemory:
		return stresses(s.Fault, p, f, r, "memory", func(c Container) bool { return c.Memory > 0 })
	case engine.FaultLag, engine.FaultLoss, engine.FaultThrottle, engine.FaultDNS:
		return networks(s.Fault, p, f, r)
	case engine.FaultNothing:
	}
	return []Rung{{Mechanism: engine.ByNothing, Why: "a control does nothing"}}
}

// First gives the rung that is to be tried first; ok is false when all are refused, and refused says why, each reason once.
func First(ladder []Rung) (first Rung, refused string, ok bool) {
	var reasons []string
	for _, l := range ladder {
		if l.Refused == "" {
			return l, "", true
		}
		if !slices.Contains(reasons, l.Refused) {
			reasons = append(reasons, l.Refused)
		}
	}
	return Rung{}, strings.Join(reasons, "; "), false
}

func kills(s engine.Strike, r Rules) []Rung {
	if !s.Dose.Force {
		return []Rung{{Mechanism: engine.ByEviction, Why: "an eviction keeps to disruption budgets"}}
	}
	rung := Rung{Mechanism: engine.ByDelete, Why: "-force: a plain delete, which asks no disruption budget"}
	if !r.Deletes {
		rung.Refused = "plain deletes are not allowed here; leave out -force for an eviction, or allow them in the configuration"
	}
	return []Rung{rung}
}

// signals end a container from within: its program has to handle the signal, or the kernel drops it, as it does for process 1.
func signals(p Pod, r Rules) []Rung {
	c, ok := running(p, nil)
	exec := Rung{Mechanism: engine.ByExec, Container: c.Name, Why: "a signal to process 1, from within the container"}
	if !ok {
		exec.Refused = "no container of it runs"
	}
	agent := agentRung(p, r)
	agent.Container = c.Name
	agent.Why = "a signal to process 1 by the agent, where the container has no shell"
	if agent.Refused == "" {
		agent.Refused = exec.Refused
	}
	return []Rung{exec, agent}
}

// stresses burn within a limit. A process in a container, and one that Chaos Mesh puts beside it, stay in the container's. The container of
// the agent, or of AWS FIS, has none of its own, so what bounds it is the pod's, which the kubelet sets only when every container has one, init containers too.
func stresses(fault engine.Fault, p Pod, f Field, r Rules, what string, limited func(Container) bool) []Rung {
	c, ok := running(p, limited)
	none := "no running container of it has a " + what + " limit; without one the whole node would suffer: set resources.limits"
	exec := Rung{Mechanism: engine.ByExec, Container: c.Name, Why: "a process in the container, within its " + what + " limit"}
	if !ok {
		exec.Refused = none
	}
	agent := agentRung(p, r)
	agent.Container = c.Name
	agent.Why = "the agent beside it, within the pod's " + what + " limit, where the container has no shell"
	open := ""
	all := slices.Concat(p.Containers, p.Inits)
	switch k := slices.IndexFunc(all, func(c Container) bool { return !limited(c) }); {
	case !ok:
		open = none
	case k >= 0:
		open = fmt.Sprintf("container %s has no %s limit, so the pod has none: set resources.limits", all[k].Name, what)
	}
	agent.Refused = cmp.Or(agent.Refused, open)
	mesh := meshRung(fault, f)
	mesh.Container = c.Name
	mesh.Why = "Chaos Mesh is installed: a process that it puts into the container's cgroup, within its " + what + " limit"
	if !ok {
		mesh.Refused = none
	}
	fis := fisRung(fault, p, f)
	fis.Container = c.Name
	fis.Why = "AWS FIS is configured: a container that it puts beside it, within the pod's " + what + " limit"
	fis.Refused = cmp.Or(fis.Refused, open)
	return []Rung{exec, agent, mesh, fis}
}

// meshKinds are the objects of Chaos Mesh that bring a fault.
var meshKinds = map[engine.Fault]string{
	engine.FaultCPU: "StressChaos", engine.FaultMemory: "StressChaos",
	engine.FaultLag: "NetworkChaos", engine.FaultLoss: "NetworkChaos", engine.FaultThrottle: "NetworkChaos", engine.FaultDNS: "DNSChaos",
}

// network tells whether a fault is in a pod's network.
func network(f engine.Fault) bool {
	return slices.Contains([]engine.Fault{engine.FaultLag, engine.FaultLoss, engine.FaultThrottle, engine.FaultDNS}, f)
}

// meshRung is that of Chaos Mesh, as far as it is the same for all faults.
func meshRung(fault engine.Fault, f Field) Rung {
	rung := Rung{Mechanism: engine.ByChaosMesh}
	if kind := meshKinds[fault]; !slices.Contains(f.Meshes, kind) {
		rung.Refused = "Chaos Mesh (" + kind + ") is not installed"
	}
	return rung
}

// fisRung is that of AWS FIS, as far as it is the same for all faults. It puts a container of its own into the pod, as the agent is, which
// for the network needs root and NET_ADMIN, and what Fargate runs has no place for.
func fisRung(fault engine.Fault, p Pod, f Field) Rung {
	rung := Rung{Mechanism: engine.ByFIS}
	ns, _ := f.namespace(p.Ref.Namespace)
	switch {
	case fault == engine.FaultMemory:
		rung.Refused = "AWS FIS takes a share of the memory that it sees, not so many bytes"
	case fault == engine.FaultThrottle || fault == engine.FaultDNS:
		rung.Refused = "AWS FIS has no " + string(fault) + " for pods"
	case !f.FIS:
		rung.Refused = "AWS FIS is not configured for this cluster"
	case network(fault) && forbidsAdmin(ns):
		rung.Refused = fmt.Sprintf("AWS FIS too needs a container with NET_ADMIN, which Pod Security %q of %s forbids", ns.Security, ns.Name)
	case network(fault) && strings.HasPrefix(p.Node, "fargate-"):
		rung.Refused = "AWS FIS has no network faults on Fargate"
	}
	return rung
}

// forbidsAdmin tells whether what Pod Security enforces in a namespace keeps out what needs NET_ADMIN.
func forbidsAdmin(n Namespace) bool { return n.Security == "baseline" || n.Security == "restricted" }

// networks change what a pod sends, for which one has to be in its network namespace with NET_ADMIN.
func networks(fault engine.Fault, p Pod, f Field, r Rules) []Rung {
	if p.HostNetwork {
		no := "it is on its node's network: the whole node would suffer"
		return []Rung{{Mechanism: engine.ByAgent, Refused: no}}
	}
	agent := agentRung(p, r)
	agent.Why = "the agent in the pod's own network"
	mesh, fis := meshRung(fault, f), fisRung(fault, p, f)
	mesh.Why, fis.Why = "Chaos Mesh is installed, and the agent may not be put into the pod", "AWS FIS is configured, and neither the agent nor Chaos Mesh can do it"
	return []Rung{agent, mesh, fis}
}

// agentRung is the agent's, as far as it does not depend on the fault. Whether Pod Security lets its container in, the API server says in the
// dry run: there are exemptions that no label shows.
func agentRung(p Pod, r Rules) Rung {
	rung := Rung{Mechanism: engine.ByAgent}
	switch {
	case r.AgentImage == "":
		rung.Refused = "no image of the agent is configured"
	case p.Agents >= r.MaxAgents:
		rung.Refused = fmt.Sprintf("%d agents were put into this pod, which cannot be taken out again; at most %d may be: restart the pod", p.Agents, r.MaxAgents)
	}
	return rung
}

// running gives the first container that runs and that a test, if there is one, accepts. Without one it is the pod's first.
func running(p Pod, accept func(Container) bool) (Container, bool) {
	for _, c := range p.Containers {
		if c.Running && (accept == nil || accept(c)) {
			return c, true
		}
	}
	return Container{}, false
}
