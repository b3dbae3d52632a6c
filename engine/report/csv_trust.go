package report

import (
	"strconv"

	"github.com/eks-autopilot/autopilot/engine"
)

// scoresOf is the scorecard of a digest, empty where there is none.
func scoresOf(d engine.Digest) engine.Scorecard {
	if d.Trust == nil {
		return engine.Scorecard{}
	}
	return *d.Trust
}

// trustSheet has a row for each fault, then one for all of them and one for the time before, then the controls and what was left behind.
func trustSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("what", "runs", "noticed", "noticed_low", "noticed_high", "by_watch", "by_alert", "cause_first", "cause_in_three", "step_helps",
		"median_seconds", "p95_seconds", "recovery_seconds", "false_incidents")
	c := scoresOf(d)
	count := strconv.Itoa
	row := func(what string, l engine.ScoreLine) {
		some := l.Detected.Of > 0
		found := l.Detected.Hits > 0
		s.Row(engine.Cell(what), count(l.Detected.Of), count(l.Detected.Hits), when(some, engine.Quantity(l.Detected.Low)), when(some, engine.Quantity(l.Detected.High)),
			count(l.ByWatch.Hits), count(l.ByAlert.Hits), count(l.Top1.Hits), count(l.Top3.Hits), count(l.StepRight.Hits),
			when(found, seconds(l.Median)), when(found, seconds(l.P95)), when(l.Recovery > 0, seconds(l.Recovery)), count(l.False))
	}
	for _, l := range c.Lines {
		row(string(l.Fault), l)
	}
	if d.Trust != nil {
		row("all", c.All)
	}
	if c.Before != nil {
		row("before", *c.Before)
	}
	return file("trust", "What was broken on purpose, by fault", s)
}

// trustCountSheet has the counts beside the faults: hits are bad.
func trustCountSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("what", "of", "hits", "low", "high")
	if c := scoresOf(d); d.Trust != nil {
		for _, of := range []struct {
			what string
			engine.Share
		}{{"controls that raised something", c.Controls}, {"faults whose end was not seen", c.Stranded}} {
			known := of.Of > 0
			s.Row(of.what, strconv.Itoa(of.Of), strconv.Itoa(of.Hits), when(known, engine.Quantity(of.Low)), when(known, engine.Quantity(of.High)))
		}
	}
	return file("trust-controls", "Controls, and faults that were left behind", s)
}

func missSheet(d engine.Digest) engine.File {
	s := engine.NewSheet("experiment", "incident", "at", "title", "missed")
	for _, m := range scoresOf(d).Misses {
		s.Row(strconv.FormatInt(m.Experiment, 10), when(m.Incident != 0, strconv.FormatInt(m.Incident, 10)), instant(m.At), engine.Cell(m.Title), engine.Cell(m.Text))
	}
	return file("trust-misses", "What was missed", s)
}

func reliabilitySheet(d engine.Digest) engine.File {
	s := engine.NewSheet("low", "high", "said", "causes", "right", "right_low", "right_high")
	for _, r := range scoresOf(d).Reliable {
		s.Row(engine.Quantity(r.Low), engine.Quantity(r.High), engine.Quantity(r.Said), strconv.Itoa(r.Right.Of), strconv.Itoa(r.Right.Hits),
			engine.Quantity(r.Right.Low), engine.Quantity(r.Right.High))
	}
	return file("trust-reliability", "How often a confidence is right", s)
}
