package incident

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// merged is what an observation changed among an incident's signals.
type merged struct {
	begun []engine.Signal // new ones, and ended ones that fire again
}

// merge takes signals into the draft: new ones are added, known ones brought up to date, and, when the observation is
// complete, those of its source that it does not list are ended.
func merge(d *draft, signals []engine.Signal, o engine.Observation) merged {
	var m merged
	for _, n := range signals {
		k := find(d.i.Signals, n)
		if k < 0 {
			if n.Firing() {
				d.put(-1, n)
				m.begun = append(m.begun, n)
			}
			continue
		}
		old := d.i.Signals[k]
		switch {
		case old.Firing() && n.Firing():
			if old.StartsAt.Before(n.StartsAt) {
				n.StartsAt = old.StartsAt
			}
			if !same(old, n) {
				d.put(k, n)
			}
		case n.Firing():
			d.put(k, n)
			m.begun = append(m.begun, n)
		case old.Firing() && n.EndsAt.After(old.StartsAt): // an older end is of an earlier time that it fired
			old.EndsAt = n.EndsAt
			d.put(k, old)
		}
	}
	if !o.Complete {
		return m
	}
	end := o.At
	if end.IsZero() {
		end = d.now
	}
	for k, s := range d.i.Signals {
		if s.Source == o.Source && s.Firing() && find(signals, s) < 0 {
			s.EndsAt = end
			if !end.After(s.StartsAt) { // clocks differ
				s.EndsAt = s.StartsAt.Add(time.Millisecond)
			}
			d.put(k, s)
		}
	}
	return m
}

// put adds a signal, or replaces the one at k.
func (d *draft) put(k int, s engine.Signal) {
	if k < 0 {
		d.i.Signals = append(d.i.Signals, s)
	} else {
		d.i.Signals[k] = s
	}
	if k := find(d.plan.Signals, s); k < 0 {
		d.plan.Signals = append(d.plan.Signals, s)
	} else {
		d.plan.Signals[k] = s
	}
	d.changed = true
}

func find(signals []engine.Signal, s engine.Signal) int {
	return slices.IndexFunc(signals, func(o engine.Signal) bool { return o.Source == s.Source && o.ID == s.ID })
}

func firing(signals []engine.Signal) bool { return slices.ContainsFunc(signals, engine.Signal.Firing) }

func ofAlert(s engine.Signal) bool { return s.Source == engine.SourceAlert }

func alertBorn(signals []engine.Signal) bool {
	return slices.ContainsFunc(signals, func(s engine.Signal) bool { return ofAlert(s) && s.Firing() })
}

// same compares signals as a database would: instants by the microsecond, and no labels like empty labels.
func same(a, b engine.Signal) bool {
	if !maps.Equal(a.Labels, b.Labels) || !sameTime(a.StartsAt, b.StartsAt) || !sameTime(a.EndsAt, b.EndsAt) {
		return false
	}
	a.Labels, a.StartsAt, a.EndsAt = b.Labels, b.StartsAt, b.EndsAt
	return reflect.DeepEqual(a, b)
}

func sameTime(a, b time.Time) bool {
	return a.IsZero() == b.IsZero() && a.Truncate(time.Microsecond).Equal(b.Truncate(time.Microsecond))
}

// sortSignals puts the firing ones first, each by start.
func sortSignals(signals []engine.Signal) {
	slices.SortStableFunc(signals, func(a, b engine.Signal) int {
		if a.Firing() != b.Firing() {
			if a.Firing() {
				return -1
			}
			return 1
		}
		return cmp.Or(a.StartsAt.Compare(b.StartsAt), strings.Compare(a.ID, b.ID))
	})
}
