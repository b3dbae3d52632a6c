package github

import (
	"context"
	"fmt"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/engine"
)

// Check tries what the bot needs of a repository, without changing anything: to read it, to push branches, to open pull requests, to
// see checks. It always gives rows; what could not be tried is missing in them. A repository of "" checks the account alone.
func (f *Forge) Check(ctx context.Context, repo string) []engine.Check {
	const account = "github"
	me, err := f.login(ctx)
	if err != nil {
		return []engine.Check{missed("github-account", account, "account", "an account that GitHub knows", err)}
	}
	rows := []engine.Check{engine.Passed(account, "account", me)}
	if repo == "" {
		return rows
	}
	area := account + " " + repo
	r, err := parseRepo(repo)
	if err != nil {
		return append(rows, missed("github-read", area, "read", "owner/name", err))
	}
	got, resp, err := f.gh.Repositories.Get(ctx, r.owner, r.name)
	if err != nil {
		return append(rows, missed("github-read", area, "read", "a repository that the bot may read", f.told(err, r, read)))
	}
	if _, err := f.Tree(ctx, repo, got.GetDefaultBranch()); err != nil {
		return append(rows, missed("github-read", area, "read", "contents: read", err))
	}
	rows = append(rows, engine.Passed(area, "read", "branch "+got.GetDefaultBranch()))
	if got.GetArchived() {
		return append(rows, engine.Missed("github-archived", engine.CheckFail, area, "push", "archived", "a repository that can be changed",
			"unarchive it, or map what it declared to the repository that declares it now"))
	}
	permissions, err := f.permissions(ctx)
	if err != nil {
		return append(rows, missed("github-installation", area, "push", "an installation", err))
	}
	if permissions != nil {
		return append(rows, appRows(area, permissions)...)
	}
	return append(rows, f.tokenRows(ctx, area, r, got, resp)...)
}

func missed(id, area, name, want string, err error) engine.Check {
	text := engine.UserMessage(err, "github")
	return engine.Missed(id, engine.CheckFail, area, name, text, want, text)
}

// permissions are those of the App's installation, nil for a token.
func (f *Forge) permissions(ctx context.Context) (*gh.InstallationPermissions, error) {
	if f.app == nil {
		return nil, nil //nolint:nilnil // a token has none
	}
	i, _, err := f.app.Apps.GetInstallation(ctx, f.o.InstallationID)
	if err != nil {
		return nil, f.told(err, repository{}, read)
	}
	if i.Permissions == nil {
		return &gh.InstallationPermissions{}, nil
	}
	return i.Permissions, nil
}

func appRows(area string, p *gh.InstallationPermissions) []engine.Check {
	row := func(name, permission, has, want string, level engine.CheckLevel, without string) engine.Check {
		if has == want || has == "write" {
			return engine.Passed(area, name, permission+": "+has)
		}
		if has == "" {
			has = "none"
		}
		return engine.Missed("github-app-permission", level, area, name, permission+": "+has+without, permission+": "+want,
			fmt.Sprintf("give the GitHub App the permission %s: %s, and accept it in the installation's settings", permission, want))
	}
	return []engine.Check{
		row("push", "contents", p.GetContents(), "write", engine.CheckFail, ""),
		row("pull requests", "pull requests", p.GetPullRequests(), "write", engine.CheckFail, ""),
		row("checks", "checks", p.GetChecks(), "read", engine.CheckWarn, "; the thread does not tell of checks"),
		row("statuses", "commit statuses", p.GetStatuses(), "read", engine.CheckWarn, "; the thread does not tell of statuses"),
	}
}

// tokenRows says what a person's token may do. Of a fine-grained one GitHub does not tell the permissions, only the person's own.
func (f *Forge) tokenRows(ctx context.Context, area string, r repository, got *gh.Repository, resp *gh.Response) []engine.Check {
	var rows []engine.Check
	if got.GetPermissions()["push"] {
		rows = append(rows, engine.Passed(area, "push", "the account may push"))
	} else {
		rows = append(rows, engine.Missed("github-push", engine.CheckFail, area, "push", "the account may only read", "push", "give the bot's account the role write in "+r.String()))
	}
	if scopes, classic := resp.Header["X-Oauth-Scopes"]; classic {
		list := strings.Join(scopes, ", ")
		if has := strings.Contains(" "+list+",", " repo,"); !has && (got.GetPrivate() || !strings.Contains(list, "public_repo")) {
			rows = append(rows, engine.Missed("github-scope", engine.CheckFail, area, "scope repo", "scopes: "+list, "repo", "make a token with the scope repo, or better a GitHub App"))
		} else {
			rows = append(rows, engine.Passed(area, "scope repo", list))
		}
	}
	if _, _, err := f.gh.PullRequests.List(ctx, r.owner, r.name, &gh.PullRequestListOptions{ListOptions: gh.ListOptions{PerPage: 1}}); err != nil {
		return append(rows, missed("github-pull-requests", area, "pull requests", needs[open], f.told(err, r, readPulls)))
	}
	return append(rows, engine.Passed(area, "pull requests", "the bot sees them"))
}
