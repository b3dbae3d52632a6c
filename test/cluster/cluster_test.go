package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/eks-autopilot/autopilot/test/cluster"
)

// start runs a cluster for a test, which stops it.
func start(t *testing.T, cfg cluster.Config) *cluster.Cluster {
	t.Helper()
	began := time.Now()
	cfg.Progress = func(line string) { t.Logf("%5.1fs %s: %s", time.Since(began).Seconds(), cfg.Name, line) }
	c, err := cluster.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%5.1fs %s is ready", time.Since(began).Seconds(), cfg.Name)
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return c
}

// create makes a pod of one container.
func create(t *testing.T, c *cluster.Cluster, name string, change func(*corev1.Pod)) {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: cluster.BusyboxImage}}},
	}
	change(pod)
	if _, err := c.Client().CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// shell is a container's command.
func shell(script string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Containers[0].Command = []string{"sh", "-c", script} }
}

// patience bounds each wait, on a machine that has much else to do; no test measures time.
const patience = 3 * time.Minute

// waitFor asks until check is content, and fails with what it last said.
func waitFor(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", patience, err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// waitContainer waits until the pod's first container is in a wanted state.
func waitContainer(t *testing.T, c *cluster.Cluster, pod string, want func(corev1.ContainerStatus) bool) corev1.ContainerStatus {
	t.Helper()
	var found corev1.ContainerStatus
	waitFor(t, func() error {
		got, err := c.Client().CoreV1().Pods("default").Get(t.Context(), pod, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(got.Status.ContainerStatuses) == 0 || !want(got.Status.ContainerStatuses[0]) {
			return fmt.Errorf("pod %s is %s: %+v", pod, got.Status.Phase, got.Status.ContainerStatuses)
		}
		found = got.Status.ContainerStatuses[0]
		return nil
	})
	return found
}

func waits(reason string) func(corev1.ContainerStatus) bool {
	return func(s corev1.ContainerStatus) bool { return s.State.Waiting != nil && s.State.Waiting.Reason == reason }
}

// logs is what the pod's container wrote; it is asked for until it holds want.
func logs(t *testing.T, c *cluster.Cluster, pod, want string, opts corev1.PodLogOptions) string {
	t.Helper()
	var text string
	waitFor(t, func() error {
		body, err := c.Client().CoreV1().Pods("default").GetLogs(pod, &opts).DoRaw(t.Context())
		if err != nil {
			return err
		}
		if text = string(body); !strings.Contains(text, want) {
			return fmt.Errorf("log of %s is %q, want %q in it", pod, text, want)
		}
		return nil
	})
	return text
}

// waitNode waits until a node's Ready condition has a status.
func waitNode(t *testing.T, c *cluster.Cluster, name string, want corev1.ConditionStatus) {
	t.Helper()
	waitFor(t, func() error {
		node, err := c.Client().CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, cond := range node.Status.Conditions {
			if cond.Type == corev1.NodeReady && cond.Status == want {
				return nil
			}
		}
		return fmt.Errorf("node %s: want Ready %s, has %+v", name, want, node.Status.Conditions)
	})
}

// waitReady waits until a pod's Ready condition has a status.
func waitReady(t *testing.T, c *cluster.Cluster, name string, want corev1.ConditionStatus) {
	t.Helper()
	waitFor(t, func() error {
		pod, err := c.Client().CoreV1().Pods("default").Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for _, cond := range pod.Status.Conditions {
			if cond.Type == corev1.PodReady && cond.Status == want {
				return nil
			}
		}
		return fmt.Errorf("pod %s: want Ready %s, has %+v", name, want, pod.Status.Conditions)
	})
}

// TestKWOK runs what needs no rights: the control plane, simulated nodes, and every way in which a
// simulated pod fails.
func TestKWOK(t *testing.T) {
	t.Parallel()
	c := start(t, cluster.Config{Name: "kwok", Dir: t.TempDir(), Mode: cluster.KWOK, KWOKNodes: 4, AuditLog: true})
	if node := c.NodeName(); node != "" {
		t.Errorf("node name %q in a cluster without a real node", node)
	}

	t.Run("failures", func(t *testing.T) {
		for _, tt := range []struct {
			fail, reason string
			exit         int32
			message      string
		}{
			{fail: cluster.FailCrash, reason: "CrashLoopBackOff", exit: 3},
			{fail: cluster.FailOOM, reason: "CrashLoopBackOff", exit: 137},
			{fail: cluster.FailImage, reason: "ImagePullBackOff", message: "shop/api:v9: not found"},
			{fail: cluster.FailConfig, reason: "CreateContainerConfigError", message: `configmap "settings" not found`},
		} {
			name := "fail-" + strings.ToLower(tt.fail)
			create(t, c, name, func(pod *corev1.Pod) {
				pod.Annotations = map[string]string{cluster.FailAnnotation: tt.fail}
				if tt.fail == cluster.FailCrash {
					pod.Annotations[cluster.ExitCodeAnnotation] = "3"
					pod.Annotations[cluster.LogAnnotation] = "FATAL: cannot connect to db:5432\n"
				}
				if tt.fail == cluster.FailConfig {
					pod.Annotations[cluster.MessageAnnotation] = `configmap "settings" not found`
				}
				pod.Spec.Containers[0].Image = "shop/api:v9"
			})
			got := waitContainer(t, c, name, waits(tt.reason))
			if !strings.Contains(got.State.Waiting.Message, tt.message) {
				t.Errorf("%s: message %q, want %q in it", tt.fail, got.State.Waiting.Message, tt.message)
			}
			if tt.exit == 0 {
				continue
			}
			if last := got.LastTerminationState.Terminated; last == nil || last.ExitCode != tt.exit || got.RestartCount < 1 {
				t.Errorf("%s: last state %+v after %d restarts, want exit code %d", tt.fail, last, got.RestartCount, tt.exit)
			}
		}
		logs(t, c, "fail-crashloopbackoff", "FATAL: cannot connect to db:5432", corev1.PodLogOptions{Previous: true})
		create(t, c, "fail-evicted", func(pod *corev1.Pod) {
			pod.Annotations = map[string]string{cluster.FailAnnotation: cluster.FailEvicted}
		})
		waitFor(t, func() error {
			pod, err := c.Client().CoreV1().Pods("default").Get(t.Context(), "fail-evicted", metav1.GetOptions{})
			if err != nil || pod.Status.Phase != corev1.PodFailed || pod.Status.Reason != "Evicted" {
				return fmt.Errorf("evicted pod is %s %s: %w", pod.Status.Phase, pod.Status.Reason, err)
			}
			return nil
		})
	})

	t.Run("node down and up", func(t *testing.T) {
		const node = "kwok-002"
		create(t, c, "on-the-node", func(p *corev1.Pod) { p.Spec.NodeName = node })
		waitReady(t, c, "on-the-node", corev1.ConditionTrue)
		if err := c.KillNode(t.Context(), node); err != nil {
			t.Fatal(err)
		}
		waitNode(t, c, node, corev1.ConditionUnknown)
		waitReady(t, c, "on-the-node", corev1.ConditionFalse)
		if err := c.RestoreNode(t.Context(), node); err != nil {
			t.Fatal(err)
		}
		waitNode(t, c, node, corev1.ConditionTrue)
		waitReady(t, c, "on-the-node", corev1.ConditionTrue)
	})

	t.Run("parts", func(t *testing.T) { parts(t, c) })

	t.Run("user with few rights", func(t *testing.T) { fewRights(t, c) })

	t.Run("API server down and up", func(t *testing.T) {
		if err := c.StopAPIServer(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{}); err == nil {
			t.Error("the API server still answers")
		}
		if err := c.StartAPIServer(t.Context()); err != nil {
			t.Fatal(err)
		}
		nodes, err := c.Client().CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil || len(nodes.Items) != 4 {
			t.Errorf("%d nodes after the restart, want 4: %v", len(nodes.Items), err)
		}
	})

	audit, err := os.ReadFile(filepath.Join(c.LogDir(), "audit.log"))
	if err != nil || !strings.Contains(string(audit), `"resource":"secrets"`) {
		t.Errorf("the audit log lacks the refused request for secrets (%d bytes): %v", len(audit), err)
	}
}

// parts kills a part behind the cluster's back, and stops one, and has both again.
func parts(t *testing.T, c *cluster.Cluster) {
	health := func(want ...string) {
		t.Helper()
		got := c.Health(t.Context())
		var well []string
		for _, name := range c.Parts() {
			if err, asked := got[name]; asked && err == nil {
				well = append(well, name)
			}
		}
		if diff := cmp.Diff(want, well); diff != "" {
			t.Errorf("parts that are well (-want +got):\n%s\n%v", diff, got)
		}
	}
	health("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
	if err := syscall.Kill(c.Processes()["kube-scheduler"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := c.StopPart("kwok"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() error {
		// It may refuse connections a moment before it counts as ended, and be started again only then.
		if err := c.Health(t.Context())["kube-scheduler"]; err == nil || !strings.Contains(err.Error(), "kube-scheduler ended") {
			return fmt.Errorf("a killed scheduler is %w", err)
		}
		return nil
	})
	health("etcd", "kube-apiserver", "kube-controller-manager")
	for _, name := range []string{"kube-scheduler", "kwok"} {
		if err := c.StartPart(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	health("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
	if err := c.StartPart(t.Context(), "kubelet"); err == nil || !strings.Contains(err.Error(), `no part "kubelet"`) {
		t.Errorf("start a kubelet where there is none: %v", err)
	}
}

// fewRights makes a user who may read pods, and nothing else.
func fewRights(t *testing.T, c *cluster.Cluster) {
	rules := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list"}}}
	path, err := c.UserKubeconfig(t.Context(), "reader", rules)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := kubernetes.NewForConfig(conf)
	if err != nil {
		t.Fatal(err)
	}
	// The role is in the store at once, and in the authoriser's cache a moment later.
	waitFor(t, func() error {
		_, err := reader.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
		return err
	})
	if _, err := reader.CoreV1().Secrets("").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("the reader of pods lists secrets: %v", err)
	}
}

func TestExternal(t *testing.T) {
	_, err := cluster.Start(t.Context(), cluster.Config{Mode: cluster.External, Kubeconfig: filepath.Join(t.TempDir(), "none")})
	if err == nil {
		t.Error("a cluster without a kubeconfig was reached")
	}
	t.Chdir(t.TempDir())
	err = os.WriteFile("config", []byte(`{apiVersion: v1, kind: Config, current-context: a,
contexts: [{name: a, context: {cluster: a, user: u}}, {name: b, context: {cluster: b, user: u}}],
clusters: [{name: a, cluster: {server: "https://a:6443"}}, {name: b, cluster: {server: "https://b:6443"}}],
users: [{name: u, user: {token: t}}]}`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, cluster.Config{Mode: cluster.External, Kubeconfig: "config", Context: "b"})
	if host := c.RESTConfig().Host; host != "https://b:6443" || c.Context() != "b" {
		t.Errorf("host %s, context %s; want those of b", host, c.Context())
	}
	// The bot runs in a folder of its own.
	if _, err := os.Stat(c.Kubeconfig()); err != nil || !filepath.IsAbs(c.Kubeconfig()) {
		t.Errorf("kubeconfig %q, %v; want it found from anywhere", c.Kubeconfig(), err)
	}
}

func TestConfigRefused(t *testing.T) {
	for _, tt := range []struct {
		cfg  cluster.Config
		want string
	}{
		{cluster.Config{Name: "Not_A_Label"}, "want a DNS label"},
		{cluster.Config{Name: "name-that-is-far-too-long"}, "want a DNS label"},
		{cluster.Config{Mode: "minikube"}, `want "node"`},
		{cluster.Config{Mode: cluster.KWOK, KWOKNodes: -1}, "want 0 or more"},
		{cluster.Config{Mode: cluster.KWOK, CrashLoopMax: time.Hour}, "the kubelet takes 1s to 5m0s"},
		{cluster.Config{Mode: cluster.KWOK, NodeGrace: time.Second}, "want whole seconds, at least 4"},
		{cluster.Config{Mode: cluster.KWOK, NodeGrace: 4500 * time.Millisecond}, "want whole seconds, at least 4"},
	} {
		if _, err := cluster.Start(t.Context(), tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want %q in it", tt.cfg, err, tt.want)
		}
	}
}
