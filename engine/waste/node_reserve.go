package waste

import (
	"fmt"
	"slices"
)

// Reserve is a number of nodes of a group that stand by on purpose: spare room for a peak, a failover, a build. They are no waste.
type Reserve struct {
	Cluster string // a pattern; "" means all
	Group   string // a pattern, of the names of node groups and NodePools; each group that matches has its own reserve
	Nodes   int
	Reason  string
}

// reserve takes back nodes of groups of which some are wanted as a reserve: by the configuration, or by a person who called as many of
// the group no waste. Which instances those were does not count, for instances come and go. What was hardest to remove stays.
//
// The proof of the others holds all the more: they were proven without the room of these.
func (v *survey) reserve() {
	found, stays := map[string]int{}, map[*prospect]bool{}
	for _, c := range v.removed {
		if c.aside > 0 { // found, and nobody hears of it: it is one of those that are kept
			found[c.groupKey(v.c.Name)]++
		}
	}
	for _, c := range slices.Backward(v.removed) {
		key := c.groupKey(v.c.Name)
		if c.aside > 0 || key == "" {
			continue
		}
		wanted, said := v.wantedReserve(c.member.name)
		switch {
		case found[key] < wanted:
			c.why.Reason, c.why.Detail = skipReserve, said
		case found[key] < v.s.Kept[key]:
			c.why.Reason, c.why.Detail = skipGroupKept, fmt.Sprintf("%d of %s", v.s.Kept[key], c.member.name)
		default:
			continue
		}
		found[key]++
		stays[c], c.moved = true, nil
		v.skips = append(v.skips, c.why)
	}
	v.removed = slices.DeleteFunc(v.removed, func(c *prospect) bool { return stays[c] })
}

// wantedReserve is the largest reserve that the configuration wants of a group, and what it is for.
func (v *survey) wantedReserve(group string) (nodes int, said string) {
	for _, r := range v.r.Reserves {
		if r.Nodes > nodes && r.Group != "" && like(r.Cluster, v.c.Name) && like(r.Group, group) {
			nodes, said = r.Nodes, fmt.Sprintf("%d of %s: %s", r.Nodes, group, r.Reason)
		}
	}
	return nodes, said
}

// groupKey is the key of the card that a finding about the node is on; "" for a node of no group.
func (c *prospect) groupKey(cluster string) string {
	if c.member.name == "" {
		return ""
	}
	return nodesKey(cluster, c.member.controller, c.member.name)
}
