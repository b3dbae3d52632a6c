package change

import (
	"math"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	nearMoney    = 0.05  // of what was shown
	nearBacktest = 0.005 // of the samples
)

// Alike tells whether a draft that was made anew may go on as the one that people are shown: the same edit for the same reasons, where
// nothing but numbers differ that move a little with every scan. Money may be up to a twentieth more or less; how often the request
// would have been too small, half a percent of the samples more; no kill more. shown is always the one that stands, so that many little
// steps are seen as the large one that they come to.
func Alike(shown, fresh engine.ProposalItem) bool {
	if !nearly(shown, fresh) {
		return false
	}
	fresh.Monthly, fresh.Backtest = shown.Monthly, shown.Backtest
	fresh.Basis.AsOf, fresh.Basis.Note = shown.Basis.AsOf, shown.Basis.Note
	fresh.Basis.Ratio, fresh.Basis.Covered = shown.Basis.Ratio, shown.Basis.Covered
	fresh.Removal = priced(fresh.Removal, shown.Removal)
	return ItemHash(shown) == ItemHash(fresh)
}

func nearly(shown, fresh engine.ProposalItem) bool {
	if !near(shown.Monthly, fresh.Monthly) {
		return false
	}
	if r, f := shown.Removal, fresh.Removal; r != nil && f != nil && (!near(r.Whole, f.Whole) || !near(r.Snapshot, f.Snapshot)) {
		return false
	}
	a, b := shown.Backtest, fresh.Backtest
	if a == nil || b == nil {
		return a == b
	}
	return b.Kills <= a.Kills && b.Over <= a.Over+nearBacktest
}

func near(was, is engine.MicroUSD) bool {
	return math.Abs(is.Dollars()-was.Dollars()) <= nearMoney*math.Abs(was.Dollars())
}

// priced is a removal at the prices that people are shown.
func priced(fresh, shown *engine.Removal) *engine.Removal {
	if fresh == nil || shown == nil {
		return fresh
	}
	r := *fresh
	r.Whole, r.Snapshot = shown.Whole, shown.Snapshot
	return &r
}
