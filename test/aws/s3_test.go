package aws_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/test/aws"
)

func buckets() aws.World {
	return aws.World{Buckets: []aws.Bucket{
		{Account: account, Region: region, Name: "locked", Lock: true},
		{Account: account, Region: region, Name: "plain"},
		{Account: "999999999999", Region: region, Name: "foreign", Lock: true},
	}}
}

// file is a file with a text, for --body and for what is downloaded.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func s3api(args string, more ...string) []string {
	return append(append([]string{"s3api"}, strings.Fields(args)...), more...)
}

// TestCLILocksAnObject writes an object under a lock, hides it, fails to delete it, and reads it back from under what hides it.
func TestCLILocksAnObject(t *testing.T) {
	at := &clock{at: t0}
	s := start(t, aws.Config{World: buckets(), Now: at.now})
	c := newCLI(t, s)
	until := t0.Add(24 * time.Hour).Format(time.RFC3339)
	put := s3api("put-object --bucket locked --key a/2026/b.json --checksum-algorithm SHA256 --content-type application/json --object-lock-mode COMPLIANCE --object-lock-retain-until-date "+until, "--body", file(t, "first"))
	first := strings.Trim(c.query("VersionId", put...), `"`)
	head := c.query("[ContentLength,ContentType,ObjectLockMode,ObjectLockRetainUntilDate]", s3api("head-object --bucket locked --key a/2026/b.json")...)
	if want := `[5,"application/json","COMPLIANCE","2026-11-21T12:00:00+00:00"]`; head != want {
		t.Errorf("it is %s, want %s", head, want)
	}
	second := strings.Trim(c.query("VersionId", s3api("put-object --bucket locked --key a/2026/b.json", "--body", file(t, "second"))...), `"`)
	if got := c.query("DeleteMarker", s3api("delete-object --bucket locked --key a/2026/b.json")...); got != "true" {
		t.Errorf("deleting without a version says %s", got)
	}
	if _, errs, _ := c.run(s3api("get-object --bucket locked --key a/2026/b.json", os.DevNull)...); !strings.Contains(errs, "(NoSuchKey)") {
		t.Errorf("it is hidden, and reading it says %s", errs)
	}
	versions := c.query("[Versions[].[VersionId,IsLatest,Size],length(DeleteMarkers)]", s3api("list-object-versions --bucket locked --prefix a/")...)
	if want := `[[["` + second + `",false,6],["` + first + `",false,5]],1]`; versions != want {
		t.Errorf("versions %s, want %s", versions, want)
	}
	for _, args := range []string{"", " --bypass-governance-retention"} {
		_, errs, code := c.run(s3api("delete-object --bucket locked --key a/2026/b.json --version-id " + first + args)...)
		if code == 0 || !strings.Contains(errs, "(AccessDenied)") {
			t.Errorf("a locked version was deleted%s: %s", args, errs)
		}
	}
	into := file(t, "")
	if _, errs, code := c.run(s3api("get-object --bucket locked --key a/2026/b.json --version-id "+first, into)...); code != 0 {
		t.Fatal(errs)
	}
	if got, err := os.ReadFile(into); err != nil || string(got) != "first" {
		t.Errorf("the first version is %q (%v)", got, err)
	}
	at.pass(25 * time.Hour)
	if _, errs, code := c.run(s3api("delete-object --bucket locked --key a/2026/b.json --version-id " + first)...); code != 0 {
		t.Errorf("after its time it cannot be deleted: %s", errs)
	}
}

// TestCLIGovernance lifts a lock of the mode that may be lifted.
func TestCLIGovernance(t *testing.T) {
	c := newCLI(t, start(t, aws.Config{World: buckets()}))
	id := strings.Trim(c.query("VersionId", s3api("put-object --bucket locked --key k --checksum-algorithm SHA256 --object-lock-mode GOVERNANCE --object-lock-retain-until-date 2027-01-01T00:00:00Z", "--body", file(t, "x"))...), `"`)
	remove := s3api("delete-object --bucket locked --key k --version-id " + id)
	if _, errs, code := c.run(remove...); code == 0 || !strings.Contains(errs, "(AccessDenied)") {
		t.Errorf("it was deleted: %s", errs)
	}
	if _, errs, code := c.run(append(remove, "--bypass-governance-retention")...); code != 0 {
		t.Error(errs)
	}
}

