package ledger

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	oneDay = 24 * time.Hour

	// mostMoney is more than any entry can be about: above it, a number is an error. It keeps sums far from an overflow.
	mostMoney = 1_000_000_000 * engine.USD
)

// steps are the kinds in the order in which they follow each other.
var steps = map[engine.EntryKind]int{
	engine.EntryDetected: 1, engine.EntryApproved: 2, engine.EntryImplemented: 3, engine.EntryVerified: 4, engine.EntryReversed: 5,
}

// Append says what a chain gains by an entry: the entry as it is to be kept, and whether it is to be kept at all. One that is there
// already, whatever its amounts, is not: the first stays. An approval by another proposal, of what nobody has implemented yet, is
// kept as a correction of the first, with its baseline in place of the first's.
//
// It fails with engine.Invalid for an entry that makes no sense, and with engine.Conflict for one whose turn it is not: a step
// before the one that leads to it, anything but a correction after the chain was reversed, a correction of nothing.
func Append(chain []engine.LedgerEntry, e engine.LedgerEntry) (kept engine.LedgerEntry, fresh bool, err error) {
	if err := sound(e); err != nil {
		return e, false, err
	}
	for _, old := range chain {
		if old.Chain != e.Chain {
			return e, false, engine.Errorf(engine.Invalid, "an entry of %s is none of %s", e.Chain, old.Chain)
		}
		if same(old, e) {
			if again(chain, old, e) {
				return Append(chain, approvedAgain(chain, old, e))
			}
			return old, false, nil
		}
	}
	if e.Kind == engine.EntryCorrected {
		return e, true, correctable(chain, e)
	}
	state := State(chain)
	switch {
	case state == engine.EntryReversed:
		return e, false, engine.Errorf(engine.Conflict, "%s was reversed: nothing counts after it", e.Chain)
	case e.Kind == engine.EntryVerified && steps[state] < steps[engine.EntryImplemented],
		e.Kind == engine.EntryReversed && steps[state] < steps[engine.EntryApproved],
		steps[e.Kind] <= steps[engine.EntryImplemented] && steps[state] != steps[e.Kind]-1:
		return e, false, engine.Errorf(engine.Conflict, "%s is %q: %q does not follow", e.Chain, state, e.Kind)
	case e.Kind == engine.EntryVerified && e.Day.Before(FirstDay(chain)):
		return e, false, engine.Errorf(engine.Conflict, "%s of %s was not wholly after the change", e.Day.Format(time.DateOnly), e.Chain)
	}
	return e, true, nil
}

// sound says what is wrong with an entry by itself.
func sound(e engine.LedgerEntry) error {
	for _, m := range []engine.MicroUSD{e.Amount, e.Cash, e.Low, e.High} {
		if m > mostMoney || m < -mostMoney {
			return engine.Errorf(engine.Invalid, "an entry of %s is about %s, which cannot be", e.Chain, m)
		}
	}
	_, known := steps[e.Kind]
	switch {
	case e.Chain == "":
		return engine.Errorf(engine.Invalid, "an entry needs a chain")
	case !known && e.Kind != engine.EntryCorrected:
		return engine.Errorf(engine.Invalid, "%q is no kind of entry", e.Kind)
	case e.At.IsZero():
		return engine.Errorf(engine.Invalid, "an entry needs the time at which it was written")
	case e.Kind == engine.EntryCorrected && (e.Corrects == 0 || e.Ref == ""):
		return engine.Errorf(engine.Invalid, "a correction needs the entry that it corrects, and a reference")
	case e.Kind != engine.EntryCorrected && e.Corrects != 0:
		return engine.Errorf(engine.Invalid, "only a correction corrects")
	case e.Kind == engine.EntryVerified && (e.Day.IsZero() || !e.Day.Equal(e.Day.UTC().Truncate(oneDay))):
		return engine.Errorf(engine.Invalid, "%s is no day; midnight UTC is right", e.Day.Format(time.RFC3339))
	case e.Kind != engine.EntryVerified && e.Kind != engine.EntryCorrected && !e.Day.IsZero():
		return engine.Errorf(engine.Invalid, "only what was measured has a day")
	case e.Kind == engine.EntryVerified && (e.Low > e.Amount || e.High < e.Amount || e.Cash < 0 || e.Cash > max(e.Amount, 0)):
		return engine.Errorf(engine.Invalid, "%s between %s and %s, %s of it cash: that cannot be", e.Amount, e.Low, e.High, e.Cash)
	}
	return nil
}

// same tells whether two entries of a chain stand for the same thing.
func same(a, b engine.LedgerEntry) bool {
	switch {
	case a.Kind != b.Kind:
		return false
	case a.Kind == engine.EntryVerified:
		return a.Day.Equal(b.Day)
	case a.Kind == engine.EntryCorrected:
		return a.Corrects == b.Corrects && a.Ref == b.Ref
	}
	return true
}

