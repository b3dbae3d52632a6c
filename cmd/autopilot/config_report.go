package main

import (
	"cmp"
	"net/mail"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/digest"
)

// ReportsConfig says which digests go where, and what they are compared with. Without deliveries none is posted; who asks gets one.
type ReportsConfig struct {
	Deliveries    []DeliveryConfig     `yaml:"deliveries"`
	Budgets       []BudgetConfig       `yaml:"budgets"`
	Units         []UnitConfig         `yaml:"units"`
	IncidentHours []IncidentHourConfig `yaml:"incident_hours"` // the first that matches counts
	PDF           PDFConfig            `yaml:"pdf"`
}

// DeliveryConfig is one report that goes out by itself, and where to: at least one of Channel, Email and S3.
type DeliveryConfig struct {
	Name     string          `yaml:"name"`      // a part of the keys of what is sent
	Period   string          `yaml:"period"`    // weekly or monthly
	Schedule string          `yaml:"schedule"`  // five fields of cron; default "0 15 * * TUE", or "0 9 6 * *" for a month
	TimeZone string          `yaml:"time_zone"` // of the schedule; default UTC
	Channel  string          `yaml:"channel"`   // of Slack
	Team     string          `yaml:"team"`      // whose report it is; empty: all
	Cluster  string          `yaml:"cluster"`   // of one cluster; empty: all
	Email    *EmailConfig    `yaml:"email"`
	S3       *ReportS3Config `yaml:"s3"`
}

// EmailConfig sends a report through Amazon SES.
type EmailConfig struct {
	To         []string `yaml:"to"`          // addresses
	From       string   `yaml:"from"`        // an address that SES has verified
	Region     string   `yaml:"region"`      // of SES
	RoleARN    string   `yaml:"role_arn"`    // assumed first; empty: the process's own identity
	ExternalID string   `yaml:"external_id"` // that the role may ask for
	Endpoint   string   `yaml:"endpoint"`    // only for a VPC endpoint or a test; default AWS's own
}

// ReportS3Config keeps the files of a report in a bucket.
type ReportS3Config struct {
	Bucket     string `yaml:"bucket"`      // files are replaced when a month is closed
	Prefix     string `yaml:"prefix"`      // of the keys; default autopilot
	Region     string `yaml:"region"`      // of the bucket
	Account    string `yaml:"account"`     // that owns the bucket, twelve digits; a bucket of another is refused
	RoleARN    string `yaml:"role_arn"`    // assumed first; empty: the process's own identity
	ExternalID string `yaml:"external_id"` // that the role may ask for
	Endpoint   string `yaml:"endpoint"`    // only for a VPC endpoint or a test; default AWS's own
}

// BudgetConfig is what may be spent in a calendar month.
type BudgetConfig struct {
	Name    string  `yaml:"name"`    // shown in digests
	Monthly float64 `yaml:"monthly"` // dollars
	Team    string  `yaml:"team"`    // whose costs; empty: all
	Cluster string  `yaml:"cluster"` // of which cluster; empty: all
}

// UnitConfig is a unit of work that costs are divided by: a request, a customer. Exactly one of Query and Daily says how many there are.
type UnitConfig struct {
	Name           string  `yaml:"name"`             // a word for one of them
	Team           string  `yaml:"team"`             // whose costs are divided; empty: all
	Cluster        string  `yaml:"cluster"`          // of which cluster; empty: all
	ClusterOfQuery string  `yaml:"cluster_of_query"` // whose Prometheus is asked
	Query          string  `yaml:"query"`            // PromQL that gives the number of a day at the day's end
	Daily          float64 `yaml:"daily"`            // a fixed number of them a day
}

// IncidentHourConfig is what an hour of an incident costs the business. Keys that are left out match all; names may have * in them.
type IncidentHourConfig struct {
	Cluster   string  `yaml:"cluster"`   // a name or pattern
	Namespace string  `yaml:"namespace"` // likewise
	Team      string  `yaml:"team"`      // likewise
	Severity  string  `yaml:"severity"`  // critical, warning or info
	Dollars   float64 `yaml:"dollars"`   // an hour
}

