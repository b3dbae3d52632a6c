package view

import (
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	cardChildren = 8
	cardQuotes   = 2
	cardGaps     = 4
)

// Card draws the incident's card: what is hurt and how much, since when, the likeliest cause, what changed last, one safe step,
// and the buttons that apply. While nobody has acknowledged it, those who must be woken are mentioned.
func Card(i engine.Incident, who []engine.Mention) Message {
	key := engine.CardKey(i.ID)
	c := newCanvas(buttons(i, key)...)
	c.header(heading(i))
	lines, text := situation(i), notice(i)
	if names := mentions(who); names != "" && i.Status == engine.Open {
		lines = append(lines, "On call: "+names)
		text = names + " " + text
	}
	c.section(lines...)
	findings(c, i)
	return Message{Blocks: c.done(), Text: text}
}

// findings is what is known of the incident beyond its situation.
func findings(c *canvas, i engine.Incident) {
	if len(i.Children) > 0 {
		c.section(children(i)...)
	}
	for _, part := range [][]string{cause(i), change(i), step(i)} {
		c.section(part...)
	}
	c.context(gaps(i.Diagnosis, cardGaps))
	c.context(footer(i))
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
		by := "by itself"
		if !i.ResolvedBy.IsZero() {
			by = "by " + person(i.ResolvedBy)
		}
		lines = append(lines, fmt.Sprintf("Resolved %s at %s, after %s", by, when(i.ResolvedAt), lasted(i.ResolvedAt.Sub(i.StartedAt))))
	}
	if !i.AcknowledgedAt.IsZero() {
		lines = append(lines, fmt.Sprintf("Acknowledged by %s at %s", person(i.AcknowledgedBy), when(i.AcknowledgedAt)))
	}
	if !i.IsOpen() {
		return lines
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

func hurt(i engine.Incident) string {
	var parts []string
	if h := i.Health; h != nil && i.IsOpen() {
		parts = append(parts, "*"+health(*h)+"*")
	}
	return strings.Join(append(parts, "cluster "+code(i.Workload.Cluster, 80), severityWord(i.Severity)), " · ")
}

// health says how much does not work.
func health(h engine.Health) string {
	switch {
	case h.Desired <= 0:
		return "nothing should run"
	case h.Ready >= h.Desired:
		return "all of " + plural(h.Desired, "pod", "pods") + " ready"
	}
	return fmt.Sprintf("%d of %s not ready", h.Desired-max(0, h.Ready), plural(h.Desired, "pod", "pods"))
}

func severityWord(s engine.Severity) string {
	switch s {
	case engine.Critical, engine.Warning, engine.Info:
		return string(s)
	}
	return "severity unknown"
}

func children(i engine.Incident) []string {
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
	return append([]string{head}, list(i.Children, cardChildren, func(child engine.Incident) string {
		line := "• " + outside(title(child), 160)
		switch {
		case !child.IsOpen():
			line += " (well again)"
		case child.Health != nil:
			line += " (" + health(*child.Health) + ")"
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
	lines := []string{fmt.Sprintf("*Cause (%s):* %s", confidence(first), outside(first.Title, 300))}
	if first.Text != "" {
		lines = append(lines, outside(first.Text, 500))
	}
	return append(lines, quotes(d, first.For, cardQuotes)...)
}

// quotes shows the evidence with these ids, at most n lines of it.
func quotes(d engine.Diagnosis, ids []string, n int) []string {
	var lines []string
	for _, id := range ids {
		e, ok := d.Find(id)
		if !ok || len(lines) == n {
			continue
		}
		if text := code(e.Text, 300); text != "" {
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
	line := "*Last change:* " + outside(last.Text, 400) + ", " + when(last.At)
	if last.By != "" {
		line += ", by " + outside(last.By, 120)
	}
	if last.Revision != "" {
		line += " (revision " + outside(last.Revision, 60) + ")"
	}
	return []string{line}
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
		text += ", " + health(*i.Health)
	}
	text = severityWord(i.Severity) + ": " + text + " (" + outside(i.Workload.Cluster, 80) + ")"
	if len(i.Diagnosis.Causes) > 0 {
		text += ". Cause (" + confidence(i.Diagnosis.Causes[0]) + "): " + outside(i.Diagnosis.Causes[0].Title, 200)
	}
	return text
}

// buttons are the actions that still apply.
func buttons(i engine.Incident, key string) []slack.Block {
	var blocks []slack.Block
	if i.IsOpen() {
		blocks = append(blocks, slack.NewActionBlock(blockID(key, "act"), actions(i)...))
	}
	return append(blocks, verdict(i, key)...)
}

func actions(i engine.Incident) []slack.BlockElement {
	var out []slack.BlockElement
	if i.Status == engine.Open {
		out = append(out, button(engine.ActionAcknowledge, i, "Acknowledge").WithStyle(slack.StylePrimary))
	}
	resolve := button(engine.ActionResolve, i, "Resolve").WithConfirm(slack.NewConfirmationBlockObject(
		plainText("Resolve this incident?", 100),
		plainText("It opens again by itself if the problem is still there.", 300),
		plainText("Resolve", 30), plainText("Keep open", 30)))
	out = append(out, button(engine.ActionAssign, i, "Assign to me"), silence(i), resolve)
	if hasLogs(i.Workload) {
		out = append(out, button(engine.ActionLogs, i, "Show logs"))
	}
	return append(out, button(engine.ActionDiagnose, i, "Diagnose again"))
}

// hasLogs tells whether there are containers behind the workload.
func hasLogs(w engine.Workload) bool {
	return w.Kind != engine.KindNode && w.Kind != "PersistentVolumeClaim"
}

func button(a engine.Action, i engine.Incident, label string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(string(a), engine.Button{Incident: i.ID}.Value(), plainText(label, 75))
}

func silence(i engine.Incident) slack.BlockElement {
	option := func(choice, label string) *slack.OptionBlockObject {
		return slack.NewOptionBlockObject(engine.Button{Incident: i.ID, Choice: choice}.Value(), plainText(label, 75), nil)
	}
	return slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainText("Silence", 150), string(engine.ActionSilence),
		option(engine.Choice1h, "for 1 hour"), option(engine.Choice4h, "for 4 hours"), option(engine.Choice24h, "for 24 hours"))
}

// verdict asks whether the cause was right, until somebody said so.
func verdict(i engine.Incident, key string) []slack.Block {
	if len(i.Diagnosis.Causes) == 0 {
		return nil
	}
	rule := i.Diagnosis.Causes[0].Rule
	for n := len(i.Verdicts) - 1; n >= 0; n-- {
		v := i.Verdicts[n]
		if v.Rule != rule {
			continue
		}
		said := "right"
		if !v.Right {
			said = "wrong"
		}
		text := person(v.By) + " says that this cause was " + said + "."
		if v.Correction != "" {
			text = strings.TrimSuffix(text, ".") + ": " + outside(v.Correction, 300)
		}
		return []slack.Block{context(text)}
	}
	answer := func(choice, label string) slack.BlockElement {
		value := engine.Button{Incident: i.ID, Choice: choice, Rule: rule}.Value()
		return slack.NewButtonBlockElement(string(engine.ActionVerdict)+actionEnd+choice, value, plainText(label, 75))
	}
	return []slack.Block{
		context("Was this cause right?"),
		slack.NewActionBlock(blockID(key, "verdict"), answer(engine.ChoiceRight, "Yes"), answer(engine.ChoiceWrong, "No")),
	}
}
