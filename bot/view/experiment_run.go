package view

import (
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const blowLines = 12

// running is what is hit now, with the button that ends it above what may be long.
func running(c *canvas, e engine.Experiment, key string) {
	line := "Since " + when(e.StartedAt)
	if !e.EndsAt.IsZero() {
		line += " · ends by itself " + clock(e.EndsAt, e.StartedAt)
	}
	lines := []string{"*" + line + "*"}
	if !e.StopAt.IsZero() {
		lines = []string{"*Stopping* since " + clock(e.StopAt, e.StartedAt) + ", " + stoppedBy(e)}
		if e.Text != "" {
			lines = []string{"*Stopping* since " + clock(e.StopAt, e.StartedAt) + ": " + remark(e)}
		}
	}
	c.section(append(lines, askedBy(e))...)
	c.add(stopButtons(e, key))
	c.section(blows(e)...)
	c.section(approvals(e)...)
}

func stoppedBy(e engine.Experiment) string {
	if e.StopBy.IsZero() {
		return "by an alarm"
	}
	return "by " + person(e.StopBy)
}

// blows are what is being done to whom: what holds first, then what is not clean, then the rest.
func blows(e engine.Experiment) []string {
	all := slices.Clone(e.Blows)
	if len(all) == 0 {
		return []string{"Nothing is hit yet."}
	}
	held, over := 0, 0
	rank := func(b engine.Blow) int {
		switch {
		case !b.Began.IsZero() && b.Ended.IsZero():
			return 0
		case !b.Ended.IsZero() && !b.Clean:
			return 1
		case b.Began.IsZero() && b.Ended.IsZero():
			return 2
		}
		return 3
	}
	for _, b := range all {
		switch rank(b) {
		case 0:
			held++
		case 1, 3:
			over++
		}
	}
	slices.SortStableFunc(all, func(a, b engine.Blow) int { return rank(a) - rank(b) })
	head := fmt.Sprintf("*%d of %d hit now*, %d over", held, len(all), over)
	return append([]string{head}, list(all, blowLines, func(b engine.Blow) string { return blowLine(e, b) })...)
}

func blowLine(e engine.Experiment, b engine.Blow) string {
	what := code(victimName(b.Target), 200)
	if b.Strike >= 0 && b.Strike < len(e.Strikes) && len(e.Strikes) > 1 {
		what = outside(string(e.Strikes[b.Strike].Fault), 40) + " " + what
	}
	if name := b.Target.Mechanism; name != "" {
		what += " by " + outside(string(name), 40)
	}
	mark, state := ":white_circle:", "not begun"
	switch {
	case b.Ended.IsZero() && !b.Began.IsZero():
		mark, state = ":large_orange_circle:", "since "+clock(b.Began, e.StartedAt)
	case !b.Ended.IsZero() && b.Clean:
		mark, state = ":large_green_circle:", "over, nothing left"
	case !b.Ended.IsZero():
		mark, state = ":red_circle:", "*its end was not seen*"
	}
	line := mark + " " + what + ": " + state
	if b.Outcome != "" {
		line += " (" + outside(b.Outcome, 160) + ")"
	}
	return line
}

// ending says why it is over, and after how long.
func ending(e engine.Experiment) string {
	after := ""
	if !e.StartedAt.IsZero() && e.OverAt.After(e.StartedAt) {
		after = " after " + exactly(e.OverAt.Sub(e.StartedAt))
	}
	text := "It is over" + after
	switch e.Ending {
	case engine.EndedInTime:
		text = "It ended in time" + after
	case engine.EndedByHand:
		if e.Text != "" {
			return "*" + remark(e) + "*," + after + "."
		}
		return "*Stopped by " + person(e.StopBy) + "*" + after + "."
	case engine.EndedByAlarm:
		text = "*Stopped by an alarm*" + after
	case engine.EndedByFault:
		text = "*It failed*" + after
	case engine.EndedByDeath:
		text = "*The process that held it died*" + after + "; its faults ended themselves"
	}
	if e.Text != "" {
		return text + ": " + remark(e)
	}
	return text + "."
}

// remains says whether anything of it is left.
func remains(e engine.Experiment) []string {
	if len(e.Blows) == 0 {
		return []string{"Nothing was hit."}
	}
	var left []engine.Blow
	for _, b := range e.Blows {
		if !b.Clean {
			left = append(left, b)
		}
	}
	if len(left) == 0 {
		if len(e.Blows) == 1 {
			return []string{":heavy_check_mark: Cleaned up: it was seen that nothing of it is left."}
		}
		return []string{fmt.Sprintf(":heavy_check_mark: Cleaned up: it was seen on all %d that nothing of it is left.", len(e.Blows))}
	}
	head := fmt.Sprintf(":warning: *On %d of %d it was not seen that nothing is left.* Deleting such a pod ends the fault for certain.", len(left), len(e.Blows))
	return append([]string{head}, list(left, blowLines, func(b engine.Blow) string { return blowLine(e, b) })...)
}

func allClean(e engine.Experiment) bool {
	return !slices.ContainsFunc(e.Blows, func(b engine.Blow) bool { return !b.Clean })
}

// exactly is a duration to the second: "8 s", "1 min 30 s".
func exactly(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Second && d > 0:
		return "under 1 s"
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second).Seconds()))
	case d.Round(time.Second) < time.Hour:
		s := int(d.Round(time.Second).Seconds())
		return two(s/60, "min", s%60, "s")
	}
	return lasted(d)
}
