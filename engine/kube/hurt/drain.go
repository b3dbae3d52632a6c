package hurt

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine"
)

// cordonKey notes on a node that a drain cordoned it: "<handle> until <RFC 3339>". A node without it was cordoned by somebody else.
const cordonKey = "autopilot.dev/cordoned-by"

// evictAgain is how long to wait before a budget is asked once more.
const evictAgain = 2 * time.Second

// drain takes from a node the pods that the plan named, as far as their budgets let it, keeps new ones off until the end, and lets them on
// again. Nobody was shown a pod that came after the plan, or said yes to it: it stays. A namespace that has not opted in, by now, keeps all.
func (b *blow) drain(ctx context.Context) (string, bool) {
	node := b.target.Object.Name
	pods, err := b.leaving(ctx, node)
	if err != nil {
		return "not drained: " + message(err), true
	}
	pods, later := b.planned(pods)
	if err := b.allowed(ctx, pods); err != nil {
		return "not drained: " + message(err), true
	}
	ours, err := b.cordon(ctx, node, false)
	if err != nil {
		return "not drained: " + message(err), b.uncordon(context.WithoutCancel(ctx), node, b.handle) == nil
	}
	b.begin()
	until, cancel := context.WithDeadline(ctx, b.deadline)
	defer cancel()
	if d := b.strike.Duration; d > 0 {
		until, cancel = context.WithTimeout(until, d)
		defer cancel()
	}
	evicted, kept := b.empty(until, node, pods)
	if b.strike.Duration > 0 {
		<-until.Done()
	}
	text := fmt.Sprintf("%d of %d pods evicted", evicted, len(pods))
	if kept = append(kept, later...); len(kept) > 0 {
		text += "; kept: " + strings.Join(kept, "; ")
	}
	if !ours {
		return text + "; the node was cordoned before, and stays so", true
	}
	if err := b.uncordon(context.WithoutCancel(ctx), node, b.handle); err != nil {
		return text + "; the node is still cordoned: " + message(err), false
	}
	return text + "; the node takes pods again", true
}

// leaving lists the pods that a drain of a node evicts.
func (h *Injector) leaving(ctx context.Context, node string) ([]corev1.Pod, error) {
	pods, err := h.on(ctx, node)
	return slices.DeleteFunc(pods, func(p corev1.Pod) bool { return stays(&p) || p.DeletionTimestamp != nil }), err
}

// planned parts a node's pods into those that the plan named, and what is to be said of those that came later.
func (b *blow) planned(pods []corev1.Pod) (named []corev1.Pod, later []string) {
	for i := range pods {
		if slices.ContainsFunc(b.strike.Targets, func(t engine.Victim) bool { return t.Object.Kind == kindPod && t.Object.UID == string(pods[i].UID) }) {
			named = append(named, pods[i])
			continue
		}
		later = append(later, "pod "+describe(&pods[i])+" came after the plan")
	}
	return named, later
}

// allowed fails with Forbidden when a pod is of a namespace that has not opted in: the plan may be older than the pod.
func (h *Injector) allowed(ctx context.Context, pods []corev1.Pod) error {
	asked := map[string]bool{}
	for i := range pods {
		name := pods[i].Namespace
		if asked[name] {
			continue
		}
		asked[name] = true
		n, err := h.Client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return h.problem(err, "namespace "+name+" cannot be read")
		}
		if !h.optedIn(n.Labels) {
			return engine.Errorf(engine.Forbidden, "pod %s runs there, and its namespace has not opted in by the label %s", describe(&pods[i]), h.OptIn)
		}
	}
	return nil
}

// empty evicts pod after pod, and asks again for those that a budget keeps, until all are gone or the time is over. What the cordon did not
// keep away, since it was on its way already, is not touched.
func (b *blow) empty(ctx context.Context, node string, pods []corev1.Pod) (evicted int, kept []string) {
	going := make([]*corev1.Pod, 0, len(pods))
	for i := range pods {
		going = append(going, &pods[i])
	}
	var gone []*corev1.Pod
	for len(going) > 0 && ctx.Err() == nil {
		kept = nil
		going = slices.DeleteFunc(going, func(p *corev1.Pod) bool {
			err := b.evict(ctx, p, false)
			if err == nil {
				gone = append(gone, p)
				evicted++
			}
			if err == nil || engine.CodeOf(err) == engine.NotFound {
				return true
			}
			if ctx.Err() != nil {
				err = engine.Errorf(engine.Unavailable, "the time was over before pod %s", describe(p))
			}
			kept = append(kept, message(err))
			return false
		})
		if len(going) > 0 {
			wait(ctx, evictAgain)
		}
	}
	if len(going) == 0 {
		kept = nil
	}
	for _, p := range gone {
		b.gone(ctx, p)
	}
	b.Log.InfoContext(ctx, "node drained", "node", node, "evicted", evicted, "kept", len(going))
	return evicted, kept
}

// cordon keeps new pods from a node, and notes by whom and until when. ours is false when somebody did so before.
func (b *blow) cordon(ctx context.Context, name string, dry bool) (ours bool, err error) {
	n, err := b.node(ctx, name)
	if err != nil {
		return false, err
	}
	if uid := b.target.Object.UID; uid != "" && uid != string(n.UID) {
		return false, engine.Errorf(engine.Conflict, "node %s is another one by now", name)
	}
	if n.Spec.Unschedulable {
		return strings.HasPrefix(n.Annotations[cordonKey], b.handle+" "), nil
	}
	note := b.handle + " until " + b.deadline.UTC().Format(time.RFC3339)
	return true, b.patchNode(ctx, n, true, &note, dry)
}

// uncordon lets pods on a node again, if it is the drain of this handle that keeps them off.
func (h *Injector) uncordon(ctx context.Context, name, handle string) error {
	const tries = 5
	for try := 1; ; try++ {
		n, err := h.node(ctx, name)
		switch {
		case engine.CodeOf(err) == engine.NotFound:
			return nil
		case err == nil && !strings.HasPrefix(n.Annotations[cordonKey], handle+" "):
			return nil
		case err == nil:
			err = h.patchNode(ctx, n, false, nil, false)
		}
		if err == nil || try == tries {
			return err
		}
		wait(ctx, h.poll)
	}
}

func (h *Injector) node(ctx context.Context, name string) (*corev1.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	n, err := h.Client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, engine.Errorf(engine.NotFound, "there is no node %s", name)
	}
	if err != nil {
		return nil, h.problem(err, "node "+name+" cannot be read")
	}
	return n, nil
}

// patchNode needs the node as it was read.
func (h *Injector) patchNode(ctx context.Context, n *corev1.Node, cordoned bool, note *string, dry bool) error {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": n.ResourceVersion, "annotations": map[string]any{cordonKey: note}},
		"spec":     map[string]any{"unschedulable": cordoned},
	})
	if err != nil {
		return err
	}
	o := metav1.PatchOptions{FieldManager: manager}
	if dry {
		o.DryRun = []string{metav1.DryRunAll}
	}
	if _, err = h.Client.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, patch, o); err != nil {
		return h.problem(err, "the API server does not take the change of node "+n.Name)
	}
	return nil
}
