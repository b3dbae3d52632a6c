package aws_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/test/aws"
)

func mailWorld() aws.World {
	return aws.World{Senders: []aws.Sender{
		{Account: account, Region: region, Name: "example.com"},
		{Account: account, Region: region, Name: "bot@other.com"},
		{Account: "999999999999", Region: region, Name: "foreign.com"},
	}}
}

const rawMail = "From: bot@example.com\r\nTo: cfo@example.com\r\nSubject: =?utf-8?q?Woche_=E2=80=9347?=\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n" +
	"--x\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\nYSxiDQo=\r\n--x--\r\n"

func rawContent(mail string) string {
	return `{"Raw":{"Data":"` + base64.StdEncoding.EncodeToString([]byte(mail)) + `"}}`
}

// TestCLILooksAtSenders asks for identities: a domain, an address, one that waits, one of another account.
func TestCLILooksAtSenders(t *testing.T) {
	world := mailWorld()
	world.Senders = append(world.Senders, aws.Sender{Account: account, Region: region, Name: "young.com", Pending: true})
	c := newCLI(t, start(t, aws.Config{World: world}))
	for identity, want := range map[string]string{
		"example.com": `"VerifiedForSendingStatus": true`, "bot@other.com": `"IdentityType": "EMAIL_ADDRESS"`, "young.com": `"VerificationStatus": "PENDING"`,
		"foreign.com": "NotFoundException",
	} {
		if out, errs, _ := c.run("sesv2", "get-email-identity", "--email-identity", identity); !strings.Contains(out+errs, want) {
			t.Errorf("%s: %s %s; want %s", identity, out, errs, want)
		}
	}
}

func sendMail(c cli, from, to, content string) (out, errs string, code int) {
	return c.run("sesv2", "send-email", "--from-email-address", from, "--destination", "ToAddresses="+to, "--content", content)
}

// TestCLISendsMail sends a simple mail and a raw one, and reads both as their reader would.
func TestCLISendsMail(t *testing.T) {
	s := start(t, aws.Config{World: mailWorld()})
	c := newCLI(t, s)
	for _, m := range [][2]string{
		{"bot@example.com", rawContent(rawMail)}, {"bot@other.com", `{"Simple":{"Subject":{"Data":"Grüße"},"Body":{"Html":{"Data":"<p>ö"}}}}`},
	} {
		if out, errs, code := sendMail(c, m[0], "cfo@example.com,cto@example.com", m[1]); code != 0 || !strings.Contains(out, "MessageId") {
			t.Fatalf("%s %s", out, errs)
		}
	}
	var got []aws.Letter
	s.Change(func(w *aws.World) {
		for _, m := range w.Mails {
			l, err := aws.ReadMail(m.Raw)
			if err != nil {
				t.Error(err)
			}
			got = append(got, l)
			if len(m.To) != 2 || m.To[1] != "cto@example.com" || m.ID == "" || !m.At.Equal(t0) {
				t.Errorf("it is %+v", m)
			}
		}
	})
	want := []aws.Letter{
		{
			From: "bot@example.com", To: "cfo@example.com", Subject: "Woche –47", Text: "hello",
			Attachments: []aws.Attached{{Name: "a.csv", Type: "text/csv", Body: []byte("a,b\r\n")}},
		},
		{From: "bot@other.com", To: "cfo@example.com, cto@example.com", Subject: "Grüße", HTML: "<p>ö"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCLIMailErrors(t *testing.T) {
	weak := aws.Identity{AccessKey: "AKIDWEAK", Secret: "w", Account: account, ARN: "arn:aws:iam::123456789012:user/weak", May: []string{"ses:SendEmail"}}
	s := start(t, aws.Config{World: mailWorld(), Identities: []aws.Identity{aws.DefaultIdentity, weak}})
	c := newCLI(t, s)
	long := strings.Replace(rawMail, "hello", strings.Repeat("x", 999), 1)
	for name, q := range map[string]struct{ from, to, content, want string }{
		"nobody verified":    {"bot@nowhere.com", "cfo@example.com", rawContent(rawMail), "(MessageRejected)"},
		"of another account": {"bot@foreign.com", "cfo@example.com", rawContent(rawMail), "(MessageRejected)"},
		"no address":         {"bot@example.com", "cfo", rawContent(rawMail), "Illegal address: cfo"},
		"too many":           {"bot@example.com", strings.TrimSuffix(strings.Repeat("a@example.com,", 51), ","), rawContent(rawMail), "51 recipients"},
		"half a mail":        {"bot@example.com", "cfo@example.com", rawContent("Subject"), "(BadRequestException)"},
		"no sender in it":    {"bot@example.com", "cfo@example.com", rawContent("Subject: x\r\n\r\nx"), "Missing required header 'From'"},
		"a long line":        {"bot@example.com", "cfo@example.com", rawContent(long), "998 characters"},
		"bare line feeds":    {"bot@example.com", "cfo@example.com", rawContent(strings.ReplaceAll(rawMail, "\r\n", "\n")), "CRLF"},
		"not ASCII":          {"bot@example.com", "cfo@example.com", rawContent(strings.Replace(rawMail, "hello", "ö", 1)), "not ASCII"},
	} {
		if _, errs, code := sendMail(c, q.from, q.to, q.content); code == 0 || !strings.Contains(errs, q.want) {
			t.Errorf("%s: exit %d, %q, want %q", name, code, errs, q.want)
		}
	}
	c.id = weak
	if _, errs, code := sendMail(c, "bot@example.com", "cfo@example.com", rawContent(rawMail)); code == 0 || !strings.Contains(errs, "(AccessDeniedException)") {
		t.Errorf("a raw mail without ses:SendRawEmail: %s", errs)
	}
	s.Change(func(w *aws.World) {
		if len(w.Mails) > 0 {
			t.Errorf("%d mails were taken", len(w.Mails))
		}
	})
}
