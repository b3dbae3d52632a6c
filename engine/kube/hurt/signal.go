package hurt

import (
	"context"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// The kernel drops a signal to process 1 that it does not handle, SIGKILL from within among them; so what it handles is looked at first.
const (
	catches   = `while read -r k v; do [ "$k" = SigCgt: ] && echo "$v"; done </proc/1/status; true`
	terminate = `kill -TERM 1`
	sigTerm   = 15
)

// signal ends a container by a signal to its process 1, from within, and returns when the container has ended.
func (b *blow) signal(ctx context.Context) (string, bool) {
	p, err := b.pod(ctx, b.target)
	if err != nil {
		return "not done: " + message(err), true
	}
	if err := b.trySignal(ctx, p, b.strike, b.target); err != nil {
		return "not done: " + message(err), true
	}
	c, err := container(p, b.target)
	if err != nil {
		return "not done: " + message(err), true
	}
	was := running(p, c.Name)
	if was == nil {
		return "not done: container " + c.Name + " does not run", true
	}
	keep := context.WithoutCancel(ctx)
	_, sent := b.run(keep, b.target.Object, c.Name, "sh", "-c", terminate)
	return b.signalled(keep, p, c.Name, was.ContainerID, sent)
}

// signalled waits for the container to end. The shell that sent the signal may have gone with it, so only the container tells.
func (b *blow) signalled(ctx context.Context, p *corev1.Pod, container, was string, sent error) (string, bool) {
	if sent == nil {
		b.begin()
	}
	grace := 30 * time.Second
	if s := p.Spec.TerminationGracePeriodSeconds; s != nil {
		grace = time.Duration(*s) * time.Second
	}
	if b.until(ctx, max(grace, 10*time.Second)+endWithin, func(ctx context.Context) bool {
		ended, err := b.ended(ctx, container, was)
		return err == nil && ended
	}) {
		b.begin()
		return "container " + container + " ended by SIGTERM", true
	}
	if sent != nil {
		return "not done: " + message(sent), true
	}
	return "process 1 of container " + container + " got SIGTERM, and did not end", true
}

// trySignal says whether process 1 of a container handles SIGTERM.
func (h *Injector) trySignal(ctx context.Context, p *corev1.Pod, _ engine.Strike, t engine.Victim) error {
	c, err := container(p, t)
	if err != nil {
		return err
	}
	if err := ownProcesses(p); err != nil {
		return err
	}
	mask, err := h.run(ctx, reference(p), c.Name, "sh", "-c", catches)
	if err != nil {
		return err
	}
	handled, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		return engine.Errorf(engine.Invalid, "it cannot be read which signals process 1 of container %s handles", c.Name)
	}
	if handled&(1<<(sigTerm-1)) == 0 {
		return engine.Errorf(engine.Invalid, "process 1 of container %s does not handle SIGTERM, so that the kernel drops it", c.Name)
	}
	return nil
}

// ownProcesses fails for a pod whose containers share their processes: process 1 is not the container's there.
func ownProcesses(p *corev1.Pod) error {
	if p.Spec.HostPID || p.Spec.ShareProcessNamespace != nil && *p.Spec.ShareProcessNamespace {
		return engine.Errorf(engine.Invalid, "the containers of pod %s share their processes, so that process 1 is none of them", describe(p))
	}
	return nil
}
