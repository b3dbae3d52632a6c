package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
	"github.com/eks-autopilot/autopilot/engine/kube"
	"github.com/eks-autopilot/autopilot/engine/loki"
	"github.com/eks-autopilot/autopilot/engine/page"
	"github.com/eks-autopilot/autopilot/engine/prom"
	"github.com/eks-autopilot/autopilot/handlers"
)

// connected is one cluster and what stands beside it. What is not configured is nil.
type connected struct {
	kube         *kube.Cluster
	prometheus   *prom.Prometheus
	alertmanager *silencer
	loki         *loki.Loki
	receiver     string // in Alertmanager, that is us
}

// connectClusters prepares every cluster and speaks to none: one that is away keeps the bot from watching that one alone.
func connectClusters(ctx context.Context, cfg Config, secrets Secrets, m *metrics, log *slog.Logger) ([]connected, error) {
	var all []connected
	for _, cl := range cfg.Clusters {
		c, err := connectCluster(ctx, cl, secrets, cfg.Logs, m, log)
		if err != nil {
			return nil, fmt.Errorf("cluster %s: %w", cl.Name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func connectCluster(ctx context.Context, cl ClusterConfig, secrets Secrets, logs LogsConfig, m *metrics, log *slog.Logger) (connected, error) {
	var c connected
	k := kube.Config{Name: cl.Name, InCluster: cl.InCluster, Kubeconfig: cl.Kubeconfig, Context: cl.Context, LogLines: logs.Lines, Wrap: m.around("kubernetes"), Log: log}
	if cl.EKS != nil {
		account, err := connectAWS(ctx, *cl.EKS)
		if err != nil {
			return c, err
		}
		k.EKS = &kube.EKS{
			Find:  func(ctx context.Context) (string, []byte, error) { return account.EKS(ctx, cl.EKS.Name) },
			Token: account.Token(cl.EKS.Name),
		}
	}
	var err error
	if c.kube, err = kube.Connect(k); err != nil {
		return c, err
	}
	if cl.Prometheus != "" {
		if c.prometheus, err = prom.Connect(prom.Config{URL: cl.Prometheus, Bearer: secrets.PrometheusToken, Transport: m.transport("prometheus"), Log: log}); err != nil {
			return c, err
		}
	}
	if cl.Alertmanager != "" {
		am, err := prom.ConnectAlertmanager(prom.Config{URL: cl.Alertmanager, Bearer: secrets.PrometheusToken, Cluster: cl.Name, Receiver: cl.Receiver, Transport: m.transport("alertmanager")})
		if err != nil {
			return c, err
		}
		c.alertmanager, c.receiver = &silencer{am}, cl.Receiver
	}
	c.loki, err = connectLoki(cl.Loki, secrets, m)
	return c, err
}

func connectAWS(ctx context.Context, c EKSConfig) (*aws.Account, error) {
	return aws.Connect(ctx, aws.Config{Region: c.Region, Role: c.RoleARN})
}

// silencer is an Alertmanager as the handlers ask for it.
type silencer struct{ *prom.Alertmanager }

// Silence makes the silence of an incident, or finds the one made before.
func (s *silencer) Silence(ctx context.Context, incident int64, m handlers.Matchers, until time.Time, by string) (string, error) {
	return s.Alertmanager.Silence(ctx, prom.Silence{IncidentID: incident, Labels: m.Labels, Patterns: m.Patterns, Until: until, By: by})
}

func connectPagers(cfg Config, secrets Secrets, m *metrics) ([]handlers.Pager, error) {
	var all []handlers.Pager
	if c := cfg.OnCall.PagerDuty; c != nil {
		p, err := page.NewPagerDuty(page.Config{URL: c.URL, Key: secrets.PagerDutyKey, Transport: m.transport("pagerduty")})
		if err != nil {
			return nil, fmt.Errorf("AUTOPILOT_PAGERDUTY_KEY: %w", err)
		}
		all = append(all, p)
	}
	if c := cfg.OnCall.Opsgenie; c != nil {
		p, err := page.NewOpsgenie(page.Config{URL: c.URL, Key: secrets.OpsgenieKey, Transport: m.transport("opsgenie")})
		if err != nil {
			return nil, fmt.Errorf("AUTOPILOT_OPSGENIE_KEY: %w", err)
		}
		all = append(all, p)
	}
	return all, nil
}

// pagerDecisions reads a pager's webhook as decisions. Whoever may act at the pager was let in there, so they count as allowed.
func pagerDecisions(read func(engine.Secret, http.Header, []byte) ([]page.Update, error), secret engine.Secret) func(http.Header, []byte) ([]engine.Decision, error) {
	return func(header http.Header, body []byte) ([]engine.Decision, error) {
		updates, err := read(secret, header, body)
		if err != nil {
			return nil, err
		}
		var all []engine.Decision
		for _, u := range updates {
			action := engine.ActionAcknowledge
			if u.What == page.Resolve {
				action = engine.ActionResolve
			}
			name := cmp.Or(u.By, "someone")
			all = append(all, engine.Decision{
				ID: u.ID, Action: action, IncidentID: u.IncidentID, Episode: u.Reopened + 1, At: u.At, Allowed: true,
				By: engine.Person{ID: "pager:" + strings.ReplaceAll(name, " ", "-"), Name: name + " (at the pager)"},
			})
		}
		return all, nil
	}
}
