package prom

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// monday is a day that a Prometheus started now has the blocks of.
var monday = time.Now().UTC().Truncate(day).Add(-2 * day)

// dayBefore writes series in the OpenMetrics format.
type dayBefore struct{ b strings.Builder }

// put writes one value every five minutes over hours of the day; at gives the value at a time since midnight.
func (h *dayBefore) put(series string, from, to time.Duration, at func(time.Duration) float64) {
	for since := from; since <= to; since += 5 * time.Minute {
		fmt.Fprintf(&h.b, "%s %v %d\n", series, at(since), monday.Add(since).Unix())
	}
}

func (h *dayBefore) gauge(series string, from, to time.Duration, v float64) {
	h.put(series, from, to, func(time.Duration) float64 { return v })
}

// pod is a pod on a node that requests and uses cores and GiB.
func (h *dayBefore) pod(namespace, pod, node string, from, to time.Duration, cores, gib, usedCores, usedGiB float64) {
	of := fmt.Sprintf("namespace=%q,pod=%q", namespace, pod)
	h.gauge("kube_pod_info{"+of+fmt.Sprintf(",node=%q}", node), from, to, 1)
	h.gauge("kube_pod_status_phase{"+of+`,phase="Running"}`, from, to, 1)
	h.gauge("kube_pod_container_resource_requests{"+of+`,container="app",resource="cpu",unit="core"}`, from, to, cores)
	h.gauge("kube_pod_container_resource_requests{"+of+`,container="app",resource="memory",unit="byte"}`, from, to, gib*(1<<30))
	h.put("container_cpu_usage_seconds_total{"+of+`,container="app"}`, from, to, func(t time.Duration) float64 { return usedCores * (t - from).Seconds() })
	h.gauge("container_memory_working_set_bytes{"+of+`,container="app"}`, from, to, usedGiB*(1<<30))
}

