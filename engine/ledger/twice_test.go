package ledger_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

// went is a chain of a finding that was found and went live on these days, and saved so much a day from then on, until the twelfth day.
func went(b *book, f engine.Finding, found, live int, amount, cash engine.MicroUSD) {
	b.add(entryOf(f, engine.EntryDetected, dayAfter(found)))
	b.add(entryOf(f, engine.EntryApproved, dayAfter(live)))
	b.add(entryOf(f, engine.EntryImplemented, dayAfter(live)))
	for day := live + 1; day <= 12; day++ {
		e := dayOf(f, dayAfter(day), amount)
		e.Cash = cash
		b.add(e)
	}
}

func TestTwice(t *testing.T) {
	elsewhere := node(9, "n")
	elsewhere.Target.Cluster = "dev"
	for name, c := range map[string]struct {
		with func(*book)
		from int
		want engine.MicroUSD
	}{
		"a node that was found afterwards": {func(b *book) { went(b, node(2, "n"), 5, 8, 5*engine.USD, 5*engine.USD) }, 0, 4 * 3 * engine.USD},
		"of which less is off the bill":    {func(b *book) { went(b, node(2, "n"), 5, 8, 5*engine.USD, 1*engine.USD) }, 0, 4 * 1 * engine.USD},
		"in a span":                        {func(b *book) { went(b, node(2, "n"), 5, 8, 5*engine.USD, 5*engine.USD) }, 11, 2 * 3 * engine.USD},
		"one that was idle before":         {func(b *book) { went(b, node(2, "n"), 1, 8, 5*engine.USD, 5*engine.USD) }, 0, 0},
		"one of another cluster":           {func(b *book) { went(b, elsewhere, 5, 8, 5*engine.USD, 5*engine.USD) }, 0, 0},
		"a volume":                         {func(b *book) { went(b, volume(2, "v"), 5, 8, 5*engine.USD, 5*engine.USD) }, 0, 0},
		"two nodes, and not enough for both": {func(b *book) {
			went(b, node(2, "n"), 5, 8, 2*engine.USD, 2*engine.USD)
			went(b, node(3, "m"), 6, 8, 2*engine.USD, 2*engine.USD)
		}, 0, 4 * 3 * engine.USD},
		"two requests, one of them too late": {func(b *book) {
			went(b, cpu(4, "web"), 5, 7, 9*engine.USD, 0)
			went(b, node(2, "n"), 5, 8, 5*engine.USD, 5*engine.USD)
		}, 0, 4 * 3 * engine.USD},
		"two requests, both soon enough": {func(b *book) {
			went(b, memory(4, "web"), 1, 4, 1*engine.USD, 0)
			went(b, node(2, "n"), 5, 8, 5*engine.USD, 5*engine.USD)
		}, 0, 4 * 4 * engine.USD},
		"one that cost more": {func(b *book) {
			went(b, memory(4, "web"), 1, 4, -1*engine.USD, 0)
			went(b, node(2, "n"), 5, 8, 5*engine.USD, 5*engine.USD)
		}, 0, 4 * 3 * engine.USD},
		"no node": {func(*book) {}, 0, 0},
	} {
		b := &book{t: t}
		went(b, cpu(1, "api"), 0, 3, 4*engine.USD, 1*engine.USD) // frees three dollars a day
		c.with(b)
		if got := ledger.Sum(b.entries, engine.LedgerFilter{From: dayAfter(c.from), To: dayAfter(99)}).Twice; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Whatever went when: no more stands twice than was freed, nor than nodes have off the bill; days are by themselves; and no sum is
// another for it.
func TestNoMoreStandsTwiceThanIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &book{t: t}
		var freed, nodes engine.MicroUSD
		for id := range int64(rapid.IntRange(1, 6).Draw(t, "chains")) {
			f := rapid.SampledFrom([]engine.Finding{cpu(id+1, "api"), memory(id+1, "api"), node(id+1, "n"), volume(id+1, "v")}).Draw(t, "kind")
			f.Target.Cluster = rapid.SampledFrom([]string{"prod", "dev"}).Draw(t, "cluster")
			found := rapid.IntRange(0, 8).Draw(t, "found")
			live := rapid.IntRange(found, 11).Draw(t, "live")
			amount := engine.MicroUSD(rapid.Int64Range(-1e6, 1e7).Draw(t, "amount"))
			cash := engine.MicroUSD(rapid.Int64Range(0, int64(max(0, amount))).Draw(t, "cash"))
			went(b, f, found, live, amount, cash)
			switch days := engine.MicroUSD(12 - live); f.Kind {
			case engine.IdleNode:
				nodes += days * cash
			case engine.OverRequestedCPU, engine.OverRequestedMemory:
				freed += days * max(0, amount-cash)
			case engine.OrphanVolume:
			}
		}
		all := ledger.Sum(b.entries, engine.LedgerFilter{To: dayAfter(99)})
		if all.Twice < 0 || all.Twice > min(freed, nodes) {
			t.Fatalf("%s stands twice; %s was freed, nodes have %s off the bill", all.Twice, freed, nodes)
		}
		cut := dayAfter(rapid.IntRange(0, 12).Draw(t, "cut"))
		early, late := ledger.Sum(b.entries, engine.LedgerFilter{To: cut}), ledger.Sum(b.entries, engine.LedgerFilter{From: cut, To: dayAfter(99)})
		if early.Twice+late.Twice != all.Twice {
			t.Fatalf("before %s %s, from then on %s, together %s", cut.Format(time.DateOnly), early.Twice, late.Twice, all.Twice)
		}
		if all.Freed != all.Verified-all.Cash {
			t.Fatalf("freed %s of %s, %s of it cash", all.Freed, all.Verified, all.Cash)
		}
	})
}
