package view_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

func realised() engine.Ledger {
	at := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	of := func(namespace, kind, name, container string) engine.Target {
		return engine.Target{Workload: engine.Workload{Cluster: "prod", Namespace: namespace, Kind: kind, Name: name}, Container: container}
	}
	return engine.Ledger{
		Filter: "24 October to 22 November 2026", By: engine.LedgerByTeam,
		Detected: 1_412_000_000, Approved: 890_500_000, Implemented: 611_000_000, Reversed: 42_000_000,
		Verified: 203_456_789, Cash: 120_123_456, Freed: 83_333_333, Twice: 20_500_000, Low: 180_000_000, High: 226_900_000, Missed: 3,
		Shares: []engine.LedgerShare{
			{Name: "payments", Detected: 800_000_000, Implemented: 400_000_000, Verified: 150_004_999, Cash: 100_004_999},
			{Name: "`shop` <!channel> and a long name", Detected: 500_000_000, Implemented: 211_000_000, Verified: 53_451_790, Cash: 20_118_457},
			{Detected: 112_000_000},
		},
		Calibration: []engine.CalibrationLine{
			{Type: engine.IdleNode, Chains: 1, Estimated: 118_000_000, Verified: 120_123_456, Ratio: 1.018},
			{Type: engine.OverRequestedCPU, Chains: 2, Estimated: 110_000_000, Verified: 83_333_333, Ratio: 0.7576},
		},
		Lines: []engine.LedgerLine{
			{
				Chain: "finding/1/0", Type: engine.OverRequestedCPU, Target: of("payments", "Deployment", "api", "app"), Team: "payments", State: engine.EntryVerified,
				At: at, Estimated: 65_700_000, Verified: 47_520_000, Low: 40_000_000, High: 55_000_000, Days: 22, Missing: 3, PullURL: "https://github.com/acme/infra/pull/7",
			},
			{
				Chain: "finding/2/0", Type: engine.IdleNode, Target: of("", engine.KindNode, "ip-10-0-1-7", ""), State: engine.EntryVerified,
				At: at, Estimated: 146 * engine.USD, Verified: 120_123_456, Cash: 120_123_456, Low: 118_000_000, High: 122_000_000, Days: 25, PullURL: "https://github.com/acme/infra/pull/9",
			},
			{Chain: "finding/3/0", Type: engine.OverRequestedMemory, Target: of("shop", "StatefulSet", "<!here>`db`", "main"), State: engine.EntryReversed, At: at, Estimated: 42 * engine.USD},
			{Chain: "finding/4/0", Type: engine.OrphanVolume, Target: of("", engine.KindVolume, "vol-0aa", ""), State: engine.EntryImplemented, At: at, Estimated: 7 * engine.USD, Missing: 1},
			{Chain: "finding/5/0", Type: engine.OrphanVolume, Target: of("", engine.KindVolume, "vol-0bb", ""), State: engine.EntryApproved, At: at, Estimated: 7 * engine.USD},
			{Chain: "finding/6/0", Type: engine.OrphanVolume, Target: of("", engine.KindVolume, "vol-0cc", ""), State: engine.EntryDetected, At: at, Estimated: 7 * engine.USD},
		},
		More: 4,
	}
}

