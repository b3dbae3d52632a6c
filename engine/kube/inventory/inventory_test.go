package inventory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// customKinds are what a cluster may have, with the kinds of their lists.
var customKinds = map[schema.GroupVersionResource]string{
	verticals[0]: "VerticalPodAutoscalerList", nodePools[0]: "NodePoolList", nodePools[1]: "NodePoolList", snapshotContents[0]: "VolumeSnapshotContentList",
	podBackups[0]: "PodVolumeBackupList", dataUploads[0]: "DataUploadList",
}

// world is a cluster whose API server is made of objects: typed ones, and those of other projects as YAML would have them.
func world(custom []map[string]any, objects ...runtime.Object) (Source, *fake.Clientset, *dynamicfake.FakeDynamicClient) {
	var others []runtime.Object
	for _, o := range custom {
		others = append(others, &unstructured.Unstructured{Object: o})
	}
	client, dynamic := fake.NewSimpleClientset(objects...), dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), customKinds, others...)
	return Source{Name: "prod", Client: client, Dynamic: dynamic, Why: func(err error) string { return string(apierrors.ReasonForError(err)) }}, client, dynamic
}

func custom(apiVersion, kind, namespace, name string, more map[string]any) map[string]any {
	o := map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": map[string]any{"namespace": namespace, "name": name}}
	if namespace == "" {
		o["metadata"] = map[string]any{"name": name}
	}
	maps.Copy(o, more)
	return o
}

func meta(name string, owner ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name), OwnerReferences: owner}
}

func by(kind, name string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{Kind: kind, Name: name, UID: types.UID("uid-" + name), Controller: &yes}
}

func refuse(f *clienttesting.Fake, resource string, err error) {
	f.PrependReactor("list", resource, func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, err })
}

func forbidden(resource string) error {
	return apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
}

func TestInstanceIDs(t *testing.T) {
	for provider, want := range map[string]string{
		"aws:///eu-west-1a/i-0123456789abcdef0":           "i-0123456789abcdef0",
		"aws:///eu-west-1a/i-01234567":                    "i-01234567",
		"aws:///eu-west-1a/abc/fargate-ip-10-0-0-1.local": "",
		"gce://project/zone/i-0123456789abcdef0":          "",
		"":                                                "",
		"aws:///eu-west-1a/":                              "",
		"aws:///x/i-../../evil":                           "",
	} {
		if got := instance(&corev1.Node{Spec: corev1.NodeSpec{ProviderID: provider}}); got != want {
			t.Errorf("%q: %q, want %q", provider, got, want)
		}
	}
}

// TestWhatIsMissing holds apart what a detector must: a cluster of which something is not known, a project that is not installed,
// and one that may be.
func TestWhatIsMissing(t *testing.T) {
	for name, tt := range map[string]struct {
		typed, dynamic map[string]error // by resource
		complete       bool
		missing        []waste.Part
		gaps           []string
	}{
		"all is there":  {complete: true},
		"not installed": {dynamic: map[string]error{"*": apierrors.NewNotFound(schema.GroupResource{}, "")}, complete: true},
		"a refused list": {
			typed: map[string]error{"persistentvolumes": forbidden("persistentvolumes"), "nodes": forbidden("nodes")},
			gaps: []string{
				"persistentvolumes cannot be listed: Forbidden; apply deploy/rbac/reader.yaml", "nodes cannot be listed: Forbidden; apply deploy/rbac/reader.yaml",
			},
		},
		"refused projects": {
			dynamic:  map[string]error{"nodepools": forbidden("nodepools"), "datauploads": forbidden("datauploads"), "verticalpodautoscalers": forbidden("x")},
			complete: true, missing: []waste.Part{waste.PartVertical, waste.PartNodePools, waste.PartBackups},
			gaps: []string{
				"verticalpodautoscalers.autoscaling.k8s.io cannot be listed: Forbidden; apply deploy/rbac/reader.yaml",
				"nodepools.karpenter.sh cannot be listed: Forbidden; apply deploy/rbac/reader.yaml",
				"datauploads.velero.io cannot be listed: Forbidden; apply deploy/rbac/reader.yaml",
			},
		},
		"no answer": {
			typed:   map[string]error{"*": apierrors.NewServiceUnavailable("down")},
			missing: []waste.Part{waste.PartVertical, waste.PartNodePools, waste.PartBackups},
			gaps:    []string{"pods cannot be listed: ServiceUnavailable"}, // and nothing more is asked
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, client, dynamic := world(nil)
			for resource, err := range tt.typed {
				refuse(&client.Fake, resource, err)
			}
			for resource, err := range tt.dynamic {
				refuse(&dynamic.Fake, resource, err)
			}
			c, gaps := Take(t.Context(), s)
			var reasons []string
			for _, g := range gaps {
				if g.Collector != "cluster prod" {
					t.Errorf("gap of %q", g.Collector)
				}
				reasons = append(reasons, g.Reason)
			}
			if diff := cmp.Diff(tt.gaps, reasons); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.missing, c.Missing); diff != "" || c.Complete != tt.complete {
				t.Errorf("complete %t, want %t; missing (-want +got):\n%s", c.Complete, tt.complete, diff)
			}
		})
	}
}

