package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

func TestRate(t *testing.T) {
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	of := func(id string, values ...float32) history {
		s := waste.Series{Start: start, Step: slot, Max: append([]float32{1}, values...)}
		h, ok := split(id, s, start.Add(slot))
		if !ok {
			t.Fatalf("%s has nothing on one side", id)
		}
		return h
	}
	histories := []history{of("calm", 0.25, 0.25, 0.5, 0.5), of("busy", 1, 1, 1, 2)}
	got := rate(histories, []float64{0.5, 1})
	want := score{slack: 1 - 6.5/6, over: 1.0 / 8, high: 0.5, worst: 0.25, breached: 0.5}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(score{}), cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Error(diff)
	}
}

func TestCurveAt(t *testing.T) {
	c := curve{{slack: 0.1, over: 0.4}, {slack: 0.3, over: 0.1, high: 0.2}, {slack: 0.3, over: 0.1}, {slack: 0.5, over: 0.025, high: 0.1}}
	cases := []struct {
		over, slack float64
		ok          bool
	}{
		{0.4, 0.1, true},
		{0.2, 0.2, true}, // half way in the logarithm
		{0.05, 0.4, true},
		{0.025, 0.5, true},
		{0.5, 0, false},
		{0.01, 0, false},
	}
	for _, want := range cases {
		got, ok := c.at(want.over)
		if ok != want.ok || math.Abs(got.slack-want.slack) > 1e-12 {
			t.Errorf("at %v: %v %v, want %v %v", want.over, got.slack, ok, want.slack, want.ok)
		}
	}
}

func TestCurveLevel(t *testing.T) {
	c := curve{{slack: 0.1, over: 0.4, high: 0.8}, {slack: 0.3, over: 0.1, high: 0.2}, {slack: 0.3, over: 0.1}, {slack: 0.5, over: 0.02}}
	cases := []struct {
		slack, over, high float64
		ok                bool
	}{
		{0.1, 0.4, 0.8, true},
		{0.2, 0.25, 0.5, true},
		{0.4, 0.06, 0, true},
		{0.5, 0.02, 0, true},
		{0.05, 0, 0, false},
		{0.6, 0, 0, false},
	}
	for _, want := range cases {
		got, ok := c.level(want.slack)
		if ok != want.ok || math.Abs(got.over-want.over) > 1e-12 || math.Abs(got.high-want.high) > 1e-12 {
			t.Errorf("at %v: %+v %v, want %v over, %v high, %v", want.slack, got, ok, want.over, want.high, want.ok)
		}
	}
}

// threeDays are those of so many machines: level by the machine and the day, and a cycle within it.
func threeDays(t *testing.T, n int) []history {
	t.Helper()
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	var all []history
	for m := range n {
		s := waste.Series{Start: start, Step: slot}
		for i := range 3 * slotsDaily {
			s.Max = append(s.Max, float32(0.1*(1+float64(m%7)*0.3)*(1+float64((m*5+i/slotsDaily*3)%4)*0.2)*(2+math.Sin(float64(i)/9))))
		}
		h, ok := split(fmt.Sprint("m", m), s, start.Add(48*time.Hour))
		if !ok {
			t.Fatal("nothing on one side")
		}
		all = append(all, h)
	}
	return all
}

// TestTrialScoresAsRate: a trial with each history once is the curve that scores them together, and one with some of them that of those.
func TestTrialScoresAsRate(t *testing.T) {
	all := threeDays(t, 9)
	same := func(got, want curve) {
		t.Helper()
		for i := range want {
			if math.Abs(got[i].slack-want[i].slack) > 1e-6 || math.Abs(got[i].over-want[i].over) > 1e-12 {
				t.Fatalf("at balance %d: %+v, want %+v", i, got[i], want[i])
			}
		}
	}
	same(demandTrial(all).curve([]float64{1, 1, 1, 1, 1, 1, 1, 1, 1}), cpuCurve(all))
	some := []history{all[2], all[2], all[7]}
	same(floorTrial(all).curve([]float64{0, 0, 2, 0, 0, 0, 0, 1, 0}), floorCurve(some))
}

