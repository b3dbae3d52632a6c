// Package chart draws an engine.Chart as a picture, for where Slack does not draw it itself.
//
// Package bot uploads the picture into the thread of the message that the chart belongs to.
package chart

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-analyze/charts"

	"github.com/eks-autopilot/autopilot/engine"
)

// Size of a picture in pixels: sharp on a phone, and still small enough to load at once.
const (
	width  = 1200
	height = 520
)

// maxPoints is how many values a series may have: more cannot be told apart at this width.
const maxPoints = 2000

// PNG draws a chart. It fails with Invalid when there is nothing to draw.
func PNG(title string, c engine.Chart) ([]byte, error) {
	steps := 0
	for _, s := range c.Series {
		steps = max(steps, len(s.Values))
	}
	if steps < 2 || steps > maxPoints || c.Step <= 0 {
		return nil, engine.Errorf(engine.Invalid, "a chart of %d values cannot be drawn; 2 to %d can", steps, maxPoints)
	}
	var values [][]float64
	var names []string
	for _, s := range c.Series {
		row := make([]float64, steps)
		for n := range row {
			row[n] = charts.GetNullValue()
			if n < len(s.Values) && known(s.Values[n]) {
				row[n] = s.Values[n]
			}
		}
		values, names = append(values, row), append(names, printable(s.Name))
	}
	for _, l := range c.Lines {
		row := make([]float64, steps)
		for n := range row {
			row[n] = l.Value
		}
		values, names = append(values, row), append(names, fmt.Sprintf("%s: %s", printable(l.Name), number(l.Value)))
	}
	opt := charts.NewLineChartOptionWithData(values)
	opt.Title = charts.TitleOption{Text: printable(title), FontStyle: charts.FontStyle{FontSize: 20}}
	opt.Legend = charts.LegendOption{SeriesNames: names, FontStyle: charts.FontStyle{FontSize: 16}, Offset: charts.OffsetStr{Left: charts.PositionRight}}
	opt.XAxis.Labels = labels(c.Start, c.Step, steps)
	opt.XAxis.LabelCount = min(7, steps)
	opt.XAxis.BoundaryGap = new(false)
	opt.XAxis.LabelFontStyle = charts.FontStyle{FontSize: 14}
	opt.YAxis = []charts.YAxisOption{{Title: printable(c.Unit), Min: new(0.0), LabelFontStyle: charts.FontStyle{FontSize: 14}}}
	opt.ValueFormatter = number
	opt.Symbol = charts.Symbol{Shape: charts.SymbolNone}
	opt.LineStrokeWidth = 2.5
	opt.Padding = charts.NewBoxEqual(24)
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputPNG, Width: width, Height: height})
	if err := p.LineChart(opt); err != nil {
		return nil, fmt.Errorf("drawing %q: %w", title, err)
	}
	return p.Bytes()
}

// known tells whether a value is one; see engine.Missing.
func known(v float64) bool { return v >= 0 && !math.IsInf(v, 0) }

// labels name every step; the axis shows a few of them.
func labels(start time.Time, step time.Duration, n int) []string {
	layout := "Jan 2 15:04"
	if step >= 24*time.Hour {
		layout = "Jan 2"
	}
	out := make([]string, n)
	for i := range out {
		out[i] = start.Add(time.Duration(i) * step).UTC().Format(layout)
	}
	return out
}

// number is a value on an axis.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case math.Abs(v) < 0.1:
		return fmt.Sprintf("%.3f", v)
	case math.Abs(v) < 10:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// printable bounds text from outside and drops what no font has.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 60 {
		s = string(r[:59]) + "…"
	}
	return s
}
