package view

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/story"
)

const summaryFixes = 3

// Summary draws what came of an incident that is over, in a few lines of its thread. The whole of it goes with it as a Markdown file.
func Summary(s engine.Story, workspace string) Message {
	i := s.Incident
	c := newCanvas()
	c.section("*Summary of incident " + fmt.Sprint(i.ID) + ":* " + outside(title(i), 300))
	c.section(durations(s))
	c.section(summaryCause(i)...)
	c.section(fixed(s)...)
	c.section(seenBefore(i, workspace))
	if len(s.People) > 0 {
		c.section("*People:* " + strings.Join(list(s.People, 8, func(p engine.Part) string {
			return person(p.By) + " (" + outside(strings.Join(p.Did, ", "), 120) + ")"
		}), ", "))
	}
	c.context("The file has the timeline, the evidence for and against each cause, and all signals.")
	m := Message{Blocks: c.done(), Text: "Summary: " + outside(title(i), 300) + " lasted " + lasted(s.Lasted)}
	m.Files = []engine.File{summaryFile(s)}
	return m
}

// durations is how long what took, and what it cost.
func durations(s engine.Story) string {
	parts := []string{"*Lasted* " + lasted(s.Lasted)}
	if s.Detect.Known {
		parts = append(parts, "detected after "+lasted(s.Detect.For))
	}
	if s.Acknowledge.Known {
		parts = append(parts, "acknowledged after "+lasted(s.Acknowledge.For))
	} else {
		parts = append(parts, "acknowledged by nobody")
	}
	if n := s.Incident.Reopened; n > 0 {
		parts = append(parts, "reopened "+plural(n, "time", "times"))
	}
	if s.Costed {
		parts = append(parts, "cost "+s.Cost.String())
	} else {
		parts = append(parts, "cost not known")
	}
	return strings.Join(parts, " · ")
}

func summaryCause(i engine.Incident) []string {
	if len(i.Diagnosis.Causes) == 0 {
		return []string{"*Cause:* not known"}
	}
	first := i.Diagnosis.Causes[0]
	lines := []string{causeHead(first)}
	for _, v := range i.Verdicts {
		if v.Rule != first.Rule {
			continue
		}
		said := person(v.By) + " says that this was right"
		if !v.Right {
			said = person(v.By) + " says that this was wrong"
		}
		if v.Correction != "" {
			said += ": " + outside(v.Correction, 300)
		}
		lines = append(lines, said)
	}
	return lines
}

// fixed is what fixed the incident, the last of it first to be kept.
func fixed(s engine.Story) []string {
	if len(s.Fixes) == 0 {
		return nil
	}
	lines := []string{"*What fixed it:*"}
	for _, f := range s.Fixes[max(0, len(s.Fixes)-summaryFixes):] {
		lines = append(lines, "• "+fix(f))
	}
	return lines
}

func fix(f engine.Fix) string {
	text := outside(f.Text, 300)
	if f.URL != "" {
		text = link(f.URL, text)
	}
	if !f.By.IsZero() {
		text += ", by " + person(f.By)
	}
	return text
}

// seenBefore is the incident of before that was like this one, and what fixed it.
func seenBefore(i engine.Incident, workspace string) string {
	b := i.Before
	if b == nil {
		return ""
	}
	name := link(Permalink(workspace, b.Thread), fmt.Sprintf("incident %d", b.ID))
	line := "*Seen before:* " + name + ", " + when(b.ResolvedAt)
	if b.Workload != i.Workload {
		line += " on " + outside(b.Workload.String(), 120)
	}
	if b.SameCause {
		line += ", the same cause"
	} else if b.Cause != "" {
		line += ", another cause (" + outside(b.Cause, 160) + ")"
	}
	if n := len(b.Fixes); n > 0 {
		line += ". " + fix(b.Fixes[max(0, n-2)])
		if n > 1 {
			line += "; " + fix(b.Fixes[n-1])
		}
	}
	if b.Times > 1 {
		line += fmt.Sprintf(". The workload had %d incidents in the 30 days before", b.Times)
	}
	return line
}

// summaryFile is the whole story. Its name changes with its content, so that the same is uploaded once.
func summaryFile(s engine.Story) engine.File {
	content := story.Markdown(s)
	sum := sha256.Sum256([]byte(content))
	return engine.File{
		Name:    fmt.Sprintf("incident-%d-summary-%s.md", s.Incident.ID, hex.EncodeToString(sum[:4])),
		Title:   fmt.Sprintf("Incident %d: the summary", s.Incident.ID),
		Content: content,
	}
}
