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

// races is how often something is looked at again because somebody else did it first.
const races = 3

// Propose makes the branch of a draft, its one commit on the commit that the draft names, and the pull request; or it finds what is
// there, and makes equal what differs. A pull request that was merged or closed is given as it is, and nothing is made.
// It fails with Conflict when a person pushed to the branch, when the base has all of it already, or when the commit is no longer
// there; with Forbidden and what is missing; with Invalid; and with Unavailable, also (as engine.Waiting) where GitHub or the limits of
// pull requests want it later.
func (f *Forge) Propose(ctx context.Context, d change.Draft) (engine.Pull, error) {
	r, err := parseRepo(d.Repo)
	if err != nil {
		return engine.Pull{}, err
	}
	if err := checkDraft(d); err != nil {
		return engine.Pull{}, err
	}
	if d.Base, err = f.base(ctx, r, d.Base); err != nil {
		return engine.Pull{}, err
	}
	there, err := f.find(ctx, r, d.Branch, d.Marker)
	switch {
	case err != nil:
		return engine.Pull{}, err
	case there != nil && there.GetState() != "open":
		return f.pullOf(there, engine.Pull{}), nil
	case there == nil:
		if err := f.admit(ctx, r); err != nil {
			return engine.Pull{}, err
		}
	}
	head, err := f.stand(ctx, r, d)
	if err != nil {
		return engine.Pull{}, err
	}
	fresh := there == nil
	if fresh {
		if there, fresh, err = f.open(ctx, r, d); err != nil {
			return engine.Pull{}, err
		}
	}
	if err := f.dress(ctx, r, d, there, fresh); err != nil {
		return engine.Pull{}, err
	}
	out := f.pullOf(there, engine.Pull{})
	out.Head, out.Parent = head, d.Commit
	return out, nil
}

func checkDraft(d change.Draft) error {
	switch {
	case len(d.Files) == 0:
		return engine.Errorf(engine.Invalid, "the pull request changes no file")
	case d.Title == "" || d.Message == "":
		return engine.Errorf(engine.Invalid, "the pull request has no title or no message")
	case !change.HasMarker(d.Body, d.Marker) || d.Marker == "":
		return engine.Errorf(engine.Invalid, "the body of the pull request lacks its marker")
	case !change.HasTrailer(d.Message, d.Branch):
		return engine.Errorf(engine.Invalid, "the message of the commit lacks its trailer")
	case !hashForm.MatchString(d.Commit):
		return engine.Errorf(engine.Invalid, "%q is no commit", d.Commit)
	}
	return checkOurs(d.Branch)
}

// find gives the pull request of a branch of ours: the open one, or else the newest; nil when there never was one.
func (f *Forge) find(ctx context.Context, r repository, branch, marker string) (*gh.PullRequest, error) {
	list, _, err := f.gh.PullRequests.List(ctx, r.owner, r.name, &gh.PullRequestListOptions{
		State: "all", Head: r.owner + ":" + branch, Sort: "created", Direction: "desc", ListOptions: gh.ListOptions{PerPage: 100},
	})
	if isStatus(err, 404) {
		return nil, f.told(err, r, read)
	}
	if err != nil {
		return nil, f.told(err, r, readPulls)
	}
	list = slices.DeleteFunc(list, func(p *gh.PullRequest) bool { return p.GetHead().GetRef() != branch }) // whatever the filter did
	rank := func(p *gh.PullRequest) int {
		n := 0
		if p.GetState() == "open" {
			n += 2
		}
		if change.HasMarker(p.GetBody(), marker) {
			n++
		}
		return n
	}
	slices.SortStableFunc(list, func(a, b *gh.PullRequest) int { return cmp.Compare(rank(b), rank(a)) })
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // none is an answer
	}
	return list[0], nil
}

// stand makes the branch stand at one commit of the draft's files on the draft's commit, and gives that commit.
func (f *Forge) stand(ctx context.Context, r repository, d change.Draft) (string, error) {
	on, err := f.treeOf(ctx, r, d.Commit)
	if err != nil {
		return "", err
	}
	made := ""
	for range races {
		head, err := f.head(ctx, r, d.Branch)
		if err != nil {
			return "", err
		}
		var old *gh.RepositoryCommit
		if head != "" {
			if old, err = f.ours(ctx, r, d.Branch, head); err != nil {
				return "", err
			}
		}
		want, err := f.write(ctx, r, d, on)
		if err != nil {
			return "", err
		}
		if old != nil && old.GetCommit().GetTree().GetSHA() == want && old.Parents[0].GetSHA() == d.Commit {
			return head, nil
		}
		if made == "" {
			if made, err = f.commit(ctx, r, d, want); err != nil {
				return "", err
			}
		}
		// GitHub moves a ref whatever it stood at: look once more that nobody pushed while the commit was made.
		if now, err := f.head(ctx, r, d.Branch); err != nil {
			return "", err
		} else if now != head {
			continue
		}
		ref := &gh.Reference{Ref: new("refs/heads/" + d.Branch), Object: &gh.GitObject{SHA: &made}}
		if head == "" {
			_, _, err = f.gh.Git.CreateRef(ctx, r.owner, r.name, ref)
		} else {
			_, _, err = f.gh.Git.UpdateRef(ctx, r.owner, r.name, ref, true)
		}
		switch {
		case err == nil:
			return made, nil
		case isStatus(err, 422, "already exists", "does not exist"): // somebody was faster: look again
			continue
		}
		return "", f.told(err, r, push)
	}
	return "", engine.Errorf(engine.Unavailable, "branch %s of %s changes too fast; it is tried again", d.Branch, r)
}

