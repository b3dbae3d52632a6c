package hurt

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
)

// startWithin is how long the agent's container may take to run; the image may have to be pulled.
const startWithin = 90 * time.Second

// agentUser runs what needs no rights at all.
const agentUser = 65532

// network tells whether a fault is in a pod's network, which outlives the agent.
func network(f engine.Fault) bool {
	return slices.Contains([]engine.Fault{engine.FaultLag, engine.FaultLoss, engine.FaultThrottle, engine.FaultDNS}, f)
}

// agentArgs is the agent's command line.
func (h *Injector) agentArgs(s engine.Strike, p *corev1.Pod, t engine.Victim, last time.Duration) []string {
	d := s.Dose
	var args []string
	switch s.Fault {
	case engine.FaultCPU:
		args = []string{"cpu", "-cores", strconv.FormatFloat(podAmount(s, p), 'f', -1, 64)}
	case engine.FaultMemory:
		flag, much := "-bytes", podAmount(s, p)
		if filled(s) {
			flag, much = "-upto", podFull(s, p, t)
		}
		args = []string{"memory", "-force", flag, strconv.FormatInt(int64(much), 10)}
	case engine.FaultLag:
		args = []string{"lag", "-delay", d.Delay.String(), "-jitter", d.Jitter.String()}
	case engine.FaultLoss:
		args = []string{"loss", "-percent", strconv.FormatFloat(d.Loss, 'f', -1, 64)}
	case engine.FaultThrottle:
		args = []string{"throttle", "-rate", strconv.FormatInt(d.Rate, 10)}
	case engine.FaultDNS:
		args = []string{"dns"}
		if len(d.Names) > 0 {
			args = append(args, "-names", strings.Join(d.Names, ","))
		}
	case engine.FaultContainerKill:
		return []string{"signal", "-silence", h.silence.String()}
	case engine.FaultKill, engine.FaultDrain, engine.FaultNothing: // no agent's work
	}
	return append(args, "-for", last.String(), "-silence", h.silence.String())
}

// podAmount is how much the agent takes: what bounds it is the pod, whose limit is the sum of its containers'.
func podAmount(s engine.Strike, p *corev1.Pod) float64 {
	var sum float64
	for _, c := range p.Spec.Containers {
		sum += amount(s, c)
	}
	if s.Dose.CPU > 0 && s.Fault == engine.FaultCPU || s.Dose.Memory > 0 && s.Fault == engine.FaultMemory {
		return sum / float64(max(len(p.Spec.Containers), 1))
	}
	return sum
}

// podFull is up to where the agent fills the memory of a pod with what it sees used, which is one container's: the others are taken to use
// what is likely.
func podFull(s engine.Strike, p *corev1.Pod, t engine.Victim) float64 {
	much := podAmount(s, p)
	seen, err := container(p, t)
	for _, c := range p.Spec.Containers {
		if err != nil || c.Name != seen.Name {
			much -= likely(c)
		}
	}
	return much
}

// agentContainer is the agent as it is put into a pod.
func (h *Injector) agentContainer(p *corev1.Pod, s engine.Strike, t engine.Victim, handle string, args []string) corev1.EphemeralContainer {
	yes, no, nobody, root := true, false, int64(agentUser), int64(0)
	security := &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, RunAsNonRoot: &yes, RunAsUser: &nobody,
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	c := corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: handle, Image: h.Agent, Args: args, Stdin: true, SecurityContext: security, ImagePullPolicy: corev1.PullIfNotPresent,
		TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}}
	switch {
	case network(s.Fault):
		security.RunAsUser, security.RunAsNonRoot = &root, &no
		security.Capabilities.Add = []corev1.Capability{"NET_ADMIN", "NET_RAW"}
	case filled(s):
		if own, err := container(p, t); err == nil {
			c.TargetContainerName = own.Name // it sees what is used
		}
	case s.Fault == engine.FaultContainerKill:
		// A signal may be sent to processes of one's own user; so the agent is that, where the spec says which.
		security.RunAsNonRoot, security.RunAsUser = nil, nil
		if own, err := container(p, t); err == nil {
			c.TargetContainerName, security.RunAsUser = own.Name, runsAs(p, own)
		}
	}
	return c
}

