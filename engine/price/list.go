package price

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// List is what AWS asks of everybody, in US dollars, as of one date. It marshals to JSON for the cache that the store keeps.
type List struct {
	Source    engine.PriceSource `json:"source"` // PriceList or PriceEmbedded
	AsOf      time.Time          `json:"as_of"`
	Instances []InstanceRate     `json:"instances"`
	Volumes   []VolumeRate       `json:"volumes"`
	Snapshots []SnapshotRate     `json:"snapshots"`
	Clusters  []ClusterRate      `json:"clusters"`
}

// InstanceRate is the On-Demand price of an instance on shared tenancy.
type InstanceRate struct {
	Region  string          `json:"region"`
	Type    string          `json:"type"` // "m7i.xlarge"
	OS      string          `json:"os"`   // "linux", "windows"
	PerHour engine.MicroUSD `json:"per_hour"`
}

// VolumeRate is the price of a type of EBS volume, each for a month. A rate of 0 is not charged, or not known.
type VolumeRate struct {
	Region string          `json:"region"`
	Type   string          `json:"type"` // "gp3"
	GiB    engine.MicroUSD `json:"gib"`
	IOPS   engine.MicroUSD `json:"iops,omitempty"`  // of gp3: above 3,000; of io2: up to 32,000
	IOPS2  engine.MicroUSD `json:"iops2,omitempty"` // of io2, from 32,000 to 64,000
	IOPS3  engine.MicroUSD `json:"iops3,omitempty"` // of io2, above 64,000
	MiBps  engine.MicroUSD `json:"mibps,omitempty"` // of gp3: above 125
}

// SnapshotRate is the price of a GiB of snapshot in the standard tier for a month.
type SnapshotRate struct {
	Region string          `json:"region"`
	GiB    engine.MicroUSD `json:"gib"`
}

// ClusterRate is what an EKS control plane costs an hour. Extended is for a version in extended support: the whole price, or, where it is
// at most five times Standard, what comes on top of it, for price lists have had both.
// Region is "" for a price that holds in all regions that are not named.
type ClusterRate struct {
	Region   string          `json:"region"`
	Standard engine.MicroUSD `json:"standard"`
	Extended engine.MicroUSD `json:"extended"`
}

// Amount reads a price as AWS writes it, such as "0.0960000000". It fails with Invalid for what is no number, for a price that is
// negative or not finite, and for one so high that it can be no price.
func Amount(s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(v) || v < 0 || v > 1e6 {
		return 0, engine.Errorf(engine.Invalid, "%.40q is no price: a number of US dollars from 0 to 1,000,000 is", s)
	}
	return v, nil
}

// Add takes one public price into the list: dollars for a unit of a usage type, such as 0.2415 for an "Hrs" of
// "EUC1-BoxUsage:m7i.xlarge" under an operating system. A usage type that no price is kept of, and a price of 0, change nothing.
// It fails with Invalid for a unit that the usage type is not priced by, and for a price that is none.
func (l *List) Add(region, usageType, os, unit string, dollars float64) error {
	u := parseUsage(usageType)
	switch {
	case u.kind == otherUsage || u.kind == spotUsage || dollars == 0:
		return nil
	case math.IsNaN(dollars) || dollars < 0 || dollars > 1e6:
		return engine.Errorf(engine.Invalid, "%s at %v US dollars: a number from 0 to 1,000,000 is right", usageType, dollars)
	case region == "":
		return engine.Errorf(engine.Invalid, "%s has a price but no region", usageType)
	}
	want, per := "", dollars
	switch u.kind {
	case nodeUsage, clusterUsage, extendedUsage:
		if want = "hrs"; strings.EqualFold(unit, "hours") {
			unit = want
		}
	case storageUsage, snapshotUsage:
		want = "gb-mo"
	case iopsUsage:
		want = "iops-mo"
	case throughputUsage:
		want, per = "gibps-mo", dollars/1024
	case otherUsage, spotUsage: // left above
	}
	if !strings.EqualFold(unit, want) {
		return engine.Errorf(engine.Invalid, "%s is priced by %q; %s is expected", usageType, unit, want)
	}
	l.put(region, u, strings.ToLower(os), engine.Dollars(per))
	return nil
}

func (l *List) put(region string, u usage, os string, rate engine.MicroUSD) {
	switch u.kind {
	case nodeUsage:
		l.Instances = append(l.Instances, InstanceRate{region, u.of, os, rate})
	case snapshotUsage:
		l.Snapshots = append(l.Snapshots, SnapshotRate{region, rate})
	case clusterUsage:
		l.cluster(region).Standard = rate
	case extendedUsage:
		l.cluster(region).Extended = rate
	case storageUsage:
		l.volume(region, u.of).GiB = rate
	case throughputUsage:
		l.volume(region, u.of).MiBps = rate
	case iopsUsage:
		switch v := l.volume(region, u.of); u.tier {
		case 2:
			v.IOPS2 = rate
		case 3:
			v.IOPS3 = rate
		default:
			v.IOPS = rate
		}
	case otherUsage, spotUsage: // never come here
	}
}

