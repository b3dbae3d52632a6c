package view

import (
	"fmt"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// FormerCard draws the card that a group had in an earlier round: all of it was closed then. What came of it stays, that is the
// proposals that are told in its thread; it came back since, which the card of now is about. base is the workspace's address.
func FormerCard(g engine.FindingGroup, thread engine.Thread, base string) Message {
	c := newCanvas()
	then := g
	then.Proposals = slices.DeleteFunc(slices.Clone(g.Proposals), func(p engine.Proposal) bool { return p.Thread != thread })
	c.header(savingsHeading(then, nil))
	c.section(savingsPlace(g, nil))
	for _, p := range then.Proposals[:min(cardProposals, len(then.Proposals))] {
		c.section(proposalLine(p))
	}
	now := "It came back since. `/autopilot savings` lists it."
	if address := Permalink(base, g.Thread); address != "" {
		now = "It came back since: " + link(address, "the card of now")
	}
	c.section(now)
	c.context(fmt.Sprintf("Savings %d", g.ID))
	return Message{Blocks: c.done(), Text: savingsNotice(g, nil) + ". It came back since."}
}
