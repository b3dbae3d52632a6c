package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// WasteConfig says how waste is looked for. Without the section it is not.
type WasteConfig struct {
	Schedule    string              `yaml:"schedule"`      // five fields of cron, or off; default "17 */6 * * *"
	TimeZone    string              `yaml:"time_zone"`     // of the schedule, of days and of dates; default UTC
	MinMonthly  *float64            `yaml:"min_monthly"`   // dollars: a finding worth less is only counted; default 5
	CardMonthly *float64            `yaml:"card_monthly"`  // dollars: findings worth less together get no card; default 20
	CardsPerDay *int                `yaml:"cards_per_day"` // new cards a day and channel; default 5
	Grace       time.Duration       `yaml:"grace"`         // how long a volume must have been detached; default 168h
	NodeAge     time.Duration       `yaml:"node_age"`      // a node younger than this is not judged; default 1h
	MinDays     float64             `yaml:"min_days"`      // of history that a request is judged by; default 3
	TeamLabels  []string            `yaml:"team_labels"`   // labels that name a team, of a workload or its namespace; the first that is there; default team, app.kubernetes.io/team, owner
	Teams       map[string]string   `yaml:"teams"`         // by namespace, where no label says it
	Ignore      []WasteIgnoreConfig `yaml:"ignore"`
	Reserves    []ReserveConfig     `yaml:"reserves"` // nodes that stand by on purpose
}

// ReserveConfig says how many nodes of each matching group are no waste.
type ReserveConfig struct {
	Cluster string `yaml:"cluster"` // may have * in it; empty: all
	Group   string `yaml:"group"`   // of a node group, an autoscaling group or a NodePool; may have * in it
	Nodes   int    `yaml:"nodes"`   // of each group that matches
	Reason  string `yaml:"reason"`  // shown where a node was left out
}

// WasteIgnoreConfig leaves targets out; every key that is set must match.
type WasteIgnoreConfig struct {
	Cluster   string `yaml:"cluster"`   // a name, with * for any letters
	Namespace string `yaml:"namespace"` // likewise
	Workload  string `yaml:"workload"`  // likewise
	Kind      string `yaml:"kind"`      // the kind of waste
	Reason    string `yaml:"reason"`    // shown where a target was left out
}

// AWSConfig names the accounts that are read.
type AWSConfig struct {
	Accounts []AWSAccountConfig `yaml:"accounts"`
}

// AWSAccountConfig is one account, and how it is entered.
type AWSAccountConfig struct {
	ID         string   `yaml:"id"`          // twelve digits
	Name       string   `yaml:"name"`        // shown in the place of the number
	Regions    []string `yaml:"regions"`     // those with clusters or volumes
	RoleARN    string   `yaml:"role_arn"`    // assumed first; empty: the process's own identity
	ExternalID string   `yaml:"external_id"` // that the role asks for
	// RemoverRoleARN is assumed to remove volumes, where volumes.remove allows that; empty: none is removed in this account.
	RemoverRoleARN string `yaml:"remover_role_arn"`
	Endpoint       string `yaml:"endpoint"` // only for a private endpoint or a test; default AWS' own
	// CostExplorer lets what is really paid be read. Each call is billed by AWS. The account is the payer's, or pays for itself.
	CostExplorer *CostExplorerConfig `yaml:"cost_explorer"`
	// CostExport is where split cost allocation of EKS can be asked for through Athena; only beside cost_explorer.
	CostExport *CostExportConfig `yaml:"cost_export"`
}

// CostExportConfig names a Data Export (CUR 2.0 with split cost allocation data) in Athena.
type CostExportConfig struct {
	Region    string `yaml:"region"`    // of Athena; default the first of the account
	Database  string `yaml:"database"`  // of Athena
	Table     string `yaml:"table"`     // of the export
	Workgroup string `yaml:"workgroup"` // of Athena; default primary
	Output    string `yaml:"output"`    // s3://bucket/prefix/ for answers; default the workgroup's own
}

// CostExplorerConfig bounds what asking for bills costs: a cent a call.
type CostExplorerConfig struct {
	DailyBudgetCalls int `yaml:"daily_budget_calls"` // a cent each; default 20
}

const (
	defaultSchedule = "17 */6 * * *"
	scheduleOff     = "off"
)

