package change

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// barsLimit is how many bars of a chart can still be told apart on a pull request's page.
const barsLimit = 56

var unitForm = regexp.MustCompile(`^[A-Za-z$/]{1,10}$`)

// chartText draws use and requests as a chart that GitHub renders. It is "" where there is nothing to draw. Nothing in it comes from
// outside but numbers.
func chartText(c engine.Chart) string {
	if len(c.Series) == 0 || c.Step <= 0 {
		return ""
	}
	bars := highest(c.Series[0].Values)
	if len(bars) < 2 {
		return ""
	}
	top := 0.0
	for _, v := range bars {
		top = max(top, v)
	}
	var lines []engine.ChartLine
	for _, l := range c.Lines {
		if isNumber(l.Value) && len(lines) < 3 {
			lines = append(lines, l)
			top = max(top, l.Value)
		}
	}
	if top == 0 {
		return ""
	}
	unit := c.Unit
	if !unitForm.MatchString(unit) {
		unit = "use"
	}
	days := (time.Duration(len(c.Series[0].Values)) * c.Step).Hours() / 24
	number := func(v float64) string { return digits(v, top) }
	var b strings.Builder
	fmt.Fprintf(&b, "xychart-beta\n    x-axis \"days\" 0 --> %s\n    y-axis \"%s\" 0 --> %s\n    bar %s\n",
		digits(days, days), unit, number(1.1*top), list(bars, number))
	var legend []string
	for _, l := range lines {
		level := make([]float64, len(bars))
		for n := range level {
			level[n] = l.Value
		}
		fmt.Fprintf(&b, "    line %s\n", list(level, number))
		legend = append(legend, fmt.Sprintf("%s (%s %s)", prose(l.Name, nameLimit), number(l.Value), prose(unit, nameLimit)))
	}
	text := "Bars: " + prose(c.Series[0].Name, nameLimit)
	if len(legend) > 0 {
		text += ". Lines: " + strings.Join(legend, ", ")
	}
	return fenced("mermaid", b.String()) + "\n" + text + fmt.Sprintf("; from %s on.\n", timeText(c.Start))
}

// highest gives the highest values of at most barsLimit equal stretches. A stretch without any has that of the one before, for a chart
// on GitHub has no gaps; it is empty when nothing is known.
func highest(values []float64) []float64 {
	per := max(1, (len(values)+barsLimit-1)/barsLimit)
	var out []float64
	known := false
	last := 0.0
	for from := 0; from < len(values); from += per {
		top, some := 0.0, false
		for _, v := range values[from:min(from+per, len(values))] {
			if isNumber(v) {
				top, some = max(top, v), true
			}
		}
		if some {
			last, known = top, true
		}
		out = append(out, last)
	}
	if !known {
		return nil
	}
	return out
}

// isNumber leaves out what is missing and what no chart could show.
func isNumber(v float64) bool { return v >= 0 && v < 1e12 && !math.IsNaN(v) }

// digits writes a number without an exponent, as exact as a chart up to top can show.
func digits(v, top float64) string {
	places := 0
	if top > 0 {
		places = min(9, max(0, 3-int(math.Floor(math.Log10(top)))))
	}
	text := strconv.FormatFloat(v, 'f', places, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

func list(values []float64, number func(float64) string) string {
	texts := make([]string, len(values))
	for n, v := range values {
		texts[n] = number(v)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
