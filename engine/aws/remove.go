package aws

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Remover takes snapshots of volumes and deletes volumes, in one region of an account, with the permissions of Removes and no others.
// Its methods may be called at the same time.
type Remover struct {
	region string
	ec2    *ec2.Client
}

// NewRemover prepares one, as a role of its own. It fails as Connect does.
func NewRemover(ctx context.Context, cfg Config) (*Remover, error) {
	a, err := Connect(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &Remover{region: a.region, ec2: a.ec2}, nil
}

// actWithin bounds a call that changes something, so that what was asked for and not answered has happened, or never will, when
// somebody looks.
const actWithin = 30 * time.Second

// Volume gives a volume as it is now. It fails with NotFound when it is gone, or going.
func (r *Remover) Volume(ctx context.Context, id string) (waste.Volume, error) {
	out, err := r.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{VolumeIds: []string{id}})
	if err != nil {
		return waste.Volume{}, refused(err, "volume "+id+" cannot be looked at")
	}
	for _, v := range out.Volumes {
		if aws.ToString(v.VolumeId) == id && v.State != types.VolumeStateDeleting && v.State != types.VolumeStateDeleted {
			return volume(v), nil
		}
	}
	return waste.Volume{}, engine.Errorf(engine.NotFound, "volume %s does not exist", id)
}

// Snapshots gives the snapshots of a volume that were taken for a proposal.
func (r *Remover) Snapshots(ctx context.Context, id string, proposal int64) ([]waste.VolumeSnapshot, error) {
	pages := ec2.NewDescribeSnapshotsPaginator(r.ec2, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: []types.Filter{
		{Name: aws.String("volume-id"), Values: []string{id}},
		{Name: aws.String("tag:" + engine.RemovalTag), Values: []string{strconv.FormatInt(proposal, 10)}},
	}})
	var out []waste.VolumeSnapshot
	err := each(ctx, pages, "snapshots of "+id, func(page *ec2.DescribeSnapshotsOutput) {
		for _, s := range page.Snapshots {
			out = append(out, snapshot(s))
		}
	})
	return out, err
}

// TakeSnapshot asks for a snapshot of a volume, marked as the proposal's; dry only tries whether that is allowed. It is asked once,
// for AWS makes one each time: when there is no answer, Snapshots tells later whether there is one.
func (r *Remover) TakeSnapshot(ctx context.Context, id string, proposal int64, dry bool) (waste.VolumeSnapshot, error) {
	ctx, done := context.WithTimeout(ctx, actWithin)
	defer done()
	out, err := r.ec2.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{
		VolumeId: aws.String(id), Description: aws.String("last of " + id + " before its deletion"), DryRun: aws.Bool(dry),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSnapshot, Tags: []types.Tag{
			{Key: aws.String(engine.RemovalTag), Value: aws.String(strconv.FormatInt(proposal, 10))},
			{Key: aws.String("Name"), Value: aws.String("last of " + id)},
		}}},
	}, func(o *ec2.Options) { o.Retryer = aws.NopRetryer{} })
	if err != nil {
		return waste.VolumeSnapshot{}, tried(err, dry, "a snapshot of "+id+" cannot be taken")
	}
	return waste.VolumeSnapshot{
		ID: aws.ToString(out.SnapshotId), VolumeID: aws.ToString(out.VolumeId), State: string(out.State), At: aws.ToTime(out.StartTime),
		GiB: int64(aws.ToInt32(out.VolumeSize)), Tags: tags(out.Tags),
	}, nil
}

// Delete deletes a volume; dry only tries whether that is allowed. It fails with NotFound when it is gone already, and with Conflict
// while something uses it.
func (r *Remover) Delete(ctx context.Context, id string, dry bool) error {
	ctx, done := context.WithTimeout(ctx, actWithin)
	defer done()
	_, err := r.ec2.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: aws.String(id), DryRun: aws.Bool(dry)})
	return tried(err, dry, "volume "+id+" cannot be deleted")
}

// tried makes what AWS says to a dry run that would have worked no error.
func tried(err error, dry bool, message string) error {
	if err == nil {
		return nil
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok && dry && api.ErrorCode() == "DryRunOperation" {
		return nil
	}
	return refused(err, message)
}

// refused gives an error of EC2 its code, and what a person can do about it.
func refused(err error, message string) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return failed(err, message)
	}
	say := func(code engine.Code, advice string) error {
		return engine.Wrap(code, err, fmt.Sprintf("%s: AWS says %s. %s", message, api.ErrorCode(), advice))
	}
	switch api.ErrorCode() {
	case "InvalidVolume.NotFound", "InvalidSnapshot.NotFound":
		return engine.Wrap(engine.NotFound, err, message+": it does not exist")
	case "VolumeInUse", "IncorrectState":
		return say(engine.Conflict, "Something uses it.")
	case "SnapshotLimitExceeded", "ResourceLimitExceeded":
		return say(engine.Unavailable, "The account has as many snapshots as it may: delete some, or ask AWS for more.")
	case "ConcurrentSnapshotLimitExceeded", "SnapshotCreationPerVolumeRateExceeded", "PendingSnapshotLimitExceeded":
		return say(engine.Unavailable, "Other snapshots are being taken; it is tried again.")
	case "RequestLimitExceeded", "Throttling", "ThrottlingException":
		return say(engine.Unavailable, "The account is asked too much; it is tried again.")
	case "UnauthorizedOperation", "AccessDenied":
		return say(engine.Forbidden, "Allow it to the remover's role: deploy/terraform has the policy volume-remover. A service control policy may forbid it too.")
	}
	return failed(err, message)
}

// CheckRemover tries what removing volumes needs and can be tried without a volume. That it may take a snapshot and delete is tried on
// each volume before anything is done.
func (r *Remover) CheckRemover(ctx context.Context, name string) []engine.Check {
	a := &Account{name: name, region: r.region}
	return a.tryAll(ctx, []try{
		{"volume remover: ec2:DescribeVolumes", engine.CheckFail, func(ctx context.Context) error {
			_, err := r.ec2.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{MaxResults: aws.Int32(5)})
			return err
		}},
		{"volume remover: ec2:DescribeSnapshots", engine.CheckFail, func(ctx context.Context) error {
			_, err := r.ec2.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{MaxResults: aws.Int32(5), OwnerIds: []string{"self"}})
			return err
		}},
	})
}
