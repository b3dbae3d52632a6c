package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
	"github.com/eks-autopilot/autopilot/engine/price"
)

// TestSpends adds days up by what is watched, and leaves out what says nothing of a day.
func TestSpends(t *testing.T) {
	w := newWorld(t)
	first := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	day := func(n int, guessed bool) price.Record {
		at := first.AddDate(0, 0, n)
		rows := []price.Row{
			{Day: at, Payer: "111111111111", Cluster: "prod", Namespace: "shop", Team: "web", Kind: price.RowWorkload, What: "nodes", Amount: 5 * engine.USD},
			{Day: at, Payer: "111111111111", Cluster: "prod", Namespace: "shop", Team: "web", Kind: price.RowWorkload, What: "volumes", Amount: engine.USD},
			{Day: at, Payer: "111111111111", Cluster: "prod", Namespace: "pay", Team: "web", Kind: price.RowWorkload, What: "nodes", Amount: 2 * engine.USD},
			{Day: at, Payer: "111111111111", Kind: price.RowOutside, What: "Amazon S3", Amount: 3 * engine.USD},
		}
		r := price.Record{Day: at, Guessed: guessed, Rows: rows}
		r.Bills = []price.Bill{{Payer: "111111111111", Day: at, Lines: []price.Line{{Account: "111111111111", Service: "x", Amount: 11 * engine.USD}}}}
		return r
	}
	w.must(w.SaveCosts(t.Context(), day(0, false)))
	w.must(w.SaveCosts(t.Context(), day(1, true)))
	w.must(w.SaveCosts(t.Context(), day(2, false)))
	all, err := w.Spends(t.Context(), first, first.AddDate(0, 0, 9))
	w.must(err)
	var got []string
	for _, x := range all {
		got = append(got, x.Day.Format("2 ")+x.Of.Kind+" "+x.Of.Cluster+"/"+x.Of.Namespace+"/"+x.Of.Name+" "+x.Amount.String())
	}
	slices.Sort(got)
	want := []string{
		"1 Cluster prod//prod $8.00", "1 Namespace prod/pay/pay $2.00", "1 Namespace prod/shop/shop $6.00", "1 Service //Amazon S3 $3.00", "1 Team //web $8.00",
		"3 Cluster prod//prod $8.00", "3 Namespace prod/pay/pay $2.00", "3 Namespace prod/shop/shop $6.00", "3 Service //Amazon S3 $3.00", "3 Team //web $8.00",
	}
	equal(t, "spends", strings.Join(got, "\n"), strings.Join(want, "\n"))
}

// TestSpendAlarm is told once, whatever ticks and replicas do.
func TestSpendAlarm(t *testing.T) {
	w := newWorld(t)
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	rise := func(name string) engine.SpendRise {
		return engine.SpendRise{Of: engine.Workload{Kind: anomaly.KindTeam, Name: name}, Since: day, Amount: 20 * engine.USD, Usual: 8 * engine.USD}
	}
	tell := func(on time.Time, names ...string) int {
		t.Helper()
		a := engine.SpendAlarm{Day: on}
		for _, n := range names {
			a.Rises = append(a.Rises, rise(n))
		}
		n, err := w.SaveSpendAlarm(t.Context(), a, "#finops")
		w.must(err)
		return n
	}
	equal(t, "the first time", tell(day, "shop", "pay"), 2)
	equal(t, "again", tell(day, "shop", "pay"), 0)
	equal(t, "the next day, with another", tell(day.AddDate(0, 0, 1), "shop", "search"), 1)
	equal(t, "weeks later", tell(day.AddDate(0, 0, 20), "shop"), 1)
	equal(t, "messages", w.sql(`SELECT key, kind, channel FROM messages ORDER BY key`), "spend/1 spend #finops\nspend/2 spend #finops\nspend/3 spend #finops")
	a, err := w.SpendAlarm(t.Context(), 2)
	w.must(err)
	if len(a.Rises) != 1 || a.Rises[0].Of.Name != "search" || !a.Day.Equal(day.AddDate(0, 0, 1)) || a.Rises[0].Over() != 12*engine.USD {
		t.Errorf("%+v", a)
	}
	_, err = w.SpendAlarm(t.Context(), 99)
	code(t, "another", err, engine.NotFound)
}
