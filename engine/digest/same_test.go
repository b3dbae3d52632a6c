package digest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// known are whole days from one to before another.
func known(from, to string) (list []digest.KnownDay) {
	for day := date(from); day.Before(date(to)); day = day.AddDate(0, 0, 1) {
		list = append(list, digest.KnownDay{Day: day, SavedAt: day.AddDate(0, 0, 3)})
	}
	return list
}

func TestSame(t *testing.T) {
	week := engine.PeriodOf(engine.Weekly, date("2026-11-16")) // 16 to 22 November, after 9 to 15
	edit := func(list []digest.KnownDay, day string, change func(*digest.KnownDay)) []digest.KnownDay {
		for k := range list {
			if list[k].Day.Equal(date(day)) {
				change(&list[k])
			}
		}
		return list
	}
	without := func(list []digest.KnownDay, day string) (out []digest.KnownDay) {
		for _, k := range list {
			if !k.Day.Equal(date(day)) {
				out = append(out, k)
			}
		}
		return out
	}
	all := func() []digest.KnownDay { return known("2026-11-01", "2026-11-23") }
	for _, c := range []struct {
		name   string
		period engine.Period
		known  []digest.KnownDay
		days   int      // of both
		not    []string // of those that are known
	}{
		{"all of both weeks", week, all(), 14, nil},
		{"a day of the week lacks", week, without(all(), "2026-11-18"), 12, []string{"2026-11-11"}},
		{"a day of the week before lacks", week, without(all(), "2026-11-09"), 12, []string{"2026-11-16"}},
		{"the last day's bill is young", week, edit(all(), "2026-11-22", func(k *digest.KnownDay) { k.SavedAt = date("2026-11-23").Add(24*time.Hour - 1) }), 12, []string{"2026-11-15", "2026-11-22"}},
		{"a day later it is whole", week, edit(all(), "2026-11-22", func(k *digest.KnownDay) { k.SavedAt = date("2026-11-24") }), 14, nil},
		{"a payer lacks", week, edit(all(), "2026-11-10", func(k *digest.KnownDay) { k.Partial = true }), 12, []string{"2026-11-10", "2026-11-17"}},
		{"an estimate and a bill", week, edit(all(), "2026-11-10", func(k *digest.KnownDay) { k.Estimated = true }), 12, []string{"2026-11-10", "2026-11-17"}},
		{"two estimates, however young", week, edit(edit(all(), "2026-11-10", func(k *digest.KnownDay) { k.Estimated = true }), "2026-11-17", func(k *digest.KnownDay) {
			k.Estimated, k.SavedAt = true, date("2026-11-18")
		}), 14, nil},
		{"the first week", week, known("2026-11-16", "2026-11-23"), 0, []string{"2026-11-16"}},
		{"an empty week", week, known("2026-11-01", "2026-11-16"), 0, []string{"2026-11-09"}},
		{"nothing", week, nil, 0, nil},
		{"whole months of 31 and 28 days", engine.PeriodOf(engine.Monthly, date("2026-03-01")), known("2026-02-01", "2026-04-01"), 59, nil},
		{"of which one lacks a day: the days that both have", engine.PeriodOf(engine.Monthly, date("2026-03-01")), without(known("2026-02-01", "2026-04-01"), "2026-02-03"), 54, []string{"2026-03-03", "2026-03-31"}},
		{"the last day of the longer month lacks", engine.PeriodOf(engine.Monthly, date("2026-03-01")), known("2026-02-01", "2026-03-31"), 56, []string{"2026-03-29", "2026-03-30"}},
		{"a February of 29 days after January", engine.PeriodOf(engine.Monthly, date("2024-02-01")), known("2024-01-01", "2024-03-01"), 60, nil},
	} {
		got := digest.Same(c.period, c.known)
		if len(got) != c.days {
			t.Errorf("%s: %d days; want %d: %v", c.name, len(got), c.days, got)
		}
		for k, day := range got {
			if k > 0 && !got[k-1].Before(day) {
				t.Errorf("%s: not in order: %v", c.name, got)
			}
			for _, not := range c.not {
				if day.Equal(date(not)) {
					t.Errorf("%s: %s cannot be compared", c.name, not)
				}
			}
		}
	}
}

// TestYoungDaysAreNoFall: a day whose bill has only begun must not look like money saved.
func TestYoungDaysAreNoFall(t *testing.T) {
	f := factsUntil(date("2026-11-23"))
	f.Known = known("2026-11-01", "2026-11-23")
	f.Known[21].SavedAt = date("2026-11-23").Add(12 * time.Hour)
	same := map[time.Time]bool{}
	for _, day := range digest.Same(f.Period, f.Known) {
		same[day] = true
	}
	for day := date("2026-11-09"); day.Before(date("2026-11-23")); day = day.AddDate(0, 0, 1) {
		amount := 100 * engine.USD
		if day.Equal(date("2026-11-22")) {
			amount = 3 * engine.USD
		}
		f.Parts = append(f.Parts, digest.Part{Before: day.Before(f.Period.From), Same: same[day], Payer: "1", Cluster: "prod", Team: "pay", Kind: "workload", Amount: amount})
	}
	d := digest.Make(f, digest.Rules{})
	want := engine.Spend{
		Total: 603 * engine.USD, Before: 700 * engine.USD, SameTotal: 600 * engine.USD, SameBefore: 600 * engine.USD, SameDays: 6,
		DaysKnown: 7, DaysBefore: 7, Allocated: 1,
	}
	if diff := cmp.Diff(want, d.Spend); diff != "" {
		t.Errorf("spend (-want +got):\n%s", diff)
	}
	if d.Spend.Comparable(f.Period) {
		t.Error("the weeks are said to be comparable as a whole")
	}
	if len(d.Movers) != 0 {
		t.Errorf("nobody's cost changed, and yet: %+v", d.Movers)
	}
	if diff := cmp.Diff([]engine.SpendStep{{Name: "days that cannot be compared", Amount: -97 * engine.USD}}, d.Waterfall); diff != "" {
		t.Errorf("waterfall (-want +got):\n%s", diff)
	}
}
