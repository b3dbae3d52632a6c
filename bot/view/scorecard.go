package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	fewRuns    = 30 // of all faults; with fewer, the share is not worth much
	fewOfFault = 10
	missLines  = 10
)

// scorecard is how well the bot notices what is broken on purpose.
func scorecard(c *canvas, s engine.Scorecard, base string) string {
	head := trustHead(s)
	c.header(":dart: " + head)
	if s.All.Detected.Of == 0 && s.Controls.Of == 0 {
		c.section("Nothing was broken on purpose" + scoreSpan(s) + ", so nobody knows how much would be noticed.")
		c.context("`/autopilot chaos help` says how to begin.")
		return head
	}
	c.section(trustLines(s)...)
	if block, ok := trustChart(s); ok {
		c.add(block)
	}
	trustTables(c, s)
	if len(s.Misses) > 0 {
		c.section(append([]string{"*Missed*"}, list(s.Misses, missLines, func(m engine.Miss) string { return missLine(m, base) })...)...)
	}
	if lines := reliable(s); len(lines) > 0 {
		c.section(lines...)
	}
	c.context("Intervals hold the true share in 95 of 100 cases (Wilson). What detects and ranks never reads an experiment.")
	return head
}

// scoreSpan is the time of a scorecard: " from 1 to 22 November 2026".
func scoreSpan(s engine.Scorecard) string {
	if s.From.IsZero() || s.To.IsZero() {
		return ""
	}
	return " from " + s.From.UTC().Format("2 January") + " to " + s.To.UTC().Format("2 January 2006")
}

// trustHead is the scorecard in one line.
func trustHead(s engine.Scorecard) string {
	if s.All.Detected.Of == 0 {
		return "Trust: no fault was tried"
	}
	return fmt.Sprintf("Trust: noticed %d of %s", s.All.Detected.Hits, plural(s.All.Detected.Of, "fault", "faults"))
}

// rate is a share with its interval: "95 % (87–98)".
func rate(s engine.Share) string {
	if s.Of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %% (%.0f–%.0f)", 100*s.Value(), 100*s.Low, 100*s.High)
}

// bare is a share alone: "95 %".
func bare(s engine.Share) string {
	if s.Of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*s.Value())
}

// speed is a time to detect; "-" where nothing was detected.
func speed(d time.Duration, of engine.Share) string {
	if of.Hits == 0 {
		return "-"
	}
	return exactly(d)
}

// trustLines are what a reader with a quarter of a minute wants to know, and how much it is worth.
func trustLines(s engine.Scorecard) []string {
	var lines []string
	if all := s.All; all.Detected.Of > 0 {
		line := "Noticed *" + rate(all.Detected) + "* of " + plural(all.Detected.Of, "fault", "faults") + scoreSpan(s)
		if all.Detected.Hits > 0 {
			line += fmt.Sprintf(": half within *%s*, 95 %% within %s", exactly(all.Median), exactly(all.P95))
		}
		lines = append(lines, line)
		if all.Recovery > 0 {
			lines[0] += "; half were well again within " + exactly(all.Recovery)
		}
		if all.Top1.Of > 0 {
			lines = append(lines, fmt.Sprintf("Right cause first in *%s*, in the first three in %s; the first step helps in %s", rate(all.Top1), rate(all.Top3), rate(all.StepRight)))
		}
		lines = append(lines, fmt.Sprintf("The watch alone: %s · alerts alone: %s", rate(all.ByWatch), rate(all.ByAlert)))
	}
	lines = append(lines, controlLine(s.Controls))
	if s.Stranded.Of > 0 {
		lines = append(lines, heldLine(s.Stranded))
	}
	if line := trendLine(s); line != "" {
		lines = append(lines, line)
	}
	if line := fewLine(s.All.Detected); line != "" {
		lines = append(lines, line)
	}
	return lines
}