// put adds the agent to a pod, from which it cannot be taken again.
func (h *Injector) put(ctx context.Context, p *corev1.Pod, c corev1.EphemeralContainer, dry bool) error {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": p.UID},
		"spec":     map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{c}},
	})
	if err != nil {
		return err
	}
	o := metav1.PatchOptions{FieldManager: manager}
	if dry {
		o.DryRun = []string{metav1.DryRunAll}
	}
	_, err = h.Client.CoreV1().Pods(p.Namespace).Patch(ctx, p.Name, types.StrategicMergePatchType, patch, o, "ephemeralcontainers")
	switch {
	case apierrors.IsNotFound(err):
		return engine.Errorf(engine.NotFound, "pod %s is gone", describe(p))
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "violates PodSecurity"):
		return engine.Wrap(engine.Forbidden, err, fmt.Sprintf("the agent may not be put into pod %s: %s. Label the namespace pod-security.kubernetes.io/enforce=privileged, or install Chaos Mesh", describe(p), h.told(err)))
	case err != nil:
		return h.problem(err, "the agent may not be put into pod "+describe(p))
	}
	return nil
}

// agent holds a fault by an ephemeral container with the agent.
func (b *blow) agent(ctx context.Context) (string, bool) {
	p, err := b.pod(ctx, b.target)
	if err != nil {
		return "not begun: " + message(err), true
	}
	if network(b.strike.Fault) && p.Spec.HostNetwork {
		return "not begun: pod " + describe(p) + " is on its node's network", true
	}
	args := b.agentArgs(b.strike, p, b.target, b.lasts())
	if err := b.put(ctx, p, b.agentContainer(p, b.strike, b.target, b.handle, args), false); err != nil {
		return "not begun: " + message(err), engine.CodeOf(err) != engine.Unavailable
	}
	text, clean := b.converse(ctx)
	if !clean && network(b.strike.Fault) {
		more, whole := b.mend(context.WithoutCancel(ctx), b.target, b.handle)
		return text + "; " + more, whole
	}
	return text, clean
}

// report is a line of the agent.
type report struct {
	State string `json:"state"`
	How   string `json:"how"`
	Clean bool   `json:"clean"`
	Text  string `json:"text"`
}

// talk is what is known of the agent in a pod.
type talk struct {
	status *corev1.ContainerStatus // nil before there is one
	err    error                   // why the pod cannot be read
}

// look reads how an ephemeral container is.
func (h *Injector) look(ctx context.Context, t engine.Victim, handle string) talk {
	p, err := h.pod(ctx, t)
	if err != nil {
		return talk{err: err}
	}
	for i := range p.Status.EphemeralContainerStatuses {
		if s := &p.Status.EphemeralContainerStatuses[i]; s.Name == handle {
			return talk{status: s}
		}
	}
	return talk{}
}

func (t talk) gone() bool { return engine.CodeOf(t.err) == engine.NotFound }
func (t talk) runs() bool { return t.status != nil && t.status.State.Running != nil }
func (t talk) over() bool {
	return t.gone() || t.status != nil && t.status.State.Terminated != nil
}

// converse speaks with the agent from its start to its end, over a stream that is opened once more when it breaks: the agent lives for a
// while without.
func (b *blow) converse(ctx context.Context) (string, bool) {
	var last talk
	b.until(ctx, min(startWithin, b.left()), func(ctx context.Context) bool {
		if now := b.look(ctx, b.target, b.handle); now.err == nil || now.gone() {
			last = now
		}
		return last.runs() || last.over()
	})
	keep := context.WithoutCancel(ctx)
	if !last.runs() && !last.over() {
		// It may still come, when its image does: it begins nothing then, as nobody speaks to it.
		return "not begun: the agent's container did not start" + waiting(last), true
	}
	var word report
	const streams = 2
	for range streams {
		if last = b.look(keep, b.target, b.handle); last.over() || ctx.Err() != nil && b.began.IsZero() {
			break
		}
		s := b.open(keep, "attach", b.target.Object, &corev1.PodAttachOptions{Container: b.handle, Stdin: true, Stdout: true})
		b.attend(ctx, s, func(line string) {
			var r report
			if json.Unmarshal([]byte(line), &r) != nil || r.State == "" {
				return
			}
			if word = r; r.State != "ended" {
				b.begin() // "begun", or "holds" where the first was missed
			}
		})
		s.cancel()
		if word.State == "ended" {
			break
		}
	}
	return b.ending(keep, word)
}

