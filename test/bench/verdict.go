package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/test/scenario"
	"github.com/eks-autopilot/autopilot/test/slack"
)

// verdict is what came of one run of soak, or of all.
type verdict struct {
	troubles                            int
	clicks, refused, clicksLost         int // acknowledged to Slack, not acknowledged, acknowledged and not seen
	incidents, incidentsDoubled         int
	messages                            int // wanted of the incidents
	messagesLost, doubled, stray        int
	cardsLost, cardsDoubled, unresolved int
	violations                          int // what Slack would hold against the bot, but for clicks that it did not acknowledge
	unknowing                           int // calls too early of a process that could not know
}

func (v *verdict) add(o verdict) {
	v.troubles += o.troubles
	v.clicks += o.clicks
	v.refused += o.refused
	v.clicksLost += o.clicksLost
	v.incidents += o.incidents
	v.incidentsDoubled += o.incidentsDoubled
	v.messages += o.messages
	v.messagesLost += o.messagesLost
	v.doubled += o.doubled
	v.stray += o.stray
	v.cardsLost += o.cardsLost
	v.cardsDoubled += o.cardsDoubled
	v.unresolved += o.unresolved
	v.violations += o.violations
	v.unknowing += o.unknowing
}

// couldNotKnow tells whether a call came too early because the one whom Slack had told to stay away was killed meanwhile. Slack's
// answer to its first call tells the new process; it must obey from then on.
func couldNotKnow(v slack.Violation, calls []slack.Call, kills []time.Time) bool {
	var born time.Time
	for _, k := range kills {
		if k.Before(v.Time) {
			born = k
		}
	}
	method, _, _ := strings.Cut(v.Detail, ":")
	method, _, _ = strings.Cut(method, " ") // the channel, where each has its own limit
	told := 0
	for _, c := range calls {
		if c.Method == method && c.Status == http.StatusTooManyRequests && c.Time.After(born) && !c.Time.After(v.Time) {
			told++
		}
	}
	return told <= 1 // by this very call
}

// bad counts what must not be.
func (v *verdict) bad() int {
	return v.clicksLost + v.incidentsDoubled + v.messagesLost + v.doubled + v.stray + v.cardsLost + v.cardsDoubled + v.unresolved + v.violations
}

func (v *verdict) table(runs int) table {
	t := table{{"figure", "value", "wanted"}}
	row := func(name string, n int, wanted string) { t.add(name, fmt.Sprint(n), wanted) }
	row("troubles", v.troubles, "")
	row("incidents", v.incidents, fmt.Sprint(runs))
	row("incidents doubled", v.incidentsDoubled, "0")
	row("cards lost", v.cardsLost, "0")
	row("cards doubled", v.cardsDoubled, "0")
	row("incidents not resolved in their thread", v.unresolved, "0")
	row("messages wanted", v.messages, "")
	row("messages lost", v.messagesLost, "0")
	row("messages doubled", v.doubled, "0")
	row("messages that nobody wanted", v.stray, "0")
	row("clicks acknowledged to Slack", v.clicks, "")
	row("clicks not acknowledged (Slack shows its error)", v.refused, "")
	row("acknowledged clicks lost", v.clicksLost, "0")
	row("first calls after a kill, while Slack still refused", v.unknowing, "")
	row("other things that Slack would hold against the bot", v.violations, "0")
	return t
}

// judge compares what stands in Slack about a workload with what the bot has in its database, once nothing is on its way.
func (r *room) judge(ctx context.Context, s scenario.Scenario, v *verdict) error {
	if err := r.until(ctx, patience, "all messages to be shown", func(ctx context.Context) (bool, error) {
		n, err := r.waiting(ctx)
		return n == 0, err
	}); err != nil {
		return err
	}
	incidents, err := r.incidents(ctx, s.Namespace)
	if err != nil {
		return err
	}
	cards, err := r.reader.Cards(ctx, subject(s))
	if err != nil {
		return err
	}
	v.incidents += len(incidents)
	v.incidentsDoubled += max(0, len(incidents)-1)
	v.cardsDoubled += max(0, len(cards)-1)
	if len(incidents) == 0 || len(cards) == 0 {
		v.cardsLost++
		return fmt.Errorf("%d incidents and %d cards of %s", len(incidents), len(cards), subject(s))
	}
	var wanted, shown []string
	for _, i := range incidents {
		keys, err := r.wantedKeys(ctx, i.ID)
		if err != nil {
			return err
		}
		wanted = append(wanted, keys...)
	}
	for _, c := range cards {
		thread, err := r.reader.Thread(ctx, r.reader.Channel, c.TS, r.reader.User)
		if err != nil {
			return err
		}
		for _, m := range thread {
			key := "without a key"
			if m.Metadata != nil {
				key = fmt.Sprint(m.Metadata.EventPayload["key"])
			}
			shown = append(shown, key)
		}
	}
	t := compare(wanted, shown)
	v.messages += len(wanted)
	v.messagesLost += t.lost
	v.doubled += t.doubled
	v.stray += t.stray
	return nil
}
