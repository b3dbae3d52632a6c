package exporter_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/eks-autopilot/autopilot/test/stand/exporter"
)

var update = flag.Bool("update", false, "rewrite the golden file")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var then = metav1.NewTime(time.Unix(1_700_000_000, 0))

func meta(name string, owners ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: "uid-1", CreationTimestamp: then, OwnerReferences: owners}
}

func owned(kind, name string) metav1.OwnerReference {
	return metav1.OwnerReference{Kind: kind, Name: name, Controller: new(true)}
}

// objects has one of everything, in states that show each family.
func objects() []runtime.Object {
	amounts := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	}
	oom := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137, FinishedAt: then}}
	return []runtime.Object{
		&corev1.Pod{
			ObjectMeta: meta("cart-7d9-x1", owned("ReplicaSet", "cart-7d9")),
			Spec: corev1.PodSpec{
				NodeName: "n1", PriorityClassName: "high",
				Containers: []corev1.Container{{Name: "app", Image: "cart:2", Resources: corev1.ResourceRequirements{
					Requests: amounts("250m", "64Mi"), Limits: amounts("1", "128Mi"),
				}}},
				InitContainers: []corev1.Container{{
					Name: "mesh", Image: "mesh:1", RestartPolicy: new(corev1.ContainerRestartPolicyAlways),
					Resources: corev1.ResourceRequirements{Limits: amounts("500m", "32Mi")},
				}},
			},
			Status: corev1.PodStatus{
				Phase: corev1.PodRunning, HostIP: "10.0.0.1", PodIP: "10.1.0.7", StartTime: &then,
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}},
				ContainerStatuses: []corev1.ContainerStatus{{
					Name: "app", Image: "registry/cart:2", ImageID: "sha256:1", ContainerID: "containerd://1", RestartCount: 4,
					State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
					LastTerminationState: oom,
				}},
				InitContainerStatuses: []corev1.ContainerStatus{{
					Name: "mesh", Image: "registry/mesh:1", RestartCount: 1, Ready: true, LastTerminationState: oom,
					State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
				}},
			},
		},
		&corev1.Pod{
			ObjectMeta: meta("bare"),
			Status: corev1.PodStatus{
				Phase: corev1.PodFailed, Reason: "Evicted",
				ContainerStatuses:     []corev1.ContainerStatus{{Name: "app", State: oom}},
				InitContainerStatuses: []corev1.ContainerStatus{{Name: "init", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}, {Name: "done", State: oom}},
			},
		},
		&corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: "n1", CreationTimestamp: then},
			Spec:       corev1.NodeSpec{Unschedulable: true, ProviderID: "aws:///eu-west-1a/i-1", Taints: []corev1.Taint{{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectNoSchedule}}},
			Status: corev1.NodeStatus{
				Capacity: amounts("4", "16Gi"), Allocatable: amounts("3900m", "15Gi"),
				Addresses:  []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "n1"}, {Type: corev1.NodeInternalIP, Address: "10.0.0.1"}},
				Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown}},
			},
		},
		&corev1.PersistentVolumeClaim{
			ObjectMeta: meta("data-db-0"),
			Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: new("gp3")},
			Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
		},
		&appsv1.Deployment{
			ObjectMeta: meta("cart"),
			Spec: appsv1.DeploymentSpec{Replicas: new(int32(6)), Strategy: appsv1.DeploymentStrategy{
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: new(intstr.FromString("25%"))},
			}},
			Status: appsv1.DeploymentStatus{Replicas: 6, ReadyReplicas: 5, AvailableReplicas: 4, UnavailableReplicas: 2, UpdatedReplicas: 3},
		},
		&appsv1.Deployment{ObjectMeta: meta("recreated"), Spec: appsv1.DeploymentSpec{Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}}},
		&appsv1.ReplicaSet{ObjectMeta: meta("cart-7d9", owned("Deployment", "cart"))},
		&appsv1.StatefulSet{
			ObjectMeta: meta("db"), Spec: appsv1.StatefulSetSpec{Replicas: new(int32(3))},
			Status: appsv1.StatefulSetStatus{Replicas: 3, ReadyReplicas: 2, AvailableReplicas: 1, UpdatedReplicas: 1, CurrentRevision: "db-a", UpdateRevision: "db-b"},
		},
		&appsv1.DaemonSet{
			ObjectMeta: meta("agent"),
			Status: appsv1.DaemonSetStatus{
				DesiredNumberScheduled: 6, CurrentNumberScheduled: 5, NumberReady: 4, NumberAvailable: 3, NumberUnavailable: 2, UpdatedNumberScheduled: 1,
			},
		},
		&batchv1.Job{ObjectMeta: meta("report-28", owned("CronJob", "report")), Status: batchv1.JobStatus{
			Failed: 2, Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded"}},
		}},
		&batchv1.Job{ObjectMeta: meta("import"), Status: batchv1.JobStatus{
			Succeeded: 1, Conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}},
		}},
		&batchv1.Job{ObjectMeta: meta("odd"), Status: batchv1.JobStatus{
			Failed: 3, Conditions: []batchv1.JobCondition{{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "PodFailurePolicy"}},
		}},
	}
}

