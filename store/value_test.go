package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestTextsAreCleaned(t *testing.T) {
	const bad, want = "a\x00b\xc3", "a\uFFFDb\uFFFD"
	args := []any{bad, engine.Source(bad), 7, nil, []byte(bad), (*string)(nil)}
	got := cleanArgs(args)
	if diff := cmp.Diff([]any{want, want, 7, nil, []byte(bad), (*string)(nil)}, got); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if args[0] != bad {
		t.Error("the caller's arguments were changed")
	}

	m := pgtype.NewMap()
	registerTypes(m)
	b, err := m.Encode(pgtype.JSONBOID, pgtype.TextFormatCode, map[string]any{bad: []string{bad, `\u0000`}, "n": 1 << 60}, nil)
	if s := `{"a` + "\uFFFD" + `b` + "\uFFFD" + `":["a` + "\uFFFD" + `b` + "\uFFFD" + `","\\u0000"],"n":1152921504606846976}`; err != nil || string(b) != s {
		t.Errorf("jsonb: %s, %v; want %s", b, err, s)
	}
}

func TestStamp(t *testing.T) {
	if !stamp(time.Time{}).IsZero() || orNull(time.Time{}) != nil {
		t.Error("the zero time does not stay zero")
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.FixedZone("x", 3600))
	if got := stamp(at); got.Location() != time.UTC || got.Nanosecond() != 123456000 || at.Sub(got) != 789 {
		t.Errorf("stamp gives %v", got)
	}
}

func TestRetryDelay(t *testing.T) {
	var sum time.Duration
	for n := range maxAttempts - 1 {
		d := retryDelay(n, 0)
		if d < time.Second || d > longestRetry || retryDelay(n, 0.999) > longestRetry*6/5 {
			t.Errorf("after %d failures: %s", n, d)
		}
		sum += d
	}
	if sum < 22*time.Hour || sum > 26*time.Hour {
		t.Errorf("all retries take %s, want about a day", sum)
	}
}
