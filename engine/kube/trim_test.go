package kube

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/eks-autopilot/autopilot/engine/detect"
)

// fat is a pod as an EKS cluster has them: a service with a sidecar, a dozen variables, managed fields.
func fat(n int) *corev1.Pod {
	s := func(format string, args ...any) string { return strings.Clone(fmt.Sprintf(format, args...)) } // as decoded: no string is shared
	p := pod(s("api-%d-x", n), by("ReplicaSet", s("api-%d", n%50)))
	p.Namespace, p.UID = s("team-%d", n%20), types.UID(s("uid-%d", n))
	p.Labels = map[string]string{s("app.kubernetes.io/name"): s("api"), s("app.kubernetes.io/part-of"): s("shop"), s("team"): s("team-%d", n%20)}
	p.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": strings.Repeat("x", 2000), "prometheus.io/scrape": "true"}
	p.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubelet", FieldsV1: metav1.NewFieldsV1(strings.Repeat("f", 4000))}}
	for _, name := range []string{"sidecar", "proxy"} {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: s("%s", name), Image: s("registry/%s:1", name)})
		p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: s("%s", name), Image: s("registry/%s:1", name), ImageID: s("sha256:%064d", n), ContainerID: s("containerd://%064d", n), Ready: true,
		})
	}
	for i := range p.Spec.Containers {
		c := &p.Spec.Containers[i]
		for v := range 12 {
			c.Env = append(c.Env, corev1.EnvVar{Name: s("VARIABLE_%d", v), Value: s("hunter2-%d", v)})
		}
		c.Args = []string{s("--token=hunter2"), s("--verbose")}
		c.LivenessProbe = &corev1.Probe{PeriodSeconds: 10, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: s("/healthz")}}}
		c.VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: s("/data")}, {Name: "token", MountPath: s("/var/run/secrets")}}
	}
	p.Spec.Volumes = []corev1.Volume{
		{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}},
		{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
		{Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}}},
	}
	p.Spec.Tolerations = []corev1.Toleration{{Key: "node.kubernetes.io/not-ready"}, {Key: "node.kubernetes.io/unreachable"}}
	return p
}

func trimmed[T any](t *testing.T, obj T) T {
	t.Helper()
	out, err := trim(any(obj))
	if err != nil {
		t.Fatal(err)
	}
	same, ok := out.(T)
	if !ok {
		t.Fatalf("trim changed the type to %T", out)
	}
	return same
}

func TestTrimKeepsNoValuesOfTheEnvironment(t *testing.T) {
	p := trimmed(t, fat(1))
	if text := fmt.Sprintf("%+v", p); strings.Contains(text, "hunter2") || strings.Contains(text, "last-applied") {
		t.Errorf("the trimmed pod still has secrets: %s", text)
	}
}

// TestTrimKeepsWhatDetectionUses derives signals from whole objects and from trimmed ones.
func TestTrimKeepsWhatDetectionUses(t *testing.T) { synctest.Test(t, keepsWhatDetectionUses) } // in which time stands still

func keepsWhatDetectionUses(t *testing.T) {
	now := time.Now()
	build := func() detect.Scene {
		ill := crashed(fat(1), 4)
		unready := fat(2)
		unready.Status.ContainerStatuses[0].Ready = false
		unready.Status.Conditions[0].Status = corev1.ConditionFalse
		evicted := fat(3)
		evicted.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: memory."}
		evicted.Status.Conditions = []corev1.PodCondition{{Type: "DisruptionTarget", Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now)}}
		waiting := fat(4)
		waiting.Spec.NodeName, waiting.Status = "", corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", LastTransitionTime: metav1.NewTime(now.Add(-time.Hour)),
			Message: "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
		}}}
		pulling := fat(5)
		pulling.Status.ContainerStatuses[1].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "Back-off"}}
		d := deployment("api", 5)
		d.Status.ReadyReplicas = 1
		d.Labels = map[string]string{"team": "pay"}
		d.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded"}}
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: meta("data"), Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}}
		unhealthy := &corev1.Event{
			ObjectMeta: meta("e1"), Type: "Warning", Reason: "Unhealthy", Message: "Readiness probe failed: 500",
			FirstTimestamp: metav1.NewTime(now.Add(-10 * time.Minute)), LastTimestamp: metav1.NewTime(now),
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: unready.Name, Namespace: unready.Namespace, FieldPath: "spec.containers{app}"},
		}
		return detect.Scene{
			Workload: workload("Deployment", "api"), Deployment: d, Now: now, Events: []*corev1.Event{unhealthy},
			Pods: []*corev1.Pod{ill, unready, evicted, waiting, pulling}, Claims: []*corev1.PersistentVolumeClaim{claim},
			ReplicaSets: []*appsv1.ReplicaSet{replicaSet("api-1", "api")}, Nodes: map[string]*corev1.Node{"n1": node("n1", corev1.ConditionUnknown)},
		}
	}
	whole := detect.Signals(build())
	s := build()
	for _, p := range s.Pods {
		trimmed(t, p)
	}
	for _, n := range s.Nodes {
		trimmed(t, n)
	}
	trimmed(t, s.Deployment)
	trimmed(t, s.ReplicaSets[0])
	trimmed(t, s.Claims[0])
	trimmed(t, s.Events[0])
	if len(whole.Signals) < 6 {
		t.Fatalf("the scene shows only %d signals; it must show many, or it proves little", len(whole.Signals))
	}
	if diff := cmp.Diff(whole, detect.Signals(s)); diff != "" {
		t.Errorf("trimming changes what is detected (-whole +trimmed):\n%s", diff)
	}
}

func TestTrimKeepsTheClaimsOfAPod(t *testing.T) {
	p := trimmed(t, fat(7))
	keys, err := indexClaims(p)
	if diff := cmp.Diff([]string{"team-7/data", "team-7/api-7-x-scratch"}, keys); err != nil || diff != "" {
		t.Errorf("claims (-want +got): %v\n%s", err, diff)
	}
}

func TestTrimSharesStrings(t *testing.T) {
	a, b := trimmed(t, fat(1)), trimmed(t, fat(21)) // of the same team
	for _, pair := range [][2]string{
		{a.Namespace, b.Namespace},
		{a.Labels["team"], b.Labels["team"]},
		{a.Spec.Containers[1].Image, b.Spec.Containers[1].Image},
	} {
		if pair[0] != pair[1] || unsafe.StringData(pair[0]) != unsafe.StringData(pair[1]) {
			t.Errorf("%q is kept twice", pair[0])
		}
	}
}

func TestThePoolForgetsBeforeItGrowsTooLarge(t *testing.T) {
	p := &pool{all: map[string]string{}}
	for n := range 3 * poolLimit {
		p.of(fmt.Sprint(n))
	}
	if len(p.all) > poolLimit {
		t.Errorf("%d strings are kept", len(p.all))
	}
}

func TestATrimmedPodIsSmall(t *testing.T) {
	const count, limit = 10_000, 5500 // bytes of a pod of three containers, a third of them the structs' own
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	pods := make([]*corev1.Pod, count)
	for n := range pods {
		pods[n] = trimmed(t, fat(n))
	}
	each := (int64(heap()) - int64(before)) / count
	runtime.KeepAlive(pods)
	if each > limit {
		t.Errorf("a trimmed pod of three containers takes %d bytes; want at most %d", each, limit)
	}
}

func TestCutKeepsTextValid(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aé", 2, "a"}, {"", 0, ""}} {
		if got := cut(tt.in, tt.n); got != tt.want {
			t.Errorf("cut(%q, %d) = %q; want %q", tt.in, tt.n, got, tt.want)
		}
	}
}
