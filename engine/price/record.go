package price

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Record is a day as it is kept: the bills, what they were divided into, and what was not known when they were.
type Record struct {
	Day     time.Time // midnight UTC
	Bills   []Bill    // one of a payer; that of nobody ("") is an Estimate
	Rows    []Row
	Guessed bool // who used what was not measured on the whole of the day
	Missing []engine.Gap
}

// Check says what is wrong with a record: its rows must come to its bills, payer by payer, to the micro-dollar. It fails with Invalid.
func (r Record) Check() error {
	if r.Day != r.Day.UTC().Truncate(24*time.Hour) {
		return engine.Errorf(engine.Invalid, "%s is no day; midnight UTC is right", r.Day.Format(time.RFC3339))
	}
	day := r.Day.Format(time.DateOnly)
	left := map[string]engine.MicroUSD{}
	for _, b := range r.Bills {
		if _, twice := left[b.Payer]; twice {
			return engine.Errorf(engine.Invalid, "payer %q has two bills of %s", b.Payer, day)
		}
		if !b.Day.Equal(r.Day) {
			return engine.Errorf(engine.Invalid, "a bill of %s is not of %s", b.Day.Format(time.DateOnly), day)
		}
		left[b.Payer] = b.Total()
	}
	for _, row := range r.Rows {
		if _, known := left[row.Payer]; !known || !row.Day.Equal(r.Day) {
			return engine.Errorf(engine.Invalid, "a row of %s of payer %q is of none of the bills of %s", row.Day.Format(time.DateOnly), row.Payer, day)
		}
		left[row.Payer] -= row.Amount
	}
	for payer, amount := range left {
		if amount != 0 {
			return engine.Errorf(engine.Invalid, "the bill of payer %q of %s is %d millionths of a dollar more than its rows", payer, day, amount)
		}
	}
	return nil
}

// Status is what is known of a kept day of a payer.
type Status struct {
	Payer   string
	Day     time.Time
	SavedAt time.Time
	Guessed bool
}

// Month is a month of a payer.
type Month struct {
	Payer string
	First time.Time // midnight UTC
}
