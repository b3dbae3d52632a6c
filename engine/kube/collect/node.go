package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
		e := nodeState(n)
		var said []engine.Evidence
		if e.Fields["ready"] != "True" || e.Fields["planned"] != "" {
			if said, err = s.eventsOf(ctx, engine.ObjectRef{Kind: engine.KindNode, Name: n.Name}); err != nil {
				return append(out, e), err
			}
			for _, x := range said {
				if slices.Contains(reclaims, x.Fields["reason"]) {
					e.Fields["planned"] = "spot"
					e.Text += ", taken back by EC2"
					break
				}
			}
			if err := s.beside(ctx, n, &e); err != nil {
				return append(out, e), err
			}
		}
		out = append(out, e)
		if s.incident.Workload.Kind != engine.KindNode { // of a node's own incident, the events are there
			out = append(out, said[:min(len(said), maxNodeEvents)]...)
		}
	}
	return out, nil
}

// maxNodeEvents is how many events of a node are shown in the incident of a workload.
const maxNodeEvents = 3

// reclaims are the events by which Karpenter and AWS's node termination handler say that EC2 takes a Spot instance back.
var reclaims = []string{"SpotInterrupted", "SpotInterruption", "RebalanceRecommendation", "TerminatingOnInterruption"}

// agents are the conditions of EKS's node monitoring agent. While they are true it says no more than that it looks.
var agents = []corev1.NodeConditionType{"KernelReady", "NetworkingReady", "StorageReady", "AcceleratedHardwareReady", "ContainerRuntimeReady"}

// planned says who takes a node away; "" when nobody does.
func planned(n *corev1.Node) string {
	for _, t := range n.Spec.Taints {
		switch {
		case strings.HasPrefix(t.Key, "aws-node-termination-handler/"):
			return "spot"
		case t.Key == "node.cloudprovider.kubernetes.io/shutdown":
			return "shutdown"
		case strings.HasPrefix(t.Key, "karpenter.sh/disrupt"), t.Key == "ToBeDeletedByClusterAutoscaler":
			return "autoscaler"
		}
	}
	if n.Spec.Unschedulable || n.DeletionTimestamp != nil {
		return "cordon"
	}
	return ""
}

// groups are the labels that say which nodes were made alike, and so share a role, a subnet and an image.
var groups = []string{"eks.amazonaws.com/nodegroup", "karpenter.sh/nodepool", "alpha.eksctl.io/nodegroup-name"}

func groupOf(n *corev1.Node) string {
	for _, key := range groups {
		if g := n.Labels[key]; g != "" {
			return g
		}
	}
	return ""
}

// together is how far apart the silence of two nodes may begin to have one cause: leases run out one after another.
const together = 5 * time.Minute

// beside adds what the other nodes tell: how many of its group fell silent with it, and whether newer versions replace it.
func (s *subject) beside(ctx context.Context, n *corev1.Node, e *engine.Evidence) error {
	list, err := s.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{Limit: maxListed})
	if err != nil {
		return failed(err, "list nodes")
	}
	silent := int32(0)
	newest := n
	for k := range list.Items {
		o := &list.Items[k]
		if o.CreationTimestamp.After(newest.CreationTimestamp.Time) {
			newest = o
		}
		c := readiness(o)
		mine := readiness(n)
		if o.Name == n.Name || groupOf(n) == "" || c == nil || mine == nil || c.Status != corev1.ConditionUnknown || mine.Status != corev1.ConditionUnknown || groupOf(o) != groupOf(n) {
			continue
		}
		if c.LastTransitionTime.Sub(mine.LastTransitionTime.Time).Abs() <= together {
			silent++
		}
	}
	e.Fields["silent"], e.Fields["newest"] = number(silent), newest.Status.NodeInfo.KubeletVersion
	return nil
}

func readiness(n *corev1.Node) *corev1.NodeCondition {
	for k := range n.Status.Conditions {
		if n.Status.Conditions[k].Type == corev1.NodeReady {
			return &n.Status.Conditions[k]
		}
	}
	return nil
}

func nodeState(n *corev1.Node) engine.Evidence {
	e := engine.Evidence{ID: "node/" + n.Name, Kind: engine.EvidenceNode, Object: refOf(engine.KindNode, n), Fields: map[string]string{
		"ready": "Unknown", "unschedulable": yes(n.Spec.Unschedulable), "planned": planned(n), "group": groupOf(n), "kubelet": n.Status.NodeInfo.KubeletVersion,
	}}
	var pressure, taints, agent []string
	for _, c := range n.Status.Conditions {
		switch {
		case c.Type == corev1.NodeReady:
			e.At = c.LastTransitionTime.Time
			e.Fields["ready"], e.Fields["reason"], e.Fields["message"] = string(c.Status), c.Reason, c.Message
			e.Fields["last_heartbeat"] = stamp(c.LastHeartbeatTime.Time)
		case c.Status == corev1.ConditionTrue && strings.HasSuffix(string(c.Type), "Pressure"):
			pressure = append(pressure, string(c.Type))
		case c.Status == corev1.ConditionFalse && slices.Contains(agents, c.Type):
			agent = append(agent, joined(": ", string(c.Type)+" is false", c.Reason, c.Message))
		case c.Status == corev1.ConditionTrue && (c.Type == "KernelDeadlock" || c.Type == "ReadonlyFilesystem"):
			pressure = append(pressure, string(c.Type))
		}
	}
	for _, t := range n.Spec.Taints {
		taints = append(taints, t.ToString())
	}
	e.Fields["agent"] = strings.Join(agent, "; ")
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
	switch e.Fields["planned"] {
	case "cordon":
		e.Text += ", cordoned"
	case "autoscaler":
		e.Text += ", taken away by its autoscaler"
	case "spot":
		e.Text += ", taken back by EC2"
	case "shutdown":
		e.Text += ", shut down"
	}
	e.Text = joined("; EKS's monitoring agent says ", e.Text, e.Fields["agent"])
	return e
}
