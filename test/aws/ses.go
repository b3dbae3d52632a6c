package aws

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"time"
)

// Sender is an address or domain, which an account may send from in a region unless it is not verified yet.
type Sender struct {
	Account, Region, Name string
	Pending               bool // not verified yet
}

// Mail is an e-mail that was taken, as it came.
type Mail struct {
	Account, Region, ID string
	From                string
	To                  []string
	At                  time.Time
	Raw                 []byte // of a simple one: written from what was given
}

// Letter is a mail as its reader sees it.
type Letter struct {
	From, To, Subject string
	Text, HTML        string
	Attachments       []Attached
}

// Attached is a file of a mail.
type Attached struct {
	Name, Type string
	Body       []byte
}

const (
	maxMail       = 40 << 20
	maxRecipients = 50
	maxMailLine   = 998
)

// sesAction finds an operation of SES v2 by method and path, and the permission that it needs: a raw mail asks for that of the call of
// before.
func (c *call) sesAction(method, path string) {
	c.action = method
	if identity, of := strings.CutPrefix(path, "/v2/email/identities/"); of && method == http.MethodGet {
		c.action, c.path, c.do = "GetEmailIdentity", []string{identity}, getEmailIdentity
	}
	if method == http.MethodPost && path == "/v2/email/outbound-emails" {
		c.action, c.do = "SendEmail", sendEmail
		if bytes.Contains(c.body, []byte(`"Raw"`)) {
			c.needs = []string{"ses:SendRawEmail"}
		}
	}
}

type mailText struct{ Data, Charset string }

type sendEmailRequest struct {
	FromEmailAddress string
	Destination      struct{ ToAddresses, CcAddresses, BccAddresses []string }
	Content          struct {
		Raw    *struct{ Data string }
		Simple *struct {
			Subject mailText
			Body    struct{ Text, Html *mailText } //nolint:revive,staticcheck // AWS spells it so
		}
	}
}

func sendEmail(s *Server, c *call) (any, *refusal) {
	var in sendEmailRequest
	if problem := c.decode(&in); problem != nil {
		return nil, problem
	}
	bad := func(format string, args ...any) (any, *refusal) {
		return nil, refuse(http.StatusBadRequest, "BadRequestException", format, args...)
	}
	raw, err := in.raw()
	if err != nil {
		return bad("%s", err.Error())
	}
	letter, err := ReadMail(raw)
	if err != nil {
		return bad("%s", err.Error())
	}
	from, err := mail.ParseAddress(letter.From)
	if err != nil {
		return bad("Missing required header 'From'.")
	}
	if in.FromEmailAddress != "" {
		if from, err = mail.ParseAddress(in.FromEmailAddress); err != nil {
			return bad("Illegal address")
		}
	}
	if !s.verified(c, from.Address) {
		return nil, refuse(http.StatusBadRequest, "MessageRejected",
			"Email address is not verified. The following identities failed the check in region %s: %s", strings.ToUpper(c.region), from.Address)
	}
	to := slices.Concat(in.Destination.ToAddresses, in.Destination.CcAddresses, in.Destination.BccAddresses)
	if len(to) == 0 && letter.To != "" {
		list, err := mail.ParseAddressList(letter.To)
		if err != nil {
			return bad("Illegal address")
		}
		for _, a := range list {
			to = append(to, a.Address)
		}
	}
	if n := len(to); n == 0 || n > maxRecipients {
		return bad("%d recipients; 1 to %d", n, maxRecipients)
	}
	for _, address := range to {
		if _, err := mail.ParseAddress(address); err != nil {
			return bad("Illegal address: %s", address)
		}
	}
	s.serial++
	m := Mail{Account: c.who.Account, Region: c.region, ID: fmt.Sprintf("%016x-stand-in", s.serial), From: from.Address, To: to, At: s.cfg.Now(), Raw: raw}
	s.world.Mails = append(s.world.Mails, m)
	return map[string]string{"MessageId": m.ID}, nil
}

