package ledger

import (
	"math"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// The units of work.
const (
	UnitReplica = "replica-hour"
	UnitNode    = "node-hour of the group"
	UnitVolume  = "volume-day"
)

const (
	// BaselineDays are the days before approval that a baseline is made of, when they are known.
	BaselineDays = 14
	recentDays   = 3 // of them, that show whether a group of nodes has already become smaller

	hoursOfDay = 24
	gib        = 1 << 30

	// WeakSpread is the CV(RMSE) above which ASHRAE Guideline 14 would not take a model of days; what was measured against such a
	// baseline is kept, with the wide bounds that come of it.
	WeakSpread = 0.25
)

// Use is what the target of a finding used on one day (UTC), and what there was to use.
type Use struct {
	Day   time.Time `json:"day"`
	Work  float64   `json:"work"`  // replica-hours of the container; node-hours of the group; 1 for a volume
	Units float64   `json:"units"` // core-hours or GiB-hours that the container's replicas requested; days that the volume was there
	Seen  float64   `json:"seen"`  // the share in (0,1] of the day that was seen; what was not is taken to be like the rest
	Gone  bool      `json:"gone"`  // the node was not there any more on that day
	Least float64   `json:"least"` // of Work, node-hours that are the group's for certain; Work has those that may be
	At    time.Time `json:"at"`    // when it was asked for

	Capacity  float64  `json:"capacity,omitempty"`  // core-hours or GiB-hours that all nodes of the cluster had
	Requested float64  `json:"requested,omitempty"` // of them, that pods had requested or used
	Cores     float64  `json:"cores,omitempty"`     // of the node
	GiB       float64  `json:"gib,omitempty"`
	Members   []string `json:"members,omitempty"`   // nodes that are known to be the group's
	Uncovered *float64 `json:"uncovered,omitempty"` // hours of the node's instance type that no commitment paid for, by the bills of its account
}

// Freeze makes the baseline of a finding as it is at approval, from what its target used on whole days before. It is IPMVP's option
// of isolating what is changed: cost per unit of work, which later days' work is multiplied by to say what they would have cost.
//
//   - A request: replica-hours, each at the request times the price of a core or GiB for an hour.
//   - A node: node-hours of its group, each at the node's price. Work is what the group had a day for certain: on average, or on the
//     last days when that was less.
//   - A volume: volume-days, each at a day's part of what is saved a month, which is net of its snapshot.
//
// Spread is the coefficient of variation of the root mean square error, CV(RMSE) of ASHRAE Guideline 14, of the days against the
// model. It fails with engine.Invalid where there is no price, and with engine.Unavailable for a node of which no day is known.
func Freeze(f engine.Finding, days []Use, at time.Time) (engine.Baseline, error) {
	days = before(days, at)
	b := engine.Baseline{Days: float64(len(days)), Covered: f.Basis.Covered}
	if n := len(days); n > 0 {
		b.From, b.To = days[0].Day, days[n-1].Day.Add(oneDay)
	} else {
		b.From, b.To = at, at
	}
	if f.Basis.Source == engine.PriceUnknown {
		return b, engine.Errorf(engine.Invalid, "nobody knows the price of %s", f.Target)
	}
	switch {
	case f.Sizing != nil:
		return freezeRequest(b, *f.Sizing, days)
	case f.Node != nil:
		return freezeNode(b, f, days)
	case f.Volume != nil && f.Monthly > 0:
		b.Unit, b.PerUnit, b.Work = UnitVolume, perDay(f.Monthly), 1
		return b, nil
	}
	return b, engine.Errorf(engine.Invalid, "a finding of kind %q of %s has nothing to measure", f.Kind, f.Monthly)
}

// before gives the last days that ended before a time, oldest first.
func before(days []Use, at time.Time) []Use {
	days = slices.DeleteFunc(slices.Clone(days), func(u Use) bool { return u.Day.Add(oneDay).After(at) || !(u.Seen > 0) })
	slices.SortFunc(days, func(a, b Use) int { return a.Day.Compare(b.Day) })
	return days[max(0, len(days)-BaselineDays):]
}

func freezeRequest(b engine.Baseline, s engine.Sizing, days []Use) (engine.Baseline, error) {
	if s.Unit <= 0 || s.Old <= 0 {
		return b, engine.Errorf(engine.Invalid, "a request of %d at %s has no cost", s.Old, s.Unit)
	}
	b.Unit, b.Price = UnitReplica, s.Unit
	b.PerUnit, b.After = s.Unit.Times(amountOf(s.Resource, s.Old)), s.Unit.Times(amountOf(s.Resource, s.New))
	b.Work = s.Replicas * hoursOfDay
	var actual, model []float64
	var work, capacity, requested float64
	known := 0
	for _, u := range days {
		work += u.Work
		actual, model = append(actual, u.Units*s.Unit.Dollars()), append(model, u.Work*b.PerUnit.Dollars())
		if u.Capacity > 0 && u.Requested > 0 {
			capacity, requested, known = capacity+u.Capacity, requested+u.Requested, known+1
		}
	}
	if n := len(days); n > 0 {
		b.Work = work / float64(n)
	}
	if known > 0 {
		b.Capacity, b.Requested = capacity/float64(known), requested/float64(known)
	}
	b.Spread = cvrmse(actual, model)
	return b, nil
}

// amountOf gives cores or GiB.
func amountOf(r engine.Resource, amount int64) float64 {
	if r == engine.CPU {
		return float64(amount) / 1000
	}
	return float64(amount) / gib
}

func freezeNode(b engine.Baseline, f engine.Finding, days []Use) (engine.Baseline, error) {
	b.Unit, b.Group, b.Instance = UnitNode, f.Node.Group, f.Node.Instance
	b.PerUnit = f.Monthly.Times(1.0 / engine.HoursPerMonth)
	if b.PerUnit <= 0 {
		return b, engine.Errorf(engine.Invalid, "node %s has no price", f.Target)
	}
	if len(days) == 0 {
		return b, engine.Errorf(engine.Unavailable, "nothing is known of the nodes of group %s before the approval", f.Node.Group)
	}
	var uncovered float64
	billed := 0
	var hours []float64
	for _, u := range days {
		hours = append(hours, u.Least)
		b.Cores, b.GiB = max(b.Cores, u.Cores), max(b.GiB, u.GiB)
		if u.Uncovered != nil {
			uncovered, billed = uncovered+*u.Uncovered, billed+1
		}
	}
	if billed > 0 {
		uncovered /= float64(billed)
		b.Uncovered = &uncovered
	}
	average := mean(hours)
	b.Work = min(average, mean(hours[max(0, len(hours)-recentDays):]))
	flat := make([]float64, len(hours))
	for k := range flat {
		flat[k] = average
	}
	b.Spread = cvrmse(hours, flat)
	return b, nil
}

// perDay gives a day's part of what comes to an amount a month.
func perDay(monthly engine.MicroUSD) engine.MicroUSD {
	return monthly.Times(float64(hoursOfDay) / engine.HoursPerMonth)
}

// cvrmse is sqrt(sum((actual - model)^2) / (n - 1)) over the mean of the actual; 0 for less than two days or for nothing.
func cvrmse(actual, model []float64) float64 {
	n := len(actual)
	if n < 2 {
		return 0
	}
	sum := 0.0
	for k := range actual {
		sum += (actual[k] - model[k]) * (actual[k] - model[k])
	}
	if m := mean(actual); m > 0 {
		return math.Sqrt(sum/float64(n-1)) / m
	}
	return 0
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
