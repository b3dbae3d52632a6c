// Package handlers says what an inbound message means: one file per edge (slash command, click, modal, webhook) and per background task.
//
// The bot's HTTP server, its Slack sockets and the store's task runner call it. It decides who may do what through package policy and
// leaves every write to the store.
package handlers

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/policy"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// Incidents reads incidents.
type Incidents interface {
	Incident(ctx context.Context, id int64) (engine.Incident, error)
	Incidents(ctx context.Context, f engine.IncidentFilter) ([]engine.Incident, error)
	Overview(ctx context.Context) (engine.Overview, error)
	Storm(ctx context.Context, id int64) (engine.Storm, error)
}

// Decisions records what people decided. The same Decision.ID acts once. Audit gives the newest rows about a subject such as
// "experiment/12", the newest first.
type Decisions interface {
	Decide(ctx context.Context, d engine.Decision) (engine.Incident, error)
	Audit(ctx context.Context, subject string, limit int) ([]engine.AuditRow, error)
	SetPause(ctx context.Context, d engine.Decision) error
	Paused(ctx context.Context) (engine.Pause, error)
	HomeOpened(ctx context.Context, p engine.Person) error
}

// Progress moves incidents on in the background.
type Progress interface {
	Settle(ctx context.Context, id int64) error
	Calm(ctx context.Context, storm int64) error
	Escalate(ctx context.Context, id int64) (engine.Incident, error)
	Silenced(ctx context.Context, id int64, alertmanagerID string) error
	Paged(ctx context.Context, id int64, what string) error
	ByHand(ctx context.Context, id int64, text string) error
}

// Diagnoses keeps what was found out about an incident.
type Diagnoses interface {
	SaveDiagnosis(ctx context.Context, d engine.Diagnosis) error
	Tallies(ctx context.Context) (map[string]rca.Tally, error)
}

// Signals takes what a source observed.
type Signals interface {
	Observe(ctx context.Context, o engine.Observation) error
	FiringAlerts(ctx context.Context, cluster string) ([]engine.Signal, error)
	SawWatchdog(ctx context.Context, cluster string, at time.Time) error
}

// Groups gives the Slack user groups that a person is in now, and tells whether they are a full member of the workspace: neither a guest
// nor of another one. Both fail with Unavailable while Slack does not tell, and otherwise when it never will.
type Groups interface {
	Groups(ctx context.Context, user string) ([]string, error)
	Member(ctx context.Context, user string) (bool, error)
}

// Silencer is an Alertmanager. It knows the silences that it made for an incident, also those whose making was never recorded:
// Expire ends them but the one with the id keep.
type Silencer interface {
	Alerts(ctx context.Context) ([]engine.Alert, error)
	Started(ctx context.Context) (time.Time, error)
	Silence(ctx context.Context, incident int64, m Matchers, until time.Time, by string) (string, error)
	Expire(ctx context.Context, incident int64, keep string) error
}

// Matchers say what a silence hits: alerts with all the Labels, exactly, and whose labels match all the Patterns, which are
// regular expressions over the whole value.
type Matchers struct {
	Labels   map[string]string
	Patterns map[string]string
}

// Pager wakes people outside Slack. What is trigger, acknowledge or resolve.
type Pager interface {
	Name() string
	Send(ctx context.Context, what string, i engine.Incident, link string) error
}

// Cluster is what the handlers ask of one cluster. Alertmanager is nil when none is configured.
type Cluster struct {
	Name         string
	Owner        func(ctx context.Context, kind, namespace, name string) (engine.Workload, error) // NotFound, or that nobody can tell
	Logs         func(ctx context.Context, i engine.Incident) (engine.LogExcerpt, error)
	Collectors   []rca.Collector
	Source       Source
	Remedy       Remedier
	Alertmanager Silencer
	Receiver     string // the receiver in Alertmanager that is us: what is routed to others alone is not ours; "" means all are
}

// Handlers holds what every edge needs. All fields but Pagers, Thread, Waste, Changes, Remedies and Anchoring are
// required.
type Handlers struct {
	Incidents Incidents
	Stories   Stories
	Decisions Decisions
	Progress  Progress
	Diagnoses Diagnoses
	Signals   Signals
	Groups    Groups
	Thread    func(engine.Thread) string // the address of an incident's thread, for the pager
	Pagers    []Pager
	Clusters  []Cluster
	Waste     *Waste   // nil where the configuration does not ask for waste
	Changes   *Changes // nil where it does not ask for pull requests; without Waste there are none
	Remedies  Remedies // without Log there are none
	Chaos     *Chaos   // nil where experiments are switched off
	Anchoring *Anchoring
	Reports   Reports
	Narrator  *Narrator // nil for none
	Policy    policy.Policy
	ReadOnly  bool // the configuration lets it write to nothing but Slack and its own database
	Rules     incident.Rules
	Now       func() time.Time
	Log       *slog.Logger
}

func (h *Handlers) cluster(name string) (Cluster, bool) {
	for _, c := range h.Clusters {
		if c.Name == name {
			return c, true
		}
	}
	return Cluster{}, false
}

// incidentID reads an incident's number as people write it: 42 or #42.
func incidentID(s string) (int64, error) {
	if len(s) > 0 && s[0] == '#' {
		s = s[1:]
	}
	id, err := strconv.ParseInt(s, 10, 64)
	if err != nil || id < 1 {
		return 0, engine.Errorf(engine.Invalid, "%q is not an incident's number; such as 42", plain(s))
	}
	return id, nil
}

func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