// withDefaults fills in what the section leaves out.
func (c *WasteConfig) withDefaults() *WasteConfig {
	if c == nil {
		return nil
	}
	filled := *c
	rules := waste.DefaultRules()
	if filled.Schedule == "" {
		filled.Schedule = defaultSchedule
	}
	if filled.TimeZone == "" {
		filled.TimeZone = "UTC"
	}
	fill(&filled.MinMonthly, rules.MinMonthly.Dollars())
	fill(&filled.CardMonthly, 20)
	fill(&filled.CardsPerDay, 5)
	if filled.Grace == 0 {
		filled.Grace = rules.Grace
	}
	if filled.NodeAge == 0 {
		filled.NodeAge = rules.NodeAge
	}
	if filled.MinDays == 0 {
		filled.MinDays = rules.MinDays
	}
	if filled.TeamLabels == nil {
		filled.TeamLabels = rules.TeamLabels
	}
	return &filled
}

func fill[T any](p **T, value T) {
	if *p == nil {
		*p = &value
	}
}

// withDefaults fills in what the section leaves out.
func (c AWSConfig) withDefaults() AWSConfig {
	c.Accounts = slices.Clone(c.Accounts)
	for k := range c.Accounts {
		if e := c.Accounts[k].CostExplorer; e != nil && e.DailyBudgetCalls == 0 {
			c.Accounts[k].CostExplorer = &CostExplorerConfig{DailyBudgetCalls: 20}
		}
	}
	return c
}

var labelRE = regexp.MustCompile(`^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$`)

func (v *validator) waste(c *WasteConfig) {
	if c == nil {
		return
	}
	where := at{"waste"}
	location, err := zone(c.TimeZone)
	if err != nil {
		v.bad(where.with("time_zone"), "%v", err)
		location = time.UTC
	}
	if _, err := parseSchedule(c.Schedule, location); err != nil {
		v.bad(where.with("schedule"), "%v", err)
	}
	for key, dollars := range map[string]*float64{"min_monthly": c.MinMonthly, "card_monthly": c.CardMonthly} {
		if !(*dollars >= 0 && *dollars <= 1e6) {
			v.bad(where.with(key), "%v is out of range; 0 to 1000000 dollars a month", *dollars)
		}
	}
	if *c.CardsPerDay < 0 || *c.CardsPerDay > 100 {
		v.bad(where.with("cards_per_day"), "%d is out of range; 0 to 100", *c.CardsPerDay)
	}
	v.within(where.with("grace"), c.Grace, time.Hour, 365*24*time.Hour)
	v.within(where.with("node_age"), c.NodeAge, time.Minute, 30*24*time.Hour)
	if !(c.MinDays >= 1 && c.MinDays <= 35) {
		v.bad(where.with("min_days"), "%v is out of range; 1 to 35 days", c.MinDays)
	}
	for i, l := range c.TeamLabels {
		if !labelRE.MatchString(l) {
			v.bad(where.with("team_labels", i), "%q is not a label's name; such as app.kubernetes.io/team", l)
		}
	}
	for i, g := range c.Ignore {
		v.wasteIgnore(where.with("ignore", i), g)
	}
	for i, r := range c.Reserves {
		v.wasteReserve(where.with("reserves", i), r)
	}
}

func (v *validator) wasteReserve(where at, r ReserveConfig) {
	if r.Group == "" {
		v.bad(where.with("group"), "is missing; the name of a node group or NodePool, or a pattern such as ci-*")
	}
	if r.Nodes < 1 || r.Nodes > 10000 {
		v.bad(where.with("nodes"), "%d is out of range; 1 to 10000 nodes of each group", r.Nodes)
	}
	if r.Reason == "" {
		v.bad(where.with("reason"), "is missing; it is shown where a node was left out")
	}
}

func (v *validator) wasteIgnore(where at, g WasteIgnoreConfig) {
	if g.Cluster == "" && g.Namespace == "" && g.Workload == "" && g.Kind == "" {
		v.bad(where, "would ignore everything; set at least one of cluster, namespace, workload and kind")
	}
	if g.Reason == "" {
		v.bad(where.with("reason"), "is missing; it is shown where a target was left out")
	}
	if g.Kind != "" && !slices.Contains(engine.FindingKinds(), engine.FindingKind(g.Kind)) {
		v.bad(where.with("kind"), "%q is not a kind of waste; known: %v", g.Kind, engine.FindingKinds())
	}
}

