package main

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// validator checks values that the types cannot, and remembers where they stand.
type validator struct {
	root     *yaml.Node
	problems []problem
}

// at is a path of mapping keys (string) and list indexes (int) into the file.
type at []any

func (a at) with(steps ...any) at { return append(slices.Clone(a), steps...) }

func (a at) String() string {
	var b strings.Builder
	for _, s := range a {
		switch s := s.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", s)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			fmt.Fprint(&b, s)
		}
	}
	return b.String()
}

// bad reports a value by its path; the line is that of the nearest thing that the file has.
func (v *validator) bad(where at, format string, args ...any) {
	node := v.root
	line := node.Line
	for _, step := range where {
		next := child(node, step)
		if next == nil {
			break
		}
		node, line = next, next.Line
	}
	v.problems = append(v.problems, problem{line, where.String() + ": " + fmt.Sprintf(format, args...)})
}

func child(n *yaml.Node, step any) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch step := step.(type) {
	case int:
		if n.Kind == yaml.SequenceNode && step < len(n.Content) {
			return n.Content[step]
		}
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

var (
	promLabelRE   = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	clusterNameRE = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)
	channelRE     = regexp.MustCompile(`^(#[\p{Ll}\p{N}_-]{1,80}|[CG][A-Z0-9]{2,})$`)
	memberRE      = regexp.MustCompile(`^[UWS][A-Z0-9]{2,}$`)
	accountRE     = regexp.MustCompile(`^\d{12}$`)
	regionRE      = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d$`)
	roleARNRE     = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/.+$`)
)

func (v *validator) config(c Config) {
	if ch := c.Rehearsal.Channel; ch != "" && !channelRE.MatchString(ch) {
		v.bad(at{"rehearsal", "channel"}, `%q is not a channel; "#name" in quotes, or an id such as C0123ABCD`, ch)
	}
	if len(c.Clusters) == 0 {
		v.bad(at{"clusters"}, "at least one cluster is needed: - name: prod, and one of kubeconfig, in_cluster or eks")
	}
	names, holds, logs := map[string]bool{}, map[string]int{}, map[string]int{}
	for _, cl := range c.Clusters {
		holds[cl.Prometheus]++
		logs[cl.Loki.holder()]++
	}
	for i, cl := range c.Clusters {
		where := at{"clusters", i}
		v.cluster(where, cl)
		if names[cl.Name] && cl.Name != "" {
			v.bad(where.with("name"), "two clusters are named %q; each needs a name of its own", cl.Name)
		}
		names[cl.Name] = true
		v.loki(where.with("loki"), cl.Loki, logs)
		if cl.Prometheus != "" && holds[cl.Prometheus] > 1 && len(cl.PrometheusLabels) == 0 {
			v.bad(where.with("prometheus"), "%s holds several clusters; prometheus_labels must say which series are of this one, such as {cluster: %s}", cl.Prometheus, cl.Name)
		}
	}
	v.slack(c.Slack)
	v.looks(c)
	v.anomalies(c)
	v.narrator(c.Narrator)
	for i, r := range c.Roles {
		v.role(at{"roles", i}, r)
	}
	for severity, e := range c.OnCall.Escalation {
		v.escalation(at{"oncall", "escalation", severity}, severity, e, c.OnCall)
	}
	if c.OnCall.PagerDuty != nil {
		v.optionalURL(at{"oncall", "pagerduty", "url"}, c.OnCall.PagerDuty.URL)
	}
	if c.OnCall.Opsgenie != nil {
		v.optionalURL(at{"oncall", "opsgenie", "url"}, c.OnCall.Opsgenie.URL)
	}
	v.incidents(c)
	v.waste(c.Waste)
	v.aws(c.AWS)
	v.changes(c)
	v.remedies(c)
	v.chaos(c)
	v.audit(c.Audit)
	v.traces(c.Traces)
	v.reports(c)
	for i, p := range c.Logs.Off {
		v.pattern(at{"logs", "off", i}, p)
	}
	v.within(at{"retention", "payloads"}, c.Retention.Payloads, 24*time.Hour, 90*24*time.Hour)
	v.within(at{"retention", "evidence"}, c.Retention.Evidence, 24*time.Hour, 10*365*24*time.Hour)
	v.within(at{"heartbeat", "every"}, c.Heartbeat.Every, time.Second, time.Hour)
	if c.Logs.Lines < 1 || c.Logs.Lines > 1000 {
		v.bad(at{"logs", "lines"}, "%d is out of range; 1 to 1000", c.Logs.Lines)
	}
	v.listen(at{"http", "listen"}, c.HTTP.Listen)
}

func (v *validator) listen(where at, s string) {
	if _, _, err := net.SplitHostPort(s); err != nil {
		v.bad(where, "%q is not host:port; such as :8080 or 127.0.0.1:8080", s)
	}
}

