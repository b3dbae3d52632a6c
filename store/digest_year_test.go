package store_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/test/year"
)

// kept is a store that has a year of rows.
func kept(t *testing.T, o year.Options) (*world, *year.Year) {
	t.Helper()
	w, y := newWorld(t), year.New(o)
	w.must(y.Keep(t.Context(), w.url))
	return w, y
}

// inOrder makes facts comparable that do not depend on their order, and leaves out what a year of rows does not have.
func inOrder(f digest.Facts) digest.Facts {
	text := func(v any) string { return fmt.Sprintf("%+v", v) }
	slices.SortFunc(f.Parts, func(a, b digest.Part) int { return cmp.Compare(text(a), text(b)) })
	slices.SortFunc(f.Counts, func(a, b digest.UnitDay) int { return cmp.Compare(text(a), text(b)) })
	slices.SortFunc(f.Corrections, func(a, b engine.Correction) int { return cmp.Compare(text(a), text(b)) })
	if len(f.Corrections) == 0 {
		f.Corrections = nil
	}
	if len(f.Parts) == 0 {
		f.Parts = nil
	}
	if len(f.Known) == 0 {
		f.Known = nil
	}
	if len(f.Days) == 0 {
		f.Days = nil
	}
	if len(f.Counts) == 0 {
		f.Counts = nil
	}
	if len(f.Decisions) == 0 {
		f.Decisions = nil
	}
	for k := range f.Scopes {
		if len(f.Scopes[k].Days) == 0 {
			f.Scopes[k].Days = nil
		}
	}
	for k := range f.Incidents {
		f.Incidents[k].Thread = engine.Thread{}
	}
	f.Payers = slices.DeleteFunc(f.Payers, func(p engine.PayerLine) bool { return p.Amount == 0 })
	if len(f.Payers) == 0 {
		f.Payers, f.Closed = nil, false
	}
	f.AsOf, f.Open, f.Own, f.Scan, f.Audit, f.Missing = time.Time{}, engine.Opportunities{}, engine.OwnCost{}, time.Time{}, nil, nil
	return f
}

// TestFactsOfAYear compares what the queries add up with what plain loops over the same rows do.
func TestFactsOfAYear(t *testing.T) {
	first := engine.PeriodOf(engine.Weekly, year.From)
	for _, c := range []struct {
		o       year.Options
		periods []engine.Period
	}{
		{year.Options{Seed: 1}, []engine.Period{
			year.Week, year.WholeWeek, year.Month, engine.PeriodOf(engine.Monthly, year.To), engine.PeriodOf(engine.Weekly, year.Absent[0]), first, first.Before(),
		}},
		{year.Options{Seed: 2, Teams: 14, Hostile: true}, []engine.Period{year.Week}},
	} {
		w, y := kept(t, c.o)
		teams, clusters, err := w.Spenders(t.Context())
		w.must(err)
		equal(t, "who has costs", [][]string{teams, clusters}, [][]string{slices.Sorted(slices.Values(y.Teams)), slices.Sorted(slices.Values(y.Clusters))})
		for _, p := range c.periods {
			for _, scope := range []engine.DigestScope{{}, {Team: y.Teams[0]}, {Team: y.Teams[2], Cluster: y.Clusters[2]}, {Team: "nobody"}} {
				got := inOrder(w.facts(p, scope, y.Rules.Scopes()...))
				equal(t, fmt.Sprint("facts of ", p, " of ", scope), got, inOrder(y.Facts(p, scope)))
			}
		}
	}
}