func getEmailIdentity(s *Server, c *call) (any, *refusal) {
	k := slices.IndexFunc(s.world.Senders, func(x Sender) bool {
		return x.Account == c.who.Account && x.Region == c.region && strings.EqualFold(x.Name, c.path[0])
	})
	if k < 0 {
		return nil, refuse(http.StatusNotFound, "NotFoundException", "Email identity %s does not exist.", c.path[0])
	}
	kind, status := "DOMAIN", "SUCCESS"
	if strings.Contains(c.path[0], "@") {
		kind = "EMAIL_ADDRESS"
	}
	if s.world.Senders[k].Pending {
		status = "PENDING"
	}
	return map[string]any{"IdentityType": kind, "FeedbackForwardingStatus": true, "VerifiedForSendingStatus": status == "SUCCESS", "VerificationStatus": status}, nil
}

// verified tells whether an address, or its domain, may be sent from.
func (s *Server) verified(c *call, address string) bool {
	_, domain, _ := strings.Cut(address, "@")
	return slices.ContainsFunc(s.world.Senders, func(x Sender) bool {
		return x.Account == c.who.Account && x.Region == c.region && !x.Pending && (strings.EqualFold(x.Name, address) || strings.EqualFold(x.Name, domain))
	})
}

// raw gives the mail as it goes out, and holds it to what SES takes.
func (in sendEmailRequest) raw() ([]byte, error) {
	switch {
	case (in.Content.Raw == nil) == (in.Content.Simple == nil):
		return nil, errors.New("exactly one of Simple, Raw and Template must be there")
	case in.Content.Simple != nil:
		x := in.Content.Simple
		var b bytes.Buffer
		fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: %s\r\nMIME-Version: 1.0\r\n", in.FromEmailAddress, strings.Join(in.Destination.ToAddresses, ", "), mime.QEncoding.Encode("utf-8", x.Subject.Data))
		kind, body := "text/html", x.Body.Html
		if body == nil {
			kind, body = "text/plain", x.Body.Text
		}
		if body == nil {
			return nil, errors.New("a body is needed")
		}
		fmt.Fprintf(&b, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n%s\r\n", kind, base64.StdEncoding.EncodeToString([]byte(body.Data)))
		return b.Bytes(), nil
	}
	raw, err := base64.StdEncoding.DecodeString(in.Content.Raw.Data)
	if err != nil {
		return nil, fmt.Errorf("the raw message is no base64: %w", err)
	}
	if len(raw) > maxMail {
		return nil, fmt.Errorf("message length is more than %d bytes long", maxMail)
	}
	for line := range bytes.Lines(raw) {
		if bytes.HasSuffix(line, []byte("\n")) && !bytes.HasSuffix(line, []byte("\r\n")) {
			return nil, errors.New("a line does not end with CRLF")
		}
		if len(bytes.TrimRight(line, "\r\n")) > maxMailLine {
			return nil, errors.New("a line of more than 998 characters")
		}
		if bytes.ContainsFunc(line, func(r rune) bool { return r > 0x7e }) {
			return nil, errors.New("a character that is not ASCII")
		}
	}
	return raw, nil
}

// ReadMail reads a mail with its parts. It fails when it is malformed.
func ReadMail(raw []byte) (Letter, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Letter{}, fmt.Errorf("reading the mail: %w", err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return Letter{}, fmt.Errorf("reading its subject: %w", err)
	}
	l := Letter{From: m.Header.Get("From"), To: m.Header.Get("To"), Subject: subject}
	return l, l.read(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Header.Get("Content-Disposition"), m.Body)
}

// read takes up one part, or each part of one that has parts.
func (l *Letter) read(contentType, encoding, disposition string, body io.Reader) error {
	if contentType == "" {
		contentType = "text/plain"
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("content type %q: %w", contentType, err)
	}
	if strings.HasPrefix(kind, "multipart/") {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("a part of %s: %w", kind, err)
			}
			if err := l.read(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part.Header.Get("Content-Disposition"), part); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(encoding) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("a part of type %s: %w", kind, err)
	}
	how, named, _ := mime.ParseMediaType(disposition)
	switch {
	case how == "attachment":
		l.Attachments = append(l.Attachments, Attached{Name: named["filename"], Type: contentType, Body: data})
	case kind == "text/html":
		l.HTML = string(data)
	default:
		l.Text = string(data)
	}
	return nil
}
