package report

import (
	"math"
	"slices"
	"unicode"

	"github.com/go-analyze/charts"

	"github.com/eks-autopilot/autopilot/engine"
)

// bar is a row of a bar chart: from one value to another, whose label stands behind it.
type bar struct {
	name     string
	from, to float64
	ink      ink
	label    string
}

const (
	barHeight = 26 // pixels a row
	barName   = 24 // characters of a name beside a bar
	phoneName = 17
)

func barsHeight(n int) int { return n*barHeight + 8 }

// bars draws rows from top to bottom. The axis begins at least, where that is above 0, and bars that reach below it are cut there;
// else it has room for all of them, and for 0.
func bars(c canvas, rows []bar, least float64) error {
	n := len(rows)
	most, low := math.Inf(-1), math.Inf(1)
	for _, r := range rows {
		most, low = max(most, r.from, r.to), min(low, r.from, r.to)
	}
	if low, most = min(low, 0), max(most, least, 0); least > 0 {
		low = least
	}
	if !(most > low) {
		most = low + 1
	}
	// The library stacks what is above zero to the right and what is below it to the left, each on what stands nearer to zero: an
	// invisible part up to where the bar begins, then the bar. A bar across zero has a part on either side.
	zero := max(0, low)
	var inks []ink
	for _, r := range rows {
		if !slices.Contains(inks, r.ink) {
			inks = append(inks, r.ink)
		}
	}
	carrier := make([]float64, n)
	right, left := make([][]float64, len(inks)), make([][]float64, len(inks))
	for k := range inks {
		right[k], left[k] = make([]float64, n), make([]float64, n)
	}
	labels, names := make([]string, n), make([]string, n)
	for k, r := range rows {
		row := n - 1 - k // the library's first row is the lowest
		a, b := min(r.from, r.to), max(r.from, r.to)
		which := slices.Index(inks, r.ink)
		switch {
		case a >= zero:
			carrier[row], right[which][row] = a-zero, b-a
		case b <= zero:
			carrier[row], left[which][row] = b-zero, max(a, low)-b
		default:
			right[which][row], left[which][row] = b-zero, max(a, low)-zero
		}
		labels[row], names[row] = r.label, cutWide(r.name, c)
	}
	all, series := [][]float64{carrier}, []ink{inkNone}
	for k, i := range inks {
		all, series = append(all, right[k], left[k]), append(series, i, i)
	}
	// The library tells a label its series, not its row: each row has a series of its own, without extent, at the end of the others.
	tips := len(all)
	for row := range n {
		tip := make([]float64, n)
		for k := range tip {
			tip[k] = charts.GetNullValue()
		}
		tip[row] = 0
		all, series = append(all, tip), append(series, inkNone)
	}
	list := charts.NewSeriesListBar(all)
	for row := range n {
		list[tips+row].Label = charts.SeriesLabel{
			Show: new(true), FontStyle: charts.FontStyle{FontSize: font().FontSize, FontColor: inkLabel.color()},
			LabelFormatter: func(int, string, float64) (string, *charts.LabelStyle) { return labels[row], nil },
		}
	}
	room, side := 0, 0
	for k := range n {
		room, side = max(room, c.wide(labels[k])), max(side, c.wide(names[k]))
	}
	opt := charts.NewBarChartOptionWithSeries(list)
	opt.Theme, opt.Horizontal, opt.StackSeries, opt.Legend.Show = theme(inkNone, series...), true, new(true), new(false)
	opt.BarSize = 0.62
	opt.Padding = charts.Box{Left: wider(side) - side, Right: wider(room) + 8, Top: 2, Bottom: 2, IsSet: true}
	opt.CategoryAxis = charts.CategoryAxisOption{Labels: names, LabelFontStyle: font()}
	opt.ValueAxis = []charts.ValueAxisOption{{Show: new(false), Min: new(low - zero), Max: new(most - zero), SplitLineShow: new(false)}}
	return c.BarChart(opt)
}

// wider is the room that a text gets: other fonts are wider than the one that it was measured in, DejaVu Sans by a fifth.
func wider(pixels int) int { return pixels + pixels/5 + 2 }

// cutWide bounds a name beside a bar. Characters that are as wide as high count twice.
func cutWide(s string, c canvas) string {
	left := barName
	if c.phone() {
		left = phoneName
	}
	runes := []rune(s)
	for k, r := range runes {
		if left--; wide(r) {
			left--
		}
		if left < 0 {
			return string(runes[:max(k-1, 0)]) + "…"
		}
	}
	return s
}

func wide(r rune) bool {
	return r >= 0x1100 && (unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || r >= 0x1f000 || r >= 0xff00 && r < 0xff61)
}

func shortDollars(v float64) string { return short(engine.Dollars(v)) }