// again tells whether an approval is another one than the chain has.
func again(chain []engine.LedgerEntry, old, e engine.LedgerEntry) bool {
	return e.Kind == engine.EntryApproved && old.ID != 0 && e.Proposal != 0 && e.Proposal != old.Proposal &&
		State(chain) == engine.EntryApproved
}

// approvedAgain is the correction that stands for another approval.
func approvedAgain(chain []engine.LedgerEntry, old, e engine.LedgerEntry) engine.LedgerEntry {
	now := Net(chain, old)
	e.Kind, e.Corrects, e.Ref = engine.EntryCorrected, old.ID, "approved again: "+e.Ref
	e.Amount, e.Cash, e.Low, e.High = e.Amount-now.Amount, e.Cash-now.Cash, e.Low-now.Low, e.High-now.High
	return e
}

func correctable(chain []engine.LedgerEntry, e engine.LedgerEntry) error {
	k := slices.IndexFunc(chain, func(old engine.LedgerEntry) bool { return old.ID == e.Corrects })
	if k < 0 || chain[k].Kind == engine.EntryCorrected {
		return engine.Errorf(engine.Conflict, "%s has no entry %d that could be corrected", e.Chain, e.Corrects)
	}
	old := chain[k]
	if !old.Day.Equal(e.Day) {
		return engine.Errorf(engine.Invalid, "entry %d is of another day", e.Corrects)
	}
	if old.Kind != engine.EntryVerified {
		return nil
	}
	n := Net(append(slices.Clone(chain), e), old)
	if n.Low > n.Amount || n.High < n.Amount || n.Cash < 0 || n.Cash > max(n.Amount, 0) {
		return engine.Errorf(engine.Invalid, "corrected, entry %d would be %s between %s and %s, %s of it cash: that cannot be", e.Corrects, n.Amount, n.Low, n.High, n.Cash)
	}
	return nil
}

// Net is an entry with all that corrects it: amounts added, the newest baseline, proposal and work. Corrections are the same in
// whatever order they are given.
func Net(chain []engine.LedgerEntry, e engine.LedgerEntry) engine.LedgerEntry {
	newest := e.ID
	for _, c := range chain {
		if c.Kind != engine.EntryCorrected || c.Corrects != e.ID || e.ID == 0 {
			continue
		}
		e.Amount, e.Cash, e.Low, e.High = e.Amount+c.Amount, e.Cash+c.Cash, e.Low+c.Low, e.High+c.High
		if c.ID == 0 || c.ID > newest {
			newest = cmp.Or(c.ID, newest)
			e.At, e.Work = c.At, c.Work
			if e.Kind == engine.EntryApproved {
				e.Baseline, e.Proposal, e.By = c.Baseline, c.Proposal, c.By
			}
		}
	}
	return e
}

// State is the last step of a chain; "" of none.
func State(chain []engine.LedgerEntry) (state engine.EntryKind) {
	for _, e := range chain {
		if steps[e.Kind] > steps[state] {
			state = e.Kind
		}
	}
	return state
}

// step gives the entry of a kind that stands once in a chain, net of what corrects it.
func step(chain []engine.LedgerEntry, kind engine.EntryKind) (e engine.LedgerEntry, ok bool) {
	for _, e := range chain {
		if e.Kind == kind {
			return Net(chain, e), true
		}
	}
	return engine.LedgerEntry{}, false
}

// FirstDay is the first day that was wholly after the change; the zero time when nothing was implemented.
func FirstDay(chain []engine.LedgerEntry) time.Time {
	e, ok := step(chain, engine.EntryImplemented)
	if !ok {
		return time.Time{}
	}
	return e.At.UTC().Truncate(oneDay).Add(oneDay)
}

// Chains gives the chains of entries by name, each entry once and in the order in which it was kept.
func Chains(entries []engine.LedgerEntry) [][]engine.LedgerEntry {
	byName := chains(entries)
	out := make([][]engine.LedgerEntry, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, byName[name])
	}
	return out
}

// Proposal is the proposal by which a chain was approved last; 0 for none.
func Proposal(chain []engine.LedgerEntry) int64 {
	e, _ := step(chain, engine.EntryApproved)
	return e.Proposal
}

// Estimate is what a chain is to save a month, by the last step that it reached.
func Estimate(chain []engine.LedgerEntry) engine.MicroUSD {
	for _, kind := range []engine.EntryKind{engine.EntryImplemented, engine.EntryApproved, engine.EntryDetected} {
		if e, ok := step(chain, kind); ok {
			return e.Amount
		}
	}
	return 0
}
