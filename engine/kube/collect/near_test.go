package collect

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// shop is a service that calls another of its namespace and one of another, a caller of it, and a stranger on its machine.
func shop() []runtime.Object {
	workload := func(namespace, name string, args []string, env ...corev1.EnvVar) *appsv1.Deployment {
		l := map[string]string{"app": name}
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: l}, Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: l}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: name + ":2", Args: args, Env: env}}},
			}},
		}
	}
	service := func(namespace, name, of string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": of}}}
	}
	pod := func(namespace, app, name, node string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": app, "pod-template-hash": "77f"}, OwnerReferences: []metav1.OwnerReference{by("ReplicaSet", app+"-77f")}},
			Spec:       corev1.PodSpec{NodeName: node}, Status: corev1.PodStatus{Phase: corev1.PodRunning},
		}
	}
	set := func(name, image string, revision string, age time.Duration) *appsv1.ReplicaSet {
		l := map[string]string{"app": "cart"}
		return &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: "pay", Name: name, Labels: l, Annotations: map[string]string{revisionKey: revision}, CreationTimestamp: at(age), OwnerReferences: []metav1.OwnerReference{by("Deployment", "cart")}},
			Spec:       appsv1.ReplicaSetSpec{Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: l}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: image}}}}},
		}
	}
	writes := pod("data", "db", "db-77f-a", "n3")
	writes.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "db-data"}}}, {Name: "tmp"}}
	done := pod("pay", "cart", "cart-77f-done", "n1")
	done.Status.Phase = corev1.PodSucceeded
	return []runtime.Object{
		workload("pay", "api", nil, corev1.EnvVar{Name: "CART_URL", Value: "http://basket:80/"}, corev1.EnvVar{Name: "DB", Value: "postgres://u@db.data.svc.cluster.local:5432/x"}, corev1.EnvVar{Name: "GONE_HOST", Value: "nobody"}),
		workload("pay", "cart", nil), workload("pay", "front", []string{"--api=api:8080"}), workload("data", "db", nil),
		service("pay", "basket", "cart"), service("pay", "api", "api"), service("data", "db", "db"), service("pay", "headless", ""),
		pod("pay", "api", "api-77f-a", "n1"), pod("pay", "cart", "cart-77f-a", "n2"), writes, pod("other", "batch", "batch-77f-x", "n1"), pod("pay", "front", "front-77f-a", "n2"), done,
		set("cart-66f", "cart:1", "1", 48*time.Hour), set("cart-77f", "cart:2", "2", 10*time.Minute),
	}
}

func TestNear(t *testing.T) {
	api := engine.Workload{Cluster: "prod", Namespace: "pay", Kind: "Deployment", Name: "api"}
	around := NewNeighbors(Source{Cluster: "prod", Client: fake.NewClientset(shop()...), Now: func() time.Time { return noon }})
	n, err := around.Near(t.Context(), engine.Incident{Workload: api, StartedAt: noon})
	if err != nil {
		t.Fatal(err)
	}
	for _, on := range n.Graph {
		slices.Sort(on)
	}
	want := rca.Graph{
		"pay/Deployment/api":   {"/Node/n1", "data/Deployment/db", "pay/Deployment/cart"},
		"pay/Deployment/cart":  {"/Node/n2"},
		"pay/Deployment/front": {"/Node/n2", "pay/Deployment/api"},
		"data/Deployment/db":   {"/Node/n3", "data/PersistentVolumeClaim/db-data"},
		// It is known by its pod alone, and which Deployment made that by its name.
		"other/Deployment/batch": {"/Node/n1"},
	}
	if diff := cmp.Diff(want, n.Graph); diff != "" {
		t.Errorf("graph (-want +got):\n%s", diff)
	}
	for name, relation := range map[string]rca.Relation{
		"pay/Deployment/api": rca.RelationSelf, "pay/Deployment/cart": rca.RelationCalls, "data/Deployment/db": rca.RelationCalls,
		"pay/Deployment/front": rca.RelationCalledBy, "/Node/n1": rca.RelationOn, "/Node/n2": rca.RelationUnder, "other/Deployment/batch": rca.RelationSameNode,
		"data/PersistentVolumeClaim/db-data": rca.RelationHas,
	} {
		if got := n.Relation(name); got != relation {
			t.Errorf("%s is related as %q, want %q", name, got, relation)
		}
	}
	if got := n.Pods[rca.PodKey{Namespace: "other", Name: "batch-77f-x"}]; got != (rca.Placed{Workload: "other/Deployment/batch", Machine: "/Node/n1"}) {
		t.Errorf("a stranger's pod is %+v", got)
	}
	if _, known := n.Pods[rca.PodKey{Namespace: "pay", Name: "cart-77f-done"}]; known {
		t.Error("a pod that is over uses nothing")
	}
	if len(n.Changes) != 1 || n.Changes[0].Fields["what"] != "image" || n.Changes[0].Fields["age"] != "10m0s" || n.Changes[0].Fields["name"] != "cart" {
		t.Errorf("changes of callees: %+v", n.Changes)
	}
}