func waiting(t talk) string {
	if t.status == nil || t.status.State.Waiting == nil {
		return ""
	}
	w := t.status.State.Waiting
	return strings.TrimSuffix(fmt.Sprintf(": %s: %s", w.Reason, w.Message), ": ")
}

// ending waits for the agent's container to end, which it does by itself when nobody speaks to it, and says how it did.
func (b *blow) ending(ctx context.Context, word report) (string, bool) {
	var last talk
	if !b.until(ctx, b.silence+endWithin, func(ctx context.Context) bool {
		last = b.look(ctx, b.target, b.handle)
		return last.over()
	}) {
		return "the end of the agent could not be seen", false
	}
	if last.gone() {
		return "the pod went, and the fault with it", true
	}
	if word.State != "ended" {
		word = b.lastWord(ctx, b.target, b.handle)
	}
	code := last.status.State.Terminated.ExitCode
	switch {
	case code == 0 || word.State == "ended" && word.Clean:
		return word.Text, true
	case !network(b.strike.Fault): // what it used ended with it
		return fmt.Sprintf("the agent ended with code %d (%s) %s", code, last.status.State.Terminated.Reason, word.Text), true
	}
	return fmt.Sprintf("the agent ended with code %d %s", code, word.Text), false
}

// lastWord reads in the agent's log what it said at its end.
func (h *Injector) lastWord(ctx context.Context, t engine.Victim, handle string) (last report) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	lines := int64(3)
	log, err := h.Client.CoreV1().Pods(t.Object.Namespace).GetLogs(t.Object.Name, &corev1.PodLogOptions{Container: handle, TailLines: &lines}).DoRaw(ctx)
	if err != nil {
		return report{}
	}
	for line := range strings.Lines(string(log)) {
		var r report
		if json.Unmarshal([]byte(line), &r) == nil && r.State != "" {
			last = r
		}
	}
	return last
}

// mend undoes what an agent that was killed left in a pod's network: by another agent, and when that cannot, by taking the pod away, as far
// as its budget lets it.
func (h *Injector) mend(ctx context.Context, t engine.Victim, handle string) (string, bool) {
	p, err := h.pod(ctx, t)
	if engine.CodeOf(err) == engine.NotFound {
		return "the pod is gone", true
	}
	if err != nil {
		return message(err), false
	}
	name := handle + "-clean"
	err = h.put(ctx, p, h.agentContainer(p, engine.Strike{Fault: engine.FaultLag}, t, name, []string{"clean"}), false)
	if err == nil {
		var last talk
		h.until(ctx, startWithin, func(ctx context.Context) bool {
			last = h.look(ctx, t, name)
			return last.over()
		})
		switch {
		case last.gone():
			return "the pod is gone", true
		case last.over() && last.status.State.Terminated.ExitCode == 0:
			return "another agent cleaned up: " + h.lastWord(ctx, t, name).Text, true
		}
	}
	if err := h.evict(ctx, p, false); err != nil && engine.CodeOf(err) != engine.NotFound {
		return "its network may still be changed, and the pod cannot be evicted: " + message(err), false
	}
	if !h.gone(ctx, p) {
		return "its network may still be changed; the pod was evicted, and is not gone", false
	}
	return "the pod was evicted, as its network may have been changed still", true
}

// signalByAgent ends a container without a shell by the agent beside it, which sees the container's processes.
func (b *blow) signalByAgent(ctx context.Context) (string, bool) {
	p, err := b.pod(ctx, b.target)
	if err != nil {
		return "not done: " + message(err), true
	}
	c, err := container(p, b.target)
	if err != nil {
		return "not done: " + message(err), true
	}
	was := running(p, c.Name)
	if err := ownProcesses(p); err != nil || was == nil {
		return fmt.Sprintf("not done: container %s does not run by itself", c.Name), true
	}
	if err := b.put(ctx, p, b.agentContainer(p, b.strike, b.target, b.handle, b.agentArgs(b.strike, p, b.target, 0)), false); err != nil {
		return "not done: " + message(err), true
	}
	keep := context.WithoutCancel(ctx)
	text, _ := b.converse(ctx)
	if b.began.IsZero() {
		if ended, err := b.ended(keep, c.Name, was.ContainerID); err != nil || !ended {
			return text, true
		}
	}
	return b.signalled(keep, p, c.Name, was.ContainerID, nil)
}
