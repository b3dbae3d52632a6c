package year_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
	"github.com/eks-autopilot/autopilot/test/year"
)

func TestTheSameSeedIsTheSameYear(t *testing.T) {
	a, b := year.New(year.Options{Seed: 7}), year.New(year.Options{Seed: 7})
	if !reflect.DeepEqual(a, b) {
		t.Error("two years of one seed differ")
	}
	if other := year.New(year.Options{Seed: 8}); reflect.DeepEqual(a.Rows, other.Rows) {
		t.Error("another seed gives the same rows")
	}
}

// TestRowsAreSuchAsAreKept lets what guards the store's tables look at the rows.
func TestRowsAreSuchAsAreKept(t *testing.T) {
	for _, o := range []year.Options{{Seed: 1}, {Seed: 2, Teams: 60, Clusters: 14, Hostile: true}} {
		y := year.New(o)
		for _, r := range y.Records {
			if err := r.Check(); err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(year.Absent, r.Day.Equal) {
				t.Errorf("%s has a bill", r.Day)
			}
		}
		for month, closed := range y.ClosedAt {
			var rows, invoices engine.MicroUSD
			for _, row := range y.Rows {
				if engine.PeriodOf(engine.Monthly, row.Day).From.Equal(month) {
					rows += row.Amount
				}
			}
			for _, v := range y.Invoices {
				if v.Month.Equal(month) {
					invoices += v.Total()
				}
			}
			if rows != invoices || closed.Before(month.AddDate(0, 1, 0)) {
				t.Errorf("%s: rows come to %d, its invoices of %s to %d", month.Format("2006-01"), rows, closed, invoices)
			}
		}
		chains := map[string][]engine.LedgerEntry{}
		for k, e := range y.Entries {
			if e.ID != int64(k+1) {
				t.Fatalf("entry %d has the number %d", k+1, e.ID)
			}
			kept, fresh, err := ledger.Append(chains[e.Chain], e)
			if err != nil || !fresh {
				t.Fatalf("%+v is not kept: %v", e, err)
			}
			if d := cmp.Diff(e, kept); d != "" {
				t.Errorf("kept otherwise:\n%s", d)
			}
			chains[e.Chain] = append(chains[e.Chain], kept)
		}
	}
}

// TestLastWeekIsRich: a golden file of it has something of everything.
func TestLastWeekIsRich(t *testing.T) {
	d := year.New(year.Options{Seed: 1}).Digest(year.Week, engine.DigestScope{})
	for what, there := range map[string]bool{
		"a forecast": d.Forecast != nil, "three insights": len(d.Insights) == 3, "a correction": len(d.Corrections) > 1,
		"an identified chain": d.Funnel.Identified.Chains > 0, "an approved chain": d.Funnel.Approved.Chains > 0,
		"an implemented chain": d.Funnel.Implemented.Chains > 0, "a reversed chain": d.Funnel.Reversed.Chains > 0,
		"a measured chain": d.Funnel.Chains > 0, "an incident that goes on": d.Incidents.StillOpen > 0, "a day that cannot be compared": d.Spend.SameDays == 6,
		"a unit": d.Units[0].Each > 0, "a budget that is passed": d.Budgets[1].Spent > d.Budgets[1].Amount, "credits": d.Spend.Unallocated < 0,
		"a gap": len(d.Missing) > 0, "others": len(d.Waterfall) == 8, "a scorecard": d.Trust != nil && d.Trust.Before != nil,
		"a control": d.Trust != nil && d.Trust.Controls.Of > 0,
	} {
		if !there {
			t.Errorf("the last week lacks %s", what)
		}
	}
}
