package aws

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

// bills puts the answers of Cost Explorer together. What the services of clusters cost beyond their usage (commitments that nobody
// used, fees, credits) is a line of its own for each account, so that the lines come to what all services do.
func bills(payer string, services, usage, purchases []costRow) []price.Bill {
	byDay := map[time.Time]*price.Bill{}
	at := func(day time.Time) *price.Bill {
		if byDay[day] == nil {
			byDay[day] = &price.Bill{Payer: payer, Day: day}
		}
		return byDay[day]
	}
	net := slices.ContainsFunc(services, func(r costRow) bool { _, has := r.metrics[netAmortised]; return has })
	metric := amortised
	if net {
		metric = netAmortised
	}
	type owner struct {
		day     time.Time
		account string
	}
	rest := map[owner]engine.MicroUSD{}
	for _, r := range services {
		b := at(r.day)
		b.Net, b.Estimated = net, b.Estimated || r.estimated
		if slices.Contains(clusterServices, r.keys[1]) {
			rest[owner{r.day, r.keys[0]}] += r.metrics[metric]
			continue
		}
		if amount := r.metrics[metric]; amount != 0 {
			b.Lines = append(b.Lines, price.Line{Account: r.keys[0], Service: r.keys[1], Amount: amount})
		}
	}
	for _, r := range usage {
		b := at(r.day)
		b.Estimated = b.Estimated || r.estimated
		amount := r.metrics[metric]
		if amount == 0 && r.quantity == 0 {
			continue
		}
		b.Lines = append(b.Lines, price.Line{Account: r.keys[0], Usage: r.keys[1], Amount: amount, Quantity: r.quantity})
		rest[owner{r.day, r.keys[0]}] -= amount
	}
	for _, o := range slices.SortedFunc(maps.Keys(rest), func(x, y owner) int {
		return cmp.Or(x.day.Compare(y.day), cmp.Compare(x.account, y.account))
	}) {
		if amount := rest[o]; amount != 0 {
			b := at(o.day)
			b.Lines = append(b.Lines, price.Line{Account: o.account, Rest: true, Amount: amount})
		}
	}
	for _, r := range purchases {
		b := at(r.day)
		b.Purchases = append(b.Purchases, price.Purchase{Way: r.keys[0], Usage: r.keys[1], Quantity: r.quantity})
	}
	out := make([]price.Bill, 0, len(byDay))
	for _, day := range slices.SortedFunc(maps.Keys(byDay), time.Time.Compare) {
		out = append(out, *byDay[day])
	}
	return out
}
