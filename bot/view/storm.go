package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	stormLines  = 20
	stormCauses = 3
)

// Storm draws the one message of many incidents: how many, what they have in common, a line each with the worst and the newest first, and
// the ways to all of them. Those who must be woken are mentioned while it lasts.
func Storm(s engine.Storm, who []engine.Mention, workspace string) Message {
	open, waiting := 0, 0
	for _, i := range s.Incidents {
		if i.IsOpen() {
			open++
		}
		if i.Status == engine.Open {
			waiting++
		}
	}
	c := newCanvas(stormButtons(s, waiting)...)
	lasts := s.EndedAt.IsZero()
	head := fmt.Sprintf(":warning: %s at once on %s", plural(len(s.Incidents), "incident", "incidents"), s.Cluster)
	if !lasts {
		head = fmt.Sprintf(":white_check_mark: The storm on %s is over: %s", s.Cluster, plural(len(s.Incidents), "incident", "incidents"))
	}
	c.header(head)
	text := tame(strings.TrimSpace(head[strings.Index(head, " "):]))
	text = outside(text, 300)
	lines := []string{fmt.Sprintf("Since %s · *%d open*, %d not acknowledged · %d resolved", when(s.StartedAt), open, waiting, len(s.Incidents)-open)}
	if lasts {
		lines = append(lines, "While it lasts, new ones are told here alone; those that go on get a card each when it is over.")
	} else {
		lines = append(lines, fmt.Sprintf("It lasted %s. What goes on has a card of its own.", lasted(s.EndedAt.Sub(s.StartedAt))))
	}
	if names := mentions(who); names != "" && lasts && waiting > 0 {
		lines = append(lines, "On call: "+names)
		text = names + " " + text
	}
	c.section(lines...)
	if common := inCommon(s.Incidents); len(common) > 0 {
		c.section(append([]string{"*What they have in common*"}, common...)...)
	}
	sorted := slices.Clone(s.Incidents)
	slices.SortStableFunc(sorted, func(a, b engine.Incident) int {
		if a.IsOpen() != b.IsOpen() {
			if a.IsOpen() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), b.DetectedAt.Compare(a.DetectedAt), cmp.Compare(b.ID, a.ID))
	})
	c.section(list(sorted, stormLines, func(i engine.Incident) string { return stormLine(i, workspace) })...)
	c.context("All of them: " + code("/autopilot incidents cluster="+s.Cluster+" all", 150))
	return Message{Blocks: c.done(), Text: text}
}

func stormLine(i engine.Incident, workspace string) string {
	name := link(Permalink(workspace, i.Thread), outside(title(i), 120))
	line := fmt.Sprintf("%s %d: %s", mark(i), i.ID, name)
	switch {
	case !i.IsOpen():
		line += ", resolved"
	case i.Status == engine.Acknowledged:
		line += ", acknowledged by " + person(i.AcknowledgedBy)
	}
	if len(i.Diagnosis.Causes) > 0 && i.IsOpen() {
		line += " · " + outside(i.Diagnosis.Causes[0].Title, 100)
	}
	return line
}

// inCommon counts the likeliest causes that several incidents have, the most frequent first.
func inCommon(list []engine.Incident) []string {
	count := map[string]int{}
	for _, i := range list {
		if first, ok := i.Diagnosis.Cause(""); ok {
			count[first.Title]++
		}
	}
	var titles []string
	for t, n := range count {
		if n > 1 {
			titles = append(titles, t)
		}
	}
	slices.SortFunc(titles, func(a, b string) int { return cmp.Or(cmp.Compare(count[b], count[a]), strings.Compare(a, b)) })
	var lines []string
	for _, t := range titles[:min(len(titles), stormCauses)] {
		lines = append(lines, fmt.Sprintf("• %d of them: %s", count[t], outside(t, 200)))
	}
	return lines
}

// stormButtons acknowledge all that nobody has, and show one of those that are open to the asker.
func stormButtons(s engine.Storm, waiting int) []slack.Block {
	key := engine.StormKey(s.ID)
	var out []slack.BlockElement
	if waiting > 0 {
		out = append(out, slack.NewButtonBlockElement(string(engine.ActionAcknowledge), engine.StormButton{Storm: s.ID}.Value(), plainText("Acknowledge all", 75)).WithStyle(slack.StylePrimary))
	}
	var options []*slack.OptionBlockObject
	for _, i := range s.Incidents {
		if i.IsOpen() && len(options) < 40 {
			options = append(options, slack.NewOptionBlockObject(engine.Button{Incident: i.ID}.Value(), plainText(fmt.Sprintf("%d: %s", i.ID, title(i)), 75), nil))
		}
	}
	if len(options) > 0 {
		out = append(out, slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainText("Show one", 150), string(engine.ActionView), options...))
	}
	if len(out) == 0 {
		return nil
	}
	return []slack.Block{slack.NewActionBlock(blockID(key, "act"), out...)}
}
