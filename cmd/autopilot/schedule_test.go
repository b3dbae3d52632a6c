package main

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestScheduleOnTheDaysOfTheClock(t *testing.T) {
	for _, c := range []struct {
		schedule, zone, after string
		want                  []string // in UTC
	}{
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"30 2 * * SUN", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-04-05T00:30:00Z"}},
		{"0,30 2 * * *", "Europe/Berlin", "2026-03-29T00:59:59Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", []string{"2026-10-26T01:30:00Z"}}, // in the hour that comes again
		{"30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", []string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		{"0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", []string{"2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"}}, // midnight is left out
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", []string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
		{"30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"}},
		{"30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", []string{"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"}},
		{"0 9 * * MON", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-26T08:00:00Z", "2026-11-02T08:00:00Z"}},
	} {
		location, err := time.LoadLocation(c.zone)
		must(t, err)
		s, err := parseSchedule(c.schedule, location)
		must(t, err)
		at, err := time.Parse(time.RFC3339, c.after)
		must(t, err)
		for _, want := range c.want {
			if at = s.Next(at); at.UTC().Format(time.RFC3339) != want {
				t.Errorf("%s in %s after %s: %s, want %s", c.schedule, c.zone, c.after, at.UTC().Format(time.RFC3339), want)
				break
			}
		}
	}
}

// Whatever the time: the next one is later, nothing of the schedule lies between, and on a clock that is never changed it is cron's own.
func TestScheduleIsInOrder(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	must(t, err)
	local, err := parseSchedule("*/20 1-3 * * *", berlin)
	must(t, err)
	plain, err := parseSchedule("*/20 1-3 * * *", time.UTC)
	must(t, err)
	rapid.Check(t, func(t *rapid.T) {
		after := time.Unix(rapid.Int64Range(1767225600, 1830297600).Draw(t, "after"), 0).UTC()
		next := local.Next(after)
		if !next.After(after) || next.Sub(after) > 25*time.Hour {
			t.Fatalf("after %s comes %s", after, next)
		}
		between := after.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(after))-1).Draw(t, "between")))
		if again := local.Next(between); !again.Equal(next) {
			t.Fatalf("after %s comes %s, and after %s already %s", after, next, between, again)
		}
		if got, want := plain.Next(after), plain.(wallClock).fields.Next(after); !got.Equal(want) {
			t.Fatalf("in UTC after %s: %s, want %s", after, got, want)
		}
	})
}
