package rca

import (
	"regexp"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// What AWS's controllers, EC2 and the kubelet write.
var (
	multiAttach = regexp.MustCompile(`Multi-Attach error for volume "([^"]+)"(?: Volume is already used by pod\(s\) ([^"]+?)(?: on different node\(s\)|$))?`)
	attachLimit = regexp.MustCompile(`(?i)(AttachmentLimitExceeded|attachment limit exceeded|volume limit exceeded|max(?:imum)? (?:number of )?volumes? (?:attached|reached))`)
	noAccess    = regexp.MustCompile(`(?i)(Unauthorized|You must be logged in to the server)`)
	noCapacity  = regexp.MustCompile(`(?i)(InsufficientInstanceCapacity|insufficient capacity|UnfulfillableCapacity|MaxSpotInstanceCountExceeded|VcpuLimitExceeded)`)
)

// taken are the classes of what a workload suffers from while a node of it is taken away.
var taken = []engine.Class{
	engine.ClassReplicasMissing, engine.ClassNodeNotReady, engine.ClassEvicted, engine.ClassUnschedulable, engine.ClassProbeFailing,
	engine.ClassRolloutStuck, engine.ClassStuckTerminating, engine.ClassHighLatency, engine.ClassAnomaly,
}

// eksRules name what EKS and those who manage its nodes do, so that it is not taken for a fault of its own.
var eksRules = []rule{
	leaving("node/spot", 0.92, func(e engine.Evidence) bool { return e.Fields["planned"] == "spot" },
		"EC2 took back the Spot instance of node %s", "It gave two minutes of notice. The workload had too few replicas elsewhere, or they were not ready in time.",
		"Spread the replicas over nodes and zones, and keep a part of them on demand."),
	leaving("node/upgrade", 0.88, func(e engine.Evidence) bool {
		return e.Fields["planned"] != "" && e.Fields["planned"] != "spot" && e.Fields["newest"] != "" && e.Fields["newest"] != e.Fields["kubelet"]
	}, "node %s is replaced by one of a newer version", "The nodes are being upgraded one after another, and the workload did not keep enough replicas meanwhile.",
		"Wait for the replacement; a disruption budget makes the upgrade wait for the workload."),
	leaving("node/autoscaler", 0.86, func(e engine.Evidence) bool { return e.Fields["planned"] == "autoscaler" },
		"the autoscaler takes node %s away", "It consolidates, expires or replaces nodes, and the workload did not keep enough replicas meanwhile.",
		"A disruption budget makes it wait for the workload; see its log for the reason."),
	leaving("node/shut-down", 0.86, func(e engine.Evidence) bool { return e.Fields["planned"] == "shutdown" },
		"the machine of node %s was shut down", "EC2 or a person stopped it.", "See in EC2 who or what stopped it."),
	leaving("node/drained", 0.82, func(e engine.Evidence) bool { return e.Fields["planned"] == "cordon" },
		"node %s is being drained", "A person or a controller cordoned it, and moves its pods.", "See who cordoned it; a disruption budget makes a drain wait for the workload."),
	{name: "node/access", classes: onlyNodes, prior: 0.86, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noAccess)
		n, ok := f.first(engine.EvidenceNode, func(e engine.Evidence) bool {
			return e.Fields["ready"] == "Unknown" && e.Fields["silent"] != "" && e.Fields["silent"] != "0"
		})
		if g == nil && !ok {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: ids, title: "the nodes are not let into the cluster any more",
			text: "The API server does not accept their role: its access entry, or its line in the aws-auth ConfigMap, was changed or removed.",
			step: engine.Step{Text: "Compare the nodes' IAM role with the access entries and with aws-auth.", Command: "kubectl -n kube-system get configmap aws-auth -o yaml", Runbook: runbooks + "node-not-ready.md"},
		}
		if ok {
			m.pro = append(m.pro, n.ID)
			m.text = "It fell silent together with " + n.Fields["silent"] + " others of group " + quote(or(n.Fields["group"], "the same kind"), 60) + ". " + m.text
		}
		if g == nil {
			m.strength = 0.95 // many kubelets do not die at once, but their network may
		}
		return m, true
	}},
	{name: "node/agent", classes: nil, prior: 0.55, match: func(f *facts) (finding, bool) {
		n, ok := f.first(engine.EvidenceNode, func(e engine.Evidence) bool { return e.Fields["agent"] != "" })
		if !ok {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: []string{n.ID}, node: n.Object.Name, title: "EKS's monitoring agent says of node " + n.Object.Name + ": " + quote(n.Fields["agent"], 100),
			text: "The node counts as ready. EKS repairs it by itself where node auto repair is on.",
			step: engine.Step{Text: "Drain the node and let it be replaced, if what fails is on no other.", Command: f.onNode(n.Object.Name)},
		}
		if !f.is(engine.ClassProbeFailing) && !f.is(engine.ClassConfigError) && !f.is(engine.ClassNodeNotReady) && !f.is(engine.ClassHighLatency) {
			m.strength = 0.4 // there is nothing that it would do to the workload
		}
		return m, true
	}},
	{name: "machine/capacity", classes: []engine.Class{engine.ClassUnschedulable, engine.ClassNodeNotReady}, prior: 0.9, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noCapacity)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "EC2 has no machine to give: " + quote(g[1], 60), text: "The instance types or zones that are allowed are out of capacity, or the account is at its limit.",
			step: engine.Step{Text: "Allow more instance types and zones, or raise the account's limit.", Command: "kubectl describe nodeclaims"},
		}, true
	}},
	{name: "machine/join", classes: []engine.Class{engine.ClassNodeNotReady}, prior: 0.85, match: func(f *facts) (finding, bool) {
		e, ok := f.first(engine.EvidenceCondition, func(e engine.Evidence) bool { return e.Fields["type"] == "Registered" && e.Fields["status"] != "True" })
		if !ok {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{e.ID}, title: "a machine was started and does not join the cluster",
			text: "Its role has no access entry and is not in aws-auth, or it cannot reach the API server, or its start-up script fails.",
			step: engine.Step{Text: "Compare its IAM role with the access entries and aws-auth; then read its console output in EC2.", Command: "kubectl -n kube-system get configmap aws-auth -o yaml"},
		}, true
	}},
	{name: "config/no-address", classes: configClasses, prior: 0.94, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(noAddress)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "no free IP address for the pod", text: "The subnet, or the node's network interfaces, are full.",
			step: engine.Step{Text: "Enable prefix delegation, or add a subnet.", Command: "kubectl -n kube-system get pods -l k8s-app=aws-node -o wide"},
		}, true
	}},
	{name: "config/multi-attach", classes: configClasses, prior: 0.94, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(multiAttach)
		if g == nil {
			return finding{}, false
		}
		text := "An EBS volume can be on one node at a time."
		if g[2] != "" {
			text += " It is used by " + quote(g[2], 80) + "."
		}
		return finding{
			strength: 1, pro: ids, title: "volume " + quote(g[1], 60) + " is still attached to another node", text: text,
			step: engine.Step{Text: "See whether the pod before still ends, or its node is down; a Deployment with such a volume wants the strategy Recreate.", Command: "kubectl get volumeattachments"},
		}, true
	}},
	{name: "config/attach-limit", classes: append([]engine.Class{engine.ClassUnschedulable}, configClasses...), prior: 0.94, match: func(f *facts) (finding, bool) {
		g, ids := f.heard(attachLimit)
		if g == nil {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: ids, title: "the node has as many EBS volumes as it can", text: "Network interfaces and volumes share the slots of an instance; the scheduler did not know of all of them.",
			step: engine.Step{Text: "Move pods with volumes to other nodes, or use an instance type that attaches more; the EBS driver's volumeAttachLimit or reservedVolumeAttachments tells the scheduler.", Command: "kubectl describe csinodes"},
		}, true
	}},
}

// leaving makes a rule of a node that is taken away. In title, %s is the node's name.
func leaving(name string, prior float64, test func(engine.Evidence) bool, title, text, step string) rule {
	return rule{name: name, classes: taken, prior: prior, match: func(f *facts) (finding, bool) {
		n, ok := f.first(engine.EvidenceNode, test)
		if !ok {
			return finding{}, false
		}
		m := finding{
			strength: 1, pro: []string{n.ID}, node: n.Object.Name, title: strings.Replace(title, "%s", n.Object.Name, 1), text: text,
			step: engine.Step{Text: step, Command: "kubectl get nodes", Runbook: runbooks + "node-not-ready.md"},
		}
		m.pro = append(m.pro, f.ids(engine.EvidenceEvent, func(e engine.Evidence) bool {
			return e.Object.Kind == engine.KindNode && e.Object.Name == n.Object.Name
		})...)
		return m, true
	}}
}