// backfilled starts a real Prometheus that has a history.
func backfilled(t *testing.T, h *dayBefore) *Prometheus {
	t.Helper()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is not installed: apt-get install prometheus")
	}
	url := serve(t, "prometheus", "prometheus", func(dir, address string) []string {
		data := filepath.Join(dir, "data")
		in := write(t, filepath.Join(dir, "in.om"), h.b.String()+"# EOF\n")
		if out, err := exec.Command(promtool, "tsdb", "create-blocks-from", "openmetrics", in, data).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return []string{"--config.file=" + write(t, filepath.Join(dir, "p.yml"), "{}"), "--storage.tsdb.path=" + data, "--web.listen-address=" + address}
	})
	p, err := Connect(Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func teamOf(namespace, _ string) string { return "team-" + namespace }

func TestDay(t *testing.T) {
	var h dayBefore
	whole := 24*time.Hour + 5*time.Minute
	for _, node := range []string{"a", "b"} {
		to := whole
		if node == "b" {
			to = 6*time.Hour - 10*time.Minute // it is gone then, and by the next step
		}
		h.gauge(fmt.Sprintf(`kube_node_status_capacity{node=%q,resource="cpu"}`, node), 0, to, 4)
		h.gauge(fmt.Sprintf(`kube_node_status_capacity{node=%q,resource="memory"}`, node), 0, to, 16<<30)
	}
	h.gauge(`kube_node_labels{node="a",label_node_kubernetes_io_instance_type="m5.xlarge",label_topology_kubernetes_io_region="eu-central-1",label_karpenter_sh_capacity_type="spot"}`, 0, whole, 1)
	h.pod("shop", "web-1", "a", 0, whole, 1, 2, 0.5, 1)                          // requests more than it uses
	h.pod("shop", "web-2", "a", 0, whole, 0.25, 1, 1, 3)                         // uses more
	h.pod("ci", "job-1", "b", time.Hour, 3*time.Hour-10*time.Minute, 2, 4, 0, 0) // two hours
	h.gauge(`kube_pod_info{namespace="ci",pod="done",node="a"}`, 0, whole, 1)    // finished: its requests remain, and count no more
	h.gauge(`kube_pod_status_phase{namespace="ci",pod="done",phase="Succeeded"}`, 0, whole, 1)
	h.gauge(`kube_pod_status_phase{namespace="ci",pod="done",phase="Running"}`, 0, whole, 0)
	h.gauge(`kube_pod_container_resource_requests{namespace="ci",pod="done",container="c",resource="cpu"}`, 0, whole, 3)
	h.gauge(`kube_pod_info{namespace="ci",pod="waits",node=""}`, 0, whole, 1) // on no node
	h.gauge(`kube_pod_status_phase{namespace="ci",pod="waits",phase="Pending"}`, 0, whole, 1)

	got := backfilled(t, &h).Day(t.Context(), DayWanted{Cluster: &waste.Cluster{Name: "prod"}, Day: monday, Team: teamOf})
	if !got.Known || got.Seen != 1 || len(got.Gaps) != 0 {
		t.Errorf("known %v, seen %v, gaps %v", got.Known, got.Seen, got.Gaps)
	}
	nodes := []price.NodeUse{
		{Cluster: "prod", Name: "a", Type: "m5.xlarge", Region: "eu-central-1", Spot: true, Hours: 24, CPU: 4, GiB: 16},
		{Cluster: "prod", Name: "b", Hours: 6, CPU: 4, GiB: 16},
	}
	near := cmpopts.EquateApprox(0, 0.02)
	if d := cmp.Diff(nodes, got.Nodes, near); d != "" {
		t.Errorf("nodes: %s", d)
	}
	pods := []price.PodUse{
		{Cluster: "prod", Node: "a", Namespace: "shop", Team: "team-shop", CPUHours: 24 * (1 + 1), GiBHours: 24 * (2 + 3)},
		{Cluster: "prod", Node: "b", Namespace: "ci", Team: "team-ci", CPUHours: 2 * 2, GiBHours: 2 * 4},
	}
	if d := cmp.Diff(pods, got.Pods, near); d != "" {
		t.Errorf("pods: %s", d)
	}
	if got.Cost.Queries != 6 || got.Cost.Samples == 0 {
		t.Errorf("cost %+v; want 6 queries", got.Cost)
	}
}

func TestDayThatIsSeenInPart(t *testing.T) {
	var h dayBefore
	h.gauge(`kube_node_status_capacity{node="a",resource="cpu"}`, 0, 18*time.Hour-10*time.Minute, 4)
	h.gauge(`kube_node_status_capacity{node="a",resource="memory"}`, 0, 18*time.Hour-10*time.Minute, 16<<30)
	h.pod("shop", "web-1", "a", 0, 18*time.Hour-10*time.Minute, 1, 2, 0, 0)
	h.gauge(`kube_node_status_capacity{node="short",resource="cpu"}`, -24*time.Hour, -20*time.Hour, 4)
	h.gauge(`kube_pod_info{namespace="shop",pod="web-1",node="short"}`, -24*time.Hour, -20*time.Hour, 1)
	h.gauge(`kube_pod_status_phase{namespace="shop",pod="web-1",phase="Running"}`, -24*time.Hour, -20*time.Hour, 1)
	p := backfilled(t, &h)
	ask := func(of time.Time) DayReport {
		return p.Day(t.Context(), DayWanted{Cluster: &waste.Cluster{Name: "prod"}, Day: of, Team: teamOf})
	}
	got := ask(monday)
	if len(got.Nodes) != 1 || got.Nodes[0].Hours < 23.9 || got.Nodes[0].Hours > 24.1 || got.Seen != 0.75 || len(got.Gaps) != 1 || !strings.Contains(got.Gaps[0].Reason, "75 %") {
		t.Errorf("three quarters stand for the day: %+v", got)
	}
	for of, want := range map[time.Time]string{monday.Add(-day): "too little", monday.Add(-3 * day): "kube-state-metrics has nothing"} {
		if got := ask(of); got.Known || len(got.Nodes)+len(got.Pods) != 0 || len(got.Gaps) != 1 || !strings.Contains(got.Gaps[0].Reason, want) {
			t.Errorf("%s: %+v; want %q", of.Format(time.DateOnly), got, want)
		}
	}
}

func TestDayOfAPrometheusThatRefuses(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	}))
	defer srv.Close()
	p, err := Connect(Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	got := p.Day(t.Context(), DayWanted{Cluster: &waste.Cluster{Name: "prod"}, Day: monday, Team: teamOf})
	if got.Known || len(got.Gaps) != 1 || got.Gaps[0].Collector != "prometheus prod" {
		t.Errorf("%+v", got)
	}
}
