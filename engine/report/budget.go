package report

import (
	"strconv"

	"github.com/eks-autopilot/autopilot/engine"
)

// What a budget can be.
const (
	overBudget = "Over"
	willBeOver = "Will be over"
)

type verdict struct {
	word string
	bad  bool
}

// budgetState says whether the money will do.
func budgetState(b engine.Budget) verdict {
	switch {
	case b.Spent > b.Amount:
		return verdict{overBudget, true}
	case b.Forecast > b.Amount:
		return verdict{willBeOver, true}
	case b.Forecast == 0:
		return verdict{word: "No forecast"}
	}
	return verdict{word: "Within"}
}

func newBudgets(d engine.Digest) section {
	s := section{ID: "budgets", Title: "Budgets"}
	if len(d.Budgets) == 0 {
		s.Empty = "No budget is configured."
		return s
	}
	var rows [][]cell
	for _, b := range d.Budgets {
		state := budgetState(b)
		forecast := amount(b.Forecast, b.Forecast != 0)
		if b.Forecast != 0 && b.Amount > 0 {
			forecast.Sub = part(b.Forecast, b.Amount) + " of it"
		}
		spent := say(money(b.Spent))
		if b.Amount > 0 {
			spent.Sub = part(b.Spent, b.Amount) + " of it"
		}
		rows = append(rows, []cell{
			named(name(b.Name, "Budget"), b.Month.Format("January 2006")+", "+scope(b.Scope)), say(money(b.Amount)), spent, forecast,
			{Text: state.word, Bad: state.bad},
		})
	}
	columns := []column{text("Budget"), figures("Amount"), figures("Spent"), figures("Forecast"), text("State")}
	s.Tables = []*table{newTable("budgets-table", "Budgets of the month, and its forecast, which is an estimate", "budgets", columns, rows, nil, nil)}
	return s
}

func newUnits(d engine.Digest) section {
	s := section{ID: "units", Title: "Unit costs"}
	if len(d.Units) == 0 {
		s.Empty = "No unit of work is configured."
		return s
	}
	var rows [][]cell
	for _, u := range d.Units {
		known := u.Days > 0
		now, count := maybe(""), maybe("")
		if u.Each != 0 {
			now = say(each(u.Each))
			if u.Before > 0 {
				now.Sub = points(u.Each/u.Before - 1)
			}
		}
		before := maybe("")
		if u.Before != 0 {
			before = say(each(u.Before))
		}
		if known {
			count = say(quantity(u.Count))
		}
		count.Sub = "on " + strconv.Itoa(u.Days) + " of " + plural(d.Period.Days(), "day", "days")
		rows = append(rows, []cell{named(name(u.Name, "Unit"), scope(u.Scope)), count, amount(u.Spend, known), now, before})
	}
	columns := []column{text("Unit"), figures("Count"), figures("Spend"), figures("Each"), figures("Each before")}
	s.Tables = []*table{newTable("units-table", "Cost of a unit of work, on the days that have both a bill and a count", "units", columns, rows, nil, nil)}
	return s
}
