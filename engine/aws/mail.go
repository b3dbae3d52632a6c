package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	maxMail    = 40 << 20 // bytes that SES takes, as they go
	maxSubject = 200      // characters; more is nowhere shown
)

// Mail sends e-mail through Amazon SES. Its methods may be called at the same time.
type Mail struct {
	ses *sesv2.Client
	now func() time.Time
}

// NewMail prepares it. It fails with Invalid without a region, or where the configuration cannot be read.
func NewMail(ctx context.Context, cfg Config) (*Mail, error) {
	if cfg.Region == "" {
		return nil, engine.Errorf(engine.Invalid, "e-mail needs the region of SES, such as eu-central-1")
	}
	sdk, err := load(ctx, cfg)
	if err != nil {
		return nil, err
	}
	m := &Mail{ses: sesv2.NewFromConfig(sdk), now: cfg.Now}
	if m.now == nil {
		m.now = time.Now
	}
	return m, nil
}

// Send sends one mail to all of to: text for who reads no HTML, html, and files. It fails with Invalid for what SES does not take, such
// as an address that nobody verified, with Forbidden, and with Unavailable when trying again can help. A mail whose answer is lost on
// its way is sent again.
func (m *Mail) Send(ctx context.Context, to []string, from, subject, text, html string, attachments []engine.File) error {
	raw, err := letter(m.now(), to, from, subject, text, html, attachments)
	if err != nil {
		return err
	}
	if len(raw) > maxMail {
		return engine.Errorf(engine.Invalid, "a mail of %d MiB is more than SES takes; send the report to S3 instead", len(raw)>>20)
	}
	_, err = m.ses.SendEmail(ctx, &sesv2.SendEmailInput{
		FromEmailAddress: aws.String(from), Destination: &types.Destination{ToAddresses: to},
		Content: &types.EmailContent{Raw: &types.RawMessage{Data: raw}},
	})
	return mailFailed(err, "SES does not send the mail from "+from)
}

// Check tells whether mail may be sent from an address, before its receiver misses it: whether it or its domain is verified, which SES
// is asked, and whether sending is allowed, which a mail to nobody tries: SES refuses that one whatever is allowed.
func (m *Mail) Check(ctx context.Context, from string) engine.Check {
	const area, fix = "reports", "verify the address or its domain in SES, and allow ses:SendRawEmail on it: deploy/terraform has the policy report-mail"
	name := "ses:SendEmail from " + from
	verified, why, err := m.verified(ctx, from)
	switch {
	case isAPI(err, "AccessDenied", "AccessDeniedException"):
		why = "SES does not say whether it is verified"
	case err != nil:
		return engine.Missed("mail-identity", engine.CheckFail, area, name, mailFailed(err, "SES does not say whether it is verified").Error(), "verified", fix)
	case !verified:
		return engine.Missed("mail-identity", engine.CheckFail, area, name, why, "verified", fix)
	}
	if check, ok := m.trySending(ctx, area, name, fix, from); !ok {
		return check
	}
	if !verified {
		return engine.Missed("mail-unwatched", engine.CheckWarn, area, name, why, "ses:GetEmailIdentity", "allow it on the identity, so that one that lapses is told: deploy/terraform has the policy report-mail")
	}
	return engine.Passed(area, name, why+", and nothing speaks against sending")
}

// verified asks SES about an address and about its domain; why says which of the two it is, or what is missing. Who may look at one of
// them alone is answered about that one.
func (m *Mail) verified(ctx context.Context, from string) (ok bool, why string, err error) {
	_, domain, _ := strings.Cut(from, "@")
	why = fmt.Sprintf("SES has neither %s nor %s", from, domain)
	for _, identity := range []string{from, domain} {
		got, failure := m.ses.GetEmailIdentity(ctx, &sesv2.GetEmailIdentityInput{EmailIdentity: aws.String(identity)})
		switch {
		case failure == nil && got.VerifiedForSendingStatus:
			return true, identity + " is verified", nil
		case failure == nil:
			why, err = fmt.Sprintf("%s is not verified: %s", identity, strings.ToLower(string(got.VerificationStatus))), nil
		case !isAPI(failure, "NotFoundException"):
			err = failure
		}
	}
	return false, why, err
}

// trySending gives what speaks against sending; ok where nothing does.
func (m *Mail) trySending(ctx context.Context, area, name, fix, from string) (check engine.Check, ok bool) {
	_, err := m.ses.SendEmail(ctx, &sesv2.SendEmailInput{
		FromEmailAddress: aws.String(from), Destination: &types.Destination{},
		Content: &types.EmailContent{Raw: &types.RawMessage{Data: []byte("From: " + from + "\r\nSubject: doctor\r\n\r\nNobody gets this.\r\n")}},
	})
	switch {
	case err == nil:
		return engine.Missed("mail-endpoint", engine.CheckFail, area, name, "a mail to nobody was taken; it is not SES as AWS has it", "refused", "see reports.deliveries in the configuration"), false
	case isAPI(err, "BadRequestException"):
		return check, true
	}
	return engine.Missed("mail-send", engine.CheckFail, area, name, mailFailed(err, "SES does not send from it").Error(), "allowed", fix), false
}

