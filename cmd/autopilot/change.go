package main

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/github"
	"github.com/eks-autopilot/autopilot/engine/policy"
	"github.com/eks-autopilot/autopilot/handlers"
	"github.com/eks-autopilot/autopilot/store"
)

// proposals is the store in the terms of the handlers.
type proposals struct{ *store.Store }

// Approve implements handlers.Proposals.
func (p proposals) Approve(ctx context.Context, d engine.Decision, a handlers.Approving) (engine.Proposal, error) {
	return p.Store.Approve(ctx, d, store.Approving{Refs: a.Refs, Proposer: a.Proposer, Expires: a.Expires, Within: a.Within, Need: a.Need})
}

// Proposals implements handlers.Proposals.
func (p proposals) Proposals(ctx context.Context, f handlers.ProposalFilter) ([]engine.Proposal, error) {
	return p.Store.Proposals(ctx, store.ProposalFilter{
		Statuses: f.Statuses, Cluster: f.Cluster, Team: f.Team, Repo: f.Repo, Group: f.Group, Incident: f.Incident, Limit: f.Limit,
	})
}

// connectChanges gives the handlers what they need to make pull requests, and to remove volumes; nil where the configuration asks for
// neither. It speaks to nobody.
func connectChanges(ctx context.Context, cfg Config, secrets Secrets, st *store.Store, m *metrics, log *slog.Logger) (*handlers.Changes, error) {
	removing, err := connectRemoving(ctx, cfg, st)
	if err != nil {
		return nil, err
	}
	switch {
	case cfg.GitHub == nil && removing == nil:
		return nil, nil
	case cfg.GitHub == nil:
		return &handlers.Changes{Proposals: proposals{st}, Logins: cfg.People, Removing: removing}, nil
	}
	forge, err := connectGitHub(cfg, secrets, m.transport("github"), log)
	if err != nil {
		return nil, err
	}
	return &handlers.Changes{
		Proposals: proposals{st}, Removing: removing, Forge: forge, Mappings: cfg.mappings(), Repos: cfg.GitHub.Repos, Labels: cfg.GitHub.Labels, AsDraft: cfg.GitHub.Draft, Logins: cfg.People,
	}, nil
}

// hubWithin is how long another cluster may take to say what its Argo CD brings to this one.
const hubWithin = 5 * time.Second

// hints asks a cluster what declares its objects, and every other one what the Argo CD there brings to it. One that does not answer is
// left out: what deploys the object may be elsewhere.
func hints(c connected, clusters []connected) func(context.Context, engine.Workload) (change.Hints, error) {
	return func(ctx context.Context, w engine.Workload) (change.Hints, error) {
		h, err := c.kube.Hints(ctx, w)
		if err != nil {
			return h, err
		}
		for _, other := range clusters {
			if other.kube.Name() == c.kube.Name() {
				continue
			}
			asking, done := context.WithTimeout(ctx, hubWithin)
			found, err := other.kube.Applications(asking, c.kube.Name(), c.kube.Address())
			done()
			if err != nil {
				slog.InfoContext(ctx, "another cluster's Argo CD was not asked", "cluster", other.kube.Name(), "error", err)
			}
			h.Argo = append(h.Argo, found...)
		}
		return h, nil
	}
}

// forgeEvent reads GitHub's webhooks, which the secret signs.
func forgeEvent(secret engine.Secret) func(http.Header, []byte) (handlers.ForgeEvent, error) {
	return func(h http.Header, body []byte) (handlers.ForgeEvent, error) {
		e, err := github.ParseWebhook(body, h.Get("X-Hub-Signature-256"), h.Get("X-GitHub-Event"), secret)
		return handlers.ForgeEvent{Repo: e.Repo, Number: e.Number, Branch: e.Branch}, err
	}
}

// checkGitHub says what keeps pull requests from being made, or from being followed.
func checkGitHub(ctx context.Context, cfg Config, secrets Secrets) []engine.Check {
	const area = "github"
	if cfg.GitHub == nil {
		return nil // nobody asked for it
	}
	forge, err := connectGitHub(cfg, secrets, http.DefaultTransport, slog.New(slog.DiscardHandler))
	if err != nil {
		return []engine.Check{engine.Missed("github-credentials", engine.CheckFail, area, "credentials", engine.UserMessage(err, area), "a token or an App", "set them; see docs/configuration.md")}
	}
	repos := cfg.repositories()
	if len(repos) == 0 {
		repos = []string{""} // the account alone: what is declared where, annotations, Argo CD or Flux say
	}
	var checks []engine.Check
	for k, repo := range repos {
		rows := forge.Check(ctx, repo)
		if k > 0 && len(rows) > 1 {
			rows = rows[1:] // the account again
		}
		checks = append(checks, rows...)
	}
	if secrets.GitHubWebhook.IsZero() {
		checks = append(checks, engine.Missed("github-webhook", engine.CheckWarn, area, "webhook", "no secret", "a secret",
			"set AUTOPILOT_GITHUB_WEBHOOK_SECRET and point a webhook at /webhooks/github; without it the bot looks at pull requests every few minutes"))
	} else {
		checks = append(checks, engine.Passed(area, "webhook", "/webhooks/github, signed"))
	}
	return append(checks, checkApprovers(cfg))
}

// checkApprovers tells whether anybody may approve, and enough people where two are asked for.
func checkApprovers(cfg Config) engine.Check {
	const area, name = "approvals", "roles"
	var roles []string
	people, open := map[string]bool{}, false
	for _, r := range cfg.Roles {
		if !slices.Contains(r.May, string(engine.ActionApprove)) {
			continue
		}
		roles = append(roles, r.Name)
		for _, m := range r.Members {
			people[m] = true
			open = open || m == policy.Everyone || strings.HasPrefix(m, "S")
		}
	}
	switch {
	case len(roles) == 0:
		return engine.Missed("approvals-nobody", engine.CheckFail, area, name, "no role may approve", "a role with may: [approve]", "add approve and deny to a role in roles")
	case (cfg.Approvals.TwoPeopleAbove > 0 || cfg.Volumes.Remove) && len(people) < 2 && !open:
		return engine.Missed("approvals-one-person", engine.CheckFail, area, name, "one person may approve", "two, as approvals.two_people_above and volumes.remove ask", "add a second member to "+strings.Join(roles, ", "))
	}
	return engine.Passed(area, name, strings.Join(roles, ", "))
}

// connectGitHub prepares the way to GitHub, as an App or by a token.
func connectGitHub(cfg Config, secrets Secrets, transport http.RoundTripper, log *slog.Logger) (*github.Forge, error) {
	o := github.Options{
		URL: cfg.GitHub.URL, Token: secrets.GitHubToken, MaxOpen: *cfg.GitHub.OpenPerRepo, MaxPerHour: *cfg.GitHub.PerHour, Transport: transport, Log: log,
	}
	switch app := cfg.GitHub.App; {
	case app != nil && secrets.GitHubAppKey.IsZero():
		return nil, engine.Errorf(engine.Invalid, "github.app needs the App's private key: set AUTOPILOT_GITHUB_APP_KEY_FILE")
	case app != nil:
		o.AppID, o.InstallationID, o.Key = app.ID, app.InstallationID, secrets.GitHubAppKey
	case secrets.GitHubToken.IsZero():
		return nil, engine.Errorf(engine.Invalid, "github needs a token or an App: set AUTOPILOT_GITHUB_TOKEN, or github.app and AUTOPILOT_GITHUB_APP_KEY_FILE")
	}
	return github.New(o)
}
