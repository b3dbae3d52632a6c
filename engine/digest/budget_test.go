package digest_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

func TestBudgets(t *testing.T) {
	f := steady(91, hundred) // up to 14 June
	team := engine.DigestScope{Team: "pay"}
	f.Scopes = []digest.ScopeDays{{Scope: team}}
	for _, d := range f.Days {
		f.Scopes[0].Days = append(f.Scopes[0].Days, digest.DaySum{Day: d.Day, Amount: 20 * engine.USD})
	}
	rules := digest.Rules{Budgets: []digest.BudgetRule{
		{Name: "all", Monthly: 2500 * engine.USD},
		{Name: "pay", Scope: team, Monthly: 700 * engine.USD},
		{Name: "nobody", Scope: engine.DigestScope{Cluster: "gone"}, Monthly: 5 * engine.USD},
	}}
	month := date("2026-06-01")
	want := []engine.Budget{
		{Name: "all", Month: month, Amount: 2500 * engine.USD, Spent: 1400 * engine.USD, Forecast: 3000 * engine.USD},
		{Name: "pay", Scope: team, Month: month, Amount: 700 * engine.USD, Spent: 280 * engine.USD, Forecast: 600 * engine.USD},
		{Name: "nobody", Scope: engine.DigestScope{Cluster: "gone"}, Month: month, Amount: 5 * engine.USD},
	}
	if diff := cmp.Diff(want, digest.Make(f, rules).Budgets); diff != "" {
		t.Errorf("budgets (-want +got):\n%s", diff)
	}

	f.Scope = team // whose digest does not speak of others
	if diff := cmp.Diff(want[1:2], digest.Make(f, rules).Budgets); diff != "" {
		t.Errorf("budgets of a team (-want +got):\n%s", diff)
	}

	f = steady(10, hundred)
	if got := digest.Make(f, rules).Budgets[0]; got.Spent != 1000*engine.USD || got.Forecast != 0 {
		t.Errorf("after ten days: %+v", got)
	}
}

func TestUnits(t *testing.T) {
	f := steady(30, hundred)
	count := func(name, day string, n float64) {
		f.Counts = append(f.Counts, digest.UnitDay{Name: name, Day: date(day), Count: n})
	}
	count("request", "2026-06-08", 400)
	count("request", "2026-06-09", 600)
	count("request", "2026-06-14", 1000) // its bill is young
	count("request", "2026-06-03", 50)   // of the week before
	count("other", "2026-06-10", 7)
	count("broken", "2026-06-10", math.NaN())
	count("broken", "2026-06-11", -5)
	count("broken", "2026-06-12", math.Inf(1))
	count("idle", "2026-06-12", 0)
	f.Known[29].SavedAt = date("2026-06-15")
	got := digest.Make(f, digest.Rules{Units: []digest.UnitRule{{Name: "request"}, {Name: "broken"}, {Name: "idle"}, {Name: "never"}}}).Units
	want := []engine.UnitCost{
		{Name: "request", Count: 1000, Days: 2, Spend: 200 * engine.USD, Each: 0.2, Before: 2},
		{Name: "broken"},
		{Name: "idle", Days: 1, Spend: 100 * engine.USD},
		{Name: "never"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("units (-want +got):\n%s", diff)
	}
}

func TestUnitsOfAScope(t *testing.T) {
	f := steady(30, hundred)
	scope := engine.DigestScope{Cluster: "prod"}
	f.Scopes = []digest.ScopeDays{{Scope: scope, Days: []digest.DaySum{{Day: date("2026-06-09"), Amount: 30 * engine.USD}}}}
	// On the tenth nothing was spent for it, though bills there were.
	f.Counts = []digest.UnitDay{{Name: "request", Day: date("2026-06-09"), Count: 10}, {Name: "request", Day: date("2026-06-10"), Count: 20}}
	got := digest.Make(f, digest.Rules{Units: []digest.UnitRule{{Name: "request", Scope: scope}}}).Units[0]
	if got.Spend != 30*engine.USD || got.Days != 2 || got.Each != 1 {
		t.Errorf("unit is %+v", got)
	}
}
