package coverage_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/eks-autopilot/autopilot/engine"
)

// lostFaults take pods away, while the watch looks on, that nobody has a reason to take.
var lostFaults = []fault{
	{name: "pod evicted by hand", kind: "Deployment", class: engine.ClassReplicasMissing, rule: "evict/api", make: deployment("app", 3, "", ""), act: evictOne("app")},
	{name: "pod deleted by hand", kind: "Deployment", class: engine.ClassReplicasMissing, rule: "evict/deleted", make: deployment("app", 3, "", ""), act: deleteOne("app")},
	{name: "pod of a set evicted by hand", kind: "StatefulSet", class: engine.ClassReplicasMissing, rule: "evict/api", make: statefulSet("app", 2), act: evictOne("app")},
	{name: "pod of a daemonset deleted by hand", kind: "DaemonSet", class: engine.ClassReplicasMissing, rule: "evict/deleted", make: daemonSet("app"), act: deleteOne("app")},
	{name: "only pod evicted by hand", kind: "Deployment", class: engine.ClassReplicasMissing, rule: "evict/api", make: deployment("app", 1, "", ""), act: evictOne("app")},
}

// meant is something calm that is done while the watch looks on.
type meant struct {
	calm
	act func(ctx context.Context, w *world, namespace string) error
}

// planned is what takes pods away for a reason; nothing may be said of it.
var planned = []meant{
	{calm{"rollout restart", "", deployment("app", 3, "", "")}, patchOf("deployments", `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`)},
	{calm{"rollout that recreates", "", deployment("app", 3, "", "")}, patchOf("deployments", `{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"},"template":{"spec":{"containers":[{"name":"app","image":"shop/app:2"}]}}}}`)},
	{calm{"rollout of a set", "", statefulSet("app", 2)}, patchOf("statefulsets", `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"shop/app:2"}]}}}}`)},
	{calm{"rollout of a daemonset", "", daemonSet("app")}, patchOf("daemonsets", `{"spec":{"template":{"spec":{"containers":[{"name":"app","image":"shop/app:2"}]}}}}`)},
	{calm{"scaled down", "", deployment("app", 4, "", "")}, patchOf("deployments", `{"spec":{"replicas":2}}`)},
	{calm{"scaled down by kubectl scale", "", deployment("app", 4, "", "")}, scaledByHand},
	{calm{"scaled down and up again", "", deployment("app", 4, "", "")}, func(ctx context.Context, w *world, ns string) error {
		if err := patchOf("deployments", `{"spec":{"replicas":1}}`)(ctx, w, ns); err != nil {
			return err
		}
		time.Sleep(time.Second)
		return patchOf("deployments", `{"spec":{"replicas":4}}`)(ctx, w, ns)
	}},
	{calm{"set scaled down", "", statefulSet("app", 3)}, patchOf("statefulsets", `{"spec":{"replicas":1}}`)},
	{calm{"drained and uncordoned", "", deployment("app", 2, "", "nodeSelector: {kubernetes.io/hostname: drains-1}\n      tolerations: [{operator: Exists}]")}, func(ctx context.Context, w *world, ns string) error {
		if _, err := onePod(ctx, w, ns, "app"); err != nil {
			return err
		}
		if err := cordonNode(ctx, w, "drains-1", true); err != nil {
			return err
		}
		if err := evictOne("app")(ctx, w, ns); err != nil {
			return err
		}
		time.Sleep(time.Second)
		return cordonNode(ctx, w, "drains-1", false)
	}},
	{calm{"evicted by the vertical autoscaler", "", deployment("app", 3, "", "")}, func(ctx context.Context, w *world, ns string) error {
		p, err := onePod(ctx, w, ns, "app")
		if err != nil {
			return err
		}
		if err := w.apply(ctx, ns, warning("Pod", p.GetName(), "EvictedByVPA", "Pod was evicted by VPA Updater to apply resource recommendation.", "vpa-updater")); err != nil {
			return err
		}
		return evictOf(ctx, w, ns, p.GetName())
	}},
	{calm{"deployment deleted", "", deployment("app", 3, "", "")}, func(ctx context.Context, w *world, ns string) error {
		return w.remove(ctx, "apps/v1", "Deployment", ns, "app")
	}},
	{calm{"namespace deleted", "", deployment("app", 3, "", "")}, func(ctx context.Context, w *world, ns string) error {
		return w.remove(ctx, "v1", "Namespace", "", ns)
	}},
}

// drains is a simulated node of its own, so that nobody else's pods are on it. It is older than the nodes of the rows, since its kubelet says
// another version than theirs.
var drains = strings.Replace(node("drains-1", ready), "metadata: {", "metadata: {annotations: {kwok.x-k8s.io/node: fake}, ", 1)

func statefulSet(name string, replicas int) string {
	return strings.Replace(deployment(name, replicas, "", ""), "kind: Deployment", "kind: StatefulSet", 1)
}

