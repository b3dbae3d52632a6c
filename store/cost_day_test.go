package store_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

var (
	october  = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	november = october.AddDate(0, 1, 0)
)

// bill is one of a payer with a cluster in it, and a service outside.
func bill(payer string, day time.Time, nodes, other engine.MicroUSD) price.Bill {
	return price.Bill{Payer: payer, Day: day, Estimated: true, Lines: []price.Line{
		{Account: "1", Usage: "EUC1-BoxUsage:m5.large", Amount: nodes, Quantity: 24},
		{Account: "1", Service: "Amazon S3", Amount: other},
	}}
}

// divided allocates bills of one node with two namespaces on it.
func divided(t testing.TB, day time.Time, bills ...price.Bill) price.Record {
	t.Helper()
	r := price.Record{Day: day, Bills: bills}
	for _, b := range bills {
		rows, err := price.Allocate(price.Day{
			Bill:  b,
			Nodes: []price.NodeUse{{Cluster: "prod", Name: "a", Account: "1", Region: "eu-central-1", Type: "m5.large", Hours: 24, CPU: 2, GiB: 8}},
			Pods: []price.PodUse{
				{Cluster: "prod", Node: "a", Namespace: "payments", Team: "pay", CPUHours: 12, GiBHours: 50},
				{Cluster: "prod", Node: "a", Namespace: "shop", Team: "shop", CPUHours: 7, GiBHours: 31},
			},
		}, price.DefaultRules())
		if err != nil {
			t.Fatal(err)
		}
		r.Rows = append(r.Rows, rows...)
	}
	return r
}

// unequal lists the days of payers whose rows do not come to their bill.
const unequal = `SELECT d.day, d.payer FROM cost_day d WHERE d.total <>
	(SELECT coalesce(sum(r.micro_usd), 0) FROM cost_row r WHERE r.day = d.day AND r.payer = d.payer AND r.kind <> 'adjustment')`

func TestCostsComeToTheBill(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(r *rapid.T) {
		day := october.AddDate(0, 0, rapid.IntRange(0, 3).Draw(r, "day"))
		money := rapid.Int64Range(-1_000_000_000, 1_000_000_000)
		var bills []price.Bill
		for n := range rapid.IntRange(0, 2).Draw(r, "payers") {
			bills = append(bills, bill(fmt.Sprint(n), day, engine.MicroUSD(money.Draw(r, "nodes")), engine.MicroUSD(money.Draw(r, "other"))))
		}
		if rapid.Bool().Draw(r, "estimate") {
			bills = append(bills, bill("", day, 3, 0))
		}
		w.must(w.SaveCosts(t.Context(), divided(t, day, bills...)))
		if got := w.sql(unequal); got != "" {
			r.Fatalf("rows do not come to the bill: %s", got)
		}
	})
}

func TestSaveCostsReplacesADay(t *testing.T) {
	w := newWorld(t)
	save := func(bills ...price.Bill) { w.must(w.SaveCosts(t.Context(), divided(t, october, bills...))) }
	kept := func() string {
		return w.sql(`SELECT payer, total, (SELECT count(*) FROM cost_row r WHERE r.day = d.day AND r.payer = d.payer) FROM cost_day d ORDER BY payer`)
	}
	save(bill("", october, 5*engine.USD, 0))
	equal(t, "an estimate", kept(), " 5000000 3")
	save(bill("1", october, 10*engine.USD, engine.USD))
	save(bill("1", october, 10*engine.USD, engine.USD))
	equal(t, "a bill takes the estimate's place, however often", kept(), "1 11000000 4")
	save(bill("2", october, engine.USD, 0))
	equal(t, "another payer's stands beside it", kept(), "1 11000000 4\n2 1000000 3")
	save(bill("1", october, 8*engine.USD, engine.USD))
	equal(t, "it settles", kept(), "1 9000000 4\n2 1000000 3")

	wrong := divided(t, october, bill("1", october, 10*engine.USD, 0))
	wrong.Rows[0].Amount++
	code(t, "a micro-dollar too much", w.SaveCosts(t.Context(), wrong), engine.Invalid)
	equal(t, "nothing changed", kept(), "1 9000000 4\n2 1000000 3")

	days, err := w.CostDays(t.Context(), october, november)
	w.must(err)
	at := w.now().Truncate(time.Microsecond)
	equal(t, "days", days, []price.Status{{Payer: "1", Day: october, SavedAt: at}, {Payer: "2", Day: october, SavedAt: at}})
}