func TestReplicaSetsThatAreKept(t *testing.T) {
	none, two := int32(0), int32(2)
	set := func(name, revision string, replicas *int32, owner metav1.OwnerReference) *appsv1.ReplicaSet {
		rs := &appsv1.ReplicaSet{ObjectMeta: meta(name, owner), Spec: appsv1.ReplicaSetSpec{Replicas: replicas}}
		rs.Annotations = map[string]string{revisionKey: revision}
		rs.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app"}}
		return rs
	}
	api, idle := by("Deployment", "api"), by("Rollout", "idle")
	s, _, _ := world(nil,
		set("api-1", "1", &none, api), set("api-9", "9", &none, api), set("api-10", "10", &two, api),
		set("idle-1", "1", &none, idle), set("idle-2", "2", &none, idle),
		&corev1.Pod{ObjectMeta: meta("api-9-x", by("ReplicaSet", "api-9"))},
	)
	c, _ := Take(t.Context(), s)
	got := map[string]int{}
	for _, rs := range c.ReplicaSets {
		got[rs.Name] = len(rs.Spec.Template.Spec.Containers)
	}
	// What a Rollout runs is written nowhere else that is listed.
	if diff := cmp.Diff(map[string]int{"api-9": 0, "api-10": 0, "idle-2": 1}, got); diff != "" {
		t.Errorf("kept, with their templates' containers (-want +got):\n%s", diff)
	}
}

func TestNodesAndWhatTheyCanAttach(t *testing.T) {
	n := int32(25)
	s, _, _ := world(nil,
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: corev1.NodeSpec{ProviderID: "aws:///z/i-0123456789abcdef0"}, Status: corev1.NodeStatus{Images: []corev1.ContainerImage{{SizeBytes: 1}}}},
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "b"}},
		&storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{
			{Name: "ebs.csi.aws.com", Allocatable: &storagev1.VolumeNodeResources{Count: &n}}, {Name: "efs.csi.aws.com"},
		}}},
	)
	c, gaps := Take(t.Context(), s)
	if len(gaps) > 0 || len(c.Nodes) != 2 {
		t.Fatalf("nodes %v, gaps %v", c.Nodes, gaps)
	}
	a, b := c.Nodes[0], c.Nodes[1]
	if diff := cmp.Diff(map[string]int32{"ebs.csi.aws.com": 25}, a.Attachable); diff != "" || b.Attachable != nil || a.InstanceID != "i-0123456789abcdef0" || a.Status.Images != nil {
		t.Errorf("node a %+v, b %+v (-want +got):\n%s", a, b.Attachable, diff)
	}
}

