package github

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

const stateOpen, stateClosed = "open", "closed"

// pull is a pull request. Its head and base are branches of the one repository.
type pull struct {
	id, issue          int64
	number             int
	title, body, state string
	draft              bool
	user               *User
	head, base         string // branches
	headSHA, baseSHA   string
	made, changed      time.Time
	closed, merged     time.Time
	closedBy, mergedBy *User
	mergeSHA           string
	labels             []*label
	reviewers          []*User
	teams              []string
	assignees          []*User
	reviews            []*review
	comments           []*comment
	asked              int    // how often it was read since head or base moved
	judged             string // head and base that ok is about
	fits               bool
}

func (c *call) findPull() (*pull, error) {
	n, err := c.number("number")
	if err != nil {
		return nil, err
	}
	if p := c.repo.pull(int(n)); p != nil {
		return p, nil
	}
	return nil, notFound()
}

func (r *repo) pull(number int) *pull {
	for _, p := range r.pulls {
		if p.number == number {
			return p
		}
	}
	return nil
}

func (c *call) listPulls() (reply, error) {
	state := cmp.Or(c.query("state"), stateOpen)
	owner, head, qualified := strings.Cut(c.query("head"), ":")
	var list []*pull
	for _, p := range c.repo.pulls {
		switch {
		case state != "all" && p.state != state,
			qualified && (p.head != head || !strings.EqualFold(owner, c.repo.owner)), // GitHub passes over a head without its owner
			c.query("base") != "" && p.base != c.query("base"):
			continue
		}
		list = append(list, p)
	}
	byUpdate := c.query("sort") == "updated"
	slices.SortStableFunc(list, func(a, b *pull) int {
		if byUpdate {
			return cmp.Or(a.changed.Compare(b.changed), cmp.Compare(a.number, b.number))
		}
		return cmp.Compare(a.number, b.number)
	})
	direction := c.query("direction")
	if direction == "desc" || direction == "" {
		slices.Reverse(list)
	}
	return ok(each(page(c, list), c.pullJSON))
}

func (c *call) createPull() (reply, error) {
	var in struct {
		Title, Body, Head, Base string
		Draft                   bool
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	for _, f := range []struct{ name, value string }{{"head", in.Head}, {"base", in.Base}, {"title", in.Title}} {
		if f.value == "" {
			return reply{}, invalid(obj{"resource": "PullRequest", "code": "missing_field", "field": f.name})
		}
	}
	head := in.Head
	if owner, branch, qualified := strings.Cut(head, ":"); qualified && strings.EqualFold(owner, c.repo.owner) {
		head = branch
	}
	headSHA, baseSHA := c.repo.refs[branchRef(head)], c.repo.refs[branchRef(in.Base)]
	switch {
	case headSHA == "":
		return reply{}, invalid(obj{"resource": "PullRequest", "field": "head", "code": "invalid"})
	case baseSHA == "":
		return reply{}, invalid(obj{"resource": "PullRequest", "field": "base", "code": "invalid"})
	}
	n, err := c.repo.git.count(baseSHA, headSHA)
	if err != nil {
		return reply{}, err
	}
	taken := slices.ContainsFunc(c.repo.pulls, func(p *pull) bool { return p.state == stateOpen && p.head == head && p.base == in.Base })
	switch {
	case n == 0:
		return reply{}, invalid(obj{"resource": "PullRequest", "code": "custom", "message": fmt.Sprintf("No commits between %s and %s", in.Base, head)})
	case c.repo.git.mergeBase(baseSHA, headSHA) == "":
		return reply{}, invalid(obj{"resource": "PullRequest", "code": "custom", "message": fmt.Sprintf("The %s branch has no history in common with %s", head, in.Base)})
	case taken:
		return reply{}, invalid(obj{"resource": "PullRequest", "code": "custom", "message": fmt.Sprintf("A pull request already exists for %s:%s.", c.repo.owner, head)})
	}
	now := c.s.now()
	c.repo.serial++
	p := &pull{
		id: c.s.next(), issue: c.s.next(), number: c.repo.serial, title: in.Title, body: in.Body, state: stateOpen, draft: in.Draft, user: c.who.user,
		head: head, base: in.Base, headSHA: headSHA, baseSHA: baseSHA, made: now, changed: now,
	}
	c.repo.pulls = append(c.repo.pulls, p)
	if err := c.repo.keepHead(p); err != nil {
		return reply{}, err
	}
	c.s.tellPull(c.repo, p, "opened", c.who, nil)
	return created(c.fullPullJSON(p))
}

// keepHead keeps the head of a pull request under a ref of GitHub's own, so that it outlives its branch.
func (r *repo) keepHead(p *pull) error {
	_, err := r.git.run(nil, "update-ref", fmt.Sprintf("refs/pull/%d/head", p.number), p.headSHA)
	return err
}

func (c *call) showPull() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	if c.accepts("diff") || c.accepts("patch") {
		from, to := c.repo.span(p)
		return c.diffReply(from, to)
	}
	if err := c.judge(p); err != nil {
		return reply{}, err
	}
	return ok(c.fullPullJSON(p))
}

