package view

import (
	"fmt"
	"math"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// Slack's limits of a chart.
const (
	chartPoints = 12 // Slack takes 20, whose labels would overlap on a phone
	chartSeries = 6
	chartLabel  = 20
	chartTitle  = 50
)

// Chart is a drawing of numbers. Slack draws the block of it; Values are for a picture where Slack does not.
type Chart struct {
	Title  string
	Values engine.Chart
}

// chartBlock is a chart as Slack draws it: at most twelve points, each the highest value of its span, and the lines across as
// series of their own. ok is false where there is too little to draw.
func chartBlock(id string, c Chart) (block slack.Block, ok bool) {
	steps := 0
	for _, s := range c.Values.Series {
		steps = max(steps, len(s.Values))
	}
	if steps < 2 || c.Values.Step <= 0 || len(c.Values.Series) == 0 {
		return nil, false
	}
	per := (steps + chartPoints - 1) / chartPoints
	points := (steps + per - 1) / per
	labels := spanLabels(c.Values.Start, time.Duration(per)*c.Values.Step, points)
	var series []slack.DataVisualizationDataSeries
	add := func(name string, value func(n int) float64) {
		if len(series) == chartSeries {
			return
		}
		data := make([]slack.DataVisualizationDataPoint, points)
		for n := range data {
			data[n] = slack.NewDataVisualizationDataPoint(labels[n], rounded(value(n)))
		}
		series = append(series, slack.NewDataVisualizationDataSeries(cut(tame(name), chartLabel), data...))
	}
	for _, s := range c.Values.Series {
		add(s.Name, func(n int) float64 { return highest(s.Values, n*per, (n+1)*per) })
	}
	for _, l := range c.Values.Lines {
		add(l.Name, func(int) float64 { return l.Value })
	}
	axis := slack.NewDataVisualizationAxisConfig(labels...).WithYLabel(cut(tame(c.Values.Unit), chartTitle)).
		WithXLabel("from " + c.Values.Start.UTC().Format("Jan 2, 15:04") + " UTC, the highest of each span")
	b := slack.NewDataVisualizationBlock(cut(tame(c.Title), chartTitle), slack.NewDataVisualizationLineChart(axis, series...))
	b.BlockID = id
	return b, true
}

// highest is the highest known value of a span; 0 where none is known, since Slack draws no gap.
func highest(values []float64, from, to int) float64 {
	most := 0.0
	for _, v := range values[min(from, len(values)):min(to, len(values))] {
		most = max(most, v)
	}
	return most
}

// rounded keeps four digits: a chart of so few points shows no more, and a message has room for little.
func rounded(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) || math.Abs(v) < 1e-9 {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(v))))
	return math.Round(v*scale) / scale
}

// spanLabels names each span by its begin, in UTC. Slack wants each label once.
func spanLabels(start time.Time, span time.Duration, n int) []string {
	layout := "2 15h" // day and hour: there is no room for the month, which the axis names
	switch {
	case span >= 24*time.Hour:
		layout = "Jan 2"
	case span < time.Hour:
		layout = "15:04"
	}
	labels, seen := make([]string, n), map[string]bool{}
	for i := range labels {
		label := start.Add(time.Duration(i) * span).UTC().Format(layout)
		if seen[label] {
			label = fmt.Sprintf("%s (%d)", label, i)
		}
		seen[label], labels[i] = true, label
	}
	return labels
}

// WithoutCharts is the message for a workspace that has no charts yet: the same, without their blocks.
func WithoutCharts(m Message) Message {
	var kept []slack.Block
	for _, b := range m.Blocks {
		if b.BlockType() != slack.MBTDataVisualization {
			kept = append(kept, b)
		}
	}
	m.Blocks = kept
	return m
}
