package trust

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Score makes the scorecard of the experiments that began in [from, to). Those that were never really done count nowhere, and one whose
// strikes are of several faults counts in the line of its first. experiments may hold older ones: those of the span of the same length
// before are what Before is compared with. Reliable holds what experiments judged; people's answers are the caller's to add.
func Score(experiments []engine.Experiment, from, to time.Time) engine.Scorecard {
	card := engine.Scorecard{From: from, To: to}
	now, controls := graded(experiments, from, to)
	card.All = line("", now, controls)
	for _, f := range engine.Faults {
		if of := only(now, f); len(of) > 0 {
			card.Lines = append(card.Lines, line(f, of, nil))
		}
	}
	if before, quiet := graded(experiments, from.Add(-to.Sub(from)), from); len(before) > 0 {
		was := line("", before, quiet)
		card.Before = &was
	}
	raised := 0
	for _, e := range controls {
		if len(e.Grade.False) > 0 || e.Grade.Detected {
			raised++
		}
	}
	card.Controls = Wilson(raised, len(controls))
	card.Stranded = stranded(experiments, from, to)
	card.Misses = misses(append(slices.Clone(now), controls...))
	card.Reliable = Reliable(OfExperiments(now))
	return card
}

// graded gives the experiments of a span that count, those which should be noticed and the controls apart.
func graded(all []engine.Experiment, from, to time.Time) (faults, controls []engine.Experiment) {
	for _, e := range all {
		switch {
		case !within(e, from, to) || e.Grade == nil || !e.Grade.Counts:
		case e.Expect.Nothing:
			controls = append(controls, e)
		default:
			faults = append(faults, e)
		}
	}
	return faults, controls
}

func within(e engine.Experiment, from, to time.Time) bool {
	return !e.StartedAt.IsZero() && !e.StartedAt.Before(from) && e.StartedAt.Before(to)
}

func fault(e engine.Experiment) engine.Fault {
	if len(e.Strikes) == 0 {
		return ""
	}
	return e.Strikes[0].Fault
}

func only(all []engine.Experiment, f engine.Fault) []engine.Experiment {
	var of []engine.Experiment
	for _, e := range all {
		if fault(e) == f {
			of = append(of, e)
		}
	}
	return of
}

// line sums up experiments that should be noticed. What controls raised is counted among the false incidents.
func line(f engine.Fault, all, controls []engine.Experiment) engine.ScoreLine {
	var detected, watch, alert, top1, top3, step int
	var times, recoveries []time.Duration
	l := engine.ScoreLine{Fault: f}
	for _, e := range all {
		g := e.Grade
		l.False += len(g.False)
		if g.WatchAfter > 0 {
			watch++
		}
		if g.AlertAfter > 0 {
			alert++
		}
		if g.Recovered {
			recoveries = append(recoveries, g.RecoverAfter)
		}
		if !g.Detected {
			continue
		}
		detected++
		times = append(times, g.DetectAfter)
		if g.Rank == 1 {
			top1++
		}
		if g.Rank >= 1 && g.Rank <= 3 {
			top3++
		}
		if g.StepRight {
			step++
		}
	}
	for _, e := range controls {
		l.False += len(e.Grade.False)
	}
	l.Detected, l.ByWatch, l.ByAlert = Wilson(detected, len(all)), Wilson(watch, len(all)), Wilson(alert, len(all))
	l.Top1, l.Top3, l.StepRight = Wilson(top1, detected), Wilson(top3, detected), Wilson(step, detected)
	l.Median, l.P95, l.Recovery = quantile(times, 0.5), quantile(times, 0.95), quantile(recoveries, 0.5)
	return l
}

// quantile is the smallest value that at least a share of all do not exceed (nearest rank): one that really was measured. 0 of none.
func quantile(d []time.Duration, share float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Sorted(slices.Values(d))
	k := int(math.Ceil(share*float64(len(d)) - 1e-9)) // 0.95 × 20 is 19, which floating point does not know
	return d[min(max(k, 1), len(d))-1]
}

// stranded counts the blows that lasted, and those of them whose end nobody saw. An experiment that is not over has not stranded anything
// yet.
func stranded(all []engine.Experiment, from, to time.Time) engine.Share {
	var left, of int
	for _, e := range all {
		if !within(e, from, to) || e.Status != engine.ExperimentOver {
			continue
		}
		for _, b := range e.Blows {
			if b.Began.IsZero() || b.Strike < 0 || b.Strike >= len(e.Strikes) || !e.Strikes[b.Strike].Fault.Lasts() {
				continue
			}
			of++
			if !b.Clean {
				left++
			}
		}
	}
	return Wilson(left, of)
}

// misses lists what was not noticed, not understood, raised for nothing or left behind, newest first.
func misses(all []engine.Experiment) []engine.Miss {
	var list []engine.Miss
	for _, e := range all {
		if text := missed(e); text != "" {
			list = append(list, engine.Miss{Experiment: e.ID, Incident: e.Grade.IncidentID, At: e.StartedAt, Title: e.Title, Text: text, Thread: e.Thread})
		}
	}
	slices.SortFunc(list, func(a, b engine.Miss) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Experiment, a.Experiment))
	})
	return list
}

func missed(e engine.Experiment) string {
	g := e.Grade
	var text []string
	switch {
	case e.Expect.Nothing && (len(g.False) > 0 || g.Detected):
		text = append(text, "a control raised an incident")
	case e.Expect.Nothing:
	case !g.Detected:
		text = append(text, "not noticed")
	case g.Rank == 0 && g.Cause == "":
		text = append(text, "noticed, but no cause was given")
	case g.Rank == 0:
		text = append(text, "noticed, but taken for "+g.Cause)
	case g.Rank > 1:
		text = append(text, fmt.Sprintf("the right cause came only as number %d, after %s", g.Rank, g.Cause))
	}
	switch n := len(g.False); {
	case e.Expect.Nothing || n == 0:
	case n == 1:
		text = append(text, "1 false incident")
	default:
		text = append(text, fmt.Sprintf("%d false incidents", n))
	}
	if !g.Clean {
		text = append(text, "a fault's end was not seen")
	}
	return strings.Join(text, "; ")
}
