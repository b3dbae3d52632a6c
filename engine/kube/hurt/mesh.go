package hurt

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-autopilot/autopilot/engine"
)

// meshLabel is on what we ask of Chaos Mesh.
const meshLabel = "autopilot.dev/experiment"

// meshResource is the kind of object that brings a fault.
func meshResource(f engine.Fault) (schema.GroupVersionResource, string) {
	group := schema.GroupVersion{Group: "chaos-mesh.org", Version: "v1alpha1"}
	switch f {
	case engine.FaultDNS:
		return group.WithResource("dnschaos"), "DNSChaos"
	case engine.FaultCPU, engine.FaultMemory:
		return group.WithResource("stresschaos"), "StressChaos"
	default:
	}
	return group.WithResource("networkchaos"), "NetworkChaos"
}

// meshObject asks Chaos Mesh for a fault on one pod, or in one container of it. Its duration ends it there, whatever becomes of us.
func meshObject(s engine.Strike, t engine.Victim, c corev1.Container, handle string, last time.Duration) *unstructured.Unstructured {
	ns := t.Object.Namespace
	spec := map[string]any{
		"mode": "all", "duration": strconv.Itoa(int(math.Ceil(last.Seconds()))) + "s",
		"selector": map[string]any{"namespaces": []any{ns}, "pods": map[string]any{ns: []any{t.Object.Name}}},
	}
	switch s.Fault {
	case engine.FaultLag:
		spec["action"], spec["direction"] = "delay", "to"
		spec["delay"] = map[string]any{"latency": s.Dose.Delay.String(), "jitter": s.Dose.Jitter.String(), "correlation": "0"}
	case engine.FaultLoss:
		spec["action"], spec["direction"] = "loss", "to"
		spec["loss"] = map[string]any{"loss": strconv.FormatFloat(s.Dose.Loss, 'f', -1, 64), "correlation": "0"}
	case engine.FaultThrottle:
		spec["action"], spec["direction"] = "bandwidth", "to"
		// Its bps are bytes. A tenth of a second's worth may be sent at once, and a second's worth may wait.
		bytes := max(s.Dose.Rate/8, 1)
		spec["bandwidth"] = map[string]any{"rate": strconv.FormatInt(bytes, 10) + "bps", "limit": max(bytes, 20_000), "buffer": max(bytes/10, 10_000)}
	case engine.FaultDNS:
		spec["action"] = "error"
		patterns := []any{}
		for _, name := range s.Dose.Names {
			patterns = append(patterns, name, "*."+name)
		}
		if len(patterns) > 0 {
			spec["patterns"] = patterns
		}
	case engine.FaultCPU:
		workers, load := workersOf(amount(s, c))
		spec["containerNames"] = []any{c.Name}
		spec["stressors"] = map[string]any{"cpu": map[string]any{"workers": workers, "load": load}}
	case engine.FaultMemory:
		size := amount(s, c)
		if filled(s) {
			size -= likely(c)
		}
		spec["containerNames"] = []any{c.Name}
		spec["stressors"] = map[string]any{"memory": map[string]any{"workers": int64(1), "size": strconv.FormatInt(int64(size), 10) + "B"}}
	case engine.FaultKill, engine.FaultContainerKill, engine.FaultDrain, engine.FaultNothing: // done by other means
	}
	gvr, kind := meshResource(s.Fault)
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": gvr.GroupVersion().String(), "kind": kind,
		"metadata": map[string]any{"name": handle, "namespace": ns, "labels": map[string]any{meshLabel: handle}},
		"spec":     spec,
	}}
}

// workersOf spreads so many cores over as few workers as can use them, each of which is busy for so many percent of the time.
func workersOf(cores float64) (workers, percent int64) {
	workers = int64(max(math.Ceil(cores), 1))
	return workers, int64(min(max(math.Round(100*cores/float64(workers)), 1), 100))
}

// tryMesh has the API server, and Chaos Mesh's own check, try the object in a dry run.
func (h *Injector) tryMesh(ctx context.Context, p *corev1.Pod, s engine.Strike, t engine.Victim) error {
	c, err := container(p, t)
	if err != nil {
		return err
	}
	gvr, _ := meshResource(s.Fault)
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	_, err = h.Dynamic.Resource(gvr).Namespace(p.Namespace).Create(ctx, meshObject(s, t, c, Prefix+"dry-run", max(s.Duration, time.Second)),
		metav1.CreateOptions{FieldManager: manager, DryRun: []string{metav1.DryRunAll}})
	if err != nil {
		return h.problem(err, "the API server does not take the object of Chaos Mesh")
	}
	return nil
}

// mesh holds a fault by an object of Chaos Mesh, and takes the object away at the end: it is gone when the fault is.
func (b *blow) mesh(ctx context.Context) (string, bool) {
	p, err := b.pod(ctx, b.target)
	if err != nil {
		return "not begun: " + message(err), true
	}
	c, err := container(p, b.target)
	if err != nil {
		return "not begun: " + message(err), true
	}
	gvr, _ := meshResource(b.strike.Fault)
	objects := b.Dynamic.Resource(gvr).Namespace(b.target.Object.Namespace)
	keep := context.WithoutCancel(ctx)
	// Who gives up while it is asked for does not know whether it came, and could take back what is not there yet.
	asking, cancel := context.WithTimeout(keep, callDeadline)
	defer cancel()
	_, err = objects.Create(asking, meshObject(b.strike, b.target, c, b.handle, b.lasts()), metav1.CreateOptions{FieldManager: manager})
	if err != nil {
		err = b.problem(err, "the API server does not take the object of Chaos Mesh")
		if engine.CodeOf(err) != engine.Unavailable {
			return "not begun: " + message(err), true
		}
	}
	unknown := err != nil
	injected := b.until(ctx, min(startWithin, b.left()), func(ctx context.Context) bool {
		o, err := objects.Get(ctx, b.handle, metav1.GetOptions{})
		return err == nil && condition(o, "AllInjected")
	})
	text := "Chaos Mesh did not bring it about in time"
	if injected {
		b.begin()
		wait(ctx, b.lasts())
		text = "Chaos Mesh held it"
	}
	if err := b.takeBack(keep, b.strike.Fault, b.target.Object.Namespace, b.handle); err != nil {
		return text + "; " + message(err), false
	}
	if unknown && !injected {
		return text + "; whether the API server took the object nobody knows: it is looked for again", false
	}
	return text + ", and has undone it", true
}

// condition tells whether an object says that something is so.
func condition(o *unstructured.Unstructured, kind string) bool {
	all, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range all {
		if m, ok := c.(map[string]any); ok && m["type"] == kind {
			return m["status"] == "True"
		}
	}
	return false
}

// takeBack deletes an object of Chaos Mesh and waits until it has gone, which it lets happen when the fault is undone.
func (h *Injector) takeBack(ctx context.Context, f engine.Fault, namespace, handle string) error {
	const within = time.Minute
	gvr, kind := meshResource(f)
	objects := h.Dynamic.Resource(gvr).Namespace(namespace)
	var last error
	if !h.until(ctx, within, func(ctx context.Context) bool {
		last = objects.Delete(ctx, handle, metav1.DeleteOptions{})
		return apierrors.IsNotFound(last)
	}) {
		text := fmt.Sprintf("%s %s/%s is still there", kind, namespace, handle)
		if last != nil {
			text += ": " + h.told(last)
		}
		return engine.Errorf(engine.Unavailable, "%s", strings.TrimSpace(text))
	}
	return nil
}
