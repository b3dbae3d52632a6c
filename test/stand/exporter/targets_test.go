package exporter_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

type group struct {
	Targets []string
	Labels  map[string]string
}

func discover(t *testing.T, h http.HandlerFunc) []group {
	t.Helper()
	rec := httptest.NewRecorder()
	h(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if got := rec.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q: Prometheus wants application/json", got)
	}
	var groups []group
	if err := json.Unmarshal(rec.Body.Bytes(), &groups); err != nil || groups == nil {
		t.Fatalf("not a list: %v\n%s", err, rec.Body)
	}
	return groups
}

func TestPodTargets(t *testing.T) {
	pod := func(name string, edit func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: name, Labels: map[string]string{"app": "cart"},
				Annotations: map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
			},
			Spec:   corev1.PodSpec{NodeName: "n1"},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.1.0.7"},
		}
		edit(p)
		return p
	}
	e := start(t, fake.NewClientset(
		pod("good", func(*corev1.Pod) {}),
		pod("named", func(p *corev1.Pod) { p.Labels = map[string]string{"app.kubernetes.io/name": "till"} }),
		pod("silent", func(p *corev1.Pod) { delete(p.Annotations, "prometheus.io/scrape") }),
		pod("portless", func(p *corev1.Pod) { delete(p.Annotations, "prometheus.io/port") }),
		pod("done", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }),
		pod("nowhere", func(p *corev1.Pod) { p.Status.PodIP = "" }),
	))
	want := []group{
		{Targets: []string{"10.1.0.7:8080"}, Labels: map[string]string{"namespace": "shop", "pod": "good", "node": "n1", "service": "cart"}},
		{Targets: []string{"10.1.0.7:8080"}, Labels: map[string]string{"namespace": "shop", "pod": "named", "node": "n1", "service": "till"}},
	}
	got := discover(t, e.PodTargets)
	slices.SortFunc(got, func(a, b group) int { return strings.Compare(a.Labels["pod"], b.Labels["pod"]) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

func TestCadvisorTargets(t *testing.T) {
	api, err := url.Parse("https://10.0.0.1:6443/clusters/a")
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}))
	want := []group{{
		Targets: []string{"10.0.0.1:6443"},
		Labels: map[string]string{
			"node": "n1", "__scheme__": "https", "__metrics_path__": "/clusters/a/api/v1/nodes/n1/proxy/metrics/cadvisor",
		},
	}}
	if diff := cmp.Diff(want, discover(t, e.CadvisorTargets(api))); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	none := start(t, fake.NewClientset())
	if got := discover(t, none.PodTargets); len(got) != 0 {
		t.Errorf("targets without pods: %v", got)
	}
}
