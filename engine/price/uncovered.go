package price

import (
	"math"
	"slices"
)

// Uncovered gives how many hours of an instance type were bought beside commitments, or at the Spot price, by the whole of a bill's
// payer. known is false when the bill does not say of any usage how it was bought, or is none of the account's.
func (b Bill) Uncovered(account, region, instance string, spot bool) (hours float64, known bool) {
	if len(b.Purchases) == 0 || !slices.ContainsFunc(b.Lines, func(l Line) bool { return l.Account == account }) {
		return 0, false
	}
	kind := nodeUsage
	if spot {
		kind = spotUsage
	}
	for _, p := range b.Purchases {
		u := parseUsage(p.Usage)
		if u.kind == kind && u.region == region && u.of == instance && !p.Committed() && p.Quantity > 0 && !math.IsInf(p.Quantity, 0) {
			hours += p.Quantity
		}
	}
	return hours, true
}