func (v *validator) cluster(where at, c ClusterConfig) {
	if !clusterNameRE.MatchString(c.Name) {
		v.bad(where.with("name"), "%q is not a name; lower-case letters, digits, - and . are wanted, such as prod-eu", c.Name)
	}
	v.reached(where, c.Kubeconfig, c.Context, c.InCluster, c.EKS)
	v.optionalURL(where.with("prometheus"), c.Prometheus)
	for _, label := range slices.Sorted(maps.Keys(c.PrometheusLabels)) {
		if !promLabelRE.MatchString(label) || c.PrometheusLabels[label] == "" {
			v.bad(where.with("prometheus_labels"), "%s: %q is not a label and its value; such as cluster: prod-eu", label, c.PrometheusLabels[label])
		}
	}
	v.optionalURL(where.with("alertmanager"), c.Alertmanager)
	if c.AWSAccount != "" && !accountRE.MatchString(c.AWSAccount) {
		v.bad(where.with("aws_account"), "%q is not an AWS account; twelve digits, quoted", c.AWSAccount)
	}
}

// reached checks that a cluster is reached in exactly one way, and tells whether it is.
func (v *validator) reached(where at, kubeconfig, context string, inCluster bool, eks *EKSConfig) bool {
	ways := 0
	for _, set := range []bool{kubeconfig != "", inCluster, eks != nil} {
		if set {
			ways++
		}
	}
	switch {
	case ways == 0:
		v.bad(where, "says not how to reach it; one of kubeconfig: <file>, in_cluster: true or eks: {name, region} is needed")
	case ways > 1:
		v.bad(where, "has more than one of kubeconfig, in_cluster and eks; keep one")
	}
	if context != "" && kubeconfig == "" {
		v.bad(where.with("context"), "a context needs a kubeconfig")
	}
	if eks != nil {
		v.eks(where.with("eks"), *eks)
	}
	return ways == 1
}

func (v *validator) eks(where at, c EKSConfig) {
	if c.Name == "" {
		v.bad(where.with("name"), "the EKS cluster's name is missing")
	}
	if !regionRE.MatchString(c.Region) {
		v.bad(where.with("region"), "%q is not an AWS region; such as eu-central-1", c.Region)
	}
	if c.RoleARN != "" && !roleARNRE.MatchString(c.RoleARN) {
		v.bad(where.with("role_arn"), "%q is not a role's ARN; such as arn:aws:iam::123456789012:role/autopilot", c.RoleARN)
	}
}

func (v *validator) slack(c SlackConfig) {
	v.optionalURL(at{"slack", "api_url"}, c.APIURL)
	if c.Channels.Incidents == "" {
		v.bad(at{"slack", "channels", "incidents"}, `is missing; the channel for incident cards, such as "#incidents"`)
	}
	channel := func(where at, s string) {
		if s != "" && !channelRE.MatchString(s) {
			v.bad(where, `%q is not a channel; "#name" in quotes, or an id such as C0123ABCD`, s)
		}
	}
	channel(at{"slack", "channels", "incidents"}, c.Channels.Incidents)
	if c.Channels.Fallback != c.Channels.Incidents {
		channel(at{"slack", "channels", "fallback"}, c.Channels.Fallback)
	}
	channel(at{"slack", "channels", "savings"}, c.Channels.Savings)
	for name, ch := range c.Channels.Namespaces {
		channel(at{"slack", "channels", "namespaces", name}, ch)
	}
	for name, ch := range c.Channels.Teams {
		channel(at{"slack", "channels", "teams", name}, ch)
	}
	if len(c.Channels.Teams) > 0 && c.TeamLabel == "" {
		v.bad(at{"slack", "channels", "teams"}, "needs slack.team_label, the label that names a workload's team")
	}
}

var actions = []engine.Action{
	engine.ActionView, engine.ActionAcknowledge, engine.ActionAssign, engine.ActionSilence, engine.ActionResolve,
	engine.ActionLogs, engine.ActionDiagnose, engine.ActionVerdict, engine.ActionPause, engine.ActionResume,
	engine.ActionSnooze, engine.ActionNotWaste, engine.ActionScan, engine.ActionApprove, engine.ActionDeny, engine.ActionAudit,
	engine.ActionUndo, engine.ActionRestart, engine.ActionScale, engine.ActionCordon,
	engine.ActionChaos, engine.ActionChaosDrain, engine.ActionChaosDelete, engine.ActionChaosStop,
}

