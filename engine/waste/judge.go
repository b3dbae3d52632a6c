package waste

import (
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// Judged tells whether the snapshot holds all that a finding of this kind and target rests on. What it does not cover says
// nothing about the finding: neither that it is there nor that it is gone.
//
// namespace is the only one that was looked into, "" for all: then nothing can be said but of what its containers ask for.
func (s *Snapshot) Judged(f engine.Finding, namespace string) bool {
	if namespace != "" && (!sizes(f.Kind) || f.Target.Namespace != namespace) {
		return false
	}
	switch f.Kind {
	case engine.OverRequestedCPU, engine.OverRequestedMemory:
		return s.whole(f.Target.Cluster, PartUsage, PartVertical)
	case engine.IdleNode:
		return s.whole(f.Target.Cluster, PartNodePools, PartGroups, PartInstances) && s.nodes(f.Target.Cluster) && s.steady(f.Target.Cluster)
	case engine.OrphanVolume:
		return s.volumes(f.Target)
	}
	return false
}

// whole tells whether a cluster was listed completely, with these parts.
func (s *Snapshot) whole(cluster string, parts ...Part) bool {
	for _, c := range s.Clusters {
		if c.Name == cluster {
			return c.Complete && !lacks(c.Missing, parts...)
		}
	}
	return false
}

// nodes tells whether the account under a cluster told of its instances and groups. A cluster of no account has none.
func (s *Snapshot) nodes(cluster string) bool {
	for _, c := range s.Clusters {
		if c.Name != cluster || c.Account == "" {
			continue
		}
		for _, a := range s.Accounts {
			if a.ID == c.Account && a.Region == c.Region && lacks(a.Missing, PartInstances, PartGroups) {
				return false
			}
		}
	}
	return true
}

// steady tells whether it is known what a cluster ran of late: from its histories, or because nothing changes that by itself.
func (s *Snapshot) steady(cluster string) bool {
	return !slices.ContainsFunc(s.Clusters, func(c Cluster) bool { return c.Name == cluster && c.tidal() && lacks(c.Missing, PartUsage) })
}

// volumes tells whether everyone who could want a volume was asked: all clusters, and its account.
func (s *Snapshot) volumes(t engine.Target) bool {
	for _, c := range s.Clusters {
		if !c.Complete || lacks(c.Missing, PartBackups) {
			return false
		}
	}
	for _, a := range s.Accounts {
		if a.ID == t.Account && a.Region == t.Region {
			return !lacks(a.Missing, PartVolumes, PartSnapshots, PartInstances)
		}
	}
	return false
}

func lacks(missing []Part, parts ...Part) bool {
	return slices.ContainsFunc(parts, func(p Part) bool { return slices.Contains(missing, p) })
}
