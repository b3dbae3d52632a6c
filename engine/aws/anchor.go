package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"github.com/eks-autopilot/autopilot/engine"
)

// AnchorConfig says where anchors of the audit log are kept, and as whom.
type AnchorConfig struct {
	Config
	Bucket, Prefix string
	Account        string        // that owns the bucket; a bucket of another is refused
	Governance     bool          // lock in mode GOVERNANCE, which some may lift, and not COMPLIANCE, which nobody can
	Retain         time.Duration // how long each is locked
}

// Anchors keeps anchors of the audit log in S3 under Object Lock: an object for each, which nobody can change or delete before its time
// is over. Whoever may write there can hide one behind a newer version, so that every version is read.
// Its methods may be called at the same time.
type Anchors struct {
	cfg AnchorConfig
	s3  *s3.Client
}

// NewAnchors prepares them, as a role of its own. It fails with Invalid where the configuration cannot be read.
func NewAnchors(ctx context.Context, cfg AnchorConfig) (*Anchors, error) {
	if cfg.Region == "" || cfg.Bucket == "" || cfg.Prefix == "" || cfg.Account == "" || cfg.Retain <= 0 {
		return nil, engine.Errorf(engine.Invalid, "an audit anchor needs a bucket, its region and account, a prefix, and how long it is kept")
	}
	client, err := bucketClient(ctx, cfg.Config)
	if err != nil {
		return nil, err
	}
	return &Anchors{cfg: cfg, s3: client}, nil
}

// bucketClient speaks to S3. Where there is one address for all, the bucket cannot be part of its name.
func bucketClient(ctx context.Context, cfg Config) (*s3.Client, error) {
	sdk, err := load(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return s3.NewFromConfig(sdk, func(o *s3.Options) { o.UsePathStyle = cfg.Endpoint != "" }), nil
}

// Key is where an anchor is kept: by day, then by row, in the order of time.
func (a *Anchors) Key(x engine.Anchor) string {
	return fmt.Sprintf("%s/%s-%012d.json", a.cfg.Prefix, x.At.UTC().Format("2006/01/02"), x.Seq)
}

// Write keeps an anchor, locked. One of the same row and day that is there already is left as it is. It fails with Conflict when that
// one has another hash, with Forbidden when the role may not write, and with NotFound without the bucket.
func (a *Anchors) Write(ctx context.Context, x engine.Anchor) error {
	body, err := json.Marshal(x)
	if err != nil {
		return engine.Wrap(engine.Internal, err, "an anchor cannot be written as JSON")
	}
	key := a.Key(x)
	err = a.put(ctx, key, body, x.At, sha256.Sum256(body))
	if !isAPI(err, "PreconditionFailed") {
		return a.failed(err, "cannot be written")
	}
	all, err := a.list(ctx, key, "")
	if err != nil {
		return err
	}
	for _, v := range all {
		there, err := a.read(ctx, v)
		if err != nil {
			return err
		}
		if there.Hash != x.Hash {
			return engine.Errorf(engine.Conflict, "row %d of the audit log was anchored on %s with the hash %s, and has %s now",
				x.Seq, there.At.Format(time.DateOnly), there.Hash, x.Hash)
		}
	}
	return nil
}

// put writes an object unless there is one. Object Lock asks for a checksum.
func (a *Anchors) put(ctx context.Context, key string, body []byte, at time.Time, sum [sha256.Size]byte) error {
	mode := types.ObjectLockModeCompliance
	if a.cfg.Governance {
		mode = types.ObjectLockModeGovernance
	}
	_, err := a.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(a.cfg.Bucket), Key: aws.String(key), ExpectedBucketOwner: aws.String(a.cfg.Account),
		Body: bytes.NewReader(body), ContentType: aws.String("application/json"), IfNoneMatch: aws.String("*"),
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum[:])),
		ObjectLockMode: mode, ObjectLockRetainUntilDate: aws.Time(at.Add(a.cfg.Retain)),
	})
	return err
}

