package change

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestRestyled(t *testing.T) {
	for _, test := range []struct{ field, have, wish, want string }{
		{"cpu", "500m", "250m", "250m"},
		{"cpu", "500m", "2", "2000m"},
		{"cpu", "0.5", "250m", "0.25"},
		{"cpu", "2", "1500m", "1.5"},
		{"cpu", "2", "333m", "0.333"},
		{"cpu", "1e1", "5", "5"},
		{"memory", "2Gi", "1024Mi", "1Gi"},
		{"memory", "2Gi", "1229Mi", "1229Mi"},
		{"memory", "1.5Gi", "1280Mi", "1.25Gi"},
		{"memory", "2048Mi", "1Gi", "1024Mi"},
		{"memory", "2147483648", "1Gi", "1073741824"},
		{"memory", "2G", "1Gi", "1Gi"},
		{"memory", "2G", "1000M", "1G"},
		{"memory", "128974848k", "1Gi", "1Gi"},
		{"memory", "nonsense", "1Gi", "1Gi"},
		{"memory", "2Gi", "nonsense", "nonsense"},
	} {
		w := engine.Wish{Kind: engine.WishRequest, Field: test.field, New: test.wish}
		if got := restyled(w, test.have); got != test.want {
			t.Errorf("%s %s for %s: %s, want %s", test.field, test.have, test.wish, got, test.want)
		}
	}
}

// TestRestyledProperty: whatever the file's style, what is written is exactly what is wished.
func TestRestyledProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := rapid.SampledFrom([]engine.Resource{engine.CPU, engine.Memory}).Draw(t, "field")
		have := rapid.SampledFrom([]string{"1", "0.5", "100m", "2Gi", "1.25Gi", "3Mi", "7Ki", "2G", "1e9", "1E2", "5M", "", "Gi", "-1", "9223372036854775807"}).Draw(t, "have")
		amount := rapid.Int64Range(1, 1<<44).Draw(t, "amount")
		w := engine.Wish{Kind: engine.WishRequest, Field: string(field), New: Quantity(amount, field)}
		got, err := resource.ParseQuantity(restyled(w, have))
		if want := resource.MustParse(w.New); err != nil || got.Cmp(want) != 0 {
			t.Fatalf("%s in the style of %q became %s (%v)", w.New, have, restyled(w, have), err)
		}
	})
}
