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

func TestABaselineIsOfTheDaysThatWereKnown(t *testing.T) {
	w := newSavers(t)
	w.scan(priced("api", 40))
	f := w.one("api")
	today := w.now().UTC().Truncate(24 * time.Hour)
	var days []ledger.Use
	for n := range 20 {
		days = append(days, ledger.Use{Day: today.AddDate(0, 0, -n), Work: 100, Units: 200, Seen: 1, At: w.now()})
	}
	w.must(w.SaveUses(t.Context(), map[int64][]ledger.Use{f.ID: days}))
	w.append(approvedOf(f, 1))
	b := w.entries()[1].Baseline
	if b == nil || b.Days != ledger.BaselineDays || b.Work != 100 || !b.To.Equal(today) || !b.From.Equal(today.AddDate(0, 0, -ledger.BaselineDays)) {
		t.Errorf("%+v; want the %d days before today", b, ledger.BaselineDays)
	}
	uses, err := w.Uses(t.Context(), today.AddDate(0, 0, -2), today)
	w.must(err)
	equal(t, "uses", uses, map[int64][]ledger.Use{f.ID: {days[2], days[1]}})
	w.pass(60 * 24 * time.Hour)
	w.must(w.SaveUses(t.Context(), nil))
	uses, err = w.Uses(t.Context(), time.Time{}, w.now())
	w.must(err)
	equal(t, "kept for good", len(uses), 0)
}

func TestABaselineMayComeLate(t *testing.T) {
	w := newSavers(t)
	f := sizing("n1", 146)
	f.Kind, f.Sizing, f.Node = engine.IdleNode, nil, &engine.NodeRemoval{Group: "workers", Instance: "m7i.xlarge"}
	f.Key = "idle_node/n1"
	w.scan(f)
	f = w.one("n1")
	w.append(approvedOf(f, 3))
	approved := w.entries()[1]
	if approved.Baseline != nil {
		t.Fatalf("%+v without a day", approved.Baseline)
	}
	today := w.now().UTC().Truncate(24 * time.Hour)
	w.must(w.SaveUses(t.Context(), map[int64][]ledger.Use{f.ID: {{Day: today, Work: 48, Least: 48, Seen: 1}}})) // the day of the approval
	equal(t, "of a day that was not whole", len(w.entries()), 2)
	for range 2 {
		w.must(w.SaveUses(t.Context(), map[int64][]ledger.Use{f.ID: {{Day: today.AddDate(0, 0, -1), Work: 96, Least: 96, Seen: 1}}}))
	}
	list := w.entries()
	if len(list) != 3 || list[2].Corrects != approved.ID || list[2].Baseline == nil || list[2].Baseline.Work != 96 {
		t.Fatalf("%+v; want one correction, with the baseline", list)
	}
	net := ledger.Net(list, list[1])
	if net.Amount != f.Monthly || net.By != ada || net.Proposal != 3 || net.Baseline.Work != 96 {
		t.Errorf("%+v", net)
	}
}

func TestWhatIsMeasured(t *testing.T) {
	w := newSavers(t)
	w.scan(priced("api", 40), priced("small", 1), priced("web", 30), priced("old", 20))
	names := func() string {
		w.t.Helper()
		list, err := w.ToMeasure(t.Context())
		w.must(err)
		var all []string
		for _, f := range list {
			all = append(all, f.Target.Name)
		}
		return strings.Join(all, " ")
	}
	equal(t, "with cards", names(), "api web")
	old, api := w.one("old"), w.one("api")
	w.append(approvedOf(old, 1), approvedOf(api, 2))
	w.scan(priced("web", 30)) // what was changed is no longer found
	if got := names(); got != "api web old" && got != "api old web" {
		t.Errorf("%q; want what is approved too", got)
	}
	open, err := w.OpenChains(t.Context())
	w.must(err)
	equal(t, "open", kinds(open, engine.LedgerChain(old.ID, 0)), "detected approved")
	equal(t, "entries", len(open), 4)
	w.append(engine.LedgerEntry{Chain: engine.LedgerChain(old.ID, 0), Kind: engine.EntryReversed, Ref: "a person closed it"})
	equal(t, "after it was reversed", names(), "api web")
	open, err = w.OpenChains(t.Context())
	w.must(err)
	equal(t, "open entries", len(open), 2)
}

func TestTheLedgerOfASpan(t *testing.T) {
	w := newSavers(t)
	w.scan(priced("api", 40))
	f := w.one("api")
	chain := engine.LedgerChain(f.ID, 0)
	w.append(approvedOf(f, 1), engine.LedgerEntry{Chain: chain, Kind: engine.EntryImplemented, Amount: f.Monthly, Ref: "https://github.com/o/r/pull/1"})
	first := w.now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
	for n := range 3 {
		w.append(engine.LedgerEntry{
			Chain: chain, Kind: engine.EntryVerified, Day: first.AddDate(0, 0, n), Amount: 2 * engine.USD, Low: engine.USD, High: 3 * engine.USD, Work: 48,
		})
	}
	w.append(engine.LedgerEntry{Chain: chain, Kind: engine.EntryCorrected, Day: first, Corrects: w.entries()[3].ID, Amount: -500_000, Low: -500_000, High: -500_000, Ref: "measured anew, 1"})
	got, err := w.Ledger(t.Context(), engine.LedgerFilter{From: first, To: first.AddDate(0, 0, 2)})
	w.must(err)
	if got.Verified != 3_500_000 || len(got.Lines) != 1 || got.Lines[0].Days != 2 || got.Lines[0].PullURL != "https://github.com/o/r/pull/1" || got.Detected != f.Monthly {
		t.Errorf("%+v; want two days, the first corrected", got)
	}
	for name, filter := range map[string]engine.LedgerFilter{
		"team": {Team: "nobody"}, "cluster": {Cluster: "stage"}, "namespace": {Namespace: "shop"}, "type": {Type: engine.IdleNode},
		"before": {To: f.FirstSeen.AddDate(0, 0, -1)}, "after": {From: first.AddDate(0, 0, 9)},
	} {
		if got, err := w.Ledger(t.Context(), filter); err != nil || len(got.Lines) != 0 || got.Verified != 0 {
			t.Errorf("%s: %+v, %v; want nothing", name, got, err)
		}
	}
}
