package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Freeze is when nothing may be approved, and where: every week from one time to another, or on the days of a span.
type Freeze struct {
	Reason     string         // shown to whoever is held up
	Clusters   []string       // path.Match patterns; none means all
	Namespaces []string       // path.Match patterns; none means all
	Zone       *time.Location // of its days and times; nil means UTC
	Weekly     *Weekly        // nil for a span of days
	From, To   string         // the first and the last day as 2006-01-02, when Weekly is nil
}

// Weekly is a window that comes back each week, by the clock on the wall. Its end is not part of it. One that ends before it begins
// goes over the end of the week, and one that ends when it begins is all of the week.
type Weekly struct {
	From, To WeekTime
}

// WeekTime is a time in a week.
type WeekTime struct {
	Day    time.Weekday
	Minute int // of the day, below 24 * 60
}

func (t WeekTime) minute() int { return int(t.Day)*24*60 + t.Minute }

// String gives it as "Fri 16:00".
func (t WeekTime) String() string {
	return fmt.Sprintf("%s %02d:%02d", t.Day.String()[:3], t.Minute/60, t.Minute%60)
}

// ParseWeekly reads "Fri 16:00 - Mon 08:00". It fails with engine.Invalid.
func ParseWeekly(s string) (Weekly, error) {
	from, to, ok := strings.Cut(s, "-")
	if ok {
		var w Weekly
		var good [2]bool
		w.From, good[0] = parseWeekTime(from)
		w.To, good[1] = parseWeekTime(to)
		if good[0] && good[1] {
			return w, nil
		}
	}
	return Weekly{}, engine.Errorf(engine.Invalid, "%q is no weekly window; such as Fri 16:00 - Mon 08:00", s)
}

func parseWeekTime(s string) (WeekTime, bool) {
	fields := strings.Fields(s)
	if len(fields) != 2 {
		return WeekTime{}, false
	}
	day := slices.IndexFunc(weekdays, func(d time.Weekday) bool {
		return strings.EqualFold(fields[0], d.String()) || strings.EqualFold(fields[0], d.String()[:3])
	})
	clock, err := time.Parse("15:04", fields[1])
	if day < 0 || err != nil {
		return WeekTime{}, false
	}
	return WeekTime{Day: weekdays[day], Minute: clock.Hour()*60 + clock.Minute()}, true
}

var weekdays = []time.Weekday{time.Sunday, time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday}

// holds tells whether the freeze is on at a time, and until when.
func (f Freeze) holds(now time.Time) (until time.Time, on bool) {
	zone := f.Zone
	if zone == nil {
		zone = time.UTC
	}
	now = now.In(zone)
	if f.Weekly != nil {
		return f.Weekly.holds(now)
	}
	last, err := time.ParseInLocation(time.DateOnly, f.To, zone)
	if today := now.Format(time.DateOnly); err != nil || today < f.From || today > f.To {
		return time.Time{}, false
	}
	return time.Date(last.Year(), last.Month(), last.Day()+1, 0, 0, 0, 0, zone), true
}

func (w Weekly) holds(now time.Time) (until time.Time, on bool) {
	at := WeekTime{Day: now.Weekday(), Minute: now.Hour()*60 + now.Minute()}.minute()
	from, to := w.From.minute(), w.To.minute()
	switch {
	case from < to:
		on = from <= at && at < to
	default:
		on = at >= from || at < to
	}
	days := (int(w.To.Day) - int(now.Weekday()) + 7) % 7
	if days == 0 && to <= at {
		days = 7
	}
	return time.Date(now.Year(), now.Month(), now.Day()+days, 0, w.To.Minute, 0, 0, now.Location()), on
}

// covers tells whether the freeze is about a place. What is in no namespace is in all of them.
func (f Freeze) covers(w engine.Workload) bool {
	return (len(f.Clusters) == 0 || matchesAny(f.Clusters, w.Cluster)) &&
		(len(f.Namespaces) == 0 || w.Namespace == "" || matchesAny(f.Namespaces, w.Namespace))
}
