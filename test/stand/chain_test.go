package stand

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

// webhook is the bot's place at the end of the chain: it keeps every alert that
// came with the token, newest last.
type webhook struct {
	mu     sync.Mutex
	alerts []received
	others int // requests without the token
}

type received struct {
	Status      string
	Labels      map[string]string
	Annotations map[string]string
}

func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var group struct {
		Version string
		Alerts  []received
	}
	if err != nil || r.Header.Get("Authorization") != "Bearer hush" || json.Unmarshal(body, &group) != nil || group.Version != "4" {
		h.others++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	h.alerts = append(h.alerts, group.Alerts...)
}

// last is the newest alert of a name for a pod (or, with none, without a pod).
func (h *webhook) last(alert, pod string) (received, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range slices.Backward(h.alerts) {
		if a.Labels["alertname"] == alert && a.Labels["pod"] == pod {
			return a, true
		}
	}
	return received{}, false
}

func (h *webhook) saw(alert, pod, status string) func() error {
	return func() error {
		if a, ok := h.last(alert, pod); !ok || a.Status != status {
			return fmt.Errorf("%s of %q is %+v, want it %s", alert, pod, a, status)
		}
		return nil
	}
}

func crashing(name, node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, CreationTimestamp: metav1.Now(),
			OwnerReferences: []metav1.OwnerReference{{Kind: "StatefulSet", Name: "cart", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "app", RestartCount: 3, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		}}},
	}
}

// TestFromTheClusterToTheWebhook goes the whole way with real servers: objects,
// exporter, Prometheus with the shipped rules, Alertmanager with the shipped
// configuration, webhook.
func TestFromTheClusterToTheWebhook(t *testing.T) {
	bot := &webhook{}
	server := httptest.NewServer(bot)
	t.Cleanup(server.Close)
	ready := func(name string, status corev1.ConditionStatus) runtime.Object {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status}}},
		}
	}
	client := fake.NewClientset(ready("up", corev1.ConditionTrue), ready("down", corev1.ConditionUnknown), crashing("cart-0", "up"))

	exp := run(t, &Exporter{Client: client, Port: takePort(t)})
	am := run(t, &Alertmanager{
		Dir: t.TempDir(), Port: takePort(t), Webhook: server.URL, Token: "hush",
		GroupWait: time.Second, GroupInterval: time.Second, Watchdog: 2 * time.Second,
	})
	run(t, &Prometheus{
		Dir: t.TempDir(), Port: takePort(t), Interval: time.Second, Cluster: "demo", Alertmanager: am.URL(),
		Targets: exp.Targets(""),
	})

	eventually(t, bot.saw("Watchdog", "", "firing"))
	eventually(t, bot.saw("AutopilotCrashLoopBackOff", "cart-0", "firing"))
	got, _ := bot.last("AutopilotCrashLoopBackOff", "cart-0")
	for label, want := range map[string]string{
		"cluster": "demo", "namespace": "shop", "container": "app", "node": "up", "workload": "cart", "workload_kind": "StatefulSet", "severity": "warning",
	} {
		if got.Labels[label] != want {
			t.Errorf("label %s is %q, want %q", label, got.Labels[label], want)
		}
	}
	if want := "shop/cart: container app keeps crashing"; got.Annotations["summary"] != want {
		t.Errorf("summary %q, want %q", got.Annotations["summary"], want)
	}

	// Deleted, the pod resolves its alert at once.
	if err := client.CoreV1().Pods("shop").Delete(t.Context(), "cart-0", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, bot.saw("AutopilotCrashLoopBackOff", "cart-0", "resolved"))

	// A node that is down holds back the alerts of its pods, and of no others.
	eventually(t, bot.saw("AutopilotNodeNotReady", "", "firing"))
	for _, pod := range []*corev1.Pod{crashing("cart-1", "down"), crashing("cart-2", "up")} {
		if _, err := client.CoreV1().Pods("shop").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, bot.saw("AutopilotCrashLoopBackOff", "cart-2", "firing"))
	eventually(t, func() error {
		var alerts []struct {
			Labels map[string]string
			Status struct{ State string }
		}
		if err := getJSON(t.Context(), am.URL()+"/api/v2/alerts", &alerts); err != nil {
			return err
		}
		for _, a := range alerts {
			if a.Labels["pod"] == "cart-1" && a.Status.State == "suppressed" {
				return nil
			}
		}
		return fmt.Errorf("the alert of the pod on the node that is down is not held back: %v", alerts)
	})
	if a, ok := bot.last("AutopilotCrashLoopBackOff", "cart-1"); ok {
		t.Errorf("the bot was told of a pod on a node that is down: %v", a)
	}
	if bot.others != 0 {
		t.Errorf("%d requests came without the token, or not as version 4", bot.others)
	}
}
