package page

import (
	"context"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// PagerDuty sends events to one service of PagerDuty, by its Events API v2.
type PagerDuty struct{ send *sender }

// NewPagerDuty prepares a pager. It fails with Invalid without a routing key, or for an address that cannot be one.
func NewPagerDuty(cfg Config) (*PagerDuty, error) {
	s, err := cfg.sender("PagerDuty", "https://events.pagerduty.com")
	if err != nil {
		return nil, err
	}
	return &PagerDuty{send: s}, nil
}

// Name is "PagerDuty".
func (*PagerDuty) Name() string { return "PagerDuty" }

type pdEvent struct {
	RoutingKey string     `json:"routing_key"`
	Action     string     `json:"event_action"`
	DedupKey   string     `json:"dedup_key"`
	Client     string     `json:"client,omitempty"`
	ClientURL  string     `json:"client_url,omitempty"`
	Payload    *pdPayload `json:"payload,omitempty"`
	Links      []pdLink   `json:"links,omitempty"`
}

type pdPayload struct {
	Summary   string            `json:"summary"` // at most 1024 characters
	Source    string            `json:"source"`
	Severity  string            `json:"severity"`
	Timestamp string            `json:"timestamp,omitempty"`
	Component string            `json:"component,omitempty"`
	Group     string            `json:"group,omitempty"`
	Class     string            `json:"class,omitempty"`
	Details   map[string]string `json:"custom_details,omitempty"`
}

type pdLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// Send tells PagerDuty to trigger, acknowledge or resolve the incident; link leads to its thread and may be "".
// It fails with Unavailable, Invalid or Forbidden.
func (p *PagerDuty) Send(ctx context.Context, what string, i engine.Incident, link string) error {
	e := pdEvent{RoutingKey: p.send.secret.Reveal(), Action: what, DedupKey: key(i)}
	switch what {
	case Acknowledge, Resolve:
	case Trigger:
		e.Client, e.ClientURL = "Autopilot", link
		e.Payload = &pdPayload{
			Summary: shorten(title(i), 1024), Source: i.Workload.Cluster, Severity: pdSeverity(i.Severity),
			Component: i.Workload.Name, Group: i.Workload.Namespace, Details: facts(i),
		}
		if !i.StartedAt.IsZero() {
			e.Payload.Timestamp = i.StartedAt.UTC().Format(time.RFC3339)
		}
		if len(i.Classes) > 0 {
			e.Payload.Class = string(i.Classes[0])
		}
		if link != "" {
			e.Links = []pdLink{{Href: link, Text: "Thread in Slack"}}
		}
	default:
		return engine.Errorf(engine.Invalid, "a pager can trigger, acknowledge or resolve, not %q", what)
	}
	return p.send.post(ctx, "/v2/enqueue", e)
}

func pdSeverity(s engine.Severity) string {
	switch s {
	case engine.Critical:
		return "critical"
	case engine.Warning:
		return "warning"
	case engine.Info:
		return "info"
	}
	return "error"
}
