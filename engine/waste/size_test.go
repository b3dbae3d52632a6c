package waste

import (
	"math"
	"testing"
	"time"
)

const slot = 15 * time.Minute

// used is a series of so many days until noon, of a use by days before noon.
func used(days float64, use func(before float64) float64) Series {
	s := Series{Start: noon.Add(-time.Duration(days * float64(day))), Step: slot}
	for at := s.Start; at.Before(noon); at = at.Add(slot) {
		s.Max = append(s.Max, float32(use(noon.Sub(at).Hours()/24)))
	}
	return s
}

// ripple is a level with a small daily cycle on it.
func ripple(level float64) func(float64) float64 {
	return func(before float64) float64 { return level * (1 + 0.1*math.Sin(2*math.Pi*before)) }
}

func TestSizeCPU(t *testing.T) {
	nan := math.NaN()
	cases := []struct {
		name      string
		s         Series
		low, high float64 // of the request
	}{
		{"never moves: a little above", used(14, func(float64) float64 { return 0.5 }), 0.525, 0.55},
		{"nothing is used", used(14, func(float64) float64 { return 0 }), 0, 0},
		{"a small cycle is covered", used(14, ripple(0.5)), 0.54, 0.60},
		{"a step up, two days ago, is met", used(14, func(b float64) float64 { return stepDays(b, 2, 0.1, 0.6) }), 0.6, 0.72},
		{"a step up, three days ago: what was before says nothing", used(14, func(b float64) float64 { return stepDays(b, 3, 0.1, 0.6) }), 0.62, 0.65},
		{"a step up, hours ago", used(14, func(b float64) float64 { return stepDays(b, 0.3, 0.1, 0.6) }), 0.6, 1},
		{"a step down, three days ago, may be a lull", used(14, func(b float64) float64 { return stepDays(b, 3, 0.6, 0.1) }), 0.6, 1},
		{"a step down, nine days ago, is a new life", used(20, func(b float64) float64 { return stepDays(b, 9, 0.6, 0.1) }), 0.1, 0.13},
		{"one busy day a week is covered", used(14, func(b float64) float64 {
			if int(b)%7 == 5 {
				return 0.8
			}
			return 0.2
		}), 0.8, 0.9},
		{"growth of 2 % a day goes on", used(14, func(b float64) float64 { return 0.5 * math.Exp(-0.02*b) }), 0.52, 0.62},
		{"a burst of a quarter of an hour a week is not worth a core", used(14, func(b float64) float64 {
			if int(b*96)%672 == 100 {
				return 1.5
			}
			return 0.2
		}), 0.2, 0.3},
		{"bursts of an hour a day are worth a tenth", used(14, func(b float64) float64 {
			if int(b*96)%96 < 4 {
				return 0.3
			}
			return 0.2
		}), 0.3, 0.33},
		{"absurd values and gaps say nothing", used(14, func(b float64) float64 {
			switch int(b*96) % 10 {
			case 0:
				return nan
			case 1:
				return -5
			case 2:
				return math.Inf(1)
			}
			return 0.5
		}), 0.525, 0.55},
		{"three hours", used(0.125, ripple(0.5)), 0.5, 0.65},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := SizeCPU(c.s, noon)
			if !ok || got < c.low || got > c.high {
				t.Errorf("%.3f cores, %v, want %.3f to %.3f", got, ok, c.low, c.high)
			}
		})
	}
}

// stepDays is a level that changed so many days ago.
func stepDays(before, at, was, is float64) float64 {
	if before > at {
		return was
	}
	return is
}

