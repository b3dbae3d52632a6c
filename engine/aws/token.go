package aws

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	tokenPrefix   = "k8s-aws-v1." //nolint:gosec // How a token begins is public.
	clusterHeader = "x-k8s-aws-id"
	// EKS takes a token for 15 minutes from its signature, whatever its X-Amz-Expires says; one minute is for clocks that differ.
	tokenLife = 14 * time.Minute
)

// Token gives the function that makes bearer tokens for an EKS cluster, of the shape that kube.EKS asks for: a GetCallerIdentity
// of STS, signed but not sent, with the cluster's name among what is signed. Making one sends nothing but what the credentials
// need. It fails with Unavailable when there are no credentials.
func (a *Account) Token(cluster string) func(ctx context.Context) (token string, expiry time.Time, err error) {
	client := sts.NewPresignClient(a.sts)
	return func(ctx context.Context) (string, time.Time, error) {
		signed := a.now()
		req, err := client.PresignGetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}, func(o *sts.PresignOptions) {
			o.Presigner = presigner{next: o.Presigner, cluster: cluster}
		})
		if err != nil {
			return "", time.Time{}, engine.Wrap(engine.Unavailable, err, "no token for EKS cluster "+cluster+" could be signed")
		}
		return tokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(req.URL)), signed.Add(tokenLife), nil
	}
}

// presigner adds to the request what EKS wants signed.
type presigner struct {
	next    sts.HTTPPresignerV4
	cluster string
}

// PresignHTTP signs the request, by its URL.
func (p presigner) PresignHTTP(ctx context.Context, credentials aws.Credentials, r *http.Request, hash, service, region string,
	at time.Time, options ...func(*v4.SignerOptions),
) (string, http.Header, error) {
	r.Header.Set(clusterHeader, p.cluster)
	query := r.URL.Query()
	query.Set("X-Amz-Expires", "60")
	r.URL.RawQuery = query.Encode()
	return p.next.PresignHTTP(ctx, credentials, r, hash, service, region, at, options...)
}