func (v *validator) aws(c AWSConfig) {
	seen := map[string]bool{}
	for i, a := range c.Accounts {
		where := at{"aws", "accounts", i}
		switch {
		case !accountRE.MatchString(a.ID):
			v.bad(where.with("id"), "%q is not an AWS account; twelve digits, quoted", a.ID)
		case seen[a.ID]:
			v.bad(where.with("id"), "account %s stands twice; give it all its regions in one place", a.ID)
		}
		seen[a.ID] = true
		if len(a.Regions) == 0 {
			v.bad(where.with("regions"), "are missing; those with clusters or volumes, such as [eu-central-1]")
		}
		for k, r := range a.Regions {
			switch {
			case !regionRE.MatchString(r):
				v.bad(where.with("regions", k), "%q is not an AWS region; such as eu-central-1", r)
			case slices.Index(a.Regions, r) < k:
				v.bad(where.with("regions", k), "region %s stands twice", r)
			}
		}
		if a.RoleARN != "" && !roleARNRE.MatchString(a.RoleARN) {
			v.bad(where.with("role_arn"), "%q is not a role's ARN; such as arn:aws:iam::123456789012:role/autopilot", a.RoleARN)
		}
		if a.ExternalID != "" && a.RoleARN == "" && a.RemoverRoleARN == "" {
			v.bad(where.with("external_id"), "needs role_arn")
		}
		v.optionalURL(where.with("endpoint"), a.Endpoint)
		v.costExport(where.with("cost_export"), a)
		if e := a.CostExplorer; e != nil && (e.DailyBudgetCalls < 1 || e.DailyBudgetCalls > 1000) {
			v.bad(where.with("cost_explorer", "daily_budget_calls"), "%d is out of range; 1 to 1000, of which each costs $0.01", e.DailyBudgetCalls)
		}
	}
}

func (v *validator) costExport(where at, a AWSAccountConfig) {
	e := a.CostExport
	if e == nil {
		return
	}
	if a.CostExplorer == nil {
		v.bad(where, "needs cost_explorer: it divides a bill, and gives none")
	}
	if e.Region != "" && !regionRE.MatchString(e.Region) {
		v.bad(where.with("region"), "%q is not an AWS region; such as eu-central-1", e.Region)
	}
	if err := e.export().Check(); err != nil {
		v.bad(where, "%v", err)
	}
	if e.Output != "" && !strings.HasPrefix(e.Output, "s3://") {
		v.bad(where.with("output"), "%q is not in S3; such as s3://bucket/prefix/", e.Output)
	}
}

// zone reads the name of a time zone. "Local" would mean another one on every machine.
func zone(name string) (*time.Location, error) {
	l, err := time.LoadLocation(name)
	if err != nil || strings.EqualFold(name, "local") {
		return nil, fmt.Errorf("%q is not a time zone; such as Europe/Berlin or UTC", name)
	}
	return l, nil
}

// rightTimes are what parseTimes takes.
const rightTimes = `five fields such as "17 */6 * * *", or a descriptor such as @daily`

// parseSchedule is parseTimes for what may be switched off: it gives nil for "off".
func parseSchedule(text string, location *time.Location) (cron.Schedule, error) {
	if isOff(text) {
		return nil, nil
	}
	return parseTimes(text, location, rightTimes+", or off")
}

func isOff(schedule string) bool { return strings.EqualFold(strings.TrimSpace(schedule), scheduleOff) }

// parseTimes reads five fields of cron, or a descriptor such as @daily, as times of a zone. Its errors say that right is what right says.
//
// The parser panics on some expressions that begin with a time zone, and an @every has no times of its own: it counts from
// whenever it is asked. Neither gets that far.
func parseTimes(text string, location *time.Location, right string) (cron.Schedule, error) {
	switch lower := strings.ToLower(strings.TrimSpace(text)); {
	case strings.Contains(lower, "tz="):
		return nil, fmt.Errorf("%q names a time zone; it belongs into time_zone", text)
	case strings.HasPrefix(lower, "@every"):
		return nil, fmt.Errorf("%q has no fixed times, so replicas could not agree on them; right is %s", text, right)
	}
	parsed, err := cron.ParseStandard(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("%q is not a schedule (%w); right is %s", text, err, right)
	}
	fields, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("%q is not a schedule; right is %s", text, right)
	}
	fields.Location = location
	schedule := wallClock{fields}
	if schedule.Next(time.Now()).IsZero() {
		return nil, fmt.Errorf("%q never comes; right is %s", text, right)
	}
	return schedule, nil
}
