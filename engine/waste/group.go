package waste

import (
	"net/url"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Key is the identity of a finding across scans: what it is about, and nothing that changes.
func Key(kind engine.FindingKind, t engine.Target) string {
	switch kind {
	case engine.OrphanVolume:
		return join(string(kind), t.Account, t.Region, t.Provider)
	case engine.IdleNode:
		// A node that comes back under its old name is another instance, and another finding.
		return join(string(kind), t.Cluster, t.Name, t.Provider)
	default:
		return join(string(kind), t.Cluster, t.Namespace, t.Kind, t.Name, t.Container)
	}
}

// GroupOf gives the key of the card that a finding belongs to, and the card's title: one for a workload, one for a node group, and one
// for the volumes that were made for the same thing.
func GroupOf(f engine.Finding) (key, title string) {
	t := f.Target
	switch f.Kind {
	case engine.IdleNode:
		if f.Node == nil || f.Node.Group == "" {
			return join("node", t.Cluster, t.Name), "node " + t.Name
		}
		return nodesKey(t.Cluster, f.Node.Controller, f.Node.Group), "node group " + f.Node.Group
	case engine.OrphanVolume:
		if f.Volume == nil || f.Volume.Claim == "" {
			return join("volumes", t.Account, t.Region, t.Cluster), "volumes of account " + t.Account + " in " + t.Region
		}
		base := claimBase(f.Volume.Claim)
		return join("volumes", t.Account, t.Region, t.Cluster, base), "volumes of " + base
	default:
		return join("workload", t.Cluster, t.Namespace, t.Kind, t.Name), t.String()
	}
}

// nodesKey is the key of the card of a node group.
func nodesKey(cluster, controller, group string) string {
	return join("nodes", cluster, controller, group)
}

// claimBase is the name of a claim without the ordinal that a StatefulSet gives it, so that the volumes of all its replicas meet.
func claimBase(claim string) string {
	i := strings.LastIndexByte(claim, '-')
	if i <= 0 || i == len(claim)-1 || strings.Trim(claim[i+1:], "0123456789") != "" {
		return claim
	}
	return claim[:i]
}

// join makes one key of parts, none of which can be taken for two.
func join(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = url.PathEscape(p)
	}
	return strings.Join(escaped, "/")
}
