package view

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	fullCauses      = 3
	evidenceLines   = 6 // of each cause
	againstLines    = 2 // of those, where there are as many
	consideredLines = 8
)

// Diagnosis draws the thread message with the ranked causes, what speaks for and against each, what could not be read, and why
// which signal belongs to this incident. What is too long for it becomes a file.
func Diagnosis(i engine.Incident) Message {
	d := i.Diagnosis
	c := newCanvas()
	cutShort := false
	switch {
	case d.At.IsZero():
		c.section("Looking for the cause…")
	case len(d.Causes) == 0:
		c.section("*No known cause fits.* This is what was found:")
		cutShort = c.section(list(fold(d.Evidence), 3*evidenceLines, func(q quote) string { return evidence(q, d.At) })...) > 0 || len(d.Evidence) > 3*evidenceLines
	default:
		for n, cause := range d.Causes[:min(fullCauses, len(d.Causes))] {
			lines, short := causeInFull(d, n, cause)
			cutShort = c.section(lines...) > 0 || short || cutShort
		}
		if rest := d.Causes[min(fullCauses, len(d.Causes)):]; len(rest) > 0 {
			c.section("*Less likely:* " + strings.Join(list(rest, 5, func(cause engine.Cause) string {
				return outside(cause.Title, 160) + " (" + confidence(cause) + ")"
			}), ", "))
		}
		if d.Apart != "" {
			c.section("*To tell the first two apart:* " + outside(d.Apart, 600))
		}
	}
	if lines := changeInFull(d.LastChange); len(lines) > 0 {
		c.section(lines...)
	}
	if lines := narrative(d); len(lines) > 0 {
		c.section(lines...)
	}
	c.context(gaps(d, 10))
	if len(i.Considered) > 0 {
		c.divider()
		c.section(append([]string{"*What was considered for this incident*"}, considered(i)...)...)
	}
	if !d.At.IsZero() {
		c.context("Diagnosed " + when(d.At))
	}
	m := Message{Blocks: c.done(), Text: diagnosisNotice(i)}
	if cutShort || c.full {
		m.Files = []engine.File{fullDiagnosis(i)}
	}
	return m
}

func diagnosisNotice(i engine.Incident) string {
	if len(i.Diagnosis.Causes) == 0 {
		return "Diagnosis of " + outside(title(i), 300)
	}
	first := i.Diagnosis.Causes[0]
	return fmt.Sprintf("Cause of %s (%s): %s", outside(title(i), 300), confidence(first), outside(first.Title, 300))
}

func causeInFull(d engine.Diagnosis, n int, c engine.Cause) (lines []string, short bool) {
	lines = append(lines, fmt.Sprintf("*%d. %s* (%s)", n+1, outside(c.Title, 300), confidence(c)))
	if c.Text != "" {
		lines = append(lines, outside(c.Text, 600))
	}
	pro, contra := fold(known(d, c.For)), fold(known(d, c.Against))
	for _, side := range []struct {
		name  string
		found []quote
		most  int
	}{{"Speaks for it", pro, evidenceLines - min(againstLines, len(contra))}, {"Speaks against it", contra, againstLines}} {
		if len(side.found) == 0 {
			continue
		}
		lines = append(lines, side.name+":")
		lines = append(lines, list(side.found, side.most, func(q quote) string { return evidence(q, d.At) })...)
		short = short || len(side.found) > side.most
	}
	return append(lines, stepLines(c.Step, "Next step: ")...), short
}

func known(d engine.Diagnosis, ids []string) []engine.Evidence {
	var out []engine.Evidence
	for _, id := range ids {
		if e, ok := d.Find(id); ok {
			out = append(out, e)
		}
	}
	return out
}

// evidence is one quoted line with its source and time.
func evidence(q quote, now time.Time) string {
	e := q.Evidence
	line := "> " + code(words(e), 300)
	var source []string
	if n := len(q.pods); n > 1 {
		source = append(source, fmt.Sprintf("(%d pods)", n))
	} else if e.Object.Name != "" {
		source = append(source, outside(strings.ToLower(e.Object.Kind)+" "+e.Object.Name, 120))
	} else if e.Collector != "" {
		source = append(source, outside(e.Collector, 60))
	}
	if e.Container != "" {
		source = append(source, "container "+outside(e.Container, 80))
	}
	if !e.At.IsZero() {
		source = append(source, clock(e.At, now))
	}
	if len(source) == 0 {
		return line
	}
	return line + " " + strings.Join(source, ", ")
}

// narrative draws a model's paragraph, with the evidence that each of its sentences rests on, and says whose it is.
func narrative(d engine.Diagnosis) []string {
	if d.Narrative == nil {
		return nil
	}
	number := map[string]int{}
	var text, notes []string
	for _, s := range d.Narrative.Sentences {
		var line strings.Builder
		line.WriteString(outside(s.Text, 400))
		for _, e := range known(d, s.Evidence) {
			if number[e.ID] == 0 {
				number[e.ID] = len(number) + 1
				notes = append(notes, fmt.Sprintf("[%d] %s", number[e.ID], code(words(e), 120)))
			}
			fmt.Fprintf(&line, " [%d]", number[e.ID])
		}
		text = append(text, line.String())
	}
	return append([]string{"*In a paragraph*, written by a model (" + outside(d.Narrative.Model, 80) + ") from the evidence; it decides nothing", strings.Join(text, " ")}, notes...)
}

func changeInFull(last *engine.Change) []string {
	if last == nil || last.New || len(last.Details) == 0 {
		return nil
	}
	return append([]string{"*What changed last* (" + when(last.At) + ")"}, list(last.Details, 8, func(detail string) string {
		return "• " + code(detail, 250)
	})...)
}

