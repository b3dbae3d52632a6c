package aws

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/costexplorer"
	"github.com/aws/aws-sdk-go-v2/service/costexplorer/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/pricing"

	"github.com/eks-autopilot/autopilot/engine"
)

// try is one permission that the doctor tries.
type try struct {
	action string
	level  engine.CheckLevel // when it is missing
	call   func(context.Context) error
}

// CheckInventory tries every permission that Inventory, SpotPrices and ListPrices need, with the smallest questions there are.
func (a *Account) CheckInventory(ctx context.Context, clusters []string) []engine.Check {
	tries := []try{
		{"ec2:DescribeInstances", engine.CheckFail, func(ctx context.Context) error {
			_, err := a.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{MaxResults: aws.Int32(5)})
			return err
		}},
		{"ec2:DescribeVolumes", engine.CheckFail, func(ctx context.Context) error {
			_, err := a.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{MaxResults: aws.Int32(5)})
			return err
		}},
		{"ec2:DescribeSnapshots", engine.CheckFail, func(ctx context.Context) error {
			_, err := a.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{MaxResults: aws.Int32(5), OwnerIds: []string{"self"}})
			return err
		}},
		{"autoscaling:DescribeAutoScalingGroups", engine.CheckFail, func(ctx context.Context) error {
			_, err := a.autoscaling.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{MaxRecords: aws.Int32(1)})
			return err
		}},
		{"ec2:DescribeSpotPriceHistory", engine.CheckWarn, func(ctx context.Context) error {
			_, err := a.ec2.DescribeSpotPriceHistory(ctx, &ec2.DescribeSpotPriceHistoryInput{MaxResults: aws.Int32(5), StartTime: aws.Time(a.now())})
			return err
		}},
		{"pricing:GetProducts", engine.CheckWarn, func(ctx context.Context) error {
			_, err := a.pricing.GetProducts(ctx, &pricing.GetProductsInput{ServiceCode: aws.String("AmazonEKS"), MaxResults: aws.Int32(1)})
			return err
		}},
	}
	if len(clusters) > 0 {
		tries = append(tries, try{"eks:DescribeClusterVersions", engine.CheckWarn, func(ctx context.Context) error {
			_, err := a.eks.DescribeClusterVersions(ctx, &eks.DescribeClusterVersionsInput{MaxResults: aws.Int32(1)})
			return err
		}})
	}
	for _, cluster := range clusters {
		tries = append(tries, try{"eks:ListNodegroups " + cluster, engine.CheckFail, func(ctx context.Context) error {
			got, err := a.eks.ListNodegroups(ctx, &eks.ListNodegroupsInput{ClusterName: aws.String(cluster), MaxResults: aws.Int32(1)})
			if err != nil || len(got.Nodegroups) == 0 {
				return err
			}
			_, err = a.eks.DescribeNodegroup(ctx, &eks.DescribeNodegroupInput{ClusterName: aws.String(cluster), NodegroupName: aws.String(got.Nodegroups[0])})
			return err
		}})
	}
	return a.tryAll(ctx, tries)
}

// CheckBills tries whether bills can be read. It is billed as one call.
func (a *Account) CheckBills(ctx context.Context, m Meter) []engine.Check {
	return a.tryAll(ctx, []try{{"ce:GetCostAndUsage", engine.CheckWarn, func(ctx context.Context) error {
		if err := m.Spend(ctx, 1); err != nil {
			return err
		}
		today := a.now().UTC()
		_, err := a.costs.GetCostAndUsage(ctx, &costexplorer.GetCostAndUsageInput{
			Granularity: types.GranularityDaily, Metrics: []string{amortised},
			TimePeriod: &types.DateInterval{Start: aws.String(today.AddDate(0, 0, -1).Format(time.DateOnly)), End: aws.String(today.Format(time.DateOnly))},
		})
		return err
	}}})
}

// CheckSplits tries whether Athena answers, and whether the export is there.
func (a *Account) CheckSplits(ctx context.Context, e Export) []engine.Check {
	return a.tryAll(ctx, []try{{"athena:StartQueryExecution", engine.CheckWarn, func(ctx context.Context) error {
		today := a.now().UTC().Truncate(24 * time.Hour)
		_, err := a.Splits(ctx, e, today, today.AddDate(0, 0, 1))
		return err
	}}})
}

func (a *Account) tryAll(ctx context.Context, tries []try) []engine.Check {
	area := "aws " + a.region
	if a.name != "" {
		area = "aws " + a.name
	}
	checks := make([]engine.Check, 0, len(tries))
	for _, t := range tries {
		err := t.call(ctx)
		if err == nil {
			checks = append(checks, engine.Passed(area, t.action, "allowed"))
			continue
		}
		if engine.CodeOf(err) == engine.Internal {
			err = failed(err, "it was tried")
		}
		checks = append(checks, engine.Missed("aws-permission", t.level, area, t.action, err.Error(), "allowed",
			"allow it to the role of the bot: deploy/terraform has the policy"))
	}
	return checks
}
