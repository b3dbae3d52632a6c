package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/cluster"
	"github.com/eks-autopilot/autopilot/test/stand"
)

const (
	endingSpace  = "shop"
	podWithin    = 2 * time.Minute // in which a pod comes or goes, and an agent starts
	endingScript = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"
)

// endingWorld is a real node with the agent's image, and the account of experiments.
type endingWorld struct {
	c          *cluster.Cluster
	dir        string
	kubeconfig string
	made       atomic.Int64
}

// target is a pod that is hit.
type target struct{ name, uid, ip string }

func (t target) victim(by engine.Mechanism) engine.Victim {
	return engine.Victim{Object: engine.ObjectRef{Kind: "Pod", Namespace: endingSpace, Name: t.name, UID: t.uid}, Container: "app", Mechanism: by}
}

func newEndingWorld(ctx context.Context) (w *endingWorld, err error) {
	w = &endingWorld{}
	if w.dir, err = os.MkdirTemp("", "bench-endings-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.stop()
		}
	}()
	if w.c, err = cluster.Start(ctx, cluster.Config{Name: "endings", Dir: w.dir, Mode: cluster.Node, Progress: func(line string) { progress("%s", line) }}); err != nil {
		return w, err
	}
	if err = stand.ImportProgram(ctx, w.c, "cmd/chaosagent", stand.AgentImage); err != nil {
		return w, err
	}
	rules, err := stand.BreakerRules()
	if err != nil {
		return w, err
	}
	if w.kubeconfig, err = w.c.UserKubeconfig(ctx, "autopilot-chaos", rules); err != nil {
		return w, err
	}
	label, value, _ := strings.Cut(stand.OptIn, "=")
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: endingSpace, Labels: map[string]string{label: value}}}
	if _, err = w.c.Client().CoreV1().Namespaces().Create(ctx, space, metav1.CreateOptions{}); err != nil {
		return w, err
	}
	err = await(ctx, podWithin, func() error {
		_, err := w.c.Client().CoreV1().ServiceAccounts(endingSpace).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	return w, err
}

func (w *endingWorld) stop() {
	if w.c != nil {
		if err := w.c.Stop(context.Background()); err != nil {
			progress("stop: %v", err)
		}
	}
	if err := os.RemoveAll(w.dir); err != nil {
		progress("stop: %v", err)
	}
}

// await asks again and again until there is no error any more, and gives the last one when the time is over.
func await(ctx context.Context, within time.Duration, ask func() error) error {
	for deadline := time.Now().Add(within); ; {
		err := ask()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// pod makes one with a shell, and waits until it runs.
func (w *endingWorld) pod(ctx context.Context) (t target, err error) {
	t.name = fmt.Sprintf("hit-%d", w.made.Add(1))
	grace := int64(1)
	pods := w.c.Client().CoreV1().Pods(endingSpace)
	p, err := pods.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: t.name}, Spec: corev1.PodSpec{
		TerminationGracePeriodSeconds: &grace,
		Containers: []corev1.Container{{Name: "app", Image: cluster.BusyboxImage, Command: []string{"sh", "-c", endingScript}, Resources: corev1.ResourceRequirements{
			Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("8Mi")},
		}}},
	}}, metav1.CreateOptions{})
	if err != nil {
		return t, err
	}
	t.uid = string(p.UID)
	return t, await(ctx, podWithin, func() error {
		p, err := pods.Get(ctx, t.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		t.ip = p.Status.PodIP
		if len(p.Status.ContainerStatuses) == 0 || p.Status.ContainerStatuses[0].State.Running == nil || t.ip == "" {
			return fmt.Errorf("pod %s is %s", t.name, p.Status.Phase)
		}
		return nil
	})
}

