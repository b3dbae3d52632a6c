package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

// priced is a sizing with all that a baseline needs: two cores to half a one, at 3 cents for a core an hour.
func priced(name string, dollars float64) engine.Finding {
	f := sizing(name, dollars)
	f.Sizing.Unit, f.Sizing.Replicas = 30_000, 2
	return f
}

func (w *savers) entries() []engine.LedgerEntry {
	w.t.Helper()
	list, err := w.LedgerEntries(w.t.Context(), engine.LedgerFilter{})
	w.must(err)
	return list
}

func (w *savers) append(entries ...engine.LedgerEntry) {
	w.t.Helper()
	w.must(w.AppendLedger(w.t.Context(), entries))
}

// kinds are the kinds of entries of a chain, in order.
func kinds(list []engine.LedgerEntry, chain string) string {
	var all []string
	for _, e := range list {
		if e.Chain == chain {
			all = append(all, string(e.Kind))
		}
	}
	return strings.Join(all, " ")
}

func approvedOf(f engine.Finding, proposal int64) engine.LedgerEntry {
	return engine.LedgerEntry{Chain: engine.LedgerChain(f.ID, f.Reopened), Kind: engine.EntryApproved, Proposal: proposal, Amount: f.Monthly, By: ada, Ref: "hash"}
}

func TestAChainBeginsWithEachOpening(t *testing.T) {
	w := newSavers(t)
	w.scan(priced("api", 40))
	w.scan(priced("api", 60)) // seen again: nothing new
	w.scan()                  // closed
	w.scan(priced("api", 50)) // opened again
	f := w.one("api")
	list := w.entries()
	equal(t, "first chain", kinds(list, engine.LedgerChain(f.ID, 0)), "detected")
	equal(t, "second chain", kinds(list, engine.LedgerChain(f.ID, 1)), "detected")
	equal(t, "entries", len(list), 2)
	first := list[0]
	equal(t, "amount", first.Amount, engine.Dollars(40))
	equal(t, "cash of a request", first.Cash, engine.MicroUSD(0))
	equal(t, "target", first.Target, f.Target)
	equal(t, "type", first.Type, engine.OverRequestedCPU)
	equal(t, "finding", first.Finding, f.ID)
}

func TestAnApprovalIsGivenItsBaseline(t *testing.T) {
	w := newSavers(t)
	w.scan(priced("api", 40))
	f := w.one("api")
	w.append(approvedOf(f, 7), approvedOf(f, 7))
	w.append(approvedOf(f, 7))
	list := w.entries()
	equal(t, "chain", kinds(list, engine.LedgerChain(f.ID, 0)), "detected approved")
	b := list[1].Baseline
	if b == nil || b.Unit != ledger.UnitReplica || b.PerUnit != 60_000 || b.After != 15_000 || b.Work != 48 {
		t.Errorf("baseline %+v, want 2 cores at 3 cents, then half a core", b)
	}
	equal(t, "who", list[1].By, ada)
	equal(t, "target", list[1].Target, f.Target)
}

func TestTheLedgerRefusesToBeChanged(t *testing.T) {
	w := newSavers(t)
	w.scan(priced("api", 40))
	c, err := pgx.Connect(t.Context(), w.url)
	w.must(err)
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{`UPDATE ledger SET amount = 0`, `DELETE FROM ledger`, `TRUNCATE ledger CASCADE`} {
		if _, err := c.Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v, want that it is append-only", sql, err)
		}
	}
	equal(t, "entries", len(w.entries()), 1)
}

func TestAppendLedgerIsAllOrNothing(t *testing.T) {
	w := newSavers(t)
	w.scan(priced("api", 40), priced("web", 30))
	api, web := w.one("api"), w.one("web")
	early := engine.LedgerEntry{Chain: engine.LedgerChain(web.ID, 0), Kind: engine.EntryImplemented, Amount: web.Monthly}
	err := w.AppendLedger(t.Context(), []engine.LedgerEntry{approvedOf(api, 1), early})
	if engine.CodeOf(err) != engine.Conflict {
		t.Errorf("implemented before it was approved: %v, want a conflict", err)
	}
	equal(t, "entries", len(w.entries()), 2)
}

func TestEntriesAtOnceAreKeptOnce(t *testing.T) {
	w := newSavers(t)
	w.scan(priced("api", 40))
	f := w.one("api")
	chain := engine.LedgerChain(f.ID, 0)
	w.append(approvedOf(f, 1), engine.LedgerEntry{Chain: chain, Kind: engine.EntryImplemented, Amount: f.Monthly, Ref: "https://github.com/o/r/pull/1"})
	day := w.now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := w.AppendLedger(t.Context(), []engine.LedgerEntry{{
				Chain: chain, Kind: engine.EntryVerified, Day: day, Amount: engine.USD, Low: engine.USD, High: engine.USD, Work: 48,
			}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	list := w.entries()
	equal(t, "chain", kinds(list, chain), "detected approved implemented verified")
	equal(t, "proposal is that of the approval", list[3].Proposal, int64(1))
	if !list[3].Day.Equal(day) {
		t.Errorf("day %s, want %s", list[3].Day, day)
	}
}
