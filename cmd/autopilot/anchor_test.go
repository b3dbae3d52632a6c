package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
	"github.com/eks-autopilot/autopilot/store/storetest"
	stand "github.com/eks-autopilot/autopilot/test/aws"
)

const anchored = smallest + `audit:
  anchor: {bucket: audit, region: eu-central-1, account: "123456789012", role_arn: "arn:aws:iam::123456789012:role/keeper"}
`

func TestAnchorIsOffUnlessItIsAskedFor(t *testing.T) {
	c, err := parseConfig("f", []byte(smallest))
	if err != nil {
		t.Fatal(err)
	}
	if a, err := connectAnchoring(t.Context(), c, nil); a != nil || err != nil {
		t.Errorf("by default: %+v, %v", a, err)
	}
	if checks := checkAnchor(t.Context(), c, nil, time.Now()); checks != nil {
		t.Errorf("by default the doctor says %+v", checks)
	}
	if c, err = parseConfig("f", []byte(anchored)); err != nil {
		t.Fatal(err)
	}
	a := c.Audit.Anchor
	if a.Prefix != "autopilot" || a.Mode != "compliance" || a.Retain != 8760*time.Hour || a.Every != 24*time.Hour {
		t.Errorf("defaults: %+v", a)
	}
}

func TestAnchorIsStrict(t *testing.T) {
	edit := func(old, now string) string { return strings.Replace(anchored, old, now, 1) }
	add := func(keys string) string { return edit("{bucket: audit,", "{bucket: audit, "+keys+",") }
	for name, tc := range map[string]struct{ text, want string }{
		"no bucket":        {edit("bucket: audit, ", ""), "audit.anchor.bucket: is missing"},
		"not a bucket":     {edit("bucket: audit", "bucket: s3://Audit"), `"s3://Audit" is not a bucket's name`},
		"not a region":     {edit("region: eu-central-1", "region: Frankfurt"), `"Frankfurt" is not an AWS region`},
		"no account":       {edit(`account: "123456789012", `, ""), "the twelve digits of the bucket's owner"},
		"not a role":       {edit("arn:aws:iam::123456789012:role/keeper", "keeper"), `"keeper" is not a role's ARN`},
		"not a prefix":     {add("prefix: /a//b"), "is not a prefix of keys"},
		"not a mode":       {add("mode: forever"), `"forever" is not a mode of Object Lock; compliance or governance`},
		"too often":        {add("every: 1m"), "1m is out of range; 1h to 720h"},
		"kept for minutes": {add("retain: 5m"), "5m is out of range; 24h to"},
		"gaps":             {add("retain: 24h, every: 24h"), "24h is shorter than twice every, 24h"},
		"days":             {add("retain: 365d"), "a duration such as"},
		"another key":      {add("buckets: x"), `unknown key "buckets"; did you mean "bucket"?`},
		"lonely secret":    {edit(`role_arn: "arn:aws:iam::123456789012:role/keeper"`, "external_id: x"), "audit.anchor.external_id: needs role_arn"},
		"not a URL":        {add("endpoint: s3"), `"s3" is not a URL`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseConfig("f", []byte(tc.text))
			if engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v; want %q", err, tc.want)
			}
		})
	}
}

