package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// MeasuredDays is for how long a change is measured: after a year, what was there before says little of what would be.
	MeasuredDays = 365

	// changed is a cent: what a day is measured anew by less than that is no correction.
	changed = engine.USD / 100
)

// MeasureDay measures a day of all chains together, so that no dollar is in two. uses is what is known of the day, by finding; of a
// chain whose finding has none, or too little, there is a gap and no entry.
//
//   - Chains about the same thing (a request that was lowered twice, several nodes of one group) share what it cost less: the one
//     whose baseline is the newest takes what lies below that baseline, an older one only what is left up to its own.
//   - The hours beside the commitments of one instance type and account are shared the same way.
//   - Freed requests are cash as far as the cluster's nodes have less capacity than before, beyond the nodes that chains took away
//     themselves, and no more than the rest of the load explains.
//
// A day that the ledger has already is measured anew, and what comes out differently by a cent or more is a correction: bills settle
// for days.
func MeasureDay(day time.Time, entries []engine.LedgerEntry, uses map[int64]Use) ([]engine.LedgerEntry, []engine.Gap) {
	var gaps []engine.Gap
	var open []*measured
	byName := chains(entries)
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		m, ok := measurable(byName[name], day)
		if !ok {
			continue
		}
		why := func() string {
			if m.b == nil {
				return "there is no baseline: nothing is known of the days before its approval"
			}
			use, known := uses[m.chain[0].Finding]
			if !known {
				return "nothing is known of " + day.Format("2 January")
			}
			use.Day = day
			m.claim = claim{b: *m.b, use: use}
			if err := m.claim.check(); err != nil {
				return day.Format("2 January") + ": " + err.Error()
			}
			return ""
		}()
		if why != "" {
			gaps = append(gaps, engine.Gap{Collector: "savings of " + m.chain[0].Target.String(), Reason: why})
			continue
		}
		open = append(open, m)
	}
	slices.SortStableFunc(open, newestFirst)
	stack(open)
	cashOfRequests(open)
	var out []engine.LedgerEntry
	slices.SortStableFunc(open, func(a, b *measured) int { return cmp.Compare(a.chain[0].Chain, b.chain[0].Chain) })
	for _, m := range open {
		if e, ok := m.news(); ok {
			out = append(out, e)
		}
	}
	return out, gaps
}

// measured is a chain on a day.
type measured struct {
	chain []engine.LedgerEntry
	b     *engine.Baseline
	at    time.Time // of the approval
	claim claim
}

// measurable tells whether a day of a chain counts: the change was there for all of it, for a year at most, and was not taken back.
func measurable(chain []engine.LedgerEntry, day time.Time) (*measured, bool) {
	approved, ok := step(chain, engine.EntryApproved)
	first := FirstDay(chain)
	if !ok || first.IsZero() || day.Before(first) || !day.Before(first.AddDate(0, 0, MeasuredDays)) || State(chain) == engine.EntryReversed {
		return nil, false
	}
	return &measured{chain: chain, b: approved.Baseline, at: approved.At}, true
}

// newestFirst puts the newest baselines first; of those of one time, the nodes that are gone.
func newestFirst(a, b *measured) int {
	gone := func(m *measured) int {
		if m.claim.use.Gone {
			return 0
		}
		return 1
	}
	return cmp.Or(b.at.Compare(a.at), cmp.Compare(gone(a), gone(b)), cmp.Compare(a.chain[0].Chain, b.chain[0].Chain))
}

// thing names what several chains may be about.
func (m *measured) thing() string {
	first := m.chain[0]
	if m.b.Unit == UnitNode {
		return "group|" + first.Target.Cluster + "|" + m.b.Group
	}
	t := first.Target
	return string(first.Type) + "|" + t.Cluster + "|" + t.Namespace + "|" + t.Kind + "|" + t.Name + "|" + t.Container + "|" + t.Account + "|" + t.Region + "|" + t.Provider
}

// stack lets the chains claim, the newest first.
func stack(open []*measured) {
	left := map[string]int{}
	for _, m := range open {
		left[m.thing()]++
	}
	levels, uncovered := map[string]float64{}, map[string]float64{}
	for _, m := range open {
		c, thing := &m.claim, m.thing()
		billed := "hours|" + m.chain[0].Target.Account + "|" + m.chain[0].Target.Region + "|" + m.b.Instance
		c.level = c.actual()
		if level, known := levels[thing]; known {
			c.level = max(c.level, level)
		}
		if c.use.Uncovered != nil {
			c.uncovered = *c.use.Uncovered
			if hours, known := uncovered[billed]; known {
				c.uncovered = max(c.uncovered, hours)
			}
		}
		left[thing]--
		c.take(left[thing] == 0)
		levels[thing] = c.level
		if c.use.Uncovered != nil {
			uncovered[billed] = c.uncovered
		}
	}
}

