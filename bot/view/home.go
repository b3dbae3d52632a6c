package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	homeOpen     = 12 // of each severity
	homeResolved = 10
	homeClusters = 20
	// watchdogLate is after how long a missing Watchdog alert means that alerts may not arrive. Alertmanager repeats it within
	// minutes where it is set up to.
	watchdogLate = 15 * time.Minute
)

// Home draws the dashboard on a person's Home tab. base is the workspace's address, for links to threads.
func Home(o engine.Overview, reader, base string) Message {
	c := newCanvas(help(engine.Help{})...)
	c.header("Incidents")
	overview(c, o, reader, base)
	return Message{Blocks: c.done(), Text: "Incidents: " + counts(o)}
}

func overview(c *canvas, o engine.Overview, reader, base string) {
	c.section("*" + counts(o) + "*")
	c.section(warnings(o)...)
	for _, s := range []engine.Severity{engine.Critical, engine.Warning, engine.Info} {
		var open []engine.Incident
		for _, i := range o.Open {
			if i.Severity == s || s == engine.Info && i.Severity.Rank() == 0 {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			continue
		}
		head := severityMark(s) + " *" + severityWord(s) + "*"
		c.section(append([]string{head}, list(open, homeOpen, func(i engine.Incident) string { return line(i, reader, base, o.At) })...)...)
	}
	if len(o.Resolved) > 0 {
		c.section(append([]string{"*Resolved in the last 24 hours*"}, list(o.Resolved, homeResolved, func(i engine.Incident) string {
			return fmt.Sprintf("• %s, %s, took %s, resolved %s", threadLink(i, base), code(i.Workload.Cluster, 80), lasted(i.ResolvedAt.Sub(i.StartedAt)), by(i))
		})...)...)
	}
	if len(o.Clusters) > 0 {
		c.section(append([]string{"*Clusters*"}, list(o.Clusters, homeClusters, cluster)...)...)
	}
	c.context("As of " + when(o.At))
}

// counts is "3 open: 1 critical, 2 warning".
func counts(o engine.Overview) string {
	total := 0
	var parts []string
	for _, s := range []engine.Severity{engine.Critical, engine.Warning, engine.Info} {
		if n := o.BySev[s]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if total == 0 {
		return "Nothing is open"
	}
	return fmt.Sprintf("%d open: %s", total, strings.Join(parts, ", "))
}

// warnings are the reasons for which this page may not tell the whole truth.
func warnings(o engine.Overview) []string {
	var lines []string
	if o.Paused.On {
		line := fmt.Sprintf("*Paused* by %s at %s: nothing is written until `/autopilot resume`.", person(o.Paused.By), when(o.Paused.At))
		if o.Paused.Reason != "" {
			line += " Reason: " + outside(o.Paused.Reason, 300)
		}
		lines = append(lines, line)
	}
	switch {
	case o.Watchdog.IsZero():
		lines = append(lines, "*No Watchdog alert was ever seen.* Alerts of Alertmanager may not reach Autopilot.")
	case o.At.Sub(o.Watchdog) > watchdogLate:
		lines = append(lines, "*The Watchdog alert is missing* since "+when(o.Watchdog)+". Alerts of Alertmanager may not reach Autopilot.")
	}
	for _, s := range o.Clusters {
		if !s.Watched && len(lines) < 6 {
			lines = append(lines, "*Cluster "+outside(s.Name, 80)+" is not watched:* "+orUnknown(outside(s.Error, 300)))
		}
	}
	return lines
}

func orUnknown(s string) string {
	if s == "" {
		return "no replica holds it"
	}
	return s
}

func cluster(s engine.ClusterState) string {
	state := "watched"
	if !s.Watched {
		state = "*not watched*"
	}
	line := "• " + code(s.Name, 80) + " " + state
	if !s.SyncedAt.IsZero() {
		line += ", current as of " + when(s.SyncedAt)
	}
	return line + ", " + plural(s.OpenCount, "open incident", "open incidents")
}

// line is one open incident of a list.
func line(i engine.Incident, reader, base string, now time.Time) string {
	parts := []string{threadLink(i, base), code(i.Workload.Cluster, 80)}
	if i.Health != nil {
		parts = append(parts, health(*i.Health)+serving(i))
	}
	parts = append(parts, "since "+when(i.StartedAt))
	switch {
	case !i.Assignee.IsZero() && i.Assignee.ID == reader:
		parts = append(parts, "*yours*")
	case !i.Assignee.IsZero():
		parts = append(parts, "assigned to "+person(i.Assignee))
	case i.Status == engine.Acknowledged:
		parts = append(parts, "acknowledged by "+person(i.AcknowledgedBy))
	case i.ParentID == 0:
		parts = append(parts, "*nobody has it yet*")
	}
	if i.Silence.Until.After(now) {
		parts = append(parts, "silenced until "+when(i.Silence.Until))
	}
	return "• " + strings.Join(parts, ", ")
}

func threadLink(i engine.Incident, base string) string {
	text := fmt.Sprintf("%d %s", i.ID, outside(title(i), 160))
	address := Permalink(base, i.Thread)
	switch {
	case address != "":
		return link(address, strings.ReplaceAll(text, "|", "/"))
	case slackID.MatchString(i.Thread.Channel):
		return text + " in <#" + i.Thread.Channel + ">"
	}
	return text
}
