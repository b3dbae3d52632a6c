// Package aws is the way to AWS, and the only importer of its SDK.
//
// It opens EKS clusters: where a cluster is, and the tokens that it takes. cmd/autopilot hands both to package kube.
package aws

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	ekstypes "github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/eks-autopilot/autopilot/engine"
)

// Config says which account is meant, and as whom. Credentials come from where the AWS SDK looks for them: the environment,
// the shared files, a web identity (IRSA), the pod's or the instance's role.
type Config struct {
	Region     string
	Role       string // ARN of a role to assume; "" for none
	ExternalID string // that the role may ask for

	Endpoint    string                  // of every service, for a stand-in; "" for AWS itself
	Credentials aws.CredentialsProvider // instead of the default chain; nil for that
	HTTP        *http.Client            // nil for the SDK's own
	Now         func() time.Time        // nil means time.Now
}

// Account is an AWS account in a region, as one identity. Its methods may be called at the same time.
type Account struct {
	region string
	sts    *sts.Client
	eks    *eks.Client
	now    func() time.Time
}

// Connect prepares an account. It fails with Invalid without a region, or when the shared files cannot be read.
func Connect(ctx context.Context, cfg Config) (*Account, error) {
	if cfg.Region == "" {
		return nil, engine.Errorf(engine.Invalid, "an AWS account needs a region, such as eu-central-1")
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(cfg.Region), config.WithAppID("autopilot")}
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
		return nil, engine.Wrap(engine.Invalid, err, "the AWS configuration cannot be read")
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
	a := &Account{region: cfg.Region, sts: sts.NewFromConfig(sdk), eks: eks.NewFromConfig(sdk), now: cfg.Now}
	if a.now == nil {
		a.now = time.Now
	}
	return a, nil
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
		return []engine.Check{engine.Missed(engine.CheckFail, area, "identity", failed(err, "AWS does not say who we are").Error(), "credentials",
			"give the bot a role by IRSA or Pod Identity, or set AWS_PROFILE")}
	}
	checks := []engine.Check{engine.Passed(area, "identity", aws.ToString(who.Arn))}
	endpoint, _, err := a.EKS(ctx, cluster)
	if err != nil {
		return append(checks, engine.Missed(engine.CheckFail, area, "eks:DescribeCluster "+cluster, err.Error(), "allowed",
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
			"ExpiredToken", "ExpiredTokenException", "SignatureDoesNotMatch":
			return engine.Wrap(engine.Forbidden, err, message)
		}
	}
	return engine.Wrap(engine.Unavailable, err, message)
}
