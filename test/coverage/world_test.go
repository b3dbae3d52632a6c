// Package coverage_test holds docs/coverage.md: each fault of the table is made on a real API server, with what its controllers, the kubelet
// and AWS write, and the watch must see it, name its class and rank its cause first; and what EKS does by plan must raise nothing.
package coverage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/template"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/kube"
	"github.com/eks-autopilot/autopilot/engine/rca"
	"github.com/eks-autopilot/autopilot/test/cluster"
)

// world is one control plane, and what looks at it.
type world struct {
	cluster   *cluster.Cluster
	dynamic   dynamic.Interface
	observers map[time.Duration]*observer
}

// observer watches the cluster by a clock that is ahead: what must last 15 minutes to be a fault has lasted them.
type observer struct {
	ahead      time.Duration
	cluster    *kube.Cluster
	collectors []rca.Collector

	mu   sync.Mutex
	now  map[engine.Workload][]engine.Signal
	ever map[string]bool // "kind namespace/name class: summary" of all that was ever signalled
}

func (o *observer) clock() time.Time { return time.Now().Add(o.ahead) }

// Observe takes what the watch sees.
func (o *observer) Observe(_ context.Context, seen engine.Observation) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.now[seen.Workload] = seen.Signals
	for _, s := range seen.Signals {
		o.ever[fmt.Sprintf("%s %s %s: %s", s.Workload.Kind, s.Workload, s.Class, s.Summary)] = true
	}
	return nil
}

// Watching says that nothing was firing before.
func (o *observer) Watching(context.Context, string, engine.Source) ([]engine.Workload, error) {
	return nil, nil
}

func (o *observer) signals(w engine.Workload) []engine.Signal {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.now[w])
}

func (o *observer) said() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for line := range o.ever {
		out = append(out, line)
	}
	slices.Sort(out)
	return out
}

// diagnose ranks the causes of what is signalled, by evidence from the cluster itself.
func (o *observer) diagnose(ctx context.Context, w engine.Workload, signals []engine.Signal) engine.Diagnosis {
	i := engine.Incident{ID: 1, Workload: w, Signals: signals, StartedAt: signals[0].StartsAt}
	for _, s := range signals {
		i.Classes = append(i.Classes, s.Class)
	}
	var evidence []engine.Evidence
	var gaps []engine.Gap
	for _, c := range o.collectors {
		found, err := c.Collect(ctx, i)
		if err != nil {
			gaps = append(gaps, engine.Gap{Collector: c.Name(), Reason: err.Error()})
		}
		evidence = append(evidence, found...)
	}
	return rca.Rank(i, evidence, gaps, nil, o.clock())
}

// observe begins to watch with the shipped role, and no more rights.
func (w *world) observe(t *testing.T, aheads ...time.Duration) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "deploy", "rbac", "reader.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	first, _, _ := strings.Cut(string(data), "\n---")
	if err := yaml.UnmarshalStrict([]byte(first), &role); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := w.cluster.UserKubeconfig(t.Context(), "autopilot", role.Rules)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	for _, ahead := range aheads {
		o := &observer{ahead: ahead, now: map[engine.Workload][]engine.Signal{}, ever: map[string]bool{}}
		c, err := kube.Connect(kube.Config{Name: "prod", Kubeconfig: kubeconfig, Now: o.clock, Survey: 2 * time.Second, QPS: 200, Burst: 400, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		o.cluster, o.collectors = c, kube.Collectors(c)
		w.observers[ahead] = o
		wg.Go(func() {
			if err := c.Watch(ctx, o); err != nil {
				t.Errorf("watch: %v", err)
			}
		})
	}
}

// synced waits until each observer has read all: what goes before that was never there for it.
func (w *world) synced(t *testing.T) {
	t.Helper()
	for ahead, o := range w.observers {
		for end := time.Now().Add(2 * patience); ; time.Sleep(100 * time.Millisecond) {
			at, problem := o.cluster.Status()
			if !at.IsZero() && problem == "" {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the observer %s ahead has not read all: %s", ahead, problem)
			}
		}
	}
}

var functions = template.FuncMap{
	"ago": func(d string) (string, error) {
		ago, err := time.ParseDuration(d)
		return time.Now().Add(-ago).UTC().Format(time.RFC3339), err
	},
}

// apply creates what a manifest holds, in a namespace of its own, and writes the status of what has one through its subresource, as a
// controller would. {{ago "5m"}} is a time.
func (w *world) apply(ctx context.Context, namespace, manifest string) error {
	t, err := template.New(namespace).Funcs(functions).Parse(manifest)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, map[string]string{"ns": namespace}); err != nil {
		return err
	}
	docs := utilyaml.NewYAMLOrJSONDecoder(&text, 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := docs.Decode(&o.Object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", namespace, err)
		}
		if len(o.Object) == 0 {
			continue
		}
		if err := w.create(ctx, namespace, o); err != nil {
			return fmt.Errorf("%s: %s %s: %w", namespace, o.GetKind(), o.GetName(), err)
		}
	}
}

// clusterwide are the kinds without a namespace.
var clusterwide = []string{
	"Node", "Namespace", "PersistentVolume", "StorageClass", "IngressClass", "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration",
	"APIService", "GatewayClass", "NodeClaim", "CustomResourceDefinition", "ClusterExtension", "ClusterCatalog",
}

func (w *world) resource(o *unstructured.Unstructured, namespace string) dynamic.ResourceInterface {
	plural, _ := meta.UnsafeGuessKindToResource(o.GroupVersionKind())
	if o.GetKind() == "Gateway" {
		plural = schema.GroupVersionResource{Group: plural.Group, Version: plural.Version, Resource: "gateways"}
	}
	if slices.Contains(clusterwide, o.GetKind()) {
		return w.dynamic.Resource(plural)
	}
	return w.dynamic.Resource(plural).Namespace(namespace)
}

func (w *world) create(ctx context.Context, namespace string, o *unstructured.Unstructured) error {
	api := w.resource(o, namespace)
	if about, _ := o.Object["involvedObject"].(map[string]any); o.GetKind() == "Event" && about["kind"] == "Node" {
		api = w.resource(o, metav1.NamespaceDefault) // where those of what has no namespace are
	}
	status, has := o.Object["status"]
	delete(o.Object, "status")
	made, err := retry(ctx, func() (*unstructured.Unstructured, error) { return api.Create(ctx, o, metav1.CreateOptions{}) })
	if err != nil || !has {
		return err
	}
	_, err = retry(ctx, func() (*unstructured.Unstructured, error) {
		made.Object["status"] = status
		done, err := api.UpdateStatus(ctx, made, metav1.UpdateOptions{})
		if apierrors.IsConflict(err) {
			made, err = api.Get(ctx, o.GetName(), metav1.GetOptions{})
			return nil, errors.Join(err, errAgain)
		}
		return done, err
	})
	return err
}

var errAgain = errors.New("again")

// retry tries for a while: a namespace gets its service account, and a new kind its place in the API, a moment after it is made.
func retry[T any](ctx context.Context, do func() (T, error)) (T, error) {
	for end := time.Now().Add(30 * time.Second); ; {
		out, err := do()
		again := errors.Is(err, errAgain) || apierrors.IsNotFound(err) || apierrors.IsForbidden(err) && strings.Contains(err.Error(), "serviceaccount")
		if err == nil || !again || time.Now().After(end) || ctx.Err() != nil {
			return out, err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// remove deletes an object, without waiting for it to go.
func (w *world) remove(ctx context.Context, apiVersion, kind, namespace, name string) error {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	return w.resource(o, namespace).Delete(ctx, name, metav1.DeleteOptions{})
}
