package chart_test

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot/chart"
	"github.com/eks-autopilot/autopilot/engine"
)

func week(values []float64) engine.Chart {
	return engine.Chart{
		Unit: "cores", Start: time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC), Step: time.Hour,
		Series: []engine.ChartSeries{{Name: "highest pod", Values: values}},
		Lines:  []engine.ChartLine{{Name: "request now", Value: 2}, {Name: "proposed", Value: 0.5}},
	}
}

func wave(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = 0.3 + 0.2*math.Sin(float64(i)/24*2*math.Pi)
	}
	return values
}

// TestPNG counts colours: a chart of three lines on white has the lines' colours, and a gap takes some of the line away.
func TestPNG(t *testing.T) {
	whole := draw(t, week(wave(168)))
	gappy := wave(168)
	for n := 40; n < 140; n++ {
		gappy[n] = engine.Missing
	}
	if a, b := inked(t, whole), inked(t, draw(t, week(gappy))); b >= a {
		t.Errorf("a chart with a gap has %d inked pixels, the whole one %d", b, a)
	}
	if path := os.Getenv("CHART_OUT"); path != "" {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func draw(t *testing.T, c engine.Chart) []byte {
	t.Helper()
	data, err := chart.PNG("CPU of app", c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func inked(t *testing.T, data []byte) int {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	b := img.Bounds()
	if b.Dx() < 800 || b.Dy() < 300 {
		t.Fatalf("a picture of %d×%d", b.Dx(), b.Dy())
	}
	n := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if r, g, b, _ := img.At(x, y).RGBA(); r != g || g != b {
				n++
			}
		}
	}
	return n
}

func TestPNGRefusesNothing(t *testing.T) {
	for name, c := range map[string]engine.Chart{
		"empty": {}, "one value": week([]float64{1}), "no step": {Series: []engine.ChartSeries{{Values: wave(5)}}}, "too many": week(make([]float64, 5000)),
	} {
		if _, err := chart.PNG("x", c); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPNGTakesAnything(t *testing.T) {
	odd := week([]float64{math.NaN(), math.Inf(1), -5, 0, 1e12, engine.Missing})
	odd.Series[0].Name, odd.Unit = strings.Repeat("x", 500), "a\nb\x00c"
	odd.Lines = append(odd.Lines, engine.ChartLine{Name: "<script>", Value: 0})
	draw(t, odd)
	none := week([]float64{engine.Missing, engine.Missing, engine.Missing})
	draw(t, none)
}
