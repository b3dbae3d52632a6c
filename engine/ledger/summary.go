package ledger

import "github.com/eks-autopilot/autopilot/engine"

// Summary is what a digest says of a filter's span: Sum by team, its shares by type and by cluster, and the way from waste to money.
// What reached a step in the span counts there, by when it did and as it was corrected by the span's end; what was measured in the
// span counts whenever its chain began. The funnel's Year is not filled in: it needs more days than the span's.
func Summary(entries []engine.LedgerEntry, f engine.LedgerFilter) (sums engine.Ledger, byType, byCluster []engine.LedgerShare, way engine.Funnel) {
	f.By = engine.LedgerByTeam
	byChain := choose(entries, f)
	lines := foldAll(byChain, f)
	sums = sum(byChain, lines, f)
	way = engine.Funnel{Verified: sums.Verified, Cash: sums.Cash, Low: sums.Low, High: sums.High, Missed: sums.Missed}
	for _, l := range lines {
		if l.Days > 0 {
			way.Chains++
			way.Promised += promised(l)
		}
		chain := byChain[l.Chain]
		for kind, into := range map[engine.EntryKind]*engine.FunnelStep{
			engine.EntryDetected: &way.Identified, engine.EntryApproved: &way.Approved,
			engine.EntryImplemented: &way.Implemented, engine.EntryReversed: &way.Reversed,
		} {
			reach(into, chain, kind, f)
		}
	}
	return sums, divide(byChain, lines, engine.LedgerByType), divide(byChain, lines, engine.LedgerByCluster), way
}

// reach counts a chain at a step that it reached in the span.
func reach(into *engine.FunnelStep, chain []engine.LedgerEntry, kind engine.EntryKind, f engine.LedgerFilter) {
	for _, e := range chain {
		if e.Kind == kind && inSpan(e, f) {
			into.Chains++
			into.Monthly += Net(chain, e).Amount
			return
		}
	}
}