func TestVerticalAutoscalers(t *testing.T) {
	web := &appsv1.Deployment{ObjectMeta: meta("web")}
	web.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app"}, {Name: "proxy"}}
	both, policies := []engine.Resource{engine.CPU, engine.Memory}, func(p ...any) map[string]any { return map[string]any{"containerPolicies": p} }
	for name, tt := range map[string]struct {
		spec map[string]any
		want *waste.VerticalAutoscaler // without names
	}{
		"plain":         {map[string]any{}, &waste.VerticalAutoscaler{Mode: "Auto", Resources: both}},
		"off":           {map[string]any{"updatePolicy": map[string]any{"updateMode": "Off"}}, &waste.VerticalAutoscaler{Mode: "Off", Resources: both}},
		"memory only":   {map[string]any{"resourcePolicy": policies(map[string]any{"containerName": "*", "controlledResources": []any{"memory"}})}, &waste.VerticalAutoscaler{Mode: "Auto", Resources: both[1:]}},
		"all but proxy": {map[string]any{"resourcePolicy": policies(map[string]any{"containerName": "proxy", "mode": "Off"})}, &waste.VerticalAutoscaler{Mode: "Auto", Containers: []string{"app"}, Resources: both}},
		"app only": {map[string]any{"resourcePolicy": policies(map[string]any{"containerName": "*", "mode": "Off"}, map[string]any{"containerName": "app", "controlledResources": []any{"cpu"}})}, &waste.VerticalAutoscaler{
			Mode: "Auto", Containers: []string{"app"}, Resources: both[:1],
		}},
		"nothing": {map[string]any{"resourcePolicy": policies(map[string]any{"containerName": "*", "mode": "Off"})}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tt.spec["targetRef"] = map[string]any{"kind": "Deployment", "name": "web"}
			s, _, _ := world([]map[string]any{custom("autoscaling.k8s.io/v1", "VerticalPodAutoscaler", "shop", "vpa", map[string]any{"spec": tt.spec})}, web)
			var want []waste.VerticalAutoscaler
			if tt.want != nil {
				tt.want.Namespace, tt.want.Name, tt.want.TargetKind, tt.want.TargetName = "shop", "vpa", "Deployment", "web"
				want = append(want, *tt.want)
			}
			c, gaps := Take(t.Context(), s)
			if diff := cmp.Diff(want, c.Vertical); diff != "" || len(gaps) > 0 {
				t.Errorf("gaps %v (-want +got):\n%s", gaps, diff)
			}
		})
	}
}

func TestNodePools(t *testing.T) {
	spec := map[string]any{"disruption": map[string]any{
		"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "30s",
		"budgets": []any{map[string]any{"nodes": "10%"}, map[string]any{"nodes": "0", "reasons": []any{"Underutilized"}, "schedule": "0 9 * * mon-fri", "duration": "8h"}},
	}}
	s, _, _ := world([]map[string]any{custom("karpenter.sh/v1", "NodePool", "", "general", map[string]any{"spec": spec})})
	c, _ := Take(t.Context(), s)
	want := []waste.NodePool{{
		Name: "general", ConsolidationPolicy: "WhenEmptyOrUnderutilized", ConsolidateAfter: "30s",
		Budgets: []string{"10%", "0 for Underutilized at 0 9 * * mon-fri for 8h"},
	}}
	if diff := cmp.Diff(want, c.NodePools); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVolumesThatBackupsWant(t *testing.T) {
	pv := func(name, handle, claim string) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeSpec{
			ClaimRef:               &corev1.ObjectReference{Namespace: "shop", Name: claim},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{VolumeHandle: handle}},
		}}
	}
	p := &corev1.Pod{ObjectMeta: meta("db-0")}
	p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-db-0"}}}}
	content := func(name, handle string, ready bool) map[string]any {
		return custom("snapshot.storage.k8s.io/v1", "VolumeSnapshotContent", "", name, map[string]any{
			"spec":   map[string]any{"source": map[string]any{"volumeHandle": handle}, "volumeSnapshotRef": map[string]any{"namespace": "shop", "name": "daily"}},
			"status": map[string]any{"snapshotHandle": "snap-" + handle, "readyToUse": ready},
		})
	}
	backup := func(name, phase string) map[string]any {
		return custom("velero.io/v1", "PodVolumeBackup", "velero", name, map[string]any{
			"spec": map[string]any{"pod": map[string]any{"namespace": "shop", "name": "db-0"}, "volume": "data"}, "status": map[string]any{"phase": phase},
		})
	}
	upload := func(name, claim, phase string) map[string]any {
		return custom("velero.io/v2alpha1", "DataUpload", "velero", name, map[string]any{
			"spec": map[string]any{"sourceNamespace": "shop", "sourcePVC": claim}, "status": map[string]any{"phase": phase},
		})
	}
	s, _, _ := world([]map[string]any{
		content("made", "vol-1", true), content("making", "vol-2", false),
		backup("running", "InProgress"), backup("done", "Completed"), upload("moving", "old", "Accepted"), upload("failed", "other", "Failed"),
	}, p, pv("a", "vol-3", "data-db-0"), pv("b", "vol-4", "old"), pv("c", "vol-5", "other"))
	c, gaps := Take(t.Context(), s)
	want := map[string]string{
		"snap-vol-1": "VolumeSnapshotContent made of shop/daily", "snap-vol-2": "VolumeSnapshotContent making of shop/daily",
		"vol-2": "VolumeSnapshotContent making of shop/daily", "vol-3": "Velero PodVolumeBackup running", "vol-4": "Velero DataUpload moving",
	}
	if diff := cmp.Diff(want, c.Wanted); diff != "" || len(gaps) > 0 {
		t.Errorf("gaps %v (-want +got):\n%s", gaps, diff)
	}
}

