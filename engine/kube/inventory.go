package kube

import (
	"context"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/kube/inventory"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Inventory lists the cluster for a scan for waste, with its Name and without prices, usage and what the configuration knows. It
// does not fail: what could not be listed is a gap, and the cluster is not Complete, or a part of it is Missing.
func (c *Cluster) Inventory(ctx context.Context) (waste.Cluster, []engine.Gap) {
	return inventory.Take(ctx, inventory.Source{Name: c.name, Client: c.client, Dynamic: c.dynamic, Why: why})
}
