package view_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

func spent() engine.Costs {
	from := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	return engine.Costs{
		Filter: "16 November to 22 November 2026", CostFilter: engine.CostFilter{From: from, To: from.AddDate(0, 0, 7), By: engine.CostByTeam},
		Lines: []engine.CostLine{
			{Name: "payments", Own: 812_345_001, Shared: 41_004_999, Amount: 853_350_000},
			{Name: "`shop` <!channel> with a name that is far too long", Own: 310_003_333, Shared: 12_001_111, Amount: 322_004_444},
			{Own: 20_001_111, Shared: 1_001_111, Amount: 21_002_222},
		},
		Idle: 404_443_334, Shared: 3_333_333, Outside: 95_500_000, Unallocated: 101_166_667, Adjustment: -1_000_000,
		Total: 1_799_800_000, Provisional: 1_500_000_000, Days: 6, Newest: from.AddDate(0, 0, 5), Guessed: 1,
		Missing:     []engine.Gap{{Collector: "prometheus dev", Reason: "kube-state-metrics was there for 75 % of 21 November, which stand for the rest"}},
		BilledCalls: 18, BilledAmount: 180_000,
	}
}

func TestGoldenCosts(t *testing.T) {
	estimate := spent()
	estimate.Estimated, estimate.By, estimate.Days, estimate.Guessed, estimate.Missing, estimate.BilledCalls = estimate.Total, engine.CostByCluster, 7, 0, nil, 0
	estimate.Lines = []engine.CostLine{{Name: "prod-eu", Own: 1_000_000_000, Shared: 96_356_666, Idle: 100_000_000, Amount: 1_196_356_666}}
	golden(t, map[string]any{
		"reply_costs":          view.Reply(engine.Reply{Costs: new(spent())}, workspace),
		"reply_costs_estimate": view.Reply(engine.Reply{Costs: &estimate}, workspace),
		"reply_costs_none":     view.Reply(engine.Reply{Costs: &engine.Costs{Filter: "22 November 2026"}}, workspace),
	})
}

var lastColumn = regexp.MustCompile(`(-?)\$([0-9,]+)\.([0-9]{2})(\\n|$)`)

// TestCentsAddUp adds up what is shown, whatever it is.
func TestCentsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := engine.Costs{Days: 1}
		amount := rapid.Int64Range(-3_000_000, 5_000_000_000)
		for range rapid.IntRange(0, 30).Draw(t, "lines") {
			a := engine.MicroUSD(amount.Draw(t, "amount"))
			s.Lines = append(s.Lines, engine.CostLine{Name: "team", Own: a, Amount: a})
			s.Total += a
		}
		s.Idle, s.Adjustment = engine.MicroUSD(amount.Draw(t, "idle")), -engine.MicroUSD(amount.Draw(t, "adjustment"))
		s.Total += s.Idle + s.Adjustment
		text := string(encodeAny(t, view.Reply(engine.Reply{Costs: &s}, workspace)))
		_, table, _ := strings.Cut(text, "```")
		table, _, _ = strings.Cut(table, "```")
		var sum, last int64
		for _, m := range lastColumn.FindAllStringSubmatch(table, -1) {
			last = cents(m)
			sum += last
		}
		if sum != 2*last { // the last is the sum
			t.Fatalf("the lines come to %d cents, the sum says %d:\n%s", sum-last, last, strings.ReplaceAll(table, `\n`, "\n"))
		}
	})
}

func cents(m []string) (n int64) {
	for _, r := range m[2] + m[3] {
		if r >= '0' && r <= '9' {
			n = 10*n + int64(r-'0')
		}
	}
	if m[1] == "-" {
		return -n
	}
	return n
}

func encodeAny(t *rapid.T, v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