// TestStandardErrors: what does not differ has none, what differs by the machine has one, and copies of a machine's days say no more.
func TestStandardErrors(t *testing.T) {
	all := threeDays(t, 24)
	floor, ours := floorTrial(all), demandTrial(all)
	if errs := standardErrors(all, floor, floor, 1); errs[0] != 0 {
		t.Errorf("the floor differs from itself by ± %v", errs[0])
	}
	errs := standardErrors(all, floor, ours, 1)
	if errs[0] <= 0 || math.IsNaN(errs[0]) {
		t.Errorf("± %v", errs)
	}
	twice := slices.Concat(all, all)
	if again := standardErrors(twice, floorTrial(twice), demandTrial(twice), 1); math.Abs(again[0]-errs[0]) > 1e-9 {
		t.Errorf("± %v, and ± %v when each day counts twice", errs[0], again[0])
	}
}

// TestToldDay: of the days before, the one like the day that comes is known, whichever it is.
func TestToldDay(t *testing.T) {
	for _, like := range []int{0, 1} {
		s := waste.Series{Start: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), Step: slot}
		for i := range 3 * slotsDaily {
			level := float32(i / slotsDaily)
			if i >= 2*slotsDaily {
				level = float32(like) + 0.1
			}
			s.Max = append(s.Max, 0.5+level)
		}
		h, _ := split("a", s, s.Start.Add(48*time.Hour))
		got := toldDay(h)
		if len(got) != slotsDaily || got[0] != 0.5+float64(like) {
			t.Errorf("a day like day %d: %d samples of %v", like, len(got), got[0])
		}
	}
}

func TestCheapest(t *testing.T) {
	past := []float64{0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 1}
	for balance, want := range map[float64]float64{0.1: 0.1, 1: 0.2, 7.9: 0.2, 8.1: 1} {
		if got := cheapest(past, balance); got != want {
			t.Errorf("balance %v: %v, want %v", balance, got, want)
		}
	}
}

