package anomaly_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/anomaly"
)

var start = time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)

const step = 5 * time.Minute

// feed gives a detector n values and returns the scores.
func feed(d *anomaly.Detector, from, n int, value func(i int) float64) []anomaly.Score {
	scores := make([]anomaly.Score, n)
	for i := range scores {
		scores[i] = d.Add(start.Add(time.Duration(from+i)*step), value(from+i))
	}
	return scores
}

func highest(scores []anomaly.Score) (best anomaly.Score) {
	for _, s := range scores {
		if s.Value > best.Value {
			best = s
		}
	}
	return best
}

// daily is a service's day: little at night, much at noon, and some noise.
func daily(seed uint64) func(i int) float64 {
	return func(i int) float64 {
		noise := rand.New(rand.NewPCG(seed, uint64(i))).NormFloat64()
		return 100 - 60*math.Cos(2*math.Pi*float64(i%288)/288) + 3*noise
	}
}

func TestFeatures(t *testing.T) {
	usual := daily(1)
	const past = 14 * 288
	for name, c := range map[string]struct {
		n     int
		value func(i int) float64
		want  anomaly.Feature
		least float64
	}{
		"a spike":                {1, func(int) float64 { return 400 }, anomaly.Value, 0.9},
		"a drop below zero":      {1, func(int) float64 { return -200 }, anomaly.Value, 0.9},
		"noon at night":          {30, func(int) float64 { return 150 }, "", 0.5},
		"nothing moves any more": {288, func(int) float64 { return 100 }, "", anomaly.DefaultAlarm},
		"twice the traffic":      {288, func(i int) float64 { return 2 * usual(i) }, "", 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			var d anomaly.Detector
			feed(&d, 0, past, usual)
			got := highest(feed(&d, past, c.n, c.value))
			if got.Value < c.least || c.want != "" && got.Of != c.want {
				t.Errorf("%+v, want at least %v for %q", got, c.least, c.want)
			}
		})
	}
}

// TestHour has a job at an hour at which there never was one, as long and as busy as it always is.
func TestHour(t *testing.T) {
	noise := daily(7)
	shift := func(i int) float64 {
		if hour := i % 288 / 12; hour >= 6 && hour < 18 {
			return 100 + noise(i)/100
		}
		return 10 + noise(i)/100
	}
	var d anomaly.Detector
	feed(&d, 0, 14*288, shift)
	got := highest(feed(&d, 14*288, 40, func(i int) float64 {
		if i%288 >= 24 {
			return 100
		}
		return shift(i)
	}))
	if got.Of != anomaly.Hour || got.Value < 0.5 || got.High > 20 {
		t.Errorf("%+v", got)
	}
}

// TestWhatGoesOn is a series of which something is odd, or that is odd itself, and that nobody is to be woken for.
func TestWhatGoesOn(t *testing.T) {
	usual := daily(8)
	const past, days = 21 * perDay, 5 * perDay
	gap := func(d *anomaly.Detector, hours int) { // nothing comes, and then what comes at that hour
		feed(d, past, 1, usual)
		_ = d.Add(start.Add(time.Duration(past+1+12*hours)*step), usual(past+1+12*hours))
	}
	week := func(i int) float64 { // weekends are quiet
		if day := i / perDay % 7; day >= 5 {
			return 10 + usual(i)/50
		}
		return usual(i)
	}
	for name, c := range map[string]struct {
		learn, then func(i int) float64
		before      func(d *anomaly.Detector)
		skip        int // values before then
	}{
		"a gap of seven hours":     {usual, usual, func(d *anomaly.Detector) { gap(d, 7) }, 2 + 12*7},
		"a gap of two days":        {usual, usual, func(d *anomaly.Detector) { gap(d, 48) }, 2 + 12*48},
		"a week with its weekends": {week, week, nil, 0},
		"a counter that is reset":  {func(i int) float64 { return float64(i % perDay) }, func(i int) float64 { return float64(i % perDay) }, nil, 0},
		"hardly ever a value":      {func(i int) float64 { return float64(i%500/499) * 3 }, func(i int) float64 { return float64(i%500/499) * 3 }, nil, 0},
		"bursts at odd times":      {func(i int) float64 { return float64(i*i/144%13/12) * 50 }, func(i int) float64 { return float64(i*i/144%13/12) * 50 }, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var d anomaly.Detector
			feed(&d, 0, past, c.learn)
			if c.before != nil {
				c.before(&d)
			}
			for i, s := range feed(&d, past+c.skip, days, c.then) {
				if s.Value >= anomaly.DefaultAlarm {
					t.Errorf("value %d: %+v", i, s)
				}
			}
		})
	}
}

