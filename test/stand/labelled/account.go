package labelled

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/test/aws"
)

// World is what AWS shows of the cases at a time: the instances under the nodes, their groups, the volumes and snapshots.
func World(all []Case, at time.Time) aws.World {
	w := aws.World{Clusters: []aws.Cluster{
		{Account: Account, Region: Region, Name: First, Version: "1.37"}, {Account: Account, Region: Region, Name: Second, Version: "1.37"},
	}}
	for _, c := range all {
		for _, n := range c.Nodes {
			w.Instances = append(w.Instances, n.instance(c, at))
		}
		for _, g := range c.Groups {
			asg := g.autoscaling(c, at)
			w.Groups = append(w.Groups, asg)
			if g.Managed {
				i := slices.IndexFunc(w.Clusters, func(k aws.Cluster) bool { return k.Name == c.Cluster })
				w.Clusters[i].Nodegroups = append(w.Clusters[i].Nodegroups, aws.Nodegroup{
					Name: g.Name, Min: g.Min, Max: g.Max, Desired: asg.Desired, Autoscaling: asg.Name, Created: at.Add(-90 * day), Tags: g.Tags,
				})
			}
		}
		for _, v := range c.Volumes {
			w.Volumes = append(w.Volumes, v.volume(c, at))
			if v.Copied > 0 {
				w.Snapshots = append(w.Snapshots, aws.Snapshot{
					Account: Account, Region: Region, ID: "snap-" + id(c.Name, v.Name), VolumeID: v.ID(c), GiB: v.GiB, Started: at.Add(-time.Duration(v.Copied)),
				})
			}
		}
	}
	return w
}

const day = 24 * time.Hour

func (n Node) instance(c Case, at time.Time) aws.Instance {
	tags := map[string]string{"Name": n.Name, "kubernetes.io/cluster/" + c.Cluster: "owned"}
	if g, ok := c.group(n.Group); ok {
		tags["aws:autoscaling:groupName"] = g.asg()
	}
	return aws.Instance{
		Account: Account, Region: Region, ID: n.ID(), Type: n.Type, Zone: zone(n.Zone), PrivateDNS: n.Name + "." + Region + ".compute.internal",
		Launched: at.Add(-n.Age.or(old)), Tags: tags,
	}
}

// asg is the autoscaling group of a group. EKS gives those under its own a name that nobody chooses.
func (g Group) asg() string {
	if g.Managed {
		return "eks-" + g.Name + "-" + id(g.Name)[:8]
	}
	return g.Name
}

func (c Case) group(name string) (Group, bool) {
	i := slices.IndexFunc(c.Groups, func(g Group) bool { return g.Name == name })
	if i < 0 {
		return Group{}, false
	}
	return c.Groups[i], true
}

func (g Group) autoscaling(c Case, at time.Time) aws.AutoScalingGroup {
	out := aws.AutoScalingGroup{
		Account: Account, Region: Region, Name: g.asg(), Min: g.Min, Max: g.Max, Created: at.Add(-90 * day),
		Tags: map[string]string{"kubernetes.io/cluster/" + c.Cluster: "owned"},
	}
	maps.Copy(out.Tags, g.Tags)
	if g.Managed {
		out.Tags["eks:nodegroup-name"], out.Tags["eks:cluster-name"] = g.Name, c.Cluster
	}
	for _, n := range c.Nodes {
		if n.Group != g.Name {
			continue
		}
		out.Instances = append(out.Instances, n.ID())
		if slices.Contains(g.Protected, n.Name) {
			out.Protected = append(out.Protected, n.ID())
		}
		if !slices.Contains(out.Zones, zone(n.Zone)) {
			out.Zones = append(out.Zones, zone(n.Zone))
		}
	}
	out.Desired = len(out.Instances) + g.Missing
	return out
}

func (v Volume) volume(c Case, at time.Time) aws.Volume {
	out := aws.Volume{
		Account: Account, Region: Region, ID: v.ID(c), Type: "gp3", Zone: zone("a"), GiB: v.GiB, IOPS: 3000, Throughput: 125,
		Created: at.Add(-time.Duration(v.Created)), Tags: map[string]string{},
	}
	if v.Attached != "" {
		i := slices.IndexFunc(c.Nodes, func(n Node) bool { return n.Name == v.Attached })
		out.Attachments = []aws.Attachment{{Instance: c.Nodes[i].ID(), At: out.Created}}
	}
	if !v.Unmarked {
		out.Tags["ebs.csi.aws.com/cluster"] = "true"
		out.Tags["CSIVolumeName"] = v.pvName(c)
		if v.Claim != "" {
			out.Tags["kubernetes.io/created-for/pvc/name"], out.Tags["kubernetes.io/created-for/pvc/namespace"] = v.Claim, c.Namespace
			out.Tags["kubernetes.io/created-for/pv/name"] = v.pvName(c)
		}
		if maker := cmp.Or(v.Maker, c.Cluster); maker != "-" {
			out.Tags["kubernetes.io/cluster/"+maker] = "owned"
		}
	}
	maps.Copy(out.Tags, v.Tags)
	return out
}

func (v Volume) pvName(c Case) string { return "pvc-" + id("pv", c.Name, v.Name) }

// Clocks are the clocks of the bot's own: since when it has seen each volume detached, by the key of the snapshot.
func Clocks(all []Case, at time.Time, key func(volume string) string) map[string]time.Time {
	since := map[string]time.Time{}
	for _, c := range all {
		for _, v := range c.Volumes {
			if v.Detached > 0 {
				since[key(v.ID(c))] = at.Add(-time.Duration(v.Detached))
			}
		}
	}
	return since
}