// PDFConfig says what prints reports.
type PDFConfig struct {
	Chromium string `yaml:"chromium"` // path of the executable; empty: there is no PDF
}

// schedules are those of deliveries that name none: late enough for the last days to have whole bills, see wholeAfter.
var schedules = map[engine.PeriodKind]string{engine.Weekly: "0 15 * * TUE", engine.Monthly: "0 9 6 * *"}

// withDefaults fills in what the section leaves out.
func (c ReportsConfig) withDefaults(clusters []ClusterConfig) ReportsConfig {
	c.Deliveries = slices.Clone(c.Deliveries)
	for k := range c.Deliveries {
		d := &c.Deliveries[k]
		d.Schedule, d.TimeZone = cmp.Or(d.Schedule, schedules[engine.PeriodKind(d.Period)]), cmp.Or(d.TimeZone, "UTC")
		if d.S3 != nil {
			s3 := *d.S3
			s3.Prefix = cmp.Or(strings.Trim(s3.Prefix, "/"), "autopilot")
			d.S3 = &s3
		}
	}
	c.Units = slices.Clone(c.Units)
	asked := slices.DeleteFunc(slices.Clone(clusters), func(cl ClusterConfig) bool { return cl.Prometheus == "" })
	for k := range c.Units {
		if u := &c.Units[k]; u.Query != "" && u.ClusterOfQuery == "" && len(asked) == 1 {
			u.ClusterOfQuery = asked[0].Name
		}
	}
	return c
}

