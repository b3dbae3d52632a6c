package view

import (
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// kindNames are the detectors as people name what they find.
var kindNames = map[engine.FindingKind]string{
	engine.OverRequestedCPU:    "CPU requests",
	engine.OverRequestedMemory: "Memory requests",
	engine.IdleNode:            "Idle nodes",
	engine.OrphanVolume:        "Orphan volumes",
}

// savings is the list of what is open and what it comes to. No dollar is in it twice.
func savings(c *canvas, s engine.Savings, base string) string {
	head := "Nothing to save"
	if len(s.Groups) > 0 {
		head = "Save " + s.Monthly.String() + " a month"
	}
	title := head
	if s.Filter != "" {
		title += " (" + outside(s.Filter, 300) + ")"
	}
	lines := []string{"*" + title + "*"}
	switch {
	case s.Monthly <= 0:
	case s.Cash <= 0:
		lines = append(lines, "It frees capacity; the bill falls when nodes go. No dollar is counted twice.")
	case s.Cash >= s.Monthly:
		lines = append(lines, "The bill falls by all of it. No dollar is counted twice.")
	default:
		lines = append(lines, fmt.Sprintf("The bill falls by %s of it; the rest frees capacity or is under a commitment, and the bill falls when nodes go or the commitment ends. No dollar is counted twice.", s.Cash))
	}
	c.section(lines...)
	var kinds []string
	for _, k := range s.ByKind {
		kinds = append(kinds, fmt.Sprintf("• %s: %s in %s", kindName(k.Kind), k.Monthly, plural(k.Count, "finding", "findings")))
	}
	c.section(kinds...)
	groups := list(s.Groups, listedAtAll, func(g engine.FindingGroup) string { return groupLine(g, base) })
	if s.More > 0 {
		groups = append(groups, "and "+plural(s.More, "more card", "more cards")+"; narrow the list, for example `/autopilot savings team=… type=idle_node`.")
	}
	c.section(groups...)
	if s.Snoozed+s.NotWaste > 0 {
		c.context(fmt.Sprintf("Besides: %d snoozed, %d called not waste.", s.Snoozed, s.NotWaste))
	}
	for _, line := range scanLines(s.Scan) {
		c.context(line)
	}
	return head
}

func kindName(k engine.FindingKind) string {
	if name, ok := kindNames[k]; ok {
		return name
	}
	return outside(string(k), 60)
}

func groupLine(g engine.FindingGroup, base string) string {
	name := outside(g.Title, 160)
	if address := Permalink(base, g.Thread); address != "" {
		name = link(address, name)
	}
	open := g.Open()
	line := fmt.Sprintf("• *%s* %s", g.Monthly, name)
	if len(open) > 0 && open[0].Basis.Source == engine.PriceUnknown {
		line = "• *price not known* " + name
	}
	if g.Cluster != "" {
		line += ", " + code(g.Cluster, 80)
	}
	if len(open) > 0 {
		line += ": " + findingTitle(open[0])
	}
	if more := len(open) - 1; more > 0 {
		line += " and " + plural(more, "more", "more")
	}
	return line
}

// scanLines say what the newest scan looked at, what it could not see, and what it asked of others.
func scanLines(s engine.Scan) []string {
	switch {
	case s.ID == 0:
		return []string{"No scan has run yet. `/autopilot detect waste` starts one."}
	case s.Finished.IsZero():
		return []string{"A scan is running since " + when(s.Started) + "."}
	case s.Problem != "":
		return []string{"The scan of " + when(s.Started) + " gave nothing: " + outside(s.Problem, 300)}
	}
	looked := fmt.Sprintf("Scanned %s: %s, %s, %s; %s of Prometheus", when(s.Finished), plural(s.Containers, "container", "containers"),
		plural(s.Nodes, "node", "nodes"), plural(s.Volumes, "volume", "volumes"), plural(s.Cost.Queries, "query", "queries"))
	if s.Cost.BilledCalls > 0 {
		looked += fmt.Sprintf(", %s of Cost Explorer for %s", plural(s.Cost.BilledCalls, "call", "calls"), s.Cost.BilledAmount)
	}
	lines := []string{looked + "."}
	if len(s.Missing) > 0 {
		lines = append(lines, "Could not see: "+strings.Join(list(s.Missing, 6, func(g engine.Gap) string {
			return outside(g.Collector, 80) + " (" + outside(g.Reason, 160) + ")"
		}), ", "))
	}
	return lines
}
