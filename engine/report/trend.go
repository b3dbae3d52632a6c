package report

import (
	"fmt"
	"math"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// trend is the spend day by day, and what the month will come to.
type trend struct {
	section
	Days *table
}

func newTrend(d engine.Digest) (trend, error) {
	t := trend{section: section{ID: "trend", Title: "Spend by day"}}
	history := days(d)
	known, soft, absent := 0, 0, 0
	var last spendDay
	for _, h := range history {
		switch {
		case !h.known:
			absent++
			continue
		case h.soft():
			soft++
		}
		last, known = h, known+1
	}
	if known == 0 {
		t.Empty = "No day of this time has a bill."
		return t, nil
	}
	t.Days = dayTable(history, d.Forecast)
	if f := d.Forecast; f != nil {
		t.Lead = append(t.Lead, fmt.Sprintf("%s is forecast to come to %s, with 80 %% between %s and %s. That is an estimate, from %s; %s is spent so far.",
			f.Month.Format("January 2006"), money(f.Mid), money(f.Low), money(f.High), plural(f.Basis, "day", "days"), money(f.SoFar)))
	} else {
		t.Lead = append(t.Lead, "There is no forecast: too few days are known.")
	}
	if absent > 0 {
		t.Lead = append(t.Lead, plural(absent, "day has", "days have")+" no bill; the line is broken there.")
	}
	if known < 2 {
		t.Lead = append(t.Lead, fmt.Sprintf("One day is known, which makes no line: %s on %s.", money(last.Amount), day(last.Day)))
		return t, nil
	}
	labels, series, low, high := trendSeries(history, d.Forecast)
	description := fmt.Sprintf("The spend of %s from %s to %s, %s on the last.", plural(known, "day", "days"), day(history[0].Day), day(last.Day), money(last.Amount))
	if d.Forecast != nil {
		description += " Behind it the days that are forecast, with their interval."
	}
	var err error
	t.Figure, err = newFigure(wideWidth, "trend-chart", "Spend by day", description, func(c canvas) error { return lines(c, labels, series, low, high) }, 280, 220)
	if err != nil {
		return t, err
	}
	t.Figure.Key = []key{{"line actual", "Billed"}}
	if soft > 0 {
		t.Figure.Key = append(t.Figure.Key, key{"line provisional", "Provisional or estimated"})
	}
	if d.Forecast != nil && len(d.Forecast.Days) > 0 {
		t.Figure.Key = append(t.Figure.Key, key{"line forecast", "Forecast"}, key{"band", "80 % of such days"})
	}
	return t, nil
}

// trendSeries lays history and forecast over the same days, a value a day. What is not known is NaN. A line of another kind begins on
// the last day of the one before, so that they meet.
func trendSeries(history []spendDay, f *engine.Forecast) (labels []string, series []line, low, high []float64) {
	form := "2 Jan"
	if len(history) > 200 {
		form = "Jan 2006"
	}
	first := history[0].Day
	at := func(t time.Time) int { return int(t.Sub(first) / (24 * time.Hour)) }
	n := len(history)
	var ahead []engine.ForecastDay
	if f != nil {
		for _, a := range f.Days {
			if k := at(a.Day); k >= 0 && k < len(history)+maxAhead {
				ahead, n = append(ahead, a), max(n, k+1)
			}
		}
	}
	for k := range n {
		labels = append(labels, first.AddDate(0, 0, k).Format(form))
	}
	actual, provisional, forecast := nothing(n), nothing(n), nothing(n)
	low, high = nothing(n), nothing(n)
	last := -1
	for k, h := range history {
		if !h.known {
			continue
		}
		last = k
		v := h.Amount.Dollars()
		if !h.soft() {
			actual[k] = v
			continue
		}
		provisional[k] = v
		if k > 0 && history[k-1].known && !history[k-1].soft() {
			provisional[k-1] = history[k-1].Amount.Dollars()
		}
	}
	for _, a := range ahead {
		k := at(a.Day)
		forecast[k], low[k], high[k] = a.Mid.Dollars(), a.Low.Dollars(), max(a.High, a.Low).Dollars()
	}
	if last >= 0 && last+1 < n && math.IsNaN(forecast[last]) && !math.IsNaN(forecast[last+1]) {
		v := history[last].Amount.Dollars()
		forecast[last], low[last], high[last] = v, v, v
	}
	return labels, []line{{inkActual, actual}, {inkProvisional, provisional}, {inkForecast, forecast}}, low, high
}

func nothing(n int) []float64 {
	values := make([]float64, n)
	for k := range values {
		values[k] = math.NaN()
	}
	return values
}

// dayTable has each day of the chart.
func dayTable(history []spendDay, f *engine.Forecast) *table {
	t := &table{ID: "days", Folded: true, Caption: "Spend by day, as a table", Columns: []column{text("Day"), figures("Spend"), text("State")}}
	for _, h := range history {
		word := "billed"
		switch {
		case !h.known:
			word = "no bill"
		case h.Estimated:
			word = "estimated"
		case h.Provisional:
			word = "provisional"
		}
		t.Rows = append(t.Rows, []cell{say(shortDay(h.Day)), amount(h.Amount, h.known), say(word)})
	}
	if f != nil {
		for _, a := range f.Days {
			t.Rows = append(t.Rows, []cell{say(shortDay(a.Day)), say(money(a.Mid)), say("forecast: " + money(a.Low) + " to " + money(a.High))})
		}
	}
	return t
}

func shortDay(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006") }
