package digest

import (
	"github.com/eks-autopilot/autopilot/engine"
)

// The kinds of cost rows that are said by themselves, as package price names them.
const (
	kindIdle          = "idle"
	kindShared        = "shared"
	kindOutside       = "outside"
	kindUnallocatable = "unallocatable"
	kindAdjustment    = "adjustment"
)

// spend adds up what the period cost. What is shared and has a team was divided: it is that team's, not Shared's.
func spend(f Facts) engine.Spend {
	var s engine.Spend
	var owned, positive float64
	for _, p := range f.Parts {
		if p.Before {
			s.Before += p.Amount
			if p.Same {
				s.SameBefore += p.Amount
			}
			continue
		}
		s.Total += p.Amount
		if p.Same {
			s.SameTotal += p.Amount
		}
		if p.Provisional {
			s.Provisional += p.Amount
		}
		if p.Payer == "" {
			s.Estimated += p.Amount
		}
		if p.Team == "" {
			into := map[string]*engine.MicroUSD{
				kindIdle: &s.Idle, kindShared: &s.Shared, kindOutside: &s.Outside, kindUnallocatable: &s.Unallocated, kindAdjustment: &s.Adjustment,
			}[p.Kind]
			if into != nil {
				*into += p.Amount
			}
		}
	}
	for _, line := range byTeam(f.Parts) {
		amount := max(0, line.total)
		positive += float64(amount)
		if line.name != "" {
			owned += float64(amount)
		}
	}
	if positive > 0 {
		s.Allocated = owned / positive
	}
	for _, k := range f.Known {
		switch {
		case in(f.Period, k.Day.UTC()):
			s.DaysKnown++
		case in(f.Period.Before(), k.Day.UTC()):
			s.DaysBefore++
		}
	}
	for _, day := range Same(f.Period, f.Known) {
		if in(f.Period, day) {
			s.SameDays++
		}
	}
	return s
}