// mailFailed gives an error of SES its code.
func mailFailed(err error, message string) error {
	switch {
	case err == nil:
		return nil
	case isAPI(err, "MessageRejected", "BadRequestException", "MailFromDomainNotVerifiedException", "NotFoundException"):
		return engine.Wrap(engine.Invalid, err, message)
	case isAPI(err, "AccountSuspendedException"):
		return engine.Wrap(engine.Forbidden, err, message)
	}
	return failed(err, message)
}

// letter writes a mail as it goes over the wire: a text and a page that stand for each other, then the files. The same is the same, but
// for its date: what parts it is a hash of what is in it, so that nothing in it ends it.
func letter(now time.Time, to []string, from, subject, text, html string, attachments []engine.File) ([]byte, error) {
	for _, address := range append([]string{from}, to...) {
		if address == "" || strings.ContainsAny(address, "\r\n") {
			return nil, engine.Errorf(engine.Invalid, "%q is no e-mail address", address)
		}
	}
	if len(to) == 0 {
		return nil, engine.Errorf(engine.Invalid, "a mail needs somebody to send it to")
	}
	inner := parts{kind: "multipart/alternative"}
	inner.add(textproto.MIMEHeader{"Content-Type": {"text/plain; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}}, quoted(text))
	inner.add(textproto.MIMEHeader{"Content-Type": {"text/html; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}}, quoted(html))
	body, kind, err := inner.bytes()
	if err != nil {
		return nil, err
	}
	outer := parts{kind: "multipart/mixed"}
	outer.add(textproto.MIMEHeader{"Content-Type": {kind}}, body)
	for _, f := range attachments {
		outer.add(textproto.MIMEHeader{
			"Content-Type":              {fileType(f.Name)},
			"Content-Disposition":       {mime.FormatMediaType("attachment", map[string]string{"filename": f.Name})},
			"Content-Transfer-Encoding": {"base64"},
		}, base64Lines(f.Content))
	}
	if body, kind, err = outer.bytes(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if r := []rune(subject); len(r) > maxSubject {
		subject = string(r[:maxSubject-1]) + "…"
	}
	for _, h := range [][2]string{
		{"From", from},
		{"To", strings.Join(to, ",\r\n ")},
		{"Subject", mime.QEncoding.Encode("utf-8", subject)},
		{"Date", now.UTC().Format(time.RFC1123Z)},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", kind},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes(), nil
}

// parts are those of a multipart body.
type parts struct {
	kind string
	all  []part
}

type part struct {
	header textproto.MIMEHeader
	body   []byte
}

func (p *parts) add(header textproto.MIMEHeader, body []byte) {
	p.all = append(p.all, part{header, body})
}

// bytes gives the body and its content type.
func (p *parts) bytes() (body []byte, kind string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(p.boundary()); err != nil {
		return nil, "", engine.Wrap(engine.Internal, err, "a mail cannot be written")
	}
	for _, part := range p.all {
		to, err := w.CreatePart(part.header)
		if err == nil {
			_, err = to.Write(part.body)
		}
		if err != nil {
			return nil, "", engine.Wrap(engine.Internal, err, "a mail cannot be written")
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", engine.Wrap(engine.Internal, err, "a mail cannot be written")
	}
	return b.Bytes(), p.kind + "; boundary=" + w.Boundary(), nil
}

// boundary parts the parts: a hash of them, which none of them holds.
func (p *parts) boundary() string {
	sum := sha256.New()
	for _, part := range p.all {
		sum.Write(part.body)
	}
	return "autopilot-" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// lineEnds makes the end of a line one, whatever it was.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func quoted(s string) []byte {
	var b bytes.Buffer
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(lineEnds.Replace(s))) // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// base64Lines is base64 in lines that any mail server takes.
func base64Lines(s string) []byte {
	const line = 76
	all := base64.StdEncoding.EncodeToString([]byte(s))
	var b bytes.Buffer
	for len(all) > line {
		b.WriteString(all[:line] + "\r\n")
		all = all[line:]
	}
	b.WriteString(all)
	return b.Bytes()
}

// fileType is what a file is, by its name. Reports have no other files than these.
func fileType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".csv":
		return "text/csv; charset=utf-8"
	case ".pdf":
		return "application/pdf"
	case ".zip":
		return "application/zip"
	}
	return "application/octet-stream"
}