// TestNothing is what must not alarm.
func TestNothing(t *testing.T) {
	usual := daily(2)
	for name, value := range map[string]func(i int) float64{
		"constant":                   func(int) float64 { return 42 },
		"zero":                       func(int) float64 { return 0 },
		"a day like the others":      usual,
		"rare bursts that come back": func(i int) float64 { return float64(i % 97 / 96 * 20) },
		"one that hardly moves":      func(i int) float64 { return 1e9 + float64(i%2) },
	} {
		var d anomaly.Detector
		feed(&d, 0, 14*288, value)
		for i, s := range feed(&d, 14*288, 3*288, value) {
			if s.Value >= anomaly.DefaultAlarm {
				t.Errorf("%s: value %d scores %+v", name, i, s)
			}
		}
	}
}

func TestQuietAfterAnAlarm(t *testing.T) {
	var d anomaly.Detector
	feed(&d, 0, 14*288, daily(3))
	if s := d.Add(start.Add(14*288*step), 500); s.Value < 0.5 || s.High > 250 || s.Low > 40 {
		t.Fatalf("the spike scores %+v", s)
	}
	later := feed(&d, 14*288+1, 35, func(i int) float64 { return 500 + 100*float64(i%36) })
	for i, s := range later {
		if s.Value != 0 {
			t.Errorf("%d minutes after the alarm: %+v", 5*(i+1), s)
		}
	}
	again := feed(&d, 14*288+40, 3, func(int) float64 { return 1e5 })
	if s := highest(again); s.Value < 0.5 {
		t.Errorf("something new after it is %+v", s)
	}
}

// kept is all that a detector knows.
func kept(t *testing.T, d *anomaly.Detector) []byte {
	t.Helper()
	data, err := d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestLeftOut(t *testing.T) {
	var d anomaly.Detector
	feed(&d, 0, 300, daily(4))
	before := kept(t, &d)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if s := d.Add(start.Add(301*step), v); s.Value != 0 {
			t.Errorf("%v scores %+v", v, s)
		}
	}
	if s := d.Add(start.Add(299*step), 1e6); s.Value != 0 {
		t.Errorf("a value from before scores %+v", s)
	}
	if !bytes.Equal(kept(t, &d), before) {
		t.Error("what scored nothing is remembered")
	}
	if s := d.Add(start.Add(302*step), math.MaxFloat64); s.Value < 0.9 || math.IsNaN(s.Value) {
		t.Errorf("the largest number scores %+v", s)
	}
}

// TestWarmUp holds that among few values nothing is strange.
func TestWarmUp(t *testing.T) {
	var d anomaly.Detector
	for i, s := range feed(&d, 0, 100, func(i int) float64 { return math.Pow(2, float64(i)) }) {
		if s.Value != 0 {
			t.Errorf("value %d scores %+v", i, s)
		}
	}
}

// TestKept holds that a detector that was kept and taken up again anywhere scores as one that went on, in less than 2 KiB.
func TestKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64(), 150, 600).Draw(t, "values")
		cut := rapid.IntRange(0, len(values)-1).Draw(t, "cut")
		gap := time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour
		at := func(i int) time.Time {
			if i >= len(values)/2 {
				return start.Add(time.Duration(i)*step + gap)
			}
			return start.Add(time.Duration(i) * step)
		}
		var whole, part anomaly.Detector
		for i, v := range values {
			if i == cut {
				data, err := part.MarshalBinary()
				if err != nil || len(data) > 2048 {
					t.Fatalf("%d bytes, %v", len(data), err)
				}
				part = anomaly.Detector{}
				if err := part.UnmarshalBinary(data); err != nil {
					t.Fatal(err)
				}
			}
			a, b := whole.Add(at(i), v), part.Add(at(i), v)
			if a != b {
				t.Fatalf("value %d: %+v went on, %+v was kept", i, a, b)
			}
			if !(a.Value >= 0 && a.Value <= 1) || (a.Value == 0) != (a.Of == "") {
				t.Fatalf("value %d: %+v", i, a)
			}
		}
	})
}

func TestKeptRefuses(t *testing.T) {
	var d anomaly.Detector
	feed(&d, 0, 200, daily(5))
	good := kept(t, &d)
	for name, data := range map[string][]byte{"nothing": nil, "short": good[:100], "long": append(good, 0), "another version": append([]byte{9}, good[1:]...)} {
		fresh := anomaly.Detector{}
		if err := fresh.UnmarshalBinary(data); engine.CodeOf(err) != engine.Invalid || fresh != (anomaly.Detector{}) {
			t.Errorf("%s: %v, and of it was taken %+v", name, err, fresh)
		}
	}
}

func FuzzKept(f *testing.F) {
	var d anomaly.Detector
	feed(&d, 0, 400, daily(6))
	good, err := d.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, 1.0)
	f.Fuzz(func(t *testing.T, data []byte, v float64) {
		var d anomaly.Detector
		if d.UnmarshalBinary(data) != nil {
			return
		}
		for i := range 60 {
			if s := d.Add(start.Add(time.Duration(1000+i)*step), v+float64(i)); !(s.Value >= 0 && s.Value <= 1) {
				t.Fatalf("%+v", s)
			}
		}
	})
}