// cashOfRequests says how much of the freed requests was cash: open is the newest first.
func cashOfRequests(open []*measured) {
	type pool struct {
		cluster string
		kind    engine.FindingKind
	}
	byPool := map[pool][]*measured{}
	for _, m := range open {
		if m.b.Unit == UnitReplica {
			p := pool{m.chain[0].Target.Cluster, m.chain[0].Type}
			byPool[p] = append(byPool[p], m)
		}
	}
	for p, members := range byPool {
		taken, known := takenByNodes(open, p.cluster, p.kind)
		if !known {
			continue
		}
		freed, level := 0.0, 0.0
		for _, m := range members {
			freed += m.freed()
			level = max(level, m.claim.use.Capacity)
		}
		level += taken
		for len(members) > 0 {
			n := 1
			for n < len(members) && members[n].at.Equal(members[0].at) {
				n++
			}
			level = shareCapacity(members[:n], level, freed)
			members = members[n:]
		}
	}
}

// freed is how many core-hours or GiB-hours a chain frees on the day.
func (m *measured) freed() float64 {
	return max(0, m.claim.amount.Dollars()) / m.b.Price.Dollars()
}

// shareCapacity divides, among chains that were approved together, the capacity that the cluster has less than at that time, and gives
// the level for the older ones.
func shareCapacity(members []*measured, level, freed float64) float64 {
	want, base := 0.0, -1.0
	for _, m := range members {
		b, u := m.b, m.claim.use
		if b.Capacity <= 0 || b.Requested <= 0 || u.Capacity <= 0 || u.Requested <= 0 {
			return max(level, b.Capacity) // how much there was is not known: what it is now is taken for it
		}
		// Without the change the pods of today would have needed this much; where they are fewer, the fall is not the change's.
		adjusted := min(b.Capacity, b.Capacity*(u.Requested+freed)/b.Requested)
		if base < 0 || adjusted < base {
			base = adjusted
		}
		want += m.freed()
	}
	give := min(want, max(0, base-level))
	if want <= 0 || give <= 0 {
		return level
	}
	for _, m := range members {
		c := &m.claim
		c.cash = min(max(0, c.amount), max(0, c.amount).Times(give/want*(1-c.covered())))
	}
	return level + give
}

// takenByNodes is the capacity of the nodes that chains took away themselves. known is false when the size of one is not known.
func takenByNodes(open []*measured, cluster string, kind engine.FindingKind) (taken float64, known bool) {
	for _, m := range open {
		if m.b.Unit != UnitNode || m.chain[0].Target.Cluster != cluster || m.claim.saved <= 0 {
			continue
		}
		size := m.b.Cores
		if kind == engine.OverRequestedMemory {
			size = m.b.GiB
		}
		if size <= 0 {
			return 0, false
		}
		taken += size * m.claim.saved
	}
	return taken, true
}

// news is the entry of a day that the ledger lacks, or the correction of the one that it has.
func (m *measured) news() (engine.LedgerEntry, bool) {
	e := m.claim.entry()
	first := m.chain[0]
	e.Chain, e.Finding, e.Type, e.Target, e.Team = first.Chain, first.Finding, first.Type, first.Target, first.Team
	if approved, ok := step(m.chain, engine.EntryApproved); ok {
		e.Proposal = approved.Proposal
	}
	for _, old := range m.chain {
		if old.Kind != engine.EntryVerified || !old.Day.Equal(e.Day) {
			continue
		}
		now := Net(m.chain, old)
		if far(now.Amount, e.Amount) || far(now.Cash, e.Cash) {
			return correction(m.chain, old, now, e), true
		}
		return e, false
	}
	return e, true
}

func far(a, b engine.MicroUSD) bool { return a-b >= changed || b-a >= changed }

// correction makes the net of old what was measured anew. Its reference counts the corrections of a day: two who measure at the same
// time write the same one, and it is kept once.
func correction(chain []engine.LedgerEntry, old, now, e engine.LedgerEntry) engine.LedgerEntry {
	n := 1
	for _, c := range chain {
		if c.Kind == engine.EntryCorrected && c.Corrects == old.ID {
			n++
		}
	}
	e.Kind, e.Corrects = engine.EntryCorrected, old.ID
	e.Ref = fmt.Sprintf("measured anew, %d", n)
	e.Amount, e.Cash, e.Low, e.High = e.Amount-now.Amount, e.Cash-now.Cash, e.Low-now.Low, e.High-now.High
	return e
}