// daemonSet has a pod on one node alone.
func daemonSet(name string) string {
	d := strings.Replace(deployment(name, 1, "", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [kwok-001, kwok-002]}]}]}}}"), "kind: Deployment", "kind: DaemonSet", 1)
	return strings.Replace(d, "  replicas: 1\n", "", 1)
}

// allQuiet is all of which nothing may be said.
func allQuiet() []calm {
	out := slices.Clone(quiet)
	for _, q := range planned {
		out = append(out, q.calm)
	}
	return out
}

// settledAge is how old pods must be for their going to be that of pods that were there.
const settledAge = 4 * time.Second

// onePod waits until all pods of an app are ready and have been for a moment, and gives one.
func onePod(ctx context.Context, w *world, ns, app string) (*unstructured.Unstructured, error) {
	for end := time.Now().Add(patience); ; time.Sleep(300 * time.Millisecond) {
		list, err := w.dynamic.Resource(pods).Namespace(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=" + app})
		if err != nil {
			return nil, err
		}
		if len(list.Items) > 0 && !slices.ContainsFunc(list.Items, func(p unstructured.Unstructured) bool { return !servesAt(p, time.Now().Add(-settledAge)) }) {
			return &list.Items[0], nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("the pods of %s/%s are not ready: %v", ns, app, list.Items)
		}
	}
}

func servesAt(p unstructured.Unstructured, since time.Time) bool {
	conditions, _, _ := unstructured.NestedSlice(p.Object, "status", "conditions")
	return p.GetCreationTimestamp().Time.Before(since) && slices.ContainsFunc(conditions, func(c any) bool {
		m, _ := c.(map[string]any)
		return m["type"] == "Ready" && m["status"] == "True"
	})
}

func evictOne(app string) func(context.Context, *world, string) error {
	return func(ctx context.Context, w *world, ns string) error {
		p, err := onePod(ctx, w, ns, app)
		if err != nil {
			return err
		}
		return evictOf(ctx, w, ns, p.GetName())
	}
}

func evictOf(ctx context.Context, w *world, ns, name string) error {
	client, err := kubernetes.NewForConfig(w.cluster.RESTConfig())
	if err != nil {
		return err
	}
	return client.PolicyV1().Evictions(ns).Evict(ctx, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}})
}

func deleteOne(app string) func(context.Context, *world, string) error {
	return func(ctx context.Context, w *world, ns string) error {
		p, err := onePod(ctx, w, ns, app)
		if err != nil {
			return err
		}
		return w.remove(ctx, "v1", "Pod", ns, p.GetName())
	}
}

// patchOf changes an app once its pods serve.
func patchOf(resource, patch string, part ...string) func(context.Context, *world, string) error {
	return func(ctx context.Context, w *world, ns string) error {
		if _, err := onePod(ctx, w, ns, "app"); err != nil {
			return err
		}
		at := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: resource}
		_, err := w.dynamic.Resource(at).Namespace(ns).Patch(ctx, "app", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, part...)
		return err
	}
}

// scaledByHand does what kubectl scale does, and looks whether an incident that began then would be shown it: the API server notes such a
// writer without a time.
func scaledByHand(ctx context.Context, w *world, ns string) error {
	if _, err := onePod(ctx, w, ns, "app"); err != nil {
		return err
	}
	time.Sleep(10 * time.Second) // or it is part of the making of its ReplicaSet
	if err := patchOf("deployments", `{"spec":{"replicas":2}}`, "scale")(ctx, w, ns); err != nil {
		return err
	}
	o, i := w.observers[0], engine.Incident{ID: 1, Workload: engine.Workload{Cluster: "prod", Namespace: ns, Kind: "Deployment", Name: "app"}, StartedAt: time.Now()}
	for end := time.Now().Add(patience); ; time.Sleep(300 * time.Millisecond) {
		var found []string
		var gaps []error
		for _, c := range o.collectors {
			list, err := c.Collect(ctx, i)
			gaps = append(gaps, err)
			for _, e := range list {
				if e.Kind == engine.EvidenceChange {
					found = append(found, e.Text)
				}
			}
		}
		if slices.ContainsFunc(found, func(text string) bool { return strings.HasPrefix(text, "replicas 4 → 2") }) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("scaled from 4 to 2, and the changes that are shown are %q; %w", found, errors.Join(gaps...))
		}
	}
}

func cordonNode(ctx context.Context, w *world, name string, yes bool) error {
	nodes := w.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "nodes"})
	_, err := nodes.Patch(ctx, name, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, yes), metav1.PatchOptions{})
	return err
}

// isMeant does what is planned while the watch looks on, and waits until it must have said what it has to say of it.
func (w *world) isMeant(t *testing.T, q meant) {
	t.Helper()
	if err := q.act(t.Context(), w, "quiet-"+namespaceOf(q.name)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(6 * time.Second)
}
