package slack

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLimiter(t *testing.T) {
	l := newLimiter(1)
	now := time.Unix(1000, 0)
	take := func(at time.Duration) (int, bool) { return l.take("chat.postMessage C1", tierPost, now.Add(at)) }
	for i := range 4 {
		if wait, _ := take(0); wait != 0 {
			t.Fatalf("message %d of the burst must wait %d s", i+1, wait)
		}
	}
	for _, step := range []struct {
		at    time.Duration
		wait  int
		early bool
	}{
		{0, 1, false},
		{500 * time.Millisecond, 1, true}, // told to wait, did not
		{1000 * time.Millisecond, 0, false},
		{1100 * time.Millisecond, 1, false},
		{2100 * time.Millisecond, 0, false}, // waited as told
	} {
		if wait, early := take(step.at); wait != step.wait || early != step.early {
			t.Errorf("at %s: wait %d early %v, want %d %v", step.at, wait, early, step.wait, step.early)
		}
	}
	if wait, _ := l.take("chat.postMessage C2", tierPost, now); wait != 0 {
		t.Error("another channel must not wait")
	}
}

// Over any long run of callers that obey Retry-After, no more passes than the burst and the rate allow, and each
// who waited passes.
func TestLimiterHoldsTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLimiter(1)
		start := time.Unix(1000, 0)
		now, passed := start, 0
		for range rapid.IntRange(1, 200).Draw(t, "calls") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "pause")) * time.Millisecond)
			wait, early := l.take("m", tierPost, now)
			if early {
				t.Fatal("blamed although it waited")
			}
			if wait > 0 {
				now = now.Add(time.Duration(wait) * time.Second)
				if again, _ := l.take("m", tierPost, now); again != 0 {
					t.Fatalf("waited %d s as told and must wait %d more", wait, again)
				}
			}
			passed++
		}
		if most := tierPost.burst + now.Sub(start).Seconds() + 1; float64(passed) > most {
			t.Fatalf("%d passed in %s, want at most %.0f", passed, now.Sub(start), most)
		}
	})
}

func TestEveryMethodHasALimit(t *testing.T) {
	for name, m := range methods {
		if m.tier.perMinute <= 0 || m.tier.burst < 1 || m.do == nil {
			t.Errorf("%s: %+v", name, m.tier)
		}
	}
}
