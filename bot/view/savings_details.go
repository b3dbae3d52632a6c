package view

import (
	"fmt"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	detailPlacements = 40
	detailLines      = 10
)

// SavingsDetails draws the modal with the whole evidence of a group, and the plan.
func SavingsDetails(g engine.FindingGroup) slack.ModalViewRequest {
	c := newCanvas()
	c.section("*"+outside(g.Title, 200)+"*", savingsPlace(g, g.Open()))
	for _, f := range g.Findings {
		c.divider()
		if f.Status != engine.FindingOpen {
			c.section(settledLine(f))
			continue
		}
		c.section(detail(f)...)
	}
	for _, i := range g.Drafts {
		if len(i.Edits) == 0 && i.Why != "" && i.Removal == nil {
			c.divider()
			c.section(byHand(i)...)
		}
	}
	if c.full {
		c.context("There is more than a window of Slack's can show; `/autopilot savings` lists all findings.")
	}
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: plainText(fmt.Sprintf("Savings %d", g.ID), maxModalTitle), Close: plainText("Close", maxModalTitle),
		Blocks: slack.Blocks{BlockSet: c.done()},
	}
}

// detail is one finding with every line that stands behind it.
func detail(f engine.Finding) []string {
	lines := []string{"*" + findingTitle(f) + "*", "Saves " + monthly(f.Monthly, f.Basis) + ", " + priced(f.Basis)}
	if f.Whole > f.Monthly {
		lines = append(lines, fmt.Sprintf("By itself it would be %s; the rest is counted in another finding.", f.Whole))
	}
	if s := f.Sizing; s != nil && s.Unit > 0 {
		unit := "core"
		if s.Resource == engine.Memory {
			unit = "GiB"
		}
		lines = append(lines, fmt.Sprintf("A %s costs $%.4f an hour on the nodes it runs on.", unit, s.Unit.Dollars()))
	}
	if f.Sizing != nil || f.Volume != nil {
		lines = append(lines, proof(f)...)
	}
	if s := f.Sizing; s != nil && s.Backtest.Samples > 0 {
		lines = append(lines, fmt.Sprintf("Backtest over %s; today's request was passed in %s of them.",
			plural(s.Backtest.Samples, "sample", "samples"), percent(s.Backtest.OverOld)))
	}
	if n := f.Node; n != nil {
		lines = append(lines, proof(f)...)
		lines = append(lines, list(n.Placements, detailPlacements, func(p engine.Placement) string {
			return "• " + code(p.Pod, 160) + " → " + code(p.Node, 120)
		})...)
	}
	lines = append(lines, judged("Waste: "+sure(f.Confidence), f.Reasons)...)
	lines = append(lines, judged("Risk: "+outside(string(f.Risk), 20), f.Risks)...)
	lines = append(lines, judged("To know", f.Caveats)...)
	if f.Lever != "" {
		lines = append(lines, "*Plan:* "+outside(f.Lever, 500))
	}
	if v := f.Volume; v != nil {
		for n, step := range v.Plan[:min(detailLines, len(v.Plan))] {
			lines = append(lines, fmt.Sprintf("%d. %s", n+1, code(step, 400)))
		}
	}
	return lines
}

// judged is a judgement and what it rests on.
func judged(head string, why []string) []string {
	if len(why) == 0 && head == "To know" {
		return nil
	}
	return append([]string{"*" + head + "*"}, list(why, detailLines, func(s string) string { return "• " + outside(s, 300) })...)
}
