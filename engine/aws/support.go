package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// support gives the versions of EKS clusters, and until when each has standard support: an hour of extended support costs six times as
// much. A version that EKS does not list has no date.
func (a *Account) support(ctx context.Context, clusters []string) ([]waste.EKSCluster, error) {
	out := make([]waste.EKSCluster, 0, len(clusters))
	at := map[string][]int{} // of each version
	for i, name := range clusters {
		answer, err := a.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String(name)})
		if err != nil {
			return nil, failed(err, "EKS cluster "+name+" in "+a.region+" cannot be looked up")
		}
		c := waste.EKSCluster{Name: name}
		if answer.Cluster != nil {
			c.Version = aws.ToString(answer.Cluster.Version)
			at[c.Version] = append(at[c.Version], i)
		}
		out = append(out, c)
	}
	pages := eks.NewDescribeClusterVersionsPaginator(a.eks, &eks.DescribeClusterVersionsInput{IncludeAll: aws.Bool(true)})
	err := each(ctx, pages, "versions of EKS in "+a.region, func(page *eks.DescribeClusterVersionsOutput) {
		for _, v := range page.ClusterVersions {
			for _, i := range at[aws.ToString(v.ClusterVersion)] {
				out[i].StandardUntil = aws.ToTime(v.EndOfStandardSupportDate)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