// Newest gives the newest anchor: the first version of the last object. It looks at those since a day first, which is one page, and
// at all only where there is none. It fails with NotFound when there is none at all.
func (a *Anchors) Newest(ctx context.Context, since time.Time) (engine.Anchor, error) {
	for _, after := range []string{a.cfg.Prefix + since.UTC().Format("/2006/01/02"), ""} {
		all, err := a.list(ctx, a.cfg.Prefix+"/", after)
		if err != nil {
			return engine.Anchor{}, err
		}
		if len(all) > 0 {
			return a.read(ctx, all[len(all)-1]) // keys ascend, and the versions of each go back in time
		}
	}
	return engine.Anchor{}, engine.Errorf(engine.NotFound, "there is no anchor in s3://%s/%s", a.cfg.Bucket, a.cfg.Prefix)
}

// readers is how many anchors are read at once.
const readers = 8

// All gives every version of every anchor, oldest day first. It fails as a whole: what is compared with some of them says nothing of
// the others.
func (a *Anchors) All(ctx context.Context) ([]engine.Anchor, error) {
	all, err := a.list(ctx, a.cfg.Prefix+"/", "")
	if err != nil {
		return nil, err
	}
	out := make([]engine.Anchor, len(all))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for k, v := range all {
		g.Go(func() (err error) {
			out[k], err = a.read(ctx, v)
			return err
		})
	}
	return out, g.Wait()
}

// anchorVersion is one version of an object that is named as an anchor.
type anchorVersion struct {
	key, version string
	seq          int64
}

var anchorKey = regexp.MustCompile(`^\d{4}/\d{2}/\d{2}-(\d{12,18})\.json$`)

// list gives the versions of anchors below a prefix, behind a key. Other objects are none of its business.
func (a *Anchors) list(ctx context.Context, prefix, after string) ([]anchorVersion, error) {
	in := &s3.ListObjectVersionsInput{Bucket: aws.String(a.cfg.Bucket), Prefix: aws.String(prefix), ExpectedBucketOwner: aws.String(a.cfg.Account)}
	if after != "" {
		in.KeyMarker = aws.String(after)
	}
	var all []anchorVersion
	pages := s3.NewListObjectVersionsPaginator(a.s3, in)
	for n := 0; pages.HasMorePages(); n++ {
		if n == maxPages {
			return nil, engine.Errorf(engine.Unavailable, "the anchors in s3://%s/%s cannot be listed: there is no end to their pages", a.cfg.Bucket, a.cfg.Prefix)
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, a.failed(err, "cannot be listed")
		}
		for _, v := range page.Versions {
			key := aws.ToString(v.Key)
			if m := anchorKey.FindStringSubmatch(strings.TrimPrefix(key, a.cfg.Prefix+"/")); m != nil {
				seq, _ := strconv.ParseInt(m[1], 10, 64) // at most 18 digits
				all = append(all, anchorVersion{key: key, version: aws.ToString(v.VersionId), seq: seq})
			}
		}
	}
	return all, nil
}

const maxAnchor = 4 << 10 // bytes; an anchor has about 200

// read gives what a version says. It fails with Conflict when it is no anchor, or one of another row than its name says.
func (a *Anchors) read(ctx context.Context, v anchorVersion) (engine.Anchor, error) {
	out, err := a.s3.GetObject(ctx, &s3.GetObjectInput{
		Bucket: aws.String(a.cfg.Bucket), Key: aws.String(v.key), VersionId: aws.String(v.version), ExpectedBucketOwner: aws.String(a.cfg.Account),
	})
	if err != nil {
		return engine.Anchor{}, a.failed(err, v.key+" cannot be read")
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, maxAnchor))
	if err != nil {
		return engine.Anchor{}, a.failed(err, v.key+" cannot be read")
	}
	var x engine.Anchor
	if err := json.Unmarshal(data, &x); err != nil || x.Seq != v.seq || len(x.Hash) != 2*sha256.Size || x.At.IsZero() {
		return engine.Anchor{}, engine.Errorf(engine.Conflict, "s3://%s/%s (version %s) is not the anchor of row %d", a.cfg.Bucket, v.key, v.version, v.seq)
	}
	return x, nil
}

