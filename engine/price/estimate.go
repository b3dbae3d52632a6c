package price

import (
	"cmp"
	"maps"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// prefixes are what the usage types of a region begin with: regions the other way round.
var prefixes = func() map[string]string {
	out := map[string]string{}
	for _, prefix := range slices.Sorted(maps.Keys(regions)) {
		out[regions[prefix]] = prefix
	}
	return out
}()

// Estimate is what the use of a day costs at the prices of a book, as a bill of nobody. It is what there is where no payer can be
// asked: nodes, volumes and control planes only. Unpriced says what of them has no known price and is in no line.
func Estimate(d Day, b *Book) (bill Bill, unpriced []string) {
	e := estimate{lines: map[Line]Line{}, unpriced: map[string]bool{}}
	for _, n := range d.Nodes {
		name := "BoxUsage:"
		if n.Spot {
			name = "SpotUsage:"
		}
		p := b.Node(NodeFacts{Account: n.Account, Region: n.Region, Type: n.Type, Spot: n.Spot, CPU: n.CPU, GiB: n.GiB, GPUs: int(n.GPU)})
		e.add(n.Account, n.Region, name+n.Type, "nodes of type "+cmp.Or(n.Type, "unknown"), p.PerHour, sound(n.Hours), p.Basis)
	}
	hours := monthHours(d.Bill.Day)
	for _, v := range d.Volumes {
		p := b.Volume(VolumeFacts{Account: v.Account, Region: v.Region, Type: v.Type, GiB: v.GiB, IOPS: v.IOPS, Throughput: v.Throughput})
		size := sound(v.Hours) / hours * float64(max(0, v.GiB))
		if size > 0 {
			e.add(v.Account, v.Region, "EBS:VolumeUsage."+v.Type, "volumes of type "+cmp.Or(v.Type, "unknown"), engine.Dollars(p.PerMonth.Dollars()/float64(v.GiB)), size, p.Basis)
		}
	}
	for _, c := range d.Clusters {
		perHour, basis := b.Cluster(c.Region, false)
		e.add(c.Account, c.Region, "AmazonEKS-Hours:perCluster", "EKS control planes", perHour, sound(c.Hours), basis)
		if c.Extended > 0 {
			extended, basis := b.Cluster(c.Region, true)
			e.add(c.Account, c.Region, "AmazonEKS-Hours:extendedSupport", "EKS extended support", extended-perHour, sound(c.Extended), basis)
		}
	}
	bill = Bill{Day: d.Bill.Day, Estimated: true}
	for _, l := range e.lines {
		bill.Lines = append(bill.Lines, l)
	}
	bill.Lines = merged(bill.Lines)
	return bill, slices.Sorted(maps.Keys(e.unpriced))
}

type estimate struct {
	lines    map[Line]Line // by account and usage
	unpriced map[string]bool
}

func (e *estimate) add(account, region, usage, what string, price engine.MicroUSD, quantity float64, basis engine.PriceBasis) {
	prefix, known := prefixes[region]
	if basis.Source == engine.PriceUnknown || price <= 0 || !known {
		e.unpriced[what+" in "+cmp.Or(region, "an unknown region")] = true
		return
	}
	at := Line{Account: account, Usage: prefix + "-" + usage}
	l, there := e.lines[at]
	if !there {
		l = at
	}
	l.Amount, l.Quantity = l.Amount+price.Times(quantity), l.Quantity+quantity
	e.lines[at] = l
}