// pausing writes audit rows.
func pausing(t *testing.T, st *store.Store, by string, rows int) {
	t.Helper()
	for range rows {
		d := engine.Decision{ID: rand.Text(), Action: engine.ActionPause, By: engine.Person{ID: by}, At: time.Now(), Allowed: true}
		if err := st.SetPause(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnchorFindsWhatTheChainCannotTell cuts rows off, and writes the whole log anew: the chain holds both times, and its anchors do not.
func TestAnchorFindsWhatTheChainCannotTell(t *testing.T) {
	may := append(aws.Keeps().Actions, aws.Keeps().Behind...)
	s3 := stand.New(stand.Config{
		World: stand.World{Buckets: []stand.Bucket{{Account: "123456789012", Region: "eu-central-1", Name: "audit", Lock: true}}},
		Roles: map[string]stand.Role{"arn:aws:iam::123456789012:role/keeper": {Account: "123456789012", May: may}},
	})
	if err := s3.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s3.Stop(context.WithoutCancel(t.Context())) })
	url := storetest.URL(t)
	for name, value := range map[string]string{
		"AUTOPILOT_DATABASE_URL": url, "AWS_ACCESS_KEY_ID": stand.DefaultIdentity.AccessKey, "AWS_SECRET_ACCESS_KEY": stand.DefaultIdentity.Secret,
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	text := strings.Replace(anchored, "{bucket: audit,", "{bucket: audit, endpoint: \""+s3.URL()+"\",", 1)
	file := filepath.Join(t.TempDir(), "autopilot.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := readConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	st := storetest.Open(t, url, store.Options{})
	anchoring, err := connectAnchoring(t.Context(), cfg, st)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	h := &handlers.Handlers{Anchoring: anchoring, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	verify := func(want int, says string) {
		t.Helper()
		code, out, errs := call(t, "audit", "verify", "-config", file)
		if code != want || !strings.Contains(out+errs, says) {
			t.Errorf("verify: %d %s%s, want %d and %q", code, out, errs, want, says)
		}
	}
	newest := func(level engine.CheckLevel, says string) {
		t.Helper()
		checks := checkAnchor(t.Context(), cfg, st, now)
		if last := checks[len(checks)-1]; last.Name != "newest" || last.Level != level || !strings.Contains(last.Found, says) {
			t.Errorf("the doctor says %+v, want %s and %q", checks, level, says)
		}
	}
	newest(engine.CheckOK, "the audit log is empty")
	pausing(t, st, "U1", 4)
	newest(engine.CheckWarn, "none")
	verify(0, "compared with no anchor: there is none in s3://audit/autopilot yet")
	for range 3 {
		if err := h.Tasks()[engine.TaskAnchor](t.Context(), engine.Task{Kind: engine.TaskAnchor}); err != nil {
			t.Fatal(err)
		}
	}
	if n := s3.Count("s3", "PutObject"); n != 2+1 { // the doctor's two tries, and one anchor
		t.Errorf("%d were put", n)
	}
	verify(0, "1 anchor(s) in s3://audit/autopilot agree, the newest of row 4 at ")
	pausing(t, st, "U1", 1)
	newest(engine.CheckOK, "row 4 of 5")
	now = now.Add(49 * time.Hour)
	newest(engine.CheckWarn, "row 4, 49h")

	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	if _, err := c.Exec(t.Context(), `ALTER TABLE audit_log DISABLE TRIGGER ALL; DELETE FROM audit_log WHERE seq > 3`); err != nil {
		t.Fatal(err)
	}
	verify(1, "audit row 4 was anchored")
	newest(engine.CheckFail, "rows were cut off")
	if _, err := c.Exec(t.Context(), `DELETE FROM audit_log`); err != nil {
		t.Fatal(err)
	}
	pausing(t, st, "U2", 6)
	if err := st.VerifyAudit(t.Context()); err != nil {
		t.Errorf("the new chain does not hold by itself: %v", err)
	}
	verify(1, "the chain was written anew")
	if err := h.Tasks()[engine.TaskAnchor](t.Context(), engine.Task{Kind: engine.TaskAnchor}); err != nil {
		t.Fatal(err)
	}
	verify(1, "the chain was written anew")
	newest(engine.CheckFail, "the chain was written anew")

	s3.Fault(stand.Fault{Kind: stand.Deny, Service: "s3"})
	verify(1, "the chain is not compared with its anchors")
	code, _, errs := call(t, "audit", "verify", "-config", filepath.Join(t.TempDir(), "absent.yaml"))
	if code != 1 || !strings.Contains(errs, "the configuration cannot be read") {
		t.Errorf("a file that was named and is not there: %d %s", code, errs)
	}
}