// TestCLIBuckets lists, over pages, and asks about locks.
func TestCLIBuckets(t *testing.T) {
	s := start(t, aws.Config{World: buckets(), Page: 2})
	c := newCLI(t, s)
	if got := c.query("ObjectLockConfiguration.ObjectLockEnabled", s3api("get-object-lock-configuration --bucket locked --expected-bucket-owner "+account)...); got != `"Enabled"` {
		t.Errorf("the lock is %s", got)
	}
	if _, errs, code := c.run(s3api("head-bucket --bucket locked")...); code != 0 {
		t.Error(errs)
	}
	for _, key := range []string{"p/1", "p/2", "p/ü +3", "q/1"} {
		for range 2 {
			if _, errs, code := c.run(s3api("put-object --bucket plain", "--key", key, "--body", file(t, key))...); code != 0 {
				t.Fatal(errs)
			}
		}
	}
	if got := c.query("Contents[].Key", s3api("list-objects-v2 --bucket plain --prefix p/")...); got != `["p/1","p/2","p/ü +3"]` {
		t.Errorf("keys %s", got)
	}
	if got := c.query("Contents[].Key", s3api("list-objects-v2 --bucket plain --start-after p/2")...); got != `["p/ü +3","q/1"]` {
		t.Errorf("keys behind one %s", got)
	}
	if got := c.query("Versions[].[Key,IsLatest]", s3api("list-object-versions --bucket plain --prefix p/")...); got != `[["p/1",true],["p/1",false],["p/2",true],["p/2",false],["p/ü +3",true],["p/ü +3",false]]` {
		t.Errorf("versions over pages: %s", got)
	}
	if got := c.query("Versions[].Key", s3api("list-object-versions --bucket plain --key-marker p/2")...); got != `["p/ü +3","p/ü +3"]` { // one page: who says where to begin is not led on
		t.Errorf("versions behind a key: %s", got)
	}
}

func TestCLIObjectErrors(t *testing.T) {
	const keeper = "arn:aws:iam::123456789012:role/keeper"
	s := start(t, aws.Config{World: buckets(), Roles: map[string]aws.Role{keeper: {Account: account, May: []string{"s3:PutObject"}}}})
	c := newCLI(t, s)
	body := file(t, "x")
	refused := func(want, args string, more ...string) {
		t.Helper()
		out, errs, code := c.run(s3api(args, more...)...)
		if code == 0 || !strings.Contains(errs, want) {
			t.Errorf("%s: got %q %q, exit %d, want an error with %q", args, out, errs, code, want)
		}
	}
	refused("(NoSuchBucket)", "list-objects-v2 --bucket none")
	refused("(404)", "head-bucket --bucket none")
	refused("(AccessDenied)", "list-objects-v2 --bucket foreign")
	refused("(AccessDenied)", "list-objects-v2 --bucket locked --expected-bucket-owner 999999999999")
	refused("(ObjectLockConfigurationNotFoundError)", "get-object-lock-configuration --bucket plain")
	refused("(NoSuchKey)", "get-object --bucket plain --key none", os.DevNull)
	refused("(NoSuchVersion)", "get-object --bucket plain --key none --version-id v1", os.DevNull)
	refused("Bucket is missing Object Lock Configuration", "put-object --bucket plain --key k --object-lock-mode COMPLIANCE --object-lock-retain-until-date 2027-01-01T00:00:00Z", "--body", body)
	refused("must be in the future", "put-object --bucket locked --key k --object-lock-mode COMPLIANCE --object-lock-retain-until-date 2020-01-01T00:00:00Z", "--body", body)
	refused("must both be supplied", "put-object --bucket locked --key k --object-lock-mode COMPLIANCE", "--body", body)
	refused("(InvalidArgument)", "put-object --bucket locked --key k --object-lock-mode FOREVER --object-lock-retain-until-date 2027-01-01T00:00:00Z", "--body", body)
	refused("(BadDigest)", "put-object --bucket locked --key k --content-md5 1B2M2Y8AsgTpgAmY7PhCfg==", "--body", body)
	refused("(BadDigest)", "put-object --bucket locked --key k --checksum-sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "--body", body)
	s.Fault(aws.Fault{Kind: aws.Throttle, Service: "s3", Count: 4})
	refused("(SlowDown)", "list-objects-v2 --bucket plain")
	if got := c.query("length(Contents || `[]`)", s3api("list-objects-v2 --bucket locked")...); got != "0" {
		t.Errorf("%s objects, though all were refused", got)
	}

	key := strings.Split(strings.Trim(c.query("join(' ', [Credentials.AccessKeyId, Credentials.SecretAccessKey])", "sts", "assume-role", "--role-arn", keeper, "--role-session-name", "bot"), `"`), " ")
	c.id = aws.Identity{AccessKey: key[0], Secret: key[len(key)-1]}
	refused("(AccessDenied)", "put-object --bucket locked --key k --object-lock-mode COMPLIANCE --object-lock-retain-until-date 2027-01-01T00:00:00Z", "--body", body)
	refused("(AccessDenied)", "list-object-versions --bucket locked")
	if _, errs, code := c.run(s3api("put-object --bucket locked --key k", "--body", body)...); code != 0 {
		t.Error(errs)
	}
	c.id = aws.Identity{AccessKey: "AKIDNOBODY", Secret: "x"}
	refused("(InvalidAccessKeyId)", "list-objects-v2 --bucket plain")
}
