package aws_test

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	stand "github.com/eks-autopilot/autopilot/test/aws"
)

func depot(t *testing.T, s *stand.Server, role, bucket string) *aws.Depot {
	t.Helper()
	d, err := aws.NewDepot(t.Context(), aws.DepotConfig{Config: as(s, role), Bucket: bucket, Account: owner})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDepotReplaces keeps a page twice under one key, as when a month is closed.
func TestDepotReplaces(t *testing.T) {
	s := standInReports(t, stand.Config{})
	d := depot(t, s, reporter, "reports")
	const key = "autopilot/2026-10/board/autopilot-2026-10.html"
	for _, body := range []string{"<p>provisional", "<p>" + strings.Repeat("closed ", 300_000)} {
		if err := d.Put(t.Context(), key, "text/html; charset=utf-8", []byte(body)); err != nil {
			t.Fatal(err)
		}
		versions := objects(s)[key]
		newest := versions[len(versions)-1]
		if string(newest.Body) != body || newest.Type != "text/html; charset=utf-8" || newest.SHA256 == "" || newest.LockMode != "" {
			t.Errorf("kept are %d bytes of type %q, checksum %q, lock %q", len(newest.Body), newest.Type, newest.SHA256, newest.LockMode)
		}
	}
	if n := len(objects(s)); n != 1 {
		t.Errorf("%d objects", n)
	}
}

func TestDepotErrors(t *testing.T) {
	for name, c := range map[string]struct {
		bucket, role string
		fault        stand.Fault
		code         engine.Code
	}{
		"no bucket":        {bucket: "none", code: engine.NotFound},
		"of somebody else": {bucket: "foreign", code: engine.Forbidden},
		"no permission":    {role: "-weak", code: engine.Forbidden},
		"down":             {fault: stand.Fault{Kind: stand.HTTP500, Service: "s3"}, code: engine.Unavailable},
		"busy":             {fault: stand.Fault{Kind: stand.Throttle, Service: "s3"}, code: engine.Unavailable},
		"busy for a while": {fault: stand.Fault{Kind: stand.Throttle, Service: "s3", Count: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s := standInReports(t, stand.Config{})
			if c.fault.Kind != "" {
				s.Fault(c.fault)
			}
			bucket := "reports"
			if c.bucket != "" {
				bucket = c.bucket
			}
			err := depot(t, s, reporter+c.role, bucket).Put(t.Context(), "autopilot/x", "text/csv", []byte("a"))
			if engine.CodeOf(err) != c.code {
				t.Errorf("got %v, want code %q", err, c.code)
			}
		})
	}
	if _, err := aws.NewDepot(t.Context(), aws.DepotConfig{Bucket: "b"}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("without a region: %v", err)
	}
}
