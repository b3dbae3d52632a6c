package handlers

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/report"
)

// reportSend brings a kept digest to where Slack is not. Who dies in between sends again: S3 has the same under the same key then, and a
// mail may come twice.
func (h *Handlers) reportSend(ctx context.Context, t engine.Task) error {
	id, err := strconv.ParseInt(t.Detail, 10, 64)
	if err != nil {
		return engine.Errorf(engine.Invalid, "%q is not a sending's id", t.Detail)
	}
	x, err := h.Reports.Sendings.Sending(ctx, id)
	if err != nil || x.Done {
		return err
	}
	err = h.send(ctx, x)
	after := context.WithoutCancel(ctx)
	if err == nil {
		h.Log.InfoContext(ctx, "sent a digest", "delivery", x.Delivery, "via", x.Via, "digest", x.Digest)
		return h.Reports.Sendings.SaveSent(after, id, "", true)
	}
	code := engine.CodeOf(err)
	final := code != engine.Unavailable && code != engine.Internal
	if saveErr := h.Reports.Sendings.SaveSent(after, id, engine.UserMessage(err, fmt.Sprint("sending ", id)), final); saveErr != nil {
		h.Log.ErrorContext(ctx, "cannot keep that a digest was not sent", "sending", id, "error", saveErr)
	}
	return err
}

func (h *Handlers) send(ctx context.Context, x digest.Sending) error {
	d, err := h.Reports.Sendings.Digest(ctx, x.Digest)
	if err != nil {
		return err
	}
	k := slices.IndexFunc(h.Reports.Deliveries, func(to ReportDelivery) bool { return to.Name == x.Delivery && to.Kind == d.Period.Kind })
	if k < 0 {
		return engine.Errorf(engine.Invalid, "the configuration has no %s delivery %q any more", d.Period.Kind, x.Delivery)
	}
	to := h.Reports.Deliveries[k]
	files, without, err := h.Reports.Files(ctx, d)
	if err != nil {
		return err
	}
	tables := Tables(d)
	switch {
	case x.Via == digest.ViaEmail && to.Mail != nil:
		all, err := archive(reportName(d)+"-tables.zip", tables)
		if err != nil {
			return err
		}
		page, err := report.Mail(d, append(mailNotes(d, len(files)), without...))
		if err != nil {
			return err
		}
		return to.Mail.Mailer.Send(ctx, to.Mail.To, to.Mail.From, mailSubject(d), mailText(d, len(files), without), page, append(files, all))
	case x.Via == digest.ViaS3 && to.Depot != nil:
		for _, f := range append(files, tables...) {
			key := path.Join(to.Depot.Prefix, d.Period.String(), x.Delivery, f.Name)
			if err := to.Depot.Depot.Put(ctx, key, contentType(f.Name), []byte(f.Content)); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		return nil
	}
	return engine.Errorf(engine.Invalid, "delivery %q does not go by %s any more", x.Delivery, x.Via)
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".pdf":
		return "application/pdf"
	}
	return "text/csv; charset=utf-8"
}

// mailSubject says what matters before the mail is opened.
func mailSubject(d engine.Digest) string {
	subject := reportTitle(d) + ": " + d.Spend.Total.String() + " spent"
	if change := changeWords(d); change != "" {
		subject += " (" + change + ")"
	}
	if d.Funnel.Chains > 0 {
		subject += ", " + d.Funnel.Verified.String() + " verified savings"
	}
	return oneLine(subject)
}

// changeWords is how the comparable days changed: "+3.1 %"; "" where that cannot be said.
func changeWords(d engine.Digest) string {
	if d.Spend.SameDays == 0 || d.Spend.SameBefore <= 0 {
		return ""
	}
	return fmt.Sprintf("%+.1f %%", 100*(d.Spend.SameTotal-d.Spend.SameBefore).Dollars()/d.Spend.SameBefore.Dollars())
}

// mailNotes say what is attached, of which so many files are the report itself, and how final it is.
func mailNotes(d engine.Digest, files int) (notes []string) {
	if d.Period.Kind == engine.Monthly && !d.Closed {
		notes = append(notes, "Provisional: not every invoice of the month is final. The digest is made once more when they are; no mail tells it.")
	}
	if files > 1 {
		return append(notes, "The whole report is attached, as a page and as a PDF, and its tables as CSV.")
	}
	return append(notes, "The whole report is attached as a page, and its tables as CSV.")
}

// mailText is the mail for who reads no HTML.
func mailText(d engine.Digest, files int, without []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(oneLine(fmt.Sprintf(format, args...)) + "\n") }
	line("%s", reportTitle(d))
	b.WriteString("\n")
	line("Spend: %s on %d of %d days", d.Spend.Total, d.Spend.DaysKnown, d.Period.Days())
	if change := changeWords(d); change != "" {
		line("Change: %s over the days that can be compared", change)
	}
	if d.Forecast != nil {
		line("Forecast of %s: %s, between %s and %s", d.Forecast.Month.Format("January"), d.Forecast.Mid, d.Forecast.Low, d.Forecast.High)
	}
	line("Verified savings: %s of %s that were estimated for the same days", d.Funnel.Verified, d.Funnel.Promised)
	line("Open: %d opportunities of %s a month", d.Open.Count, d.Open.Monthly)
	line("Incidents: %d opened, %d resolved", d.Incidents.Opened, d.Incidents.Resolved)
	if len(d.Insights) > 0 {
		b.WriteString("\n")
	}
	for _, i := range d.Insights {
		line("%s", i.Text)
	}
	b.WriteString("\n")
	for _, note := range append(mailNotes(d, files), without...) {
		line("%s", note)
	}
	return b.String()
}

// oneLine keeps names from outside within their line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
