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
	return ItemHash(shown) == ItemHash(fresh)
}

func nearly(shown, fresh engine.ProposalItem) bool {
	was := shown.Monthly.Dollars()
	if math.Abs(fresh.Monthly.Dollars()-was) > nearMoney*math.Abs(was) {
		return false
	}
	a, b := shown.Backtest, fresh.Backtest
	if a == nil || b == nil {
		return a == b
	}
	return b.Kills <= a.Kills && b.Over <= a.Over+nearBacktest
}
