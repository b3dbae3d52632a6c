package ledger

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// mostLines is how many lines there are when the filter does not say.
const mostLines = 50

// chains gives entries by chain, each entry once, in whatever order and however often they come.
func chains(entries []engine.LedgerEntry) map[string][]engine.LedgerEntry {
	out := map[string][]engine.LedgerEntry{}
	seen := map[int64]bool{}
	for _, e := range entries {
		if e.ID != 0 && seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		out[e.Chain] = append(out[e.Chain], e)
	}
	for _, c := range out {
		slices.SortFunc(c, func(a, b engine.LedgerEntry) int { return cmp.Compare(a.ID, b.ID) })
	}
	return out
}

// choose gives what a filter chooses, by chain.
func choose(entries []engine.LedgerEntry, f engine.LedgerFilter) map[string][]engine.LedgerEntry {
	byChain := chains(entries)
	for name, chain := range byChain {
		chain = slices.DeleteFunc(chain, func(e engine.LedgerEntry) bool { return !chosen(e, f) })
		if byChain[name] = chain; len(chain) == 0 {
			delete(byChain, name)
		}
	}
	return byChain
}

// foldAll gives each chain as it stands, the newest first. What was measured counts within the filter's span, all else as far as it
// had come before its end. The same entries, in whatever order and however often they come, give the same lines.
func foldAll(byChain map[string][]engine.LedgerEntry, f engine.LedgerFilter) []engine.LedgerLine {
	var lines []engine.LedgerLine
	for name, chain := range byChain {
		lines = append(lines, fold(name, chain, f))
	}
	slices.SortFunc(lines, func(a, b engine.LedgerLine) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Finding, a.Finding), cmp.Compare(a.Chain, b.Chain))
	})
	return lines
}

// chosen tells whether an entry is what a filter asks for and was there at the end of its span.
func chosen(e engine.LedgerEntry, f engine.LedgerFilter) bool {
	return (f.Team == "" || e.Team == f.Team) && (f.Cluster == "" || e.Target.Cluster == f.Cluster) &&
		(f.Namespace == "" || e.Target.Namespace == f.Namespace) && (f.Type == "" || e.Type == f.Type) &&
		(f.To.IsZero() || when(e).Before(f.To))
}

// when is the time that an entry is about.
func when(e engine.LedgerEntry) time.Time {
	if e.Day.IsZero() {
		return e.At
	}
	return e.Day
}

// inSpan tells whether a chosen entry is not from before a filter's span.
func inSpan(e engine.LedgerEntry, f engine.LedgerFilter) bool { return !when(e).Before(f.From) }

func fold(name string, chain []engine.LedgerEntry, f engine.LedgerFilter) engine.LedgerLine {
	l := engine.LedgerLine{Chain: name, Finding: chain[0].Finding, Type: chain[0].Type, Target: chain[0].Target, Team: chain[0].Team, State: State(chain)}
	corrections := correctionsOf(chain)
	for _, e := range chain {
		if e.Kind == engine.EntryCorrected {
			continue // with what it corrects
		}
		n := Net(corrections, e)
		if n.Proposal != 0 {
			l.Proposal = n.Proposal
		}
		if e.Kind == l.State && e.At.After(l.At) {
			l.At = e.At
		}
		switch e.Kind {
		case engine.EntryVerified:
			if inSpan(e, f) {
				l.Verified, l.Cash, l.Low, l.High = l.Verified+n.Amount, l.Cash+n.Cash, l.Low+n.Low, l.High+n.High
				l.Days++
			}
		case engine.EntryImplemented:
			l.PullURL = e.Ref
			fallthrough
		case engine.EntryDetected, engine.EntryApproved:
			l.Estimated = n.Amount // the chain is in order: the last step that was reached
		case engine.EntryReversed, engine.EntryCorrected:
		}
	}
	l.Missing = max(0, expected(chain, f)-l.Days)
	return l
}

// correctionsOf are all that Net looks at: a chain of a year has few, and is not to be walked for each of its days.
func correctionsOf(chain []engine.LedgerEntry) (list []engine.LedgerEntry) {
	for _, e := range chain {
		if e.Kind == engine.EntryCorrected {
			list = append(list, e)
		}
	}
	return list
}

