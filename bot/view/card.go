package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	cardChildren = 8
	cardQuotes   = 2
	cardQuote    = 140 // units of a quote: two lines on a phone
	cardChange   = 160
	cardGaps     = 4
)

// Card draws the incident's card: what is hurt and how much, since when, the likeliest cause, what changed last, one safe step,
// and the buttons that apply. While nobody has acknowledged it, those who must be woken are mentioned. workspace is the address that links
// to other threads begin with; "" for no links.
func Card(i engine.Incident, who []engine.Mention, workspace string) Message {
	key := engine.CardKey(i.ID)
	c := newCanvas(buttons(i, key)...)
	c.header(heading(i))
	lines, text := situation(i), notice(i)
	if names := mentions(who); names != "" && i.Status == engine.Open {
		lines = append(lines, "On call: "+names)
		text = names + " " + text
	}
	c.section(lines...)
	var charts []Chart
	if i.IsOpen() {
		charts = findings(c, i, workspace)
	} else {
		outcome(c, i)
	}
	return Message{Blocks: c.done(), Text: text, Charts: charts}
}

// outcome is what remains to be said of an incident that is over.
func outcome(c *canvas, i engine.Incident) {
	if len(i.Children) > 0 {
		c.section(childrenHead(i))
	}
	if len(i.Diagnosis.Causes) > 0 {
		c.section(causeHead(i.Diagnosis.Causes[0]))
	}
	c.context(footer(i))
}

// findings is what is known of the incident beyond its situation, and the charts of it.
func findings(c *canvas, i engine.Incident, workspace string) []Chart {
	if len(i.Children) > 0 {
		c.section(children(i)...)
	}
	for _, part := range [][]string{strange(i), cause(i), change(i), step(i)} {
		c.section(part...)
	}
	charts := trackCharts(c, i)
	c.section(seenBefore(i, workspace))
	c.context(noRemedy(i))
	c.context(gaps(i.Diagnosis, cardGaps))
	c.context(footer(i))
	return charts
}

// heading is a card's first line.
func heading(i engine.Incident) string {
	const room = 110 // the mark and the state need the rest
	return mark(i) + " " + cut(tame(clip(title(i), room)), room) + state(i)
}

// mark is the one emoji of a card: how bad it is, or that it is over.
func mark(i engine.Incident) string {
	if !i.IsOpen() {
		return ":large_green_circle:"
	}
	return severityMark(i.Severity)
}

func severityMark(s engine.Severity) string {
	switch s {
	case engine.Critical:
		return ":red_circle:"
	case engine.Warning:
		return ":large_orange_circle:"
	case engine.Info:
	}
	return ":large_blue_circle:"
}

func title(i engine.Incident) string {
	if i.Title != "" {
		return i.Title
	}
	return i.Workload.String()
}

func state(i engine.Incident) string {
	if !i.IsOpen() {
		return " (resolved)"
	}
	return ""
}

// situation is what is hurt and how much, since when, and who is on it.
func situation(i engine.Incident) []string {
	lines := []string{hurt(i)}
	if i.IsOpen() {
		since := "Since " + when(i.StartedAt)
		if i.Reopened > 0 {
			since += ", reopened " + plural(i.Reopened, "time", "times")
		}
		lines = append(lines, since)
	} else {
		lines = append(lines, fmt.Sprintf("Resolved %s at %s, after %s", by(i), when(i.ResolvedAt), lasted(i.ResolvedAt.Sub(i.StartedAt))))
	}
	if !i.AcknowledgedAt.IsZero() {
		lines = append(lines, fmt.Sprintf("Acknowledged by %s at %s", person(i.AcknowledgedBy), when(i.AcknowledgedAt)))
	}
	if !i.IsOpen() {
		return lines
	}
	if from := follows(i); from != "" {
		lines = append(lines, from)
	}
	if !i.Assignee.IsZero() {
		lines = append(lines, "Assigned to "+person(i.Assignee))
	}
	if !i.Silence.Until.IsZero() {
		silenced := fmt.Sprintf("Silenced until %s by %s", when(i.Silence.Until), person(i.Silence.By))
		if i.Silence.AlertmanagerID != "" {
			silenced += ", in Alertmanager too"
		}
		lines = append(lines, silenced)
	}
	return lines
}

// follows says which incident this one follows from, as its timeline has it last.
func follows(i engine.Incident) string {
	for _, e := range slices.Backward(i.Timeline) {
		switch e.Kind {
		case "adopted", "linked":
			return outside(e.Text, 300)
		case "promoted", "opened", "reopened":
			return ""
		}
	}
	return ""
}

// by says who resolved an incident.
func by(i engine.Incident) string {
	if i.ResolvedBy.IsZero() {
		return "by itself"
	}
	return "by " + person(i.ResolvedBy)
}

func hurt(i engine.Incident) string {
	var parts []string
	if h := i.Health; h != nil && i.IsOpen() {
		parts = append(parts, "*"+health(*h)+"*"+serving(i))
	}
	return strings.Join(append(parts, "cluster "+code(i.Workload.Cluster, 80), severityWord(i.Severity)), " · ")
}

func severityWord(s engine.Severity) string {
	switch s {
	case engine.Critical, engine.Warning, engine.Info:
		return string(s)
	}
	return "severity unknown"
}

func childrenHead(i engine.Incident) string {
	open := 0
	for _, child := range i.Children {
		if child.IsOpen() {
			open++
		}
	}
	head := "*" + plural(len(i.Children), "workload is", "workloads are") + " hurt by this*"
	if open < len(i.Children) {
		head += fmt.Sprintf(" (%d well again)", len(i.Children)-open)
	}
	return head
}