// considered is the rows of what was considered, oldest first: as it came about. What is left out stands in the middle, for the
// first rows say how the incident began and the last what happened just now.
func considered(i engine.Incident) []string {
	row := func(c engine.Consideration) string {
		return fmt.Sprintf("• %s *%s*: %s (%s)", clock(c.At, i.Diagnosis.At), outside(c.Verdict, 40), outside(c.Signal, 160), outside(c.Reason, 200))
	}
	rows := slices.Clone(i.Considered)
	slices.SortStableFunc(rows, func(a, b engine.Consideration) int { return a.At.Compare(b.At) })
	var lines []string
	gap := len(rows) - consideredLines
	for n, c := range rows {
		switch {
		case gap <= 0 || n < consideredLines/2 || n >= consideredLines/2+gap:
			lines = append(lines, row(c))
		case n == consideredLines/2:
			lines = append(lines, plural(gap, "row", "rows")+" between")
		}
	}
	return lines
}

// fullDiagnosis is everything as a text file. Its name changes with the causes and their evidence, not with every signal that
// joins, so that a storm does not fill the thread with files.
func fullDiagnosis(i engine.Incident) engine.File {
	var b strings.Builder
	d := i.Diagnosis
	fmt.Fprintf(&b, "Incident %d: %s\nDiagnosed %s\n", i.ID, tame(title(i)), stamp(d.At))
	for n, c := range d.Causes {
		fmt.Fprintf(&b, "\n%d. %s (%s)\n%s\n", n+1, tame(c.Title), confidence(c), tame(c.Text))
		for _, e := range known(d, c.For) {
			fmt.Fprintf(&b, "  for:     %s\n", evidenceText(e))
		}
		for _, e := range known(d, c.Against) {
			fmt.Fprintf(&b, "  against: %s\n", evidenceText(e))
		}
		if c.Step.Text != "" {
			fmt.Fprintf(&b, "  next:    %s\n", tame(c.Step.Text))
		}
		if c.Step.Command != "" {
			fmt.Fprintf(&b, "           %s\n", tame(c.Step.Command))
		}
	}
	b.WriteString("\nEvidence\n")
	for _, e := range d.Evidence {
		fmt.Fprintf(&b, "  %s\n", evidenceText(e))
	}
	for _, g := range d.Gaps {
		fmt.Fprintf(&b, "  could not read %s: %s\n", tame(g.Collector), tame(g.Reason))
	}
	if last := d.LastChange; last != nil {
		fmt.Fprintf(&b, "\nLast change %s by %s: %s\n", stamp(last.At), tame(last.By), tame(last.Text))
		for _, detail := range last.Details {
			fmt.Fprintf(&b, "  %s\n", tame(detail))
		}
	}
	sum := sha256.Sum256([]byte(b.String()))
	b.WriteString("\nWhat was considered\n")
	for _, c := range i.Considered {
		fmt.Fprintf(&b, "  %s  %s: %s (%s)\n", stamp(c.At), tame(c.Verdict), tame(c.Signal), tame(c.Reason))
	}
	return engine.File{
		Name:    fmt.Sprintf("incident-%d-diagnosis-%s.txt", i.ID, hex.EncodeToString(sum[:4])),
		Title:   fmt.Sprintf("Incident %d: the whole diagnosis", i.ID),
		Content: b.String(),
	}
}

func evidenceText(e engine.Evidence) string {
	return fmt.Sprintf("%s  %s %s  %s", stamp(e.At), tame(e.Object.Kind), tame(e.Object.Name), tame(e.Text))
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// calls are the events that begin an episode anew: whoever the card woke is woken again.
var calls = []string{"reopened", "promoted", "announced"}

// Event draws one line of the timeline. It fails with NotFound when the incident has no event of that number.
func Event(i engine.Incident, n int64, who []engine.Mention) (Message, error) {
	at := slices.IndexFunc(i.Timeline, func(e engine.Event) bool { return e.ID == n })
	if at < 0 {
		return Message{}, engine.Errorf(engine.NotFound, "incident %d has no event %d", i.ID, n)
	}
	text := eventText(i.Timeline[at], 1500)
	if i.Status == engine.Open && slices.Contains(calls, i.Timeline[at].Kind) {
		text = strings.TrimSpace(text + " " + mentions(who))
	}
	return Message{Blocks: []slack.Block{section(text)}, Text: text}, nil
}

func eventText(e engine.Event, n int) string {
	text := outside(e.Text, n)
	if text == "" {
		text = cmp.Or(outside(strings.ReplaceAll(e.Kind, "_", " "), 80), "something happened")
	}
	if !e.By.IsZero() {
		text += ", by " + person(e.By)
	}
	return text
}

// Escalation draws the n-th reminder that nobody has taken the incident. Whom it wakes stands first, where a phone shows it.
func Escalation(i engine.Incident, n int64, who []engine.Mention) Message {
	text := strings.TrimSpace(mentions(who) + " " + notice(i))
	switch {
	case !i.IsOpen():
	case i.Status == engine.Acknowledged:
		text += "\nAcknowledged by " + person(i.AcknowledgedBy)
	default:
		text += fmt.Sprintf("\nNobody has acknowledged it since %s (reminder %d)", when(i.DetectedAt), n)
	}
	c := newCanvas()
	c.section(strings.Split(text, "\n")...)
	if i.Status == engine.Open {
		key := fmt.Sprintf("incident/%d/escalation/%d", i.ID, n)
		c.add(slack.NewActionBlock(blockID(key, "act"),
			button(engine.ActionAcknowledge, i, "Acknowledge").WithStyle(slack.StylePrimary), button(engine.ActionAssign, i, "Assign to me")))
	}
	return Message{Blocks: c.done(), Text: text}
}
