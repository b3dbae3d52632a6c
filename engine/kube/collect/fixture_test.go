package collect

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/engine"
)

var updateGolden = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is the onset of every incident here.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func at(before time.Duration) metav1.Time { return metav1.NewTime(noon.Add(-before)) }

func meta(name string, age time.Duration, owner ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "pay", Name: name, UID: types.UID("uid-" + name), OwnerReferences: owner, CreationTimestamp: at(age)}
}

func by(kind, name string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{Kind: kind, Name: name, UID: types.UID("uid-" + name), Controller: &yes}
}

func wrote(manager string, before time.Duration, fields string) metav1.ManagedFieldsEntry {
	when := at(before)
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, Time: &when, FieldsV1: metav1.NewFieldsV1(fields)}
}

func template(image string, env ...corev1.EnvVar) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "api"}},
		Spec: corev1.PodSpec{
			ServiceAccountName: "api",
			Containers: []corev1.Container{{
				Name: "app", Image: image, Env: env,
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")}},
			}},
		},
	}
}

var selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api"}}

func deployment(t corev1.PodTemplateSpec) *appsv1.Deployment {
	replicas := int32(3)
	return &appsv1.Deployment{
		ObjectMeta: meta("api", 48*time.Hour), Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: selector, Template: t},
		Status: appsv1.DeploymentStatus{UpdatedReplicas: 1, ReadyReplicas: 2, AvailableReplicas: 2, Conditions: []appsv1.DeploymentCondition{{
			Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "ReplicaSetUpdated", Message: `ReplicaSet "api-2" is progressing.`, LastUpdateTime: at(time.Minute),
		}}},
	}
}

func replicaSet(revision int, age time.Duration, t corev1.PodTemplateSpec) *appsv1.ReplicaSet {
	rs := &appsv1.ReplicaSet{ObjectMeta: meta(fmt.Sprintf("api-%d", revision), age, by("Deployment", "api")), Spec: appsv1.ReplicaSetSpec{Template: t}}
	rs.Labels, rs.Annotations = map[string]string{"app": "api"}, map[string]string{revisionKey: fmt.Sprint(revision)}
	return rs
}

func podOf(name, replicaSet string, t corev1.PodTemplateSpec) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: meta(name, 10*time.Minute, by("ReplicaSet", replicaSet)), Spec: *t.Spec.DeepCopy()}
	p.Labels, p.Spec.NodeName = map[string]string{"app": "api"}, "n1"
	p.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBurstable,
		Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", Ready: true, Image: t.Spec.Containers[0].Image, ImageID: "sha256:1", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(9 * time.Minute)}},
		}},
	}
	return p
}

func crashing(p *corev1.Pod, restarts int32) *corev1.Pod {
	c := &p.Status.ContainerStatuses[0]
	c.Ready, c.RestartCount = false, restarts
	c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 40s restarting failed container"}}
	c.LastTerminationState = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: 3, Reason: "Error", StartedAt: at(32 * time.Second), FinishedAt: at(30 * time.Second),
	}}
	p.Status.Conditions[1] = corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, Reason: "ContainersNotReady"}
	return p
}

func event(name, kind, object, reason, message string, before time.Duration) *corev1.Event {
	return &corev1.Event{
		ObjectMeta: meta(name, before), Type: corev1.EventTypeWarning, Reason: reason, Message: message, Count: 2, LastTimestamp: at(before),
		InvolvedObject: corev1.ObjectReference{Kind: kind, Namespace: "pay", Name: object}, Source: corev1.EventSource{Component: "kubelet"},
	}
}

func incident(kind, name string, signals ...engine.Signal) engine.Incident {
	w := engine.Workload{Cluster: "prod", Namespace: "pay", Kind: kind, Name: name}
	if kind == engine.KindNode {
		w.Namespace = ""
	}
	return engine.Incident{ID: 7, Workload: w, StartedAt: noon, Signals: signals}
}

// serves makes the fake API server answer with logs, by "pod/container/previous".
func serves(client *fake.Clientset, logs map[string]string) {
	client.PrependReactor("get", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		if a.GetSubresource() != "log" {
			return false, nil, nil
		}
		g, ok := a.(clienttesting.GenericActionImpl)
		if !ok {
			return true, nil, errors.New("not a request for a log")
		}
		opts, ok := g.Value.(*corev1.PodLogOptions)
		if !ok || opts.TailLines == nil || opts.LimitBytes == nil || !opts.Timestamps {
			return true, nil, errors.New("a log is asked for without limits or times")
		}
		text, ok := logs[fmt.Sprintf("%s/%t", opts.Container, opts.Previous)]
		if !ok {
			return true, nil, apierrors.NewBadRequest("previous terminated container not found")
		}
		lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
		return true, &runtime.Unknown{Raw: []byte(strings.Join(lines[max(0, len(lines)-int(*opts.TailLines)):], ""))}, nil
	})
}

func forbid(client *fake.Clientset, verb, resource string) {
	client.PrependReactor(verb, resource, func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no"))
	})
}

func source(client *fake.Clientset) Source {
	return Source{Cluster: "prod", Client: client, Now: func() time.Time { return noon.Add(30 * time.Second) }}
}

// gather runs every collector and gives what they found and failed with, by name.
func gather(t *testing.T, client *fake.Clientset, i engine.Incident) (map[string][]engine.Evidence, map[string]error) {
	t.Helper()
	found, failed := map[string][]engine.Evidence{}, map[string]error{}
	ids := map[string]bool{}
	for _, c := range All(source(client)) {
		list, err := c.Collect(t.Context(), i)
		if err != nil {
			failed[c.Name()] = err
		}
		found[c.Name()] = list
		for _, e := range list {
			key := e.Collector + " " + e.ID
			if ids[key] && e.Kind != engine.EvidenceEvent {
				t.Errorf("two lines of evidence have the id %q", e.ID)
			}
			ids[key] = true
			if e.Collector != c.Name() || e.Text == "" || e.Kind == "" || len(e.Text) > maxText {
				t.Errorf("evidence %+v", e)
			}
		}
	}
	return found, failed
}

func texts(list []engine.Evidence) []string {
	var out []string
	for _, e := range list {
		out = append(out, e.Text)
	}
	return out
}

func wantTexts(t *testing.T, name string, found map[string][]engine.Evidence, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, texts(found[name])); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// golden compares all evidence with a file: what people read, and every field that causes rest on.
func golden(t *testing.T, name string, found map[string][]engine.Evidence) {
	t.Helper()
	var b strings.Builder
	for _, c := range All(source(fake.NewSimpleClientset())) {
		for _, e := range found[c.Name()] {
			fmt.Fprintf(&b, "%s  %s  [%s]\n", c.Name(), e.Text, e.ID)
			var keys []string
			for k := range e.Fields {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range keys {
				fmt.Fprintf(&b, "    %s = %q\n", k, e.Fields[k])
			}
		}
	}
	file := filepath.Join("testdata", name+".txt")
	if *updateGolden {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("evidence differs from %s; run with -update if that is right (-want +got):\n%s", file, diff)
	}
}

func client(objects ...runtime.Object) *fake.Clientset { return fake.NewSimpleClientset(objects...) }
