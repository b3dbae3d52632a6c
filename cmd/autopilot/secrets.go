package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// Secrets come from the environment, AUTOPILOT_<NAME>, or from the file that AUTOPILOT_<NAME>_FILE names; never from the
// configuration file.
type Secrets struct {
	DatabaseURL      engine.Secret
	SlackBotToken    engine.Secret
	SlackAppToken    engine.Secret
	WebhookToken     engine.Secret // bearer token of the Alertmanager webhook
	PrometheusToken  engine.Secret // optional
	LokiToken        engine.Secret // optional
	PagerDutyKey     engine.Secret // routing key of the Events API
	PagerDutyWebhook engine.Secret // signing secret of PagerDuty's webhooks
	OpsgenieKey      engine.Secret
	OpsgenieWebhook  engine.Secret // token in Opsgenie's webhook header
	HeartbeatURL     engine.Secret
	GitHubToken      engine.Secret
	GitHubAppKey     engine.Secret // of the GitHub App, PEM
	GitHubWebhook    engine.Secret // signing secret of GitHub's webhooks
}

// secretNames pairs each secret with its name, in the order of the documentation.
func (s *Secrets) secretNames() []secretName {
	return []secretName{
		{"DATABASE_URL", &s.DatabaseURL, "postgres://user:password@host:5432/devops_brain"},
		{"SLACK_BOT_TOKEN", &s.SlackBotToken, "xoxb-…, from OAuth & Permissions of the Slack app"},
		{"SLACK_APP_TOKEN", &s.SlackAppToken, "xapp-… with connections:write, from Basic Information of the Slack app"},
		{"WEBHOOK_TOKEN", &s.WebhookToken, "the bearer token that Alertmanager sends"},
		{"PROMETHEUS_TOKEN", &s.PrometheusToken, "a bearer token for Prometheus and Alertmanager"},
		{"LOKI_TOKEN", &s.LokiToken, "a bearer token for Loki, or the password that goes with clusters[].loki.username"},
		{"PAGERDUTY_KEY", &s.PagerDutyKey, "the integration key of a PagerDuty service (Events API v2)"},
		{"PAGERDUTY_WEBHOOK_SECRET", &s.PagerDutyWebhook, "the signing secret of a PagerDuty webhook subscription"},
		{"OPSGENIE_KEY", &s.OpsgenieKey, "an Opsgenie API integration key"},
		{"OPSGENIE_WEBHOOK_TOKEN", &s.OpsgenieWebhook, "the bearer token that Opsgenie's webhook sends"},
		{"HEARTBEAT_URL", &s.HeartbeatURL, "the URL of a dead man's switch"},
		{"GITHUB_TOKEN", &s.GitHubToken, "a token that may read and write contents and pull requests, where there is no App"},
		{"GITHUB_APP_KEY", &s.GitHubAppKey, "the private key of the GitHub App, PEM; a file is easier"},
		{"GITHUB_WEBHOOK_SECRET", &s.GitHubWebhook, "the secret of GitHub's webhook"},
	}
}

type secretName struct {
	name  string
	value *engine.Secret
	what  string
}

// readSecrets reads all secrets. Those that need names must be there; all that is wrong is told at once.
func readSecrets(need ...string) (Secrets, error) {
	var s Secrets
	var wrong []string
	for _, n := range s.secretNames() {
		key := "AUTOPILOT_" + n.name
		value, file := os.Getenv(key), os.Getenv(key+"_FILE")
		switch {
		case value != "" && file != "":
			wrong = append(wrong, fmt.Sprintf("%s and %s_FILE are both set; keep one", key, key))
		case file != "":
			data, err := os.ReadFile(file) //nolint:gosec // The operator names the file.
			if err != nil {
				wrong = append(wrong, fmt.Sprintf("%s_FILE: %v", key, err))
				continue
			}
			value = strings.TrimSpace(string(data))
		}
		*n.value = engine.Secret(value)
		for _, needed := range need {
			if needed == n.name && value == "" && file == "" {
				wrong = append(wrong, fmt.Sprintf("%s (or %s_FILE) is missing: %s", key, key, n.what))
			}
		}
	}
	if len(wrong) > 0 {
		return s, engine.Errorf(engine.Invalid, "%s", strings.Join(wrong, "\n"))
	}
	return s, nil
}
