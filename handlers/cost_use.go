package handlers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// DayUse is what could be read of who used what of a cluster on a day. Nodes lack what AWS and the cluster's inventory say of them.
type DayUse struct {
	Known bool
	Seen  float64 // the share of the day that was seen, and stands for the rest
	Nodes []price.NodeUse
	Pods  []price.PodUse
	Gaps  []engine.Gap
}

// costUse is what clusters and accounts have now.
type costUse struct {
	snapshot  waste.Snapshot
	gaps      []engine.Gap
	instances map[string]waste.Instance
	book      *price.Book // once it was needed
	bookGaps  []engine.Gap
}

// usedDay is who used what of a day, over all clusters.
type usedDay struct {
	day     price.Day // without a bill
	guessed bool      // of some of it, what is there now stands for what was there then
	missing []engine.Gap
}

// listForCosts lists all clusters and accounts.
func (h *Handlers) listForCosts(ctx context.Context) *costUse {
	u := &costUse{instances: map[string]waste.Instance{}}
	g := &gathered{clusters: make([]waste.Cluster, len(h.Waste.Clusters)), accounts: make([]waste.Account, len(h.Waste.Accounts))}
	var wg sync.WaitGroup
	for n, w := range h.Waste.Clusters {
		w.Usage = nil // of days, it is asked for later
		wg.Go(func() { g.clusters[n] = h.gatherCluster(ctx, g, w, engine.Scan{}) })
	}
	for n, a := range h.Waste.Accounts {
		wg.Go(func() { g.accounts[n] = h.gatherAccount(ctx, g, a, engine.Scan{}) })
	}
	wg.Wait()
	u.snapshot = waste.Snapshot{At: h.Now(), Clusters: g.clusters, Accounts: g.accounts}
	u.gaps = slices.DeleteFunc(g.gaps, func(gap engine.Gap) bool { return gap.Reason == noPrometheus }) // said when it matters
	for _, a := range g.accounts {
		for _, i := range a.Instances {
			u.instances[i.ID] = i
		}
	}
	return u
}

// useOf puts together who used what on a day.
func (h *Handlers) useOf(ctx context.Context, u *costUse, day time.Time) usedDay {
	d := usedDay{missing: slices.Clone(u.gaps)}
	for k := range u.snapshot.Clusters {
		h.useOfCluster(ctx, u, &d, h.Waste.Clusters[k], &u.snapshot.Clusters[k], day)
	}
	h.splits(ctx, u, &d, day)
	return d
}

func (h *Handlers) useOfCluster(ctx context.Context, u *costUse, d *usedDay, w WasteCluster, c *waste.Cluster, day time.Time) {
	teams := c.Teams(h.Waste.Rules)
	var used DayUse
	if w.Day != nil {
		err := h.within(ctx, usageWithin, func(ctx context.Context) error {
			used = w.Day(ctx, c, day, teams)
			return nil
		})
		if err != nil {
			used = DayUse{Gaps: []engine.Gap{{Collector: w.Name, Reason: "Prometheus: " + why(err, usageWithin)}}}
		}
	} else {
		used.Gaps = []engine.Gap{{Collector: w.Name, Reason: noPrometheus}}
	}
	d.missing = append(d.missing, used.Gaps...)
	if !used.Known {
		d.guessed = true
		if !c.Complete {
			return
		}
		used.Nodes, used.Pods = present(c, teams)
		d.missing = append(d.missing, engine.Gap{Collector: w.Name, Reason: "the nodes and requests of now stand for those of " + day.Format("2 January")})
	}
	d.day.Nodes = append(d.day.Nodes, u.known(d, c, used.Nodes)...)
	d.day.Pods = append(d.day.Pods, used.Pods...)
	d.day.Volumes = append(d.day.Volumes, u.volumes(c, teams, day)...)
	if c.EKSName != "" {
		d.day.Clusters = append(d.day.Clusters, u.controlPlane(d, c, day))
	}
}

// controlPlane is a day of a cluster's control plane. Its version is that of now: of a cluster that was brought up to date since, the
// days before count as standard ones until the bill says otherwise.
func (u *costUse) controlPlane(d *usedDay, c *waste.Cluster, day time.Time) price.ClusterUse {
	use := price.ClusterUse{Cluster: c.Name, Account: c.Account, Region: c.Region, Hours: 24}
	for _, a := range u.snapshot.Accounts {
		at := slices.IndexFunc(a.Clusters, func(e waste.EKSCluster) bool { return e.Name == c.EKSName })
		if a.Region != c.Region || c.Account != "" && a.ID != c.Account || at < 0 {
			continue
		}
		until, next := a.Clusters[at].StandardUntil, day.AddDate(0, 0, 1)
		switch {
		case until.IsZero():
			d.missing = append(d.missing, engine.Gap{Collector: c.Name, Reason: fmt.Sprintf(
				"EKS does not say how long version %q has standard support; its hours count as standard", a.Clusters[at].Version)})
		case until.Before(next):
			use.Extended = min(use.Hours, next.Sub(until).Hours())
		}
	}
	return use
}

