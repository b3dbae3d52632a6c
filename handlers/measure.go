package handlers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

const (
	measureLag  = 3 * time.Hour // after midnight UTC, before the day that is over is measured: by then its series are all there
	catchUp     = ledger.BaselineDays
	settleDays  = 5               // for which a bill may still change what was cash
	askAgain    = 12 * time.Hour  // of a day of which nothing was known
	learnWithin = 3 * time.Minute // of one look; the next goes on with the days that are left
)

// SavingsLedger keeps what became of findings, and what their targets used.
type SavingsLedger interface {
	ToMeasure(ctx context.Context) ([]engine.Finding, error)
	Uses(ctx context.Context, from, to time.Time) (map[int64][]ledger.Use, error)
	SaveUses(ctx context.Context, uses map[int64][]ledger.Use) error
	Bills(ctx context.Context, from, to time.Time) ([]price.Bill, error)

	OpenChains(ctx context.Context) ([]engine.LedgerEntry, error)
	AppendLedger(ctx context.Context, entries []engine.LedgerEntry) error
	Verified(ctx context.Context, proposal int64, entries []engine.LedgerEntry, line string) (engine.Proposal, error)
	Reversed(ctx context.Context, proposal int64, by engine.Person, reason string) (engine.Proposal, error)

	Ledger(ctx context.Context, f engine.LedgerFilter) (engine.Ledger, error)
	LedgerEntries(ctx context.Context, f engine.LedgerFilter) ([]engine.LedgerEntry, error)
}

// ReplicaUse is what containers requested on a day: Seen is the share of the day that is known, and nothing is when it is 0.
type ReplicaUse struct {
	Seen float64
	Of   map[waste.ContainerKey]ReplicaHours
	Gaps []engine.Gap
}

// ReplicaHours are replicas times hours, and what they requested for these.
type ReplicaHours struct{ Hours, CPUHours, GiBHours float64 }

// measuring is one look at what the last days used and saved.
type measuring struct {
	*Handlers
	store    SavingsLedger
	from, to time.Time // the days: from the first to before the last
	findings []engine.Finding
	uses     map[int64][]ledger.Use
	bills    []price.Bill
	gaps     []engine.Gap
}

// measure asks what the targets of findings used on the last days, as far as it is not known, and measures against the frozen
// baselines what came of the changes. It may be asked as often as one likes: a day is asked for once, unless nothing was known of it,
// and measured anew while its bill settles. A day that is missed is made up for within two weeks.
func (h *Handlers) measure(ctx context.Context, _ engine.Task) error {
	m := &measuring{Handlers: h, store: h.Waste.Ledger}
	m.to = h.Now().UTC().Add(-measureLag).Truncate(oneDay)
	m.from = m.to.AddDate(0, 0, -catchUp)
	var err error
	if m.findings, err = m.store.ToMeasure(ctx); err != nil || len(m.findings) == 0 {
		return err
	}
	if m.uses, err = m.store.Uses(ctx, m.from, m.to); err != nil {
		return err
	}
	if m.bills, err = m.store.Bills(ctx, m.from, m.to); err != nil {
		return err
	}
	if err := m.learn(ctx); err != nil {
		return err
	}
	if err := m.settle(ctx); err != nil {
		return err
	}
	if err := m.verify(ctx); err != nil {
		return err
	}
	return m.reverse(ctx)
}

// days gives the days, the newest first: what is measured next is worth more than what makes a baseline longer.
func (m *measuring) days() (all []time.Time) {
	for day := m.to.AddDate(0, 0, -1); !day.Before(m.from); day = day.AddDate(0, 0, -1) {
		all = append(all, day)
	}
	return all
}

// use gives what is known of a day of a finding.
func (m *measuring) use(finding int64, day time.Time) (ledger.Use, bool) {
	k := slices.IndexFunc(m.uses[finding], func(u ledger.Use) bool { return u.Day.Equal(day) })
	if k < 0 {
		return ledger.Use{}, false
	}
	return m.uses[finding][k], true
}

