package ledger_test

import (
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
)

func dayOf(f engine.Finding, day time.Time, amount engine.MicroUSD) engine.LedgerEntry {
	e := entryOf(f, engine.EntryVerified, day.Add(30*time.Hour))
	e.Day, e.Amount, e.Low, e.High = day, amount, amount-10, amount+10
	return e
}

func TestAppend(t *testing.T) {
	f := cpu(1, "api")
	detected, approved := entryOf(f, engine.EntryDetected, monday), entryOf(f, engine.EntryApproved, monday)
	implemented, reversed := entryOf(f, engine.EntryImplemented, monday), entryOf(f, engine.EntryReversed, dayAfter(3))
	tuesday, wednesday := dayOf(f, dayAfter(1), 100), dayOf(f, dayAfter(2), 200)
	correct := func(id int64, day time.Time, amount engine.MicroUSD, ref string) engine.LedgerEntry {
		e := entryOf(f, engine.EntryCorrected, dayAfter(4))
		e.Corrects, e.Day, e.Amount, e.Low, e.High, e.Ref = id, day, amount, amount, amount, ref
		return e
	}
	with := func(e engine.LedgerEntry, change func(*engine.LedgerEntry)) engine.LedgerEntry {
		change(&e)
		return e
	}
	whole := []engine.LedgerEntry{detected, approved, implemented, tuesday}
	type list = []engine.LedgerEntry
	for name, c := range map[string]struct {
		chain list
		add   engine.LedgerEntry
		code  engine.Code // "" when it is taken
		stale bool        // it is there already
	}{
		"first":                             {nil, detected, "", false},
		"first again":                       {list{detected}, with(detected, func(e *engine.LedgerEntry) { e.Amount = 1 }), "", true},
		"approved":                          {list{detected}, approved, "", false},
		"approved first":                    {nil, approved, engine.Conflict, false},
		"implemented before it is approved": {list{detected}, implemented, engine.Conflict, false},
		"verified before it is implemented": {list{detected, approved}, tuesday, engine.Conflict, false},
		"verified on the day of the change": {list{detected, approved, implemented}, dayOf(f, monday, 1), engine.Conflict, false},
		"verified":                          {list{detected, approved, implemented}, wednesday, "", false},
		"an earlier day later":              {list{detected, approved, implemented, wednesday}, tuesday, "", false},
		"the day again":                     {whole, dayOf(f, dayAfter(1), 5), "", true},
		"detected late":                     {list{}, with(detected, func(e *engine.LedgerEntry) { e.At = time.Time{} }), engine.Invalid, false},
		"reversed":                          {whole, reversed, "", false},
		"reversed before anything was done": {list{detected}, reversed, engine.Conflict, false},
		"reversed when only approved":       {list{detected, approved}, reversed, "", false},
		"a day after it was reversed":       {append(list{reversed}, whole...), wednesday, engine.Conflict, false},
		"a correction":                      {whole, correct(4, dayAfter(1), -40, "bill"), "", false},
		"a correction after it is reversed": {append(list{reversed}, whole...), correct(4, dayAfter(1), -40, "bill"), "", false},
		"a correction of nothing":           {whole, correct(9, dayAfter(1), -40, "bill"), engine.Conflict, false},
		"a correction of another day":       {whole, correct(4, dayAfter(2), -40, "bill"), engine.Invalid, false},
		"a correction without a reference":  {whole, correct(4, dayAfter(1), -40, ""), engine.Invalid, false},
		"more cash than was saved":          {whole, with(correct(4, dayAfter(1), 0, "x"), func(e *engine.LedgerEntry) { e.Cash = 101 }), engine.Invalid, false},
		"another chain":                     {whole, with(wednesday, func(e *engine.LedgerEntry) { e.Chain = "finding/2/0" }), engine.Invalid, false},
		"no chain":                          {nil, with(detected, func(e *engine.LedgerEntry) { e.Chain = "" }), engine.Invalid, false},
		"no kind":                           {nil, with(detected, func(e *engine.LedgerEntry) { e.Kind = "saved" }), engine.Invalid, false},
		"a billion and more":                {nil, with(detected, func(e *engine.LedgerEntry) { e.Amount = 1e9*engine.USD + 1 }), engine.Invalid, false},
		"half a day":                        {whole, with(wednesday, func(e *engine.LedgerEntry) { e.Day = e.Day.Add(time.Hour) }), engine.Invalid, false},
		"a day of an approval":              {list{detected}, with(approved, func(e *engine.LedgerEntry) { e.Day = monday }), engine.Invalid, false},
		"outside of its bounds":             {whole, with(wednesday, func(e *engine.LedgerEntry) { e.Low = 201 }), engine.Invalid, false},
		"cash without a saving":             {whole, with(dayOf(f, dayAfter(2), -5), func(e *engine.LedgerEntry) { e.Cash = 1 }), engine.Invalid, false},
		"corrects and is no correction":     {list{detected}, with(approved, func(e *engine.LedgerEntry) { e.Corrects = 1 }), engine.Invalid, false},
	} {
		for k := range c.chain {
			c.chain[k].ID = map[engine.EntryKind]int64{
				engine.EntryDetected: 1, engine.EntryApproved: 2, engine.EntryImplemented: 3, engine.EntryVerified: 4, engine.EntryReversed: 5,
			}[c.chain[k].Kind]
		}
		_, fresh, err := ledger.Append(c.chain, c.add)
		if engine.CodeOf(err) != c.code || err == nil && fresh == c.stale {
			t.Errorf("%s: kept %v, %v; want %q, kept %v", name, fresh, err, c.code, !c.stale)
		}
	}
}

func TestAnotherApprovalTakesThePlaceOfTheFirst(t *testing.T) {
	f := cpu(1, "api")
	b := &book{t: t}
	first, second := entryOf(f, engine.EntryApproved, monday), entryOf(f, engine.EntryApproved, dayAfter(3))
	first.Proposal, first.Baseline = 7, &engine.Baseline{PerUnit: 60_000}
	second.Proposal, second.Baseline, second.Amount, second.Low, second.High = 9, &engine.Baseline{PerUnit: 45_000}, 40, 40, 40
	b.add(entryOf(f, engine.EntryDetected, monday), first, first, second, second)
	if len(b.entries) != 3 || b.entries[2].Kind != engine.EntryCorrected {
		t.Fatalf("%+v; want a correction", b.entries)
	}
	net := ledger.Net(b.entries, b.entries[1])
	if net.Amount != 40 || net.Baseline.PerUnit != 45_000 || net.Proposal != 9 || !net.At.Equal(dayAfter(3)) {
		t.Errorf("%+v; want what was approved last", net)
	}
	b.add(entryOf(f, engine.EntryImplemented, dayAfter(4)))
	third := second
	third.Proposal = 11
	b.add(third)
	if len(b.entries) != 4 {
		t.Errorf("%d entries; what is implemented keeps its baseline", len(b.entries))
	}
}
