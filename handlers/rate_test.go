package handlers_test

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
	"github.com/eks-autopilot/autopilot/handlers"
)

func machine(name, kind, bought string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			"node.kubernetes.io/instance-type": kind, "topology.kubernetes.io/region": "eu-central-1", "topology.kubernetes.io/zone": "eu-central-1a",
			"karpenter.sh/capacity-type": bought,
		}},
		Status: corev1.NodeStatus{Capacity: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi")}},
	}
}

func TestRates(t *testing.T) {
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	asked, hangs := 0, false
	spot := engine.Dollars(0.08)
	r := &handlers.Rates{Cluster: "prod", Account: "111122223333", Now: func() time.Time { return now }, Prices: func(ctx context.Context, s *waste.Snapshot) (*price.Book, engine.ScanCost, []engine.Gap) {
		asked++
		if c := s.Clusters[0]; c.Region != "eu-central-1" || c.Account != "111122223333" || len(c.Nodes) != 3 {
			t.Errorf("asked of %+v", c)
		}
		if hangs {
			<-ctx.Done()
			return price.New(price.Prices{}), engine.ScanCost{}, nil
		}
		return price.New(price.Prices{Lists: []price.List{price.Embedded()}, Spot: []price.SpotRate{{Region: "eu-central-1", Zone: "eu-central-1a", Type: "m7i.xlarge", PerHour: spot, At: now}}}), engine.ScanCost{}, nil
	}}
	nodes := []*corev1.Node{machine("n1", "m7i.xlarge", "on-demand"), machine("n2", "m7i.xlarge", "spot"), machine("n3", "of-nobody", "on-demand")}
	look := func(ctx context.Context, want int) map[string]engine.NodePrice {
		t.Helper()
		got := r.Of(ctx, nodes)
		if _, known := got["n3"]; known || len(got) != 2 || asked != want {
			t.Fatalf("%v, asked %d times, want %d", got, asked, want)
		}
		return got
	}
	got := look(t.Context(), 1)
	if got["n2"].PerHour != spot || got["n1"].PerHour <= spot || got["n1"].CPUHour <= 0 || got["n1"].GiBHour <= 0 {
		t.Errorf("%+v", got)
	}
	now = now.Add(59 * time.Minute)
	look(t.Context(), 1)
	now = now.Add(2 * time.Minute)
	hangs = true
	late, cancel := context.WithCancel(t.Context())
	cancel()
	look(late, 2) // by the book of before
	hangs = false
	now = now.Add(time.Minute)
	look(t.Context(), 2)
	now = now.Add(5 * time.Minute)
	look(t.Context(), 3)

	plain := &handlers.Rates{Cluster: "prod", Now: time.Now}
	if got := plain.Of(t.Context(), nodes); got["n1"].PerHour <= 0 || len(got) != 1 {
		t.Errorf("by the list alone: %+v", got)
	}
}
