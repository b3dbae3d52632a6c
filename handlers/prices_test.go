package handlers

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

func node(labels map[string]string) waste.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
	n.Status.Capacity = corev1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("8Gi"), gpus: resource.MustParse("1")}
	return waste.Node{Node: n}
}

func TestFactsOf(t *testing.T) {
	c := waste.Cluster{Account: "1", Region: "eu-west-1"}
	labels := map[string]string{labelType: "m5.large", labelZone: "eu-central-1a", labelRegion: "eu-central-1", labelOS: "linux", "karpenter.sh/capacity-type": "spot"}
	got := factsOf(c, node(labels), waste.Instance{})
	want := price.NodeFacts{Account: "1", Region: "eu-central-1", Zone: "eu-central-1a", Type: "m5.large", OS: "linux", Spot: true, CPU: 2, GiB: 8, GPUs: 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := factsOf(c, node(nil), waste.Instance{Type: "m7i.large", Zone: "eu-west-1b", Spot: true}); got.Type != "m7i.large" || !got.Spot || got.Zone != "eu-west-1b" || got.Region != "eu-west-1" {
		t.Errorf("by its instance: %+v", got)
	}
	if got := factsOf(c, waste.Node{}, waste.Instance{}); got.Type != "" || got.CPU != 0 {
		t.Errorf("of nothing: %+v", got)
	}
}

func pricing(bodies *fakeCache) *Pricing {
	return &Pricing{Cache: bodies, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler)}
}

func emptyCache() *fakeCache {
	return &fakeCache{bodies: map[string][]byte{}, at: map[string]time.Time{}}
}

var priced = &waste.Snapshot{Clusters: []waste.Cluster{{Account: "1", Region: "r", Nodes: []waste.Node{
	node(map[string]string{labelType: "x.large", labelRegion: "r", labelZone: "ra", "eks.amazonaws.com/capacityType": "SPOT"}),
}}}}

func listOf(perHour engine.MicroUSD) price.List {
	return price.List{Source: engine.PriceList, AsOf: noon, Instances: []price.InstanceRate{{Region: "r", Type: "x.large", OS: "linux", PerHour: perHour}}}
}

func TestListPricesAreAskedForOnceADay(t *testing.T) {
	cache := emptyCache()
	p := pricing(cache)
	asked, fail := 0, error(nil)
	p.List = func(context.Context, string) (price.List, []engine.Gap, error) {
		asked++
		return listOf(engine.USD), nil, fail
	}
	perHour := func() (engine.MicroUSD, string) {
		book, _, gaps := p.Book(t.Context(), priced)
		var text []string
		for _, g := range gaps {
			text = append(text, g.Reason)
		}
		return book.Node(price.NodeFacts{Region: "r", Type: "x.large"}).PerHour, strings.Join(text, "; ")
	}
	for range 2 {
		if got, gaps := perHour(); got != engine.USD || gaps != "" {
			t.Errorf("an hour costs %s, %s", got, gaps)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	cache.at["list/r"] = noon.Add(-48 * time.Hour)
	fail = engine.Errorf(engine.Unavailable, "the Pricing API does not answer")
	if got, gaps := perHour(); got != engine.USD || !strings.Contains(gaps, "does not answer; those of 27 February 12:00 UTC are used") {
		t.Errorf("with what was known before: %s, %q", got, gaps)
	}
	cache.bodies["list/r"] = []byte("{torn")
	if got, gaps := perHour(); got != 0 || !strings.Contains(gaps, "list prices of r: the Pricing API does not answer") {
		t.Errorf("with nothing: %s, %q; want no price", got, gaps)
	}
}

func TestSpotPrices(t *testing.T) {
	p := pricing(emptyCache())
	var asked []string
	p.Markets = []Market{{Region: "elsewhere", Spot: func(context.Context, []string) ([]price.SpotRate, error) { panic("no Spot node is there") }}, {
		Region: "r", Spot: func(_ context.Context, types []string) ([]price.SpotRate, error) {
			asked = types
			return []price.SpotRate{{Region: "r", Zone: "ra", Type: "x.large", PerHour: engine.USD / 4, At: noon}}, nil
		},
	}}
	book, _, gaps := p.Book(t.Context(), priced)
	if d := cmp.Diff([]string{"x.large"}, asked); d != "" || len(gaps) != 0 {
		t.Error(d, gaps)
	}
	if got := book.Node(price.NodeFacts{Region: "r", Zone: "ra", Type: "x.large", OS: "linux", Spot: true}); got.PerHour != engine.USD/4 || got.Basis.Source != engine.PriceSpot {
		t.Errorf("a Spot node costs %+v", got)
	}
}

// Bills are asked for once a day, within the budget, and what is spent is told once.
func TestBillsHaveABudget(t *testing.T) {
	cache := emptyCache()
	p := pricing(cache)
	p.Payers = []Payer{{ID: "1", Budget: 5, Each: engine.USD / 100, Bills: func(ctx context.Context, m Meter, from, to time.Time) ([]price.Bill, error) {
		if to.Sub(from) != billDays*24*time.Hour || !to.Equal(noon.Truncate(24*time.Hour).Add(-24*time.Hour)) {
			t.Errorf("bills from %v to %v", from, to)
		}
		for range 3 {
			if err := m.Spend(ctx, 1); err != nil {
				return nil, err
			}
		}
		return []price.Bill{{Payer: "1", Day: from}}, nil
	}}}
	_, cost, gaps := p.Book(t.Context(), &waste.Snapshot{})
	if cost.BilledCalls != 3 || cost.BilledAmount != 3*engine.USD/100 || len(gaps) != 0 {
		t.Errorf("cost %+v, %v", cost, gaps)
	}
	if _, cost, _ = p.Book(t.Context(), &waste.Snapshot{}); cost.BilledCalls != 0 {
		t.Errorf("asked again the same day: %+v", cost)
	}
	cache.at["bills/1"] = noon.Add(-25 * time.Hour)
	_, cost, gaps = p.Book(t.Context(), &waste.Snapshot{})
	if cost.BilledCalls != 2 || len(gaps) != 1 || !strings.Contains(gaps[0].Reason, "budget of 5 billed calls is spent; those of") {
		t.Errorf("beyond the budget: %+v, %v", cost, gaps)
	}
}

// What is paid scales the list price.
func TestEffectivePrices(t *testing.T) {
	cache := emptyCache()
	cache.put(t, "list/us-east-1", price.List{Source: engine.PriceList, AsOf: noon, Instances: []price.InstanceRate{{Region: "us-east-1", Type: "m5.large", OS: "linux", PerHour: engine.USD}}}, noon)
	cache.put(t, "bills/1", []price.Bill{{Payer: "1", Day: noon, Lines: []price.Line{{Account: "1", Usage: "BoxUsage:m5.large", Amount: 60 * engine.USD, Quantity: 100}}}}, noon)
	p := pricing(cache)
	p.List = func(context.Context, string) (price.List, []engine.Gap, error) { panic("it is kept") }
	p.Payers = []Payer{{ID: "1", Bills: noBills}}
	book, _, _ := p.Book(t.Context(), &waste.Snapshot{Accounts: []waste.Account{{ID: "1", Region: "us-east-1"}}})
	got := book.Node(price.NodeFacts{Account: "1", Region: "us-east-1", Type: "m5.large"})
	if got.PerHour != 6*engine.USD/10 || got.Basis.Source != engine.PriceEffective {
		t.Errorf("an hour costs %+v; want 60 %% of the list price", got)
	}
}
