package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/engine/digest"
	"github.com/eks-autopilot/autopilot/engine/print"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// connectReports gives the handlers what they need to make digests and to bring them where the configuration wants them.
func connectReports(ctx context.Context, cfg Config, clusters []connected, st *store.Store) (handlers.Reports, error) {
	r := handlers.Reports{Book: st, Sendings: st, Counts: st, Rules: cfg.Reports.rules(), Print: cfg.Reports.PDF.print()}
	for _, d := range cfg.Reports.Deliveries {
		to, err := d.connect(ctx)
		if err != nil {
			return r, fmt.Errorf("reports.deliveries: %s: %w", d.Name, err)
		}
		r.Deliveries = append(r.Deliveries, to)
	}
	for _, u := range cfg.Reports.Units {
		unit := handlers.Unit{Name: u.Name, Daily: u.Daily}
		if u.Query != "" {
			k := slices.IndexFunc(cfg.Clusters, func(cl ClusterConfig) bool { return cl.Name == u.ClusterOfQuery })
			unit.Ask = asksFor(clusters[k].prometheus, u.Query)
		}
		r.Units = append(r.Units, unit)
	}
	return r, nil
}

// print gives what makes PDFs; nil where nothing does.
func (c PDFConfig) print() func(context.Context, []byte) ([]byte, error) {
	if c.Chromium == "" {
		return nil
	}
	return print.Printer{Chromium: c.Chromium}.PDF
}

func (c DeliveryConfig) delivery() digest.Delivery {
	return digest.Delivery{
		Name: c.Name, Kind: engine.PeriodKind(c.Period), Scope: engine.DigestScope{Team: c.Team, Cluster: c.Cluster},
		Channel: c.Channel, Email: c.Email != nil, S3: c.S3 != nil,
	}
}

// connect prepares a delivery and speaks to nobody.
func (c DeliveryConfig) connect(ctx context.Context) (handlers.ReportDelivery, error) {
	to := handlers.ReportDelivery{Delivery: c.delivery()}
	var err error
	if to.Location, err = zone(c.TimeZone); err != nil {
		return to, engine.Errorf(engine.Invalid, "%v", err)
	}
	schedule, err := parseSchedule(c.Schedule, time.UTC) // as the clock on the wall shows it: see digest.Due
	if err != nil {
		return to, engine.Errorf(engine.Invalid, "%v", err)
	}
	to.Next = schedule.Next
	if c.Email != nil {
		m, err := c.Email.mail(ctx)
		if err != nil {
			return to, err
		}
		to.Mail = &handlers.MailRoute{Mailer: m, To: c.Email.To, From: c.Email.From}
	}
	if c.S3 != nil {
		depot, err := c.S3.depot(ctx)
		if err != nil {
			return to, err
		}
		to.Depot = &handlers.DepotRoute{Depot: depot, Prefix: c.S3.Prefix}
	}
	return to, nil
}

func (c EmailConfig) mail(ctx context.Context) (*aws.Mail, error) {
	return aws.NewMail(ctx, aws.Config{Region: c.Region, Role: c.RoleARN, ExternalID: c.ExternalID, Endpoint: c.Endpoint})
}

func (c ReportS3Config) depot(ctx context.Context) (*aws.Depot, error) {
	return aws.NewDepot(ctx, aws.DepotConfig{
		Config: aws.Config{Region: c.Region, Role: c.RoleARN, ExternalID: c.ExternalID, Endpoint: c.Endpoint}, Bucket: c.Bucket, Account: c.Account,
	})
}

// asksFor gives the number that a query of the configuration has at the end of a day.
func asksFor(p *prom.Prometheus, query string) func(context.Context, time.Time) (float64, error) {
	return func(ctx context.Context, day time.Time) (float64, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		samples, err := p.Query(ctx, query, day.AddDate(0, 0, 1))
		switch {
		case err != nil:
			return 0, err
		case len(samples) == 0:
			return 0, engine.Errorf(engine.Unavailable, "the query gives nothing at the end of %s", day.Format(time.DateOnly))
		case len(samples) > 1:
			return 0, engine.Errorf(engine.Invalid, "the query gives %d series; one number is wanted, such as sum(…) gives", len(samples))
		}
		return samples[0].Value, nil
	}
}

// checkReports says what goes out and when, tries what it needs, and tells what did not get through.
func checkReports(ctx context.Context, cfg Config, secrets Secrets, now time.Time) []engine.Check {
	const area = "reports"
	if len(cfg.Reports.Deliveries) == 0 {
		return []engine.Check{engine.Passed(area, "deliveries", "none: no report is posted, and /autopilot report answers who asks")}
	}
	var checks []engine.Check
	for _, d := range cfg.Reports.Deliveries {
		checks = append(append(checks, d.check(area, now)), d.reached(ctx, area)...)
	}
	checks = append(checks, checkPrinter(area, cfg.Reports.PDF))
	for _, u := range cfg.Reports.Units {
		if u.Query != "" {
			checks = append(checks, checkUnit(ctx, area, cfg, u, secrets, now))
		}
	}
	return append(checks, checkUnsent(ctx, area, secrets)...)
}

