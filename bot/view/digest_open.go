package view

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/engine"
)

// opportunities are the dearest findings, each with its button where there is something to approve: it is that of the card, and does
// the same.
func opportunities(c *canvas, key string, o engine.Opportunities, base string) {
	if o.Count == 0 {
		return
	}
	c.section(fmt.Sprintf("*Open opportunities:* %s/month in %s, %s of it off the bill", money(o.Monthly), plural(o.Count, "finding", "findings"), money(o.Cash)))
	for n, top := range o.Top[:min(digestTop, len(o.Top))] {
		c.add(opportunity(blockID(key, fmt.Sprintf("open%d", n)), top, base))
	}
}

func opportunity(id string, o engine.Opportunity, base string) slack.Block {
	name := outside(o.Title, 160)
	if address := Permalink(base, o.Thread); address != "" {
		name = link(address, name)
	}
	var about []string
	if o.Team != "" {
		about = append(about, "team "+outside(o.Team, 80))
	}
	if o.Cluster != "" {
		about = append(about, code(o.Cluster, 80))
	}
	falls := "frees capacity"
	if o.Cash {
		falls = "off the bill"
	}
	about = append(about, falls, "*"+sure(o.Confidence)+"* waste, *"+outside(cmp.Or(string(o.Risk), "unknown"), 20)+"* risk")
	if !o.Since.IsZero() {
		about = append(about, "since "+o.Since.UTC().Format("2 January"))
	}
	text := fmt.Sprintf("*%s/month* %s\n%s", money(o.Monthly), name, strings.Join(about, " · "))
	block := slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, text, false, false), nil, nil, slack.SectionBlockOptionBlockID(id))
	if o.Drafted {
		b := slack.NewButtonBlockElement(string(engine.ActionApprove)+actionEnd, engine.GroupButton{Group: o.Group}.Value(), plainText("Approve", 75)).WithStyle(slack.StylePrimary)
		b.AccessibilityLabel = plain("Approve: "+o.Title, 75)
		block.Accessory = slack.NewAccessory(b)
	}
	return block
}

func digestIncidents(d engine.Digest, base string) []string {
	t := d.Incidents
	if t.Opened+t.Resolved+t.StillOpen+t.Before == 0 {
		return []string{"*Incidents:* none"}
	}
	var kinds []string
	for _, s := range t.BySeverity {
		kinds = append(kinds, fmt.Sprintf("%d %s", s.Count, outside(string(s.Severity), 20)))
	}
	kinds = append(kinds, fmt.Sprintf("%d the %s before", t.Before, unit(d.Period)))
	line := fmt.Sprintf("*Incidents:* %d opened (%s), %d resolved", t.Opened, strings.Join(kinds, ", "), t.Resolved)
	if t.StillOpen > 0 {
		line += fmt.Sprintf(", *%d still open*", t.StillOpen)
	}
	lines := []string{line}
	var took, far []string
	for _, s := range []struct {
		word string
		engine.Spread
	}{{"detected", t.Detect}, {"resolved", t.Resolve}} {
		if s.Count > 0 {
			took, far = append(took, s.word+" within *"+lasted(s.Median)+"*"), append(far, lasted(s.P95))
		}
	}
	if len(took) > 0 {
		lines = append(lines, "Half were "+strings.Join(took, " and ")+"; 95 % within "+strings.Join(far, " and ")+".")
	}
	if t.Costed > 0 {
		lines = append(lines, fmt.Sprintf("They cost the business *%s*, at the cost an hour that is configured for %s.", money(t.Cost), plural(t.Costed, "incident", "incidents")))
	}
	for _, i := range t.Top[:min(1, len(t.Top))] {
		lines = append(lines, incidentLine(i, base))
	}
	return lines
}

// incidentLine is one incident of a period: what, how long, what it cost.
func incidentLine(i engine.IncidentLine, base string) string {
	name := outside(cmp.Or(i.Title, i.Workload.String()), 160)
	if address := Permalink(base, i.Thread); address != "" {
		name = link(address, name)
	}
	line := fmt.Sprintf("• %s %s, %s, %s", severityMark(i.Severity), name, outside(string(i.Severity), 20), lasted(i.Lasted))
	if i.Resolved.IsZero() {
		line += ", still open"
	}
	if i.Costed {
		line += ", " + money(i.Cost)
	}
	return line
}
