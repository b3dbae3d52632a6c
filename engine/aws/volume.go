package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/eks-autopilot/autopilot/engine/waste"
)

// volumes lists the EBS volumes. Their prices are for the price.Book to say.
func (a *Account) volumes(ctx context.Context) ([]waste.Volume, error) {
	pages := ec2.NewDescribeVolumesPaginator(a.ec2, &ec2.DescribeVolumesInput{MaxResults: aws.Int32(500)})
	var out []waste.Volume
	err := each(ctx, pages, "volumes of "+a.region, func(page *ec2.DescribeVolumesOutput) {
		for _, v := range page.Volumes {
			out = append(out, volume(v))
		}
	})
	return out, err
}

func volume(v types.Volume) waste.Volume {
	out := waste.Volume{
		ID: aws.ToString(v.VolumeId), Type: string(v.VolumeType), Zone: aws.ToString(v.AvailabilityZone), State: string(v.State),
		GiB: int64(aws.ToInt32(v.Size)), IOPS: int64(aws.ToInt32(v.Iops)), Throughput: int64(aws.ToInt32(v.Throughput)),
		CreatedAt: aws.ToTime(v.CreateTime), Encrypted: aws.ToBool(v.Encrypted), MultiAttach: aws.ToBool(v.MultiAttachEnabled), Tags: tags(v.Tags),
	}
	for _, at := range v.Attachments {
		out.Attachments = append(out.Attachments, waste.Attachment{Instance: aws.ToString(at.InstanceId), State: string(at.State)})
	}
	return out
}

// snapshots lists the EBS snapshots that the account owns.
func (a *Account) snapshots(ctx context.Context) ([]waste.VolumeSnapshot, error) {
	pages := ec2.NewDescribeSnapshotsPaginator(a.ec2, &ec2.DescribeSnapshotsInput{MaxResults: aws.Int32(1000), OwnerIds: []string{"self"}})
	var out []waste.VolumeSnapshot
	err := each(ctx, pages, "snapshots of "+a.region, func(page *ec2.DescribeSnapshotsOutput) {
		for _, s := range page.Snapshots {
			out = append(out, snapshot(s))
		}
	})
	return out, err
}

func snapshot(s types.Snapshot) waste.VolumeSnapshot {
	return waste.VolumeSnapshot{
		ID: aws.ToString(s.SnapshotId), VolumeID: aws.ToString(s.VolumeId), State: string(s.State),
		At: aws.ToTime(s.StartTime), GiB: int64(aws.ToInt32(s.VolumeSize)), Tags: tags(s.Tags),
	}
}