// wholeAfter is how long after a period the bill of its last day has settled: bills are read after noon (UTC) on the day after, and
// what is read then is still a part.
const wholeAfter = 36 * time.Hour

func (c DeliveryConfig) check(area string, now time.Time) engine.Check {
	location, err := zone(c.TimeZone)
	if err != nil {
		return engine.Missed("report-schedule", engine.CheckFail, area, c.Name, err.Error(), "a time zone", "see reports.deliveries in the configuration")
	}
	schedule, err := parseSchedule(c.Schedule, location)
	if err != nil {
		return engine.Missed("report-schedule", engine.CheckFail, area, c.Name, err.Error(), "a schedule", "see reports.deliveries in the configuration")
	}
	var ways []string
	for _, via := range c.delivery().Ways() {
		if via == digest.ViaSlack {
			ways = append(ways, c.Channel)
		} else {
			ways = append(ways, string(via))
		}
	}
	p := engine.PeriodOf(engine.PeriodKind(c.Period), now).Before()
	next := schedule.Next(p.To.Add(-1).In(location))
	if !next.After(now) {
		p = engine.PeriodOf(p.Kind, now)
		next = schedule.Next(p.To.Add(-1).In(location))
	}
	found := fmt.Sprintf("%s to %s, %s at %s", c.Period, strings.Join(ways, ", "), p, next.Format("2006-01-02 15:04 MST"))
	if whole := p.To.Add(wholeAfter); next.Before(whole) {
		found += fmt.Sprintf("; the bills of its last days are whole from %s on", whole.Format("2006-01-02 15:04 MST"))
	}
	return engine.Passed(area, c.Name, found)
}

// reached tries whether a report gets to where Slack is not.
func (c DeliveryConfig) reached(ctx context.Context, area string) (checks []engine.Check) {
	const right, fix = "a configuration that can be read", "see reports.deliveries in the configuration"
	if c.Email != nil {
		if m, err := c.Email.mail(ctx); err != nil {
			checks = append(checks, engine.Missed("mail-connect", engine.CheckFail, area, c.Name+" by e-mail", err.Error(), right, fix))
		} else {
			checks = append(checks, m.Check(ctx, c.Email.From))
		}
	}
	if c.S3 != nil {
		if d, err := c.S3.depot(ctx); err != nil {
			checks = append(checks, engine.Missed("report-bucket-connect", engine.CheckFail, area, c.Name+" to S3", err.Error(), right, fix))
		} else {
			checks = append(checks, d.Check(ctx, c.S3.Prefix))
		}
	}
	return checks
}

func checkPrinter(area string, c PDFConfig) engine.Check {
	if c.Chromium == "" {
		return engine.Passed(area, "pdf", "no Chromium is configured: reports go without a PDF")
	}
	info, err := os.Stat(c.Chromium)
	if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
		return engine.Missed("pdf-printer", engine.CheckWarn, area, "pdf", c.Chromium+" is no executable", "Chromium", "set reports.pdf.chromium; reports go without a PDF until then")
	}
	return engine.Passed(area, "pdf", c.Chromium)
}

// checkUnit asks for yesterday's number.
func checkUnit(ctx context.Context, area string, cfg Config, u UnitConfig, secrets Secrets, now time.Time) engine.Check {
	name := "unit " + u.Name
	missed := func(err error) engine.Check {
		return engine.Missed("report-unit", engine.CheckWarn, area, name, err.Error(), "one number", "see reports.units in the configuration; without it nothing is divided by "+u.Name)
	}
	k := slices.IndexFunc(cfg.Clusters, func(cl ClusterConfig) bool { return cl.Name == u.ClusterOfQuery })
	p, err := prom.Connect(prom.Config{URL: cfg.Clusters[k].Prometheus, Bearer: secrets.PrometheusToken})
	if err != nil {
		return missed(err)
	}
	n, err := asksFor(p, u.Query)(ctx, now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1))
	if err != nil {
		return missed(err)
	}
	return engine.Passed(area, name, fmt.Sprintf("%g yesterday", n))
}

// checkUnsent tells which reports did not get through. A database that cannot be had is told elsewhere.
func checkUnsent(ctx context.Context, area string, secrets Secrets) []engine.Check {
	st, err := store.Open(ctx, secrets.DatabaseURL.Reveal(), store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil
	}
	defer st.Close()
	unsent, err := st.Unsent(ctx)
	if err != nil {
		return nil
	}
	var checks []engine.Check
	for _, u := range unsent {
		checks = append(checks, engine.Missed("report-unsent", engine.CheckWarn, area, fmt.Sprintf("%s of %s by %s", u.Delivery, u.Period, u.Via), u.Problem, "sent",
			fmt.Sprintf("it was tried %d time(s); autopilot report -period %s makes it by hand", u.Attempts, u.Period)))
	}
	return checks
}
