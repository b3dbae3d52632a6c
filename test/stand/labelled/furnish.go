package labelled

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/yaml"
)

// definitions are those of what other projects add to a cluster, as loose as can be: the detectors read them without their operators.
//
//go:embed definitions.yaml
var definitions string

// Furnisher puts cases onto a cluster.
type Furnisher struct {
	client  kubernetes.Interface
	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper
}

// NewFurnisher prepares to furnish the cluster behind a configuration.
func NewFurnisher(cfg *rest.Config) (*Furnisher, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	dyn, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, err
	}
	return &Furnisher{client, dyn, restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco))}, nil
}

// Furnish takes away the simulated nodes that are there and puts the cases in. The pods of each case are placed by the scheduler, in two rounds:
// a node that comes later stands empty until those before it are full. It returns when every pod has its node and every object its state.
func (f *Furnisher) Furnish(ctx context.Context, all []Case) error {
	if err := f.clear(ctx); err != nil {
		return err
	}
	if err := f.apply(ctx, definitions, ""); err != nil {
		return err
	}
	for _, c := range all {
		if err := f.room(ctx, c); err != nil {
			return fmt.Errorf("case %s: %w", c.Name, err)
		}
	}
	for _, later := range []bool{false, true} {
		for _, put := range []func(context.Context, Case, bool) error{f.nodes, f.workloads} {
			for _, c := range all {
				if err := put(ctx, c, later); err != nil {
					return fmt.Errorf("case %s: %w", c.Name, err)
				}
			}
			if err := f.until(ctx, "every node to be ready", f.unready); err != nil {
				return err
			}
		}
		if err := f.until(ctx, "every pod to be placed", func(ctx context.Context) (string, error) { return f.Unplaced(ctx, all) }); err != nil {
			return err
		}
	}
	return f.until(ctx, "every object to have its state", f.unsettled)
}

// clear deletes the simulated nodes; a real one has pods of its own.
func (f *Furnisher) clear(ctx context.Context) error {
	nodes, err := f.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, n := range nodes.Items {
		if n.Annotations[simulated] == "" {
			continue
		}
		if err := f.client.CoreV1().Nodes().Delete(ctx, n.Name, metav1.DeleteOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// room makes the namespace of a case, and what must be there before its pods.
func (f *Furnisher) room(ctx context.Context, c Case) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.Namespace}}
	if _, err := f.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	for _, v := range c.Volumes {
		for _, o := range v.objects(c) {
			if err := f.create(ctx, o, c.Namespace); err != nil {
				return err
			}
		}
	}
	if err := f.apply(ctx, c.named(c.Manifests), c.Namespace); err != nil {
		return err
	}
	// Pods are refused until the namespace has its service account.
	return f.until(ctx, "the service account of "+c.Namespace, func(ctx context.Context) (string, error) {
		_, err := f.client.CoreV1().ServiceAccounts(c.Namespace).Get(ctx, "default", metav1.GetOptions{})
		if err != nil {
			return err.Error(), nil
		}
		return "", nil
	})
}