// expected is how many days of a filter's span should have been measured of a chain.
func expected(chain []engine.LedgerEntry, f engine.LedgerFilter) int {
	first := FirstDay(chain)
	if first.IsZero() || f.To.IsZero() {
		return 0
	}
	from, to := first, f.To
	if f.From.After(from) {
		from = f.From
	}
	if end := first.AddDate(0, 0, MeasuredDays); end.Before(to) {
		to = end
	}
	if e, ok := step(chain, engine.EntryReversed); ok && e.At.Before(to) {
		to = e.At.UTC().Truncate(oneDay)
		// What came back is found out on a day, by what was measured of the days before.
		if days := verified(chain); len(days) > 0 && days[len(days)-1].Day.Before(to) {
			to = days[len(days)-1].Day.Add(oneDay)
		}
	}
	return max(0, int(to.Sub(from)/oneDay))
}

// Sum is the ledger of what a filter chooses. Every amount is the sum of its chains': it is the same in whatever order, and however
// often, the entries come, and no dollar is in two chains. The bounds of a sum are the sums of the bounds, as if all errors went the
// same way, which is wider than they are together and never too narrow.
func Sum(entries []engine.LedgerEntry, f engine.LedgerFilter) engine.Ledger {
	byChain := choose(entries, f)
	return sum(byChain, foldAll(byChain, f), f)
}

func sum(byChain map[string][]engine.LedgerEntry, lines []engine.LedgerLine, f engine.LedgerFilter) engine.Ledger {
	sum := engine.Ledger{From: f.From, To: f.To, Lines: lines, By: cmp.Or(f.By, engine.LedgerByTeam)}
	types := map[engine.FindingKind]engine.CalibrationLine{}
	for _, l := range sum.Lines {
		for kind, into := range map[engine.EntryKind]*engine.MicroUSD{
			engine.EntryDetected: &sum.Detected, engine.EntryApproved: &sum.Approved,
			engine.EntryImplemented: &sum.Implemented, engine.EntryReversed: &sum.Reversed,
		} {
			if e, ok := step(byChain[l.Chain], kind); ok {
				*into += e.Amount
			}
		}
		sum.Verified, sum.Cash, sum.Missed = sum.Verified+l.Verified, sum.Cash+l.Cash, sum.Missed+l.Missing
		sum.Low, sum.High = sum.Low+l.Low, sum.High+l.High
		if l.Days > 0 {
			c := types[l.Type]
			c.Type, c.Chains = l.Type, c.Chains+1
			c.Estimated, c.Verified = c.Estimated+promised(l), c.Verified+l.Verified
			types[l.Type] = c
		}
	}
	sum.Freed = sum.Verified - sum.Cash
	sum.Twice = twice(byChain, f)
	for _, kind := range slices.Sorted(maps.Keys(types)) {
		c := types[kind]
		if c.Estimated > 0 {
			c.Ratio = c.Verified.Dollars() / c.Estimated.Dollars()
		}
		sum.Calibration = append(sum.Calibration, c)
	}
	sum.Shares = divide(byChain, lines, sum.By)
	limit := cmp.Or(max(f.Limit, 0), mostLines)
	if len(sum.Lines) > limit {
		sum.Lines, sum.More = sum.Lines[:limit], len(sum.Lines)-limit
	}
	return sum
}

// divide gives the shares of all lines.
func divide(byChain map[string][]engine.LedgerEntry, lines []engine.LedgerLine, by engine.LedgerBy) []engine.LedgerShare {
	shares := map[string]engine.LedgerShare{}
	for _, l := range lines {
		name := shareOf(l, by)
		shares[name] = addTo(shares[name], name, l, byChain[l.Chain])
	}
	return slices.SortedFunc(maps.Values(shares), func(a, b engine.LedgerShare) int {
		return cmp.Or(cmp.Compare(b.Verified, a.Verified), cmp.Compare(b.Detected, a.Detected), cmp.Compare(a.Name, b.Name))
	})
}

// promised is what a chain's estimate comes to for the days that were measured.
func promised(l engine.LedgerLine) engine.MicroUSD {
	return l.Estimated.Times(float64(l.Days*hoursOfDay) / engine.HoursPerMonth)
}

// shareOf says in which share a chain belongs.
func shareOf(l engine.LedgerLine, by engine.LedgerBy) string {
	switch by {
	case engine.LedgerByNamespace:
		return l.Target.Namespace
	case engine.LedgerByCluster:
		return l.Target.Cluster
	case engine.LedgerByType:
		return string(l.Type)
	default:
		return l.Team
	}
}

func addTo(s engine.LedgerShare, name string, l engine.LedgerLine, chain []engine.LedgerEntry) engine.LedgerShare {
	s.Name, s.Verified, s.Cash = name, s.Verified+l.Verified, s.Cash+l.Cash
	if e, ok := step(chain, engine.EntryDetected); ok {
		s.Detected += e.Amount
	}
	if e, ok := step(chain, engine.EntryImplemented); ok {
		s.Implemented += e.Amount
	}
	return s
}