func TestCloseMonth(t *testing.T) {
	w := newWorld(t)
	for n := range 3 {
		day := october.AddDate(0, 0, n)
		w.must(w.SaveCosts(t.Context(), divided(t, day, bill("1", day, 10*engine.USD, engine.USD))))
	}
	w.must(w.SaveCosts(t.Context(), divided(t, november, bill("1", november, engine.USD, 0))))
	open := func() []price.Month {
		months, err := w.OpenMonths(t.Context(), november.AddDate(0, 0, 5))
		w.must(err)
		return months
	}
	equal(t, "open", open(), []price.Month{{Payer: "1", First: october}})
	sums := func() string {
		return w.sql(`SELECT kind, account, sum(micro_usd)::bigint, bool_or(provisional) FROM cost_row WHERE day < '2026-11-01' AND kind IN ('outside', 'adjustment') GROUP BY 1, 2 ORDER BY 1, 2`)
	}
	total := func() string { return w.sql(`SELECT sum(micro_usd)::bigint FROM cost_row WHERE day < '2026-11-01'`) }

	invoice := price.Invoice{Payer: "1", Month: october, Accounts: map[string]engine.MicroUSD{"1": 35 * engine.USD, "2": 7}}
	code(t, "an invoice that is not final", w.CloseMonth(t.Context(), invoice), engine.Conflict)
	equal(t, "still provisional", sums(), "outside 1 3000000 true")
	invoice.Final = true
	for range 2 {
		w.must(w.CloseMonth(t.Context(), invoice))
		equal(t, "closed", sums(), "adjustment 1 2000000 false\nadjustment 2 7 false\noutside 1 3000000 false")
		equal(t, "it comes to the invoice", total(), "35000007")
	}
	equal(t, "none is open", len(open()), 0)
	equal(t, "this month is", w.sql(`SELECT bool_and(provisional) FROM cost_row WHERE day >= '2026-11-01'`), "true")

	code(t, "a day of a closed month", w.SaveCosts(t.Context(), divided(t, october, bill("1", october, 1, 0))), engine.Conflict)
	rows := func(where string) string {
		return w.sql(`SELECT id, account, kind, micro_usd FROM cost_row WHERE day < '2026-11-01' AND ` + where + ` ORDER BY id`)
	}
	newest := w.sql(`SELECT max(id) FROM cost_row`)
	before := rows("true")
	invoice.Accounts = map[string]engine.MicroUSD{"1": 34 * engine.USD}
	w.must(w.CloseMonth(t.Context(), invoice))
	equal(t, "a later invoice", total(), "34000000")
	equal(t, "what was kept does not change", rows("id <= "+newest), before)
	equal(t, "the difference is in new rows", w.sql(`SELECT account, kind, micro_usd FROM cost_row WHERE id > `+newest+` ORDER BY id`), "1 adjustment -1000000\n2 adjustment -7")
	equal(t, "two invoices", w.sql(`SELECT n, total FROM cost_month ORDER BY n`), "1 35000007\n2 34000000")
}

func TestCosts(t *testing.T) {
	w := newWorld(t)
	w.must(w.SpendBilled(t.Context(), 3, 20, engine.USD/100))
	r := divided(t, november, bill("1", november, 10*engine.USD, engine.USD))
	r.Guessed, r.Missing = true, []engine.Gap{{Collector: "prod", Reason: "no Prometheus"}}
	w.must(w.SaveCosts(t.Context(), r))
	next := november.AddDate(0, 0, 1)
	r = divided(t, next, bill("1", next, 10*engine.USD, 0), bill("", next, engine.USD, 0))
	r.Missing = []engine.Gap{{Collector: "prod", Reason: "no Prometheus"}}
	w.must(w.SaveCosts(t.Context(), r))

	f := engine.CostFilter{From: november, To: november.AddDate(0, 0, 7), By: engine.CostByTeam}
	got, err := w.Costs(t.Context(), f)
	w.must(err)
	rows, err := w.CostRows(t.Context(), f.From, f.To)
	w.must(err)
	want := price.Sum(rows, f)
	want.Days, want.Newest, want.Guessed, want.Missing, want.BilledCalls, want.BilledAmount = 2, next, 1, r.Missing, 3, 3*engine.USD/100
	equal(t, "costs", got, want)
	if got.Total != 22*engine.USD || got.Estimated != engine.USD || got.Provisional != got.Total || len(got.Lines) != 2 || got.Idle <= 0 || got.Outside != engine.USD {
		t.Errorf("costs %+v", got)
	}
	f.Team = "pay"
	one, err := w.Costs(t.Context(), f)
	w.must(err)
	equal(t, "of a team", one.Lines, []engine.CostLine{got.Lines[0]})
	equal(t, "of a team alone", one.Total, got.Lines[0].Amount)
}