// Check tries whether the bucket is there and locks, and whether anchors may be written and listed. It writes nothing.
func (a *Anchors) Check(ctx context.Context, now time.Time) []engine.Check {
	const area, fix = "audit anchor", "allow it to the role of the anchors: deploy/terraform has the policy audit-anchor"
	lock := "Object Lock of s3://" + a.cfg.Bucket
	out, err := a.s3.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: aws.String(a.cfg.Bucket), ExpectedBucketOwner: aws.String(a.cfg.Account)})
	switch {
	case isAPI(err, "ObjectLockConfigurationNotFoundError"),
		err == nil && (out.ObjectLockConfiguration == nil || out.ObjectLockConfiguration.ObjectLockEnabled != types.ObjectLockEnabledEnabled):
		return []engine.Check{engine.Missed("audit-anchor-lock", engine.CheckFail, area, lock, "off", "on",
			"aws s3api put-object-lock-configuration --bucket "+a.cfg.Bucket+" --object-lock-configuration ObjectLockEnabled=Enabled; the bucket must be versioned")}
	case err != nil:
		return []engine.Check{engine.Missed("audit-anchor-access", engine.CheckFail, area, lock, a.failed(err, "does not say whether it locks").Error(), "on", fix)}
	}
	checks := []engine.Check{engine.Passed(area, lock, "on")}
	for _, t := range []try{
		{action: "s3:PutObject", call: func(ctx context.Context) error { return a.tryPut(ctx, now) }},
		{action: "s3:ListBucketVersions", call: func(ctx context.Context) error {
			_, err := a.list(ctx, a.cfg.Prefix+"/", a.cfg.Prefix+now.UTC().Format("/2006/01/02"))
			return err
		}},
	} {
		if err := t.call(ctx); err != nil {
			checks = append(checks, engine.Missed("audit-anchor-access", engine.CheckFail, area, t.action, err.Error(), "allowed", fix))
			continue
		}
		checks = append(checks, engine.Passed(area, t.action, "allowed"))
	}
	return checks
}

// wrongSum is the checksum of nothing. With it, S3 looks at permissions first, and refuses what is allowed for the checksum.
var wrongSum = sha256.Sum256(nil)

func isWrongSum(err error) bool { return isAPI(err, "BadDigest", "XAmzContentChecksumMismatch") }

// tryPut asks for an object with a wrong checksum.
func (a *Anchors) tryPut(ctx context.Context, now time.Time) error {
	err := a.put(ctx, a.cfg.Prefix+"/doctor", []byte("what is never kept\n"), now, wrongSum)
	if err == nil {
		return engine.Errorf(engine.Conflict, "s3://%s takes what does not fit its checksum; it is not S3 as AWS has it", a.cfg.Bucket)
	}
	if isWrongSum(err) {
		return nil
	}
	return a.failed(err, "cannot be written")
}

// failed gives an error of S3 its code.
func (a *Anchors) failed(err error, message string) error {
	if err == nil {
		return nil
	}
	message = "s3://" + a.cfg.Bucket + "/" + a.cfg.Prefix + " " + message
	switch {
	case isAPI(err, "NoSuchBucket"):
		return engine.Wrap(engine.NotFound, err, message+": there is no such bucket")
	case isAPI(err, "InvalidRequest"):
		return engine.Wrap(engine.Invalid, err, message+": S3 refuses it; is Object Lock on?")
	}
	return failed(err, message)
}

// isAPI tells whether AWS answered with one of these codes.
func isAPI(err error, codes ...string) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains(codes, api.ErrorCode())
}
