package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/price"
)

const (
	costDays  = 3                  // the days that are divided, again while their bills settle
	billHour  = 12 * time.Hour     // after midnight UTC: by then AWS mostly has the bill of the day before
	closeLag  = 5 * 24 * time.Hour // after a month, before its invoice is asked for
	oneDay    = 24 * time.Hour
	splitsFor = 3 * time.Minute // for the answer of Athena
)

// CostLedger keeps what was paid, and who for.
type CostLedger interface {
	SaveCosts(ctx context.Context, r price.Record) error
	CostDays(ctx context.Context, from, to time.Time) ([]price.Status, error)
	OpenMonths(ctx context.Context, before time.Time) ([]price.Month, error)
	CloseMonth(ctx context.Context, v price.Invoice) error
	Costs(ctx context.Context, f engine.CostFilter) (engine.Costs, error)
}

// Costing is what dividing bills needs beside what Waste has.
type Costing struct {
	Ledger  CostLedger
	Pricing *Pricing // its cache and payers
	Rules   price.Rules
	Rises   *SpendWatch // nil where nobody is to be told what costs more than ever
}

// paid are the bills of a payer for the last days.
type paid struct {
	payer Payer
	bills []price.Bill
	at    time.Time // when they were asked for
	fresh bool      // just now
}

// costs divides the bills of the last days among clusters, namespaces and teams, and closes the months that are over. It may be asked
// as often as one likes: each payer's bills are asked for once a day, and a day is divided once for each answer. What could not be
// had is tried again at the next tick.
func (h *Handlers) costs(ctx context.Context, _ engine.Task) error {
	today := h.Now().UTC().Truncate(oneDay)
	from := today.AddDate(0, 0, -costDays)
	kept, err := h.Waste.Costs.Ledger.CostDays(ctx, from, today)
	if err != nil {
		return err
	}
	var all []paid
	var problems []error
	for _, payer := range h.Waste.Costs.Pricing.Payers {
		p, err := h.billsOf(ctx, payer, from, today)
		if err != nil {
			problems = append(problems, fmt.Errorf("bills of %s: %w", payer.ID, err))
			continue
		}
		all = append(all, p)
	}
	var due []time.Time
	for day := from; day.Before(today); day = day.AddDate(0, 0, 1) {
		if len(dueBills(all, kept, day)) > 0 || len(h.Waste.Costs.Pricing.Payers) == 0 && !estimated(kept, day) {
			due = append(due, day)
		}
	}
	if len(due) > 0 {
		u := h.listForCosts(ctx)
		for _, day := range due {
			if err := h.divideDay(ctx, u, day, all, kept); err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", day.Format(time.DateOnly), err))
			}
		}
	}
	return errors.Join(append(problems, h.closeMonths(ctx, all), h.rises(ctx, h.Waste.Costs.Rises))...)
}

// billsOf gives the bills of the last days: those that were asked for since the newest hour at which there is something new, else
// what the payer says now.
func (h *Handlers) billsOf(ctx context.Context, payer Payer, from, to time.Time) (paid, error) {
	p := paid{payer: payer}
	cache, key := h.Waste.Costs.Pricing.Cache, "days/"+payer.ID
	news := to.Add(billHour)
	if h.Now().Before(news) {
		news = news.AddDate(0, 0, -1)
	}
	body, at, ok, err := cache.CachedPrice(ctx, key)
	if err != nil {
		return p, err
	}
	if ok && !at.Before(news) && json.Unmarshal(body, &p.bills) == nil {
		p.at = at
		return p, nil
	}
	m := &meter{pricing: h.Waste.Costs.Pricing, payer: payer}
	err = h.within(ctx, pricesWithin, func(ctx context.Context) error {
		p.bills, err = payer.Bills(ctx, m, from, to)
		return err
	})
	if err != nil {
		return p, err
	}
	for _, b := range p.bills {
		if b.Payer != payer.ID {
			return p, engine.Errorf(engine.Invalid, "its role is one of account %s", b.Payer)
		}
	}
	if body, err = json.Marshal(p.bills); err != nil {
		return p, err
	}
	p.at, p.fresh = h.Now(), true
	return p, cache.CachePrice(ctx, key, body, p.at)
}

// dueBills are the bills of a day that have not been divided since they were asked for. One without lines is not there yet.
func dueBills(all []paid, kept []price.Status, day time.Time) (due []price.Bill) {
	for _, p := range all {
		for _, b := range p.bills {
			done := slices.ContainsFunc(kept, func(s price.Status) bool {
				return s.Payer == b.Payer && s.Day.Equal(day) && !s.SavedAt.Before(p.at.Truncate(time.Microsecond))
			})
			if b.Day.Equal(day) && len(b.Lines) > 0 && !done {
				due = append(due, b)
			}
		}
	}
	return due
}

func estimated(kept []price.Status, day time.Time) bool {
	return slices.ContainsFunc(kept, func(s price.Status) bool { return s.Payer == "" && s.Day.Equal(day) })
}

