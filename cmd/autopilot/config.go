package main

import (
	"cmp"
	"slices"
	"time"
)

// Config is the configuration file, one strict YAML document. Secrets are not in it: see Secrets.
type Config struct {
	ReadOnly    bool                `yaml:"read_only"` // nothing is written but to Slack and the bot's database
	Clusters    []ClusterConfig     `yaml:"clusters"`
	Slack       SlackConfig         `yaml:"slack"`
	Roles       []RoleConfig        `yaml:"roles"`
	OnCall      OnCallConfig        `yaml:"oncall"`
	Incidents   IncidentConfig      `yaml:"incidents"`
	Anomalies   AnomaliesConfig     `yaml:"anomalies"`
	Maintenance []MaintenanceConfig `yaml:"maintenance"`
	Waste       *WasteConfig        `yaml:"waste"`
	AWS         AWSConfig           `yaml:"aws"`
	GitHub      *GitHubConfig       `yaml:"github"`
	Changes     []ChangeConfig      `yaml:"changes"`
	Approvals   ApprovalsConfig     `yaml:"approvals"`
	Volumes     VolumesConfig       `yaml:"volumes"`
	Remedies    RemediesConfig      `yaml:"remedies"`
	Chaos       ChaosConfig         `yaml:"chaos"`
	People      map[string]string   `yaml:"people"` // GitHub login by Slack user id
	Audit       AuditConfig         `yaml:"audit"`
	Narrator    NarratorConfig      `yaml:"narrator"`
	Reports     ReportsConfig       `yaml:"reports"`
	Rehearsal   RehearsalConfig     `yaml:"rehearsal"`
	Logs        LogsConfig          `yaml:"logs"`
	Traces      TracesConfig        `yaml:"traces"`
	Retention   RetentionConfig     `yaml:"retention"`
	HTTP        HTTPConfig          `yaml:"http"`
	Heartbeat   HeartbeatConfig     `yaml:"heartbeat"`
}

// ClusterConfig is one cluster. Exactly one of Kubeconfig, InCluster and EKS says how it is reached.
type ClusterConfig struct {
	Name       string     `yaml:"name"`       // how it is called in cards, commands and roles
	Kubeconfig string     `yaml:"kubeconfig"` // a file; one way to reach it
	Context    string     `yaml:"context"`    // of the kubeconfig; empty: its current one
	InCluster  bool       `yaml:"in_cluster"` // the bot runs in it, and uses the service account of its pod
	EKS        *EKSConfig `yaml:"eks"`
	Prometheus string     `yaml:"prometheus"` // URL; empty: metrics are shown as missing
	// PrometheusLabels single out this cluster's series in a Prometheus that holds those of several, such as cluster: prod-eu.
	PrometheusLabels map[string]string `yaml:"prometheus_labels"`
	Alertmanager     string            `yaml:"alertmanager"` // URL; empty: no silences, no polling
	// Loki has the logs that the nodes no longer keep; nil: what a node has lost is missing.
	Loki       *LokiConfig `yaml:"loki"`
	Receiver   string      `yaml:"receiver"`    // the receiver in Alertmanager that is the bot; default autopilot
	AWSAccount string      `yaml:"aws_account"` // twelve digits
	// Chaos is how the process that does experiments reaches it; nil: none are done there.
	Chaos *ClusterChaosConfig `yaml:"chaos"`
}

// EKSConfig names an EKS cluster; the token is presigned through STS, so no aws program is needed.
type EKSConfig struct {
	Name    string `yaml:"name"`     // as EKS knows it
	Region  string `yaml:"region"`   // of the cluster
	RoleARN string `yaml:"role_arn"` // assumed first; empty: the process's own identity
}

// SlackConfig says where things are told.
type SlackConfig struct {
	APIURL   string         `yaml:"api_url"` // only for a proxy or a test; default Slack's own
	Channels ChannelsConfig `yaml:"channels"`
	// TeamLabel is the label of a workload or alert that names its team.
	TeamLabel string `yaml:"team_label"`
}

// ChannelsConfig routes by purpose, then by namespace or team. Values are "#name" or a channel id.
type ChannelsConfig struct {
	Incidents  string            `yaml:"incidents"`  // incident cards that no other rule sends elsewhere
	Fallback   string            `yaml:"fallback"`   // told when another channel cannot be
	Shadow     string            `yaml:"shadow"`     // everything is told here in the place of all others, and nobody is woken
	Savings    string            `yaml:"savings"`    // savings cards of teams without a channel; empty: these are only listed
	Namespaces map[string]string `yaml:"namespaces"` // channel by namespace
	Teams      map[string]string `yaml:"teams"`      // channel by the value of slack.team_label
}

// RoleConfig lets people do things. Members are Slack user ids (U…), user group ids (S…) or "everyone".
type RoleConfig struct {
	Name       string   `yaml:"name"`       // shown where it allows or refuses
	Members    []string `yaml:"members"`    // user ids (U…), user group ids (S…), or everyone: each full member of the workspace
	May        []string `yaml:"may"`        // actions
	Clusters   []string `yaml:"clusters"`   // where, with * for any letters; empty: everywhere
	Namespaces []string `yaml:"namespaces"` // where, with * for any letters; empty: everywhere
	Kinds      []string `yaml:"kinds"`      // of waste, for approve and deny; empty: all
	UpTo       float64  `yaml:"up_to"`      // dollars a month that may be approved at once; 0 for any sum
}

