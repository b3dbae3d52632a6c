package engine_test

import (
	"fmt"
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

func TestCentsComeToTheirTotal(t *testing.T) {
	for name, c := range map[string]struct {
		amounts []engine.MicroUSD
		total   engine.MicroUSD
		want    string
	}{
		"three thirds":      {[]engine.MicroUSD{3_333_333, 3_333_333, 3_333_334}, 10_000_000, "[$3.33 $3.33 $3.34]"},
		"equal remainders":  {[]engine.MicroUSD{5_000, 5_000}, 10_000, "[$0.01 $0.00]"},
		"one took away":     {[]engine.MicroUSD{-1_255_000, 2_505_000}, 1_250_000, "[-$1.25 $2.50]"},
		"all took away":     {[]engine.MicroUSD{-1_234, -3_766}, -5_000, "[$0.00 -$0.01]"},
		"not their total":   {[]engine.MicroUSD{1_999_000, -5_000}, 7, "[$2.00 -$0.01]"},
		"none":              {nil, 0, "[]"},
		"none of something": {nil, engine.USD, "[]"},
		"very large":        {[]engine.MicroUSD{math.MaxInt64 / 2, 1}, math.MaxInt64/2 + 1, "[$4,611,686,018,427.39 $0.00]"},
	} {
		if got := fmt.Sprint(engine.ToCents(c.amounts, c.total)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if got := engine.ToCents([]engine.MicroUSD{math.MaxInt64, math.MaxInt64, math.MinInt64}, math.MaxInt64-1); len(got) != 3 { // no panic
		t.Errorf("%d amounts", len(got))
	}
}

// TestCentsMoveLittle holds that shown amounts add up to the shown total, and that none is further than a cent from what it was.
func TestCentsMoveLittle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var amounts []engine.MicroUSD
		var total engine.MicroUSD
		for _, m := range rapid.SliceOfN(rapid.Int64Range(-1e12, 1e12), 0, 40).Draw(t, "amounts") {
			amounts, total = append(amounts, engine.MicroUSD(m)), total+engine.MicroUSD(m)
		}
		var sum engine.MicroUSD
		for k, m := range engine.ToCents(amounts, total) {
			if off := m - amounts[k]; off <= -engine.USD/100 || off >= engine.USD/100 || m%(engine.USD/100) != 0 {
				t.Fatalf("%d became %d", int64(amounts[k]), int64(m))
			}
			sum += m
		}
		if sum.String() != total.String() {
			t.Fatalf("what is shown comes to %s, the total is %s", sum, total)
		}
	})
}