// wanted gives the findings of which a day is to be asked for.
func (m *measuring) wanted(day time.Time) (all []engine.Finding) {
	for _, f := range m.findings {
		u, known := m.use(f.ID, day)
		if !known || u.Seen < ledger.MinSeen && m.Now().Sub(u.At) > askAgain {
			all = append(all, f)
		}
	}
	return all
}

// learn asks for the days that are not known, as far as time allows.
func (m *measuring) learn(ctx context.Context) error {
	asking, done := context.WithTimeout(ctx, learnWithin)
	defer done()
	var now *costUse
	for _, day := range m.days() {
		wanted := m.wanted(day)
		if len(wanted) == 0 {
			continue
		}
		if now == nil {
			now = m.listForCosts(asking)
			m.gaps = append(m.gaps, now.gaps...)
		}
		learnt := map[int64][]ledger.Use{}
		for k := range now.snapshot.Clusters {
			m.learnCluster(asking, now, k, day, wanted, learnt)
		}
		m.learnVolumes(now, day, wanted, learnt)
		if err := m.keep(ctx, learnt); err != nil {
			return err
		}
		if asking.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// keep saves what was learnt.
func (m *measuring) keep(ctx context.Context, learnt map[int64][]ledger.Use) error {
	if len(learnt) == 0 {
		return nil
	}
	for id, uses := range learnt {
		for _, u := range uses {
			m.uses[id] = append(slices.DeleteFunc(m.uses[id], func(old ledger.Use) bool { return old.Day.Equal(u.Day) }), u)
		}
	}
	return m.store.SaveUses(ctx, learnt)
}

// settle adds to the days what their bills say, which come later and change for a while.
func (m *measuring) settle(ctx context.Context) error {
	learnt := map[int64][]ledger.Use{}
	for _, f := range m.findings {
		if f.Node == nil {
			continue
		}
		for _, u := range m.uses[f.ID] {
			hours, known := m.uncovered(f, u.Day)
			if u.Seen >= ledger.MinSeen && known && (u.Uncovered == nil || *u.Uncovered != hours) {
				u.Uncovered = &hours
				learnt[f.ID] = append(learnt[f.ID], u)
			}
		}
	}
	return m.keep(ctx, learnt)
}

// uncovered gives the hours of a node's instance type that the payer of its account bought beside commitments on a day.
func (m *measuring) uncovered(f engine.Finding, day time.Time) (hours float64, known bool) {
	account, region := f.Target.Account, f.Target.Region
	for _, c := range m.Waste.Clusters {
		if c.Name == f.Target.Cluster && account == "" {
			account, region = c.Account, c.Region
		}
	}
	for _, b := range m.bills {
		if b.Day.Equal(day) && !known {
			hours, known = b.Uncovered(account, region, f.Node.Instance, f.Node.Spot)
		}
	}
	return hours, known
}

// verify measures the days and has what comes of them kept: proposal by proposal, so that each tells its own thread.
func (m *measuring) verify(ctx context.Context) error {
	entries, err := m.store.OpenChains(ctx)
	if err != nil || len(entries) == 0 {
		return err
	}
	first := m.to.AddDate(0, 0, -settleDays)
	var problems []error
	for day := m.from; day.Before(m.to); day = day.AddDate(0, 0, 1) {
		uses := map[int64]ledger.Use{}
		for id := range m.uses {
			if u, known := m.use(id, day); known {
				uses[id] = u
			}
		}
		news, gaps := ledger.MeasureDay(day, entries, uses)
		news = slices.DeleteFunc(news, func(e engine.LedgerEntry) bool { return e.Kind == engine.EntryCorrected && day.Before(first) })
		m.gaps = append(m.gaps, gaps...)
		problems = append(problems, m.enter(ctx, news))
	}
	m.complain(ctx)
	return errors.Join(problems...)
}

// complain logs what could not be measured: once a day, however often that is tried, and once for all the days of a thing.
func (m *measuring) complain(ctx context.Context) {
	times := map[string]int{}
	for _, g := range m.gaps {
		times[g.Collector]++
	}
	for _, g := range m.gaps {
		if m.Waste.complained.fresh(g.Collector, m.Now()) {
			m.Log.WarnContext(ctx, "a saving could not be measured; the ledger counts its days as missing", "what", g.Collector, "why", g.Reason, "times", times[g.Collector])
		}
	}
}

// daily remembers what was said, so that it is not said again within a day.
type daily struct {
	mu   sync.Mutex
	said map[string]time.Time
}

// fresh tells whether something was not said within a day, and takes it as said.
func (d *daily) fresh(what string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.said, func(_ string, at time.Time) bool { return now.Sub(at) >= oneDay })
	if _, known := d.said[what]; known {
		return false
	}
	if d.said == nil {
		d.said = map[string]time.Time{}
	}
	d.said[what] = now
	return true
}

// enter keeps entries of one day.
func (m *measuring) enter(ctx context.Context, news []engine.LedgerEntry) error {
	byProposal := map[int64][]engine.LedgerEntry{}
	var proposals []int64
	for _, e := range news {
		e.At = m.Now()
		if byProposal[e.Proposal] == nil {
			proposals = append(proposals, e.Proposal)
		}
		byProposal[e.Proposal] = append(byProposal[e.Proposal], e)
	}
	var problems []error
	for _, id := range proposals {
		of := byProposal[id]
		if id == 0 {
			problems = append(problems, m.store.AppendLedger(ctx, of))
			continue
		}
		_, err := m.store.Verified(ctx, id, of, savedLine(of))
		if engine.CodeOf(err) == engine.Conflict {
			// The proposal is over, as when its revert was merged, and tells nobody any more. What was measured before counts.
			m.Log.InfoContext(ctx, "a proposal cannot be verified", "proposal", id, "error", err)
			err = m.store.AppendLedger(ctx, of)
		}
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// savedLine says in a line what a proposal saved on a day.
func savedLine(entries []engine.LedgerEntry) string {
	var amount, cash, low, high engine.MicroUSD
	for _, e := range entries {
		amount, cash, low, high = amount+e.Amount, cash+e.Cash, low+e.Low, high+e.High
	}
	return fmt.Sprintf("Measured: %s saved on %s (90 %%: %s to %s), %s of it off the bill and %s freed capacity.",
		amount, entries[0].Day.Format("2 January"), low, high, cash, amount-cash)
}

// reverse ends the chains whose waste has come back. A proposal of which nothing is left is reversed.
func (m *measuring) reverse(ctx context.Context) error {
	entries, err := m.store.OpenChains(ctx)
	if err != nil {
		return err
	}
	byProposal := map[int64]map[string][]engine.LedgerEntry{}
	for _, c := range ledger.Chains(entries) {
		id := ledger.Proposal(c)
		if byProposal[id] == nil {
			byProposal[id] = map[string][]engine.LedgerEntry{}
		}
		byProposal[id][c[0].Chain] = c
	}
	var problems []error
	for id, of := range byProposal {
		var ends []engine.LedgerEntry
		for name, c := range of {
			if reason, back := ledger.Returned(c); back {
				ends = append(ends, engine.LedgerEntry{
					Chain: name, Kind: engine.EntryReversed, At: m.Now(), Proposal: id, Amount: ledger.Estimate(c), Ref: "it came back: " + reason,
				})
			}
		}
		if len(ends) == 0 {
			continue
		}
		slices.SortFunc(ends, func(a, b engine.LedgerEntry) int { return cmp.Compare(a.Chain, b.Chain) })
		if id != 0 && len(ends) == len(of) {
			_, err := m.store.Reversed(ctx, id, engine.Person{}, ends[0].Ref)
			if engine.CodeOf(err) != engine.Conflict {
				problems = append(problems, err)
				continue
			}
		}
		problems = append(problems, m.store.AppendLedger(ctx, ends))
	}
	return errors.Join(problems...)
}
