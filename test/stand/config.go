package stand

import (
	"fmt"
	"strings"

	"github.com/eks-autopilot/autopilot/test/slack"
)

// BotConfig is what the bot's configuration file says in a stand.
type BotConfig struct {
	Cluster, Kubeconfig      string
	Context                  string // of the kubeconfig; empty for its current one
	Account                  string // of the cluster, in AWS; empty for none
	Prometheus, Alertmanager string // URLs; empty for none
	SlackAPI                 string // base URL of the Web API
	Listen                   string // host:port
	Workspace                slack.State
	HoldDown                 string   // how long all must be well before an incident resolves; default 10s
	EscalateAfter            string   // default 5m
	Pager                    string   // base URL of a PagerDuty; empty for none
	Ignore                   []string // patterns of namespaces whose problems are left out
	Savings                  string   // channel of savings cards; empty for none
	Approvers                bool     // the groups platform and finops may approve and deny changes
	Remedies                 bool     // the group oncall may undo, restart, scale and cordon
	Breaker                  string   // kubeconfig of the account that does experiments, which the group oncall may ask for; empty for none
	Extra                    string   // more of the file, such as the sections waste and aws
}

// YAML gives the configuration file. In the stand's workspace everyone may look, the user group oncall responds, and the user
// group platform may pause.
func (c BotConfig) YAML() []byte {
	group := func(handle string) string {
		for _, g := range c.Workspace.Usergroups {
			if g.Handle == handle {
				return g.ID
			}
		}
		return "S0NOSUCHGROUP"
	}
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("clusters:\n  - name: %s\n    kubeconfig: %s", c.Cluster, c.Kubeconfig)
	if c.Context != "" {
		line("    context: %q", c.Context)
	}
	if c.Account != "" {
		line("    aws_account: %q", c.Account)
	}
	if c.Breaker != "" {
		line("    chaos: {kubeconfig: %s}", c.Breaker)
	}
	if c.Prometheus != "" {
		line("    prometheus: %s", c.Prometheus)
	}
	if c.Alertmanager != "" {
		line("    alertmanager: %s", c.Alertmanager)
	}
	line("slack:\n  api_url: %s\n  channels:\n    incidents: \"#incidents\"\n    fallback: \"#oncall\"", c.SlackAPI)
	if c.Savings != "" {
		line("    savings: %q", c.Savings)
	}
	line("roles:")
	line("  - {name: viewer, members: [everyone], may: [view]}")
	line("  - {name: responder, members: [%s], may: [acknowledge, assign, silence, resolve, logs, diagnose, verdict]}", group("oncall"))
	line("  - {name: admin, members: [%s], may: [pause, resume]}", group("platform"))
	line("  - {name: savers, members: [%s, %s], may: [snooze, not_waste, scan]}", group("platform"), group("finops"))
	if c.Approvers {
		line("  - {name: approvers, members: [%s, %s], may: [approve, deny, audit]}", group("platform"), group("finops"))
	}
	if c.Remedies {
		line("  - {name: fixers, members: [%s], may: [undo, restart, scale, cordon]}", group("oncall"))
	}
	if c.Breaker != "" {
		line("  - {name: breakers, members: [%s], may: [chaos, chaos_drain, chaos_stop]}", group("oncall"))
	}
	page := ""
	if c.Pager != "" {
		page = ", page: true"
	}
	line("oncall:\n  escalation:\n    critical: {mention: [%s], after: %s, times: 1%s}", group("oncall"), or(c.EscalateAfter, "5m"), page)
	line("    warning: {mention: [%s]}", group("oncall"))
	if c.Pager != "" {
		line("  pagerduty: {url: %s}", c.Pager)
	}
	line("incidents:\n  hold_down: %s\n  reopen_window: 10m\n  storm: {more: 0}", or(c.HoldDown, "10s"))
	if len(c.Ignore) > 0 {
		line("  ignore:")
	}
	for _, pattern := range c.Ignore {
		line("    - {namespace: %q, reason: not looked at here}", pattern)
	}
	if c.Remedies {
		line("remedies: {undo: true, restart: true, scale: true, cordon: true}")
	}
	if c.Breaker != "" {
		line("chaos: {enabled: true, opt_in: %q, agent_image: %q, per_day: 1000, max_active: 10, listen: \"127.0.0.1:0\"}", OptIn, AgentImage)
	}
	line("http: {listen: %q}", c.Listen)
	b.WriteString(c.Extra)
	return []byte(b.String())
}
