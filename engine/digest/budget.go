package digest

import (
	"math"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// speaksOf tells whether a digest of one scope speaks of another: of itself, and of what is narrower.
func speaksOf(digest, other engine.DigestScope) bool {
	return (digest.Team == "" || digest.Team == other.Team) && (digest.Cluster == "" || digest.Cluster == other.Cluster)
}

// daysOfScope gives the days of a scope that the rules name.
func daysOfScope(f Facts, scope engine.DigestScope) map[time.Time]DaySum {
	for _, s := range f.Scopes {
		if s.Scope == scope {
			return sums(s.Days)
		}
	}
	if scope == f.Scope {
		return sums(f.Days)
	}
	return nil
}

// budgets gives those that the digest's scope holds, in the order of the configuration.
func budgets(f Facts, r Rules, c calendar) []engine.Budget {
	var out []engine.Budget
	month := monthOf(f.Period.To.AddDate(0, 0, -1))
	for _, rule := range r.Budgets {
		if !speaksOf(f.Scope, rule.Scope) {
			continue
		}
		of := daysOfScope(f, rule.Scope)
		b := engine.Budget{Name: rule.Name, Scope: rule.Scope, Month: month, Amount: rule.Monthly, Spent: within(of, month, f.Period.To)}
		if forecast, ok := c.forecast(month, f.Period.To, of); ok {
			b.Forecast = forecast.Mid
		}
		out = append(out, b)
	}
	return out
}

// units gives what a unit of work cost, over the days that have both all their costs and a count.
func units(f Facts, r Rules, c calendar) []engine.UnitCost {
	var out []engine.UnitCost
	for _, rule := range r.Units {
		if !speaksOf(f.Scope, rule.Scope) {
			continue
		}
		of := daysOfScope(f, rule.Scope)
		u := engine.UnitCost{Name: rule.Name, Scope: rule.Scope}
		u.Count, u.Days, u.Spend = counted(f, rule.Name, f.Period, of, c)
		u.Each = each(u.Spend, u.Count)
		count, _, spent := counted(f, rule.Name, f.Period.Before(), of, c)
		u.Before = each(spent, count)
		out = append(out, u)
	}
	return out
}

// counted adds up the units of a period's days, and what those days cost.
func counted(f Facts, name string, p engine.Period, of map[time.Time]DaySum, c calendar) (count float64, days int, spent engine.MicroUSD) {
	per := map[time.Time]float64{}
	for _, u := range f.Counts {
		if u.Name == name && u.Count >= 0 && !math.IsInf(u.Count, 0) {
			per[u.Day.UTC()] = u.Count
		}
	}
	for day := range daysOf(p) {
		n, known := per[day]
		if k, billed := c.days[day]; !known || !billed || !k.settled() {
			continue
		}
		count, days, spent = count+n, days+1, spent+of[day].Amount
	}
	return count, days, spent
}

func each(spent engine.MicroUSD, count float64) float64 {
	if count <= 0 {
		return 0
	}
	return spent.Dollars() / count
}
