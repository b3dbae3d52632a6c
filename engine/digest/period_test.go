package digest_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

func TestParsePeriod(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC) // a Tuesday of W48
	for _, c := range []struct {
		text string
		kind engine.PeriodKind
		want string // or what the refusal says
	}{
		{"2026-W47", "", "2026-W47"},
		{"2026-W47", engine.Weekly, "2026-W47"},
		{" 2026-w7 ", engine.Weekly, "2026-W07"},
		{"2026W07", "", "2026-W07"},
		{"2020-W53", "", "2020-W53"},
		{"2015-W53", "", "2015-W53"},
		{"2026-10", "", "2026-10"},
		{"2026-2", engine.Monthly, "2026-02"},
		{"2024-02", "", "2024-02"},
		{"last", engine.Weekly, "2026-W47"},
		{"", engine.Weekly, "2026-W47"},
		{"", engine.Monthly, "2026-10"},
		{"LAST", engine.Monthly, "2026-10"},
		{"last week", "", "2026-W47"},
		{"last-month", "", "2026-10"},
		{"this", engine.Weekly, "2026-W48"},
		{"this  month", "", "2026-11"},
		{"this_week", engine.Weekly, "2026-W48"},
		{"2024-02-29", engine.Monthly, "2024-02"},
		{"2021-01-03", engine.Weekly, "2020-W53"},
		{"2024-12-30", engine.Weekly, "2025-W01"},
		{"2026-W48", "", "2026-W48"},
		{"2026-11", "", "2026-11"},

		{"2026-W49", "", "2026-W49 has not begun yet; the newest that is over is 2026-W47"},
		{"2026-12", engine.Monthly, "2026-12 has not begun yet; the newest that is over is 2026-10"},
		{"2030-01-01", engine.Monthly, "2030-01 has not begun yet"},
		{"2026-W53", "", "has not begun yet"}, // 2026 is a long year
		{"2025-W53", "", "there is no week 53 of 2025; its weeks are W01 to W52"},
		{"2026-W54", "", "there is no week 54 of 2026; its weeks are W01 to W53"},
		{"2026-W00", "", "there is no week 0"},
		{"2026-13", "", "there is no month 13 of 2026; months are 01 to 12"},
		{"2026-00", "", "there is no month 0"},
		{"0000-01", "", "from 2006 on"},
		{"0000-W01", "", "from 2006 on"},
		{"2026-10", engine.Weekly, "2026-10 is a monthly period; a weekly one is right, such as 2026-W47"},
		{"2026-W47", engine.Monthly, "2026-W47 is a weekly period; a monthly one is right, such as 2026-10"},
		{"last week", engine.Monthly, "a monthly one is right"},
		{"last", "", "A week such as 2026-W47 or a month such as 2026-10 is right"},
		{"", "", "which kind of period?"},
		{"2026-11-19", "", `"2026-11-19" is no period`},
		{"2023-02-29", engine.Monthly, `"2023-02-29" is no period`},
		{"last year", engine.Weekly, `"last year" is no period; a week such as 2026-W47, a month such as 2026-10`},
		{"2026", "", `"2026" is no period`},
		{"-1-W47", "", "is no period"},
		{"2026-W", "", "is no period"},
		{"２０２６-10", "", "is no period"},
		{strings.Repeat("x", 500), "", `x…" is no period`},
		{"2026-W47\n<!channel>", "", "is no period"},
	} {
		p, err := digest.ParsePeriod(c.text, c.kind, now)
		switch {
		case err == nil && p.String() != c.want:
			t.Errorf("%q (%s) is %s; want %s", c.text, c.kind, p, c.want)
		case err != nil && (engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q (%s): %v; want %s", c.text, c.kind, err, c.want)
		}
	}
}

