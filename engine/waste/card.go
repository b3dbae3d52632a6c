package waste

import (
	"cmp"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Cards says which findings are told in a channel of their own accord, and in which. What is not told is in the list that people
// ask for. The zero Cards tells nothing.
type Cards struct {
	Threshold engine.MicroUSD   // of a group's open findings together, a month
	PerDay    int               // new cards a day and channel
	Channel   string            // of those whose team and namespace have none; "" for no card
	Teams     map[string]string // channel by team
	Location  *time.Location    // where a day begins; nil means UTC
}

// ChannelOf gives where a group's card belongs; "" for nowhere.
func (c Cards) ChannelOf(g engine.FindingGroup) string {
	return cmp.Or(c.Teams[g.Owner.Team], c.Channel)
}

// Today is when the day of a time began.
func (c Cards) Today(now time.Time) time.Time {
	where := c.Location
	if where == nil {
		where = time.UTC
	}
	y, m, d := now.In(where).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, where)
}

// Choose gives the groups of waiting that get a card now, the dearest first: those that are worth it, up to what is left of each
// channel's day. today counts the cards that the channels have had since Today.
func (c Cards) Choose(waiting []engine.FindingGroup, today map[string]int) []engine.FindingGroup {
	waiting = slices.Clone(waiting)
	slices.SortStableFunc(waiting, func(a, b engine.FindingGroup) int {
		return cmp.Or(cmp.Compare(b.Monthly, a.Monthly), cmp.Compare(a.Key, b.Key))
	})
	given := map[string]int{}
	var chosen []engine.FindingGroup
	for _, g := range waiting {
		channel := c.ChannelOf(g)
		if channel == "" || g.Monthly <= 0 || g.Monthly < c.Threshold || today[channel]+given[channel] >= c.PerDay {
			continue
		}
		given[channel]++
		chosen = append(chosen, g)
	}
	return chosen
}