var deliveryNameRE = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$`)

// reports checks the section on reports.
func (v *validator) reports(c Config) {
	names := map[string]bool{}
	for i, d := range c.Reports.Deliveries {
		where := at{"reports", "deliveries", i}
		switch {
		case !deliveryNameRE.MatchString(d.Name):
			v.bad(where.with("name"), "%q is not a name; at most 40 lower-case letters, digits, - and _, such as finops", d.Name)
		case names[d.Name]:
			v.bad(where.with("name"), "two deliveries are named %q; what is sent is found again by its name", d.Name)
		}
		names[d.Name] = true
		v.delivery(where, d, c)
	}
	names = map[string]bool{}
	for i, b := range c.Reports.Budgets {
		where := at{"reports", "budgets", i}
		v.label(where.with("name"), b.Name, names, "budget", "production")
		v.dollars(where.with("monthly"), b.Monthly, "a month")
		v.scope(where, b.Team, b.Cluster, c)
	}
	names = map[string]bool{}
	for i, u := range c.Reports.Units {
		where := at{"reports", "units", i}
		v.label(where.with("name"), u.Name, names, "unit", "request")
		v.unit(where, u, c)
	}
	for i, h := range c.Reports.IncidentHours {
		where := at{"reports", "incident_hours", i}
		for key, p := range map[string]string{"cluster": h.Cluster, "namespace": h.Namespace, "team": h.Team} {
			v.pattern(where.with(key), p)
		}
		if h.Severity != "" && engine.Severity(h.Severity).Rank() == 0 {
			v.bad(where.with("severity"), "%q is not a severity; critical, warning or info", h.Severity)
		}
		v.dollars(where.with("dollars"), h.Dollars, "an hour")
	}
	if p := c.Reports.PDF.Chromium; p != "" && !filepath.IsAbs(p) {
		v.bad(at{"reports", "pdf", "chromium"}, "%q is not the whole path of an executable; such as /usr/bin/chromium", p)
	}
}

func (v *validator) delivery(where at, d DeliveryConfig, c Config) {
	kind := engine.PeriodKind(d.Period)
	if schedules[kind] == "" {
		v.bad(where.with("period"), "%q is no period; weekly or monthly", d.Period)
	}
	if _, err := zone(d.TimeZone); err != nil {
		v.bad(where.with("time_zone"), "%v", err)
	}
	if d.Schedule != "" {
		switch s, err := parseTimes(d.Schedule, time.UTC, rightTimes); {
		case isOff(d.Schedule):
			v.bad(where.with("schedule"), "off is no time; a report that shall not go is left out")
		case err != nil:
			v.bad(where.with("schedule"), "%v", err)
		case schedules[kind] != "":
			if p, skips := skipped(kind, s.Next); skips {
				v.bad(where.with("schedule"), "%q has no time in %s, so that a report would be left out; a %s one needs a time in each, such as %q", d.Schedule, p, kind, schedules[kind])
			}
		}
	}
	if d.Channel == "" && d.Email == nil && d.S3 == nil {
		v.bad(where, `goes nowhere; at least one of channel: "#finops", email and s3 is needed`)
	}
	if d.Channel != "" && !channelRE.MatchString(d.Channel) {
		v.bad(where.with("channel"), `%q is not a channel; "#name" in quotes, or an id such as C0123ABCD`, d.Channel)
	}
	v.scope(where, d.Team, d.Cluster, c)
	if e := d.Email; e != nil {
		v.email(where.with("email"), *e)
	}
	if s := d.S3; s != nil {
		v.reportS3(where.with("s3"), *s)
	}
}

// skipped finds a period in which a schedule has no time, as the 31st of a month that has 30 days.
func skipped(kind engine.PeriodKind, next func(time.Time) time.Time) (p engine.Period, skips bool) {
	const years = 4 // with a leap day, and without
	first := time.Date(2025, 1, 6, 0, 0, 0, 0, time.UTC)
	for p = engine.PeriodOf(kind, first); p.From.Before(first.AddDate(years, 0, 0)); p = engine.PeriodOf(kind, p.To) {
		if at := next(p.From.Add(-1)); at.IsZero() || !at.Before(p.To) {
			return p, true
		}
	}
	return engine.Period{}, false
}

func (v *validator) email(where at, e EmailConfig) {
	const right = "such as cfo@example.com"
	if len(e.To) == 0 || len(e.To) > 50 {
		v.bad(where.with("to"), "%d addresses; 1 to 50, %s", len(e.To), right)
	}
	for i, to := range e.To {
		if !isAddress(to) {
			v.bad(where.with("to", i), "%q is not an e-mail address; %s", to, right)
		}
	}
	if !isAddress(e.From) {
		v.bad(where.with("from"), "%q is not an e-mail address; one that SES has verified, such as autopilot@example.com", e.From)
	}
	v.reach(where, e.Region, e.RoleARN, e.ExternalID, e.Endpoint)
}

// isAddress takes an address alone, without a name before it.
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && !strings.ContainsAny(s, "\r\n")
}

func (v *validator) reportS3(where at, s ReportS3Config) {
	if !bucketRE.MatchString(s.Bucket) {
		v.bad(where.with("bucket"), "%q is not a bucket's name; 3 to 63 lower-case letters, digits, - and ., such as company-reports", s.Bucket)
	}
	if !prefixRE.MatchString(s.Prefix) || len(s.Prefix) > 200 || strings.Contains(s.Prefix, "..") {
		v.bad(where.with("prefix"), "%q is not a prefix of keys; letters, digits, ., _ and -, such as autopilot or finance/autopilot", s.Prefix)
	}
	if !accountRE.MatchString(s.Account) {
		v.bad(where.with("account"), "%q is not an AWS account; the twelve digits of the bucket's owner, quoted", s.Account)
	}
	v.reach(where, s.Region, s.RoleARN, s.ExternalID, s.Endpoint)
}

// reach checks how a service of AWS is reached.
func (v *validator) reach(where at, region, role, externalID, endpoint string) {
	if !regionRE.MatchString(region) {
		v.bad(where.with("region"), "%q is not an AWS region; such as eu-central-1", region)
	}
	if role != "" && !roleARNRE.MatchString(role) {
		v.bad(where.with("role_arn"), "%q is not a role's ARN; such as arn:aws:iam::123456789012:role/autopilot-reports", role)
	}
	if externalID != "" && role == "" {
		v.bad(where.with("external_id"), "needs role_arn")
	}
	v.optionalURL(where.with("endpoint"), endpoint)
}

func (v *validator) unit(where at, u UnitConfig, c Config) {
	v.scope(where, u.Team, u.Cluster, c)
	switch {
	case strings.TrimSpace(u.Query) == "" && u.Daily == 0:
		v.bad(where, `has no number; query: "sum(increase(http_requests_total[1d]))" or daily: 120 is needed`)
		return
	case u.Query != "" && u.Daily != 0:
		v.bad(where, "has both query and daily; keep one")
		return
	case u.Query == "":
		if !(u.Daily > 0 && u.Daily <= 1e15) {
			v.bad(where.with("daily"), "%v is out of range; more than 0, the number of a day", u.Daily)
		}
		return
	}
	k := slices.IndexFunc(c.Clusters, func(cl ClusterConfig) bool { return cl.Name == u.ClusterOfQuery })
	switch {
	case u.ClusterOfQuery == "":
		v.bad(where.with("cluster_of_query"), "is missing; the cluster whose Prometheus has the answer")
	case k < 0:
		v.bad(where.with("cluster_of_query"), "%q is not a cluster; one of clusters[].name", u.ClusterOfQuery)
	case c.Clusters[k].Prometheus == "":
		v.bad(where.with("cluster_of_query"), "cluster %s has no prometheus", u.ClusterOfQuery)
	}
	if len(u.Query) > 4000 {
		v.bad(where.with("query"), "%d characters are too many; 4000 at most", len(u.Query))
	}
}

// label checks the name that people see of one of several things.
func (v *validator) label(where at, name string, names map[string]bool, what, such string) {
	switch {
	case name == "" || len(name) > 80 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		v.bad(where, "%q is not a name; up to 80 characters of one line, such as %s", name, such)
	case names[name]:
		v.bad(where, "two of the %ss are named %q", what, name)
	}
	names[name] = true
}

func (v *validator) dollars(where at, d float64, per string) {
	if !(d > 0 && d <= 1e9) {
		v.bad(where, "%v is out of range; more than 0, in dollars %s", d, per)
	}
}

// scope checks whose costs are meant. Which teams there are is not known here.
func (v *validator) scope(where at, team, cluster string, c Config) {
	if len(team) > 200 || strings.ContainsFunc(team, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		v.bad(where.with("team"), "%q is not the name of a team", team)
	}
	if cluster != "" && !slices.ContainsFunc(c.Clusters, func(cl ClusterConfig) bool { return cl.Name == cluster }) {
		v.bad(where.with("cluster"), "%q is not a cluster; one of clusters[].name", cluster)
	}
}

// rules puts the section into the terms in which digests are made.
func (c ReportsConfig) rules() digest.Rules {
	var r digest.Rules
	for _, b := range c.Budgets {
		r.Budgets = append(r.Budgets, digest.BudgetRule{Name: b.Name, Scope: engine.DigestScope{Team: b.Team, Cluster: b.Cluster}, Monthly: engine.Dollars(b.Monthly)})
	}
	for _, u := range c.Units {
		r.Units = append(r.Units, digest.UnitRule{Name: u.Name, Scope: engine.DigestScope{Team: u.Team, Cluster: u.Cluster}})
	}
	for _, h := range c.IncidentHours {
		r.Hours = append(r.Hours, digest.HourRule{
			Cluster: h.Cluster, Namespace: h.Namespace, Team: h.Team, Severity: engine.Severity(h.Severity), PerHour: engine.Dollars(h.Dollars),
		})
	}
	return r
}
