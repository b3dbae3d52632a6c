package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseStolen(t *testing.T) {
	stolen, all, err := parseStolen([]byte("cpu  100 1 50 800 9 0 4 36 7 0\ncpu0 1 2 3 4 5 6 7 8 9 10\n"))
	if err != nil || stolen != 36 || all != 1000 {
		t.Errorf("%d of %d, %v", stolen, all, err)
	}
	for _, bad := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3 x 5 6 7 8 9"} {
		if _, _, err := parseStolen([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// TestNothingIsBegunWhileTheHostTakesTheCPU holds that who waits goes on when the share is small again, and that it is told.
func TestNothingIsBegunWhileTheHostTakesTheCPU(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shares := []uint64{0, 0, 50, 70, 10, 0} // of 100, before each look
		var stolen, all uint64
		th := &theft{read: func() (uint64, uint64, error) {
			if len(shares) == 0 {
				return 0, 0, errors.New("over")
			}
			stolen, all, shares = stolen+shares[0], all+100, shares[1:]
			return stolen, all, nil
		}}
		go th.watch(t.Context())
		began := time.Now()
		if err := th.wait(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("waited %s while nothing was taken, %v", time.Since(began), err)
		}
		time.Sleep(11 * time.Second)
		if err := th.wait(t.Context()); err != nil || time.Since(began) < 20*time.Second || time.Since(began) > 30*time.Second {
			t.Errorf("went on after %s, %v", time.Since(began), err)
		}
		time.Sleep(time.Minute)
		if got := th.String(); !strings.Contains(got, "up to 70 %") || !strings.Contains(got, "for 10s; 1 were") {
			t.Error(got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		th.take(0.9)
		if err := th.wait(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cut off: %v", err)
		}
	})
}
