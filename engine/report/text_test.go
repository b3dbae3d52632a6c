package report

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

// same fails for each answer that is not what is wanted.
func same[K comparable](t *testing.T, what string, of func(K) string, want map[K]string) {
	t.Helper()
	for in, want := range want {
		if got := of(in); got != want {
			t.Errorf("%s of %v is %q, want %q", what, in, got, want)
		}
	}
}

func TestTexts(t *testing.T) {
	same(t, "short", func(d float64) string { return short(engine.Dollars(d)) }, map[float64]string{
		0: "$0", 0.004: "$0", 0.31: "$0.31", 9.999: "$10", 70.05: "$70", 67.79: "$67.8", 960.4: "$960", 1_234.5: "$1,234", 9_994: "$9,994", 9_999: "$10k",
		12_345: "$12.3k", 999_400: "$999k", 999_900: "$1M", 1_254_000: "$1.25M", -611: "−$611", -20_000.33: "−$20k", 3.2e9: "$3.2B", -0.001: "$0",
	})
	same(t, "signed", func(m engine.MicroUSD) string { return signed(m) }, map[engine.MicroUSD]string{0: "$0.00", 4_999: "$0.00", 3_200_000: "+$3.20", -400_000: "−$0.40"})
	same(t, "points", points, map[float64]string{0: "±0 %", 0.0004: "±0 %", 0.034: "+3.4 %", -0.5: "−50 %", 12: "+12 times", -0.0012: "−0.1 %"})
	same(t, "percent", percent, map[float64]string{0: "0 %", 0.0004: "under 0.1 %", 0.055: "5.5 %", 0.713: "71 %", -16.5: "−1650 %", math.NaN(): unknown, math.Inf(1): unknown})
	same(t, "each", each, map[float64]string{0: "$0.00", 39.3: "$39.30", 0.0000318894: "$0.00003189", -0.5: "−$0.5000", 1e-15: "$0.000000000000", math.Inf(1): unknown, 1_234.5: "$1,234.50"})
	same(t, "quantity", quantity, map[float64]string{0: "0", 1.5: "1.50", 1_204_550_113: "1,204,550,113", 1234.6: "1,235", 1e17: "100000000000000000", -0.25: "−0.25"})
	same(t, "whole", whole, map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "−1,234,567", math.MinInt64: "−9,223,372,036,854,775,808"})
	same(t, "lasted", lasted, map[time.Duration]string{
		-time.Hour: "0 s", 41 * time.Second: "41 s", 90 * time.Second: "1 min", 3*time.Hour + 5*time.Minute: "3 h 5 min", 4 * time.Hour: "4 h", 52 * time.Hour: "2 d 4 h", math.MaxInt64: "106751 d 23 h",
	})
	same(t, "web", web, map[string]string{
		"https://github.com/a/b/pull/1": "https://github.com/a/b/pull/1", "http://ghe.example/x?a=1": "http://ghe.example/x?a=1", "": "", "javascript:alert(1)": "", "JAVASCRIPT:x": "", "//x.example": "",
		"https://u:p@x.example/": "", "https://": "", "data:text/html,x": "", "https://x.example/a b": "", "ftp://x.example": "", "https://x.example/" + strings.Repeat("a", 1000): "",
	})
	same(t, "tame", func(s string) string { return tame(s, 8) }, map[string]string{
		"": "", " a \t b\r\n": "a b", "a\x00b": "ab", "\u202egpj.exe": "gpj.exe", "\xffx": "x", "long name here": "long na…", "支払いチームの名前です": "支払いチームの…", "\ufdd0x": "x",
	})
	same(t, "list", func(n int) string { return list([]string{"a", "b", "c"}[:n]) }, map[int]string{0: "", 1: "a", 2: "a and b", 3: "a, b and c"})
	same(t, "periodName", func(s string) string { return periodName(engine.PeriodOf(engine.Weekly, mustDay(s))) }, map[string]string{"2026-12-31": "Week 53 of 2026", "2027-01-03": "Week 53 of 2026", "2027-01-04": "Week 1 of 2027"})
	same(t, "span", func(s string) string { return span(engine.PeriodOf(engine.Weekly, mustDay(s))) }, map[string]string{
		"2026-11-18": "16–22 November 2026 (UTC)", "2026-09-30": "28 September–4 October 2026 (UTC)", "2026-12-31": "28 December 2026–3 January 2027 (UTC)",
	})
}

