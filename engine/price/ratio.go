package price

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// maxRatio is above what an amortised price may be of the list price: a little, for rounding and for commitments that were a mistake.
// A ratio above it means that the usage is not what the list price is of, such as Windows under a price of Linux.
const maxRatio = 1.2

// minListed is the list price of usage below which a ratio says nothing.
const minListed = engine.USD / 10

// Ratio is what an account pays of the list price of a family of instances ("m7i") or of a type of volume ("EBS:gp3") in a region.
type Ratio struct {
	Account string          `json:"account"`
	Region  string          `json:"region"`
	Family  string          `json:"family"`
	Paid    float64         `json:"paid"`    // in (0, 1.2]: amortised cost over list price
	Covered float64         `json:"covered"` // in [0, 1]: of the hours, what Savings Plans and reservations pay for, all accounts of the payer together
	Listed  engine.MicroUSD `json:"listed"`  // the list price of the usage that it rests on
	AsOf    time.Time       `json:"as_of"`
}

func (r Ratio) sane() bool {
	return r.Paid > 0 && r.Paid <= maxRatio && r.Covered >= 0 && r.Covered <= 1
}

func (r Ratio) note() string {
	if r.Covered >= 0.005 {
		return fmt.Sprintf("Savings Plans and reservations cover %.0f %% of %s in %s: what is freed there saves money as far as it is not covered", 100*r.Covered, r.Family, r.Region)
	}
	return fmt.Sprintf("%.0f %% of the list price is paid for %s in %s", 100*r.Paid, r.Family, r.Region)
}

// Effective compares bills with the list prices of a book: what is paid of them, by account, region and family, and what Spot
// instances cost on average. Usage without a list price is left out, and so is a ratio that cannot be true.
func (b *Book) Effective(bills []Bill) ([]Ratio, []SpotRate) {
	type sum struct{ listed, paid, hours, covered float64 }
	type place struct{ account, region, family string }
	ratios, spot, cover := map[place]*sum{}, map[place]*sum{}, map[place]*sum{} // cover is by payer instead of account
	payers := map[string]string{}                                               // by account
	at := func(m map[place]*sum, p place) *sum {
		if m[p] == nil {
			m[p] = &sum{}
		}
		return m[p]
	}
	var newest time.Time
	for _, bill := range bills {
		if bill.Day.After(newest) {
			newest = bill.Day
		}
		for _, l := range bill.Lines {
			payers[l.Account] = bill.Payer
			u := parseUsage(l.Usage)
			if l.Usage == "" || l.Amount < 0 || !(l.Quantity > 0) || math.IsInf(l.Quantity, 0) {
				continue
			}
			if u.kind == spotUsage {
				s := at(spot, place{l.Account, u.region, u.of})
				s.paid, s.hours = s.paid+l.Amount.Dollars(), s.hours+l.Quantity
				continue
			}
			if family, rate := b.listed(u); rate > 0 {
				s := at(ratios, place{l.Account, u.region, family})
				s.listed, s.paid = s.listed+rate.Dollars()*l.Quantity, s.paid+l.Amount.Dollars()
			}
		}
		for _, p := range bill.Purchases {
			if u := parseUsage(p.Usage); u.kind == nodeUsage && p.Quantity > 0 && !math.IsInf(p.Quantity, 0) {
				s := at(cover, place{bill.Payer, u.region, Family(u.of)})
				s.hours += p.Quantity
				if p.Committed() {
					s.covered += p.Quantity
				}
			}
		}
	}
	covered := func(p place) float64 {
		p.account = payers[p.account]
		if s := cover[p]; s != nil && s.hours > 0 {
			return min(1, s.covered/s.hours)
		}
		return 0
	}
	less := func(a, b place) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.region, b.region), cmp.Compare(a.family, b.family))
	}
	var out []Ratio
	for _, p := range slices.SortedFunc(maps.Keys(ratios), less) {
		s := ratios[p]
		r := Ratio{
			Account: p.account, Region: p.region, Family: p.family, Covered: covered(p),
			Listed: engine.Dollars(s.listed), AsOf: newest,
		}
		if r.Listed >= minListed {
			r.Paid = s.paid / s.listed
		}
		if r.sane() {
			out = append(out, r)
		}
	}
	var rates []SpotRate
	for _, p := range slices.SortedFunc(maps.Keys(spot), less) {
		s := spot[p]
		if r := engine.Dollars(s.paid / s.hours); r > 0 {
			rates = append(rates, SpotRate{Account: p.account, Region: p.region, Type: p.family, PerHour: r, At: newest})
		}
	}
	return out, rates
}

// listed gives the family of a usage among ratios, and the list price of one unit of it; 0 when there is none.
func (b *Book) listed(u usage) (family string, rate engine.MicroUSD) {
	switch u.kind {
	case nodeUsage:
		return Family(u.of), b.instances[key(u.region, u.of, linux)].value
	case storageUsage:
		return "EBS:" + u.of, b.volumes[key(u.region, u.of)].value.GiB
	case snapshotUsage:
		return snapshotFamily, b.snapshots[u.region].value
	default:
		return "", 0
	}
}
