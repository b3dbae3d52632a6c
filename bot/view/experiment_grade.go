package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const gradeLines = 8 // alerts, false incidents

// gradeState is a verdict in a mark and a few words.
func gradeState(e engine.Experiment, g engine.Grade) (mark, state string) {
	switch {
	case !g.Clean:
		return ":warning:", "Not clean"
	case !g.Counts:
		return ":checkered_flag:", "Over, not graded"
	case e.Expect.Nothing && (g.Detected || len(g.False) > 0):
		return ":x:", "False alarm"
	case e.Expect.Nothing:
		return ":white_check_mark:", "Rightly not noticed"
	case !g.Detected:
		return ":x:", "Not noticed"
	case g.Rank == 1:
		return ":white_check_mark:", "Noticed after " + exactly(g.DetectAfter)
	case g.Rank == 0:
		return ":large_yellow_circle:", "Noticed, cause missed"
	}
	return ":large_yellow_circle:", fmt.Sprintf("Noticed, cause ranked %d", g.Rank)
}

// graded is how it ended and how the bot itself did.
func graded(c *canvas, e engine.Experiment, found Threads, base string) {
	g := *e.Grade
	if g.Text != "" {
		c.section("*" + outside(g.Text, 600) + "*")
	}
	if g.Counts {
		c.fields(gradeFields(e, g, found, base)...)
	}
	lines := []string{ending(e)}
	lines = append(lines, remains(e)...)
	c.section(lines...)
	if len(g.False) > 0 {
		c.section(":x: Raised, and explained by nothing known: " + incidentRefs(g.False, found, base))
	}
	c.section(askedBy(e))
	c.context("How it went, moment by moment, is in the thread. All of them: `/autopilot trust`")
}

// gradeFields are the four that people ask for: noticed, understood, recovered, alerted.
func gradeFields(e engine.Experiment, g engine.Grade, found Threads, base string) []string {
	noticed := "Noticed\n*no*"
	if g.Detected {
		noticed = "Noticed\n*after " + exactly(g.DetectAfter) + "*" + prefixed(", ", noticedBy(g))
		if g.IncidentID != 0 {
			noticed += "\n" + incidentRef(g.IncidentID, found, base)
		}
	}
	if e.Expect.Nothing {
		if !g.Detected {
			noticed = "Noticed\n*nothing*, as it should be"
		}
		return []string{noticed, alertField(g)}
	}
	recovered := "Recovered\n*not within the time that was waited*"
	if g.Recovered {
		recovered = "Recovered\n*after " + exactly(g.RecoverAfter) + "*"
	}
	return []string{noticed, causeField(g), recovered, alertField(g)}
}

// noticedBy is who noticed first.
func noticedBy(g engine.Grade) string {
	switch {
	case g.WatchAfter > 0 && (g.AlertAfter == 0 || g.WatchAfter <= g.AlertAfter):
		return "by the watch"
	case g.AlertAfter > 0:
		return "by an alert"
	}
	return ""
}

func causeField(g engine.Grade) string {
	text := "Cause\n*none was ranked right*"
	switch {
	case !g.Detected:
		return "Cause\n*nothing to rank*"
	case g.Rank == 1:
		text = "Cause\n*right, first*"
	case g.Rank > 1:
		text = fmt.Sprintf("Cause\n*right, but ranked %d*", g.Rank)
	}
	if g.Cause != "" {
		text += "\n" + code(g.Cause, 80)
	}
	if g.StepRight {
		text += ", its step helps"
	}
	return text
}

func alertField(g engine.Grade) string {
	if len(g.Alerts) == 0 {
		return "Alerts\n*none fired*"
	}
	return "Alerts\n*" + fmt.Sprint(len(g.Alerts)) + " fired*\n" + strings.Join(list(g.Alerts, 3, func(s string) string { return outside(s, 80) }), ", ")
}

func incidentRef(id int64, found Threads, base string) string {
	text := fmt.Sprintf("incident %d", id)
	if address := Permalink(base, found[id]); address != "" {
		return link(address, text)
	}
	return text
}

func incidentRefs(ids []int64, found Threads, base string) string {
	return strings.Join(list(ids, gradeLines, func(id int64) string { return incidentRef(id, found, base) }), ", ")
}

// ExperimentGrade draws how the bot did in an experiment, for its thread: what was wanted, what came of it, and one timeline of both.
// It fails with NotFound before there is a grade.
func ExperimentGrade(e engine.Experiment, found Threads, base string) (Message, error) {
	if e.Grade == nil {
		return Message{}, engine.Errorf(engine.NotFound, "experiment %d has no grade", e.ID)
	}
	g := *e.Grade
	c := newCanvas()
	mark, state := gradeState(e, g)
	head := mark + " *" + outside(state, 80) + "*"
	if g.Text != "" {
		head += ": " + outside(g.Text, 600)
	}
	c.section(head)
	if line := expects(e.Expect); line != "" && g.Counts {
		c.section(line)
	}
	c.section(gradeTable(e, g, found, base)...)
	c.section(timeline(e, found, base)...)
	return Message{Blocks: c.done(), Text: outside(state+": "+experimentTitle(e), 300)}, nil
}