func controlLine(s engine.Share) string {
	switch {
	case s.Of == 0:
		return "No control was run: whether it cries wolf is not known."
	case s.Hits == 0:
		return fmt.Sprintf(":white_check_mark: %s raised nothing; at most %.0f %% would (95 of 100)", plural(s.Of, "control", "controls"), 100*s.High)
	}
	return fmt.Sprintf(":x: %d of %s raised something that was not there", s.Hits, plural(s.Of, "control", "controls"))
}

func heldLine(s engine.Share) string {
	if s.Hits == 0 {
		return fmt.Sprintf(":white_check_mark: 0 of %s stranded", plural(s.Of, "fault", "faults"))
	}
	return fmt.Sprintf(":x: Of %d of %s the end was not seen", s.Hits, plural(s.Of, "fault", "faults"))
}

// trendLine compares with the time before. Where the intervals meet, it does not call it a change.
func trendLine(s engine.Scorecard) string {
	if s.Before == nil || s.Before.Detected.Of == 0 || s.All.Detected.Of == 0 {
		return ""
	}
	line := fmt.Sprintf("Before: %s of %d, median %s", rate(s.Before.Detected), s.Before.Detected.Of, speed(s.Before.Median, s.Before.Detected))
	switch now, was := s.All.Detected, s.Before.Detected; {
	case now.Low > was.High:
		return line + ". *Better.*"
	case now.High < was.Low:
		return line + ". :warning: *Worse.*"
	}
	return line + ". No difference that could not be chance."
}

// fewLine says how little few runs say.
func fewLine(s engine.Share) string {
	if s.Of == 0 || s.Of >= fewRuns {
		return ""
	}
	say := "say"
	if s.Of == 1 {
		say = "says"
	}
	return fmt.Sprintf(":warning: %s %s little: the true share may well be anywhere from %.0f %% to %.0f %%.", plural(s.Of, "run", "runs"), say, 100*s.Low, 100*s.High)
}

// trustTables are the faults, in columns that a phone has room for.
func trustTables(c *canvas, s engine.Scorecard) {
	if len(s.Lines) == 0 {
		return
	}
	noticed := [][4]string{{"Noticed", "runs", "share", ""}}
	soon := [][4]string{{"How soon", "median", "p95", ""}}
	first := [][4]string{{"Cause first", "of", "share", ""}}
	three := [][4]string{{"In first 3", "of", "share", ""}}
	row := func(name string, l engine.ScoreLine) {
		noticed = append(noticed, [4]string{name, fmt.Sprint(l.Detected.Of), rate(l.Detected), ""})
		soon = append(soon, [4]string{name, speed(l.Median, l.Detected), speed(l.P95, l.Detected), ""})
		first = append(first, [4]string{name, fmt.Sprint(l.Top1.Of), rate(l.Top1), ""})
		three = append(three, [4]string{name, fmt.Sprint(l.Top3.Of), rate(l.Top3), ""})
	}
	var few []string
	for _, l := range s.Lines {
		name := cell(faultName(l.Fault), digestName)
		row(name, l)
		if l.Detected.Of < fewOfFault {
			few = append(few, tame(string(l.Fault)))
		}
	}
	row("All", s.All)
	for _, t := range [][][4]string{noticed, soon, first, three} {
		c.section(table(t))
	}
	if len(few) > 0 && s.All.Detected.Of >= fewRuns {
		c.context(fmt.Sprintf("Fewer than %d runs each, so the share of one alone says little: %s.", fewOfFault,
			strings.Join(list(few, len(engine.Faults), func(s string) string { return outside(s, 40) }), ", ")))
	}
}

// faultName is a fault as a table has room for it.
func faultName(f engine.Fault) string {
	return strings.Replace(string(f), "network-", "net-", 1)
}

