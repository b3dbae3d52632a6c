package rca

import (
	"regexp"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// nodeRules say why a node does not work. For a workload they say only that its node is the cause.
var nodeRules = []rule{
	{name: "node/down", prior: 0.85, classes: []engine.Class{engine.ClassReplicasMissing, engine.ClassProbeFailing, engine.ClassRolloutStuck, engine.ClassHighLatency}, match: func(f *facts) (finding, bool) {
		n, ok := f.first(engine.EvidenceNode, func(e engine.Evidence) bool {
			return e.Fields["ready"] != "True" && e.Fields["ready"] != "" && e.Fields["planned"] == ""
		})
		if !ok || f.i.Workload.Kind == engine.KindNode {
			return finding{}, false
		}
		return finding{
			strength: 1, pro: []string{n.ID}, title: "node " + n.Object.Name + " is down", text: "Pods of the workload are on it.",
			step: engine.Step{Text: "See why the node is down, and replace it: its pods move when it is gone.", Command: f.onNode(n.Object.Name), Runbook: runbooks + "node-not-ready.md"},
		}, true
	}},
	{name: "node/gone", prior: 0.93, classes: onlyNodes, match: func(f *facts) (finding, bool) {
		m, ok := f.sick(func(e engine.Evidence) bool { return e.Fields["reason"] == "NodeGone" },
			"the machine was removed from the cluster", "It was terminated or scaled down without a drain, as when a Spot instance is reclaimed.", "See in its last events, in EC2 or in the autoscaler's log why it went.")
		m.step.Command = "" // there is no node to describe
		if name := m.node; ok && nameRE.MatchString(name) {
			m.step.Command = "kubectl get events -A --field-selector involvedObject.name=" + name
		}
		return m, ok
	}},
	{name: "node/network", prior: 0.88, classes: onlyNodes, match: func(f *facts) (finding, bool) {
		m, ok := f.sick(func(e engine.Evidence) bool { return cni.MatchString(e.Fields["message"]) },
			"the node's pod network is not ready", "The CNI plug-in is not there or does not start.", "Look at the CNI pod of the node (on EKS: aws-node).")
		if name := m.node; ok && nameRE.MatchString(name) {
			m.step.Command = "kubectl -n kube-system get pods -o wide --field-selector spec.nodeName=" + name
		}
		return m, ok
	}},
	{name: "node/runtime", prior: 0.85, classes: onlyNodes, match: func(f *facts) (finding, bool) {
		return f.sick(func(e engine.Evidence) bool { return runtimeDown.MatchString(e.Fields["message"]) },
			"the node's container runtime does not answer", "The kubelet runs and containerd does not, or is too busy.", "Drain the node and replace it, or restart containerd on it.")
	}},
	{name: "node/shutdown", prior: 0.9, classes: onlyNodes, match: func(f *facts) (finding, bool) {
		return f.sick(func(e engine.Evidence) bool { return strings.Contains(e.Fields["message"], "shutting down") },
			"the node is shutting down", "It was told to: a Spot interruption, maintenance, or a person.", "See in EC2 who or what ended it.")
	}},
	{name: "node/kubelet-silent", prior: 0.8, classes: onlyNodes, match: func(f *facts) (finding, bool) {
		return f.sick(func(e engine.Evidence) bool {
			return e.Fields["ready"] == "Unknown" && e.Fields["reason"] != "NodeGone" || strings.Contains(e.Fields["message"], "stopped posting")
		}, "the kubelet stopped reporting", "The machine is off or frozen, its kubelet died, or it cannot reach the API server.", "Check the instance's state and its way to the API server; replace it if it does not come back.")
	}},
	pressed("node/disk", "DiskPressure", "the node is short of disk", "Images, logs and what containers write fill it: pods are evicted.", "Find what fills the disk, or give nodes a larger one."),
	pressed("node/memory", "MemoryPressure", "the node is short of memory", "Its pods use more than it has: pods are evicted.", "See what uses the memory, and set requests that add up to what the node has."),
	pressed("node/pids", "PIDPressure", "the node is short of process ids", "Something makes more processes than it allows.", "Find what makes them, and limit process ids per pod."),
	{general: true, name: "node/unknown", prior: 0.3, classes: []engine.Class{engine.ClassNodeNotReady}, match: func(f *facts) (finding, bool) {
		m, ok := f.sick(func(e engine.Evidence) bool { return e.Fields["ready"] == "False" }, "the kubelet says that the node is not ready", "", "Read what the node says of itself.")
		if ok {
			m.text = "It says: " + quote(or(f.field(engine.EvidenceNode, "", "message"), "nothing more"), 200) + "."
		}
		return m, ok
	}},
}

var (
	onlyNodes   = []engine.Class{engine.ClassNodeNotReady, engine.ClassNodePressure}
	cni         = regexp.MustCompile(`(?i)(?:cni plugin not initialized|network plugin is not ready|NetworkReady=false|NetworkPluginNotReady)`)
	runtimeDown = regexp.MustCompile(`(?i)(?:container runtime is down|container runtime (?:status check )?(?:may not|not) (?:have completed|ready)|PLEG is not healthy|RuntimeReady=false|runtime network not ready: .*containerd)`)
)

// sick makes a finding of the first node that a test accepts.
func (f *facts) sick(test func(engine.Evidence) bool, title, text, step string) (finding, bool) {
	n, ok := f.first(engine.EvidenceNode, test)
	if !ok {
		return finding{}, false
	}
	m := finding{
		node: n.Object.Name, strength: 1, pro: []string{n.ID}, title: title, text: text,
		step: engine.Step{Text: step, Command: f.onNode(n.Object.Name), Runbook: runbooks + "node-not-ready.md"},
	}
	m.pro = append(m.pro, f.ids(engine.EvidenceEvent, func(e engine.Evidence) bool {
		return e.Object.Kind == engine.KindNode && e.Object.Name == n.Object.Name && e.Fields["type"] == "Warning"
	})...)
	return m, true
}

func pressed(name, condition, title, text, step string) rule {
	return rule{name: name, prior: 0.85, classes: onlyNodes, match: func(f *facts) (finding, bool) {
		return f.sick(func(e engine.Evidence) bool { return strings.Contains(e.Fields["pressure"], condition) }, title, text, step)
	}}
}
