package aws

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// groups lists the autoscaling groups, and in place of those under a managed node group of the clusters, that node group.
func (a *Account) groups(ctx context.Context, clusters []string) ([]waste.NodeGroup, error) {
	pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(a.autoscaling, &autoscaling.DescribeAutoScalingGroupsInput{MaxRecords: aws.Int32(100)})
	var out []waste.NodeGroup
	at := map[string]int{} // name of the autoscaling group → index
	err := each(ctx, pages, "autoscaling groups of "+a.region, func(page *autoscaling.DescribeAutoScalingGroupsOutput) {
		for _, g := range page.AutoScalingGroups {
			at[aws.ToString(g.AutoScalingGroupName)] = len(out)
			out = append(out, group(g))
		}
	})
	if err != nil {
		return nil, err
	}
	for _, cluster := range clusters {
		managed, err := a.nodegroups(ctx, cluster)
		if err != nil {
			return nil, err
		}
		for _, g := range managed {
			for _, name := range under(g) {
				i, known := at[name]
				if !known {
					at[name] = len(out)
					i = len(out)
					out = append(out, waste.NodeGroup{Autoscaling: name, Tags: map[string]string{}})
				}
				manage(&out[i], g)
			}
		}
	}
	return out, nil
}

// group reads an autoscaling group.
func group(g types.AutoScalingGroup) waste.NodeGroup {
	out := waste.NodeGroup{
		Name: aws.ToString(g.AutoScalingGroupName), Autoscaling: aws.ToString(g.AutoScalingGroupName),
		Min: int(aws.ToInt32(g.MinSize)), Max: int(aws.ToInt32(g.MaxSize)), Desired: int(aws.ToInt32(g.DesiredCapacity)),
		Zones: g.AvailabilityZones, Tags: make(map[string]string, len(g.Tags)),
	}
	for _, i := range g.Instances {
		out.Instances = append(out.Instances, aws.ToString(i.InstanceId))
		if aws.ToBool(i.ProtectedFromScaleIn) {
			out.ProtectedIDs = append(out.ProtectedIDs, aws.ToString(i.InstanceId))
		}
	}
	for _, p := range g.SuspendedProcesses {
		out.Suspended = append(out.Suspended, aws.ToString(p.ProcessName))
	}
	for _, t := range g.Tags {
		name := aws.ToString(t.Key)
		out.Tags[name] = aws.ToString(t.Value)
		if cluster, ours := strings.CutPrefix(name, "kubernetes.io/cluster/"); ours {
			out.Cluster = cluster
		}
	}
	if cluster := out.Tags["eks:cluster-name"]; cluster != "" {
		out.Cluster = cluster
	}
	if name := out.Tags["eks:nodegroup-name"]; name != "" {
		out.Name, out.Managed = name, true // EKS marks its own; what it says of them comes on top
	}
	_, out.Autodiscovery = out.Tags["k8s.io/cluster-autoscaler/enabled"]
	return out
}

// nodegroups describes the managed node groups of a cluster.
func (a *Account) nodegroups(ctx context.Context, cluster string) ([]ekstypes.Nodegroup, error) {
	pages := eks.NewListNodegroupsPaginator(a.eks, &eks.ListNodegroupsInput{ClusterName: aws.String(cluster), MaxResults: aws.Int32(100)})
	var names []string
	err := each(ctx, pages, "node groups of EKS cluster "+cluster, func(page *eks.ListNodegroupsOutput) { names = append(names, page.Nodegroups...) })
	if err != nil {
		return nil, err
	}
	var out []ekstypes.Nodegroup
	for _, name := range names {
		got, err := a.eks.DescribeNodegroup(ctx, &eks.DescribeNodegroupInput{ClusterName: aws.String(cluster), NodegroupName: aws.String(name)})
		if err != nil {
			return nil, failed(err, "node group "+name+" of EKS cluster "+cluster+" cannot be described")
		}
		if got.Nodegroup != nil {
			out = append(out, *got.Nodegroup)
		}
	}
	return out, nil
}

// under gives the names of the autoscaling groups under a managed node group.
func under(g ekstypes.Nodegroup) []string {
	var names []string
	if g.Resources != nil {
		for _, asg := range g.Resources.AutoScalingGroups {
			names = append(names, aws.ToString(asg.Name))
		}
	}
	return names
}

// manage adds to an autoscaling group what EKS says of the node group above it. Sizes are those of the node group: it is what a change is
// made to.
func manage(out *waste.NodeGroup, g ekstypes.Nodegroup) {
	out.Name, out.Managed, out.Cluster = aws.ToString(g.NodegroupName), true, aws.ToString(g.ClusterName)
	if s := g.ScalingConfig; s != nil && len(under(g)) == 1 {
		out.Min, out.Max, out.Desired = int(aws.ToInt32(s.MinSize)), int(aws.ToInt32(s.MaxSize)), int(aws.ToInt32(s.DesiredSize))
	}
	for k, v := range g.Tags {
		if _, known := out.Tags[k]; !known {
			out.Tags[k] = v
		}
	}
}
