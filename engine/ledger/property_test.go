package ledger_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

// history draws a ledger of a few chains that went as far as they went, kept in an order in which their steps could have come.
func history(t *rapid.T) []engine.LedgerEntry {
	b := &book{t: t}
	teams, namespaces := []string{"", "pay", "shop"}, []string{"payments", "shop"}
	var waiting [][]engine.LedgerEntry
	for id := range int64(rapid.IntRange(1, 6).Draw(t, "chains")) {
		f := rapid.SampledFrom([]engine.Finding{cpu(id+1, "api"), memory(id+1, "api"), node(id+1, "n"), volume(id+1, "v")}).Draw(t, "kind")
		f.Owner.Team, f.Target.Namespace = rapid.SampledFrom(teams).Draw(t, "team"), rapid.SampledFrom(namespaces).Draw(t, "namespace")
		f.Monthly = engine.MicroUSD(rapid.Int64Range(0, 1e12).Draw(t, "monthly"))
		var steps []engine.LedgerEntry
		for _, kind := range []engine.EntryKind{engine.EntryDetected, engine.EntryApproved, engine.EntryImplemented}[:rapid.IntRange(1, 3).Draw(t, "reached")] {
			steps = append(steps, entryOf(f, kind, monday))
		}
		if len(steps) == 3 {
			for n := range rapid.IntRange(0, 5).Draw(t, "days") {
				e := dayOf(f, dayAfter(1+n), engine.MicroUSD(rapid.Int64Range(-1e6, 1e9).Draw(t, "amount")))
				e.Cash = engine.MicroUSD(rapid.Int64Range(0, int64(max(0, e.Amount))).Draw(t, "cash"))
				steps = append(steps, e)
			}
			if rapid.Bool().Draw(t, "reversed") {
				steps = append(steps, entryOf(f, engine.EntryReversed, dayAfter(9)))
			}
		}
		waiting = append(waiting, steps)
	}
	for len(waiting) > 0 {
		k := rapid.IntRange(0, len(waiting)-1).Draw(t, "next")
		b.add(waiting[k][0])
		if waiting[k] = waiting[k][1:]; len(waiting[k]) == 0 {
			waiting = slices.Delete(waiting, k, k+1)
		}
	}
	for range rapid.IntRange(0, 4).Draw(t, "corrections") {
		of := b.entries[rapid.IntRange(0, len(b.entries)-1).Draw(t, "of")]
		if of.Kind != engine.EntryVerified {
			continue
		}
		e := of
		e.Kind, e.Corrects, e.ID, e.At = engine.EntryCorrected, of.ID, 0, dayAfter(20)
		e.Ref = rapid.StringMatching(`[a-z]{6}`).Draw(t, "ref")
		e.Amount = engine.MicroUSD(rapid.Int64Range(-1e6, 1e6).Draw(t, "difference"))
		e.Low, e.High, e.Cash = e.Amount, e.Amount, 0
		if _, err := b.try(e); err != nil && engine.CodeOf(err) != engine.Invalid {
			t.Fatal(err)
		}
	}
	return b.entries
}

func TestSumsAreTheSameInAnyOrderAndHoweverOften(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := history(t)
		f := engine.LedgerFilter{By: rapid.SampledFrom([]engine.LedgerBy{"", "team", "namespace", "cluster", "type"}).Draw(t, "by")}
		if rapid.Bool().Draw(t, "span") {
			f.From, f.To = dayAfter(2), dayAfter(4)
		}
		want := ledger.Sum(entries, f)
		mixed := slices.Concat(entries, entries[:rapid.IntRange(0, len(entries)).Draw(t, "again")])
		seed := rapid.Uint64().Draw(t, "order")
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] }) //nolint:gosec // a seed of the test's
		if d := cmp.Diff(want, ledger.Sum(mixed, f)); d != "" {
			t.Fatalf("in another order (-want +got):\n%s", d)
		}
	})
}

func TestReplaysChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &book{t: t, entries: history(t)}
		n := len(b.entries)
		for range 5 {
			e := b.entries[rapid.IntRange(0, n-1).Draw(t, "again")]
			e.ID, e.Amount, e.High = 0, e.Amount+1, e.High+1
			if fresh, err := b.try(e); fresh || err != nil {
				t.Fatalf("%+v again: kept %v, %v", e, fresh, err)
			}
		}
	})
}

func TestSumsAreTheEntriesAndShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := history(t)
		var verified, cash engine.MicroUSD
		steps := map[engine.EntryKind]engine.MicroUSD{}
		for _, e := range entries {
			steps[e.Kind] += e.Amount
			if !e.Day.IsZero() {
				verified, cash = verified+e.Amount, cash+e.Cash
			}
		}
		for _, by := range []engine.LedgerBy{engine.LedgerByTeam, engine.LedgerByNamespace, engine.LedgerByCluster, engine.LedgerByType} {
			sum := ledger.Sum(entries, engine.LedgerFilter{By: by, Limit: 1})
			if sum.Verified != verified || sum.Cash != cash || sum.Freed != verified-cash || sum.Detected != steps[engine.EntryDetected] ||
				sum.Approved != steps[engine.EntryApproved] || sum.Implemented != steps[engine.EntryImplemented] || sum.Reversed != steps[engine.EntryReversed] {
				t.Fatalf("%+v; the entries come to %v, verified %d, cash %d", sum, steps, verified, cash)
			}
			var shares engine.LedgerShare
			for _, s := range sum.Shares {
				shares.Detected, shares.Implemented = shares.Detected+s.Detected, shares.Implemented+s.Implemented
				shares.Verified, shares.Cash = shares.Verified+s.Verified, shares.Cash+s.Cash
			}
			if want := (engine.LedgerShare{Detected: sum.Detected, Implemented: sum.Implemented, Verified: verified, Cash: cash}); shares != want {
				t.Fatalf("shares by %s come to %+v, want %+v", by, shares, want)
			}
			var calibrated engine.MicroUSD
			for _, c := range sum.Calibration {
				calibrated += c.Verified
			}
			if calibrated != verified {
				t.Fatalf("calibration is of %d, verified is %d", calibrated, verified)
			}
			if sum.More != len(ledger.Fold(entries, engine.LedgerFilter{}))-1 {
				t.Fatalf("%d more", sum.More)
			}
		}
	})
}

func TestSpansAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := history(t)
		cut := dayAfter(rapid.IntRange(0, 8).Draw(t, "cut"))
		all := ledger.Sum(entries, engine.LedgerFilter{To: dayAfter(100)})
		early, late := ledger.Sum(entries, engine.LedgerFilter{To: cut}), ledger.Sum(entries, engine.LedgerFilter{From: cut, To: dayAfter(100)})
		if early.Verified+late.Verified != all.Verified || early.Cash+late.Cash != all.Cash {
			t.Fatalf("before %s: %s, from then on: %s, together %s", cut, early.Verified, late.Verified, all.Verified)
		}
	})
}

// TestNoDollarIsInTwoChains lets chains about the same group, container and cluster measure any day, and compares what they say with
// what the day can have saved.
func TestNoDollarIsInTwoChains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &book{t: t}
		hours := func(name string) float64 { return float64(rapid.IntRange(0, 10).Draw(t, name)) * 12 }
		uses := map[int64]ledger.Use{}
		today := nodes(dayAfter(20), hours("nodes"))
		has, requested := 40*today.Work+1, hours("requested")+1
		var most, capacityBefore, nodesBefore float64
		for id := range int64(rapid.IntRange(1, 4).Draw(t, "nodes")) {
			before := nodes(dayAfter(-1), hours("before"))
			at := dayAfter(rapid.IntRange(0, 3).Draw(t, "at"))
			b.implement(node(id+1, "n"), at, before)
			most = max(most, before.Work)
			uses[id+1] = today
		}
		nodesBefore = most
		work := hours("replica-hours")
		units := work * float64(rapid.IntRange(1, 10).Draw(t, "request")) / 4
		top := 0.0
		for id := range int64(rapid.IntRange(0, 3).Draw(t, "requests")) {
			f := cpu(10, "api") // one container, lowered again and again
			f.Reopened = int(id)
			f.Sizing.Old = int64(rapid.IntRange(1, 12).Draw(t, "old")) * 250
			f.Sizing.New = f.Sizing.Old / 2
			before := capacity(-1, 0, 40*hours("capacity")+1, hours("load")+1)
			b.implement(f, dayAfter(rapid.IntRange(0, 3).Draw(t, "at")), before)
			top, capacityBefore = max(top, float64(f.Sizing.Old)/1000), max(capacityBefore, before.Capacity)
			uses[10] = ledger.Use{Day: dayAfter(20), Work: work, Units: units, Seen: 1, Capacity: has, Requested: requested}
		}
		news, gaps := b.measure(dayAfter(20), uses)
		if len(gaps) > 0 || len(news) != len(ledger.Fold(b.entries, engine.LedgerFilter{})) {
			t.Fatalf("%d entries, gaps %v", len(news), gaps)
		}
		var ofNodes, ofRequests, cash engine.MicroUSD
		for _, e := range news {
			if e.Type == engine.IdleNode {
				ofNodes += e.Amount
			} else {
				ofRequests, cash = ofRequests+e.Amount, cash+e.Cash
			}
		}
		const rounding = 10
		if limit := engine.MicroUSD(200_000 * max(0, nodesBefore-today.Work)); ofNodes > limit+rounding {
			t.Fatalf("nodes saved %s; the group lost no more than %s", ofNodes, limit)
		}
		if limit := engine.MicroUSD(30_000 * max(0, top*work-units)); ofRequests > limit+rounding {
			t.Fatalf("requests saved %s; no more than %s was requested less", ofRequests, limit)
		}
		taken := ofNodes.Dollars() / 0.2 * 4
		if limit := engine.MicroUSD(30_000 * max(0, capacityBefore-has-taken)); cash > limit+rounding {
			t.Fatalf("cash of requests is %s; beyond the nodes with chains, capacity worth %s went", cash, limit)
		}
	})
}
