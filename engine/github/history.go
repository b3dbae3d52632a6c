package github

import (
	"cmp"
	"context"
	"slices"
	"strings"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// Commits lists the commits up to the tree's that touched a file, the newest first and so many at most. It fails with NotFound when the
// repository is gone, Forbidden when it may not be read, and Unavailable.
func (t *tree) Commits(ctx context.Context, path string, most int) ([]change.Commit, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	var all []change.Commit
	for page := 1; page != 0 && len(all) < most; {
		list, resp, err := t.forge.gh.Repositories.ListCommits(ctx, t.repo.owner, t.repo.name, &gh.CommitsListOptions{
			SHA: t.commit, Path: path, ListOptions: gh.ListOptions{Page: page, PerPage: pageSize},
		})
		if err != nil {
			return nil, t.forge.told(err, t.repo, read)
		}
		for _, c := range list {
			all = append(all, commitOf(c))
		}
		page = resp.NextPage
	}
	return all[:min(len(all), most)], nil
}

// commitOf reads a commit. Its author is an account where GitHub knows whose address it bears.
func commitOf(c *gh.RepositoryCommit) change.Commit {
	subject, _, _ := strings.Cut(c.GetCommit().GetMessage(), "\n")
	out := change.Commit{
		SHA: c.GetSHA(), Author: cmp.Or(c.GetAuthor().GetLogin(), c.GetCommit().GetAuthor().GetName()),
		At: c.GetCommit().GetCommitter().GetDate().Time, Subject: subject,
	}
	if len(c.Parents) > 0 {
		out.Parent = c.Parents[0].GetSHA()
	}
	return out
}

// At is the repository at another commit. It fails with Invalid for what is no commit, Conflict for one that is no longer there, and
// Unavailable.
func (t *tree) At(ctx context.Context, commit string) (change.Tree, error) {
	at, err := t.forge.treeOf(ctx, t.repo, commit)
	if err != nil {
		return nil, err
	}
	at.base = t.base
	return at, nil
}

// Pull names the merged pull request that a commit came with. It is worth a line to people and no more, so that a bot which may not
// read pull requests knows none.
func (t *tree) Pull(ctx context.Context, commit string) (engine.Pull, error) {
	if !hashForm.MatchString(commit) {
		return engine.Pull{}, engine.Errorf(engine.Invalid, "%q is no commit", commit)
	}
	list, _, err := t.forge.gh.PullRequests.ListPullRequestsWithCommit(ctx, t.repo.owner, t.repo.name, commit, &gh.ListOptions{PerPage: pageSize})
	if err = t.forge.told(err, t.repo, readPulls); err != nil {
		if code := engine.CodeOf(err); code == engine.Unavailable || code == engine.Internal {
			return engine.Pull{}, err
		}
		return engine.Pull{}, nil
	}
	at := slices.IndexFunc(list, func(p *gh.PullRequest) bool { return !p.GetMergedAt().IsZero() && p.GetBase().GetRef() == t.base })
	if at < 0 {
		return engine.Pull{}, nil
	}
	p := list[at]
	return engine.Pull{
		Number: p.GetNumber(), URL: p.GetHTMLURL(), Branch: p.GetHead().GetRef(), Head: p.GetHead().GetSHA(), State: engine.PullMerged,
		MergedSHA: p.GetMergeCommitSHA(), MergedAt: p.GetMergedAt().Time,
	}, nil
}