func (l *List) volume(region, kind string) *VolumeRate {
	for i := range l.Volumes {
		if v := &l.Volumes[i]; v.Region == region && v.Type == kind {
			return v
		}
	}
	l.Volumes = append(l.Volumes, VolumeRate{Region: region, Type: kind})
	return &l.Volumes[len(l.Volumes)-1]
}

func (l *List) cluster(region string) *ClusterRate {
	for i := range l.Clusters {
		if c := &l.Clusters[i]; c.Region == region {
			return c
		}
	}
	l.Clusters = append(l.Clusters, ClusterRate{Region: region})
	return &l.Clusters[len(l.Clusters)-1]
}

//go:embed list.json
var embedded []byte

// Embedded is the list that came with this version, for where the Pricing API cannot be asked. It is dated.
var Embedded = sync.OnceValue(func() List {
	l, err := expand(embedded)
	if err != nil {
		panic("price: list.json: " + err.Error()) // a test reads it first
	}
	return l
})

// table is how list.json is written: a family by the price of its xlarge, and what does not follow it by itself.
type table struct {
	About   string `json:"about"`
	Origins []struct {
		AsOf    string   `json:"as_of"`
		Regions []string `json:"regions"`
		Of      string   `json:"of"`
		From    string   `json:"from"`
	} `json:"origins"`
	Sizes     map[string]string                        `json:"sizes"`     // "m5 r5" → "large xlarge"
	Families  map[string]map[string]float64            `json:"families"`  // region, family → dollars an hour of an xlarge
	Instances map[string]map[string]float64            `json:"instances"` // region, type → dollars an hour
	Volumes   map[string]map[string]map[string]float64 `json:"volumes"`   // region, type or "snapshot", dimension → dollars a month
	Clusters  struct {
		Standard float64 `json:"standard"`
		Extended float64 `json:"extended"`
	} `json:"clusters"`
}

// expand turns the written table into a list.
func expand(data []byte) (List, error) {
	var t table
	if err := json.Unmarshal(data, &t); err != nil {
		return List{}, fmt.Errorf("reading the table of prices: %w", err)
	}
	l := List{Source: engine.PriceEmbedded, Clusters: []ClusterRate{
		{Standard: engine.Dollars(t.Clusters.Standard), Extended: engine.Dollars(t.Clusters.Extended)},
	}}
	for _, o := range t.Origins {
		at, err := time.Parse(time.DateOnly, o.AsOf)
		if err != nil {
			return List{}, fmt.Errorf("the date of %s: %w", o.Of, err)
		}
		if l.AsOf.IsZero() || at.Before(l.AsOf) {
			l.AsOf = at // the oldest is what can be promised
		}
	}
	sizes := map[string][]string{}
	for families, list := range t.Sizes {
		for f := range strings.FieldsSeq(families) {
			sizes[f] = strings.Fields(list)
		}
	}
	for region, families := range t.Families {
		for family, xlarge := range families {
			if len(sizes[family]) == 0 {
				return List{}, fmt.Errorf("family %s has no sizes", family)
			}
			for _, size := range sizes[family] {
				factor, ok := factorOf(size)
				if !ok {
					return List{}, fmt.Errorf("size %s of family %s is not known", size, family)
				}
				l.Instances = append(l.Instances, InstanceRate{region, family + "." + size, linux, engine.Dollars(xlarge * factor)})
			}
		}
	}
	for region, types := range t.Instances {
		for name, perHour := range types {
			l.Instances = append(l.Instances, InstanceRate{region, name, linux, engine.Dollars(perHour)})
		}
	}
	for region, types := range t.Volumes {
		for name, r := range types {
			if name == "snapshot" {
				l.Snapshots = append(l.Snapshots, SnapshotRate{region, engine.Dollars(r["gib"])})
				continue
			}
			l.Volumes = append(l.Volumes, VolumeRate{
				Region: region, Type: name, GiB: engine.Dollars(r["gib"]), MiBps: engine.Dollars(r["mibps"]),
				IOPS: engine.Dollars(r["iops"]), IOPS2: engine.Dollars(r["iops2"]), IOPS3: engine.Dollars(r["iops3"]),
			})
		}
	}
	return l, nil
}

// factorOf gives how many times an xlarge a size is.
func factorOf(size string) (float64, bool) {
	switch size {
	case "nano":
		return 1.0 / 32, true
	case "micro":
		return 1.0 / 16, true
	case "small":
		return 1.0 / 8, true
	case "medium":
		return 1.0 / 4, true
	case "large":
		return 1.0 / 2, true
	case "xlarge":
		return 1, true
	}
	n, found := strings.CutSuffix(size, "xlarge")
	times, err := strconv.Atoi(n)
	return float64(times), found && err == nil && times > 1
}