func start(t *testing.T, client *fake.Clientset) *exporter.Exporter {
	t.Helper()
	e := exporter.New(client)
	if err := e.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	return e
}

func scrape(t *testing.T, e *exporter.Exporter) string {
	t.Helper()
	rec := httptest.NewRecorder()
	e.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(rec.Result().Body)
	if err != nil || rec.Code != http.StatusOK {
		t.Fatalf("scrape: %d %v\n%s", rec.Code, err, body)
	}
	return string(body)
}

func TestEverySeries(t *testing.T) {
	got := scrape(t, start(t, fake.NewClientset(objects()...)))
	const golden = "testdata/metrics.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("metrics (-want +got), -update rewrites them:\n%s", diff)
	}
}

// TestTheRulesReadNothingElse holds the exporter to the shipped alert rules.
func TestTheRulesReadNothingElse(t *testing.T) {
	rules, err := os.ReadFile("../../../deploy/alerts/autopilot.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// Metrics alone: comments name labels and programs too.
	var code []byte
	for line := range bytes.Lines(rules) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) {
			code = append(code, line...)
		}
	}
	got := scrape(t, start(t, fake.NewClientset(objects()...)))
	const either = "(init_)?"
	seen := 0
	for _, name := range regexp.MustCompile(`kube_[a-z_]+(?:\(init_\)\?[a-z_]+)?`).FindAllString(string(code), -1) {
		for _, full := range []string{strings.Replace(name, either, "", 1), strings.Replace(name, either, "init_", 1)} {
			seen++
			if !strings.Contains(got, "\n"+full+"{") {
				t.Errorf("the rules read %s, which is not shown", full)
			}
		}
	}
	if seen < 40 {
		t.Fatalf("found %d names in the rules: the pattern is wrong", seen)
	}
}

func TestChangesAndDeletionsShow(t *testing.T) {
	client := fake.NewClientset(objects()...)
	e := start(t, client)
	pods := client.CoreV1().Pods("shop")
	pod, err := pods.Get(t.Context(), "cart-7d9-x1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.Status.ContainerStatuses[0].RestartCount = 5
	if _, err := pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := pods.Delete(t.Context(), "bare", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	restarts := `kube_pod_container_status_restarts_total{container="app",namespace="shop",pod="cart-7d9-x1",uid="uid-1"} 5`
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		got := scrape(t, e)
		if strings.Contains(got, restarts) && !strings.Contains(got, `pod="bare"`) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the changes are not shown:\n%s", got)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestStartFailsWhenItCannotSee(t *testing.T) {
	client := fake.NewClientset()
	client.PrependReactor("list", "pods", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, nil, context.DeadlineExceeded
	})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := exporter.New(client).Start(ctx)
	if err == nil || !strings.Contains(err.Error(), "Pod") {
		t.Fatalf("err = %v, want one that names the kind", err)
	}
}