// OnCallConfig says who is woken, and how often.
type OnCallConfig struct {
	Escalation map[string]EscalationConfig `yaml:"escalation"` // by severity
	PagerDuty  *PagerDutyConfig            `yaml:"pagerduty"`
	Opsgenie   *OpsgenieConfig             `yaml:"opsgenie"`
}

// EscalationConfig is how an unacknowledged incident of one severity is repeated.
type EscalationConfig struct {
	Mention []string      `yaml:"mention"` // Slack user or user group ids
	After   time.Duration `yaml:"after"`   // how long it waits for an acknowledgement before it repeats
	Times   int           `yaml:"times"`   // how often it is repeated
	Page    bool          `yaml:"page"`    // the pager is called after the last time
}

// PagerDutyConfig switches PagerDuty on; its keys are secrets.
type PagerDutyConfig struct {
	URL string `yaml:"url"` // of the Events API; default https://events.pagerduty.com
}

// OpsgenieConfig switches Opsgenie on; its key is a secret.
type OpsgenieConfig struct {
	URL string `yaml:"url"` // of the API, by the account's region; default https://api.opsgenie.com, or https://api.eu.opsgenie.com
}

// IncidentConfig tunes how signals become incidents.
type IncidentConfig struct {
	HoldDown     time.Duration  `yaml:"hold_down"`     // how long all must be well before an incident resolves by itself; default 1m
	ReopenWindow time.Duration  `yaml:"reopen_window"` // a new signal within it reopens the incident, in its thread; default 1h
	ParentWindow time.Duration  `yaml:"parent_window"` // how far apart a node's and its pods' troubles may begin; default 5m
	Storm        StormConfig    `yaml:"storm"`
	Ignore       []IgnoreConfig `yaml:"ignore"`
}

// StormConfig says when incidents are too many for a card each.
type StormConfig struct {
	More   *int          `yaml:"more"`   // so many new incidents of a cluster in one channel get cards; 0: every one does; default 10
	Within time.Duration `yaml:"within"` // the time in which they come; default 5m
}

// IgnoreConfig leaves signals out; every key that is set must match.
type IgnoreConfig struct {
	Cluster   string `yaml:"cluster"`   // a name, with * for any letters
	Namespace string `yaml:"namespace"` // likewise
	Workload  string `yaml:"workload"`  // likewise
	Class     string `yaml:"class"`     // the class of problem
	Reason    string `yaml:"reason"`    // shown where a signal was left out
}

// MaintenanceConfig is a window in which nothing new is announced.
type MaintenanceConfig struct {
	Name      string    `yaml:"name"`      // shown where something was not announced
	Cluster   string    `yaml:"cluster"`   // with * for any letters; empty: all
	Namespace string    `yaml:"namespace"` // with * for any letters; empty: all
	Start     time.Time `yaml:"start"`     // when it begins
	End       time.Time `yaml:"end"`       // when it is over
}

// RehearsalConfig says where autopilot rehearse -post tells what it would have told.
type RehearsalConfig struct {
	Channel string `yaml:"channel"` // of Slack
}

// LogsConfig is about log lines on cards and behind the Show logs button.
type LogsConfig struct {
	Off   []string `yaml:"off"`   // namespace patterns whose logs are never read
	Lines int      `yaml:"lines"` // behind Show logs; default 100
}

// RetentionConfig says how long what came from outside is kept.
type RetentionConfig struct {
	Payloads time.Duration `yaml:"payloads"` // what Slack sent; default 72h, at least 24h
	Evidence time.Duration `yaml:"evidence"` // of resolved incidents; default 2160h (90 days)
}

// HTTPConfig is the bot's own server: webhooks, health.
type HTTPConfig struct {
	Listen string `yaml:"listen"` // host:port; default :8080
}

// HeartbeatConfig calls a dead man's switch; its URL is a secret.
type HeartbeatConfig struct {
	Every time.Duration `yaml:"every"` // how often; default 1m
}

// withDefaults fills in what the file leaves out.
func (c Config) withDefaults() Config {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.Incidents.HoldDown, time.Minute)
	set(&c.Incidents.ReopenWindow, time.Hour)
	set(&c.Incidents.ParentWindow, 5*time.Minute)
	fill(&c.Incidents.Storm.More, 10)
	set(&c.Incidents.Storm.Within, 5*time.Minute)
	set(&c.Retention.Payloads, 72*time.Hour)
	set(&c.Retention.Evidence, 90*24*time.Hour)
	set(&c.Heartbeat.Every, time.Minute)
	c.Clusters = slices.Clone(c.Clusters)
	for k := range c.Clusters {
		c.Clusters[k].Receiver = cmp.Or(c.Clusters[k].Receiver, "autopilot")
	}
	if c.Logs.Lines == 0 {
		c.Logs.Lines = 100
	}
	if c.HTTP.Listen == "" {
		c.HTTP.Listen = ":8080"
	}
	if c.Slack.Channels.Fallback == "" {
		c.Slack.Channels.Fallback = c.Slack.Channels.Incidents
	}
	c.Waste, c.AWS = c.Waste.withDefaults(), c.AWS.withDefaults()
	c.GitHub, c.Approvals, c.Audit = c.GitHub.withDefaults(), c.Approvals.withDefaults(), c.Audit.withDefaults()
	c.Reports, c.Anomalies = c.Reports.withDefaults(c.Clusters), c.Anomalies.withDefaults()
	c.Chaos, c.Traces = c.Chaos.withDefaults(c.Slack.Channels.Incidents), c.Traces.withDefaults()
	return c
}