// gradeTable is each part of the verdict with a tick.
func gradeTable(e engine.Experiment, g engine.Grade, found Threads, base string) []string {
	if !g.Counts {
		return []string{"It does not count: it was never really done."}
	}
	tick := func(ok bool, yes, no string) string {
		if ok {
			return ":heavy_check_mark: " + yes
		}
		return ":x: " + no
	}
	var lines []string
	if e.Expect.Nothing {
		lines = append(lines, tick(!g.Detected, "Nothing was noticed of it", "Something was noticed of nothing: "+incidentRef(g.IncidentID, found, base)))
	} else {
		noticed := "Noticed after *" + exactly(g.DetectAfter) + "*: " + incidentRef(g.IncidentID, found, base)
		lines = append(lines, tick(g.Detected, noticed, "Nothing was noticed of it"), pathLine(g))
		if g.Detected {
			lines = append(lines, tick(g.Rank == 1, rankLine(g), rankLine(g)),
				tick(g.StepRight, "The step that was suggested first helps", "The step that was suggested first does not help"))
		}
		lines = append(lines, tick(g.Recovered, "Recovered after *"+exactly(g.RecoverAfter)+"*", "It had not recovered when the grade was made"))
	}
	lines = append(lines, tick(g.Clean, "No fault outlived it", "It was not seen that no fault outlived it"),
		tick(len(g.False) == 0, "No incident without a reason", "Raised without a reason: "+incidentRefs(g.False, found, base)))
	if len(g.Alerts) > 0 {
		lines = append(lines, "Alerts: "+strings.Join(list(g.Alerts, gradeLines, func(s string) string { return outside(s, 80) }), ", "))
	}
	return lines
}

// pathLine scores the watch and the alerts apart.
func pathLine(g engine.Grade) string {
	path := func(d time.Duration) string {
		if d == 0 {
			return "nothing"
		}
		return "after " + exactly(d)
	}
	return "The watch alone: " + path(g.WatchAfter) + " · alerts alone: " + path(g.AlertAfter)
}

func rankLine(g engine.Grade) string {
	cause := cmp.Or(code(g.Cause, 80), "none")
	switch g.Rank {
	case 0:
		return "No cause that is right was ranked; the first was " + cause
	case 1:
		return "The cause ranked first is right: " + cause
	}
	return fmt.Sprintf("The right cause was ranked %d; the first was %s", g.Rank, cause)
}

const momentLines = 40

// timeline is all moments, as lines.
func timeline(e engine.Experiment, found Threads, base string) []string {
	return append([]string{"*Moment by moment*"}, list(moments(e, found, base), momentLines, func(m moment) string {
		return "• " + clock(m.at, e.Grade.At) + " " + m.text
	})...)
}

// moment is a line of an experiment's timeline.
type moment struct {
	at   time.Time
	text string
}

// moments is all that happened, as far as it has a time: what people did, what was hit, and what the bot noticed.
func moments(e engine.Experiment, found Threads, base string) []moment {
	var all []moment
	add := func(at time.Time, text string) {
		if !at.IsZero() {
			all = append(all, moment{at, text})
		}
	}
	who := person(e.By)
	if e.Schedule != "" {
		who = "schedule " + code(e.Schedule, 80)
	}
	add(e.AskedAt, "asked for by "+who)
	for _, a := range e.Approvals {
		add(a.At, person(a.By)+" said yes")
	}
	add(e.StartedAt, "it began")
	var first time.Time
	for _, b := range e.Blows {
		if !b.Began.IsZero() && (first.IsZero() || b.Began.Before(first)) {
			first = b.Began
		}
		what := code(victimName(b.Target), 160)
		if b.Strike >= 0 && b.Strike < len(e.Strikes) {
			what = outside(string(e.Strikes[b.Strike].Fault), 40) + " on " + what
		}
		add(b.Began, ":boom: "+what)
		switch {
		case b.Began.Equal(b.Ended): // it is done in a moment
		case b.Clean:
			add(b.Ended, what+" over, nothing left")
		default:
			add(b.Ended, what+" over; its end was not seen")
		}
	}
	if first.IsZero() {
		first = e.StartedAt
	}
	if g := e.Grade; g != nil && !first.IsZero() {
		after := func(d time.Duration, text string) {
			if d > 0 {
				add(first.Add(d), text)
			}
		}
		after(g.WatchAfter, "the watch saw it")
		after(g.AlertAfter, "the first alert fired")
		if g.Detected {
			add(first.Add(g.DetectAfter), ":eyes: *"+incidentRef(g.IncidentID, found, base)+" was opened*")
		}
		if g.Recovered {
			after(g.RecoverAfter, "all was well again")
		}
	}
	add(e.StopAt, "stop wanted "+stoppedBy(e))
	add(e.OverAt, "it was over")
	slices.SortStableFunc(all, func(a, b moment) int { return a.at.Compare(b.at) })
	return all
}