func (f *Furnisher) nodes(ctx context.Context, c Case, later bool) error {
	for _, n := range c.Nodes {
		if n.Later != later {
			continue
		}
		if _, err := f.client.CoreV1().Nodes().Create(ctx, n.object(c), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (f *Furnisher) workloads(ctx context.Context, c Case, later bool) error {
	for _, w := range c.Workloads {
		if w.Later == later {
			if err := f.create(ctx, w.object(c, c.home()), c.Namespace); err != nil {
				return fmt.Errorf("%s %s: %w", w.Kind, w.Name, err)
			}
		}
	}
	return nil
}

// apply creates the objects of manifests.
func (f *Furnisher) apply(ctx context.Context, manifests, namespace string) error {
	for doc := range bytes.SplitSeq([]byte("\n"+manifests), []byte("\n---")) {
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		var o object
		if err := yaml.Unmarshal(doc, &o); err != nil {
			return err
		}
		if err := f.create(ctx, o, namespace); err != nil {
			return err
		}
	}
	return nil
}

// create waits for the kind of an object to be known: its definition may just have been made.
func (f *Furnisher) create(ctx context.Context, o object, namespace string) error {
	data, err := yaml.Marshal(o) // typed values within become what the API takes
	if err != nil {
		return err
	}
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(data, &u.Object); err != nil {
		return err
	}
	var mapping *meta.RESTMapping
	err = f.until(ctx, "the kind "+u.GetKind(), func(context.Context) (string, error) {
		var err error
		if mapping, err = f.mapper.RESTMapping(u.GroupVersionKind().GroupKind(), u.GroupVersionKind().Version); err != nil {
			f.mapper.Reset()
			return err.Error(), nil
		}
		return "", nil
	})
	if err != nil {
		return err
	}
	var r dynamic.ResourceInterface = f.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if u.GetNamespace() == "" {
			u.SetNamespace(namespace)
		}
		r = f.dynamic.Resource(mapping.Resource).Namespace(u.GetNamespace())
	}
	_, err = r.Create(ctx, u, metav1.CreateOptions{FieldManager: "labelled"})
	if err != nil {
		return fmt.Errorf("%s %s: %w", u.GetKind(), u.GetName(), err)
	}
	return nil
}

// Unplaced names a pod of the cases that has no node or does not run, or a workload that lacks pods; "" when all is well.
func (f *Furnisher) Unplaced(ctx context.Context, all []Case) (string, error) {
	pods, err := f.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	running := map[string]int32{}
	for _, p := range pods.Items {
		if p.Spec.NodeName == "" || p.Status.Phase != corev1.PodRunning || p.DeletionTimestamp != nil {
			why := string(p.Status.Phase)
			for _, cond := range p.Status.Conditions {
				if cond.Type == corev1.PodScheduled && cond.Status == corev1.ConditionFalse {
					why = cond.Message
				}
			}
			return fmt.Sprintf("pod %s/%s: %s", p.Namespace, p.Name, why), nil
		}
		running[p.Namespace+"/"+p.Labels["app"]]++
	}
	for _, c := range all {
		for _, w := range c.Workloads {
			want := int32(1)
			if w.Replicas != nil {
				want = *w.Replicas
			}
			if w.Kind == "CronJob" || w.Kind == "DaemonSet" || w.Later && running[c.Namespace+"/"+w.Name] == 0 && !f.exists(ctx, c, w) {
				continue
			}
			if running[c.Namespace+"/"+w.Name] < want {
				return fmt.Sprintf("%s %s/%s has %d of %d pods", w.Kind, c.Namespace, w.Name, running[c.Namespace+"/"+w.Name], want), nil
			}
		}
	}
	return "", nil
}

// exists tells whether a workload that comes later has come.
func (f *Furnisher) exists(ctx context.Context, c Case, w Workload) bool {
	_, err := f.client.AppsV1().Deployments(c.Namespace).Get(ctx, w.Name, metav1.GetOptions{})
	return err == nil
}

// unsettled names an object whose controller has not seen it yet.
func (f *Furnisher) unsettled(ctx context.Context) (string, error) {
	budgets, err := f.client.PolicyV1().PodDisruptionBudgets("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	several := map[string]int{}
	for _, b := range budgets.Items {
		several[b.Namespace]++
	}
	for _, b := range budgets.Items {
		// Of two budgets for one pod, the controller keeps one up to date.
		counted := several[b.Namespace] > 1 || b.Status.ExpectedPods > 0 && b.Status.CurrentHealthy >= b.Status.ExpectedPods
		if b.Status.ObservedGeneration < b.Generation || !counted {
			return "PodDisruptionBudget " + b.Namespace + "/" + b.Name, nil
		}
	}
	volumes, err := f.client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, v := range volumes.Items {
		ref := v.Spec.ClaimRef
		want := corev1.VolumeAvailable
		if ref != nil && ref.UID != "" {
			want = corev1.VolumeReleased
			if _, err := f.client.CoreV1().PersistentVolumeClaims(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{}); err == nil {
				want = corev1.VolumeBound
			}
		} else if ref != nil {
			want = corev1.VolumeBound
		}
		if v.Status.Phase != want {
			return fmt.Sprintf("PersistentVolume %s is %s", v.Name, v.Status.Phase), nil
		}
	}
	return "", nil
}

// unready names a node that takes no pods yet: pods that come before all nodes are ready crowd on the first ones.
func (f *Furnisher) unready(ctx context.Context) (string, error) {
	nodes, err := f.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, n := range nodes.Items {
		for _, cond := range n.Status.Conditions {
			if cond.Type == corev1.NodeReady && cond.Status != corev1.ConditionTrue {
				return "node " + n.Name + " is not ready", nil
			}
		}
		for _, t := range n.Spec.Taints {
			if t.Key == corev1.TaintNodeNotReady {
				return "node " + n.Name + " has the taint of nodes that are not ready", nil
			}
		}
	}
	return "", nil
}

const patience = 3 * time.Minute

// until asks until nothing is left to wait for. It fails with what that was.
func (f *Furnisher) until(ctx context.Context, what string, left func(context.Context) (string, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		rest, err := left(ctx)
		if err != nil || rest == "" {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %s: %w", what, rest, ctx.Err())
		case <-time.After(300 * time.Millisecond):
		}
	}
}
