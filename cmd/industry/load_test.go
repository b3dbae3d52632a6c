package main

import (
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestSchedulesKeepTheirRate counts what is due in one period: as much as the mean says, and as the pattern divides it.
func TestSchedulesKeepTheirRate(t *testing.T) {
	const n = 20_000.0
	for _, tt := range []struct {
		pattern  Pattern
		from, to float64 // of the period
		share    float64 // of all requests
	}{
		{Steady, 0, 0.5, 0.5},
		{Day, 0.25, 0.75, 0.5 + swing/math.Pi},
		{Burst, 0, 0.1, 0.5 / 1.4},
	} {
		s := Schedule{Pattern: tt.pattern, Rate: n / 3600, Period: time.Hour}
		rng := rand.New(rand.NewPCG(1, 0))
		all, within := 0.0, 0.0
		for at := s.next(0, rng); at < time.Hour; at = s.next(at, rng) {
			all++
			if p := at.Hours(); p >= tt.from && p < tt.to {
				within++
			}
		}
		// Five standard deviations.
		if math.Abs(all-n) > 5*math.Sqrt(n) {
			t.Errorf("%s: %.0f requests, want about %.0f", tt.pattern, all, n)
		}
		if share := within / all; math.Abs(share-tt.share) > 5*math.Sqrt(tt.share*(1-tt.share)/n) {
			t.Errorf("%s: %.3f of them from %g to %g, want about %.3f", tt.pattern, share, tt.from, tt.to, tt.share)
		}
	}
}

func TestTheSameSeedIsTheSameTraffic(t *testing.T) {
	times := func(seed uint64) (all []time.Duration) {
		s := Schedule{Pattern: Day, Rate: 50, Period: time.Minute}
		rng, at := rand.New(rand.NewPCG(seed, 0)), time.Duration(0)
		for range 100 {
			at = s.next(at, rng)
			all = append(all, at)
		}
		return all
	}
	if !slices.Equal(times(1), times(1)) || slices.Equal(times(1), times(2)) {
		t.Error("the seed does not decide")
	}
	if !slices.IsSorted(times(1)) {
		t.Error("a request is due before the one before it")
	}
}

// TestQuantiles compares a tally with the sorted list of what went into it.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micros := rapid.SliceOfN(rapid.Int64Range(1, 60_000_000), 1, 300).Draw(t, "micros")
		q := rapid.SampledFrom(shown).Draw(t, "q")
		var tally Tally
		for _, m := range micros {
			tally.Add("200", time.Duration(m)*time.Microsecond)
		}
		slices.Sort(micros)
		want := time.Duration(micros[int(math.Ceil(q*float64(len(micros))))-1]) * time.Microsecond
		if got := tally.quantile(q); got < want-time.Microsecond || float64(got) > growth*float64(want)+1000 {
			t.Fatalf("p%g of %d: %s, want %s to one in a hundred more", q*100, len(micros), got, want)
		}
	})
}

// TestAStallIsNotOmitted has a service that stands still for a while: every request that was due meanwhile counts as having waited, although
// only few could be sent.
func TestAStallIsNotOmitted(t *testing.T) {
	var gate sync.Mutex // one at a time, and none during the stall
	var once sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		gate.Lock()
		defer gate.Unlock()
		once.Do(func() { time.Sleep(400 * time.Millisecond) })
	}))
	defer server.Close()
	target := server.Listener.Addr().String()
	l := Load{
		Targets: []string{target}, Schedule: Schedule{Pattern: Steady, Rate: 200, Period: time.Second}, Duration: 800 * time.Millisecond,
		Timeout: 10 * time.Second, Reuse: time.Minute, Pending: 2, Seed: 1, Log: service(Config{}).cfg.Log,
	}
	if err := l.check(); err != nil {
		t.Fatal(err)
	}
	tally := l.run(t.Context(), service(Config{}).caller)[target]
	// About 80 of about 160 were due during the stall, half of them in its first half: they waited 200 ms and more.
	if p75 := tally.quantile(0.75); p75 < 150*time.Millisecond {
		t.Errorf("p75 is %s: what could not be sent was left out", p75)
	}
	due := 0
	rng := rand.New(rand.NewPCG(1, 0))
	for at := l.Schedule.next(0, rng); at <= l.Duration; at = l.Schedule.next(at, rng) {
		due++
	}
	if tally.n != due {
		t.Errorf("%d requests were sent, and %d were due", tally.n, due)
	}
}

// TestLoadSaysHowItWent runs the command against two targets, of which one fails.
func TestLoadSaysHowItWent(t *testing.T) {
	well := listen(t, service(Config{}))
	ill := listen(t, service(Config{Fault: Fault{ErrorRate: 1}}))
	var out strings.Builder
	err := run(t.Context(), []string{"load", "-targets", well + "," + ill, "-rate", "200", "-duration", "300ms", "-seed", "1", "-pattern", "burst", "-listen", "127.0.0.1:0", "-log", "text"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	said := out.String()
	for _, want := range []string{"target", "p99.9", "200×", "500×", well, "level=WARN", "answered 500 Internal Server Error"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
}
