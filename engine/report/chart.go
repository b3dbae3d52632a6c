package report

import (
	"fmt"
	"html/template"
	"math"

	"github.com/go-analyze/charts"
)

// figure is a chart in the page, drawn for wide screens and for phones.
type figure struct {
	ID, Title   string
	Note        string // what a reader must know to read it
	Wide, Phone template.HTML
	Key         []key
}

// key is a line of a chart's legend.
type key struct{ Class, Name string }

// Widths of the drawings in pixels: of the page's column, of bars beside their table, and of a phone's.
const (
	wideWidth  = 880
	barWidth   = 420
	phoneWidth = 340
)

// newFigure draws a chart in both widths. The description says in words what it shows.
func newFigure(width int, id, title, description string, draw func(c canvas) error, wideHeight, phoneHeight int) (*figure, error) {
	f := &figure{ID: id, Title: title}
	for _, at := range []struct {
		canvas
		into *template.HTML
	}{{newCanvas("wide", width, wideHeight), &f.Wide}, {newCanvas("phone", phoneWidth, phoneHeight), &f.Phone}} {
		err := draw(at.canvas)
		if err == nil {
			*at.into, err = at.drawing(id, title, description)
		}
		if err != nil {
			return nil, fmt.Errorf("drawing %s: %w", id, err)
		}
	}
	return f, nil
}

func (c canvas) phone() bool { return c.width == phoneWidth }

// scale is an axis of round numbers over some values, from 0 on unless they are below it.
func scale(low, high float64, steps int) (from, to float64, count int) {
	low, high = min(low, 0), max(high, 0)
	if !(high > low) || math.IsInf(high-low, 0) {
		return low, low + 1, 2
	}
	raw := (high - low) / float64(steps)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	step := 10 * unit
	for _, round := range []float64{1, 2, 2.5, 5} {
		if round*unit >= raw {
			step = round * unit
			break
		}
	}
	from, to = math.Floor(low/step)*step, math.Ceil(high/step)*step
	return from, to, int(math.Round((to-from)/step)) + 1
}

// line is a series of a line chart. A value that is not known is NaN.
type line struct {
	ink    ink
	values []float64
}

// lines draws series over days, and a band from low to high behind them, where both are known.
func lines(c canvas, labels []string, series []line, low, high []float64) error {
	n := len(labels)
	least, most := math.Inf(1), math.Inf(-1)
	for _, values := range append([][]float64{low, high}, valuesOf(series)...) {
		for _, v := range values {
			if !math.IsNaN(v) {
				least, most = min(least, v), max(most, v)
			}
		}
	}
	from, to, count := scale(least, most, 4)
	// The library stacks the series of its first axis: an invisible one up to low, and what lies between low and high on it. Where
	// there is no band, it has no height on the line itself, so that it begins there.
	base, band := make([]float64, n), make([]float64, n)
	at := from
	for k := range n {
		for _, s := range series {
			if !math.IsNaN(s.values[k]) {
				at = s.values[k]
			}
		}
		base[k] = at - from
		if !math.IsNaN(low[k]) && !math.IsNaN(high[k]) {
			base[k], band[k] = low[k]-from, high[k]-low[k]
		}
	}
	all, inks := [][]float64{base, band}, []ink{inkNone, inkBand}
	for _, s := range series {
		values := make([]float64, n)
		for k, v := range s.values {
			if values[k] = v - from; math.IsNaN(v) {
				values[k] = charts.GetNullValue()
			}
		}
		all, inks = append(all, values), append(inks, s.ink)
	}
	list := charts.NewSeriesListLine(all)
	for k := 2; k < len(list); k++ {
		list[k].YAxisIndex = 1
	}
	opt := charts.NewLineChartOptionWithSeries(list)
	opt.Theme = theme(inkAxis, inks...)
	opt.StackSeries = new(true)
	opt.FillOpacity = 255
	opt.Symbol = charts.Symbol{Shape: charts.SymbolNone}
	opt.Legend.Show = new(false)
	opt.Padding = charts.Box{Left: 6, Top: 8, Right: 8, Bottom: 2, IsSet: true}
	opt.XAxis.Labels, opt.XAxis.LabelFontStyle, opt.XAxis.BoundaryGap = labels, font(), new(false)
	fit := (c.width - 60) / (2 * max(c.wide(labels[0]), 1)) // the last label stands to the left of its day
	opt.XAxis.LabelCount = min(n, 8, max(fit, 2))
	axis := charts.YAxisOption{
		Min: new(0.0), Max: new(to - from), LabelCount: count, LabelFontStyle: font(), PreferNiceIntervals: new(false),
		ValueFormatter: func(v float64) string { return shortDollars(v + from) },
	}
	hidden := axis
	hidden.Show, hidden.SplitLineShow = new(false), new(false)
	opt.YAxis = []charts.YAxisOption{axis, hidden}
	return c.LineChart(opt)
}

func valuesOf(series []line) (all [][]float64) {
	for _, s := range series {
		all = append(all, s.values)
	}
	return all
}
