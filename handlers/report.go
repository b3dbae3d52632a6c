package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// Mailer sends e-mail. It fails with Unavailable when trying again can help. A mail may be sent twice when the process dies right
// after it.
type Mailer interface {
	Send(ctx context.Context, to []string, from, subject, text, html string, attachments []engine.File) error
}

// Depot keeps files under keys. The same key again replaces what was there.
type Depot interface {
	Put(ctx context.Context, key, contentType string, body []byte) error
}

// DigestBook reads what digests rest on, and keeps them.
type DigestBook interface {
	DigestFacts(ctx context.Context, p engine.Period, scope engine.DigestScope, wanted []engine.DigestScope) (digest.Facts, error)
	DigestOf(ctx context.Context, p engine.Period, scope engine.DigestScope) (d engine.Digest, ok bool, err error)
	SaveDigest(ctx context.Context, d engine.Digest, to []digest.Delivery) (engine.Digest, error)
	// Spenders gives the teams and clusters that ever cost something, in order.
	Spenders(ctx context.Context) (teams, clusters []string, err error)
	DeliveryStand(ctx context.Context, of digest.Delivery) (digest.Stand, error)
	Closable(ctx context.Context) ([]engine.Digest, error)
	CloseDigest(ctx context.Context, d engine.Digest) error
}

// Sendings keeps what became of a digest on its way to where Slack is not.
type Sendings interface {
	Digest(ctx context.Context, id int64) (engine.Digest, error)
	Sending(ctx context.Context, id int64) (digest.Sending, error)
	SaveSent(ctx context.Context, id int64, problem string, final bool) error
}

// Reports is what digests need. Without deliveries they are made when somebody asks.
type Reports struct {
	Book       DigestBook
	Sendings   Sendings
	Counts     Counts
	Rules      digest.Rules
	Deliveries []ReportDelivery
	Units      []Unit
	// Print makes a PDF of a page; nil where no Chromium is configured.
	Print func(ctx context.Context, page []byte) ([]byte, error)
}

// ReportDelivery is a delivery, when it is due and how it goes.
type ReportDelivery struct {
	digest.Delivery
	Next     func(time.Time) time.Time // of the schedule; see digest.Due
	Location *time.Location
	Mail     *MailRoute  // where Delivery.Email is set
	Depot    *DepotRoute // where Delivery.S3 is set
}

// MailRoute is who gets a report by e-mail.
type MailRoute struct {
	Mailer Mailer
	To     []string
	From   string
}

// DepotRoute is where the files of a report are kept.
type DepotRoute struct {
	Depot  Depot
	Prefix string // of the keys, without a slash at its end; "" for none
}

// reportDue has the digests made whose time has come, and the months closed whose invoices are final. It may be asked as often as one
// likes, by as many as like: which period is due follows from the schedule, and each goes to each delivery once.
//
// A pause does not stop it: a report tells, and changes nothing. Nor does it wait for bills that are not there yet: the digest says of
// which days there is none.
func (h *Handlers) reportDue(ctx context.Context, _ engine.Task) error {
	var problems []error
	for _, to := range h.Reports.Deliveries {
		if err := h.tell(ctx, to); err != nil {
			problems = append(problems, fmt.Errorf("report %s: %w", to.Name, err))
		}
	}
	closable, err := h.Reports.Book.Closable(ctx)
	if err != nil {
		return errors.Join(append(problems, err)...)
	}
	for _, d := range closable {
		if err := h.closeDigest(ctx, d); err != nil {
			problems = append(problems, fmt.Errorf("closing %s: %w", d.Period, err))
		}
	}
	return errors.Join(problems...)
}

// tell has the digest that is due go to a delivery. What was due when the delivery was configured is not told, and neither is a period
// before the newest that was.
func (h *Handlers) tell(ctx context.Context, to ReportDelivery) error {
	at, err := h.Reports.Book.DeliveryStand(ctx, to.Delivery)
	if err != nil {
		return err
	}
	p, due := digest.Due(to.Kind, to.Next, to.Location, at.First, h.Now())
	if !due || !p.From.After(at.Newest) {
		return nil
	}
	if old, was := digest.Due(to.Kind, to.Next, to.Location, at.First, at.Since); was && !p.From.After(old.From) {
		return nil
	}
	d, err := h.Reports.Digest(ctx, p, to.Scope, false)
	if err != nil {
		return err
	}
	if d, err = h.Reports.Book.SaveDigest(ctx, d, []digest.Delivery{to.Delivery}); err != nil {
		return err
	}
	h.Log.InfoContext(ctx, "told a digest", "delivery", to.Name, "period", p.String(), "digest", d.ID, "closed", d.Closed, "spend", d.Spend.Total.String())
	return nil
}

// closeDigest makes the digest of a month once more, for good.
func (h *Handlers) closeDigest(ctx context.Context, d engine.Digest) error {
	final, err := h.Reports.Digest(ctx, d.Period, d.Scope, true)
	if err != nil || !final.Closed {
		return err // it cannot be told by its rows that it is: there are none
	}
	if err := h.Reports.Book.CloseDigest(ctx, final); err != nil {
		return err
	}
	h.Log.InfoContext(ctx, "closed a month", "digest", d.ID, "period", d.Period.String(), "spend", final.Spend.Total.String())
	return nil
}

// Digest gives the digest of a period and scope: the one that is kept, or, when none is or a fresh one is wanted, what the rows say now.
// Its ID is 0 then. It may be one of nothing at all: see Nothing.
func (r *Reports) Digest(ctx context.Context, p engine.Period, scope engine.DigestScope, fresh bool) (engine.Digest, error) {
	if !fresh {
		if d, kept, err := r.Book.DigestOf(ctx, p, scope); err != nil || kept {
			return d, err
		}
	}
	facts, err := r.Book.DigestFacts(ctx, p, scope, r.Rules.Scopes())
	if err != nil {
		return engine.Digest{}, err
	}
	return digest.Make(facts, r.Rules), nil
}
