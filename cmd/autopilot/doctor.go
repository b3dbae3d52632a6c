package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/eks-autopilot/autopilot/bot"
	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/store"
)

// doctor tries what the configuration needs and prints what works, what is missing and how to get it.
// It fails when something is missing that the bot cannot work without.
func doctor(ctx context.Context, file string, w io.Writer) error {
	cfg, err := readConfig(file)
	if err != nil {
		return err
	}
	secrets, err := readSecrets("DATABASE_URL", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "WEBHOOK_TOKEN")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	quiet := slog.New(slog.DiscardHandler)
	checks := []engine.Check{engine.Passed("configuration", file, fmt.Sprintf("%d cluster(s)", len(cfg.Clusters)))}
	for _, warning := range cfg.warnings() {
		checks = append(checks, engine.Missed("configuration-warning", engine.CheckWarn, "configuration", file, "a warning", "none", warning))
	}
	checks = append(checks, checkDatabase(ctx, secrets)...)
	b := bot.New(bot.Config{
		BotToken: secrets.SlackBotToken, AppToken: secrets.SlackAppToken, APIURL: cfg.Slack.APIURL,
		Channels: cfg.channels(), Fallback: cfg.Slack.Channels.Fallback, Log: quiet,
	}, nil, nil, nil, nil)
	checks = append(checks, b.Check(ctx)...)
	for _, cl := range cfg.Clusters {
		checks = append(checks, checkCluster(ctx, cfg, cl, secrets, quiet)...)
	}
	checks = append(checks, checkOnCall(cfg, secrets)...)
	checks = append(checks, checkWaste(cfg)...)
	if cfg.Waste != nil {
		checks = append(checks, checkAccounts(ctx, cfg)...)
	}
	checks = append(checks, checkChaos(ctx, cfg, secrets, quiet)...)
	checks = append(checks, checkOpenRoles(cfg)...)
	checks = append(checks, checkGitHub(ctx, cfg, secrets)...)
	checks = append(checks, checkAudit(ctx, cfg, secrets)...)
	checks = append(checks, checkTraces(ctx, cfg.Traces)...)
	checks = append(checks, checkReports(ctx, cfg, secrets, time.Now())...)
	return printChecks(w, checks)
}

func checkDatabase(ctx context.Context, secrets Secrets) []engine.Check {
	const area = "postgresql"
	st, err := store.Open(ctx, secrets.DatabaseURL.Reveal(), store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return []engine.Check{engine.Missed("database-address", engine.CheckFail, area, "address", err.Error(), "postgres://user:password@host:5432/devops_brain", "set AUTOPILOT_DATABASE_URL")}
	}
	defer st.Close()
	if err := st.Ping(ctx); err != nil {
		return []engine.Check{engine.Missed("database-unreachable", engine.CheckFail, area, "connect", err.Error(), "an answer", "start PostgreSQL, or open the way to it")}
	}
	checks := []engine.Check{engine.Passed(area, "connect", "answers")}
	if err := st.Check(ctx); err != nil {
		return append(checks, engine.Missed("database-schema", engine.CheckFail, area, "schema", err.Error(), "this version's schema", "run autopilot migrate"))
	}
	checks = append(checks, engine.Passed(area, "schema", "current"))
	if err := st.VerifyAudit(ctx); err != nil {
		return append(checks, engine.Missed("audit-log-broken", engine.CheckFail, area, "audit log", err.Error(), "an unbroken chain",
			"find out who can write to the database; a backup has the rows as they were"))
	}
	return append(checks, engine.Passed(area, "audit log", "its chain is unbroken"))
}

