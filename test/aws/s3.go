package aws

import (
	"crypto/md5" //nolint:gosec // ETag and Content-MD5 are MD5.
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Bucket is an S3 bucket with versioning on. Its objects are by key; of each, the newest version is the last.
type Bucket struct {
	Account, Region, Name string
	Lock                  bool // Object Lock is on
	Objects               map[string][]ObjectVersion
}

// ObjectVersion is one version of an object, or the mark that it was deleted.
type ObjectVersion struct {
	ID       string
	Deleted  bool // a delete marker
	Body     []byte
	Type     string
	At       time.Time
	LockMode string // COMPLIANCE, GOVERNANCE; "" for none
	Until    time.Time
	SHA256   string // base64, where the writer gave it
}

func (v ObjectVersion) etag() string {
	sum := md5.Sum(v.Body) //nolint:gosec // S3's own
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

func (v ObjectVersion) locked(now time.Time) bool { return v.LockMode != "" && now.Before(v.Until) }

// objectAnswer is an answer of S3: its headers and what is in the body, XML unless it is raw.
type objectAnswer struct {
	status int // 0 means 200
	header map[string]string
	xml    any
	raw    []byte
}

func (a objectAnswer) write(w http.ResponseWriter) {
	for name, value := range a.header {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	if a.xml != nil {
		w.Header().Set("Content-Type", "application/xml")
	}
	w.WriteHeader(max(a.status, http.StatusOK))
	if a.xml != nil {
		_, _ = w.Write(append([]byte(xml.Header), must(xml.Marshal(a.xml))...))
		return
	}
	_, _ = w.Write(a.raw)
}

// s3Action finds an operation of S3 by method, path and query, path-style, and the permissions, as IAM names them, that it needs.
func (c *call) s3Action(r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	c.path, c.header = []string{bucket, key}, r.Header
	set := func(action string, do action, needs ...string) { c.action, c.do, c.needs = action, do, needs }
	version := ""
	if c.form.Has("versionId") {
		version = "Version"
	}
	switch {
	case bucket == "":
	case key == "" && r.Method == http.MethodHead:
		set("HeadBucket", headBucket, "s3:ListBucket")
	case key == "" && r.Method == http.MethodGet && c.form.Has("object-lock"):
		set("GetObjectLockConfiguration", getObjectLock, "s3:GetBucketObjectLockConfiguration")
	case key == "" && r.Method == http.MethodGet && c.form.Has("versions"):
		set("ListObjectVersions", listObjectVersions, "s3:ListBucketVersions")
	case key == "" && r.Method == http.MethodGet && c.form.Get("list-type") == "2":
		set("ListObjectsV2", listObjects, "s3:ListBucket")
	case key == "":
	case r.Method == http.MethodPut:
		set("PutObject", putObject, "s3:PutObject")
		if r.Header.Get(lockMode) != "" || r.Header.Get(lockUntil) != "" {
			c.needs = append(c.needs, "s3:PutObjectRetention")
		}
	case r.Method == http.MethodGet:
		set("GetObject", getObject, "s3:GetObject"+version)
	case r.Method == http.MethodHead:
		set("HeadObject", getObject, "s3:GetObject"+version)
	case r.Method == http.MethodDelete:
		set("DeleteObject", deleteObject, "s3:DeleteObject"+version)
		if lifts(r.Header) {
			c.needs = append(c.needs, "s3:BypassGovernanceRetention")
		}
	}
}

const (
	lockMode  = "X-Amz-Object-Lock-Mode"
	lockUntil = "X-Amz-Object-Lock-Retain-Until-Date"
	bypass    = "X-Amz-Bypass-Governance-Retention" //nolint:gosec // the name of a header
	sumSHA256 = "X-Amz-Checksum-Sha256"
	versionID = "X-Amz-Version-Id"
)

// lifts tells whether a request asks for a lock that may be lifted to be lifted.
func lifts(h http.Header) bool { return strings.EqualFold(h.Get(bypass), "true") }

// bucketOf finds the bucket of a request. Names are of all accounts; who may not use another's is refused.
func (s *Server) bucketOf(c *call) (*Bucket, *refusal) {
	at := slices.IndexFunc(s.world.Buckets, func(b Bucket) bool { return b.Name == c.path[0] })
	if at < 0 {
		return nil, refuse(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist")
	}
	b := &s.world.Buckets[at]
	if owner := c.header.Get("X-Amz-Expected-Bucket-Owner"); b.Account != c.who.Account || owner != "" && owner != b.Account {
		return nil, c.proto.denied(c)
	}
	if b.Region != c.region {
		return nil, refuse(http.StatusBadRequest, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region '%s' is wrong; expecting '%s'", c.region, b.Region)
	}
	return b, nil
}

func headBucket(s *Server, c *call) (any, *refusal) {
	b, problem := s.bucketOf(c)
	if problem != nil {
		return nil, problem
	}
	return objectAnswer{header: map[string]string{"X-Amz-Bucket-Region": b.Region}}, nil
}

func getObjectLock(s *Server, c *call) (any, *refusal) {
	b, problem := s.bucketOf(c)
	if problem != nil {
		return nil, problem
	}
	if !b.Lock {
		return nil, refuse(http.StatusNotFound, "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
	}
	return objectAnswer{xml: struct {
		XMLName           xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ObjectLockConfiguration"`
		ObjectLockEnabled string
	}{ObjectLockEnabled: "Enabled"}}, nil
}

// checked compares a body with the checksums that came with it, and tells whether there was one.
func (c *call) checked() (has bool, problem *refusal) {
	if want := c.header.Get("Content-Md5"); want != "" {
		sum := md5.Sum(c.body) //nolint:gosec // S3's own
		has = true
		if want != base64.StdEncoding.EncodeToString(sum[:]) {
			return true, refuse(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.")
		}
	}
	for name := range c.header {
		has = has || strings.HasPrefix(name, "X-Amz-Checksum-")
	}
	if want := c.header.Get(sumSHA256); want != "" {
		sum := sha256.Sum256(c.body)
		if want != base64.StdEncoding.EncodeToString(sum[:]) {
			return true, refuse(http.StatusBadRequest, "BadDigest", "The SHA256 you specified did not match the calculated checksum.")
		}
	}
	return has, nil
}

func putObject(s *Server, c *call) (any, *refusal) {
	b, problem := s.bucketOf(c)
	if problem != nil {
		return nil, problem
	}
	sum, problem := c.checked()
	if problem != nil {
		return nil, problem
	}
	now := s.cfg.Now()
	v := ObjectVersion{Body: slices.Clone(c.body), Type: c.header.Get("Content-Type"), At: now, LockMode: c.header.Get(lockMode), SHA256: c.header.Get(sumSHA256)}
	if v.Until, problem = c.retention(b, now, sum); problem != nil {
		return nil, problem
	}
	old := b.Objects[c.path[1]]
	if c.header.Get("If-None-Match") == "*" && len(old) > 0 && !old[len(old)-1].Deleted {
		return nil, refuse(http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	}
	v.ID = s.addVersion(b, c.path[1], v)
	return objectAnswer{header: map[string]string{"ETag": v.etag(), versionID: v.ID, sumSHA256: v.SHA256}}, nil
}

// retention reads until when a new version is to be locked.
func (c *call) retention(b *Bucket, now time.Time, sum bool) (until time.Time, problem *refusal) {
	mode, date := c.header.Get(lockMode), c.header.Get(lockUntil)
	invalid := func(code, text string) (time.Time, *refusal) {
		return time.Time{}, refuse(http.StatusBadRequest, code, "%s", text)
	}
	switch {
	case mode == "" && date == "":
		return time.Time{}, nil
	case !b.Lock:
		return invalid("InvalidRequest", "Bucket is missing Object Lock Configuration")
	case mode == "" || date == "":
		return invalid("InvalidArgument", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	case mode != "COMPLIANCE" && mode != "GOVERNANCE":
		return invalid("InvalidArgument", "Unknown wormMode directive.")
	case !sum:
		return invalid("InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters")
	}
	until, err := time.Parse(time.RFC3339Nano, date)
	if err != nil {
		return invalid("InvalidArgument", "The retain until date must be provided in ISO 8601 format")
	}
	if !until.After(now) {
		return invalid("InvalidArgument", "The retain until date must be in the future!")
	}
	return until, nil
}

func (s *Server) addVersion(b *Bucket, key string, v ObjectVersion) string {
	s.serial++
	v.ID = fmt.Sprintf("v%031d", s.serial)
	if b.Objects == nil {
		b.Objects = map[string][]ObjectVersion{}
	}
	b.Objects[key] = append(b.Objects[key], v)
	return v.ID
}

// object finds the version that a request means: the newest, or the one that it names.
func (s *Server) object(c *call) (b *Bucket, at int, problem *refusal) {
	if b, problem = s.bucketOf(c); problem != nil {
		return nil, 0, problem
	}
	versions := b.Objects[c.path[1]]
	if id := c.form.Get("versionId"); id != "" {
		if at = slices.IndexFunc(versions, func(v ObjectVersion) bool { return v.ID == id }); at < 0 {
			return nil, 0, refuse(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.")
		}
		return b, at, nil
	}
	if at = len(versions) - 1; at < 0 || versions[at].Deleted {
		return nil, 0, refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
	}
	return b, at, nil
}

func getObject(s *Server, c *call) (any, *refusal) {
	b, at, problem := s.object(c)
	if problem != nil {
		return nil, problem
	}
	v := b.Objects[c.path[1]][at]
	if v.Deleted {
		return nil, refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	header := map[string]string{
		"ETag": v.etag(), versionID: v.ID, "Content-Type": v.Type, "Last-Modified": v.At.UTC().Format(http.TimeFormat), lockMode: v.LockMode,
		"Content-Length": fmt.Sprint(len(v.Body)),
	}
	if !v.Until.IsZero() {
		header[lockUntil] = v.Until.UTC().Format(time.RFC3339)
	}
	if c.header.Get("X-Amz-Checksum-Mode") == "ENABLED" {
		header[sumSHA256] = v.SHA256
	}
	return objectAnswer{header: header, raw: v.Body}, nil
}

// deleteObject puts a mark on top of an object, which hides it; or deletes a version for good, unless it is locked.
func deleteObject(s *Server, c *call) (any, *refusal) {
	b, problem := s.bucketOf(c)
	if problem != nil {
		return nil, problem
	}
	if !c.form.Has("versionId") {
		id := s.addVersion(b, c.path[1], ObjectVersion{Deleted: true, At: s.cfg.Now()})
		return objectAnswer{status: http.StatusNoContent, header: map[string]string{versionID: id, "X-Amz-Delete-Marker": "true"}}, nil
	}
	b, at, problem := s.object(c)
	if problem != nil {
		return nil, problem
	}
	v := b.Objects[c.path[1]][at]
	if v.locked(s.cfg.Now()) && (v.LockMode == "COMPLIANCE" || !lifts(c.header)) {
		return nil, refuse(http.StatusForbidden, "AccessDenied", "Access Denied because object protected by object lock.")
	}
	b.Objects[c.path[1]] = slices.Delete(b.Objects[c.path[1]], at, at+1)
	return objectAnswer{status: http.StatusNoContent, header: map[string]string{versionID: v.ID}}, nil
}
