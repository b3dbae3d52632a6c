package waste

import (
	"testing"
	"time"

	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestRoundUp(t *testing.T) {
	cases := []struct {
		amount float64
		r      engine.Resource
		want   int64
	}{
		{0, engine.CPU, 0},
		{1, engine.CPU, 5},
		{11, engine.CPU, 15},
		{100, engine.CPU, 100},
		{101, engine.CPU, 110},
		{500.0000000001, engine.CPU, 500},
		{1001, engine.CPU, 1050},
		{7000, engine.CPU, 7000},
		{1, engine.Memory, 8 * mib},
		{gib, engine.Memory, gib},
		{gib + 1, engine.Memory, gib + 64*mib},
		{9*gib + 1, engine.Memory, 9*gib + 256*mib},
	}
	for _, c := range cases {
		if got := roundUp(c.amount, c.r); got != c.want {
			t.Errorf("%v of %s: %d, want %d", c.amount, c.r, got, c.want)
		}
	}
}

func TestQuantity(t *testing.T) {
	cases := []struct {
		amount int64
		r      engine.Resource
		want   string
	}{
		{250, engine.CPU, "250m"},
		{2000, engine.CPU, "2"},
		{0, engine.CPU, "0"},
		{gib, engine.Memory, "1Gi"},
		{640 * mib, engine.Memory, "640Mi"},
		{100 * kib, engine.Memory, "100Ki"},
		{1000, engine.Memory, "1000"},
		{0, engine.Memory, "0"},
	}
	for _, c := range cases {
		if got := quantity(c.amount, c.r); got != c.want {
			t.Errorf("%d of %s: %q, want %q", c.amount, c.r, got, c.want)
		}
	}
}

// TestQuantityIsReadBack: what a lever says is what Kubernetes would understand.
func TestQuantityIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom([]engine.Resource{engine.CPU, engine.Memory}).Draw(t, "resource")
		n := rapid.Int64Range(0, absurdMemory).Draw(t, "amount")
		q, err := apiresource.ParseQuantity(quantity(n, r))
		if err != nil {
			t.Fatal(err)
		}
		got := q.Value()
		if r == engine.CPU {
			got = q.MilliValue()
		}
		if got != n {
			t.Fatalf("%d is written %q, which is %d", n, q.String(), got)
		}
	})
}

func TestWhatAPersonReads(t *testing.T) {
	for share, want := range map[float64]string{0: "0 %", 0.0004: "under 0.1 %", 0.004: "0.4 %", 0.02: "2 %", 0.055: "5.5 %", 0.331: "33 %", 1: "100 %"} {
		if got := percent(share); got != want {
			t.Errorf("%v: %q, want %q", share, got, want)
		}
	}
	for bytes, want := range map[float64]string{0: "0 MiB", 520 * mib: "520 MiB", 1.5 * gib: "1.50 GiB"} {
		if got := near(bytes); got != want {
			t.Errorf("%v: %q, want %q", bytes, got, want)
		}
	}
}

// TestWeaker: of two prices the one that less stands behind names what both come to.
func TestWeaker(t *testing.T) {
	of := func(s engine.PriceSource, days int) engine.PriceBasis {
		return engine.PriceBasis{Source: s, AsOf: noon.Add(-time.Duration(days) * day)}
	}
	cases := []struct{ a, b, want engine.PriceBasis }{
		{engine.PriceBasis{}, of(engine.PriceSpot, 0), of(engine.PriceSpot, 0)},
		{of(engine.PriceEffective, 0), of(engine.PriceList, 0), of(engine.PriceList, 0)},
		{of(engine.PriceEmbedded, 0), of(engine.PriceList, 9), of(engine.PriceEmbedded, 0)},
		{of(engine.PriceList, 1), of(engine.PriceList, 9), of(engine.PriceList, 9)},
		{of(engine.PriceList, 9), of(engine.PriceList, 1), of(engine.PriceList, 9)},
	}
	for _, c := range cases {
		if got := weaker(c.a, c.b); got != c.want {
			t.Errorf("%+v and %+v: %+v", c.a, c.b, got)
		}
	}
}
