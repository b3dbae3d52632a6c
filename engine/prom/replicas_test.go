package prom

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

func deployed(names ...string) *waste.Cluster {
	c := &waste.Cluster{Name: "prod"}
	for _, name := range names {
		c.Deployments = append(c.Deployments, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}})
	}
	return c
}

func TestReplicas(t *testing.T) {
	var h dayBefore
	whole := 24 * time.Hour
	h.gauge(`kube_node_status_capacity{node="a",resource="cpu"}`, 0, whole, 4)
	h.pod("shop", "web-6c9f8d7b5c-bcdfg", "a", 0, whole, 2, 4, 0.1, 0.1)
	h.pod("shop", "web-6c9f8d7b5c-hjklm", "a", 0, 6*time.Hour-10*time.Minute, 2, 4, 0.1, 0.1) // it was replaced by
	h.pod("shop", "web-5b8c7d6f9-klmnp", "a", 6*time.Hour, whole, 0.5, 1, 0.1, 0.1)           // one that requests less
	h.pod("shop", "cart-6c9f8d7b5c-bcdfg", "a", 0, whole, 1, 1, 0.1, 0.1)                     // another workload
	h.gauge(`kube_pod_container_resource_requests{namespace="shop",pod="web-6c9f8d7b5c-bcdfg",container="proxy",resource="cpu"}`, 0, whole, 8)
	h.gauge(`kube_pod_status_phase{namespace="shop",pod="web-6c9f8d7b5c-qrstv",phase="Failed"}`, 0, whole, 1) // over
	h.gauge(`kube_pod_container_resource_requests{namespace="shop",pod="web-6c9f8d7b5c-qrstv",container="app",resource="cpu"}`, 0, whole, 2)
	web, none := waste.ContainerKey{Namespace: "shop", Kind: "Deployment", Name: "web", Container: "app"}, waste.ContainerKey{Namespace: "shop", Kind: "Deployment", Name: "idle", Container: "app"}
	got := backfilled(t, &h).Replicas(t.Context(), ReplicasWanted{Cluster: deployed("web", "cart", "idle"), Day: monday, Containers: []waste.ContainerKey{web, none}})
	want := map[waste.ContainerKey]Replicas{web: {Hours: 48, CPUHours: 48 + 12 + 9, GiBHours: 96 + 24 + 18}, none: {}}
	if d := cmp.Diff(want, got.Containers, cmpopts.EquateApprox(0, 0.02)); d != "" || got.Seen != 1 || len(got.Gaps) != 0 {
		t.Errorf("seen %v, gaps %v, %s", got.Seen, got.Gaps, d)
	}
	if got.Cost.Queries != 3 {
		t.Errorf("%d queries", got.Cost.Queries)
	}
}

func TestReplicasOfADayThatIsSeenInPart(t *testing.T) {
	var h dayBefore
	h.gauge(`kube_node_status_capacity{node="a",resource="cpu"}`, 0, 18*time.Hour-10*time.Minute, 4)
	h.pod("shop", "web-6c9f8d7b5c-bcdfg", "a", 0, 18*time.Hour-10*time.Minute, 2, 4, 0.1, 0.1)
	web := waste.ContainerKey{Namespace: "shop", Kind: "Deployment", Name: "web", Container: "app"}
	p := backfilled(t, &h)
	got := p.Replicas(t.Context(), ReplicasWanted{Cluster: deployed("web"), Day: monday, Containers: []waste.ContainerKey{web}})
	if got.Seen < 0.74 || got.Seen > 0.76 || got.Containers[web].Hours < 23.9 || got.Containers[web].Hours > 24.1 {
		t.Errorf("%+v; want three quarters, which stand for the day", got)
	}
	got = p.Replicas(t.Context(), ReplicasWanted{Cluster: deployed("web"), Day: monday.Add(-3 * day), Containers: []waste.ContainerKey{web}})
	if got.Seen != 0 || len(got.Gaps) != 1 || len(got.Containers) != 0 {
		t.Errorf("of a day before: %+v; want nothing and a gap", got)
	}
}

func TestReplicasSinglesOutItsCluster(t *testing.T) {
	var queries []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		queries = append(queries, r.FormValue("query"))
		fmt.Fprint(w, `{"status":"error","errorType":"bad_data","error":"no"}`)
	}))
	defer srv.Close()
	p, err := Connect(Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	got := p.Replicas(t.Context(), ReplicasWanted{
		Cluster: deployed(), Day: monday, Match: map[string]string{"cluster": `a"b`}, Containers: []waste.ContainerKey{{Namespace: "shop", Kind: "Deployment", Name: "web", Container: "app"}},
	})
	if got.Seen != 0 || len(got.Gaps) != 1 || len(queries) == 0 || queries[0] != `max(kube_node_status_capacity{cluster="a\"b",resource="cpu"})` {
		t.Errorf("%+v after %q", got, queries)
	}
}