func mustDay(s string) time.Time {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return at
}

func TestTameIsShortAndValid(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, n := rapid.String().Draw(t, "text"), rapid.IntRange(1, 50).Draw(t, "most")
		got := tame(s+string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")), n)
		if utf8.RuneCountInString(got) > n || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\n\r\t\u202e") || got != strings.TrimSpace(got) {
			t.Fatalf("%q", got)
		}
	})
}

// TestScale holds that an axis covers its values in a few round steps.
func TestScale(t *testing.T) {
	for _, c := range []struct {
		low, high, from, to float64
		count               int
	}{{0, 100, 0, 100, 5}, {4_300, 5_900, 0, 6_000, 4}, {-3_000, 7_000, -5_000, 7_500, 6}, {0, 0, 0, 1, 2}, {-10, -2, -10, 0, 5}, {0, 0.31, 0, 0.4, 5}} {
		if from, to, count := scale(c.low, c.high, 4); math.Abs(from-c.from) > 1e-9 || math.Abs(to-c.to) > 1e-9 || count != c.count {
			t.Errorf("from %v to %v the axis goes from %v to %v in %d labels, want %v, %v, %d", c.low, c.high, from, to, count, c.from, c.to, c.count)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		low, high := rapid.Float64Range(-1e12, 1e12).Draw(t, "low"), rapid.Float64Range(-1e12, 1e12).Draw(t, "high")
		from, to, count := scale(min(low, high), max(low, high), 4)
		if from > min(low, high, 0) || to < max(low, high, 0) || count < 2 || count > 7 {
			t.Fatalf("from %v to %v in %d labels", from, to, count)
		}
	})
}

// TestBarsAndLinesTakeAnything draws what nobody would.
func TestBarsAndLinesTakeAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Float64Range(-1e13, 1e13)
		c := newCanvas("phone", phoneWidth, 200)
		var err error
		if rapid.Bool().Draw(t, "bars") {
			rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) bar {
				return bar{name: rapid.String().Draw(t, "name"), from: value.Draw(t, "from"), to: value.Draw(t, "to"), ink: rapid.SampledFrom([]ink{inkWhole, inkMore, inkLess}).Draw(t, "ink"), label: rapid.String().Draw(t, "label")}
			}), 1, 14).Draw(t, "rows")
			err = bars(c, rows, rapid.SampledFrom([]float64{0, 0, 1e6}).Draw(t, "least"))
		} else {
			n := rapid.IntRange(1, 40).Draw(t, "days")
			maybe := func(name string) []float64 {
				values := nothing(n)
				for k := range values {
					if rapid.Bool().Draw(t, name+" known") {
						values[k] = value.Draw(t, name)
					}
				}
				return values
			}
			err = lines(c, make([]string, n), []line{{inkActual, maybe("actual")}}, maybe("low"), maybe("high"))
		}
		if err != nil {
			t.Fatal(err)
		}
		drawn, err := c.drawing("x", "<title>", "a & b")
		if err != nil || strings.Contains(string(drawn), "<title>") && !strings.Contains(string(drawn), `-t">&lt;title&gt;</title>`) || strings.Contains(string(drawn), "style=") {
			t.Fatalf("%v\n%s", err, drawn)
		}
	})
}

// TestStepsComeToTheChange holds the waterfall to what stands above and below it, to the cent.
func TestStepsComeToTheChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := engine.MicroUSD(rapid.Int64Range(-1e12, 1e12).Draw(t, "before"))
		now := before
		var steps []engine.SpendStep
		for _, m := range rapid.SliceOfN(rapid.Int64Range(-1e10, 1e10), 1, 12).Draw(t, "steps") {
			steps, now = append(steps, engine.SpendStep{Amount: engine.MicroUSD(m)}), now+engine.MicroUSD(m)
		}
		at := round(before)
		for _, m := range stepCents(steps, round(before), round(now)) {
			at += m
		}
		if at != round(now) {
			t.Fatalf("the steps lead to %s, the spend is %s", at, round(now))
		}
	})
}
