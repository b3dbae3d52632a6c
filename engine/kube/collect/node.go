package collect

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

const maxNodes = 3

// nodes shows the nodes that the most telling pods are on, or the node that the incident is about.
func nodes(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	var names []string
	if s.incident.Workload.Kind == engine.KindNode {
		names = []string{s.incident.Workload.Name}
	}
	seen := map[string]bool{}
	for _, p := range s.focus() {
		if name := p.Spec.NodeName; name != "" && !seen[name] && len(names) < maxNodes {
			seen[name] = true
			names = append(names, name)
		}
	}
	var out []engine.Evidence
	for _, name := range names {
		n, err := s.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
		if gone(err) {
			out = append(out, engine.Evidence{
				ID: "node/" + name, Kind: engine.EvidenceNode, Object: engine.ObjectRef{Kind: engine.KindNode, Name: name},
				Text:   "node " + name + " does not exist any more",
				Fields: map[string]string{"ready": "Unknown", "reason": "NodeGone", "message": "the node was removed from the cluster"},
			})
			continue
		}
		if err != nil {
			return out, failed(err, "read node "+name)
		}
		out = append(out, nodeState(n))
	}
	return out, nil
}

func nodeState(n *corev1.Node) engine.Evidence {
	e := engine.Evidence{ID: "node/" + n.Name, Kind: engine.EvidenceNode, Object: refOf(engine.KindNode, n), Fields: map[string]string{
		"ready": "Unknown", "unschedulable": yes(n.Spec.Unschedulable),
	}}
	var pressure, taints []string
	for _, c := range n.Status.Conditions {
		switch {
		case c.Type == corev1.NodeReady:
			e.At = c.LastTransitionTime.Time
			e.Fields["ready"], e.Fields["reason"], e.Fields["message"] = string(c.Status), c.Reason, c.Message
			e.Fields["last_heartbeat"] = stamp(c.LastHeartbeatTime.Time)
		case c.Status == corev1.ConditionTrue && strings.HasSuffix(string(c.Type), "Pressure"):
			pressure = append(pressure, string(c.Type))
		}
	}
	for _, t := range n.Spec.Taints {
		taints = append(taints, t.ToString())
	}
	e.Fields["pressure"], e.Fields["taints"] = strings.Join(pressure, ","), strings.Join(taints, ",")
	state := "is ready"
	switch e.Fields["ready"] {
	case "False":
		state = "is not ready"
	case "Unknown":
		state = "has not been heard of"
	}
	e.Text = joined(", ", fmt.Sprintf("node %s %s", n.Name, state), strings.Join(pressure, ", "))
	if e.Fields["ready"] != "True" {
		e.Text = joined(": ", e.Text, e.Fields["message"])
	}
	if n.Spec.Unschedulable {
		e.Text += ", cordoned"
	}
	return e
}
