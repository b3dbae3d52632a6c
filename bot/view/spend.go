package view

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	spendLines = 8
	spendShown = 1 // charts
)

// SpendAlarm draws what cost more on a day than it ever did, the dearest first.
func SpendAlarm(a engine.SpendAlarm) Message {
	c := newCanvas()
	day := a.Day.UTC().Format("Monday, 2 January")
	c.header(":chart_with_upwards_trend: " + day + " cost more than any day before")
	c.section(list(a.Rises, spendLines, func(r engine.SpendRise) string {
		line := fmt.Sprintf("• *%s*: %s, %s more than on any day before", spender(r.Of), r.Amount, r.Over())
		if r.Since.Before(a.Day) {
			line += ", since " + r.Since.UTC().Format("2 January")
		}
		return line
	})...)
	var charts []Chart
	for _, r := range a.Rises[:min(spendShown, len(a.Rises))] {
		chart := trackChart(r.Of, r.Track)
		chart.Title = "Cost of " + printableName(r.Of)
		if block, ok := chartBlock(blockID(engine.SpendKey(a.ID), "chart"), chart); ok {
			c.add(block)
			charts = append(charts, chart)
		}
	}
	c.context("What the bill of a day says is corrected for some days. `/autopilot costs yesterday` says who paid for what. This is told once.")
	text := day + " cost more than any day before"
	if len(a.Rises) > 0 {
		text += fmt.Sprintf(": %s %s", spender(a.Rises[0].Of), a.Rises[0].Amount)
	}
	return Message{Blocks: c.done(), Text: text, Charts: charts}
}

// spender names what costs something, as text of a message.
func spender(w engine.Workload) string { return outside(printableName(w), 160) }

func printableName(w engine.Workload) string {
	switch w.Kind {
	case engine.KindCluster:
		return "cluster " + w.Name
	case "Namespace":
		return "namespace " + w.Name + " of " + w.Cluster
	case "Team":
		return "team " + w.Name
	}
	return w.Name
}