// TestSizeKnowsNothingLater: what comes after the time at which it is asked makes no difference.
func TestSizeKnowsNothingLater(t *testing.T) {
	calmThenWild := used(14, func(b float64) float64 { return stepDays(b, 7, 0.2, 5) })
	at := noon.Add(-7 * day)
	peaks := []Peak{{Day: at.Add(-2 * day), Memory: 1}, {Day: at.Truncate(day), Memory: 50}, {Day: noon.Add(-day).Truncate(day), Memory: 99}}
	got, _ := SizeCPU(calmThenWild, at)
	want, _ := SizeCPU(calmThenWild.Until(at), at)
	if got != want || got > 0.25 {
		t.Errorf("%.3f cores, and %.3f without the future", got, want)
	}
	got, _ = SizeMemory(calmThenWild, peaks, 0, at)
	want, _ = SizeMemory(calmThenWild.Until(at), peaks[:1], 0, at)
	if got != want || got > 5 {
		t.Errorf("%.3f bytes, and %.3f without the future", got, want)
	}
}

func TestTooLittleIsKnown(t *testing.T) {
	few := used(1, func(b float64) float64 {
		if b < 0.09 {
			return 1
		}
		return math.NaN()
	})
	for name, s := range map[string]Series{"nothing": {}, "no step": {Max: make([]float32, 50)}, "few samples": few, "none yet": used(9, ripple(1)).Since(noon)} {
		if cores, ok := SizeCPU(s, noon); ok {
			t.Errorf("%s: %v cores", name, cores)
		}
		if bytes, ok := SizeMemory(s, nil, 0, noon); ok {
			t.Errorf("%s: %v bytes", name, bytes)
		}
	}
}

func TestSizeMemory(t *testing.T) {
	steady := used(14, func(float64) float64 { return 100 })
	swings := used(14, func(b float64) float64 { return stepDays(b, 7, 50, 100) })
	monthAgo := []Peak{{Day: noon.Add(-30 * day).Truncate(day), Memory: 180, CPU: 9}}
	cases := []struct {
		name  string
		s     Series
		peaks []Peak
		limit int64
		want  float64
	}{
		{"steady, no limit", steady, nil, 0, 104},
		{"steady, under a limit", steady, nil, 400, 104},
		{"one that swings may jump as far as its limit lets it", swings, nil, 400, 104 + 0.4*0.5*400},
		{"a limit far away says nothing", swings, nil, 1 << 40, 104 + 0.4*0.5*1000},
		{"none stands for twice the peak", swings, nil, 0, 104 + 0.4*0.5*200},
		{"not above the limit", swings, nil, 120, 120},
		{"a limit that was passed is no bound", steady, nil, 90, 100},
		{"a peak of a month ago", steady, monthAgo, 0, 1.04*180 + 0.4*80/180*360},
		{"a peak that is no number", steady, []Peak{{Day: noon.Add(-9 * day), Memory: float32(math.NaN())}}, 0, 104},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := SizeMemory(c.s, c.peaks, c.limit, noon); !ok || math.Abs(got-c.want) > 1e-6*c.want {
				t.Errorf("%v bytes, %v, want %v", got, ok, c.want)
			}
		})
	}
}

// TestRequestBuysTheMost: a request is the cheapest of all uses, counted one by one.
func TestRequestBuysTheMost(t *testing.T) {
	d := Demand{used: []float64{0.1, 0.2, 0.4, 0.8}, above: []float64{0.5, 0.1, 0.02, 0}}
	for _, c := range []struct{ balance, want float64 }{
		{2, 0.2},  // 0.2 + 2·0.1 = 0.4 is the least, with 0.4 + 2·0.02 next
		{4, 0.4},  // 0.4 + 0.08, before 0.2 + 0.4
		{10, 0.4}, // 0.6 before 0.8
		{30, 0.8}, // 0.8 before 0.4 + 0.6
		{1.5, 0.2},
	} {
		if got := d.Request(c.balance); got != c.want {
			t.Errorf("balance %v: %v, want %v", c.balance, got, c.want)
		}
	}
	wide := Demand{used: []float64{10, 20, 80}, above: []float64{0.5, 0.05, 0}}
	if got := wide.Request(10); got != 20 {
		t.Errorf("a large container: %v, want 20: half of the time above is more than 1/10", got)
	}
	if got := (Demand{}).Request(30); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
