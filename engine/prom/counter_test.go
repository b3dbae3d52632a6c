package prom

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestRates(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	gone := float32(nan)
	for name, tt := range map[string]struct {
		values  []float64
		want    []float32
		dropped int
	}{
		"steady":                   {[]float64{0, 30, 60, 90}, []float32{0.5, 0.5, 0.5}, 0},
		"idle":                     {[]float64{7, 7, 7}, []float32{0, 0}, 0},
		"begins":                   {[]float64{nan, 60, 120}, []float32{gone, 1}, 0},
		"ends":                     {[]float64{0, 60, nan}, []float32{1, gone}, 0},
		"gap":                      {[]float64{0, 60, nan, nan, 240}, []float32{1, gone, gone, gone}, 0},
		"reset":                    {[]float64{6000, 6060, 15, 75}, []float32{1, 0.25, 1}, 0},
		"reset to zero":            {[]float64{6000, 0, 60}, []float32{0, 1}, 0},
		"more than a node has":     {[]float64{0, 60 * 65, 60 * 66}, []float32{gone, 1}, 1},
		"a reset that is none":     {[]float64{1e9, 1e9 - 1, 1e9 + 59}, []float32{gone, 1}, 1},
		"a negative counter":       {[]float64{-60, 60, 120}, []float32{gone, 1}, 1},
		"falls to a negative one":  {[]float64{60, -60, 0}, []float32{gone, gone}, 2},
		"infinite":                 {[]float64{0, inf, 60}, []float32{gone, 1}, 1},
		"nothing":                  {[]float64{nan, nan}, []float32{gone}, 0},
		"too short for a rate":     {[]float64{1}, nil, 0},
		"not known where it rests": {[]float64{nan, 5, nan}, []float32{gone, gone}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			out := make([]float32, max(len(tt.values)-1, 0))
			dropped := rates(tt.values, 60, 64, out)
			if diff := cmp.Diff(tt.want, out, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" || dropped != tt.dropped {
				t.Errorf("dropped %d, want %d (-want +got):\n%s", dropped, tt.dropped, diff)
			}
		})
	}
}

// TestRatesOverResets plays containers that use CPU, restart at the beginning of a step and go missing: the rates are what was used,
// and no reset shows as a peak.
func TestRatesOverResets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "steps")
		counter := rapid.Float64Range(0, 1e6).Draw(t, "start")
		values, used := []float64{counter}, make([]float64, n)
		for i := range n {
			use := rapid.Float64Range(0, 64).Draw(t, "use")
			if rapid.IntRange(0, 9).Draw(t, "restarts") == 0 && use*300 < counter {
				counter = 0
			}
			counter += use * 300
			used[i] = use
			values = append(values, counter)
		}
		for i := range values {
			if rapid.IntRange(0, 19).Draw(t, "missing") == 0 {
				values[i] = math.NaN()
			}
		}
		out := make([]float32, n)
		if dropped := rates(values, 300, 65, out); dropped != 0 {
			t.Fatalf("%d values dropped", dropped)
		}
		for i, r := range out {
			missing := math.IsNaN(values[i]) || math.IsNaN(values[i+1])
			if missing != (r != r) {
				t.Fatalf("step %d: %v between %v and %v", i, r, values[i], values[i+1])
			}
			if !missing && math.Abs(float64(r)-used[i]) > 1e-4 {
				t.Fatalf("step %d: %v, used were %v", i, r, used[i])
			}
		}
	})
}

func TestGrowth(t *testing.T) {
	nan := math.NaN()
	for name, tt := range map[string]struct {
		values []float64
		want   float64
	}{
		"none":     {[]float64{nan, nan}, 0},
		"one":      {[]float64{5}, 0},
		"steady":   {[]float64{5, 6, 9}, 4},
		"a gap":    {[]float64{5, nan, nan, 9}, 4},
		"a reset":  {[]float64{5, 7, 3, 4}, 6},
		"nonsense": {[]float64{5, -1, math.Inf(1), 6}, 1},
	} {
		if got := growth(tt.values); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestGauge(t *testing.T) {
	out := make([]float32, 5)
	dropped := gauge([]float64{1, -1, math.NaN(), 1e18, math.Inf(1)}, 1e15, out)
	gone := unknown
	if diff := cmp.Diff([]float32{1, gone, gone, gone, gone}, out, cmpopts.EquateNaNs()); diff != "" || dropped != 3 {
		t.Errorf("dropped %d (-want +got):\n%s", dropped, diff)
	}
}