func TestGoldenLedger(t *testing.T) {
	early := realised()
	early.Verified, early.Cash, early.Freed, early.Twice, early.Calibration, early.Missed, early.More, early.Reversed = 0, 0, 0, 0, nil, 0, 0, 0
	early.Lines = early.Lines[3:]
	worse := realised()
	worse.By, worse.Verified, worse.Cash, worse.Freed, worse.Twice, worse.Low, worse.High = engine.LedgerByType, -3_000_000, 0, -3_000_000, 0, -4_000_000, -2_000_000
	worse.Shares = []engine.LedgerShare{{Name: "over_requested_cpu", Implemented: 65_700_000, Verified: -3_000_000}}
	worse.Calibration = []engine.CalibrationLine{{Type: engine.OverRequestedCPU, Chains: 1, Estimated: 10_000_000, Verified: -3_000_000, Ratio: -0.3}}
	worse.Lines, worse.More, worse.Implemented = worse.Lines[:1], 0, 65_700_000
	worse.Lines[0].Verified = -3_000_000
	golden(t, map[string]any{
		"reply_ledger":       view.Reply(engine.Reply{Ledger: new(realised())}, workspace),
		"reply_ledger_early": view.Reply(engine.Reply{Ledger: &early}, workspace),
		"reply_ledger_worse": view.Reply(engine.Reply{Ledger: &worse}, workspace),
		"reply_ledger_none":  view.Reply(engine.Reply{Ledger: &engine.Ledger{Filter: "22 November 2026"}}, workspace),
	})
}

// TestTheTableOfTheLedgerFitsAPhone: Slack on a phone shows some 40 characters of a code block before it breaks the line.
func TestTheTableOfTheLedgerFitsAPhone(t *testing.T) {
	text := string(encode(t, view.Reply(engine.Reply{Ledger: new(realised())}, workspace)))
	_, table, _ := strings.Cut(text, "```")
	table, _, _ = strings.Cut(table, "```")
	for line := range strings.SplitSeq(table, `\n`) {
		if len([]rune(line)) > 50 {
			t.Errorf("%d characters: %s", len([]rune(line)), line)
		}
	}
}

// TestCentsOfTheLedgerAddUp adds up the columns that are shown, whatever they are.
func TestCentsOfTheLedgerAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := engine.Ledger{Lines: []engine.LedgerLine{{}}, Calibration: []engine.CalibrationLine{{Chains: 1}}}
		amount := rapid.Int64Range(0, 5_000_000_000)
		for range rapid.IntRange(1, 25).Draw(t, "shares") {
			s := engine.LedgerShare{
				Name: "team", Verified: engine.MicroUSD(amount.Draw(t, "verified") - 3_000_000), Cash: engine.MicroUSD(amount.Draw(t, "cash")),
				Implemented: engine.MicroUSD(amount.Draw(t, "live")),
			}
			l.Shares = append(l.Shares, s)
			l.Verified, l.Cash, l.Implemented = l.Verified+s.Verified, l.Cash+s.Cash, l.Implemented+s.Implemented
		}
		text := string(encodeAny(t, view.Reply(engine.Reply{Ledger: &l}, workspace)))
		_, table, _ := strings.Cut(text, "```")
		table, _, _ = strings.Cut(table, "```")
		var sum, last int64
		for _, m := range lastColumn.FindAllStringSubmatch(table, -1) {
			last = cents(m)
			sum += last
		}
		if sum != 2*last {
			t.Fatalf("the lines come to %d cents, the sum says %d:\n%s", sum-last, last, strings.ReplaceAll(table, `\n`, "\n"))
		}
	})
}

// TestTheLedgerKeepsSlacksLimits draws ledgers of any names and lengths.
func TestTheLedgerKeepsSlacksLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := realised()
		l.Filter = text(t)
		l.Lines = slices.Repeat(some(t, 5, func(t *rapid.T) engine.LedgerLine {
			line := l.Lines[rapid.IntRange(0, 5).Draw(t, "line")]
			line.Target.Name, line.Target.Namespace, line.Target.Container, line.PullURL = text(t), text(t), text(t), text(t)
			return line
		}), 9)
		l.Shares = slices.Repeat(some(t, 5, func(t *rapid.T) engine.LedgerShare {
			return engine.LedgerShare{Name: text(t), Verified: engine.MicroUSD(rapid.Int64Range(-1e15, 1e15).Draw(t, "verified"))}
		}), 9)
		l.Verified, l.Cash, l.Implemented = 0, 0, 0
		for _, s := range l.Shares {
			l.Verified += s.Verified
		}
		checkDrawing(t, "ledger", view.Reply(engine.Reply{Ledger: &l}, workspace))
	})
}
