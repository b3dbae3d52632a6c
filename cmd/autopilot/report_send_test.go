package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	stand "github.com/eks-autopilot/autopilot/test/aws"
)

// sendingReports is a delivery by e-mail and to S3, to a stand-in.
func sendingReports(t *testing.T) (s *stand.Server, config string) {
	t.Helper()
	const account = "123456789012"
	s = stand.New(stand.Config{World: stand.World{
		Senders: []stand.Sender{{Account: account, Region: "eu-central-1", Name: "example.com"}},
		Buckets: []stand.Bucket{{Account: account, Region: "eu-central-1", Name: "reports"}},
	}})
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.WithoutCancel(t.Context())) })
	t.Setenv("AWS_ACCESS_KEY_ID", stand.DefaultIdentity.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", stand.DefaultIdentity.Secret)
	t.Setenv("AWS_CONFIG_FILE", "/dev/null")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
	return s, fmt.Sprintf(`reports:
  deliveries:
    - name: board
      period: weekly
      schedule: "0 9 * * MON"
      email: {to: [cfo@example.com, cto@example.com], from: bot@example.com, region: eu-central-1, endpoint: %q}
      s3: {bucket: reports, region: eu-central-1, account: %q, endpoint: %q}
`, s.URL(), account, s.URL())
}

// sendAll does each sending that there is on each replica, for a task may run twice. Ids have gaps.
func (r *reporters) sendAll() (problems []error) {
	r.t.Helper()
	for _, h := range r.all {
		for id := range 50 {
			err := h.Tasks()[engine.TaskReportSend](r.t.Context(), engine.Task{Kind: engine.TaskReportSend, Detail: fmt.Sprint(id + 1)})
			if err != nil && engine.CodeOf(err) != engine.NotFound {
				problems = append(problems, err)
			}
		}
	}
	return problems
}

// TestAReportWhereSlackIsNot has a week's digest go by e-mail and to S3, and once each whatever the ticks.
func TestAReportWhereSlackIsNot(t *testing.T) {
	s, config := sendingReports(t)
	r := newReporters(t, 2, config)
	r.tick("2026-10-14 10:00:00")
	r.bills("2026-10-05", "2026-10-18")
	r.tick("2026-10-19 09:00:00")
	r.tick("2026-10-19 09:01:00")
	s.Fault(stand.Fault{Kind: stand.Deny, Service: "ses", Count: 1})
	if problems := r.sendAll(); len(problems) != 1 || engine.CodeOf(problems[0]) != engine.Forbidden {
		t.Errorf("sending a mail that is refused: %v", problems)
	}
	unsent, err := r.st[0].Unsent(t.Context())
	if err != nil || len(unsent) != 1 || unsent[0].Delivery != "board" {
		t.Errorf("unsent are %+v, %v; want the mail that was refused, which nobody tries again", unsent, err)
	}
	r.bills("2026-10-19", "2026-10-25")
	r.tick("2026-10-26 09:00:00")
	if problems := r.sendAll(); len(problems) > 0 {
		t.Error(problems)
	}
	var mails []stand.Mail
	var keys []string
	s.Change(func(w *stand.World) {
		mails = w.Mails
		for key, versions := range w.Buckets[0].Objects {
			keys = append(keys, key)
			if len(versions) != 1 {
				t.Errorf("%s was written %d times", key, len(versions))
			}
		}
	})
	if len(mails) != 1 {
		t.Fatalf("%d mails; want the second week's", len(mails))
	}
	letter, err := stand.ReadMail(mails[0].Raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"cfo@example.com", "cto@example.com"}, mails[0].To); diff != "" || !strings.HasPrefix(letter.Subject, "Week 2026-W43: $77.00 spent") ||
		!strings.Contains(letter.Text, "Spend: $77.00 on 7 of 7 days") || !strings.Contains(letter.HTML, "<html") {
		t.Errorf("the mail is %q, %q, to %q", letter.Subject, letter.Text, mails[0].To)
	}
	if len(letter.Attachments) != 2 || letter.Attachments[0].Name != "autopilot-2026-W43.html" || letter.Attachments[1].Name != "autopilot-2026-W43-tables.zip" {
		t.Fatalf("%d files are attached", len(letter.Attachments))
	}
	tables, err := zip.NewReader(bytes.NewReader(letter.Attachments[1].Body), int64(len(letter.Attachments[1].Body)))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{letter.Attachments[0].Name}
	for _, f := range tables.File {
		names = append(names, f.Name)
	}
	for _, key := range keys {
		if name, of := strings.CutPrefix(key, "autopilot/2026-W43/board/"); of && !slices.Contains(names, name) {
			t.Errorf("%s is in S3 and not in the mail: %q", name, names)
		}
	}
	if len(names) < 10 || !slices.Contains(keys, "autopilot/2026-W43/board/"+names[1]) {
		t.Errorf("files %q", names)
	}
}

func TestDoctorTriesWhereReportsGo(t *testing.T) {
	s, config := sendingReports(t)
	cfg, err := parseConfig("f", []byte(smallest+config))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{true, false} {
		got := cfg.Reports.Deliveries[0].reached(t.Context(), "reports")
		if len(got) != 2 || got[0].OK != want || got[1].OK != want || got[1].Name != "s3:PutObject s3://reports/autopilot" {
			t.Errorf("%+v, want two that are %v", got, want)
		}
		s.Change(func(w *stand.World) {
			w.Senders, w.Buckets[0].Account = nil, "999999999999"
			if len(w.Mails) > 0 {
				t.Error("the doctor sent a mail")
			}
		})
	}
}
