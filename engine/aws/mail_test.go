package aws_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	stand "github.com/eks-autopilot/autopilot/test/aws"
)

const reporter = "arn:aws:iam::123456789012:role/autopilot-reports"

// standInReports is the stand-in with a sender and a bucket. The role may do what Mails and Files say and nothing else.
func standInReports(t *testing.T, cfg stand.Config) *stand.Server {
	t.Helper()
	cfg.World.Senders = []stand.Sender{{Account: owner, Region: "eu-central-1", Name: "example.com"}, {Account: owner, Region: "eu-central-1", Name: "cfo@other.com"}, {Account: owner, Region: "eu-central-1", Name: "young.com", Pending: true}}
	cfg.World.Buckets = []stand.Bucket{{Account: owner, Region: "eu-central-1", Name: "reports"}, {Account: "999999999999", Region: "eu-central-1", Name: "foreign"}}
	mails, files := aws.Mails(), aws.Files()
	cfg.Roles = map[string]stand.Role{
		reporter:           {Account: owner, May: append(append(mails.Actions, mails.Behind...), files.Actions...)},
		reporter + "-weak": {Account: owner, May: []string{}},
		reporter + "-send": {Account: owner, May: mails.Behind},
		reporter + "-look": {Account: owner, May: []string{"ses:GetEmailIdentity"}},
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

// as is the configuration to reach the stand-in with a role.
func as(s *stand.Server, role string) aws.Config {
	id := stand.DefaultIdentity
	return aws.Config{
		Region: "eu-central-1", Role: role, Endpoint: s.URL(), Backoff: time.Millisecond, Now: func() time.Time { return day },
		Credentials: credentials.NewStaticCredentialsProvider(id.AccessKey, id.Secret, ""),
	}
}

func mailer(t *testing.T, s *stand.Server, role string) *aws.Mail {
	t.Helper()
	m, err := aws.NewMail(t.Context(), as(s, role))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// letters are the mails that were taken, as their reader sees them.
func letters(t *testing.T, s *stand.Server) (out []stand.Letter, mails []stand.Mail) {
	t.Helper()
	s.Change(func(w *stand.World) { mails = append(mails, w.Mails...) })
	for _, m := range mails {
		l, err := stand.ReadMail(m.Raw)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out, mails
}

func TestMailAsItsReaderSeesIt(t *testing.T) {
	s := standInReports(t, stand.Config{})
	page := "<p>" + strings.Repeat("ö – “long” lines = ", 400) + "</p>"
	pdf := "%PDF-1.7\n\x00\x01\xff" + strings.Repeat("x", 100_000)
	err := mailer(t, s, reporter).Send(t.Context(), []string{"cfo@example.com", "cto@example.com"}, "bot@example.com",
		"Week 2026-W47: −$3.20\r\nBcc: evil@example.com", "Spend: $41\nDown 4 %", page,
		[]engine.File{{Name: "autopilot-2026-W47.pdf", Content: pdf}, {Name: "Kosten für “Team”.csv", Content: "a,b\r\n1,2\r\n"}, {Name: "page.html", Content: page}, {Name: "x.bin", Content: "\x00"}})
	if err != nil {
		t.Fatal(err)
	}
	got, mails := letters(t, s)
	want := []stand.Letter{{
		From: "bot@example.com", To: "cfo@example.com, cto@example.com", Subject: "Week 2026-W47: −$3.20\r\nBcc: evil@example.com",
		Text: "Spend: $41\r\nDown 4 %", HTML: page,
		Attachments: []stand.Attached{
			{Name: "autopilot-2026-W47.pdf", Type: "application/pdf", Body: []byte(pdf)},
			{Name: "Kosten für “Team”.csv", Type: "text/csv; charset=utf-8", Body: []byte("a,b\r\n1,2\r\n")},
			{Name: "page.html", Type: "text/html; charset=utf-8", Body: []byte(page)},
			{Name: "x.bin", Type: "application/octet-stream", Body: []byte{0}},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if to := mails[0].To; len(to) != 2 || mails[0].From != "bot@example.com" {
		t.Errorf("it went to %q from %q", to, mails[0].From)
	}
	head, _, _ := strings.Cut(string(mails[0].Raw), "\r\n\r\n")
	if strings.Contains(head, "\nBcc") || !strings.Contains(head, "Date: Fri, 20 Nov 2026 12:00:00 +0000") || !strings.Contains(head, "Auto-Submitted: auto-generated") {
		t.Errorf("the head is\n%s", head)
	}
}

// TestMailHoldsAnything sends what a report may hold, line ends of every kind too.
func TestMailHoldsAnything(t *testing.T) {
	s := standInReports(t, stand.Config{})
	m := mailer(t, s, reporter)
	rapid.Check(t, func(r *rapid.T) {
		text, page := rapid.String().Draw(r, "text"), rapid.String().Draw(r, "page")
		subject, name, body := rapid.String().Draw(r, "subject"), rapid.StringMatching(`[a-z\p{L} "=?]{1,40}\.csv`).Draw(r, "name"), string(rapid.SliceOf(rapid.Byte()).Draw(r, "body"))
		if err := m.Send(t.Context(), []string{"cfo@example.com"}, "bot@example.com", subject, text, page, []engine.File{{Name: name, Content: body}}); err != nil {
			r.Fatal(err)
		}
		all, _ := letters(t, s)
		got := all[len(all)-1]
		if lines(got.Text) != lines(text) || lines(got.HTML) != lines(page) || len(got.Attachments) != 1 || string(got.Attachments[0].Body) != body {
			r.Errorf("%q %q became %+v", text, page, got)
		}
		s.Change(func(w *stand.World) { w.Mails = nil })
	})
}

// lines is a text whatever its lines end with.
func lines(s string) string { return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s) }

func TestMailErrors(t *testing.T) {
	for name, c := range map[string]struct {
		from, role string
		to         []string
		files      []engine.File
		fault      stand.Fault
		code       engine.Code
	}{
		"nobody verified":    {from: "bot@nowhere.com", code: engine.Invalid},
		"to no address":      {to: []string{"cfo"}, code: engine.Invalid},
		"to nobody":          {to: []string{}, code: engine.Invalid},
		"two in one address": {to: []string{"a@example.com\r\nBcc: b@example.com"}, code: engine.Invalid},
		"too long":           {files: []engine.File{{Name: "a.pdf", Content: strings.Repeat("x", 30<<20)}}, code: engine.Invalid},
		"no permission":      {role: reporter + "-weak", code: engine.Forbidden},
		"no role":            {role: reporter + "-none", code: engine.Forbidden},
		"denied":             {fault: stand.Fault{Kind: stand.Deny, Service: "ses"}, code: engine.Forbidden},
		"down":               {fault: stand.Fault{Kind: stand.HTTP500, Service: "ses"}, code: engine.Unavailable},
		"busy":               {fault: stand.Fault{Kind: stand.Throttle, Service: "ses"}, code: engine.Unavailable},
		"busy for a while":   {fault: stand.Fault{Kind: stand.Throttle, Service: "ses", Count: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			s := standInReports(t, stand.Config{})
			if c.fault.Kind != "" {
				s.Fault(c.fault)
			}
			to := []string{"cfo@example.com"}
			if c.to != nil {
				to = c.to
			}
			from, role := "bot@example.com", reporter
			if c.from != "" {
				from = c.from
			}
			if c.role != "" {
				role = c.role
			}
			err := mailer(t, s, role).Send(t.Context(), to, from, "s", "t", "h", c.files)
			if engine.CodeOf(err) != c.code {
				t.Errorf("got %v, want code %q", err, c.code)
			}
		})
	}
	if _, err := aws.NewMail(t.Context(), aws.Config{}); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("without anything: %v", err)
	}
}

func TestReportChecks(t *testing.T) {
	s := standInReports(t, stand.Config{})
	for role, want := range map[string]bool{reporter: true, reporter + "-weak": false} {
		if got := mailer(t, s, role).Check(t.Context(), "bot@example.com"); got.OK != want || got.Name != "ses:SendEmail from bot@example.com" {
			t.Errorf("%s: %+v", role, got)
		}
		if got := depot(t, s, role, "reports").Check(t.Context(), "autopilot"); got.OK != want || got.Name != "s3:PutObject s3://reports/autopilot" {
			t.Errorf("%s: %+v", role, got)
		}
	}
	for _, c := range []struct {
		role, from, found string
		level             engine.CheckLevel
	}{
		{reporter, "bot@example.com", "example.com is verified, and nothing speaks against sending", engine.CheckOK},
		{reporter, "cfo@other.com", "cfo@other.com is verified, and nothing speaks against sending", engine.CheckOK},
		{reporter, "bot@nowhere.com", "SES has neither bot@nowhere.com nor nowhere.com", engine.CheckFail},
		{reporter, "bot@young.com", "young.com is not verified: pending", engine.CheckFail},
		{reporter + "-send", "bot@example.com", "SES does not say whether it is verified", engine.CheckWarn},
		{reporter + "-send", "bot@young.com", "not verified", engine.CheckFail},
		{reporter + "-look", "bot@example.com", "SES does not send from it", engine.CheckFail},
	} {
		got := mailer(t, s, c.role).Check(t.Context(), c.from)
		if got.OK != (c.level == engine.CheckOK) || got.Level != c.level || !strings.Contains(got.Found, c.found) {
			t.Errorf("%s from %s: %+v", c.role, c.from, got)
		}
	}
	if got := depot(t, s, reporter, "none").Check(t.Context(), "autopilot"); got.OK {
		t.Errorf("no bucket: %+v", got)
	}
	s.Change(func(w *stand.World) {
		if len(w.Mails) > 0 || len(w.Buckets[0].Objects) > 0 {
			t.Errorf("the checks left %v and %v", w.Mails, w.Buckets[0].Objects)
		}
	})
}
