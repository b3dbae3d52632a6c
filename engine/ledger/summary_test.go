package ledger_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

// TestSummaryCountsWhatHappenedInTheSpan plays the week from the ninth day on.
func TestSummaryCountsWhatHappenedInTheSpan(t *testing.T) {
	b := &book{t: t}
	old, young, back, late := cpu(1, "old"), memory(2, "young"), volume(3, "back"), node(4, "late")
	promised := func(e engine.LedgerEntry, monthly engine.MicroUSD) engine.LedgerEntry {
		e.Amount = monthly
		return e
	}
	b.add( // measured in the week, and before it
		entryOf(old, engine.EntryDetected, dayAfter(0)), entryOf(old, engine.EntryApproved, dayAfter(1)), entryOf(old, engine.EntryImplemented, dayAfter(6)),
		dayOf(old, dayAfter(7), 500), dayOf(old, dayAfter(8), 600), dayOf(old, dayAfter(9), 700), dayOf(old, dayAfter(11), 800),
	)
	b.add(promised(entryOf(young, engine.EntryDetected, dayAfter(7)), 2000)) // approved again in the week, for less
	first := promised(entryOf(young, engine.EntryApproved, dayAfter(8)), 1500)
	first.Proposal = 1
	again := promised(entryOf(young, engine.EntryApproved, dayAfter(9)), 1200)
	again.Proposal = 2
	b.add(first, again, promised(entryOf(young, engine.EntryImplemented, dayAfter(12)), 1200))
	b.add(promised(entryOf(back, engine.EntryDetected, dayAfter(0)), 90), promised(entryOf(back, engine.EntryApproved, dayAfter(0)), 90),
		promised(entryOf(back, engine.EntryImplemented, dayAfter(1)), 90), promised(entryOf(back, engine.EntryReversed, dayAfter(10)), 90))
	b.add(promised(entryOf(late, engine.EntryDetected, dayAfter(13)), 40), promised(entryOf(late, engine.EntryApproved, dayAfter(14)), 40)) // approved after it

	_, byType, byCluster, got := ledger.Summary(b.entries, engine.LedgerFilter{From: dayAfter(7), To: dayAfter(14)})
	// Promised: four days were measured, 4 × 24 of the 730 hours of $65.70. Missed: of the first chain three days, of the second one, of the
	// third those before it was taken back.
	want := engine.Funnel{
		Identified: engine.FunnelStep{Chains: 2, Monthly: 2040}, Approved: engine.FunnelStep{Chains: 1, Monthly: 1200},
		Implemented: engine.FunnelStep{Chains: 1, Monthly: 1200}, Reversed: engine.FunnelStep{Chains: 1, Monthly: 90},
		Verified: 2600, Low: 2560, High: 2640, Promised: 8_640_000, Chains: 1, Missed: 3 + 1 + 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("funnel (-want +got):\n%s", diff)
	}
	if len(byType) != 4 || byType[0] != (engine.LedgerShare{Name: "over_requested_cpu", Detected: 65_700_000, Implemented: 65_700_000, Verified: 2600}) {
		t.Errorf("by type: %+v", byType)
	}
	if len(byCluster) != 2 || byCluster[1] != (engine.LedgerShare{Name: "", Detected: 90, Implemented: 90}) {
		t.Errorf("by cluster: %+v", byCluster)
	}
}

// TestSummaryIsTheSums: what Summary says is what Sum says of each division, and the funnel's measure is the ledger's.
func TestSummaryIsTheSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := history(t)
		f := engine.LedgerFilter{From: dayAfter(rapid.IntRange(0, 9).Draw(t, "from")), Limit: 2}
		f.To = f.From.AddDate(0, 0, 7)
		sums, byType, byCluster, way := ledger.Summary(entries, f)
		of := func(by engine.LedgerBy) engine.Ledger {
			f.By = by
			return ledger.Sum(entries, f)
		}
		if d := cmp.Diff(of(engine.LedgerByTeam), sums); d != "" {
			t.Fatalf("by team:\n%s", d)
		}
		if d := cmp.Diff(of(engine.LedgerByType).Shares, byType); d != "" {
			t.Fatalf("by type:\n%s", d)
		}
		if d := cmp.Diff(of(engine.LedgerByCluster).Shares, byCluster); d != "" {
			t.Fatalf("by cluster:\n%s", d)
		}
		var promised engine.MicroUSD
		chains := 0
		for _, c := range sums.Calibration {
			promised, chains = promised+c.Estimated, chains+c.Chains
		}
		if way.Verified != sums.Verified || way.Cash != sums.Cash || way.Low != sums.Low || way.High != sums.High || way.Missed != sums.Missed ||
			way.Promised != promised || way.Chains != chains {
			t.Fatalf("the funnel is %+v, the sums are %+v", way, sums)
		}
		reached := map[engine.EntryKind]int{}
		for _, e := range entries {
			if e.Day.IsZero() && !e.At.Before(f.From) && e.At.Before(f.To) {
				reached[e.Kind]++
			}
		}
		for kind, step := range map[engine.EntryKind]engine.FunnelStep{
			engine.EntryDetected: way.Identified, engine.EntryApproved: way.Approved, engine.EntryImplemented: way.Implemented, engine.EntryReversed: way.Reversed,
		} {
			if step.Chains != reached[kind] {
				t.Fatalf("%d chains were %s in the span, %d are counted", reached[kind], kind, step.Chains)
			}
		}
	})
}
