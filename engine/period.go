package engine

import (
	"fmt"
	"time"
)

// PeriodKind is how long a report looks back.
type PeriodKind string

// The kinds of period.
const (
	Weekly  PeriodKind = "weekly"
	Monthly PeriodKind = "monthly"
)

// Period is an ISO 8601 week (Monday to Sunday) or a calendar month. Its days are UTC's, as those of bills are, wherever its report
// is read: a change of clocks makes no day longer.
type Period struct {
	Kind PeriodKind `json:"kind"`
	From time.Time  `json:"from"` // midnight UTC of the first day
	To   time.Time  `json:"to"`   // midnight UTC after the last one
}

// PeriodOf is the period that a time is in.
func PeriodOf(kind PeriodKind, at time.Time) Period {
	day := at.UTC().Truncate(24 * time.Hour)
	if kind == Monthly {
		first := day.AddDate(0, 0, 1-day.Day())
		return Period{Kind: kind, From: first, To: first.AddDate(0, 1, 0)}
	}
	monday := day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	return Period{Kind: Weekly, From: monday, To: monday.AddDate(0, 0, 7)}
}

// Before is the period that ends where this one begins.
func (p Period) Before() Period { return PeriodOf(p.Kind, p.From.AddDate(0, 0, -1)) }

// Days is how many days it has.
func (p Period) Days() int { return int(p.To.Sub(p.From) / (24 * time.Hour)) }

// String is the period as people and files name it: "2026-W47", "2026-10".
func (p Period) String() string {
	if p.Kind == Monthly {
		return p.From.Format("2006-01")
	}
	year, week := p.From.ISOWeek()
	return fmt.Sprintf("%04d-W%02d", year, week)
}
