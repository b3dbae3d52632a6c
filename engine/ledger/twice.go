package ledger

import (
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// twice is at most how much of what requests freed is the cash of nodes as well. A node that was found idle after a request in its
// cluster was lowered may be idle thanks to that: its cash of a day is then what was freed, realised. One that was found before owes
// it nothing. What one node realised, no other does.
//
// Nobody knows what the node would have been without: so it is a bound, told beside the sums and not taken off them. Both chains did
// what they promised, which is what a detector is judged by.
func twice(byChain map[string][]engine.LedgerEntry, f engine.LedgerFilter) engine.MicroUSD {
	type pool struct {
		cluster string
		day     time.Time
	}
	type part struct {
		at     time.Time // that the request was live, or the node was found
		amount engine.MicroUSD
	}
	freed, cash := map[pool][]part{}, map[pool][]part{}
	for _, chain := range byChain {
		of, from := freed, engine.EntryImplemented
		switch chain[0].Type {
		case engine.IdleNode:
			of, from = cash, engine.EntryDetected
		case engine.OverRequestedCPU, engine.OverRequestedMemory:
		case engine.OrphanVolume:
			continue
		}
		begun, ok := step(chain, from)
		if !ok {
			continue
		}
		for _, d := range verified(chain) {
			amount := d.Cash
			if from == engine.EntryImplemented {
				amount = d.Amount - d.Cash
			}
			if amount > 0 && inSpan(d, f) {
				p := pool{chain[0].Target.Cluster, d.Day.UTC()}
				of[p] = append(of[p], part{begun.At, amount})
			}
		}
	}
	byTime := func(a, b part) int { return a.at.Compare(b.at) }
	var sum engine.MicroUSD
	for p, nodes := range cash {
		requests, left := freed[p], engine.MicroUSD(0)
		slices.SortFunc(requests, byTime)
		slices.SortFunc(nodes, byTime)
		for _, n := range nodes {
			for len(requests) > 0 && requests[0].at.Before(n.at) {
				left, requests = left+requests[0].amount, requests[1:]
			}
			both := min(left, n.amount)
			left, sum = left-both, sum+both
		}
	}
	return sum
}
