package ledger

import (
	"fmt"
	"math"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	// MinSeen is the share of a day that must have been seen for the day to be measured.
	MinSeen = 0.5
	// unmeasured is the share of the adjusted baseline that an error is taken to be where a baseline has less than two days.
	unmeasured = 0.1
	// sampled is how far a day's work can be off that is looked at 96 times.
	sampled = 1.0 / 96
)

// student is the quantile of Student's t that leaves 90 % in the middle, by degrees of freedom from 1.
var student = []float64{6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761}

// claim is what a chain says that it saved on a day: the adjusted baseline (what a unit of work cost before, times the work of the day)
// less what the day cost, at the baseline's prices.
//
// Freed capacity is the amount less the cash. A volume that is gone, and a node-hour that its group no longer has, is cash, but for what
// commitments pay for whether it is used or not: that is cash only as far as the hours that the bills show beside the commitments
// became fewer, or, without bills, in the share that was not covered. Requests are never cash by themselves; see MeasureDay.
//
// Its bounds hold 90 % of the uncertainty: that of a new day against the mean of n, t * CV(RMSE) * sqrt(1 + 1/n), as in IPMVP and
// ASHRAE Guideline 14, together with the error of looking at the day every quarter of an hour, and the part of it that was not seen.
type claim struct {
	b         engine.Baseline
	use       Use
	level     float64 // what the day had before this claim: core-hours or GiB-hours, node-hours, volume-days
	uncovered float64 // node-hours that no commitment paid for, before this claim
	saved     float64 // hours that nodes are gone, volume-days
	amount    engine.MicroUSD
	cash      engine.MicroUSD
	cashHours float64
}

func (c *claim) check() error {
	u := c.use
	for _, v := range []float64{u.Work, u.Units, u.Capacity, u.Requested} {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return engine.Errorf(engine.Unavailable, "what is known of the day makes no sense")
		}
	}
	if !(u.Seen >= MinSeen) {
		return engine.Errorf(engine.Unavailable, "%.0f %% of the day was seen, which is too little", 100*max(0, u.Seen))
	}
	switch {
	case c.b.Unit == UnitReplica && c.b.Price > 0, c.b.Unit == UnitNode, c.b.Unit == UnitVolume:
		return nil
	}
	return engine.Errorf(engine.Invalid, "a baseline in %q at %s cannot be measured", c.b.Unit, c.b.Price)
}

// actual is what the day had: core-hours or GiB-hours that were requested, node-hours, volume-days.
func (c *claim) actual() float64 {
	if c.b.Unit == UnitNode {
		return c.use.Work
	}
	return c.use.Units
}

// base is what the day would have had without the change, in the same units.
func (c *claim) base() float64 {
	switch c.b.Unit {
	case UnitReplica:
		return c.b.PerUnit.Dollars() / c.b.Price.Dollars() * c.use.Work
	case UnitNode:
		return c.b.Work
	default:
		return c.use.Work
	}
}

// take claims what lies between the baseline and the level, and raises the level by it. Only the last of the claims on one thing may
// be below zero: a request that was raised above what it was costs more once. A node is one node, whatever else its group lost.
func (c *claim) take(last bool) {
	switch c.b.Unit {
	case UnitReplica:
		difference := c.base() - c.level
		if !last {
			difference = max(0, difference)
		}
		c.amount, c.level = c.b.Price.Times(difference), max(c.level, c.base())
	case UnitNode:
		c.saved = min(hoursOfDay, max(0, c.base()-c.level))
		c.amount, c.level = c.b.PerUnit.Times(c.saved), c.level+c.saved
		c.cash = c.amount.Times(1 - c.covered())
		if c.b.Uncovered != nil && c.use.Uncovered != nil {
			c.cashHours = min(c.saved, max(0, *c.b.Uncovered-c.uncovered))
			c.uncovered += c.cashHours
			c.cash = min(c.amount, c.b.PerUnit.Times(c.cashHours))
		}
	default:
		c.saved = max(0, c.base()-c.level)
		c.amount, c.level = c.b.PerUnit.Times(c.saved), c.level+c.saved
		c.cash = c.amount
	}
}

