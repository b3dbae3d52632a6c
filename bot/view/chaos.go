package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	chaosLines = 15
	workerLate = time.Minute // after which a process that does experiments is not seen any more
)

// chaos lists experiments, newest first, with a button that stops all while one runs.
func chaos(c *canvas, l engine.ExperimentList, base string) string {
	active, runs := 0, false
	for _, e := range l.Experiments {
		if e.Active() {
			active++
		}
		runs = runs || e.Status == engine.ExperimentRunning || e.Status == engine.ExperimentConfirmed
	}
	head := plural(len(l.Experiments), "experiment", "experiments")
	switch {
	case len(l.Experiments) == 0:
		head = "No experiments yet"
	case active > 0:
		head += ", " + plural(active, "is active", "are active")
	default:
		head += ", none is active"
	}
	c.section("*" + head + "*")
	c.section(workerLine(l))
	if runs {
		c.add(slack.NewActionBlock("", stopAll()))
	}
	if len(l.Experiments) == 1 && l.Experiments[0].Grade != nil {
		alone(c, l.Experiments[0], base)
		return head
	}
	c.section(list(l.Experiments, chaosLines, func(e engine.Experiment) string { return experimentLine(e, base) })...)
	if len(l.Experiments) == 0 {
		c.context("For example `/autopilot chaos kill shop/api -count 1`. It shows what would be hit, and does nothing without a yes.")
	}
	return head
}

// alone is one experiment by itself: how the bot did in it, and what happened when.
func alone(c *canvas, e engine.Experiment, base string) {
	c.section(experimentLine(e, base))
	if e.Grade.Text != "" {
		c.section(outside(e.Grade.Text, 600))
	}
	c.section(gradeTable(e, *e.Grade, nil, base)...)
	c.section(timeline(e, nil, base)...)
}

// workerLine says so where nobody is there to do what is asked for.
func workerLine(l engine.ExperimentList) string {
	switch {
	case l.Worker.IsZero():
		return ":warning: The process that does experiments was never seen: start `autopilot chaos`. What is asked for waits."
	case l.At.Sub(l.Worker) > workerLate:
		return ":warning: The process that does experiments was last seen " + when(l.Worker) + ". What is asked for waits; what it held ends by itself."
	}
	return ""
}

// experimentLine is one experiment of a list: how far it is, what, who and when.
func experimentLine(e engine.Experiment, base string) string {
	mark, state := experimentState(e)
	title := outside(experimentTitle(e), 160)
	if address := Permalink(base, e.Thread); address != "" {
		title = link(address, title)
	}
	parts := []string{fmt.Sprintf("%s %d *%s*: %s", mark, e.ID, outside(state, 80), title), "cluster " + code(e.Cluster, 60), person(e.By)}
	if e.Schedule != "" {
		parts[2] = "schedule " + code(e.Schedule, 60)
	}
	switch {
	case e.Status == engine.ExperimentRunning && !e.EndsAt.IsZero():
		parts = append(parts, "ends "+clock(e.EndsAt, e.StartedAt))
	case e.Status == engine.ExperimentPlanned && !e.Expires.IsZero():
		parts = append(parts, "waits for a yes until "+when(e.Expires))
	case !e.StartedAt.IsZero():
		parts = append(parts, when(e.StartedAt))
	case !e.AskedAt.IsZero():
		parts = append(parts, when(e.AskedAt))
	}
	return strings.Join(parts, " · ")
}
