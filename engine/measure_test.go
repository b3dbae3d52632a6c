package engine_test

import (
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestAmount(t *testing.T) {
	for _, tc := range []struct {
		m    engine.Measure
		v    float64
		want string
	}{
		{engine.MeasureCPU, 1.234, "1.2 cores"},
		{engine.MeasureCPU, 0, "0 cores"},
		{engine.MeasureMemory, 1.5 * (1 << 30), "1.5 GiB"},
		{engine.MeasureMemory, 812 << 20, "812 MiB"},
		{engine.MeasureMemory, 100 << 10, "100 KiB"},
		{engine.MeasureLatency, 0.0421, "42 ms"},
		{engine.MeasureLatency, 3.14, "3.1 s"},
		{engine.MeasureErrors, 0.123, "12 %"},
		{engine.MeasureSaturation, 1, "100 %"},
		{engine.MeasureRequests, 1234.5, "1234/s"},
		{engine.MeasureCost, 0.5, "$12.00 a day"},
		{engine.MeasureHourlyCost, 0.5, "$0.50 an hour"},
		{engine.MeasureRestarts, 3, "3"},
		{"queue", 0.00012, "0.00012"},
		{"queue", 1e-9, "0"},
	} {
		if got := tc.m.Amount(tc.v); got != tc.want {
			t.Errorf("%s of %v is %q, want %q", tc.m, tc.v, got, tc.want)
		}
	}
}