func (v *validator) role(where at, r RoleConfig) {
	if r.Name == "" {
		v.bad(where.with("name"), "a role needs a name")
	}
	if len(r.Members) == 0 {
		v.bad(where.with("members"), "a role needs members: Slack user ids (U…), user group ids (S…) or everyone")
	}
	for i, m := range r.Members {
		if m != policy.Everyone && !memberRE.MatchString(m) {
			v.bad(where.with("members", i), "%q is not a Slack user id (U…), a user group id (S…) or everyone; ids stand in the profile's menu under Copy member ID", m)
		}
	}
	if len(r.May) == 0 {
		v.bad(where.with("may"), "a role needs actions: %s", joinActions())
	}
	for i, a := range r.May {
		if !slices.Contains(actions, engine.Action(a)) {
			v.bad(where.with("may", i), "%q is not an action; known: %s", a, joinActions())
		}
	}
	v.roleApprovals(where, r)
	for i, p := range r.Clusters {
		v.pattern(where.with("clusters", i), p)
	}
	for i, p := range r.Namespaces {
		v.pattern(where.with("namespaces", i), p)
	}
}

func joinActions() string {
	var words []string
	for _, a := range actions {
		words = append(words, string(a))
	}
	return strings.Join(words, ", ")
}

func (v *validator) escalation(where at, severity string, e EscalationConfig, c OnCallConfig) {
	if engine.Severity(severity).Rank() == 0 {
		v.bad(where, "%q is not a severity; critical, warning or info", severity)
	}
	for i, m := range e.Mention {
		if !memberRE.MatchString(m) {
			v.bad(where.with("mention", i), "%q is not a Slack user group id (S…) or user id (U…)", m)
		}
	}
	if e.Times < 0 || e.Times > 20 {
		v.bad(where.with("times"), "%d is out of range; 0 to 20", e.Times)
	}
	if e.After != 0 {
		v.within(where.with("after"), e.After, time.Second, 24*time.Hour)
	} else if e.Times > 0 || e.Page {
		v.bad(where.with("after"), "is missing; how long to wait for an acknowledgement, such as 5m")
	}
	if e.Page && c.PagerDuty == nil && c.Opsgenie == nil {
		v.bad(where.with("page"), "needs oncall.pagerduty or oncall.opsgenie")
	}
}

func (v *validator) incidents(c Config) {
	v.within(at{"incidents", "hold_down"}, c.Incidents.HoldDown, time.Second, time.Hour)
	v.within(at{"incidents", "reopen_window"}, c.Incidents.ReopenWindow, time.Second, 7*24*time.Hour)
	v.within(at{"incidents", "parent_window"}, c.Incidents.ParentWindow, time.Second, time.Hour)
	storm := c.Incidents.Storm
	if more := *storm.More; more < 0 || more > 1000 {
		v.bad(at{"incidents", "storm", "more"}, "%d is not 0 to 1000; 0 gives every incident a card", more)
	}
	v.within(at{"incidents", "storm", "within"}, storm.Within, time.Minute, time.Hour)
	for i, g := range c.Incidents.Ignore {
		where := at{"incidents", "ignore", i}
		if g.Cluster == "" && g.Namespace == "" && g.Workload == "" && g.Class == "" {
			v.bad(where, "would ignore everything; set at least one of cluster, namespace, workload and class")
		}
		if g.Reason == "" {
			v.bad(where.with("reason"), "is missing; it is shown where a signal was left out")
		}
		if g.Class != "" && !slices.Contains(engine.Classes, engine.Class(g.Class)) {
			v.bad(where.with("class"), "%q is not a class of problem; known: %v", g.Class, engine.Classes)
		}
		for key, p := range map[string]string{"cluster": g.Cluster, "namespace": g.Namespace, "workload": g.Workload} {
			v.pattern(where.with(key), p)
		}
	}
	for i, m := range c.Maintenance {
		where := at{"maintenance", i}
		if m.Name == "" {
			v.bad(where.with("name"), "a maintenance window needs a name")
		}
		if m.Start.IsZero() || !m.End.After(m.Start) {
			v.bad(where, "start and end are needed, the end after the start, such as 2026-01-31T22:00:00Z")
		}
		v.pattern(where.with("cluster"), m.Cluster)
		v.pattern(where.with("namespace"), m.Namespace)
	}
}

func (v *validator) pattern(where at, p string) {
	if _, err := path.Match(p, ""); err != nil {
		v.bad(where, "%q is not a pattern; a name, with * for any letters", p)
	}
}

func (v *validator) within(where at, d, least, most time.Duration) {
	if d < least || d > most {
		v.bad(where, "%s is out of range; %s to %s", short(d), short(least), short(most))
	}
}

// short writes 1h0m0s as 1h.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (v *validator) optionalURL(where at, s string) {
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		v.bad(where, "%q is not a URL; such as http://prometheus.monitoring:9090", s)
		return
	}
	if u.User != nil {
		v.bad(where, "holds a password; secrets come from the environment or from files")
	}
}
