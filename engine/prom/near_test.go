package prom

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// TestSuspects reads from a real Prometheus how a neighbourhood fared in which a callee is slow: the workload that waits for it is named
// with what it suffers, and the callee as the first suspect. A pod that is gone counts for its workload.
func TestSuspects(t *testing.T) {
	const every = 30 * time.Second
	since, onset := usageEnd.Add(-5*time.Hour), usageEnd.Add(-20*time.Minute)
	// A counter that grows by one rate before the onset, and by another since.
	per := func(before, after float64) func(time.Time) float64 {
		return func(at time.Time) float64 {
			if at.Before(onset) {
				return at.Sub(since).Seconds() * before
			}
			return onset.Sub(since).Seconds()*before + at.Sub(onset).Seconds()*after
		}
	}
	of := func(namespace, metric, pod string, value func(time.Time) float64, more ...string) past {
		return series(every, value, append([]string{"__name__", metric, "namespace", namespace, "pod", pod}, more...)...)
	}
	const front, cart, gone, web = "front-7d9f8c6b5d-x2x2x", "cart-5d9f8c6b5d-z9z9z", "cart-5d9f8c6b5d-g4g4g", "web-5d9f8c6b5d-w8w8w"
	p := serveHistory(t, 1,
		of("shop", "http_requests_total", front, per(10, 10), "code", "200"), of("shop", "http_request_duration_seconds_sum", front, per(1, 30)), of("shop", "http_request_duration_seconds_count", front, per(10, 10)),
		of("shop", "http_requests_total", cart, per(5, 10), "code", "200"), of("shop", "http_request_duration_seconds_sum", cart, per(0.25, 28)), of("shop", "http_request_duration_seconds_count", cart, per(5, 10)),
		of("shop", "http_requests_total", gone, in(since, onset, per(5, 0)), "code", "200"), of("shop", "http_request_duration_seconds_sum", gone, in(since, onset, per(0.25, 0))), of("shop", "http_request_duration_seconds_count", gone, in(since, onset, per(5, 0))),
		of("shop", cpuMetric, front, per(0.2, 0.2), "container", "app"), of("shop", cpuMetric, cart, per(0.2, 0.2), "container", "app"),
		of("far", "http_requests_total", "other-a", per(1, 1), "code", "500"),
		of("shop", clientMetric+"_sum", front, per(0.5, 30), "callee", "cart:8080/buy", "code", "200"), of("shop", clientMetric+"_count", front, per(10, 10), "callee", "cart:8080/buy", "code", "200"),
		of("shop", clientMetric+"_sum", cart, per(1, 1), "server_address", "db.far"), of("shop", clientMetric+"_count", cart, per(10, 10), "server_address", "db.far"),
		// Istio knows a caller of another namespace, by the word of who answers; Linkerd one by that of who calls. Both know what nothing names.
		of("shop", "istio_requests_total", web, per(1, 1), "reporter", "destination", "source_workload", "nightly", "source_workload_namespace", "jobs", "destination_workload", "web", "destination_workload_namespace", "shop"),
		of("shop", "istio_requests_total", front, per(1, 1), "reporter", "source", "source_workload", "front", "source_workload_namespace", "shop", "destination_workload", "cart", "destination_workload_namespace", "shop"),
		of("shop", "istio_requests_total", cart, per(0, 0), "reporter", "source", "source_workload", "cart", "source_workload_namespace", "shop", "destination_workload", "idle", "destination_workload_namespace", "shop"),
		of("shop", "istio_requests_total", web, per(1, 1), "reporter", "destination", "source_workload", "unknown", "source_workload_namespace", "unknown", "destination_workload", "web", "destination_workload_namespace", "shop"),
		of("shop", "response_total", cart, per(2, 2), "direction", "outbound", "deployment", "cart", "dst_statefulset", "db", "dst_namespace", "far"),
		of("shop", "response_latency_ms_sum", cart, per(80, 80), "direction", "outbound", "deployment", "cart", "dst_statefulset", "db", "dst_namespace", "far"),
		of("shop", "response_latency_ms_count", cart, per(2, 2), "direction", "outbound", "deployment", "cart", "dst_statefulset", "db", "dst_namespace", "far"),
		series(every, func(time.Time) float64 { return 90 }, "__name__", "kubelet_volume_stats_used_bytes", "namespace", "far", "persistentvolumeclaim", "db-data"),
		series(every, func(time.Time) float64 { return 100 }, "__name__", "kubelet_volume_stats_capacity_bytes", "namespace", "far", "persistentvolumeclaim", "db-data"),
		of("shop", "response_total", web, per(2, 2), "direction", "inbound", "deployment", "web"),
	)
	at := func(name string) engine.Workload {
		return engine.Workload{Cluster: "prod", Namespace: "shop", Kind: kindDeployment, Name: name}
	}
	machine := engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "n1"}
	f, c, m := rca.NodeName(at("front")), rca.NodeName(at("cart")), rca.NodeName(machine)
	n := rca.Neighborhood{
		Of: at("front"), Graph: rca.Graph{f: {c, m}, c: {m}},
		Workloads: map[string]engine.Workload{f: at("front"), c: at("cart"), m: machine},
		Pods: map[rca.PodKey]rca.Placed{
			{Namespace: "shop", Name: front}: {Workload: f, Machine: m}, {Namespace: "shop", Name: cart}: {Workload: c, Machine: m},
		},
		Services: map[string][]string{"shop/cart": {c}},
	}
	s := p.Suspects(NearConfig{
		MeterConfig: MeterConfig{Cluster: "prod", Interval: 10 * time.Minute},
		Near:        func(context.Context, engine.Incident) (rca.Neighborhood, error) { return n, nil },
	})
	i := engine.Incident{Workload: at("front"), Classes: []engine.Class{engine.ClassHighLatency}, StartedAt: onset.Add(5 * time.Minute)}
	got, err := s.Collect(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	d := engine.Diagnosis{Evidence: got}
	if e, ok := d.Find("series/latency"); !ok || e.Fields["now"] != "3 s" || e.At.Sub(onset).Abs() > 4*time.Minute {
		t.Errorf("its own latency: %+v", e)
	}
	if e, ok := d.Find("neighbor/" + c); !ok || e.Fields["rank"] != "1" || e.Fields["relation"] != "calls" || e.Fields["measure"] != "latency" {
		t.Errorf("the callee: %+v of %+v", e, got)
	}
	if _, ok := d.Find("neighbor/" + m); ok {
		t.Error("the machine is no busier than it was")
	}
	if len(n.Graph[f]) != 2 || len(n.Graph[c]) != 1 || len(n.Workloads) != 3 {
		t.Errorf("what others have too was changed: %v", n.Graph)
	}
	db := engine.Workload{Cluster: "prod", Namespace: "far", Kind: kindStatefulSet, Name: "db"}
	known := n
	known.Workloads = maps.Clone(n.Workloads)
	claim := engine.Workload{Cluster: "prod", Namespace: "far", Kind: rca.KindClaim, Name: "db-data"}
	known.Workloads[rca.NodeName(db)], known.Workloads[rca.NodeName(claim)] = db, claim
	wide := s.called(t.Context(), known, onset)
	if diff := cmp.Diff(rca.Graph{f: {c, m}, c: {m, "far/StatefulSet/db"}, "jobs/Deployment/nightly": {"shop/Deployment/web"}}, wide.Graph); diff != "" {
		t.Errorf("who calls whom, by a mesh:\n%s", diff)
	}
	if r := wide.Relation("jobs/Deployment/nightly"); r != rca.RelationNone || wide.Workloads["jobs/Deployment/nightly"].Namespace != "jobs" {
		t.Errorf("a caller of another is %q", r)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	if same := s.called(ended, n, onset); len(same.Graph) != 2 {
		t.Errorf("while Prometheus does not say: %v", same.Graph)
	}
	never := i
	never.Classes = []engine.Class{engine.ClassImagePull}
	if found, err := s.Collect(t.Context(), never); err != nil || len(found) > 0 {
		t.Errorf("of a program that never began: %v, %v", found, err)
	}
	for range nearTurns {
		s.turns <- struct{}{}
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.Collect(short, i); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("with no turn free: %v", err)
	}
	series, err := s.series(t.Context(), &n, onset.Add(-time.Hour), onset.Add(-10*time.Minute))
	if err != nil || len(series) != 3 {
		t.Fatalf("%d nodes, %v", len(series), err)
	}
	if points := series[c][rca.SeenBy(f)]; len(points) != 51 || points[20].Value < 0.049 || points[20].Value > 0.051 {
		t.Errorf("how long front waits for cart: %+v", points)
	}
	waits, err := s.series(t.Context(), &wide, onset.Add(-time.Hour), onset.Add(-10*time.Minute))
	if points := waits["far/StatefulSet/db"][rca.SeenBy(c)]; err != nil || len(points) != 51 || points[20].Value < 0.039 || points[20].Value > 0.041 {
		t.Errorf("how long cart waits for db, by a mesh: %+v, %v", points, err)
	}
	if points := waits[rca.NodeName(claim)][rca.VolumeUsed]; len(points) != 51 || points[20].Value != 0.9 {
		t.Errorf("how full the volume of db is: %+v", points)
	}
	// Two pods of five requests a second each, one of which is gone.
	if points := series[c][engine.MeasureRequests]; len(points) != 51 || points[20].Value < 9.9 || points[20].Value > 10.1 {
		t.Errorf("requests of cart: %+v", points)
	}
	if points := series[m][engine.MeasureCPU]; len(points) != 51 || points[20].Value < 0.39 || points[20].Value > 0.41 {
		t.Errorf("CPU of the machine: %+v", points)
	}
	now := onset.Add(-10*time.Minute + 30*time.Second)
	series, err = s.series(t.Context(), &n, onset.Add(-20*time.Minute), now)
	if points := series[c][engine.MeasureRequests]; err != nil || len(points) == 0 || points[len(points)-1].At != now.Unix() {
		t.Errorf("the newest value is not of now: %+v, %v", points, err)
	}
}