// divideDay divides the bills of a day, and estimates what no payer has a bill of.
func (h *Handlers) divideDay(ctx context.Context, u *costUse, day time.Time, all []paid, kept []price.Status) error {
	used := h.useOf(ctx, u, day)
	r := price.Record{Day: day, Guessed: used.guessed, Missing: used.missing}
	r.Bills = dueBills(all, kept, day)
	if used.guessed {
		// What was measured when the bill was younger is worth more than a bill that has settled.
		r.Bills = slices.DeleteFunc(r.Bills, func(b price.Bill) bool {
			return slices.ContainsFunc(kept, func(s price.Status) bool { return s.Payer == b.Payer && s.Day.Equal(day) && !s.Guessed })
		})
	}
	if len(h.Waste.Costs.Pricing.Payers) == 0 {
		estimate, unpriced := h.estimate(ctx, u, day, used)
		if len(estimate.Lines) > 0 {
			r.Bills = append(r.Bills, estimate)
		}
		for _, what := range unpriced {
			r.Missing = append(r.Missing, engine.Gap{Collector: "prices", Reason: "no price is known of " + what})
		}
	}
	if len(r.Bills) == 0 {
		return nil
	}
	r.Missing = append(r.Missing, uncovered(u, r.Bills)...)
	for _, b := range r.Bills {
		parts := used.day
		parts.Bill = b
		rows, err := price.Allocate(parts, h.Waste.Costs.Rules)
		if err != nil {
			return err
		}
		for k := range rows {
			rows[k].Provisional = rows[k].Provisional || used.guessed
		}
		r.Rows = append(r.Rows, rows...)
	}
	err := h.Waste.Costs.Ledger.SaveCosts(ctx, r)
	if engine.CodeOf(err) == engine.Conflict {
		return nil // the month was closed in the meantime
	}
	if err == nil {
		h.Log.InfoContext(ctx, "divided what a day cost", "day", day.Format(time.DateOnly), "bills", len(r.Bills), "rows", len(r.Rows),
			"guessed", r.Guessed, "missing", len(r.Missing))
	}
	return err
}

// uncovered says which clusters are in no bill: what they cost is unknown, or outside of the clusters.
func uncovered(u *costUse, bills []price.Bill) (gaps []engine.Gap) {
	accounts := map[string]bool{}
	for _, b := range bills {
		for _, l := range b.Lines {
			accounts[l.Account] = true
		}
	}
	for _, c := range u.snapshot.Clusters {
		switch {
		case c.Account == "" && bills[0].Payer != "":
			gaps = append(gaps, engine.Gap{Collector: c.Name, Reason: "its aws_account is not configured; what it costs counts as outside of the clusters"})
		case !accounts[c.Account]:
			gaps = append(gaps, engine.Gap{Collector: c.Name, Reason: "no bill has its account, so what it costs is not known"})
		}
	}
	return gaps
}

// estimate is what the use of a day costs by what is known of prices.
func (h *Handlers) estimate(ctx context.Context, u *costUse, day time.Time, used usedDay) (price.Bill, []string) {
	if u.book == nil {
		u.book = price.New(price.Prices{Lists: []price.List{price.Embedded()}})
		err := h.within(ctx, pricesWithin, func(ctx context.Context) error {
			u.book, _, u.bookGaps = h.Waste.Prices(ctx, &u.snapshot)
			return nil
		})
		if err != nil {
			u.bookGaps = append(u.bookGaps, engine.Gap{Collector: "prices", Reason: why(err, pricesWithin)})
		}
	}
	parts := used.day
	parts.Bill.Day = day
	return price.Estimate(parts, u.book)
}

// closeMonths asks for the invoices of months that are over, on the days on which the bills were asked for anyway.
func (h *Handlers) closeMonths(ctx context.Context, all []paid) error {
	months, err := h.Waste.Costs.Ledger.OpenMonths(ctx, h.Now().UTC().Add(-closeLag))
	if err != nil {
		return err
	}
	var problems []error
	for _, month := range months {
		k := slices.IndexFunc(all, func(p paid) bool { return p.payer.ID == month.Payer && p.fresh && p.payer.Invoice != nil })
		if k < 0 {
			continue
		}
		err := h.within(ctx, pricesWithin, func(ctx context.Context) error {
			invoice, err := all[k].payer.Invoice(ctx, &meter{pricing: h.Waste.Costs.Pricing, payer: all[k].payer}, month.First)
			if err != nil {
				return err
			}
			return h.Waste.Costs.Ledger.CloseMonth(ctx, invoice)
		})
		if engine.CodeOf(err) == engine.Conflict {
			h.Log.InfoContext(ctx, "an invoice is not final yet", "payer", month.Payer, "month", month.First.Format("2006-01"))
			continue
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("invoice of %s of %s: %w", month.First.Format("January 2006"), month.Payer, err))
		}
	}
	return errors.Join(problems...)
}
