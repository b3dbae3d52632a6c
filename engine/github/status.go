package github

import (
	"context"
	"slices"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

const (
	pageSize   = 100
	maxPages   = 5
	judgePause = time.Second // for GitHub to see whether a pull request can be merged
	maxFailing = 20          // names of checks
)

// Status reads a pull request as it is. What is not known now (GitHub works out conflicts when it is asked for them) is as p has it.
// A pull request that was never kept is found by p.Branch; when there is none, State is PullNone.
func (f *Forge) Status(ctx context.Context, repo string, p engine.Pull) (engine.Pull, error) {
	r, err := parseRepo(repo)
	if err != nil {
		return engine.Pull{}, err
	}
	if p.Number == 0 {
		if err := checkOurs(p.Branch); err != nil {
			return engine.Pull{}, err
		}
		found, err := f.find(ctx, r, p.Branch, "")
		if err != nil || found == nil {
			return engine.Pull{Branch: p.Branch, SeenAt: f.o.Now()}, err
		}
		p.Number = found.GetNumber()
	}
	pr, err := f.get(ctx, r, p.Number)
	if err != nil {
		return engine.Pull{}, err
	}
	out := f.pullOf(pr, p)
	switch out.State {
	case engine.PullClosed:
		issue, _, err := f.gh.Issues.Get(ctx, r.owner, r.name, out.Number)
		if err != nil && !isMissing(err) {
			return engine.Pull{}, f.told(err, r, readPulls)
		}
		out.ClosedBy = issue.GetClosedBy().GetLogin()
	case engine.PullOpen:
		if err := f.look(ctx, r, &out); err != nil {
			return engine.Pull{}, err
		}
	case engine.PullMerged, engine.PullNone:
	}
	return out, nil
}

// look reads what only matters while a pull request is open.
func (f *Forge) look(ctx context.Context, r repository, p *engine.Pull) error {
	if err := f.commits(ctx, r, p); err != nil {
		return err
	}
	if err := f.checks(ctx, r, p); err != nil {
		return err
	}
	return f.reviews(ctx, r, p)
}

// get reads a pull request, and once more when GitHub begins to think about it.
func (f *Forge) get(ctx context.Context, r repository, number int) (*gh.PullRequest, error) {
	pr, _, err := f.gh.PullRequests.Get(ctx, r.owner, r.name, number)
	if err == nil && pr.GetState() == "open" && pr.Mergeable == nil {
		if err := f.pause(ctx, judgePause); err != nil {
			return nil, err
		}
		pr, _, err = f.gh.PullRequests.Get(ctx, r.owner, r.name, number)
	}
	if isStatus(err, 404) {
		return nil, engine.Errorf(engine.NotFound, "%s has no pull request %d, or the bot may not see it", r, number)
	}
	return pr, f.told(err, r, readPulls)
}

// pullOf is a pull request as GitHub shows it, and as was is where it does not.
func (f *Forge) pullOf(pr *gh.PullRequest, was engine.Pull) engine.Pull {
	p := was
	p.Number, p.URL = pr.GetNumber(), pr.GetHTMLURL()
	p.Branch, p.Head, p.SeenAt = pr.GetHead().GetRef(), pr.GetHead().GetSHA(), f.o.Now()
	switch {
	case pr.GetMerged() || !pr.GetMergedAt().IsZero():
		p.State, p.MergedSHA, p.MergedAt = engine.PullMerged, pr.GetMergeCommitSHA(), pr.GetMergedAt().UTC()
	case pr.GetState() == "open":
		p.State = engine.PullOpen
	default:
		p.State = engine.PullClosed
	}
	if pr.Mergeable != nil {
		p.Conflict = !pr.GetMergeable() && p.State == engine.PullOpen
	}
	if state := pr.GetMergeableState(); state != "" && state != "unknown" {
		p.Behind = state == "behind"
	}
	return p
}

// commits sees whether the branch has but the one commit of the bot's.
func (f *Forge) commits(ctx context.Context, r repository, p *engine.Pull) error {
	me, err := f.login(ctx)
	if err != nil {
		return err
	}
	list, _, err := f.gh.PullRequests.ListCommits(ctx, r.owner, r.name, p.Number, &gh.ListOptions{PerPage: pageSize})
	if err != nil {
		return f.told(err, r, readPulls)
	}
	p.Touched = len(list) != 1 || !isOurs(list[0], me, p.Branch)
	p.Parent = ""
	if !p.Touched {
		p.Parent = list[0].Parents[0].GetSHA()
	}
	return nil
}

// checks puts check runs and the older statuses together. Without the permission to see them, nobody knows: "".
func (f *Forge) checks(ctx context.Context, r repository, p *engine.Pull) error {
	var failing []string
	pending, passing := false, false
	count := func(name string, isDone, isBad bool) {
		switch {
		case !isDone:
			pending = true
		case isBad:
			failing = append(failing, name)
		default:
			passing = true
		}
	}
	for page, n := 1, 0; page != 0 && n < maxPages; n++ {
		runs, resp, err := f.gh.Checks.ListCheckRunsForRef(ctx, r.owner, r.name, p.Head, &gh.ListCheckRunsOptions{Filter: new("latest"), ListOptions: gh.ListOptions{PerPage: pageSize, Page: page}})
		if isMissing(err) {
			break
		}
		if err != nil {
			return f.told(err, r, readPulls)
		}
		for _, run := range runs.CheckRuns {
			bad := slices.Contains([]string{"failure", "timed_out", "cancelled", "action_required", "startup_failure"}, run.GetConclusion())
			count(run.GetName(), run.GetStatus() == "completed", bad)
		}
		page = resp.NextPage
	}
	for page, n := 1, 0; page != 0 && n < maxPages; n++ {
		all, resp, err := f.gh.Repositories.GetCombinedStatus(ctx, r.owner, r.name, p.Head, &gh.ListOptions{PerPage: pageSize, Page: page})
		if isMissing(err) {
			break
		}
		if err != nil {
			return f.told(err, r, readPulls)
		}
		for _, s := range all.Statuses {
			count(s.GetContext(), s.GetState() != "pending", s.GetState() != "success")
		}
		page = resp.NextPage
	}
	slices.Sort(failing)
	failing = slices.Compact(failing)
	p.Failing = failing[:min(len(failing), maxFailing)]
	switch {
	case len(failing) > 0:
		p.Checks = "failing"
	case pending:
		p.Checks = "pending"
	case passing:
		p.Checks = "passing"
	default:
		p.Checks = ""
	}
	return nil
}

// reviews gives each reviewer's last word.
func (f *Forge) reviews(ctx context.Context, r repository, p *engine.Pull) error {
	last := map[string]string{}
	for page, n := 1, 0; page != 0 && n < maxPages; n++ {
		list, resp, err := f.gh.PullRequests.ListReviews(ctx, r.owner, r.name, p.Number, &gh.ListOptions{PerPage: pageSize, Page: page})
		if err != nil {
			return f.told(err, r, readPulls)
		}
		for _, v := range list { // in the order in which they were made
			switch state := v.GetState(); state {
			case "APPROVED", "CHANGES_REQUESTED", "DISMISSED":
				last[v.GetUser().GetLogin()] = state
			}
		}
		page = resp.NextPage
	}
	p.Review = ""
	for _, state := range last {
		switch state {
		case "CHANGES_REQUESTED":
			p.Review = "changes_requested"
			return nil
		case "APPROVED":
			p.Review = "approved"
		}
	}
	return nil
}

// isMissing tells whether something may not be seen, as opposed to GitHub having a limit or a fault.
func isMissing(err error) bool {
	return isStatus(err, 404) || isStatus(err, 403, "not accessible by")
}

// closeMark is hidden in the comment with which the bot closes a pull request, so that it stands there once.
const closeMark = "<!-- autopilot:closed -->"

// Close closes a pull request with a comment, and removes its branch unless a person pushed to it. The comment is plain text.
// Closing one that is closed or merged does nothing but remove the branch.
func (f *Forge) Close(ctx context.Context, repo string, p engine.Pull, comment string) error {
	r, err := parseRepo(repo)
	if err != nil {
		return err
	}
	if err := checkOurs(p.Branch); err != nil {
		return err
	}
	pr, err := f.get(ctx, r, p.Number)
	if err != nil {
		return err
	}
	if pr.GetHead().GetRef() != p.Branch {
		return engine.Errorf(engine.Conflict, "pull request %s#%d is not that of branch %s", r, p.Number, p.Branch)
	}
	if pr.GetState() == "open" {
		if err := f.say(ctx, r, p.Number, comment); err != nil {
			return err
		}
		if _, _, err := f.gh.PullRequests.Edit(ctx, r.owner, r.name, p.Number, &gh.PullRequest{State: new("closed")}); err != nil {
			return f.told(err, r, closePull)
		}
	}
	head, err := f.head(ctx, r, p.Branch)
	if err != nil || head == "" {
		return err
	}
	if _, err := f.ours(ctx, r, p.Branch, head); err != nil {
		if engine.CodeOf(err) == engine.Conflict {
			return nil // it is somebody's work
		}
		return err
	}
	_, err = f.gh.Git.DeleteRef(ctx, r.owner, r.name, "heads/"+p.Branch)
	if isStatus(err, 422, "does not exist") || isStatus(err, 404) {
		return nil
	}
	return f.told(err, r, closePull)
}

// say comments once, however often it is asked.
func (f *Forge) say(ctx context.Context, r repository, number int, comment string) error {
	if comment == "" {
		return nil
	}
	for page, n := 1, 0; page != 0 && n < maxPages; n++ {
		list, resp, err := f.gh.Issues.ListComments(ctx, r.owner, r.name, number, &gh.IssueListCommentsOptions{ListOptions: gh.ListOptions{PerPage: pageSize, Page: page}})
		if err != nil {
			return f.told(err, r, readPulls)
		}
		for _, c := range list {
			if change.HasMarker(c.GetBody(), closeMark) {
				return nil
			}
		}
		page = resp.NextPage
	}
	body := change.Prose(comment) + "\n\n" + closeMark
	_, _, err := f.gh.Issues.CreateComment(ctx, r.owner, r.name, number, &gh.IssueComment{Body: &body})
	return f.told(err, r, closePull)
}
