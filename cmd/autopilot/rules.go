package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/incident"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// rules puts the configuration into the terms in which incidents are decided.
func (c Config) rules() incident.Rules {
	r := incident.Rules{
		HoldDown: c.Incidents.HoldDown, ReopenWindow: c.Incidents.ReopenWindow, ParentWindow: c.Incidents.ParentWindow,
		Escalation: map[engine.Severity]incident.Escalation{}, Storm: c.Incidents.Storm.rule(),
		Route: incident.Route{
			Default: c.Slack.Channels.Incidents, Namespaces: c.Slack.Channels.Namespaces, Teams: c.Slack.Channels.Teams,
			TeamLabel: c.Slack.TeamLabel,
		},
	}
	for _, g := range c.Incidents.Ignore {
		r.Ignore = append(r.Ignore, incident.Ignore{
			Cluster: g.Cluster, Namespace: g.Namespace, Workload: g.Workload, Class: engine.Class(g.Class), Reason: g.Reason,
		})
	}
	for _, m := range c.Maintenance {
		r.Maintenance = append(r.Maintenance, incident.Window(m))
	}
	for severity, e := range c.OnCall.Escalation {
		r.Escalation[engine.Severity(severity)] = incident.Escalation{
			Mention: mentions(e.Mention), After: e.After, Times: e.Times, Page: e.Page,
		}
	}
	return r
}

// rule gives every incident a card where there is no configuration at all.
func (c StormConfig) rule() incident.StormRule {
	if c.More == nil {
		return incident.StormRule{}
	}
	return incident.StormRule{More: *c.More, Within: c.Within}
}

func mentions(ids []string) []engine.Mention {
	var all []engine.Mention
	for _, id := range ids {
		if strings.HasPrefix(id, "S") {
			all = append(all, engine.Mention{Group: id})
		} else {
			all = append(all, engine.Mention{User: id})
		}
	}
	return all
}

func (c Config) policy() policy.Policy {
	p := policy.Policy{LogsOff: c.Logs.Off, Approvals: c.Approvals.approvals()}
	for _, r := range c.Roles {
		role := policy.Role{
			Name: r.Name, Members: r.Members, Clusters: r.Clusters, Namespaces: r.Namespaces, Kinds: r.Kinds, UpTo: engine.Dollars(r.UpTo),
		}
		for _, a := range r.May {
			role.May = append(role.May, engine.Action(a))
		}
		p.Roles = append(p.Roles, role)
	}
	return p
}

// channels lists every channel that messages may be routed to, each once.
func (c Config) channels() []string {
	all := []string{c.Slack.Channels.Incidents, c.Slack.Channels.Fallback}
	if c.Slack.Channels.Savings != "" {
		all = append(all, c.Slack.Channels.Savings)
	}
	if spend := c.spendChannel(); spend != "" {
		all = append(all, spend)
	}
	for _, d := range c.Reports.Deliveries {
		if d.Channel != "" {
			all = append(all, d.Channel)
		}
	}
	if c.Chaos.Enabled {
		all = append(all, c.Chaos.Channel)
		for _, g := range c.Chaos.GameDays {
			all = append(all, g.Channel)
		}
	}
	all = slices.AppendSeq(all, maps.Values(c.Slack.Channels.Namespaces))
	all = slices.AppendSeq(all, maps.Values(c.Slack.Channels.Teams))
	slices.Sort(all)
	return slices.Compact(all)
}
