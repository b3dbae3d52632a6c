package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

const (
	countDays = 7                // that are made up for, while Prometheus remembers them
	countLag  = 10 * time.Minute // after midnight UTC, for samples that come late
)

// Counts keeps how many units of work were done.
type Counts interface {
	SaveCount(ctx context.Context, u digest.UnitDay) error
	Counted(ctx context.Context, name string, from time.Time) ([]time.Time, error)
}

// Unit is a unit of work whose days are counted. Exactly one of Daily and Ask says how many there were.
type Unit struct {
	Name  string
	Daily float64 // the same each day
	// Ask gives the number of a day (UTC) by the query of the configuration, at the day's end. It fails with Unavailable when that
	// may be had later.
	Ask func(ctx context.Context, day time.Time) (float64, error)
}

// count keeps how many units of work were done on each of the last days of which that is not known yet.
func (h *Handlers) count(ctx context.Context, _ engine.Task) error {
	today := h.Now().Add(-countLag).UTC().Truncate(oneDay)
	from := today.AddDate(0, 0, -countDays)
	var problems []error
	for _, u := range h.Reports.Units {
		known, err := h.Reports.Counts.Counted(ctx, u.Name, from)
		if err != nil {
			return errors.Join(append(problems, err)...)
		}
		for day := from; day.Before(today); day = day.AddDate(0, 0, 1) {
			if slices.ContainsFunc(known, day.Equal) {
				continue
			}
			if err := h.countDay(ctx, u, day); err != nil {
				problems = append(problems, fmt.Errorf("units %s of %s: %w", u.Name, day.Format(time.DateOnly), err))
				break // who does not answer is not asked for each of the days
			}
		}
	}
	return errors.Join(problems...)
}

func (h *Handlers) countDay(ctx context.Context, u Unit, day time.Time) error {
	n := u.Daily
	if u.Ask != nil {
		var err error
		if n, err = u.Ask(ctx, day); err != nil {
			return err
		}
	}
	return h.Reports.Counts.SaveCount(ctx, digest.UnitDay{Name: u.Name, Day: day, Count: n})
}