// judge finds out whether a pull request can be merged, as GitHub does: later than it is asked.
func (c *call) judge(p *pull) error {
	now := p.headSHA + " " + c.repo.refs[branchRef(p.base)]
	if p.state != stateOpen || p.judged == now {
		return nil
	}
	if p.asked++; p.asked <= c.s.cfg.MergeableReads {
		return nil
	}
	_, fits, err := c.repo.git.merge(c.repo.refs[branchRef(p.base)], p.headSHA)
	p.judged, p.fits = now, fits
	return err
}

// unsettle forgets whether it can be merged, as its head or base moved.
func (p *pull) unsettle() { p.judged, p.asked = "", 0 }

// mergeable is what GitHub says of it, null while it is finding out, and the reason in a word.
func (c *call) mergeable(p *pull) (can any, state string) {
	switch {
	case p.state != stateOpen:
		return nil, "unknown"
	case p.judged == "":
		return nil, "unknown"
	case !p.fits:
		return false, "dirty"
	case p.draft:
		return true, "draft"
	}
	if why, behind := c.repo.blocked(p); why != "" {
		if behind {
			return true, "behind"
		}
		return true, "blocked"
	}
	if c.repo.verdict(p.headSHA) == "success" {
		return true, "clean"
	}
	return true, "unstable"
}

func (c *call) updatePull() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	var in struct{ Title, Body, State, Base *string }
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	if in.State != nil && *in.State != stateOpen && *in.State != stateClosed {
		return reply{}, invalid(obj{"resource": "PullRequest", "field": "state", "code": "invalid"})
	}
	if in.Base != nil && *in.Base != p.base {
		sha := c.repo.refs[branchRef(*in.Base)]
		if sha == "" || p.state != stateOpen {
			return reply{}, invalid(obj{"resource": "PullRequest", "field": "base", "code": "invalid"})
		}
		p.base, p.baseSHA = *in.Base, sha
		p.unsettle()
	}
	edited := in.Base != nil
	for _, f := range []struct {
		to   *string
		from *string
	}{{&p.title, in.Title}, {&p.body, in.Body}} {
		if f.from != nil && *f.from != *f.to {
			*f.to, edited = *f.from, true
		}
	}
	p.changed = c.s.now()
	if edited {
		c.s.tellPull(c.repo, p, "edited", c.who, nil)
	}
	if in.State != nil {
		if err := c.setState(p, *in.State); err != nil {
			return reply{}, err
		}
	}
	return ok(c.fullPullJSON(p))
}

// setState closes a pull request, or opens it again where GitHub would.
func (c *call) setState(p *pull, state string) error {
	if state == p.state {
		return nil
	}
	if state == stateClosed {
		c.s.closePull(c.repo, p, c.who)
		return nil
	}
	sha := c.repo.refs[branchRef(p.head)]
	taken := slices.ContainsFunc(c.repo.pulls, func(o *pull) bool { return o.state == stateOpen && o.head == p.head && o.base == p.base })
	if !p.merged.IsZero() || sha == "" || taken || sha != p.headSHA && !c.repo.git.isAncestor(p.headSHA, sha) {
		return invalid(obj{"resource": "PullRequest", "code": "custom", "field": "state", "message": "state cannot be changed. The " + p.head + " branch was force-pushed, recreated or deleted, or another pull request is open for it."})
	}
	p.state, p.closed, p.closedBy, p.headSHA, p.changed = stateOpen, time.Time{}, nil, sha, c.s.now()
	p.unsettle()
	c.s.tellPull(c.repo, p, "reopened", c.who, nil)
	return c.repo.keepHead(p)
}

