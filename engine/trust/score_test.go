package trust_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/trust"
)

var (
	from = time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	to   = from.AddDate(0, 0, 7)
)

// graded is experiment id, which began so many hours after from.
func graded(id int64, f engine.Fault, hours int, g engine.Grade) engine.Experiment {
	g.Counts, g.Clean = true, true
	return engine.Experiment{
		ID: id, Title: string(f), Status: engine.ExperimentOver, StartedAt: from.Add(time.Duration(hours) * time.Hour),
		Strikes: []engine.Strike{{Fault: f}}, Grade: &g,
	}
}

func seen(after time.Duration, rank int) engine.Grade {
	return engine.Grade{Detected: true, DetectAfter: after, Rank: rank, Cause: "near/itself", Confidence: 0.7, StepRight: rank == 1, WatchAfter: after, Recovered: true, RecoverAfter: 2 * after}
}

func TestScore(t *testing.T) {
	never := graded(8, engine.FaultKill, 8, engine.Grade{})
	never.Grade.Counts = false
	control, noisy := graded(20, engine.FaultNothing, 20, engine.Grade{}), graded(21, engine.FaultNothing, 21, engine.Grade{False: []int64{9, 10}})
	control.Expect.Nothing, noisy.Expect.Nothing = true, true
	ungraded := graded(11, engine.FaultKill, 11, engine.Grade{})
	ungraded.Grade = nil
	left := graded(3, engine.FaultLag, 3, seen(60*time.Second, 2))
	left.Grade.Clean = false
	left.Grade.False = []int64{77}
	left.Blows = []engine.Blow{{Began: from, Clean: true}, {Began: from}, {Outcome: "never began"}, {Strike: 5, Began: from}}
	alerted := graded(4, engine.FaultLag, 4, engine.Grade{AlertAfter: time.Minute})
	card := trust.Score([]engine.Experiment{
		graded(1, engine.FaultKill, 1, seen(4*time.Second, 1)), graded(2, engine.FaultKill, 2, seen(8*time.Second, 1)), left, alerted,
		graded(5, engine.FaultKill, 5, seen(30*time.Second, 0)), never, control, noisy, ungraded,
		graded(6, engine.FaultKill, 7*24, seen(time.Second, 1)),  // as the span ends: not in it
		graded(7, engine.FaultKill, -1, seen(10*time.Second, 3)), // the span before
		graded(9, engine.FaultKill, -7*24-1, seen(time.Second, 1)),
		{ID: 10},
	}, from, to)
	if diff := cmp.Diff(engine.ScoreLine{
		Detected: trust.Wilson(4, 5), ByWatch: trust.Wilson(4, 5), ByAlert: trust.Wilson(1, 5), Top1: trust.Wilson(2, 4), Top3: trust.Wilson(3, 4), StepRight: trust.Wilson(2, 4),
		Median: 8 * time.Second, P95: 60 * time.Second, Recovery: 16 * time.Second, False: 3,
	}, card.All); diff != "" {
		t.Errorf("all:\n%s", diff)
	}
	if len(card.Lines) != 2 || card.Lines[0].Fault != engine.FaultKill || card.Lines[1].Fault != engine.FaultLag || card.Lines[0].Detected != trust.Wilson(3, 3) || card.Lines[1].Detected != trust.Wilson(1, 2) || card.Lines[1].False != 1 {
		t.Errorf("lines %+v", card.Lines)
	}
	if card.Before == nil || card.Before.Detected != trust.Wilson(1, 1) || card.Before.Top3 != trust.Wilson(1, 1) || card.Before.Top1 != trust.Wilson(0, 1) {
		t.Errorf("before %+v", card.Before)
	}
	if card.Controls != trust.Wilson(1, 2) || card.Stranded != trust.Wilson(1, 2) {
		t.Errorf("controls %+v, stranded %+v", card.Controls, card.Stranded)
	}
	var misses []string
	for _, m := range card.Misses {
		misses = append(misses, strings.Join([]string{m.Title, m.Text}, ": "))
	}
	if diff := cmp.Diff([]string{
		"nothing: a control raised an incident",
		"kill: noticed, but taken for near/itself",
		"network-lag: not noticed",
		"network-lag: the right cause came only as number 2, after near/itself; 1 false incident; a fault's end was not seen",
	}, misses); diff != "" {
		t.Errorf("misses:\n%s", diff)
	}
	if len(card.Reliable) != 1 || card.Reliable[0].Right != trust.Wilson(2, 4) {
		t.Errorf("reliable %+v", card.Reliable)
	}
}

func TestScoreOfNothing(t *testing.T) {
	card := trust.Score(nil, from, to)
	none := engine.Share{High: 1}
	if card.Before != nil || card.Lines != nil || card.Misses != nil || card.All.Detected != none || card.Controls != none || card.All.Median != 0 || !card.From.Equal(from) || !card.To.Equal(to) {
		t.Errorf("card %+v", card)
	}
}

// Lines add up to all; the median and the 95th percentile are times that were measured, at or above their share of all.
func TestScoreProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []engine.Experiment
		times := map[time.Duration]bool{0: true}
		for k := range rapid.IntRange(0, 60).Draw(t, "n") {
			f := rapid.SampledFrom(engine.Faults).Draw(t, "fault")
			g := engine.Grade{False: make([]int64, rapid.IntRange(0, 2).Draw(t, "false"))}
			if rapid.IntRange(0, 3).Draw(t, "seen") > 0 {
				g = seen(time.Duration(rapid.IntRange(1, 90).Draw(t, "after"))*time.Second, rapid.IntRange(0, 5).Draw(t, "rank"))
				times[g.DetectAfter] = true
			}
			all = append(all, graded(int64(k), f, rapid.IntRange(0, 7*24-1).Draw(t, "hour"), g))
		}
		card := trust.Score(all, from, to)
		var of, hits, false_ int
		for _, l := range card.Lines {
			of += l.Detected.Of
			hits += l.Detected.Hits
			false_ += l.False
		}
		a := card.All
		if of != len(all) || a.Detected.Of != of || a.Detected.Hits != hits || a.False != false_ || a.Top1.Of != hits || a.Top3.Hits < a.Top1.Hits {
			t.Fatalf("lines %d/%d, false %d; all %+v", hits, of, false_, a)
		}
		if !times[a.Median] || !times[a.P95] || a.Median > a.P95 {
			t.Fatalf("median %s, p95 %s of %v", a.Median, a.P95, times)
		}
		below, third := 0, 0
		for _, e := range all {
			if r := e.Grade.Rank; r == 1 || r == 2 || r == 3 {
				third++
			}
			if e.Grade.Detected && e.Grade.DetectAfter <= a.P95 {
				below++
			}
		}
		if a.Top3.Hits != third {
			t.Fatalf("%d among the first three, want %d", a.Top3.Hits, third)
		}
		if hits > 0 && float64(below) < 0.95*float64(hits) {
			t.Fatalf("only %d of %d are within the 95th percentile, %s", below, hits, a.P95)
		}
		for k := 1; k < len(card.Misses); k++ {
			if card.Misses[k].At.After(card.Misses[k-1].At) {
				t.Fatalf("misses are not newest first: %+v", card.Misses)
			}
		}
	})
}
