package waste

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Who keeps the number of nodes.
const (
	byKarpenter  = "Karpenter"
	byAutoscaler = "cluster-autoscaler"
	byManaged    = "managed node group"
	byASG        = "autoscaling group"
	byNobody     = "none"
)

// membership is who a node belongs to.
type membership struct {
	controller string
	name       string // of the group or pool
	group      *NodeGroup
	pool       *NodePool
	instance   *Instance
	account    *Account
	zone       string
	missing    string // what of it could not be had; "" when it is whole
}

// memberships finds who each node of a cluster belongs to.
func (s *survey) memberOf(n *Node) membership {
	m := membership{account: s.account, zone: cmp.Or(n.Labels[corev1.LabelTopologyZone], n.Labels[corev1.LabelFailureDomainBetaZone])}
	if s.account != nil && n.InstanceID != "" {
		if i := slices.IndexFunc(s.account.Instances, func(i Instance) bool { return i.ID == n.InstanceID }); i >= 0 {
			m.instance = &s.account.Instances[i]
			m.zone = cmp.Or(m.zone, m.instance.Zone)
		}
	}
	if pool := cmp.Or(n.Labels["karpenter.sh/nodepool"], n.Labels["karpenter.sh/provisioner-name"]); pool != "" {
		m.controller, m.name = byKarpenter, pool
		if i := slices.IndexFunc(s.c.NodePools, func(p NodePool) bool { return p.Name == pool }); i >= 0 {
			m.pool = &s.c.NodePools[i]
		} else {
			m.missing = "NodePool " + pool
		}
		return m
	}
	managed := n.Labels["eks.amazonaws.com/nodegroup"]
	m.group = s.groupOf(n, m.instance, managed)
	switch {
	case m.group == nil && managed != "":
		m.controller, m.name, m.missing = byManaged, managed, "managed node group "+managed
	case m.group == nil && (s.account == nil && (s.c.Account != "" || n.InstanceID != "") || s.account != nil && lacks(s.account.Missing, PartGroups, PartInstances)):
		m.controller, m.missing = byNobody, strings.TrimSpace("the groups of account "+s.c.Account)
	case m.group == nil && m.instance == nil && n.InstanceID != "":
		m.controller, m.missing = byNobody, "instance "+n.InstanceID+" is not one of account "+s.account.ID
	case m.group == nil && m.instance != nil && m.instance.Group != "":
		m.controller, m.name, m.missing = byASG, m.instance.Group, "autoscaling group "+m.instance.Group
	case m.group == nil:
		m.controller = byNobody
	default:
		m.name, m.controller = m.group.Name, byASG
		if m.group.Managed {
			m.controller = byManaged
		}
		// EKS tags the groups under its managed node groups for cluster-autoscaler whether or not there is one.
		if tagged(m.group) && (!m.group.Managed || s.autoscaler) {
			m.controller = byAutoscaler
		}
	}
	return m
}

func (s *survey) groupOf(n *Node, i *Instance, managed string) *NodeGroup {
	if s.account == nil {
		return nil
	}
	ours := func(g NodeGroup) bool { return g.Cluster == "" || s.c.EKSName == "" || g.Cluster == s.c.EKSName }
	is := []func(NodeGroup) bool{
		func(g NodeGroup) bool { return managed != "" && g.Managed && g.Name == managed && ours(g) },
		func(g NodeGroup) bool { return n.InstanceID != "" && slices.Contains(g.Instances, n.InstanceID) },
		func(g NodeGroup) bool {
			return i != nil && i.Group != "" && (g.Autoscaling == i.Group || !g.Managed && g.Name == i.Group)
		},
	}
	for _, match := range is {
		if at := slices.IndexFunc(s.account.Groups, match); at >= 0 {
			return &s.account.Groups[at]
		}
	}
	return nil
}

// tagged tells whether a group is tagged for cluster-autoscaler to find.
func tagged(g *NodeGroup) bool {
	_, enabled := g.Tags["k8s.io/cluster-autoscaler/enabled"]
	return g.Autodiscovery || enabled
}

// runsAutoscaler tells whether cluster-autoscaler runs in the cluster.
func runsAutoscaler(c *Cluster) bool {
	const name = "cluster-autoscaler"
	for _, d := range c.Deployments {
		if d.Spec.Replicas != nil && *d.Spec.Replicas == 0 {
			continue
		}
		if strings.Contains(d.Name, name) || strings.Contains(d.Labels["app.kubernetes.io/name"], name) ||
			slices.ContainsFunc(d.Spec.Template.Spec.Containers, func(c corev1.Container) bool { return strings.Contains(c.Image, name) }) {
			return true
		}
	}
	return false
}

// key names what the nodes of one group have in common.
func (m membership) key() string { return m.controller + "/" + m.name }

// elastic tells whether somebody brings nodes back when pods want them.
func (m membership) elastic() bool {
	return m.controller == byKarpenter || m.controller == byAutoscaler
}

// fleet counts the nodes of each group that can be used, and those of them that may go.
type fleet struct {
	usable  map[string]map[string]int // by group and zone
	removed map[string]int            // by group
}

// refuse says why a group would not give up a node, for the time being or for good.
func (f *fleet) refuse(m membership, instance string) (reason, detail string) {
	if m.missing != "" {
		return skipGroupUnknown, m.missing
	}
	g := m.group
	if g == nil {
		return "", ""
	}
	if slices.Contains(g.ProtectedIDs, instance) {
		return skipProtected, ""
	}
	if len(g.Instances) > 0 && len(g.Instances) != g.Desired {
		return skipResizing, fmt.Sprintf("%s has %d instances and wants %d", g.Name, len(g.Instances), g.Desired)
	}
	// Where an autoscaler keeps the size, the minimum is what somebody wants to stand by. Elsewhere it is the size itself, and
	// lowering it is the way to remove a node.
	if m.controller == byAutoscaler && g.Desired-f.removed[m.key()] <= g.Min {
		return skipMinimum, fmt.Sprintf("%s is to have at least %d", g.Name, g.Min)
	}
	zones := f.usable[m.key()]
	if zones[m.zone] <= 1 {
		return skipLastOfZone, g.Name + " in " + m.zone
	}
	fullest := 0
	for _, n := range zones {
		fullest = max(fullest, n)
	}
	if fullest-(zones[m.zone]-1) > 1 && !slices.Contains(g.Suspended, "AZRebalance") {
		return skipZoneBalance, fmt.Sprintf("%s has %d in %s and %d in another zone", g.Name, zones[m.zone], m.zone, fullest)
	}
	return "", ""
}

// take counts a node of a group as removed.
func (f *fleet) take(m membership) {
	f.removed[m.key()]++
	if zones := f.usable[m.key()]; zones != nil {
		zones[m.zone]--
	}
}
