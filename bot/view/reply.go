package view

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// maxReply is the room for our own sentence above a reply's body, and logRoom what a log excerpt may take.
const (
	maxReply    = 2500
	logRoom     = 8500
	logLine     = 600
	listedAtAll = 20
)

// Reply draws the answer that the asker alone sees. base is the workspace's address, for links to threads.
func Reply(r engine.Reply, base string) Message {
	c := newCanvas()
	var said []string
	if r.Text != "" {
		for text := range strings.Lines(r.Text) {
			said = append(said, ours(strings.TrimRight(strings.Map(visible, text), " \n"), maxReply))
		}
		c.section(said...)
	}
	text := cut(strings.Join(said, " "), maxText)
	body := ""
	var charts []Chart
	switch {
	case r.Help != nil:
		body = "Autopilot's commands"
		for _, b := range help(*r.Help) {
			c.add(b)
		}
	case r.Overview != nil:
		body = counts(*r.Overview)
		overview(c, *r.Overview, "", base)
	case r.Incidents != nil:
		body = incidents(c, *r.Incidents, base)
	case r.Incident != nil:
		body = incident(c, *r.Incident, base)
	case r.Logs != nil:
		body = logs(c, *r.Logs)
	case r.Savings != nil:
		body = savings(c, *r.Savings, base)
	case r.Costs != nil:
		body = costs(c, *r.Costs)
	case r.Ledger != nil:
		body = ledger(c, *r.Ledger)
	case r.Digest != nil:
		body, charts = digest(c, "", *r.Digest, base)
		c.add(digestFooter(*r.Digest, false))
	case r.Chaos != nil:
		body = chaos(c, *r.Chaos, base)
	case r.Scorecard != nil:
		body = scorecard(c, *r.Scorecard, base)
	}
	if strings.TrimSpace(text) == "" {
		text = body
	}
	if len(c.blocks) == 0 {
		text = "There is nothing to show."
		c.section(text)
	}
	return Message{Blocks: c.done(), Text: text, Charts: charts}
}

var escapedMention = regexp.MustCompile(`&lt;([@#][A-Z0-9]{2,32})&gt;`)

// ours is a sentence of the product's own, at most n units long: it may hold code spans and mentions of people and channels,
// but whom it quotes cannot wake a whole channel.
func ours(s string, n int) string {
	s = clip(s, n)
	if strings.Count(s, "`")%2 != 0 || strings.Contains(s, "```") {
		s = strings.ReplaceAll(s, "`", "ˋ")
	}
	return escapedMention.ReplaceAllString(isolated(func(n int) string { return escape(s, n) }, n), "<$1>")
}

// help lists commands; without any, it says how to ask for them.
func help(h engine.Help) []slack.Block {
	if len(h.Commands) == 0 {
		return []slack.Block{context("Commands: `/autopilot help`")}
	}
	lines := list(h.Commands, 30, func(l engine.HelpLine) string {
		return code(l.Usage, 120) + " " + ours(tame(l.Text), 300)
	})
	c := newCanvas()
	c.section(lines...)
	return c.done()
}

func incidents(c *canvas, l engine.IncidentList, base string) string {
	head := plural(len(l.Incidents), "incident", "incidents")
	if len(l.Incidents) == 0 {
		head = "No incidents"
	}
	if l.Filter != "" {
		head += " (" + outside(l.Filter, 300) + ")"
	}
	c.section("*" + head + "*")
	lines := list(l.Incidents, listedAtAll, func(i engine.Incident) string {
		if i.IsOpen() {
			return severityMark(i.Severity) + strings.TrimPrefix(line(i, "", base, time.Time{}), "•")
		}
		return fmt.Sprintf(":large_green_circle: %s, %s, resolved %s", threadLink(i, base), code(i.Workload.Cluster, 80), when(i.ResolvedAt))
	})
	if l.More {
		lines = append(lines, "There are more; narrow the search, for example `/autopilot incidents cluster=… severity=critical`.")
	}
	c.section(lines...)
	return head
}

// incident is the card without its buttons, and the timeline.
func incident(c *canvas, i engine.Incident, base string) string {
	c.header(heading(i))
	c.section(situation(i)...)
	findings(c, i, base)
	if len(i.Timeline) > 0 {
		newest := slices.Clone(i.Timeline)
		slices.Reverse(newest)
		c.section(append([]string{"*Timeline, newest first*"}, list(newest, 12, func(e engine.Event) string {
			return "• " + when(e.At) + " " + eventText(e, 250)
		})...)...)
	}
	if address := Permalink(base, i.Thread); address != "" {
		c.context(link(address, "Go to the thread"))
	}
	return notice(i)
}

// logs shows the newest lines that fit.
func logs(c *canvas, l engine.LogExcerpt) string {
	which := "Log"
	if l.Previous {
		which = "Log of the previous run"
	}
	head := fmt.Sprintf("%s of %s, container %s", which, code(l.Pod, 260), code(l.Container, 80))
	if len(l.Lines) == 0 {
		c.section(head + ": empty")
		return which
	}
	first, room := len(l.Lines), logRoom
	lines := make([]string, len(l.Lines))
	for n := len(l.Lines) - 1; n >= 0; n-- {
		lines[n] = escape(strings.ReplaceAll(strings.Map(visible, clip(l.Lines[n], logLine)), "```", "ˋˋˋ"), logLine)
		if room -= jsonSize(lines[n]) + 1; room < 0 {
			break
		}
		first = n
	}
	shown := lines[first:]
	if l.Store != "" {
		head += ", from " + escape(l.Store, 40)
	}
	if first > 0 || l.Truncated {
		head += fmt.Sprintf(", the newest %s", plural(len(shown), "line", "lines"))
	}
	c.section(head)
	for len(shown) > 0 {
		n, length := 0, 10
		for n < len(shown) && length+size(shown[n])+1 <= maxSection {
			length += size(shown[n]) + 1
			n++
		}
		c.add(section("```\n" + strings.Join(shown[:n], "\n") + "\n```"))
		shown = shown[n:]
	}
	note := "Only you see this."
	if l.Redactions > 0 {
		note += " " + plural(l.Redactions, "secret was", "secrets were") + " blacked out."
	}
	c.context(note)
	return which
}

// InvalidText says in a message what FieldErrors says in a form.
func InvalidText(invalid map[string]string) string {
	var lines []string
	for _, field := range slices.Sorted(maps.Keys(invalid)) {
		lines = append(lines, field+": "+invalid[field])
	}
	return strings.Join(lines, "\n")
}
