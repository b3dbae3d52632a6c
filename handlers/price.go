package handlers

import (
	"cmp"
	"context"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// What nodes say of themselves.
const (
	labelType   = "node.kubernetes.io/instance-type"
	labelZone   = "topology.kubernetes.io/zone"
	labelRegion = "topology.kubernetes.io/region"
	labelOS     = "kubernetes.io/os"
	gpus        = "nvidia.com/gpu"
)

// spotLabels are the labels by which a node says how it is bought: Karpenter's, that of managed node groups, and the one that people
// gave nodes before there were either.
var spotLabels = []string{"karpenter.sh/capacity-type", "eks.amazonaws.com/capacityType", "node.kubernetes.io/lifecycle"}

// price asks for the prices of all nodes and volumes, and writes them down. Where nobody knows one, no dollar is said.
func (h *Handlers) price(ctx context.Context, g *gathered, s *waste.Snapshot) {
	book := price.New(price.Prices{Lists: []price.List{price.Embedded()}}) // until there is a better one
	err := h.within(ctx, pricesWithin, func(ctx context.Context) error {
		asked, cost, gaps := h.Waste.Prices(ctx, s)
		g.spent(cost)
		g.missing(gaps...)
		book = asked
		return nil
	})
	if err != nil {
		g.missing(engine.Gap{Collector: "prices", Reason: why(err, pricesWithin) + "; the list prices that came with this version are used"})
	}
	instances := map[string]waste.Instance{}
	for k := range s.Accounts {
		a := &s.Accounts[k]
		for _, i := range a.Instances {
			instances[i.ID] = i
		}
		for n := range a.Volumes {
			v := &a.Volumes[n]
			v.Price = book.Volume(price.VolumeFacts{
				Account: a.ID, Region: a.Region, Type: v.Type, GiB: v.GiB, IOPS: v.IOPS, Throughput: v.Throughput,
			})
		}
	}
	for k := range s.Clusters {
		c := &s.Clusters[k]
		for n := range c.Nodes {
			c.Nodes[n].Price = book.Node(factsOf(*c, c.Nodes[n], instances[c.Nodes[n].InstanceID]))
		}
	}
}

// factsOf puts together what the price of a node depends on: what AWS says of its instance and, where that is not known, what the
// node says of itself.
func factsOf(c waste.Cluster, n waste.Node, i waste.Instance) price.NodeFacts {
	f := price.NodeFacts{Account: c.Account, Region: c.Region, Zone: i.Zone, Type: i.Type, Spot: i.Spot}
	if n.Node == nil {
		return f
	}
	f.Region = cmp.Or(n.Labels[labelRegion], f.Region)
	f.Zone, f.Type, f.OS = cmp.Or(f.Zone, n.Labels[labelZone]), cmp.Or(f.Type, n.Labels[labelType]), n.Labels[labelOS]
	for _, label := range spotLabels {
		f.Spot = f.Spot || strings.EqualFold(n.Labels[label], "spot")
	}
	f.CPU = n.Status.Capacity.Cpu().AsApproximateFloat64()
	f.GiB = n.Status.Capacity.Memory().AsApproximateFloat64() / (1 << 30)
	if q, ok := n.Status.Capacity[gpus]; ok {
		f.GPUs = int(q.Value())
	}
	return f
}

// regionOf gives the region that a cluster's nodes say they are in.
func regionOf(c waste.Cluster) string {
	for _, n := range c.Nodes {
		if n.Node != nil && n.Labels[labelRegion] != "" {
			return n.Labels[labelRegion]
		}
	}
	return ""
}
