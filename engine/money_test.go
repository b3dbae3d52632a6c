package engine_test

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestMoneyIsWrittenToTheCent(t *testing.T) {
	for want, m := range map[string]engine.MicroUSD{
		"$0.00": 0, "$0.01": 5_000, "-$0.01": -5_000, "$1.00": engine.USD, "$999.99": 999_994_999, "$1,000.00": 999_995_000,
		"$1,234,567.89": 1_234_567_890_000, "-$12,345.60": -12_345_600_000, "$9,223,372,036,854.78": math.MaxInt64, "-$9,223,372,036,854.78": math.MinInt64,
	} {
		if got := m.String(); got != want {
			t.Errorf("%d is written %s, want %s", int64(m), got, want)
		}
	}
	if got := engine.MicroUSD(-4_999).String(); got != "$0.00" {
		t.Errorf("less than half a cent is written %s", got)
	}
}

func TestDollarsNeverOverflow(t *testing.T) {
	for in, want := range map[float64]engine.MicroUSD{
		1.5: 1_500_000, -0.0000004: 0, 0.0000005: 1, 1e30: math.MaxInt64, -1e30: math.MinInt64, math.Inf(1): math.MaxInt64, math.Inf(-1): math.MinInt64,
	} {
		if got := engine.Dollars(in); got != want {
			t.Errorf("Dollars(%v) = %d, want %d", in, got, want)
		}
	}
	if got := engine.Dollars(math.NaN()); got != 0 {
		t.Errorf("Dollars(NaN) = %d", got)
	}
}

// TestMoneyReadsBack holds what is written within half a cent of what is meant, and a month at 730 hours.
func TestMoneyReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := engine.MicroUSD(rapid.Int64Range(-1e15, 1e15).Draw(t, "micro"))
		dollars, err := strconv.ParseFloat(strings.NewReplacer("$", "", ",", "").Replace(m.String()), 64)
		if err != nil || math.Abs(dollars-m.Dollars()) > 0.005+1e-6 {
			t.Fatalf("%d is written %s: %v", int64(m), m, err)
		}
		if m.Monthly() != m*730 {
			t.Fatalf("a month of %s is %s", m, m.Monthly())
		}
		if whole := m.Times(1); whole-m > 1 || m-whole > 1 {
			t.Fatalf("once %d is %d", int64(m), int64(whole))
		}
	})
}
