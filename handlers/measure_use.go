package handlers

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/ledger"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// clusterDay is what is known of a day of a cluster.
type clusterDay struct {
	day      time.Time
	nodes    DayUse
	replicas ReplicaUse
	groups   map[string]string // of the nodes that are there now
	members  map[string]string // of those that were known once
}

// learnCluster asks what the wanted containers and groups of a cluster used on a day.
func (m *measuring) learnCluster(ctx context.Context, now *costUse, k int, day time.Time, wanted []engine.Finding, learnt map[int64][]ledger.Use) {
	w, c := m.Waste.Clusters[k], &now.snapshot.Clusters[k]
	var keys []waste.ContainerKey
	var of []engine.Finding
	for _, f := range wanted {
		if f.Target.Cluster != w.Name || f.Sizing == nil && f.Node == nil {
			continue
		}
		of = append(of, f)
		if f.Sizing != nil {
			keys = append(keys, keyOf(f))
		}
	}
	if len(of) == 0 || !c.Complete {
		return // what could not be listed is asked again with the next look
	}
	d := clusterDay{day: day, groups: groupsOf(c, now.snapshot.Accounts, now.instances), members: m.members(w.Name)}
	err := m.within(ctx, usageWithin, func(ctx context.Context) error {
		if w.Day != nil {
			d.nodes = w.Day(ctx, c, day, func(string, string) string { return "" })
		}
		if w.Replicas != nil && len(keys) > 0 {
			d.replicas = w.Replicas(ctx, c, day, keys)
		}
		return ctx.Err()
	})
	if err != nil {
		m.gaps = append(m.gaps, engine.Gap{Collector: w.Name, Reason: day.Format("2 January") + ": " + why(err, usageWithin)})
		return
	}
	m.gaps = append(append(m.gaps, d.nodes.Gaps...), d.replicas.Gaps...)
	for _, f := range of {
		use := d.ofRequest(f)
		if f.Node != nil {
			use = d.ofNode(f)
		}
		use.Day, use.At = day, m.Now()
		learnt[f.ID] = append(learnt[f.ID], use)
	}
}

func keyOf(f engine.Finding) waste.ContainerKey {
	return waste.ContainerKey{Namespace: f.Target.Namespace, Kind: f.Target.Kind, Name: f.Target.Name, Container: f.Target.Container}
}

// ofRequest is what a container requested on the day. Nothing is known of one that was not asked for.
func (d *clusterDay) ofRequest(f engine.Finding) ledger.Use {
	r, known := d.replicas.Of[keyOf(f)]
	if !known {
		return ledger.Use{}
	}
	use := ledger.Use{Seen: d.replicas.Seen, Work: r.Hours, Units: r.CPUHours}
	memory := f.Sizing.Resource == engine.Memory
	if memory {
		use.Units = r.GiBHours
	}
	for _, n := range d.nodes.Nodes {
		use.Capacity += n.Hours * sizeOf(n, memory)
	}
	for _, p := range d.nodes.Pods {
		if memory {
			use.Requested += p.GiBHours
		} else {
			use.Requested += p.CPUHours
		}
	}
	return use
}

func sizeOf(n price.NodeUse, memory bool) float64 {
	if memory {
		return n.GiB
	}
	return n.CPU
}

// ofNode is what the group of a node had on the day. A node that is gone, and of which nobody remembers the group, may be one of the
// group when it is as large as those are.
func (d *clusterDay) ofNode(f engine.Finding) ledger.Use {
	if !d.nodes.Known {
		return ledger.Use{}
	}
	use := ledger.Use{Seen: d.nodes.Seen, Gone: true}
	group := f.Node.Group
	var sizes []price.NodeUse
	for _, n := range d.nodes.Nodes {
		if of, known := d.groupOf(n.Name); known && of == group || n.Name == f.Target.Name {
			sizes = append(sizes, n)
			use.Least, use.Members = use.Least+n.Hours, append(use.Members, n.Name)
		}
		if n.Name == f.Target.Name {
			use.Gone, use.Cores, use.GiB = false, n.CPU, n.GiB
		}
	}
	use.Work = use.Least
	for _, n := range d.nodes.Nodes {
		_, known := d.groupOf(n.Name)
		if !known && n.Name != f.Target.Name && (len(sizes) == 0 || slices.ContainsFunc(sizes, func(o price.NodeUse) bool { return alike(n, o) })) {
			use.Work += n.Hours
		}
	}
	return use
}

func alike(a, b price.NodeUse) bool {
	return a.CPU == b.CPU && math.Abs(a.GiB-b.GiB) < 0.05*b.GiB
}

func (d *clusterDay) groupOf(node string) (group string, known bool) {
	if group, known = d.groups[node]; !known {
		group, known = d.members[node]
	}
	return group, known
}

// members gives the groups of nodes as they were known on other days.
func (m *measuring) members(cluster string) map[string]string {
	all := map[string]string{}
	for _, f := range m.findings {
		if f.Node == nil || f.Target.Cluster != cluster {
			continue
		}
		all[f.Target.Name] = f.Node.Group
		for _, u := range m.uses[f.ID] {
			for _, name := range u.Members {
				all[name] = f.Node.Group
			}
		}
	}
	return all
}

// groupsOf gives the group of each node that a cluster has now, by the names that findings have.
func groupsOf(c *waste.Cluster, accounts []waste.Account, instances map[string]waste.Instance) map[string]string {
	byInstance := map[string]string{}
	for _, a := range accounts {
		for _, g := range a.Groups {
			for _, id := range g.Instances {
				byInstance[id] = g.Name
			}
		}
	}
	groups := map[string]string{}
	for _, n := range c.Nodes {
		if n.Node == nil {
			continue
		}
		group := instances[n.InstanceID].Group
		if name, known := byInstance[n.InstanceID]; known {
			group = name
		}
		for _, label := range groupLabels {
			if name := n.Labels[label]; name != "" {
				group = name
				break
			}
		}
		groups[n.Name] = group
	}
	return groups
}

// groupLabels are the labels that name the group of a node, the surest first.
var groupLabels = []string{"karpenter.sh/nodepool", "karpenter.sh/provisioner-name", "eks.amazonaws.com/nodegroup"}

// learnVolumes sees which volumes are there. One that is gone now was gone on every day that can be measured: these come after its
// removal. An account that did not list all of its volumes says nothing.
func (m *measuring) learnVolumes(now *costUse, day time.Time, wanted []engine.Finding, learnt map[int64][]ledger.Use) {
	for _, f := range wanted {
		if f.Volume == nil {
			continue
		}
		k := slices.IndexFunc(now.snapshot.Accounts, func(a waste.Account) bool {
			return a.ID == f.Target.Account && a.Region == f.Target.Region && !slices.Contains(a.Missing, waste.PartVolumes)
		})
		if k < 0 {
			continue
		}
		use := ledger.Use{Day: day, At: m.Now(), Seen: 1, Work: 1}
		if slices.ContainsFunc(now.snapshot.Accounts[k].Volumes, func(v waste.Volume) bool {
			return v.ID == f.Target.Provider && v.CreatedAt.Before(day.Add(oneDay))
		}) {
			use.Units = 1
		}
		learnt[f.ID] = append(learnt[f.ID], use)
	}
}