func (w *endingWorld) remove(ctx context.Context, t target) error {
	pods := w.c.Client().CoreV1().Pods(endingSpace)
	if err := pods.Delete(ctx, t.name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	return await(ctx, podWithin, func() error {
		_, err := pods.Get(ctx, t.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, fmt.Errorf("pod %s is still there", t.name))
	})
}

// left waits until nothing of a fault is left, by itself, and says what is when it does not end; then whoever looks after a death must find
// nothing either.
func (w *endingWorld) left(ctx context.Context, t target, h held) (string, error) {
	seen := await(ctx, selfEnds, func() error {
		if h.Target.Mechanism == engine.ByExec {
			if found, err := w.in(ctx, t, "sh", "-c", `grep -l "AUTOPILOT_CHAOS=$0" /proc/[0-9]*/environ 2>/dev/null || true`, h.Handle); err != nil || found != "" {
				return errors.Join(err, fmt.Errorf("processes: %s", found))
			}
			return nil
		}
		s, err := w.ephemeral(ctx, t, h.Handle)
		switch {
		case err != nil:
			return err
		case s.State.Terminated == nil:
			return errors.New("the agent runs")
		case s.State.Terminated.ExitCode != 0:
			return fmt.Errorf("the agent ended with code %d", s.State.Terminated.ExitCode)
		}
		return nil
	})
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if seen != nil {
		return seen.Error(), nil
	}
	in, err := h.injector()
	if err != nil {
		return "", err
	}
	found, err := in.Left(ctx, engine.Experiment{Strikes: []engine.Strike{h.Strike}, Blows: []engine.Blow{{Target: h.Target, Handle: h.Handle}}})
	return strings.Join(found, "; "), err
}

// swept has another agent look in the pod's network for what agents left, which must be nothing; it says what it was.
func (w *endingWorld) swept(ctx context.Context, t target) (string, error) {
	const name = "look"
	root, no := int64(0), false
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: name, Image: stand.AgentImage, Args: []string{"clean"}, ImagePullPolicy: corev1.PullIfNotPresent,
		SecurityContext: &corev1.SecurityContext{RunAsUser: &root, RunAsNonRoot: &no, Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN", "NET_RAW"}}},
	}}}}})
	if err != nil {
		return "", err
	}
	pods := w.c.Client().CoreV1().Pods(endingSpace)
	if _, err := pods.Patch(ctx, t.name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "ephemeralcontainers"); err != nil {
		return "", err
	}
	if err := await(ctx, podWithin, func() error {
		s, err := w.ephemeral(ctx, t, name)
		if err == nil && s.State.Terminated == nil {
			err = errors.New("the look at the network takes too long")
		}
		return err
	}); err != nil {
		return "", err
	}
	said, err := pods.GetLogs(t.name, &corev1.PodLogOptions{Container: name}).DoRaw(ctx)
	if err != nil || strings.Contains(string(said), "nothing was left") {
		return "", err
	}
	return "in the network: " + strings.TrimSpace(string(said)), nil
}

// ephemeral is how an ephemeral container is. It fails before there is any word of it.
func (w *endingWorld) ephemeral(ctx context.Context, t target, name string) (corev1.ContainerStatus, error) {
	p, err := w.c.Client().CoreV1().Pods(endingSpace).Get(ctx, t.name, metav1.GetOptions{})
	if err != nil {
		return corev1.ContainerStatus{}, err
	}
	for _, s := range p.Status.EphemeralContainerStatuses {
		if s.Name == name {
			return s, nil
		}
	}
	return corev1.ContainerStatus{}, fmt.Errorf("pod %s says nothing of %s yet", t.name, name)
}

// in runs a command in a pod's container, as the administrator.
func (w *endingWorld) in(ctx context.Context, t target, command ...string) (string, error) {
	params := &corev1.PodExecOptions{Container: "app", Command: command, Stdout: true, Stderr: true}
	url := w.c.Client().CoreV1().RESTClient().Get().Resource("pods").Namespace(endingSpace).Name(t.name).SubResource("exec").VersionedParams(params, scheme.ParameterCodec).URL()
	run, err := remotecommand.NewWebSocketExecutor(w.c.RESTConfig(), "GET", url.String())
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = run.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out, Stderr: &out})
	return strings.TrimSpace(out.String()), err
}
