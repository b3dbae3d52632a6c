package kube

import "github.com/eks-autopilot/autopilot/engine/kube/collect"

// Neighbors reads what stands near the workloads of the cluster, and what was changed there.
func (c *Cluster) Neighbors() *collect.Neighbors {
	return collect.NewNeighbors(collect.Source{Cluster: c.name, Client: c.client, Now: c.now})
}
