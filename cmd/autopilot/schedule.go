package main

import (
	"time"

	"github.com/robfig/cron/v3"
)

// wallClock is a schedule by the clock on the wall, also on the two days of the year when that is changed: what falls into the hour that is
// left out comes when the clock jumps, and what falls into the hour that comes twice comes the first time alone. Cron's own reading leaves out
// the one and does the other twice. A schedule of every hour has no such times; it goes by the time that passes.
type wallClock struct{ fields *cron.SpecSchedule }

// everyHour is set where the hours of a schedule are a star.
const everyHour = 1 << 63

// Next gives the first time after another; zero when there is none.
func (w wallClock) Next(after time.Time) time.Time {
	if w.fields.Hour&everyHour != 0 {
		return w.fields.Next(after)
	}
	plain := *w.fields
	plain.Location = time.UTC
	at := after.In(w.fields.Location)
	for shown := asShown(at, time.UTC); ; {
		if shown = plain.Next(shown); shown.IsZero() {
			return shown
		}
		if next := w.at(shown); next.After(after) {
			return next.In(after.Location())
		}
	}
}

// at is when the clock on the wall shows a time first, or, where it never does, when it jumps over it.
func (w wallClock) at(shown time.Time) time.Time {
	at := asShown(shown, w.fields.Location)
	from, to := at.ZoneBounds()
	switch told := asShown(at, time.UTC); {
	case told.After(shown):
		return from
	case told.Before(shown):
		return to
	}
	if from.IsZero() {
		return at
	}
	_, before := from.Add(-time.Second).Zone()
	_, now := at.Zone()
	if first := at.Add(time.Duration(now-before) * time.Second); now < before && first.Before(from) {
		return first
	}
	return at
}

// asShown is the time when a clock elsewhere shows what it shows here.
func asShown(t time.Time, where *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), where)
}