// present takes what a cluster has now for what it had all day.
func present(c *waste.Cluster, team func(namespace, pod string) string) (nodes []price.NodeUse, pods []price.PodUse) {
	for _, n := range c.Nodes {
		f := factsOf(*c, n, waste.Instance{})
		nodes = append(nodes, price.NodeUse{Cluster: c.Name, Name: n.Name, Hours: 24, CPU: f.CPU, GiB: f.GiB, GPU: float64(f.GPUs)})
	}
	for _, p := range c.Pods {
		if p.Spec.NodeName == "" || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		use := price.PodUse{Cluster: c.Name, Node: p.Spec.NodeName, Namespace: p.Namespace, Team: team(p.Namespace, p.Name)}
		for _, container := range p.Spec.Containers {
			wants := container.Resources.Requests
			use.CPUHours += 24 * wants.Cpu().AsApproximateFloat64()
			use.GiBHours += 24 * wants.Memory().AsApproximateFloat64() / (1 << 30)
			if q, ok := wants[gpus]; ok {
				use.GPUHours += 24 * q.AsApproximateFloat64()
			}
		}
		pods = append(pods, use)
	}
	return nodes, pods
}

// known adds to nodes what AWS and the inventory say of them. Of a node that is gone, one of the same size that is there may tell the
// type, when all of that size have it.
func (u *costUse) known(d *usedDay, c *waste.Cluster, nodes []price.NodeUse) []price.NodeUse {
	type size struct{ cpu, gib float64 }
	sizes := map[size][]price.NodeFacts{}
	facts := map[string]price.NodeFacts{}
	for _, n := range c.Nodes {
		f := factsOf(*c, n, u.instances[n.InstanceID])
		facts[n.Name] = f
		sizes[size{f.CPU, f.GiB}] = append(sizes[size{f.CPU, f.GiB}], f)
	}
	unknown := 0
	for k := range nodes {
		n := &nodes[k]
		n.Account, n.Region = c.Account, cmp.Or(n.Region, c.Region)
		f, there := facts[n.Name]
		if alike := sizes[size{n.CPU, n.GiB}]; !there && n.Type == "" && len(alike) > 0 && !slices.ContainsFunc(alike, func(o price.NodeFacts) bool {
			return o.Type != alike[0].Type || o.Spot != alike[0].Spot
		}) {
			f, there = alike[0], true
		}
		if there {
			n.Type, n.Region, n.Spot = cmp.Or(f.Type, n.Type), cmp.Or(f.Region, n.Region), f.Spot || n.Spot
		}
		if n.Type == "" {
			unknown++
		}
	}
	if unknown > 0 {
		d.missing = append(d.missing, engine.Gap{Collector: c.Name, Reason: fmt.Sprintf("the types of %d nodes are not known; what they cost counts as outside of the clusters", unknown)})
	}
	return nodes
}

// volumes are the volumes of claims, and the disks of nodes, that are there now and were on the day.
func (u *costUse) volumes(c *waste.Cluster, team func(namespace, pod string) string, day time.Time) (all []price.VolumeUse) {
	claims := map[string]string{} // by volume: the namespace of the claim
	for _, pv := range c.Volumes {
		if pv.Spec.CSI != nil && pv.Spec.ClaimRef != nil {
			claims[pv.Spec.CSI.VolumeHandle] = pv.Spec.ClaimRef.Namespace
		}
	}
	nodes := map[string]bool{}
	for _, n := range c.Nodes {
		if n.InstanceID != "" {
			nodes[n.InstanceID] = true
		}
	}
	for _, a := range u.snapshot.Accounts {
		if c.Account != "" && a.ID != c.Account {
			continue
		}
		for _, v := range a.Volumes {
			namespace, claimed := claims[v.ID]
			if !claimed && !slices.ContainsFunc(v.Attachments, func(at waste.Attachment) bool { return nodes[at.Instance] }) {
				continue
			}
			from, to := v.CreatedAt, day.Add(oneDay)
			if from.Before(day) {
				from = day
			}
			if !from.Before(to) {
				continue
			}
			use := price.VolumeUse{
				Cluster: c.Name, Namespace: namespace, Account: a.ID, Region: a.Region, Type: v.Type,
				GiB: v.GiB, IOPS: v.IOPS, Throughput: v.Throughput, Hours: to.Sub(from).Hours(),
			}
			if claimed {
				use.Team = team(namespace, "")
			}
			all = append(all, use)
		}
	}
	return all
}

// splits reads what split cost allocation gave each namespace, where an export is configured. Its clusters have the names of EKS.
func (h *Handlers) splits(ctx context.Context, u *costUse, d *usedDay, day time.Time) {
	names := map[string][]string{}
	for _, c := range u.snapshot.Clusters {
		if c.EKSName != "" {
			names[c.EKSName] = append(names[c.EKSName], c.Name)
		}
	}
	for _, payer := range h.Waste.Costs.Pricing.Payers {
		if payer.Splits == nil {
			continue
		}
		var rows []price.SplitRow
		err := h.within(ctx, splitsFor, func(ctx context.Context) (err error) {
			rows, err = payer.Splits(ctx, day, day.AddDate(0, 0, 1))
			return err
		})
		if err != nil {
			d.missing = append(d.missing, engine.Gap{Collector: "split costs of " + payer.ID, Reason: why(err, splitsFor)})
		}
		var strange []string
		for _, row := range rows {
			ours := names[row.Cluster]
			if len(ours) == 1 {
				row.Cluster = ours[0]
				d.day.Splits = append(d.day.Splits, row)
			} else if len(ours) > 1 && !slices.Contains(strange, row.Cluster) {
				strange = append(strange, row.Cluster)
			}
		}
		if len(strange) > 0 {
			d.missing = append(d.missing, engine.Gap{Collector: "split costs of " + payer.ID, Reason: "several clusters have the EKS name " + strings.Join(strange, ", ")})
		}
	}
}
