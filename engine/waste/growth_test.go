package waste

import (
	"math"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestOutgrows(t *testing.T) {
	ago := func(t time.Time) float64 { return noon.Sub(t).Hours() / 24 }
	cases := []struct {
		name string
		use  func(time.Time) float64
		want bool
	}{
		{"a line that comes there in ten days", func(t time.Time) float64 { return 0.5 - 0.01*ago(t) }, true},
		{"a line that comes there in a month", func(t time.Time) float64 { return 0.5 - 0.003*ago(t) }, false},
		{"a line that falls", func(t time.Time) float64 { return 0.5 + 0.01*ago(t) }, false},
		{"level", func(time.Time) float64 { return 0.5 }, false},
		{"a step", func(t time.Time) float64 { return stepAt(t, noon.Add(-2*day), 0.3, 0.55) }, false},
		{"a weekly wave", func(t time.Time) float64 { return atSundays(t, 0.2, 0.55) }, false},
		{"a wave of each day", func(t time.Time) float64 { return 0.3 + 0.25*wave(t) }, false},
		{"nothing known", func(time.Time) float64 { return math.NaN() }, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := &candidate{method: &method{resource: engine.CPU}, container: container{workload: &workload{}}, at: noon, history: history(20, 1, tc.use)}
			if days, ok := c.outgrows(600); ok != tc.want || ok && (days < 9 || days > 11) {
				t.Errorf("%v in %v days, want %v", ok, days, tc.want)
			}
			c.runs = true
			if _, ok := c.outgrows(600); ok {
				t.Error("what ends by itself grows")
			}
		})
	}
}

// TestOutgrowsByPeaks holds that a history of eight days, which is what a scan reads in full, is no cover for a leak: the peaks of the days
// before it show the line.
func TestOutgrowsByPeaks(t *testing.T) {
	use := func(t time.Time) float64 { return 0.5 - 0.01*noon.Sub(t).Hours()/24 }
	flat := func(time.Time) float64 { return 0.4 }
	peaks := func(use func(time.Time) float64) (all []Peak) {
		for n := 35; n >= 0; n-- {
			at := noon.Truncate(day).Add(-time.Duration(n) * day)
			all = append(all, Peak{Day: at, CPU: float32(use(at.Add(day))), Memory: float32(math.NaN())})
		}
		return all
	}
	for _, tc := range []struct {
		name  string
		peaks []Peak
		since time.Duration // the newest revision, which changed the level
		want  bool
	}{
		{"the peaks are on a line", peaks(use), 0, true},
		{"the peaks are level", peaks(flat), 0, false},
		{"no peaks are known", nil, 0, false},
		{"a peak of today says nothing", peaks(use)[33:], 0, false},
		{"the peaks are of the revision before", peaks(use), 5 * day, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &candidate{
				method: &method{resource: engine.CPU}, container: container{workload: &workload{}}, at: noon,
				all: history(8, 1, use), history: history(8, 1, use), usage: Usage{Peaks: tc.peaks},
			}
			if tc.since > 0 {
				c.history = c.all.Since(noon.Add(-tc.since))
			}
			if days, ok := c.outgrows(600); ok != tc.want || ok && (days < 9 || days > 11) {
				t.Errorf("%v in %v days, want %v", ok, days, tc.want)
			}
		})
	}
}

func TestLine(t *testing.T) {
	slope, at0, explained := line([]float64{-3, -2, -1}, []float64{1, 3, 5})
	if math.Abs(slope-2) > 1e-9 || math.Abs(at0-7) > 1e-9 || math.Abs(explained-1) > 1e-9 {
		t.Errorf("slope %v, %v at zero, %v explained", slope, at0, explained)
	}
	for _, ys := range [][]float64{{4, 4, 4}, {1, 4, 1}} {
		if _, _, explained := line([]float64{-3, -2, -1}, ys); explained > 1e-9 {
			t.Errorf("%v: %v explained", ys, explained)
		}
	}
	if slope, _, _ := line([]float64{1}, []float64{2}); slope != 0 {
		t.Errorf("one point has the slope %v", slope)
	}
}
