package main

import "slices"

// shadowed is the configuration of the first week, where slack.channels.shadow is set: everything is told in that one channel, and nobody
// is woken.
func (c Config) shadowed() Config {
	to := c.Slack.Channels.Shadow
	if to == "" {
		return c
	}
	savings := c.Slack.Channels.Savings
	if savings != "" {
		savings = to
	}
	c.Slack.Channels = ChannelsConfig{Incidents: to, Fallback: to, Savings: savings, Shadow: to}
	c.OnCall = OnCallConfig{}
	if c.Anomalies.Costs.Channel != "" {
		c.Anomalies.Costs.Channel = to
	}
	c.Reports.Deliveries = slices.Clone(c.Reports.Deliveries)
	for k := range c.Reports.Deliveries {
		if d := &c.Reports.Deliveries[k]; d.Channel != "" {
			d.Channel = to
		}
	}
	c.Chaos.Channel = to
	c.Chaos.GameDays = slices.Clone(c.Chaos.GameDays)
	for k := range c.Chaos.GameDays {
		c.Chaos.GameDays[k].Channel = to
	}
	return c
}

// looks checks that what only looks is told to do nothing else.
func (v *validator) looks(c Config) {
	if ch := c.Slack.Channels.Shadow; ch != "" && !channelRE.MatchString(ch) {
		v.bad(at{"slack", "channels", "shadow"}, `%q is not a channel; "#name" in quotes, or an id such as C0123ABCD`, ch)
	}
	if !c.ReadOnly {
		return
	}
	const why = "read_only is true, so nothing is written anywhere but to Slack and the bot's own database: leave this out, or read_only"
	refuse := func(set bool, where ...any) {
		if set {
			v.bad(where, why)
		}
	}
	refuse(len(c.Remedies.kinds()) > 0, "remedies")
	refuse(c.GitHub != nil, "github")
	refuse(c.Volumes.Remove, "volumes", "remove")
	refuse(c.Chaos.Enabled, "chaos", "enabled")
	refuse(c.Audit.Anchor != nil, "audit", "anchor")
	refuse(c.OnCall.PagerDuty != nil, "oncall", "pagerduty")
	refuse(c.OnCall.Opsgenie != nil, "oncall", "opsgenie")
	for i, a := range c.AWS.Accounts {
		refuse(a.CostExport != nil, "aws", "accounts", i, "cost_export") // Athena keeps its answers in a bucket
	}
	for i, d := range c.Reports.Deliveries {
		refuse(d.Email != nil, "reports", "deliveries", i, "email")
		refuse(d.S3 != nil, "reports", "deliveries", i, "s3")
	}
}