// missLine is an experiment that was not noticed or not understood, with the way to it.
func missLine(m engine.Miss, base string) string {
	title := outside(m.Title, 160)
	if address := Permalink(base, m.Thread); address != "" {
		title = link(address, title)
	}
	line := fmt.Sprintf("• %d: %s", m.Experiment, title)
	if m.Text != "" {
		line += ": " + outside(m.Text, 200)
	}
	if m.Incident != 0 {
		line += fmt.Sprintf(" (incident %d)", m.Incident)
	}
	return line
}

// reliable says of each confidence how often it was right.
func reliable(s engine.Scorecard) []string {
	rows := [][4]string{{"Said", "causes", "right", ""}}
	for _, r := range s.Reliable {
		if r.Right.Of > 0 {
			rows = append(rows, [4]string{fmt.Sprintf("%.0f–%.0f %%", 100*r.Low, 100*r.High), fmt.Sprint(r.Right.Of), rate(r.Right), ""})
		}
	}
	if len(rows) == 1 {
		return nil
	}
	return []string{"*How often a confidence is right*", table(rows)}
}

// trustChart is what share of each fault was noticed. ok is false where there is too little to draw.
func trustChart(s engine.Scorecard) (block slack.Block, ok bool) {
	var labels []string
	series := [2][]slack.DataVisualizationDataPoint{}
	for _, l := range s.Lines {
		label := cell(faultName(l.Fault), chartLabel)
		if slices.Contains(labels, label) || len(labels) == chartPoints {
			continue // Slack wants each once
		}
		labels = append(labels, label)
		series[0] = append(series[0], slack.NewDataVisualizationDataPoint(label, rounded(100*l.Detected.Value())))
		series[1] = append(series[1], slack.NewDataVisualizationDataPoint(label, rounded(100*l.Top1.Value())))
	}
	if len(labels) < 2 {
		return nil, false
	}
	axis := slack.NewDataVisualizationAxisConfig(labels...).WithYLabel("percent")
	return slack.NewDataVisualizationBlock("Noticed, and understood, by fault", slack.NewDataVisualizationBarChart(axis,
		slack.NewDataVisualizationDataSeries("noticed", series[0]...), slack.NewDataVisualizationDataSeries("cause first", series[1]...))), true
}

// digestTrust is the scorecard in a digest: a line or two.
func digestTrust(d engine.Digest) []string {
	s := d.Trust
	if s == nil || s.All.Detected.Of+s.Controls.Of == 0 {
		return nil
	}
	all := s.All
	if all.Detected.Of == 0 {
		return []string{"*Trust:* no fault was tried. " + controlLine(s.Controls)}
	}
	line := fmt.Sprintf("*Trust:* noticed %d of %s (%s)", all.Detected.Hits, plural(all.Detected.Of, "fault", "faults"), strings.NewReplacer("(", "", ")", "", " %", " %,").Replace(rate(all.Detected)))
	if all.Detected.Hits > 0 {
		line += " · median *" + exactly(all.Median) + "*"
	}
	if all.Top1.Of > 0 {
		line += " · cause first in *" + bare(all.Top1) + "*"
	}
	lines := []string{line}
	second := controlLine(s.Controls)
	if s.Stranded.Hits > 0 {
		second += " · " + heldLine(s.Stranded)
	}
	lines = append(lines, second)
	if text := fewLine(all.Detected); text != "" {
		lines = append(lines, text)
	}
	return lines
}

// trustDetails is the scorecard's tables in the thread of a digest.
func trustDetails(c *canvas, d engine.Digest) {
	s := d.Trust
	if s == nil || s.All.Detected.Of+s.Controls.Of == 0 {
		return
	}
	c.section(append([]string{"*Trust: what was broken on purpose*"}, trustLines(*s)...)...)
	trustTables(c, *s)
	if len(s.Misses) > 0 {
		c.section(append([]string{"*Missed*"}, list(s.Misses, digestTop, func(m engine.Miss) string { return missLine(m, "") })...)...)
	}
}