func checkCluster(ctx context.Context, cfg Config, cl ClusterConfig, secrets Secrets, log *slog.Logger) []engine.Check {
	area := "cluster " + cl.Name
	var checks []engine.Check
	if cl.EKS != nil {
		account, err := connectAWS(ctx, *cl.EKS)
		if err != nil {
			return []engine.Check{engine.Missed("eks-credentials", engine.CheckFail, area, "aws", err.Error(), "credentials and a region", "see clusters[].eks in the configuration")}
		}
		checks = account.Check(ctx, cl.EKS.Name)
	}
	c, err := connectCluster(ctx, cl, secrets, LogsConfig{}, nil, log)
	if err != nil {
		return append(checks, engine.Missed("cluster-connect", engine.CheckFail, area, "connect", err.Error(), "a way to the API server", "see clusters in the configuration"))
	}
	checks = append(checks, c.kube.Check(ctx)...)
	checks = append(checks, c.kube.CheckRemedies(ctx, cfg.Remedies.kinds())...)
	if c.prometheus == nil {
		checks = append(checks, engine.Missed("prometheus-absent", engine.CheckWarn, area, "prometheus", "not configured", "a URL", "set clusters[].prometheus; metrics are missing without it"))
	} else {
		checks = append(checks, c.prometheus.Check(ctx)...)
		checks = append(checks, checkMetrics(ctx, cfg, c)...)
	}
	if c.loki != nil {
		checks = append(checks, c.loki.Check(ctx)...)
	}
	if c.alertmanager == nil {
		return append(checks, engine.Missed("alertmanager-absent", engine.CheckWarn, area, "alertmanager", "not configured", "a URL",
			"set clusters[].alertmanager; without it nothing is silenced, and an alert that ends while silenced goes unnoticed"))
	}
	return append(checks, c.alertmanager.Check(ctx)...)
}

// checkOnCall warns when a critical incident could wake nobody, or through one way alone.
func checkOnCall(cfg Config, secrets Secrets) []engine.Check {
	const area = "on-call"
	var checks []engine.Check
	critical, ok := cfg.OnCall.Escalation[string(engine.Critical)]
	switch {
	case cfg.Slack.Channels.Shadow != "":
		checks = append(checks, engine.Passed(area, "critical", "slack.channels.shadow is set, so nobody is mentioned on purpose"))
	case !ok || len(critical.Mention) == 0:
		checks = append(checks, engine.Missed("on-call-nobody", engine.CheckWarn, area, "critical", "nobody is mentioned", "a Slack user group", "set oncall.escalation.critical.mention"))
	case !critical.Page:
		checks = append(checks, engine.Missed("on-call-slack-alone", engine.CheckWarn, area, "critical", "Slack is the only receiver", "a pager that wakes people",
			"set oncall.pagerduty or oncall.opsgenie and oncall.escalation.critical.page, or route critical alerts to a second receiver in Alertmanager"))
	default:
		checks = append(checks, engine.Passed(area, "critical", "mentioned, then paged"))
	}
	if secrets.HeartbeatURL.IsZero() {
		checks = append(checks, engine.Missed("heartbeat-absent", engine.CheckWarn, area, "heartbeat", "not configured", "a dead man's switch",
			"set AUTOPILOT_HEARTBEAT_URL; without it nobody hears when the bot itself is gone"))
	}
	if _, err := connectPagers(cfg, secrets, nil); err != nil {
		checks = append(checks, engine.Missed("pager-key", engine.CheckFail, area, "pager", err.Error(), "a key for the pager", "set the secret"))
	}
	return checks
}

// printChecks prints a table, worst first within it, and fails when a check of level fail did not pass.
func printChecks(w io.Writer, checks []engine.Check) error {
	marks := map[engine.CheckLevel]string{engine.CheckOK: "ok", engine.CheckWarn: "WARN", engine.CheckFail: "FAIL"}
	failed, warned := 0, 0
	t := tabwriter.NewWriter(w, 2, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "\tWHAT\tFOUND\tWANTED")
	for _, c := range checks {
		switch c.Level {
		case engine.CheckFail:
			failed++
		case engine.CheckWarn:
			warned++
		case engine.CheckOK:
		}
		_, _ = fmt.Fprintf(t, "%s\t%s: %s\t%s\t%s\n", marks[c.Level], c.Area, c.Name, oneLine(c.Found), oneLine(c.Want))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	todo := slices.DeleteFunc(slices.Clone(checks), func(c engine.Check) bool { return c.OK || c.Fix == "" })
	if len(todo) > 0 {
		_, _ = fmt.Fprintln(w, "\nTo do:")
	}
	for _, c := range todo {
		_, _ = fmt.Fprintf(w, "  %s: %s: %s [%s]\n", c.Area, c.Name, c.Fix, c.ID)
	}
	if len(todo) > 0 {
		_, _ = fmt.Fprintln(w, "What stands in [brackets] is a heading of docs/troubleshooting.md, which says more.")
	}
	if failed > 0 {
		return engine.Errorf(engine.Invalid, "%d of %d checks failed, %d warned", failed, len(checks), warned)
	}
	_, err := fmt.Fprintf(w, "\n%d checks, %d warned, none failed.\n", len(checks), warned)
	return err
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 100 {
		s = string(r[:99]) + "…"
	}
	return s
}
