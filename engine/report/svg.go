package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io"
	"strconv"
	"strings"

	"github.com/go-analyze/charts"
)

// ink is what a mark of a chart is. The library draws each in a colour of its own, which stands for the class that the style sheet
// gives a colour to: that of the reader's light or dark page, or of paper.
type ink uint8

// The inks. The order is that of inkClass.
const (
	inkAxis ink = iota + 1
	inkGrid
	inkAcross // text of the horizontal axis
	inkUp     // text of the vertical axis
	inkLabel
	inkNone // what only carries others, as the invisible part of a floating bar
	inkActual
	inkProvisional
	inkForecast
	inkBand
	inkWhole // bars of one kind
	inkSum   // bars of sums beside those of steps
	inkMore  // bars that add
	inkLess  // bars that take away
	inkIdle
	inkShared
	inkOutside
	inkOther
)

var inkClass = map[ink]string{
	inkAxis: "axis", inkGrid: "grid", inkAcross: "tick", inkUp: "tick", inkLabel: "label", inkActual: "actual", inkProvisional: "provisional",
	inkForecast: "forecast", inkBand: "band", inkWhole: "whole", inkSum: "sum", inkMore: "more", inkLess: "less", inkIdle: "idle", inkShared: "shared",
	inkOutside: "outside", inkOther: "other",
}

func (i ink) color() charts.Color { return charts.Color{R: uint8(i), B: 1, A: 255} }

// inkOf reads the ink from a style that the library wrote, of "fill" or "stroke".
func inkOf(style, property string) ink {
	for declaration := range strings.SplitSeq(style, ";") {
		var n uint8
		if value, ok := strings.CutPrefix(declaration, property+":"); ok {
			if _, err := fmt.Sscanf(value, "rgb(%d,0,1)", &n); err == nil {
				return ink(n)
			}
		}
	}
	return 0
}

func theme(axis ink, series ...ink) charts.ColorPalette {
	colors := make([]charts.Color, len(series))
	for k, i := range series {
		colors[k] = i.color()
	}
	return charts.MakeTheme(charts.ThemeOption{
		AxisStrokeColor: axis.color(), AxisSplitLineColor: inkGrid.color(), TextColor: inkLabel.color(),
		TextColorXAxis: inkAcross.color(), TextColorYAxis: inkUp.color(), TextColorLabel: inkLabel.color(), SeriesColors: colors,
	})
}

// textPixels is the size of text in a chart. The library counts in points, of which 3 make 4 pixels.
const textPixels = 12

func font() charts.FontStyle { return charts.FontStyle{FontSize: textPixels * 0.75} }

// wide is how many pixels a text takes, about: the reader's font is not the one that the library measures with.
func (c canvas) wide(s string) int {
	style := font()
	style.FontColor = inkLabel.color() // the library measures nothing that is not seen
	return c.MeasureText(s, 0, style).Width()
}

// canvas is a picture of one width. A chart is drawn twice, for a screen and for a phone: text keeps its size in both.
type canvas struct {
	class         string
	width, height int
	*charts.Painter
}

func newCanvas(class string, width, height int) canvas {
	return canvas{class, width, height, charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: width, Height: height})}
}

// element is what the library draws.
type element struct {
	XMLName   xml.Name
	D         string    `xml:"d,attr"`
	X         int       `xml:"x,attr"`
	Y         int       `xml:"y,attr"`
	CX        string    `xml:"cx,attr"`
	CY        string    `xml:"cy,attr"`
	R         string    `xml:"r,attr"`
	Style     string    `xml:"style,attr"`
	Transform string    `xml:"transform,attr"`
	Text      string    `xml:",chardata"`
	Children  []element `xml:",any"`
}

// drawing gives the picture as it stands in the page: only paths, circles and text, with classes in place of styles, and a title and a
// description for who cannot see it.
func (c canvas) drawing(id, title, description string) (template.HTML, error) {
	raw, err := c.Bytes()
	if err != nil {
		return "", err
	}
	var root element
	if err := xml.NewDecoder(bytes.NewReader(raw)).Decode(&root); err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading a drawing: %w", err)
	}
	var b strings.Builder
	id += "-" + c.class
	fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %d %d" role="img" aria-labelledby="%s-t %s-d"><title id="%s-t">%s</title><desc id="%s-d">%s</desc>`,
		c.class, c.width, c.height, id, id, id, html.EscapeString(title), id, html.EscapeString(description))
	for _, e := range root.Children {
		c.write(&b, e)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()), nil //nolint:gosec // made of numbers, our classes and escaped text
}

func (c canvas) write(b *strings.Builder, e element) {
	fill, stroke := inkOf(e.Style, "fill"), inkOf(e.Style, "stroke")
	switch e.XMLName.Local {
	case "path":
		class := pathClass(fill, stroke)
		if d := compact(e.D); class != "" && d != "" {
			fmt.Fprintf(b, `<path class="%s" d="%s"/>`, class, d)
		}
	case "circle":
		if class := pathClass(fill, stroke); class != "" {
			fmt.Fprintf(b, `<circle class="%s" cx="%s" cy="%s" r="%s"/>`, class, number(e.CX), number(e.CY), number(e.R))
		}
	case "text":
		// Text is anchored where it must be flush, for it is wider or narrower in the reader's font.
		x, anchor, wide := e.X, "", c.wide(e.Text)
		switch fill {
		case inkUp:
			x, anchor = x+wide, ` text-anchor="end"`
		case inkAcross:
			x, anchor = min(x+wide/2, c.width-wide/2), ` text-anchor="middle"`
		default:
		}
		fmt.Fprintf(b, `<text class="%s" x="%d" y="%d"%s>%s</text>`, inkClass[fill], x, e.Y, anchor, html.EscapeString(e.Text))
	}
}

// pathClass is the class of a shape by its inks; "" where nothing of it is seen.
func pathClass(fill, stroke ink) string {
	switch {
	case fill == inkBand:
		return "band"
	case stroke == inkBand, fill == inkNone, stroke == inkNone:
		return ""
	case fill != 0:
		return "bar " + inkClass[fill]
	case stroke != 0:
		return "line " + inkClass[stroke]
	}
	return ""
}

// compact drops the spaces of a path that nobody needs, and a shape without extent.
func compact(d string) string {
	var b strings.Builder
	points := map[string]bool{}
	for part := range strings.FieldsSeq(d) {
		if part == "M" || part == "L" || part == "Z" {
			b.WriteString(part)
			continue
		}
		if last := b.String(); last != "" && !strings.HasSuffix(last, "M") && !strings.HasSuffix(last, "L") {
			b.WriteByte(' ')
		}
		b.WriteString(number(part))
	}
	for _, point := range strings.FieldsFunc(b.String(), func(r rune) bool { return r == 'M' || r == 'L' || r == 'Z' }) {
		points[point] = true
	}
	if len(points) < 2 {
		return ""
	}
	return b.String()
}

// number is a coordinate, and nothing else.
func number(s string) string {
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		return "0"
	}
	return s
}