func children(i engine.Incident) []string {
	return append([]string{childrenHead(i)}, list(i.Children, cardChildren, func(child engine.Incident) string {
		line := "• " + outside(title(child), 160)
		switch {
		case !child.IsOpen():
			line += " (well again)"
		case child.Health != nil:
			line += " (" + health(*child.Health) + serving(child) + ")"
		}
		return line
	})...)
}

// cause is the likeliest cause in a few lines, or why there is none.
func cause(i engine.Incident) []string {
	d := i.Diagnosis
	switch {
	case d.At.IsZero() && i.IsOpen():
		return []string{"Looking for the cause…"}
	case d.At.IsZero():
		return nil
	case len(d.Causes) == 0:
		return []string{"*Cause not known.* Nothing in the evidence fits a known cause; the thread has what was found."}
	}
	first := d.Causes[0]
	lines := []string{causeHead(first)}
	if first.Text != "" {
		lines = append(lines, outside(first.Text, 500))
	}
	return append(lines, quotes(d, first.For, cardQuotes)...)
}

func causeHead(c engine.Cause) string {
	return fmt.Sprintf("*Cause (%s):* %s", confidence(c), outside(c.Title, 300))
}

// quotes shows the evidence with these ids, at most n lines of it.
func quotes(d engine.Diagnosis, ids []string, n int) []string {
	var lines []string
	for _, q := range best(fold(known(d, ids)), n) {
		if text := code(middle(tame(clip(words(q.Evidence), 1000)), cardQuote), 300); text != "" {
			lines = append(lines, "> "+text)
		}
	}
	return lines
}

// confidence is shown in words while it is only our belief. A percentage is a measured frequency.
func confidence(c engine.Cause) string {
	if c.Basis == engine.Calibrated {
		return fmt.Sprintf("%.0f %%, from %s", 100*min(1, max(0, c.Confidence)), plural(c.Verdicts, "answer", "answers"))
	}
	switch {
	case c.Confidence >= 0.85:
		return "very likely"
	case c.Confidence >= 0.6:
		return "likely"
	case c.Confidence >= 0.3:
		return "possible"
	}
	return "unlikely"
}

// change is what changed last, and by whom.
func change(i engine.Incident) []string {
	if i.Diagnosis.At.IsZero() {
		return nil
	}
	last := i.Diagnosis.LastChange
	if last == nil {
		return []string{"*Last change:* none found"}
	}
	author := ""
	if last.By != "" {
		author = ", by " + outside(last.By, 120)
	}
	if last.New {
		return []string{"*Last change:* none: the workload is new (created " + before(last.At, i.StartedAt) + author + ")"}
	}
	line := "*Last change:* " + outside(middle(tame(clip(last.Text, 1000)), cardChange), 300)
	if more := len(last.Details) - 1; more > 0 {
		line += " and " + plural(more, "more", "more")
	}
	line += ", " + before(last.At, i.StartedAt) + author
	if last.Revision != "" {
		line += " (revision " + outside(last.Revision, 60) + ")"
	}
	return []string{line}
}

// before is when something was, as seen from the onset: that is what makes it a suspect.
func before(at, onset time.Time) string {
	const near, far = 10 * time.Second, 24 * time.Hour
	switch d := onset.Sub(at); {
	case at.IsZero():
		return "at an unknown time"
	case onset.IsZero() || d.Abs() >= far:
		return when(at)
	case d.Abs() < near:
		return "just before it began"
	case d < 0:
		return lasted(-d) + " after it began"
	default:
		return lasted(d) + " before it began"
	}
}

// step is the one safe thing to do next.
func step(i engine.Incident) []string {
	if !i.IsOpen() || len(i.Diagnosis.Causes) == 0 {
		return nil
	}
	return stepLines(i.Diagnosis.Causes[0].Step, "*Next step:* ")
}

func stepLines(s engine.Step, head string) []string {
	if s == (engine.Step{}) {
		return nil
	}
	line := head + outside(s.Text, 500)
	if s.Runbook != "" {
		line += " " + link(s.Runbook, "Runbook")
	}
	lines := []string{line}
	if s.Field != "" {
		lines = append(lines, "Field: "+code(s.Field, 250))
	}
	if s.Command != "" {
		lines = append(lines, fence(s.Command, 1200))
	}
	return lines
}

// gaps says what could not be read.
func gaps(d engine.Diagnosis, n int) string {
	if len(d.Gaps) == 0 {
		return ""
	}
	return "Could not read: " + strings.Join(list(d.Gaps, n, func(g engine.Gap) string {
		return outside(g.Collector, 60) + " (" + outside(g.Reason, 160) + ")"
	}), ", ")
}

func footer(i engine.Incident) string {
	kind := ""
	if i.Workload.Kind != "" {
		kind = outside(i.Workload.Kind, 60) + " "
	}
	return fmt.Sprintf("Incident %d · %s%s", i.ID, kind, outside(i.Workload.String(), 200))
}

// notice is the card in one line, for a phone's lock screen.
func notice(i engine.Incident) string {
	text := outside(title(i), 300)
	switch {
	case !i.IsOpen():
		return "Resolved: " + text + " (" + outside(i.Workload.Cluster, 80) + ")"
	case i.Health != nil && i.Health.Desired > 0:
		text += ", " + health(*i.Health) + serving(i)
	}
	text = severityWord(i.Severity) + ": " + text + " (" + outside(i.Workload.Cluster, 80) + ")"
	if len(i.Diagnosis.Causes) > 0 {
		text += ". Cause (" + confidence(i.Diagnosis.Causes[0]) + "): " + outside(i.Diagnosis.Causes[0].Title, 200)
	}
	return text
}
