package waste

import (
	"testing"

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
		{0, engine.CPU, 0}, {1, engine.CPU, 5}, {11, engine.CPU, 15}, {100, engine.CPU, 100}, {101, engine.CPU, 110}, {500.0000000001, engine.CPU, 500},
		{1001, engine.CPU, 1050}, {7000, engine.CPU, 7000},
		{1, engine.Memory, 8 * mib}, {gib, engine.Memory, gib}, {gib + 1, engine.Memory, gib + 64*mib}, {9*gib + 1, engine.Memory, 9*gib + 256*mib},
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
		{250, engine.CPU, "250m"}, {2000, engine.CPU, "2"}, {0, engine.CPU, "0"}, {gib, engine.Memory, "1Gi"}, {640 * mib, engine.Memory, "640Mi"},
		{100 * kib, engine.Memory, "100Ki"}, {1000, engine.Memory, "1000"}, {0, engine.Memory, "0"},
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