func FuzzParsePeriod(f *testing.F) {
	for _, seed := range []string{"2026-W47", "2026-10", "last", "this month", "", "2024-02-29", "9999-W99", "last\x00week", "2026-W53"} {
		f.Add(seed, "weekly")
		f.Add(seed, "monthly")
		f.Add(seed, "")
	}
	now := time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text, kind string) {
		p, err := digest.ParsePeriod(text, engine.PeriodKind(kind), now)
		if err != nil {
			if engine.CodeOf(err) != engine.Invalid || len(err.Error()) > 400 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := digest.ParsePeriod(p.String(), p.Kind, now)
		if err != nil || again != p || p.From.After(now) {
			t.Fatalf("%q is %s, which is %s, %v", text, p, again, err)
		}
	})
}

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
}

func schedule(t failer, text string) func(time.Time) time.Time {
	t.Helper()
	s, err := cron.ParseStandard(text)
	if err != nil {
		t.Fatal(err)
	}
	return s.Next
}

func zone(t failer, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	got, err := time.Parse("2006-01-02T15:04:05Z07:00", text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestDue(t *testing.T) {
	const weekly, monthly = engine.Weekly, engine.Monthly
	for _, c := range []struct {
		name, cron, zone, since, now string
		kind                         engine.PeriodKind
		want                         string // "" when nothing is due
	}{
		{"a second before the hour the week before is still the one", "0 9 * * MON", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-11-23T07:59:59Z", weekly, "2026-W46"},
		{"at the hour", "0 9 * * MON", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-11-23T08:00:00Z", weekly, "2026-W47"},
		{"all week long", "0 9 * * MON", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-11-30T07:59:59Z", weekly, "2026-W47"},
		{"midnight where the period ends is not before it", "0 0 * * MON", "UTC", "2026-01-01T00:00:00Z", "2026-11-23T00:00:00Z", weekly, "2026-W47"},
		{"Monday in Auckland is Sunday in UTC: the week is not over", "0 9 * * MON", "Pacific/Auckland", "2026-01-01T00:00:00Z", "2026-11-23T10:00:00Z", weekly, "2026-W46"},
		{"summer time moves the hour", "0 9 * * MON", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-07-06T07:00:00Z", weekly, "2026-W27"},
		{"not due an hour early in summer", "0 9 * * MON", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-07-06T06:59:59Z", weekly, "2026-W26"},

		{"half past two is skipped: due when the clock has skipped it", "30 2 * * SUN", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T01:30:00Z", weekly, "2026-W12"},
		{"and not before", "30 2 * * SUN", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T01:29:59Z", weekly, "2026-W11"},
		{"a month's day in the skipped hour", "30 2 29 * *", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-03-29T02:00:00Z", monthly, "2026-02"},
		{"the hour that comes twice, the first time", "30 2 * * SUN", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-10-25T00:30:00Z", weekly, "2026-W42"},
		{"before it", "30 2 * * SUN", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-10-25T00:29:59Z", weekly, "2026-W41"},
		{"and the second time: the same", "30 2 * * SUN", "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-10-25T01:30:00Z", weekly, "2026-W42"},
		{"half an hour of Lord Howe", "15 2 * * SUN", "Australia/Lord_Howe", "2026-01-01T00:00:00Z", "2026-10-03T15:45:00Z", weekly, "2026-W39"},
		{"a day that Samoa never had", "0 9 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z", "2011-12-31T00:00:00Z", monthly, "2011-11"},

		{"week 53", "0 9 * * MON", "UTC", "2026-01-01T00:00:00Z", "2027-01-04T09:00:00Z", weekly, "2026-W53"},
		{"the week of New Year", "0 9 * * MON", "UTC", "2024-01-01T00:00:00Z", "2025-01-06T09:00:00Z", weekly, "2025-W01"},
		{"February with a leap day", "0 9 1 * *", "UTC", "2024-01-01T00:00:00Z", "2024-03-01T09:00:00Z", monthly, "2024-02"},
		{"the leap day as the day of the schedule", "0 9 29 2 *", "UTC", "2023-01-01T00:00:00Z", "2024-02-29T09:00:00Z", monthly, "2024-01"},
		{"before the sixth the month before is the one", "0 9 6 * *", "UTC", "2026-01-01T00:00:00Z", "2026-11-05T23:59:59Z", monthly, "2026-09"},
		{"on the sixth", "0 9 6 * *", "UTC", "2026-01-01T00:00:00Z", "2026-11-06T09:00:00Z", monthly, "2026-10"},
		{"a month without a 31st is told on the next", "0 9 31 * *", "UTC", "2026-01-01T00:00:00Z", "2026-07-02T00:00:00Z", monthly, "2026-04"},
		{"a weekly digest on a monthly schedule: the newest when it fired", "0 9 1 * *", "UTC", "2026-01-01T00:00:00Z", "2026-11-20T00:00:00Z", weekly, "2026-W43"},
		{"a schedule of each minute", "* * * * *", "UTC", "2026-01-01T00:00:00Z", "2026-11-23T00:00:30Z", weekly, "2026-W47"},
		{"two firings a week", "0 9 * * MON,THU", "UTC", "2026-01-01T00:00:00Z", "2026-11-26T10:00:00Z", weekly, "2026-W47"},

		{"nothing before the first row", "0 9 * * MON", "UTC", "2026-11-24T12:00:00Z", "2026-11-24T13:00:00Z", weekly, ""},
		{"nor of the week that ended at the first row", "0 9 * * MON", "UTC", "2026-11-23T00:00:00Z", "2026-11-24T13:00:00Z", weekly, ""},
		{"the first week, though it was no whole one", "0 9 * * MON", "UTC", "2026-11-22T23:00:00Z", "2026-11-23T09:00:00Z", weekly, "2026-W47"},
		{"the first week, before the schedule has fired", "0 9 * * MON", "UTC", "2026-11-22T23:00:00Z", "2026-11-23T08:00:00Z", weekly, ""},
		{"no rows at all", "0 9 * * MON", "UTC", "0001-01-01T00:00:00Z", "2026-11-24T13:00:00Z", weekly, ""},
		{"a schedule that never fires", "0 9 30 2 *", "UTC", "2026-01-01T00:00:00Z", "2026-11-24T13:00:00Z", monthly, ""},
	} {
		p, ok := digest.Due(c.kind, schedule(t, c.cron), zone(t, c.zone), at(t, c.since), at(t, c.now))
		got := ""
		if ok {
			got = p.String()
		}
		if got != c.want {
			t.Errorf("%s: %q is due; want %q", c.name, got, c.want)
		}
	}
}

// TestPeriodsBecomeDueInOrder walks a year: whatever the clocks do, what is due is over, is never older than what was due before, and is
// not late.
func TestPeriodsBecomeDueInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		loc := zone(t, rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu", "Atlantic/Azores"}).Draw(t, "zone"))
		kind, cron := engine.Weekly, []string{"30 2 * * SUN", "0 9 * * MON", "45 0 * * *", "15 23 * * SAT"}
		if rapid.Bool().Draw(t, "monthly") {
			kind, cron = engine.Monthly, []string{"30 2 25 * *", "0 9 6 * *", "30 2 29 3,10 *", "0 0 1 * *"}
		}
		text := rapid.SampledFrom(cron).Draw(t, "cron")
		next := schedule(t, text)
		since := time.Date(2026, 1, 14, 5, 0, 0, 0, time.UTC)
		var last engine.Period
		for now := since; now.Year() < 2027; now = now.Add(time.Duration(rapid.IntRange(1, 60*60).Draw(t, "minutes")) * time.Minute) {
			p, ok := digest.Due(kind, next, loc, since, now)
			if !ok {
				continue
			}
			if p.To.After(now) {
				t.Fatalf("at %s the digest of %s is due, which is not over", now, p)
			}
			if last.Kind != "" && p.From.Before(last.From) {
				t.Fatalf("at %s %s is due, after %s was", now, p, last)
			}
			if strings.HasSuffix(text, "* * *") || kind == engine.Weekly {
				if late := now.Sub(p.To); late > 15*24*time.Hour+2*time.Hour {
					t.Fatalf("at %s the newest that is due is %s", now, p)
				}
			}
			last = p
		}
	})
}
