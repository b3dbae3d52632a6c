// Package aws is the way to AWS, and the only importer of its SDK.
//
// It opens EKS clusters: where a cluster is, and the tokens that it takes; cmd/autopilot hands both to package kube. For the scans of
// package handlers it lists what an account has (waste.Account), what AWS asks for it (price.List), and what is paid (price.Bill).
// Where people approved it, a Remover takes a snapshot of a volume and deletes the volume, as a role of its own. Anchors keeps the
// head of the audit log in S3, as another. Mail and Depot bring reports to where Slack is not.
// FIS breaks things in pods by AWS FIS.
// Every API action that it calls is in Grants, Removes, Keeps, Mails, Files or Injects, and deploy/terraform allows those and no others.
package aws

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/costexplorer"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/pricing"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/eks-autopilot/autopilot/engine"
)

// Config says which account is meant, and as whom. Credentials come from where the AWS SDK looks for them: the environment,
// the shared files, a web identity (IRSA), the pod's or the instance's role.
type Config struct {
	Name       string // for people; "" for none
	Region     string
	Role       string // ARN of a role to assume; "" for none
	ExternalID string // that the role may ask for

	Endpoint    string                  // of every service, for a stand-in; "" for AWS itself
	Credentials aws.CredentialsProvider // instead of the default chain; nil for that
	HTTP        *http.Client            // nil for the SDK's own
	Now         func() time.Time        // nil means time.Now
	Backoff     time.Duration           // the longest wait between two tries of a call; 0 for the SDK's own 20 s
}

// Account is an AWS account in a region, as one identity. Its methods may be called at the same time.
type Account struct {
	name, region string

	sts         *sts.Client
	eks         *eks.Client
	ec2         *ec2.Client
	autoscaling *autoscaling.Client
	pricing     *pricing.Client
	costs       *costexplorer.Client
	athena      *athena.Client
	now         func() time.Time
}

// load gives the SDK's own configuration: where, as whom, and with how much patience.
func load(ctx context.Context, cfg Config) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		config.WithRegion(cfg.Region), config.WithAppID("autopilot"), config.WithRetryer(retryer(cfg.Backoff)),
		config.WithAPIOptions([]func(*middleware.Stack) error{measured}),
	}
	if cfg.Endpoint != "" {
		options = append(options, config.WithBaseEndpoint(cfg.Endpoint))
	}
	if cfg.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(cfg.Credentials))
	}
	if cfg.HTTP != nil {
		options = append(options, config.WithHTTPClient(cfg.HTTP))
	}
	sdk, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, engine.Wrap(engine.Invalid, err, "the AWS configuration cannot be read")
	}
	if cfg.Role != "" {
		role := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(sdk), cfg.Role, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "autopilot"
			if cfg.ExternalID != "" {
				o.ExternalID = aws.String(cfg.ExternalID)
			}
		})
		sdk.Credentials = aws.NewCredentialsCache(role)
	}
	return sdk, nil
}

// Connect prepares an account. It fails with Invalid without a region, or when the shared files cannot be read.
func Connect(ctx context.Context, cfg Config) (*Account, error) {
	if cfg.Region == "" {
		return nil, engine.Errorf(engine.Invalid, "an AWS account needs a region, such as eu-central-1")
	}
	sdk, err := load(ctx, cfg)
	if err != nil {
		return nil, err
	}
	a := &Account{
		name: cfg.Name, region: cfg.Region, sts: sts.NewFromConfig(sdk), eks: eks.NewFromConfig(sdk), ec2: ec2.NewFromConfig(sdk),
		autoscaling: autoscaling.NewFromConfig(sdk), athena: athena.NewFromConfig(sdk), now: cfg.Now,
	}
	// Prices and bills are asked for in one place of each partition, wherever the account runs things.
	home := sdk.Copy()
	home.Region = billingRegion(cfg.Region)
	a.pricing, a.costs = pricing.NewFromConfig(home), costexplorer.NewFromConfig(home)
	if a.now == nil {
		a.now = time.Now
	}
	return a, nil
}

// tries is how often a call is tried, throttled ones and those that failed on the way.
const tries = 8

// retryer is the SDK's own, with more patience: a scan may wait, and a busy account throttles.
func retryer(backoff time.Duration) func() aws.Retryer {
	return func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = tries
			if backoff > 0 {
				o.MaxBackoff = backoff
			}
		})
	}
}

// billingRegion gives the region in whose endpoints a partition's prices and bills are.
func billingRegion(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "cn-northwest-1"
	case strings.HasPrefix(region, "us-gov-"):
		return "us-gov-west-1"
	default:
		return "us-east-1"
	}
}

// EKS gives where a cluster's API server is, and the certificate authority (PEM) that it is known by.
// It fails with NotFound, Forbidden or Unavailable, and with Conflict while the cluster is being made.
func (a *Account) EKS(ctx context.Context, cluster string) (endpoint string, ca []byte, err error) {
	out, err := a.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String(cluster)})
	if err != nil {
		return "", nil, failed(err, "EKS cluster "+cluster+" in "+a.region+" cannot be looked up")
	}
	c := out.Cluster
	if c == nil || aws.ToString(c.Endpoint) == "" || c.CertificateAuthority == nil {
		return "", nil, engine.Errorf(engine.Conflict, "EKS cluster %s has no endpoint yet", cluster)
	}
	ca, err = base64.StdEncoding.DecodeString(aws.ToString(c.CertificateAuthority.Data))
	if err != nil {
		return "", nil, engine.Wrap(engine.Unavailable, err, "the certificate authority of EKS cluster "+cluster+" cannot be read")
	}
	return aws.ToString(c.Endpoint), ca, nil
}

// Check tries who we are, and whether the EKS cluster can be looked up.
func (a *Account) Check(ctx context.Context, cluster string) []engine.Check {
	const area = "aws"
	who, err := a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return []engine.Check{engine.Missed("aws-identity", engine.CheckFail, area, "identity", failed(err, "AWS does not say who we are").Error(), "credentials",
			"give the bot a role by IRSA or Pod Identity, or set AWS_PROFILE")}
	}
	checks := []engine.Check{engine.Passed(area, "identity", aws.ToString(who.Arn))}
	endpoint, _, err := a.EKS(ctx, cluster)
	if err != nil {
		return append(checks, engine.Missed("eks-describe", engine.CheckFail, area, "eks:DescribeCluster "+cluster, err.Error(), "allowed",
			"allow eks:DescribeCluster on the cluster, and map the identity in it by an EKS access entry"))
	}
	return append(checks, engine.Passed(area, "eks:DescribeCluster "+cluster, endpoint))
}

// failed gives an error of the SDK its code.
func failed(err error, message string) error {
	if _, missing := errors.AsType[*ekstypes.ResourceNotFoundException](err); missing {
		return engine.Wrap(engine.NotFound, err, message)
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "AccessDenied", "AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId",
			"ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch", "UnauthorizedOperation", "AuthFailure", "OptInRequired":
			return engine.Wrap(engine.Forbidden, err, message)
		}
	}
	return engine.Wrap(engine.Unavailable, err, message)
}
