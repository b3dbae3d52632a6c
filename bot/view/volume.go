package view

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// isRemoval tells whether a proposal is the removal of a volume by the bot itself.
func isRemoval(p engine.Proposal) bool { return len(p.Items) == 1 && p.Items[0].Removal != nil }

// removalLines say what the bot itself does about a volume, what it is, and what its snapshot costs.
func removalLines(i engine.ProposalItem) []string {
	r := i.Removal
	if r == nil {
		return nil
	}
	lines := []string{
		fmt.Sprintf(":warning: The bot does this itself: no pull request is reviewed. %d GiB of %s in %s, made %s, first seen detached %s.",
			r.GiB, code(r.Type, 20), code(r.Zone, 40), day(r.CreatedAt), day(r.DetachedAt)),
	}
	switch {
	case r.Whole > 0 && r.Snapshot > 0:
		lines = append(lines, fmt.Sprintf("The volume costs %s a month; its snapshot at most %s, which is off the saving.", r.Whole, r.Snapshot))
	case r.Whole > 0:
		lines = append(lines, fmt.Sprintf("The volume costs %s a month; a snapshot is there already, and another one holds only what changed since.", r.Whole))
	}
	if i.Why != "" {
		lines = append(lines, "No file was found that declares it: "+outside(i.Why, 400)+".")
	}
	return append(lines, "All of it is looked at again before each step: whoever wants the volume by then keeps it.")
}
