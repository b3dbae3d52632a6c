package hurt

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

// kill ends a pod: by the Eviction API, or by a plain delete where that was asked for twice. It returns when the pod is gone.
func (b *blow) kill(ctx context.Context) (string, bool) {
	p, err := b.pod(ctx, b.target)
	if err != nil {
		return "not killed: " + message(err), true
	}
	remove, done := b.evict, "evicted"
	if b.target.Mechanism == engine.ByDelete {
		remove, done = b.remove, "deleted"
	}
	if err := remove(ctx, p, false); err != nil {
		return "not killed: " + message(err), true
	}
	b.begin()
	if !b.gone(context.WithoutCancel(ctx), p) {
		return done + "; it was not gone when its grace was over", true
	}
	return done, true
}

// evict asks the Eviction API for a pod, which refuses when a budget would be broken. It fails with Conflict then, and with NotFound when
// the pod is gone or another of its name.
func (h *Injector) evict(ctx context.Context, p *corev1.Pod, dry bool) error {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	o := exactly(p, dry)
	err := h.Client.PolicyV1().Evictions(p.Namespace).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace}, DeleteOptions: &o})
	return h.removal(err, p)
}

// remove deletes a pod, whatever budgets say.
func (h *Injector) remove(ctx context.Context, p *corev1.Pod, dry bool) error {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	return h.removal(h.Client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, exactly(p, dry)), p)
}

// exactly means this pod, and not one that has its name by now.
func exactly(p *corev1.Pod, dry bool) metav1.DeleteOptions {
	uid := p.UID
	o := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}
	if dry {
		o.DryRun = []string{metav1.DryRunAll}
	}
	return o
}

func (h *Injector) removal(err error, p *corev1.Pod) error {
	name := p.Namespace + "/" + p.Name
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return engine.Errorf(engine.NotFound, "pod %s is gone", name)
	case apierrors.IsTooManyRequests(err):
		return engine.Wrap(engine.Conflict, err, "a disruption budget keeps pod "+name+": "+h.told(err))
	case apierrors.IsConflict(err):
		return engine.Wrap(engine.NotFound, err, "pod "+name+" is another one by now: "+h.told(err))
	}
	return h.problem(err, "the API server does not let pod "+name+" go")
}

// gone waits until a pod is not there any more. Its grace may be hours, for which nobody waits.
func (h *Injector) gone(ctx context.Context, p *corev1.Pod) bool {
	const most, slack = 2 * time.Minute, 30 * time.Second
	grace := 30 * time.Second
	if s := p.Spec.TerminationGracePeriodSeconds; s != nil {
		grace = time.Duration(*s) * time.Second
	}
	return h.until(ctx, min(grace, most)+slack, func(ctx context.Context) bool {
		_, err := h.pod(ctx, engine.Victim{Object: reference(p)})
		return engine.CodeOf(err) == engine.NotFound
	})
}

// describe names a pod for people.
func describe(p *corev1.Pod) string { return fmt.Sprintf("%s/%s", p.Namespace, p.Name) }