// ours gives the commit that a branch stands at when it is one that the bot made for that branch. It fails with Conflict when a
// person pushed.
func (f *Forge) ours(ctx context.Context, r repository, branch, sha string) (*gh.RepositoryCommit, error) {
	me, err := f.login(ctx)
	if err != nil {
		return nil, err
	}
	c, _, err := f.gh.Repositories.GetCommit(ctx, r.owner, r.name, sha, nil)
	if err != nil {
		return nil, f.told(err, r, read)
	}
	if !isOurs(c, me, branch) {
		return nil, engine.Errorf(engine.Conflict, "somebody pushed to branch %s of %s: it is theirs now, and the bot leaves it alone", branch, r)
	}
	return c, nil
}

// webFlow is who commits what is made on GitHub itself, in the name of its author.
const webFlow = "web-flow"

// isOurs tells whether the bot made a commit for a branch. Its author alone does not tell, for people may use the bot's account.
func isOurs(c *gh.RepositoryCommit, me, branch string) bool {
	by := c.GetCommitter().GetLogin()
	return strings.EqualFold(c.GetAuthor().GetLogin(), me) && (by == webFlow || strings.EqualFold(by, me)) &&
		len(c.Parents) == 1 && change.HasTrailer(c.GetCommit().GetMessage(), branch)
}

// write makes the draft's files and their tree. All are named by their content: what is there is used.
func (f *Forge) write(ctx context.Context, r repository, d change.Draft, on *tree) (string, error) {
	entries, err := on.entries(d.Files)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		data := d.Files[e.GetPath()]
		if old, ok := on.find(e.GetPath()); data == nil || ok && old.Blob == e.GetSHA() {
			continue
		}
		blob, _, err := f.gh.Git.CreateBlob(ctx, r.owner, r.name, newBlob(data))
		if err != nil {
			return "", f.told(err, r, push)
		}
		if len(blob.GetSHA()) == len(e.GetSHA()) && blob.GetSHA() != e.GetSHA() {
			return "", engine.Errorf(engine.Unavailable, "GitHub kept other bytes of %s than it was given", e.GetPath())
		}
		e.SHA = blob.SHA
	}
	nothing := engine.Errorf(engine.Conflict, "%s has all of this already: there is nothing to propose", r)
	if len(entries) == 0 {
		return "", nothing
	}
	made, _, err := f.gh.Git.CreateTree(ctx, r.owner, r.name, on.sha, entries)
	if err != nil {
		return "", f.told(err, r, push)
	}
	if made.GetSHA() == on.sha {
		return "", nothing
	}
	return made.GetSHA(), nil
}

// commit makes the commit. It names no author: GitHub then takes the bot's account, and signs what an App commits.
func (f *Forge) commit(ctx context.Context, r repository, d change.Draft, tree string) (string, error) {
	made, _, err := f.gh.Git.CreateCommit(ctx, r.owner, r.name, &gh.Commit{
		Message: &d.Message, Tree: &gh.Tree{SHA: &tree}, Parents: []*gh.Commit{{SHA: &d.Commit}},
	}, nil)
	if err != nil {
		return "", f.told(err, r, push)
	}
	return made.GetSHA(), nil
}

// open opens the pull request; fresh is false when somebody was faster.
func (f *Forge) open(ctx context.Context, r repository, d change.Draft) (p *gh.PullRequest, fresh bool, err error) {
	in := &gh.NewPullRequest{Title: &d.Title, Head: &d.Branch, Base: &d.Base, Body: &d.Body, Draft: &d.AsDraft}
	p, _, err = f.gh.PullRequests.Create(ctx, r.owner, r.name, in)
	if isStatus(err, 422, "draft pull requests are not supported") {
		in.Draft = nil
		p, _, err = f.gh.PullRequests.Create(ctx, r.owner, r.name, in)
	}
	switch {
	case err == nil:
		return p, true, nil
	case isStatus(err, 422, "already exists"):
		if p, err = f.find(ctx, r, d.Branch, d.Marker); err == nil && p == nil {
			err = engine.Errorf(engine.Unavailable, "GitHub has a pull request for %s and does not show it; it is tried again", d.Branch)
		}
		return p, false, err
	case isStatus(err, 422, "no commits between"):
		return nil, false, engine.Errorf(engine.Conflict, "%s has all of this already: there is nothing to propose", r)
	case isStatus(err, 422, "base invalid"):
		return nil, false, engine.Errorf(engine.NotFound, "%s has no branch %s", r, d.Base)
	}
	return nil, false, f.told(err, r, open)
}
