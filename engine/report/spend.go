package report

import (
	"fmt"
	"math"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// barInk is what a part of the spend is drawn in.
var barInk = map[string]ink{
	"teams": inkWhole, "no_team": inkOther, "idle": inkIdle, "shared": inkShared, "outside": inkOutside, "unallocated": inkOther, "adjustment": inkOther,
}

func newAllocation(d engine.Digest) (section, error) {
	s := section{ID: "allocation", Title: "Whose cost it is"}
	if d.Spend.DaysKnown == 0 {
		s.Empty = "No cost of this time is known."
		return s, nil
	}
	parts := allocation(d)
	t := &table{ID: "allocation-table", Caption: "Spend by whose it is", Columns: []column{text("Part"), figures("Spend"), figures("Share")}}
	var rows []bar
	for k, m := range cents(parts, d.Spend.Total, func(p slice) engine.MicroUSD { return p.amount }) {
		p := parts[k]
		if p.amount == 0 && p.key != "idle" && p.key != "shared" && p.key != "unallocated" && p.key != "outside" {
			continue
		}
		t.Rows = append(t.Rows, []cell{say(p.name), say(money(m)), say(part(p.amount, d.Spend.Total))})
		rows = append(rows, bar{name: p.name, to: p.amount.Dollars(), ink: barInk[p.key], label: short(p.amount)})
	}
	t.Foot = []cell{say("Spend"), say(money(d.Spend.Total)), say(part(d.Spend.Total, d.Spend.Total))}
	s.Tables = []*table{t}
	s.Lead = []string{percent(d.Spend.Allocated) + " of the spend is put to a team."}
	var err error
	s.Figure, err = barFigure("allocation-chart", "Spend by whose it is", rows)
	return s, err
}

// barFigure is a chart of bars from 0.
func barFigure(id, title string, rows []bar) (*figure, error) {
	said := make([]string, len(rows))
	for k, r := range rows {
		said[k] = r.name + " " + r.label
	}
	height := barsHeight(len(rows))
	return newFigure(barWidth, id, title, strings.Join(said, ", ")+".", func(c canvas) error { return bars(c, rows, 0) }, height, height)
}

const maxSteps = 12

// newWaterfall shows how the spend before became that of now.
func newWaterfall(d engine.Digest) (section, error) {
	s := section{ID: "waterfall", Title: "What changed"}
	if d.Spend.SameDays == 0 {
		s.Empty = "There is nothing to compare with: no day has a whole bill both here and in " + inText(d.Period.Before()) + "."
		return s, nil
	}
	if !d.Spend.Comparable(d.Period) {
		s.Lead = append(s.Lead, fmt.Sprintf("The two cannot be compared as a whole: %d of %d days here and %d of %d before have a bill. The steps are of the %s that can be; the rest is a step of its own.",
			d.Spend.DaysKnown, d.Period.Days(), d.Spend.DaysBefore, d.Period.Before().Days(), plural(d.Spend.SameDays, "day", "days")))
	}
	steps := d.Waterfall
	if len(steps) > maxSteps+1 {
		rest := engine.SpendStep{Name: fmt.Sprintf("%d others", len(steps)-maxSteps), Amount: sum(steps[maxSteps:], func(t engine.SpendStep) engine.MicroUSD { return t.Amount })}
		steps = append(append([]engine.SpendStep{}, steps[:maxSteps]...), rest)
	}
	from, to := shortPeriod(d.Period.Before()), shortPeriod(d.Period)
	if d.Spend.Before == d.Spend.Total && len(steps) == 0 {
		s.Empty = "Nothing changed."
		return s, nil
	}
	t := &table{ID: "waterfall-table", Caption: "From " + from + " to " + to, Columns: []column{text("Step"), figures("Change"), figures("Spend")}}
	t.Rows = append(t.Rows, []cell{say(from), {}, say(money(d.Spend.Before))})
	rows := []bar{{name: from, to: d.Spend.Before.Dollars(), ink: inkSum, label: short(d.Spend.Before)}}
	at, shown := d.Spend.Before, round(d.Spend.Before)
	for k, m := range stepCents(steps, round(d.Spend.Before), round(d.Spend.Total)) {
		step := steps[k]
		b := bar{name: stepName(step), from: at.Dollars(), to: (at + step.Amount).Dollars(), ink: inkMore, label: shortSigned(step.Amount)}
		if step.Amount < 0 {
			b.ink = inkLess
		}
		at, shown = at+step.Amount, shown+m
		rows = append(rows, b)
		t.Rows = append(t.Rows, []cell{named(b.name, ""), say(signed(m)), say(money(shown))})
	}
	t.Foot = []cell{say(to), {}, say(money(d.Spend.Total))}
	rows = append(rows, bar{name: to, to: d.Spend.Total.Dollars(), ink: inkSum, label: short(d.Spend.Total)})
	s.Tables = []*table{t}
	least, height := waterfallFrom(rows), barsHeight(len(rows))
	description := fmt.Sprintf("From %s in %s to %s in %s, in %s.", money(d.Spend.Before), from, money(d.Spend.Total), to, plural(len(steps), "step", "steps"))
	var err error
	if s.Figure, err = newFigure(barWidth, "waterfall-chart", "What changed from "+from+" to "+to, description, func(c canvas) error { return bars(c, rows, least) }, height, height); err != nil {
		return s, err
	}
	if least > 0 {
		s.Figure.Note = "The axis begins at " + shortDollars(least) + ", so that the steps can be seen."
	}
	s.Figure.Key = []key{{"bar sum", "Spend"}, {"bar more", "Added"}, {"bar less", "Taken away"}}
	return s, nil
}

// stepName is what a step is called: whose cost it is, or what is gathered in it.
func stepName(s engine.SpendStep) string {
	if s.By == "" {
		return capital(name(s.Name, "Others"))
	}
	return changedName(s.By, s.Name)
}

// stepCents rounds steps so that what is shown before, and they, come to what is shown now. What that is less than a cent off goes to the
// largest step.
func stepCents(steps []engine.SpendStep, before, now engine.MicroUSD) []engine.MicroUSD {
	amounts, largest := make([]engine.MicroUSD, len(steps)), 0
	var total engine.MicroUSD
	for k, s := range steps {
		amounts[k], total = s.Amount, total+s.Amount
		if math.Abs(s.Amount.Dollars()) > math.Abs(steps[largest].Amount.Dollars()) {
			largest = k
		}
	}
	if off := now - before - total; len(steps) > 0 && off > -engine.USD/100 && off < engine.USD/100 {
		amounts[largest] += off
	}
	return engine.ToCents(amounts, now-before)
}

// waterfallFrom is where the axis begins: at 0, but for steps that would be too small to see beside the whole.
func waterfallFrom(rows []bar) float64 {
	least, most := math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		least, most = min(least, r.to), max(most, r.to)
	}
	if least <= 0 || most-least > 0.4*most || most == least {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(most-least)))
	return max(0, math.Floor((least-0.4*(most-least))/unit)*unit)
}

func shortSigned(m engine.MicroUSD) string {
	if m > 0 {
		return "+" + short(m)
	}
	return short(m)
}
