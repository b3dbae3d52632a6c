package collect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/eks-autopilot/autopilot/engine"
)

// mostMeant is how many of the nodes that a selector means are looked at.
const mostMeant = 50

// anyCordoned tells whether one of some nodes is cordoned; "" when not all were seen.
func anyCordoned(l *corev1.NodeList) string {
	found := slices.ContainsFunc(l.Items, func(n corev1.Node) bool { return n.Spec.Unschedulable })
	if !found && l.Continue != "" {
		return ""
	}
	return yes(found)
}

// pods shows the state of the most telling pods and of their containers.
func pods(ctx context.Context, s *subject) ([]engine.Evidence, error) {
	var out []engine.Evidence
	var problem error
	meant := map[string][2]string{} // by selector, whether any node is meant, and any cordoned one: the pods of a workload mostly have one
	for _, p := range s.focus() {
		e := podState(p)
		if e.Fields["reason"] == corev1.PodReasonUnschedulable && len(p.Spec.NodeSelector) > 0 {
			selector := labels.SelectorFromSet(p.Spec.NodeSelector).String()
			if _, looked := meant[selector]; !looked {
				found, err := s.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: selector, Limit: mostMeant})
				if err != nil {
					problem = first(problem, failed(err, "look for nodes with the labels "+selector))
				} else {
					meant[selector] = [2]string{yes(len(found.Items) > 0), anyCordoned(found)}
				}
			}
			e.Fields["selected"], e.Fields["selected_cordoned"] = meant[selector][0], meant[selector][1]
		}
		out = append(out, e)
		for _, c := range statuses(p) {
			out = append(out, containerState(p, c))
		}
	}
	return out, first(s.podsErr, s.objectErr, problem)
}

func podState(p *corev1.Pod) engine.Evidence {
	e := engine.Evidence{ID: "pod/" + p.Name, Kind: engine.EvidencePod, Object: refOf("Pod", p), At: p.CreationTimestamp.Time}
	reason, message, scheduled, conditions := p.Status.Reason, p.Status.Message, p.Spec.NodeName != "", ""
	for _, c := range p.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			conditions = joined("; ", conditions, joined(" ", string(c.Type)+"="+string(c.Status), c.Reason))
		}
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && reason == "" {
			reason, message, e.At = c.Reason, c.Message, c.LastTransitionTime.Time
		}
	}
	if p.DeletionTimestamp != nil && len(p.Finalizers) > 0 {
		message = joined("; ", message, "it was deleted and waits for "+strings.Join(p.Finalizers, " and ")+" to take off its finalizer")
	}
	e.Fields = map[string]string{
		"phase": string(p.Status.Phase), "deleted": deleted(p), "reason": reason, "message": message, "node": p.Spec.NodeName,
		"qos": string(p.Status.QOSClass), "scheduled": yes(scheduled), "conditions": conditions, "disruption": disrupted(p),
	}
	where := "on node " + p.Spec.NodeName
	if !scheduled {
		where = "on no node"
	}
	e.Text = joined(": ", fmt.Sprintf("pod %s is %s %s", p.Name, p.Status.Phase, where), reason, message)
	return e
}

// deleted is when the grace of a deleted pod was over; "" for one that was not deleted.
func deleted(p *corev1.Pod) string {
	if p.DeletionTimestamp == nil {
		return ""
	}
	return stamp(p.DeletionTimestamp.Time)
}

func containerState(p *corev1.Pod, n named) engine.Evidence {
	c := n.status
	spec := container(&p.Spec, c.Name)
	e := engine.Evidence{ID: "container/" + p.Name + "/" + c.Name, Kind: engine.EvidenceContainer, Object: refOf("Pod", p), Container: c.Name}
	e.Fields = map[string]string{
		"restarts": number(c.RestartCount), "ready": yes(c.Ready), "image": spec.Image, "image_id": c.ImageID,
		"memory_limit": quantity(spec.Resources.Limits, corev1.ResourceMemory), "memory_request": quantity(spec.Resources.Requests, corev1.ResourceMemory),
		"cpu_limit": quantity(spec.Resources.Limits, corev1.ResourceCPU), "cpu_request": quantity(spec.Resources.Requests, corev1.ResourceCPU),
	}
	if n.init {
		e.Fields["init"] = "true"
	}
	state, reason, message := "", "", ""
	switch {
	case c.State.Waiting != nil:
		state, reason, message = "waiting", c.State.Waiting.Reason, c.State.Waiting.Message
	case c.State.Terminated != nil:
		state, reason, message = "terminated", c.State.Terminated.Reason, c.State.Terminated.Message
		e.At = c.State.Terminated.FinishedAt.Time
	case c.State.Running != nil:
		state = "running"
		e.At = c.State.Running.StartedAt.Time
	}
	e.Fields["state"], e.Fields["reason"], e.Fields["message"] = state, reason, message
	readiness := "ready"
	if !c.Ready {
		readiness = "not ready"
	}
	e.Text = joined(": ", fmt.Sprintf("container %s of %s is %s, %s, %s", c.Name, p.Name, state, readiness, plural(c.RestartCount, "restart")), reason, message)
	return e
}

func quantity(list corev1.ResourceList, name corev1.ResourceName) string {
	q, ok := list[name]
	if !ok {
		return ""
	}
	return q.String()
}

// terminations shows how the containers of the most telling pods ended last.
func terminations(_ context.Context, s *subject) ([]engine.Evidence, error) {
	var out []engine.Evidence
	for _, p := range s.focus() {
		for _, n := range statuses(p) {
			if t := lastEnd(n); t != nil {
				out = append(out, termination(p, n.status, t))
			}
		}
	}
	return out, s.podsErr
}

// lastEnd gives the last end of a container that tells something: an init container that is done tells nothing.
func lastEnd(n named) *corev1.ContainerStateTerminated {
	if t := n.status.State.Terminated; t != nil && (t.ExitCode != 0 || !n.init) {
		return t
	}
	return n.status.LastTerminationState.Terminated
}

func termination(p *corev1.Pod, c corev1.ContainerStatus, t *corev1.ContainerStateTerminated) engine.Evidence {
	e := engine.Evidence{
		ID: "termination/" + p.Name + "/" + c.Name, Kind: engine.EvidenceTermination, Object: refOf("Pod", p), Container: c.Name,
		At: t.FinishedAt.Time,
		Fields: map[string]string{
			"exit_code": number(t.ExitCode), "reason": t.Reason, "message": t.Message, "restarts": number(c.RestartCount),
			"started_at": stamp(t.StartedAt.Time), "finished_at": stamp(t.FinishedAt.Time),
		},
	}
	if t.Signal != 0 {
		e.Fields["signal"] = number(t.Signal)
	}
	took := ""
	if ran := t.FinishedAt.Sub(t.StartedAt.Time); !t.StartedAt.IsZero() && ran >= 0 {
		took = " after " + ran.String()
	}
	e.Text = joined(": ", fmt.Sprintf("container %s of %s ended with exit code %d (%s)%s, %s", c.Name, p.Name, t.ExitCode, t.Reason, took, plural(c.RestartCount, "restart")), t.Message)
	return e
}
