package waste

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestSeriesParts(t *testing.T) {
	s := Series{Start: noon, Step: time.Hour, Max: []float32{1, 2, 3, 4}, Pods: []uint16{1, 1}}
	cases := []struct {
		name          string
		at            time.Time
		before, after int
	}{
		{"before it", noon.Add(-time.Hour), 0, 4},
		{"its start", noon, 0, 4},
		{"in the middle of a step, which has not ended", noon.Add(90 * time.Minute), 1, 3},
		{"between two steps", noon.Add(2 * time.Hour), 2, 2},
		{"its end", s.End(), 4, 0},
		{"long after", noon.Add(1e6 * time.Hour), 4, 0},
	}
	for _, c := range cases {
		before, after := s.Until(c.at), s.Since(c.at)
		if len(before.Max) != c.before || len(after.Max) != c.after || len(before.Pods)+len(after.Pods) != 2 {
			t.Errorf("%s: %d and %d steps, want %d and %d", c.name, len(before.Max), len(after.Max), c.before, c.after)
		}
		if !before.End().Equal(after.Start) || !after.End().Equal(s.End()) {
			t.Errorf("%s: the parts do not meet: %v, %v", c.name, before.End(), after.Start)
		}
	}
	if broken := (Series{Max: []float32{1}}); len(broken.Until(noon).Max) != 0 || broken.Days() != 0 {
		t.Error("a series without a step has no time in it")
	}
}

func TestSeriesNumbers(t *testing.T) {
	nan := float32(math.NaN())
	s := Series{Start: noon, Step: 6 * time.Hour, Max: []float32{4, nan, 1, -7, 3, float32(math.Inf(1)), 2, nan}, Pods: []uint16{0, 2, 4}}
	type numbers struct {
		Count                            int
		Days, Peak, Low, Median, Top     float64
		OverTwo, OverAll, Nothing, Pods4 float64
	}
	got := numbers{
		s.Count(), s.Days(), s.Peak(), s.Quantile(0), s.Quantile(0.5), s.Quantile(1),
		s.Over(2), s.Over(4), s.Since(s.End()).Over(0), s.Replicas(),
	}
	want := numbers{Count: 4, Days: 1, Peak: 4, Low: 1, Median: 2, Top: 4, OverTwo: 0.5, Pods4: 3}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTry(t *testing.T) {
	// Calm for a week, then at 0.9 for the first quarter of each day.
	s := used(14, func(b float64) float64 {
		if b <= 7 && math.Ceil(b)-b < 0.25 {
			return 0.9
		}
		return 0.5
	})
	flat := func(request float64) func(Series, time.Time) (float64, bool) {
		return func(Series, time.Time) (float64, bool) { return request, true }
	}
	peak := func(s Series, at time.Time) (float64, bool) { return s.Until(at).Peak(), s.Until(at).Count() > 0 }
	cases := []struct {
		name       string
		s          Series
		old, limit float64
		size       func(Series, time.Time) (float64, bool)
		want       engine.Backtest
	}{
		{"a request between", s, 1, 0.8, flat(0.7), engine.Backtest{Days: 7, Samples: 672, Over: 0.25, Kills: 7}},
		{"a request above all", s, 0.4, 0, flat(1), engine.Backtest{Days: 7, Samples: 672, OverOld: 1}},
		{"what came before a day says what is asked for in it", s, 1, 2, peak, engine.Backtest{Days: 7, Samples: 672, Over: 0.25 / 7}},
		{"only days with a past count", s.Since(noon.Add(-3 * day)), 1, 2, peak, engine.Backtest{Days: 2, Samples: 192}},
	}
	for _, c := range cases {
		got, ok := Try(c.s, noon, c.old, c.limit, c.size)
		got.Over, got.OverOld = math.Round(got.Over*1e6)/1e6, math.Round(got.OverOld*1e6)/1e6
		c.want.Over = math.Round(c.want.Over*1e6) / 1e6
		if diff := cmp.Diff(c.want, got); !ok || diff != "" {
			t.Errorf("%s: %v %s", c.name, ok, diff)
		}
	}
	if _, ok := Try(s.Since(noon.Add(-time.Hour)), noon, 1, 1, peak); ok {
		t.Error("an hour has no day with a past")
	}
}