func (c *claim) covered() float64 { return min(1, max(0, c.b.Covered)) }

// entry is the claim as the ledger has it.
func (c *claim) entry() engine.LedgerEntry {
	e := engine.LedgerEntry{
		Kind: engine.EntryVerified, Day: c.use.Day, Amount: c.amount, Cash: min(c.cash, max(0, c.amount)), Work: c.use.Work,
	}
	half := c.half()
	e.Low, e.High = e.Amount-half, e.Amount+half
	if c.b.Unit != UnitReplica { // what is there or not saves between nothing and all of it
		whole := c.b.PerUnit
		if c.b.Unit == UnitNode {
			whole *= hoursOfDay
		}
		e.Low, e.High = min(e.Amount, max(e.Low, 0)), max(e.Amount, min(e.High, whole))
	}
	return e
}

// half is half the width of the interval that holds 90 %.
func (c *claim) half() engine.MicroUSD {
	adjusted := c.b.PerUnit.Dollars() * c.base()
	if c.b.Unit == UnitReplica {
		adjusted = c.b.Price.Dollars() * c.base()
	}
	model := unmeasured * adjusted
	if n := c.b.Days; n >= 2 {
		t := student[min(int(n)-1, len(student))-1]
		model = t * c.b.Spread * adjusted * math.Sqrt(1+1/n)
	}
	if c.b.Unit == UnitVolume {
		model = 0 // it is there or it is not
	} else {
		model = math.Hypot(model, sampled*adjusted)
	}
	unseen := (1 - min(1, c.use.Seen)) * c.amount.Dollars()
	return engine.Dollars(min(math.Hypot(model, unseen), mostMoney.Dollars()/2))
}

// Planned is what a chain would save on a day if everything came as it was planned.
func Planned(b engine.Baseline, work float64) engine.MicroUSD {
	switch b.Unit {
	case UnitReplica:
		return (b.PerUnit - b.After).Times(work)
	case UnitNode:
		return b.PerUnit * hoursOfDay
	default:
		return b.PerUnit
	}
}

const (
	returnedShare = 0.1 // of what was planned: a day that saved less saved nothing
	nodeDays      = 3   // that a node must be back: a group may be larger for a day because of its load, or while it is renewed
)

// Returned tells whether the waste of a chain has come back, and in which words: the request is what it was, the group has its nodes
// again, the volume is there. It goes by the newest days that were measured.
func Returned(chain []engine.LedgerEntry) (why string, back bool) {
	if State(chain) != engine.EntryVerified && State(chain) != engine.EntryImplemented {
		return "", false
	}
	approved, ok := step(chain, engine.EntryApproved)
	if !ok || approved.Baseline == nil {
		return "", false
	}
	b := *approved.Baseline
	days := verified(chain)
	want := 1
	if b.Unit == UnitNode {
		want = nodeDays
	}
	if len(days) < want {
		return "", false
	}
	last := days[len(days)-want:]
	for k, d := range last {
		planned := Planned(b, d.Work)
		if planned <= 0 || float64(d.Amount) >= returnedShare*float64(planned) || !d.Day.Equal(last[0].Day.AddDate(0, 0, k)) {
			return "", false
		}
	}
	on := last[want-1].Day.Format("2 January")
	switch b.Unit {
	case UnitReplica:
		return fmt.Sprintf("on %s the request was what it had been", on), true
	case UnitNode:
		return fmt.Sprintf("by %s the group had had its nodes again for %d days", on, nodeDays), true
	default:
		return fmt.Sprintf("on %s the volume was there", on), true
	}
}

// verified gives the measured days of a chain, net, oldest first.
func verified(chain []engine.LedgerEntry) (days []engine.LedgerEntry) {
	corrections := correctionsOf(chain)
	for _, e := range chain {
		if e.Kind == engine.EntryVerified {
			days = append(days, Net(corrections, e))
		}
	}
	slices.SortFunc(days, func(a, b engine.LedgerEntry) int { return a.Day.Compare(b.Day) })
	return days
}
