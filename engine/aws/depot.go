package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/eks-autopilot/autopilot/engine"
)

// DepotConfig says in which bucket files are kept, and as whom.
type DepotConfig struct {
	Config
	Bucket  string
	Account string // that owns the bucket; a bucket of another is refused
}

// Depot keeps files in a bucket of S3. It reads and deletes none. Its methods may be called at the same time.
type Depot struct {
	cfg DepotConfig
	s3  *s3.Client
}

// NewDepot prepares it. It fails with Invalid where the configuration cannot be read.
func NewDepot(ctx context.Context, cfg DepotConfig) (*Depot, error) {
	if cfg.Region == "" || cfg.Bucket == "" || cfg.Account == "" {
		return nil, engine.Errorf(engine.Invalid, "files in S3 need a bucket, its region and its account")
	}
	client, err := bucketClient(ctx, cfg.Config)
	if err != nil {
		return nil, err
	}
	return &Depot{cfg: cfg, s3: client}, nil
}

// Put keeps a file under a key, in place of one that is there. It fails with NotFound without the bucket, with Forbidden, and with
// Unavailable when trying again can help.
func (d *Depot) Put(ctx context.Context, key, contentType string, body []byte) error {
	return d.failed(d.put(ctx, key, contentType, body, sha256.Sum256(body)), key)
}

func (d *Depot) put(ctx context.Context, key, contentType string, body []byte, sum [sha256.Size]byte) error {
	_, err := d.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(d.cfg.Bucket), Key: aws.String(key), ExpectedBucketOwner: aws.String(d.cfg.Account),
		Body: bytes.NewReader(body), ContentType: aws.String(contentType),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	})
	return err
}

// Check tries whether files may be kept below a prefix. It keeps nothing: see wrongSum.
func (d *Depot) Check(ctx context.Context, prefix string) engine.Check {
	const area, fix = "reports", "allow it to the role of the reports: deploy/terraform has the policy report-files"
	name := "s3:PutObject s3://" + d.cfg.Bucket + "/" + prefix
	err := d.put(ctx, prefix+"/doctor", "text/plain", []byte("what is never kept\n"), wrongSum)
	switch {
	case err == nil:
		return engine.Missed("report-bucket-endpoint", engine.CheckFail, area, name, "what does not fit its checksum is taken; it is not S3 as AWS has it", "refused", "see reports.deliveries in the configuration")
	case isWrongSum(err):
		return engine.Passed(area, name, "allowed")
	}
	return engine.Missed("report-bucket", engine.CheckFail, area, name, d.failed(err, prefix+"/doctor").Error(), "allowed", fix)
}

func (d *Depot) failed(err error, key string) error {
	if err == nil {
		return nil
	}
	message := "s3://" + d.cfg.Bucket + "/" + key + " cannot be written"
	if isAPI(err, "NoSuchBucket") {
		return engine.Wrap(engine.NotFound, err, message+": there is no such bucket")
	}
	return failed(err, message)
}