// archive writes a compressed file of lines.
func archive(t *testing.T, name string, lines ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPlanetlab(t *testing.T) {
	full := strings.TrimSpace(strings.Repeat("50 ", slotsDaily))
	name := archive(t, "cpu.csv.gz", "b,20110303,1", "a,20110309,"+full, "a,20110303,"+full, "a,20110304,10 20")
	got, err := planetlab(name, 3)
	if err != nil || len(got) != 1 {
		t.Fatalf("%d machines, %v", len(got), err)
	}
	h := got[0]
	if h.id != "a" || len(h.before) != slotsDaily+2 || len(h.after) != slotsDaily || h.used != 0.5*float64(slotsDaily) {
		t.Errorf("%s: %d before, %d after, %v used", h.id, len(h.before), len(h.after), h.used)
	}
	if want := time.Date(2011, 3, 9, 0, 0, 0, 0, time.UTC); !h.at.Equal(want) || h.series.Days() < 2 || !h.series.End().Equal(want.Add(24*time.Hour)) {
		t.Errorf("asked at %v, until %v", h.at, h.series.End())
	}
	earlier := dayEarlier(got)
	if len(earlier) != 0 { // two samples of the day before are no second day
		t.Errorf("a day earlier: %+v", earlier)
	}
	for _, bad := range []string{"a", "a,monday,1 2", "a,20110303,x", "a,20110303," + full + " 1"} {
		if _, err := planetlab(archive(t, "bad.csv.gz", bad), 1); err == nil {
			t.Errorf("no error of %.20q", bad)
		}
	}
	if _, err := planetlab("nowhere.csv.gz", 1); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestDayEarlier(t *testing.T) {
	full := strings.TrimSpace(strings.Repeat("50 ", slotsDaily))
	machines, err := planetlab(archive(t, "cpu.csv.gz", "a,20110303,"+full, "a,20110306,"+full, "a,20110309,"+full, "a,20110312,"+full), 3)
	if err != nil {
		t.Fatal(err)
	}
	earlier := dayEarlier(machines)
	if len(earlier) != 1 || !earlier[0].at.Equal(time.Date(2011, 3, 9, 0, 0, 0, 0, time.UTC)) || len(earlier[0].before) != 2*slotsDaily || len(earlier[0].after) != slotsDaily {
		t.Fatalf("%+v", earlier)
	}
	if again := dayEarlier(earlier); len(again) != 0 {
		t.Errorf("of one day and the one before: %+v", again)
	}
}

func TestAlibaba(t *testing.T) {
	lines := []string{"container,unix_seconds,utilisation", "few,60,0.5"}
	for i := range leastContainer {
		lines = append(lines, fmt.Sprintf("a,%d,0.%d", 60*(leastContainer-i), 90-i))
	}
	got, err := alibaba(archive(t, "memory.csv.gz", lines...))
	if err != nil || len(got) != 1 {
		t.Fatalf("%d containers, %v", len(got), err)
	}
	// The samples are in reverse: the earliest is the last written, 0.71.
	if h := got[0]; h.before[0] != 0.71 || len(h.before) != leastContainer/2 || h.after[len(h.after)-1] != 0.90 {
		t.Errorf("before %v, after %v", h.before, h.after)
	}
	if requests := memoryRequests(got, waste.Spread); requests[0] < 0.80 || requests[0] > 1 {
		t.Errorf("requests %v, peak 0.80", requests)
	}
	if _, err := alibaba(archive(t, "bad.csv.gz", "header", "a,b")); err == nil {
		t.Error("no error of a line with two fields")
	}
}

// TestSynthetic: the same seed draws the same series, each shape has the traits of its name, and a request is made before it is tried.
func TestSynthetic(t *testing.T) {
	for _, s := range shapes {
		a, b := synthetic(s, 7, 14), synthetic(s, 7, 14)
		if diff := cmp.Diff(a[3].before, b[3].before); diff != "" || len(a) != syntheticEach {
			t.Fatalf("%s: %d series, %s", s.name, len(a), diff)
		}
		for _, h := range a {
			if len(h.before) != 14*slotsDaily || len(h.after) != syntheticTried*slotsDaily || h.before[0] <= 0 {
				t.Fatalf("%s: %d before, %d after", h.id, len(h.before), len(h.after))
			}
		}
	}
	if other := synthetic(shapes[0], 8, 14); cmp.Equal(other[3].before, synthetic(shapes[0], 7, 14)[3].before) {
		t.Error("another seed draws the same")
	}
	for _, h := range synthetic(shapes[5], 7, 14) { // growth
		if mean := h.used / float64(len(h.after)); mean <= nearest(h.before, 0.5) {
			t.Errorf("%s does not grow", h.id)
		}
	}
}

// TestShippedBeatsTheFormulas on series of every shape together, at the share of samples over that the formula has.
func TestShippedBeatsTheFormulas(t *testing.T) {
	var all []history
	for _, s := range shapes {
		all = append(all, synthetic(s, 3, 14)...)
	}
	its := rate(all, each(all, func(h history) float64 { return margin * nearest(h.before, 0.99) }))
	ours, ok := cpuCurve(all).at(its.over)
	floor, okFloor := floorCurve(all).at(its.over)
	if !ok || !okFloor || ours.slack > min(its.slack, floor.slack)-0.05 {
		t.Errorf("at %s over: %s slack, the formula %s, the floor %s", percent(its.over), percent(ours.slack), percent(its.slack), percent(floor.slack))
	}
}

func TestRightsizeSaysWhatItLacks(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"rightsize", "-data", t.TempDir()}, &out, &errs); code != 1 || !strings.Contains(errs.String(), "-data names the folder") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}