// TestPages reads 1,201 pods page by page from a server whose pages are lost once, as those of a slow reader are.
func TestPages(t *testing.T) {
	asked, expired := 0, false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		q := r.URL.Query()
		if asked++; q.Get("limit") != "500" {
			t.Errorf("a page of %q", q.Get("limit"))
		}
		from, _ := strconv.Atoi(q.Get("continue"))
		if from == 1000 && !expired {
			expired = true
			w.WriteHeader(http.StatusGone)
			_ = json.NewEncoder(w).Encode(apierrors.NewResourceExpired("too old").ErrStatus)
			return
		}
		list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}}
		for i := from; i < min(from+500, 1201); i++ {
			list.Items = append(list.Items, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("p", i)}})
		}
		if from+500 < 1201 {
			list.Continue = strconv.Itoa(from + 500)
		}
		_ = json.NewEncoder(w).Encode(list)
	}))
	defer server.Close()
	client, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	pods, err := all(context.Background(), client.CoreV1().Pods("").List, items.pods, func(*corev1.Pod) {})
	if err != nil || len(pods) != 1201 || asked != 6 {
		t.Fatalf("%d pods in %d requests: %v", len(pods), asked, err)
	}
	seen := map[string]bool{}
	for _, p := range pods {
		seen[p.Name] = true
	}
	if len(seen) != 1201 {
		t.Errorf("%d different pods", len(seen))
	}
}

func TestTrimmedPodsShareWhatTheyHaveInCommon(t *testing.T) {
	secret := "hunter2"
	build := func(n int) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: meta(fmt.Sprint("api-", n), by("ReplicaSet", "api"))}
		p.Labels = map[string]string{"app": "api"}
		p.Annotations = map[string]string{"karpenter.sh/do-not-disrupt": "true", "kubectl.kubernetes.io/last-applied-configuration": strings.Repeat(secret, 100)}
		p.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
		p.Spec = corev1.PodSpec{
			NodeName: fmt.Sprint("n", n), NodeSelector: map[string]string{"disk": "ssd"},
			Containers: []corev1.Container{{
				Name: "app", Image: "app:1", Env: []corev1.EnvVar{{Name: "PASSWORD", Value: secret}}, Args: []string{"-Xmx512m", "--password=" + secret},
				Ports: []corev1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 81, HostPort: 81}},
			}},
			Volumes: []corev1.Volume{
				{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}}},
				{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			},
		}
		return p
	}
	trimmer := newTrimmer()
	a, b := build(1), build(2)
	trimmer.pod(a)
	trimmer.pod(b)
	text, err := json.Marshal(a)
	if err != nil || strings.Contains(string(text), secret) {
		t.Errorf("what a customer hides is kept: %s, %v", text, err)
	}
	c := a.Spec.Containers[0]
	if a.Annotations["karpenter.sh/do-not-disrupt"] != "true" || a.ManagedFields != nil || len(c.Args) != 1 || len(c.Ports) != 1 || len(a.Spec.Volumes) != 1 {
		t.Errorf("trimmed to %+v", a)
	}
	if &a.Spec.Containers[0] != &b.Spec.Containers[0] || &a.Spec.Volumes[0] != &b.Spec.Volumes[0] || a.Spec.NodeName != "n1" || b.Spec.NodeName != "n2" {
		t.Errorf("pods of one ReplicaSet do not share what they have in common")
	}
}
