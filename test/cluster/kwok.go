package cluster

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// FailAnnotation on a simulated pod makes it fail in one of the ways below, and on a simulated node
// makes it NotReady. Taking it off, or changing it, takes effect at once; a pod of a
// Deployment is mended by a new revision of its template.
const FailAnnotation = "autopilot.local/fail"

// The ways to fail of a simulated pod, as values of FailAnnotation. They are told apart by the
// same states, exit codes and events as a kubelet's.
const (
	FailCrash   = "CrashLoopBackOff"
	FailOOM     = "OOMKilled"
	FailImage   = "ImagePullBackOff"
	FailConfig  = "CreateContainerConfigError"
	FailEvicted = "Evicted"
	// FailScripted leaves the states of a pod or a node to whoever writes them into its status.
	FailScripted = "Scripted"
)

// What KWOK looks for on a node, and what keeps other pods away from one beside a real node.
const (
	kwokAnnotation = "kwok.x-k8s.io/node"
	simulated      = "simulated"
	// lostAnnotation is put on the pods of a node that goes, which are then no longer ready.
	lostAnnotation = "autopilot.local/node-lost"
)

//go:embed stages/*.yaml
var stages embed.FS

// AddKWOKNodes adds n simulated nodes of 32 CPUs and 256 GiB and waits until they are Ready. Beside
// a real node they have the taint kwok.x-k8s.io/node=simulated:NoSchedule, so that only
// pods which tolerate it come to them.
func (c *Cluster) AddKWOKNodes(ctx context.Context, n int) error {
	if err := c.ours(); err != nil {
		return err
	}
	if err := c.startKWOK(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	first := c.nodes
	c.nodes += n
	c.mu.Unlock()
	work, inner := errgroup.WithContext(ctx)
	work.SetLimit(16)
	for i := range n {
		work.Go(func() error {
			_, err := c.client.CoreV1().Nodes().Create(inner, c.simulatedNode(first+i), metav1.CreateOptions{})
			if apierrors.IsAlreadyExists(err) {
				return nil
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return fmt.Errorf("add simulated nodes: %w", err)
	}
	return c.await(ctx, "simulated nodes", time.Minute+time.Duration(n)*time.Second/2, func(ctx context.Context) error {
		return c.simulatedReady(ctx, first, n)
	})
}

// simulatedReady wants nodes first to first+n-1 to be Ready.
func (c *Cluster) simulatedReady(ctx context.Context, first, n int) error {
	nodes, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: "type=" + simulated})
	if err != nil {
		return err
	}
	ready := map[string]error{}
	for _, node := range nodes.Items {
		ready[node.Name] = readyIs(&node, corev1.ConditionTrue)
	}
	for i := range n {
		name := simulatedName(first + i)
		if err, ok := ready[name]; !ok || err != nil {
			return fmt.Errorf("node %s of %d (known: %t): %w", name, n, ok, err)
		}
	}
	return nil
}

func simulatedName(i int) string { return fmt.Sprintf("kwok-%03d", i) }

func (c *Cluster) simulatedNode(i int) *corev1.Node {
	size := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("32"), corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourcePods: resource.MustParse("250"), corev1.ResourceEphemeralStorage: resource.MustParse("100Gi"),
	}
	name := simulatedName(i)
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{kwokAnnotation: "fake"},
			Labels: map[string]string{
				"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": goarch, "type": simulated,
			},
		},
		Status: corev1.NodeStatus{Capacity: size, Allocatable: size},
	}
	if c.cfg.Mode == Node {
		node.Spec.Taints = []corev1.Taint{{Key: kwokAnnotation, Value: simulated, Effect: corev1.TaintEffectNoSchedule}}
	}
	return node
}

// startKWOK starts KWOK, and what serves the logs of its pods, with the first simulated node.
func (c *Cluster) startKWOK(ctx context.Context) error {
	c.mu.Lock()
	var err error
	if c.logs == nil {
		err = c.startLogs()
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	var all [][]byte
	files, err := fs.Glob(stages, "stages/*.yaml")
	if err != nil {
		return err
	}
	for _, file := range files {
		body, err := stages.ReadFile(file)
		if err != nil {
			return err
		}
		all = append(all, body)
	}
	// Not through writeConf: the templates have dollar signs of their own.
	if err := os.WriteFile(filepath.Join(c.dir, "conf", "stages.yaml"), bytes.Join(all, []byte("\n---\n")), 0o644); err != nil {
		return err
	}
	return c.StartPart(ctx, "kwok")
}

func (c *Cluster) kwok() spec {
	return spec{name: "kwok", args: []string{
		"--kubeconfig=" + c.path("conf", "kwok.kubeconfig"), "--config=" + c.path("conf", "stages.yaml"),
		"--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=" + kwokAnnotation + "=fake",
		// Where the API server finds their logs: with us, and not with the server of KWOK's own.
		"--node-ip=" + c.net.Host, "--node-port=" + strconv.Itoa(c.logPort), "--server-address=127.0.0.1:0",
		"--cidr=10.99.0.0/16", fmt.Sprintf("--node-lease-duration-seconds=%d", int(c.cfg.NodeGrace.Seconds())), "--v=WARN",
	}}
}

// failNode sets or takes off the annotation of a simulated node.
func (c *Cluster) failNode(ctx context.Context, name string, fail bool) error {
	node, err := c.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if node.Annotations[kwokAnnotation] != "fake" {
		return errors.New("node " + name + " is not simulated")
	}
	var value any
	if fail {
		value = "NotReady"
	}
	patch, err := annotate(FailAnnotation, value)
	if err != nil {
		return err
	}
	if _, err := c.client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		return err
	}
	return c.losePods(ctx, name, value)
}

// losePods has the pods of a simulated node go with it, as the node controller has it with a real node's, or come back.
func (c *Cluster) losePods(ctx context.Context, node string, value any) error {
	patch, err := annotate(lostAnnotation, value)
	if err != nil {
		return err
	}
	pods, err := c.client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return err
	}
	for _, p := range pods.Items {
		_, err := c.client.CoreV1().Pods(p.Namespace).Patch(ctx, p.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// annotate is a patch that sets an annotation, or takes it off when value is nil.
func annotate(name string, value any) ([]byte, error) {
	return json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]any{name: value}}})
}