// TestNearSaysWhatItCouldNotRead keeps what is known when a namespace of a callee cannot be read, and says why.
func TestNearSaysWhatItCouldNotRead(t *testing.T) {
	api := engine.Workload{Cluster: "prod", Namespace: "pay", Kind: "Deployment", Name: "api"}
	c := fake.NewClientset(shop()...)
	c.PrependReactor("list", "services", func(a clienttesting.Action) (bool, runtime.Object, error) {
		return a.GetNamespace() == "data", nil, apierrors.NewForbidden(schema.GroupResource{Resource: "services"}, "", errors.New("no"))
	})
	n, err := NewNeighbors(Source{Cluster: "prod", Client: c, Now: func() time.Time { return noon }}).Near(t.Context(), engine.Incident{Workload: api, StartedAt: noon})
	if err != nil || engine.CodeOf(n.Unread) != engine.Forbidden || !slices.Contains(n.Graph["pay/Deployment/api"], "pay/Deployment/cart") {
		t.Errorf("%v; unread %v; graph %v", err, n.Unread, n.Graph)
	}
}

func TestNearOfANode(t *testing.T) {
	node := engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "n1"}
	around := NewNeighbors(Source{Cluster: "prod", Client: fake.NewClientset(shop()...), Now: func() time.Time { return noon }})
	n, err := around.Near(t.Context(), engine.Incident{Workload: node, StartedAt: noon})
	if err != nil {
		t.Fatal(err)
	}
	// The fake does not know field selectors of pods: it gives the pods of all machines.
	if !slices.Equal(n.Graph["other/Deployment/batch"], []string{"/Node/n1"}) || n.Relation("/Node/n1") != rca.RelationSelf {
		t.Errorf("%+v", n.Graph)
	}
}

// TestNeighborsAreReadOnce holds that two who ask at the same time share one reading, and that what was read long ago is read anew.
func TestNeighborsAreReadOnce(t *testing.T) {
	client, now := fake.NewClientset(shop()...), noon
	around := NewNeighbors(Source{Cluster: "prod", Client: client, Now: func() time.Time { return now }})
	i := engine.Incident{Workload: engine.Workload{Cluster: "prod", Namespace: "pay", Kind: "Deployment", Name: "api"}, StartedAt: noon}
	if found, err := around.Collect(t.Context(), i); err != nil || len(found) > 0 || len(client.Actions()) > 0 {
		t.Errorf("of an incident that no number tells of: %v, %v, %d reads", found, err, len(client.Actions()))
	}
	i.Classes = []engine.Class{engine.ClassHighLatency}
	found, err := around.Collect(t.Context(), i)
	if err != nil || len(found) != 1 || found[0].Kind != engine.EvidenceNeighbor || found[0].Collector != around.Name() {
		t.Fatalf("%v, %v", found, err)
	}
	reads := len(client.Actions())
	if _, err := around.Near(t.Context(), i); err != nil || len(client.Actions()) != reads {
		t.Errorf("read again: %d actions after %d, %v", len(client.Actions()), reads, err)
	}
	now = now.Add(2 * keepNear)
	if _, err := around.Near(t.Context(), i); err != nil || len(client.Actions()) != 2*reads {
		t.Errorf("%d actions, want %d", len(client.Actions()), 2*reads)
	}
}