// closePull closes a pull request without merging it.
func (s *Server) closePull(r *repo, p *pull, by actor) {
	p.state, p.closed, p.closedBy, p.changed = stateClosed, s.now(), by.user, s.now()
	s.tellPull(r, p, "closed", by, nil)
}

// span is the commits that a pull request's changes are between.
func (r *repo) span(p *pull) (from, to string) {
	base := p.baseSHA
	if now := r.refs[branchRef(p.base)]; now != "" && p.state == stateOpen {
		base = now
	}
	return cmp.Or(r.git.mergeBase(base, p.headSHA), base), p.headSHA
}

func (c *call) listPullFiles() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	from, to := c.repo.span(p)
	changes, err := c.repo.git.diff(from, to)
	if err != nil {
		return reply{}, err
	}
	return ok(each(page(c, changes), func(f change) obj { return c.fileJSON(f, to) }))
}

func (c *call) listPullCommits() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	from, to := c.repo.span(p)
	list, err := c.repo.git.commits(0, "--reverse", from+".."+to, "--")
	if err != nil {
		return reply{}, err
	}
	return ok(each(page(c, list), c.commitJSON))
}

func (c *call) showMerged() (reply, error) {
	p, err := c.findPull()
	if err != nil || p.merged.IsZero() {
		return reply{}, notFound()
	}
	return nothing()
}

func (c *call) endJSON(branch, sha string) obj {
	return obj{"label": c.repo.owner + ":" + branch, "ref": branch, "sha": sha, "user": c.userJSON(c.s.account(c.repo.owner)), "repo": c.repoJSON(c.repo)}
}

// pullJSON is a pull request in a list.
func (c *call) pullJSON(p *pull) obj {
	url := c.repoURL(c.repo)
	self, issue := fmt.Sprintf("%s/pulls/%d", url, p.number), fmt.Sprintf("%s/issues/%d", url, p.number)
	page := fmt.Sprintf("%s/%s/pull/%d", c.s.url, c.repo.full(), p.number)
	association := "NONE"
	if c.repo.atLeast(p.user.Login, "triage") {
		association = "COLLABORATOR"
	}
	return obj{
		"id": p.id, "node_id": nodeID("PR", p.id), "number": p.number, "state": p.state, "locked": false, "title": p.title, "body": orNull(p.body), "draft": p.draft,
		"user": c.userJSON(p.user), "url": self, "html_url": page, "diff_url": page + ".diff", "patch_url": page + ".patch", "issue_url": issue,
		"commits_url": self + "/commits", "comments_url": issue + "/comments", "statuses_url": url + "/statuses/" + p.headSHA,
		"head": c.endJSON(p.head, p.headSHA), "base": c.endJSON(p.base, p.baseSHA), "merge_commit_sha": orNull(p.mergeSHA),
		"created_at": stamp(p.made), "updated_at": stamp(p.changed), "closed_at": stamp(p.closed), "merged_at": stamp(p.merged),
		"labels": each(p.labels, c.labelJSON), "assignees": each(p.assignees, c.userJSON), "assignee": nil, "milestone": nil,
		"requested_reviewers": each(p.reviewers, c.userJSON), "requested_teams": each(p.teams, func(t string) obj { return c.teamJSON(c.s.account(c.repo.owner), t) }),
		"author_association": association, "auto_merge": nil, "active_lock_reason": nil,
	}
}

// fullPullJSON is a pull request by itself.
func (c *call) fullPullJSON(p *pull) obj {
	out := c.pullJSON(p)
	out["mergeable"], out["mergeable_state"] = c.mergeable(p)
	out["merged"], out["merged_by"], out["rebaseable"] = !p.merged.IsZero(), c.userJSON(p.mergedBy), out["mergeable"]
	out["comments"], out["review_comments"], out["maintainer_can_modify"] = len(p.comments), 0, false
	from, to := c.repo.span(p)
	if changes, err := c.repo.git.diff(from, to); err == nil {
		added, removed := lines(changes)
		out["additions"], out["deletions"], out["changed_files"] = added, removed, len(changes)
	}
	if n, err := c.repo.git.count(from, to); err == nil {
		out["commits"] = n
	}
	return out
}
