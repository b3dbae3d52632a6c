package price

import (
	"fmt"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const linux = "linux"

// Prices is what a Book is made of.
type Prices struct {
	Lists  []List // the first that knows a price is taken; Embedded belongs at the end
	Spot   []SpotRate
	Ratios []Ratio // what is paid of the list price; the first that fits is taken
}

// SpotRate is the Spot price of a type of instance.
type SpotRate struct {
	Zone    string          `json:"zone"` // "" for what was paid on average in the region
	Region  string          `json:"region"`
	Account string          `json:"account,omitempty"` // "" for everybody's
	Type    string          `json:"type"`
	PerHour engine.MicroUSD `json:"per_hour"`
	At      time.Time       `json:"at"`
}

// Book answers what things cost. It does not change once it is made and may be asked by many at once. A price that nobody knows has
// the source PriceUnknown and no dollars: it is never guessed.
type Book struct {
	instances map[string]priced[engine.MicroUSD]
	volumes   map[string]priced[VolumeRate]
	snapshots map[string]priced[engine.MicroUSD]
	clusters  map[string]priced[ClusterRate]
	spot      map[string]SpotRate
	ratios    map[string]Ratio
}

// priced is a price and where it comes from.
type priced[T any] struct {
	value T
	basis engine.PriceBasis
}

// New makes a book. Rates that are zero, negative or without a name are left out: they are nobody's price.
func New(p Prices) *Book {
	b := &Book{
		instances: map[string]priced[engine.MicroUSD]{}, volumes: map[string]priced[VolumeRate]{},
		snapshots: map[string]priced[engine.MicroUSD]{}, clusters: map[string]priced[ClusterRate]{},
		spot: map[string]SpotRate{}, ratios: map[string]Ratio{},
	}
	for _, l := range p.Lists {
		basis := engine.PriceBasis{Source: l.Source, AsOf: l.AsOf}
		for _, r := range l.Instances {
			if r.PerHour > 0 {
				first(b.instances, key(r.Region, r.Type, r.OS), r.PerHour, basis)
			}
		}
		for _, r := range l.Volumes {
			if r.GiB > 0 && r.IOPS >= 0 && r.IOPS2 >= 0 && r.IOPS3 >= 0 && r.MiBps >= 0 {
				first(b.volumes, key(r.Region, r.Type), r, basis)
			}
		}
		for _, r := range l.Snapshots {
			if r.GiB > 0 {
				first(b.snapshots, r.Region, r.GiB, basis)
			}
		}
		for _, r := range l.Clusters {
			if r.Standard > 0 {
				first(b.clusters, r.Region, r, basis)
			}
		}
	}
	for _, r := range p.Spot {
		at := key(r.Account, r.Region, r.Zone, r.Type)
		if old, known := b.spot[at]; r.PerHour > 0 && (!known || r.At.After(old.At)) {
			b.spot[at] = r
		}
	}
	for _, r := range p.Ratios {
		at := key(r.Account, r.Region, r.Family)
		if _, known := b.ratios[at]; !known && r.sane() {
			b.ratios[at] = r
		}
	}
	return b
}

func first[T any](m map[string]priced[T], at string, value T, basis engine.PriceBasis) {
	if _, known := m[at]; !known {
		m[at] = priced[T]{value, basis}
	}
}

func key(parts ...string) string { return strings.Join(parts, "|") }

// NodeFacts are what the price of a node depends on.
type NodeFacts struct {
	Account, Region, Zone string
	Type                  string // "m7i.xlarge"
	OS                    string // "" means linux
	Spot                  bool
	CPU                   float64 // cores that it has
	GiB                   float64 // of memory that it has
	GPUs                  int
}

// Node gives the price of a node: a Spot node at the Spot price of its zone, or at what was paid for its like; any other at its list
// price, scaled by what the account really pays for such.
func (b *Book) Node(f NodeFacts) engine.NodePrice {
	if f.OS == "" {
		f.OS = linux
	}
	var p priced[engine.MicroUSD]
	if f.Spot {
		p = b.spotPrice(f)
	} else {
		listed, known := b.instances[key(f.Region, f.Type, f.OS)]
		if !known {
			listed.basis = unknown("no price is known of %s (%s) in %s", f.Type, f.OS, f.Region)
		}
		p = b.effective(listed, f.Account, f.Region, Family(f.Type))
	}
	n := engine.NodePrice{PerHour: p.value, Basis: p.basis}
	if accelerated(f.Type) && f.GPUs == 0 && p.value > 0 {
		// Split without them, the price of the GPUs would be that of cores and memory.
		n.Basis.Note = strings.TrimPrefix(n.Basis.Note+"; how many GPUs the node has is not known, so its price is not split", "; ")
		return n
	}
	n.CPUHour, n.GiBHour, n.GPUHour = Split(p.value, f.CPU, f.GiB, f.GPUs)
	return n
}

// accelerated says whether most of what an instance costs is for GPUs or chips like them.
func accelerated(instance string) bool {
	family, _, _ := strings.Cut(Family(instance), "-")               // "p6-b200" → "p6"
	family = strings.TrimRight(family, "abcdefghijklmnopqrstuvwxyz") // "g4dn" → "g4"
	switch strings.TrimRight(family, "0123456789") {
	case "g", "gr", "p", "inf", "trn", "dl":
		return true
	}
	return false
}

// spotPrice never falls back to On-Demand: that would be a multiple of what is paid.
func (b *Book) spotPrice(f NodeFacts) priced[engine.MicroUSD] {
	if f.OS == linux {
		for _, at := range []string{
			key(f.Account, f.Region, f.Zone, f.Type), key("", f.Region, f.Zone, f.Type),
			key(f.Account, f.Region, "", f.Type),
		} {
			if r, known := b.spot[at]; known {
				return priced[engine.MicroUSD]{r.PerHour, engine.PriceBasis{Source: engine.PriceSpot, AsOf: r.At}}
			}
		}
	}
	return priced[engine.MicroUSD]{basis: unknown("no Spot price is known of %s (%s) in %s", f.Type, f.OS, f.Zone)}
}

// effective scales a list price by what the account pays.
func (b *Book) effective(p priced[engine.MicroUSD], account, region, family string) priced[engine.MicroUSD] {
	r, known := b.ratios[key(account, region, family)]
	if !known || p.basis.Source == engine.PriceUnknown {
		return p
	}
	return priced[engine.MicroUSD]{p.value.Times(r.Paid), engine.PriceBasis{
		Source: engine.PriceEffective, AsOf: r.AsOf, Ratio: r.Paid, Covered: r.Covered, Note: r.note(),
	}}
}

// Cluster gives what the control plane of an EKS cluster costs an hour; extended is whether its version is in extended support.
func (b *Book) Cluster(region string, extended bool) (engine.MicroUSD, engine.PriceBasis) {
	p, known := b.clusters[region]
	if !known {
		p, known = b.clusters[""]
	}
	switch {
	case !known, extended && p.value.Extended <= 0:
		return 0, unknown("no price is known of an EKS control plane in %s", region)
	case extended && p.value.Extended <= 5*p.value.Standard:
		return p.value.Standard + p.value.Extended, p.basis
	case extended:
		return p.value.Extended, p.basis
	default:
		return p.value.Standard, p.basis
	}
}

// Family gives the family of an instance type: "m7i" of "m7i.xlarge".
func Family(instance string) string {
	family, _, _ := strings.Cut(instance, ".")
	return family
}

func unknown(format string, args ...any) engine.PriceBasis {
	return engine.PriceBasis{Source: engine.PriceUnknown, Note: fmt.Sprintf(format, args...)}
}
