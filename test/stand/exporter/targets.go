package exporter

import (
	"cmp"
	"encoding/json"
	"net"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// targetGroup is what Prometheus' HTTP discovery reads.
type targetGroup struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// PodTargets answers Prometheus' HTTP discovery with the running pods that are
// annotated with prometheus.io/scrape "true" and prometheus.io/port. Their series
// get the labels namespace, pod, node and, from the pod's label app or app.kubernetes.io/name, service.
// (Debian's Prometheus is built without discovery in Kubernetes.)
func (e *Exporter) PodTargets(w http.ResponseWriter, _ *http.Request) {
	pods, err := e.pods.List(labels.Everything())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	groups := []targetGroup{}
	for _, p := range pods {
		port := p.Annotations["prometheus.io/port"]
		if p.Annotations["prometheus.io/scrape"] != "true" || port == "" || p.Status.Phase != corev1.PodRunning || p.Status.PodIP == "" {
			continue
		}
		groups = append(groups, targetGroup{
			Targets: []string{net.JoinHostPort(p.Status.PodIP, port)},
			Labels:  map[string]string{"namespace": p.Namespace, "pod": p.Name, "node": p.Spec.NodeName, "service": cmp.Or(p.Labels["app"], p.Labels["app.kubernetes.io/name"])},
		})
	}
	answer(w, groups)
}

// CadvisorTargets answers Prometheus' HTTP discovery with the cadvisor page of
// each node, by way of the API server at api.
func (e *Exporter) CadvisorTargets(api *url.URL) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		nodes, err := e.nodes.List(labels.Everything())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		groups := []targetGroup{}
		for _, n := range nodes {
			groups = append(groups, targetGroup{
				Targets: []string{api.Host},
				Labels: map[string]string{
					"node": n.Name, "__scheme__": api.Scheme,
					"__metrics_path__": api.JoinPath("api/v1/nodes", n.Name, "proxy/metrics/cadvisor").Path,
				},
			})
		}
		answer(w, groups)
	}
}

func answer(w http.ResponseWriter, groups []targetGroup) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(groups) // it fails only when the reader has gone
}
