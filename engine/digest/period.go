package digest

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	oneDay = 24 * time.Hour

	// firstYear is that of AWS: nobody has bills of a time before.
	firstYear = 2006

	// mostBack is how many periods Due looks back for one whose schedule has fired.
	mostBack = 60
)

var (
	weekText  = regexp.MustCompile(`^(\d{4})-?w(\d{1,2})$`)
	monthText = regexp.MustCompile(`^(\d{4})-(\d{1,2})$`)
)

// ParsePeriod understands what a person calls a period: "2026-W47", "2026-10", a day of one ("2026-11-19"), "last" (or "") for the
// newest that is over, "this" for the one that goes on, the last two also as "last week" or "this month". A kind that is given is
// the only one that is right; without one ("") the text must say it. It fails with engine.Invalid for anything else, and for what has
// not begun yet.
func ParsePeriod(text string, kind engine.PeriodKind, now time.Time) (engine.Period, error) {
	word := strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(text, "_", " ")), " "))
	p, ok, err := named(word, kind, now)
	if err == nil && !ok {
		p, err = numbered(word, text, kind)
	}
	if err != nil {
		return engine.Period{}, err
	}
	switch {
	case kind != "" && p.Kind != kind:
		return engine.Period{}, engine.Errorf(engine.Invalid, "%s is a %s period; a %s one is right, such as %s", p, p.Kind, kind, example(kind, now))
	case p.From.After(now):
		return engine.Period{}, engine.Errorf(engine.Invalid, "%s has not begun yet; the newest that is over is %s", p, example(p.Kind, now))
	}
	return p, nil
}

// named understands the words.
func named(word string, kind engine.PeriodKind, now time.Time) (p engine.Period, ok bool, err error) {
	first, rest, _ := strings.Cut(strings.ReplaceAll(word, "-", " "), " ")
	if first != "last" && first != "this" && word != "" {
		return p, false, nil
	}
	asked := kind
	switch rest {
	case "week":
		asked = engine.Weekly
	case "month":
		asked = engine.Monthly
	case "":
	default:
		return p, false, nil
	}
	if asked == "" {
		return p, false, engine.Errorf(engine.Invalid, "which kind of period? A week such as %s or a month such as %s is right", example(engine.Weekly, now), example(engine.Monthly, now))
	}
	p = engine.PeriodOf(asked, now)
	if first != "this" {
		p = p.Before()
	}
	return p, true, nil
}

// numbered understands a week, a month, and a day where the kind is known.
func numbered(word, text string, kind engine.PeriodKind) (engine.Period, error) {
	wrong := engine.Errorf(engine.Invalid, "%q is no period; a week such as 2026-W47, a month such as 2026-10, `last` or `this` is right", bounded(text, 40))
	if m := weekText.FindStringSubmatch(word); m != nil {
		year, week := number(m[1]), number(m[2])
		// The fourth of January is always in the first week.
		p := engine.PeriodOf(engine.Weekly, time.Date(year, time.January, 4, 0, 0, 0, 0, time.UTC).AddDate(0, 0, 7*(week-1)))
		if y, w := p.From.ISOWeek(); year < firstYear || y != year || w != week {
			return p, engine.Errorf(engine.Invalid, "there is no week %d of %d; its weeks are W01 to W%02d, from %d on", week, year, lastWeek(year), firstYear)
		}
		return p, nil
	}
	if m := monthText.FindStringSubmatch(word); m != nil {
		year, month := number(m[1]), number(m[2])
		if year < firstYear || month < 1 || month > 12 {
			return engine.Period{}, engine.Errorf(engine.Invalid, "there is no month %d of %d; months are 01 to 12, from %d on", month, year, firstYear)
		}
		return engine.PeriodOf(engine.Monthly, time.Date(year, time.Month(month), 1, 0, 0, 0, 0, time.UTC)), nil
	}
	if at, err := time.Parse(time.DateOnly, word); err == nil && kind != "" && at.Year() >= firstYear {
		return engine.PeriodOf(kind, at), nil
	}
	return engine.Period{}, wrong
}

// number reads the digits that a pattern has matched.
func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0 // at most four digits: it never fails
	}
	return n
}

// lastWeek is 53 in long years: the 28th of December is always in the last week.
func lastWeek(year int) int {
	_, week := time.Date(year, time.December, 28, 0, 0, 0, 0, time.UTC).ISOWeek()
	return week
}

// example is the newest period that is over.
func example(kind engine.PeriodKind, now time.Time) string {
	return engine.PeriodOf(kind, now).Before().String()
}

// Due gives the period whose digest a schedule wants by now: the newest that was over when the schedule fired last. Nothing is due of
// periods that were over at since, the time of the first row: no flood of old digests follows an installation. A zero since has none.
//
// next gives the schedule's first firing after a time, by that time's own clock and zone. The schedule follows the clock on the wall
// at loc: what it wants in an hour that is skipped in spring comes when the clock has skipped it, and what it wants in the hour that
// comes twice in autumn is due from the first time on. The answer is the same however often it is asked.
func Due(kind engine.PeriodKind, next func(time.Time) time.Time, loc *time.Location, since, now time.Time) (engine.Period, bool) {
	if since.IsZero() {
		return engine.Period{}, false
	}
	p := engine.PeriodOf(kind, now).Before()
	for range mostBack {
		if !p.To.After(since) {
			return engine.Period{}, false
		}
		fires := next(onWall(p.To.Add(-1), loc))
		if fires.IsZero() {
			return engine.Period{}, false
		}
		if !offWall(fires, loc).After(now) {
			return p, true
		}
		p = p.Before()
	}
	return engine.Period{}, false
}

// onWall gives what the clock shows at loc, as a time of UTC, where no hour is skipped or comes twice.
func onWall(t time.Time, loc *time.Location) time.Time {
	_, offset := t.In(loc).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// offWall gives the first time at which the clock at loc shows wall or, where it skips that, as long after the skip as wall is after
// its beginning.
func offWall(wall time.Time, loc *time.Location) time.Time {
	// Zones are less than a day from UTC, and change by less than a day, seldom twice within a few.
	_, before := wall.Add(-2 * oneDay).In(loc).Zone()
	_, after := wall.Add(2 * oneDay).In(loc).Zone()
	early, late := wall.Add(-time.Duration(before)*time.Second), wall.Add(-time.Duration(after)*time.Second)
	if late.Before(early) {
		early, late = late, early
	}
	for _, t := range []time.Time{early, late} {
		if onWall(t, loc).Equal(wall) {
			return t
		}
	}
	return late
}

// bounded makes a name from outside fit into a sentence: one line of at most so many characters. Escaping is for those who show it.
func bounded(name string, most int) string {
	name = strings.Join(strings.Fields(strings.ToValidUTF8(name, "\uFFFD")), " ")
	if utf8.RuneCountInString(name) <= most {
		return name
	}
	return string([]rune(name)[:most-1]) + "…"
}
