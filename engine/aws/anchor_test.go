package aws_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	stand "github.com/eks-autopilot/autopilot/test/aws"
)

const (
	owner  = "123456789012"
	keeper = "arn:aws:iam::123456789012:role/autopilot-audit-anchor"
)

var day = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// standInS3 is the stand-in with a bucket that locks, and one that does not. The role may do what Keeps says and nothing else.
func standInS3(t *testing.T, cfg stand.Config) *stand.Server {
	t.Helper()
	cfg.World.Buckets = []stand.Bucket{
		{Account: owner, Region: "eu-central-1", Name: "audit", Lock: true},
		{Account: owner, Region: "eu-central-1", Name: "plain"},
		{Account: "999999999999", Region: "eu-central-1", Name: "foreign", Lock: true},
	}
	may := append(aws.Keeps().Actions, aws.Keeps().Behind...)
	cfg.Roles = map[string]stand.Role{keeper: {Account: owner, May: may}, keeper + "-weak": {Account: owner, May: []string{"s3:GetBucketObjectLockConfiguration", "s3:PutObject"}}}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return day }
	}
	s := stand.New(cfg)
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.WithoutCancel(t.Context())) })
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	return s
}

func anchors(t *testing.T, s *stand.Server, change func(*aws.AnchorConfig)) *aws.Anchors {
	t.Helper()
	id := stand.DefaultIdentity
	cfg := aws.AnchorConfig{
		Config: aws.Config{
			Region: "eu-central-1", Role: keeper, Endpoint: s.URL(), Backoff: time.Millisecond,
			Credentials: credentials.NewStaticCredentialsProvider(id.AccessKey, id.Secret, ""),
		},
		Bucket: "audit", Prefix: "autopilot/prod", Account: owner, Retain: 365 * 24 * time.Hour,
	}
	if change != nil {
		change(&cfg)
	}
	a, err := aws.NewAnchors(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func anchor(seq int64, at time.Time) engine.Anchor {
	return engine.Anchor{Seq: seq, Hash: strings.Repeat("ab", 31) + "00", At: at, Version: "v1.2.3"}
}

// objects gives the versions in the bucket by key.
func objects(s *stand.Server) map[string][]stand.ObjectVersion {
	out := map[string][]stand.ObjectVersion{}
	s.Change(func(w *stand.World) {
		for key, versions := range w.Buckets[0].Objects {
			out[key] = append(out[key], versions...)
		}
	})
	return out
}

func TestAnchorIsWrittenOnceAndLocked(t *testing.T) {
	s := standInS3(t, stand.Config{})
	a := anchors(t, s, nil)
	x := anchor(42, day)
	var group sync.WaitGroup
	for range 4 { // as replicas would
		group.Go(func() {
			if err := a.Write(t.Context(), x); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	later := x
	later.At = day.Add(time.Hour) // the same row, the same day
	if err := a.Write(t.Context(), later); err != nil {
		t.Error(err)
	}
	all := objects(s)
	const key = "autopilot/prod/2026/11/20-000000000042.json"
	if len(all) != 1 || len(all[key]) != 1 {
		t.Fatalf("the bucket has %v, want one version of %s", all, key)
	}
	v := all[key][0]
	if v.LockMode != "COMPLIANCE" || !v.Until.Equal(day.Add(365*24*time.Hour)) || v.SHA256 == "" || v.Type != "application/json" {
		t.Errorf("it is locked as %s until %s, with the checksum %q, of type %s", v.LockMode, v.Until, v.SHA256, v.Type)
	}
	var got map[string]any
	if err := json.Unmarshal(v.Body, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"seq": 42.0, "hash": x.Hash, "at": "2026-11-20T12:00:00Z", "version": "v1.2.3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	other := x
	other.Hash = strings.Repeat("cd", 32)
	if err := a.Write(t.Context(), other); engine.CodeOf(err) != engine.Conflict || !strings.Contains(err.Error(), "row 42") {
		t.Errorf("another hash of the same row gave %v", err)
	}
}

func TestAnchorModeGovernance(t *testing.T) {
	s := standInS3(t, stand.Config{})
	a := anchors(t, s, func(c *aws.AnchorConfig) { c.Governance = true })
	if err := a.Write(t.Context(), anchor(1, day)); err != nil {
		t.Fatal(err)
	}
	for _, versions := range objects(s) {
		if versions[0].LockMode != "GOVERNANCE" {
			t.Errorf("it is locked as %s", versions[0].LockMode)
		}
	}
}

// What was written first is read, whatever was put over it, and over pages.
func TestAnchorsAreReadFromUnderWhatHidesThem(t *testing.T) {
	s := standInS3(t, stand.Config{Page: 2})
	a := anchors(t, s, nil)
	if _, err := a.Newest(t.Context(), day); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("without any: %v", err)
	}
	var want []engine.Anchor
	for n := range 5 {
		x := anchor(int64(9+n), day.AddDate(0, 0, n*20)) // over a year's end, and from one digit to two
		want = append(want, x)
		if err := a.Write(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	got, err := a.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	forged := want[4]
	forged.Hash = strings.Repeat("ef", 32)
	s.Change(func(w *stand.World) {
		b := w.Buckets[0].Objects
		body, _ := json.Marshal(forged)
		newest := a.Key(forged)
		b[newest] = append(b[newest], stand.ObjectVersion{ID: "forged", Body: body, At: day})
		b[a.Key(want[0])] = append(b[a.Key(want[0])], stand.ObjectVersion{ID: "gone", Deleted: true, At: day})
		b["autopilot/prod/notes.txt"] = []stand.ObjectVersion{{ID: "n", Body: []byte("not one of ours"), At: day}}
	})
	for _, since := range []time.Time{want[4].At.AddDate(0, 0, -2), want[4].At.AddDate(1, 0, 0), {}} {
		if newest, err := a.Newest(t.Context(), since); err != nil || newest != want[4] {
			t.Errorf("since %s the newest is %+v (%v)", since, newest, err)
		}
	}
	got, err = a.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]engine.Anchor{want[0], want[1], want[2], want[3], forged, want[4]}, got); diff != "" {
		t.Errorf("every version (-want +got):\n%s", diff)
	}
}

func TestWhatIsNoAnchorIsRefused(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON": "x", "of another row": `{"seq":8,"hash":"` + strings.Repeat("a", 64) + `","at":"2026-11-20T12:00:00Z"}`,
		"short hash": `{"seq":7,"hash":"abc","at":"2026-11-20T12:00:00Z"}`, "no time": `{"seq":7,"hash":"` + strings.Repeat("a", 64) + `"}`,
		"endless": strings.Repeat(" ", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			s := standInS3(t, stand.Config{})
			s.Change(func(w *stand.World) {
				w.Buckets[0].Objects = map[string][]stand.ObjectVersion{"autopilot/prod/2026/11/20-000000000007.json": {{ID: "v1", Body: []byte(body), At: day}}}
			})
			_, err := anchors(t, s, nil).All(t.Context())
			if engine.CodeOf(err) != engine.Conflict || !strings.Contains(err.Error(), "is not the anchor of row 7") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAnchorErrors(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*aws.AnchorConfig)
		fault  stand.Fault
		code   engine.Code
	}{
		"no bucket":          {change: func(c *aws.AnchorConfig) { c.Bucket = "none" }, code: engine.NotFound},
		"no lock":            {change: func(c *aws.AnchorConfig) { c.Bucket = "plain" }, code: engine.Invalid},
		"of somebody else":   {change: func(c *aws.AnchorConfig) { c.Bucket = "foreign" }, code: engine.Forbidden},
		"of another account": {change: func(c *aws.AnchorConfig) { c.Account = "999999999999" }, code: engine.Forbidden},
		"no permission":      {change: func(c *aws.AnchorConfig) { c.Role = keeper + "-weak" }, code: engine.Forbidden},
		"no role":            {change: func(c *aws.AnchorConfig) { c.Role = keeper + "-none" }, code: engine.Forbidden},
		"denied":             {fault: stand.Fault{Kind: stand.Deny, Service: "s3"}, code: engine.Forbidden},
		"down":               {fault: stand.Fault{Kind: stand.HTTP500, Service: "s3"}, code: engine.Unavailable},
		"busy":               {fault: stand.Fault{Kind: stand.Throttle, Service: "s3"}, code: engine.Unavailable},
		"busy for a while":   {fault: stand.Fault{Kind: stand.Throttle, Service: "s3", Count: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s := standInS3(t, stand.Config{})
			if c.fault.Kind != "" {
				s.Fault(c.fault)
			}
			if err := anchors(t, s, c.change).Write(t.Context(), anchor(1, day)); engine.CodeOf(err) != c.code {
				t.Errorf("got %v, want code %q", err, c.code)
			}
		})
	}
	if _, err := aws.NewAnchors(t.Context(), aws.AnchorConfig{}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("without anything: %v", err)
	}
}

// The answer to a write is lost on its way: the next try finds what the first one wrote.
func TestAnchorSurvivesALostAnswer(t *testing.T) {
	s := standInS3(t, stand.Config{})
	s.Fault(stand.Fault{Kind: stand.Lost, Action: "PutObject", Count: 1})
	a := anchors(t, s, nil)
	_ = a.Write(t.Context(), anchor(5, day)) // whether half an answer is one is the SDK's affair
	if err := a.Write(t.Context(), anchor(5, day)); err != nil {
		t.Error(err)
	}
	if all := objects(s); len(all) != 1 || len(all[a.Key(anchor(5, day))]) != 1 {
		t.Errorf("there are %v", all)
	}
}

func TestAnchorCheck(t *testing.T) {
	type row struct {
		Name string
		OK   bool
	}
	locked := row{"Object Lock of s3://audit", true}
	for name, c := range map[string]struct {
		change func(*aws.AnchorConfig)
		want   []row
	}{
		"right":    {want: []row{locked, {"s3:PutObject", true}, {"s3:ListBucketVersions", true}}},
		"may less": {change: func(c *aws.AnchorConfig) { c.Role = keeper + "-weak" }, want: []row{locked, {"s3:PutObject", false}, {"s3:ListBucketVersions", false}}},
		"no lock":  {change: func(c *aws.AnchorConfig) { c.Bucket = "plain" }, want: []row{{"Object Lock of s3://plain", false}}},
		"none":     {change: func(c *aws.AnchorConfig) { c.Bucket = "none" }, want: []row{{"Object Lock of s3://none", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := standInS3(t, stand.Config{})
			var got []row
			for _, check := range anchors(t, s, c.change).Check(t.Context(), day) {
				got = append(got, row{check.Name, check.OK})
				if !check.OK && (check.Fix == "" || check.Found == "" || check.Level != engine.CheckFail) {
					t.Errorf("%+v", check)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if all := objects(s); len(all) != 0 {
				t.Errorf("checking wrote %v", all)
			}
		})
	}
}
