package view

import (
	"fmt"
	"slices"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// bar is what a period of the trend came to.
type bar struct {
	period engine.Period
	sum    engine.MicroUSD
	days   int
}

// spendChart is the spend of the last weeks or months as bars, and the days as a line for a picture. ok is false where there is too little
// to draw.
func spendChart(id string, d engine.Digest) (block slack.Block, c Chart, ok bool) {
	var bars []bar
	for _, day := range d.Trend {
		p := engine.PeriodOf(d.Period.Kind, day.Day)
		if n := len(bars); n == 0 || bars[n-1].period != p {
			bars = append(bars, bar{period: p})
		}
		last := &bars[len(bars)-1]
		last.sum, last.days = last.sum+day.Amount, last.days+1
	}
	bars = bars[max(0, len(bars)-chartPoints):]
	if len(bars) < 2 {
		return nil, Chart{}, false
	}
	labels := make([]string, len(bars))
	points := make([]slack.DataVisualizationDataPoint, len(bars))
	last := bars[len(bars)-1].period
	note, absent := "US dollars a "+unit(d.Period)+" to "+last.To.AddDate(0, 0, -1).Format("2 Jan 2006"), ""
	for n, b := range bars {
		labels[n] = barLabel(b.period)
		if b.days < b.period.Days() {
			labels[n] += "*"
			absent = "; * days missing"
		}
		points[n] = slack.NewDataVisualizationDataPoint(labels[n], rounded(b.sum.Dollars()))
	}
	axis := slack.NewDataVisualizationAxisConfig(labels...).WithXLabel(cut(note+absent, chartTitle))
	drawn := slack.NewDataVisualizationBlock("Spend by "+unit(d.Period), slack.NewDataVisualizationBarChart(axis, slack.NewDataVisualizationDataSeries("spend", points...)))
	drawn.BlockID = id
	return drawn, Chart{Title: "Spend by day", Values: dailySpend(d.Trend)}, true
}

func barLabel(p engine.Period) string {
	if p.Kind == engine.Monthly {
		return p.From.Format("Jan") // twelve at most, so that each is there once
	}
	_, week := p.From.ISOWeek()
	return fmt.Sprintf("W%02d", week)
}

// dailySpend is the trend as a line. A picture has no room below zero: with a day of more credits than costs there is none.
func dailySpend(trend []engine.SpendDay) engine.Chart {
	if slices.ContainsFunc(trend, func(d engine.SpendDay) bool { return d.Amount < 0 }) {
		return engine.Chart{}
	}
	const day, most = 24 * time.Hour, 800
	first := trend[0].Day
	span := int(trend[len(trend)-1].Day.Sub(first) / day)
	if span > most {
		return engine.Chart{}
	}
	values := make([]float64, span+1)
	for n := range values {
		values[n] = engine.Missing
	}
	for _, d := range trend {
		values[int(d.Day.Sub(first)/day)] = d.Amount.Dollars()
	}
	return engine.Chart{Unit: "US dollars a day", Start: first, Step: day, Series: []engine.ChartSeries{{Name: "spend", Values: values}}}
}
