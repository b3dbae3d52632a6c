package store_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

func TestClocks(t *testing.T) {
	w := newSavers(t)
	since := func() map[string]time.Time {
		clocks, err := w.Since(t.Context())
		w.must(err)
		return clocks
	}
	began := w.now().Truncate(time.Microsecond)
	w.report(waste.Report{Holding: []string{"a", "b", "c", "a"}})
	w.pass(48 * time.Hour)
	w.report(waste.Report{Holding: []string{"a"}, Broken: []string{"b", "never"}})
	equal(t, "a runs on, b is broken, c was not looked at", since(), map[string]time.Time{"a": began, "c": began})
	w.pass(48 * time.Hour)
	equal(t, "c has rested too long", since(), map[string]time.Time{"a": began})
	w.report(waste.Report{Holding: []string{"a", "c"}})
	equal(t, "c starts anew", since(), map[string]time.Time{"a": began, "c": w.now().Truncate(time.Microsecond)})
}

func TestPeaksOutliveTheirSource(t *testing.T) {
	w := newSavers(t)
	nan := float32(math.NaN())
	day := func(n int) time.Time { return start.Truncate(24*time.Hour).AddDate(0, 0, n) }
	api := waste.ContainerKey{Namespace: "payments", Kind: "Deployment", Name: "api", Container: "app"}
	web := waste.ContainerKey{Namespace: "payments", Kind: "Deployment", Name: "web", Container: "app"}
	save := func(cluster string, peaks map[waste.ContainerKey][]waste.Peak) {
		w.must(w.SavePeaks(t.Context(), cluster, peaks))
	}
	save("prod", map[waste.ContainerKey][]waste.Peak{
		api: {{Day: day(-200), CPU: 9, Memory: 9}, {Day: day(-40), CPU: 3, Memory: nan}, {Day: day(0), CPU: 1, Memory: 100}},
		web: {{Day: day(0), CPU: nan, Memory: 5}, {Day: day(-1), CPU: float32(math.Inf(1)), Memory: -1}},
	})
	save("dev", map[waste.ContainerKey][]waste.Peak{api: {{Day: day(0), CPU: 50, Memory: 50}}})
	save("prod", map[waste.ContainerKey][]waste.Peak{api: {{Day: day(0), CPU: 0.5, Memory: 200}, {Day: day(-40), CPU: nan, Memory: 7}}})
	got, err := w.Peaks(t.Context(), "prod")
	w.must(err)
	want := map[waste.ContainerKey][]waste.Peak{
		api: {{Day: day(-40), CPU: 3, Memory: 7}, {Day: day(0), CPU: 1, Memory: 200}},
		web: {{Day: day(-1), CPU: nan, Memory: nan}, {Day: day(0), CPU: nan, Memory: 5}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Error(diff)
	}
	w.pass(70 * 24 * time.Hour)
	save("prod", nil)
	got, err = w.Peaks(t.Context(), "prod")
	w.must(err)
	equal(t, "after 70 days", len(got[api]), 1)
}

// As many as 10,000 containers have in a day are written and read within one test's patience.
func TestManyPeaks(t *testing.T) {
	w := newSavers(t)
	many := map[waste.ContainerKey][]waste.Peak{}
	for k := range 10_000 {
		key := waste.ContainerKey{Namespace: "n", Kind: "Deployment", Name: string(rune('a'+k%26)) + time.Duration(k).String(), Container: "c"}
		many[key] = []waste.Peak{{Day: start.Truncate(24 * time.Hour), CPU: float32(k), Memory: 1}}
	}
	w.must(w.SavePeaks(t.Context(), "prod", many))
	got, err := w.Peaks(t.Context(), "prod")
	w.must(err)
	equal(t, "containers", len(got), len(many))
}

func TestBilledCallsHaveABudget(t *testing.T) {
	w := newSavers(t)
	cent := engine.USD / 100
	w.must(w.SpendBilled(t.Context(), 3, 5, cent))
	code(t, "more than is left", w.SpendBilled(t.Context(), 3, 5, cent), engine.Unavailable)
	w.must(w.SpendBilled(t.Context(), 2, 5, cent))
	code(t, "none is left", w.SpendBilled(t.Context(), 1, 5, cent), engine.Unavailable)
	w.must(w.SpendBilled(t.Context(), 0, 5, cent))
	calls, cost, err := w.Billed(t.Context(), w.now())
	w.must(err)
	if calls != 5 || cost != 5*cent {
		t.Errorf("%d calls for %s; want 5 for %s", calls, cost, 5*cent)
	}
	w.pass(24 * time.Hour)
	w.must(w.SpendBilled(t.Context(), 5, 5, cent))
}

func TestPricesAreCached(t *testing.T) {
	w := newSavers(t)
	if _, _, ok, err := w.CachedPrice(t.Context(), "ec2/eu-central-1"); ok || err != nil {
		t.Errorf("an empty cache has something: %v, %v", ok, err)
	}
	now := w.now().Truncate(time.Microsecond)
	w.must(w.CachePrice(t.Context(), "ec2/eu-central-1", []byte("new\x00"), now))
	w.must(w.CachePrice(t.Context(), "ec2/eu-central-1", []byte("late"), now.Add(-time.Hour)))
	body, at, ok, err := w.CachedPrice(t.Context(), "ec2/eu-central-1")
	if err != nil || !ok || string(body) != "new\x00" || !at.Equal(now) {
		t.Errorf("cached %q of %v, %v, %v", body, at, ok, err)
	}
}
