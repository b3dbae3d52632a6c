package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/trust"
)

// What a whole run has to show. A share of fewer than fewShare, or a median of fewer than fewMedian, says too little to fail a run; what
// must never be, a false incident or something left behind, fails any.
const (
	wantDetected = 0.95
	wantFirst    = 0.90
	wantKills    = 15 * time.Second
	wantSlow     = 60 * time.Second
	fewShare     = 20
	fewMedian    = 8
)

// kinds are the faults whose time to be noticed is measured together: those which end something at once, and those which make it worse.
var kinds = []struct {
	name   string
	within time.Duration
	faults func(engine.Fault) bool
}{
	{"kills", wantKills, func(f engine.Fault) bool { return f == engine.FaultKill || f == engine.FaultContainerKill }},
	{"degradations", wantSlow, func(f engine.Fault) bool { return f.Lasts() && f != engine.FaultNothing }},
}

// paths are the ways in which something is noticed.
var paths = []struct {
	name string
	took func(engine.Grade) time.Duration // 0 for never
}{
	{"noticed", func(g engine.Grade) time.Duration {
		if !g.Detected {
			return 0
		}
		return max(g.DetectAfter, time.Millisecond)
	}},
	{"by watching", func(g engine.Grade) time.Duration { return g.WatchAfter }},
	{"by alert", func(g engine.Grade) time.Duration { return g.AlertAfter }},
}

// times are how long the faults of a kind took to be noticed on a path, for those that were, and of how many.
func times(experiments []engine.Experiment, is func(engine.Fault) bool, took func(engine.Grade) time.Duration) (all []time.Duration, of int) {
	for _, e := range experiments {
		if e.Grade == nil || !e.Grade.Counts || e.Expect.Nothing || len(e.Strikes) == 0 || !is(e.Strikes[0].Fault) {
			continue
		}
		of++
		if d := took(*e.Grade); d > 0 {
			all = append(all, d)
		}
	}
	return all, of
}

// timesTable splits the time to be noticed by kind and path.
func timesTable(experiments []engine.Experiment) table {
	t := table{append([]string{"faults", "path", "of"}, spreadHead...)}
	for _, kind := range kinds {
		for _, path := range paths {
			all, of := times(experiments, kind.faults, path.took)
			if of > 0 {
				t.add(append([]string{kind.name, path.name, fmt.Sprint(of)}, spread(all)...)...)
			}
		}
	}
	return t
}

// goal is one of the figures that are wanted.
type goal struct {
	name, got, wanted string
	good              bool
	few               bool // there are too few to say
}

func (f goal) verdict() string {
	switch {
	case f.few:
		return "too few to say"
	case f.good:
		return "met"
	}
	return "MISSED"
}

// goals compares a run with what is wanted of it.
func goals(results []result, experiments []engine.Experiment, card engine.Scorecard, wrong []raised) []goal {
	share := func(name string, s engine.Share, least float64) goal {
		return goal{name: name, got: shareText(s), wanted: fmt.Sprintf("at least %.0f %%", 100*least), good: s.Value() >= least, few: s.Of < fewShare}
	}
	none := func(name string, n int) goal { return goal{name: name, got: fmt.Sprint(n), wanted: "0", good: n == 0} }
	all := []goal{share("noticed", card.All.Detected, wantDetected), share("right cause first", card.All.Top1, wantFirst)}
	for _, kind := range kinds {
		noticed, _ := times(experiments, kind.faults, paths[0].took)
		median := quantile(noticed, 0.5)
		all = append(all, goal{
			name: "median time to notice, " + kind.name, got: seconds(median), wanted: fmt.Sprintf("at most %s", kind.within), good: median <= kind.within, few: len(noticed) < fewMedian,
		})
	}
	undone, left := 0, card.Stranded.Hits
	for _, r := range results {
		if r.undone != "" {
			undone++
		}
		if len(r.stranded) > 0 && !slices.ContainsFunc(r.experiment.Blows, func(b engine.Blow) bool { return !b.Clean }) { // those are counted already
			left++
		}
	}
	return append(all, none("false incidents", len(wrong)), none("left behind", left), share("really done", trust.Wilson(len(results)-undone, len(results)), wantDetected))
}

func goalTable(all []goal) table {
	t := table{{"figure", "value", "wanted", "verdict"}}
	for _, f := range all {
		t.add(f.name, f.got, f.wanted, f.verdict())
	}
	return t
}

// verdictOf fails when one of the figures is missed.
func verdictOf(all []goal) error {
	var errs []error
	for _, f := range all {
		if !f.good && !f.few {
			errs = append(errs, fmt.Errorf("%w: %s: %s, want %s", errMissed, f.name, f.got, f.wanted))
		}
	}
	return errors.Join(errs...)
}
