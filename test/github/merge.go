package github

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// blocked says what keeps a pull request from its protected base, "" when nothing does.
func (r *repo) blocked(p *pull) (why string, behind bool) {
	rule := r.rules[p.base]
	if rule == nil {
		return "", false
	}
	approvals, refusals, owners := r.tally(p)
	switch {
	case len(refusals) > 0:
		return "Changes have been requested by " + strings.Join(refusals, ", ") + ".", false
	case len(approvals) < rule.Reviews:
		return fmt.Sprintf("At least %d approving review is required by reviewers with write access.", rule.Reviews), false
	case rule.CodeOwners && !owners:
		return "Waiting on code owner review.", false
	}
	for _, name := range rule.Checks {
		switch r.checkState(p.headSHA, name) {
		case "success":
		case "failure":
			return fmt.Sprintf("Required status check %q is failing.", name), false
		default:
			return fmt.Sprintf("Required status check %q is expected.", name), false
		}
	}
	if rule.Strict && !r.git.isAncestor(r.refs[branchRef(p.base)], p.headSHA) {
		return "The head branch is not up to date with the base branch.", true
	}
	return "", false
}

// mergePull is the merge button.
func (c *call) mergePull() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	var in struct {
		Title   string  `json:"commit_title"`
		Message *string `json:"commit_message"`
		SHA     string  `json:"sha"`
		Method  string  `json:"merge_method"`
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	not := func(format string, args ...any) (reply, error) {
		return reply{}, refuse(http.StatusMethodNotAllowed, format, args...)
	}
	switch {
	case p.state != stateOpen:
		return not("Pull Request is not mergeable")
	case in.SHA != "" && in.SHA != p.headSHA:
		return reply{}, refuse(http.StatusConflict, "Head branch was modified. Review and try the merge again.")
	case p.draft:
		return not("Pull Request is still a draft")
	case in.Method == "rebase":
		return not("Rebase merges are not allowed on this repository.")
	case in.Method != "" && in.Method != "merge" && in.Method != "squash":
		return reply{}, unprocessable("Invalid request.\n\n%s is not a member of [\"merge\", \"squash\", \"rebase\"].", in.Method)
	}
	if why, _ := c.repo.blocked(p); why != "" && !c.bypasses(c.repo.rules[p.base]) {
		return not("%s", why)
	}
	sha, err := c.merge(p, in.Method, in.Title, in.Message)
	if err != nil {
		return reply{}, err
	}
	if sha == "" {
		return not("Pull Request is not mergeable")
	}
	return ok(obj{"sha": sha, "merged": true, "message": "Pull Request successfully merged"})
}

// merge puts a pull request into its base, and gives the commit; "" when they conflict.
func (c *call) merge(p *pull, method, title string, message *string) (string, error) {
	g, base := c.repo.git, c.repo.refs[branchRef(p.base)]
	tree, fits, err := g.merge(base, p.headSHA)
	if err != nil || !fits {
		return "", err
	}
	button := person{"GitHub", "noreply@github.com", c.s.now()}
	done := commit{Tree: tree, Author: c.self(), Committer: button, Parents: []string{base, p.headSHA}}
	subject, text := fmt.Sprintf("Merge pull request #%d from %s/%s", p.number, c.repo.owner, p.head), p.title
	if method == "squash" {
		done.Parents = []string{base}
		done.Author = person{p.user.Name, p.user.Email, c.s.now()}
		subject, text = fmt.Sprintf("%s (#%d)", p.title, p.number), p.body
	}
	if message != nil {
		text = *message
	}
	done.Message = strings.TrimRight(cmp.Or(title, subject)+"\n\n"+text, "\n") + "\n"
	sha, err := g.writeCommit(done)
	if err != nil {
		return "", err
	}
	c.repo.verified[sha] = true
	if err := g.setRef(branchRef(p.base), sha, base); err != nil {
		return "", err
	}
	c.s.markMerged(c.repo, p, sha, c.who)
	return sha, c.s.settle(c.repo, c.who)
}

// markMerged writes down that a pull request was merged as sha.
func (s *Server) markMerged(r *repo, p *pull, sha string, by actor) {
	p.state, p.mergeSHA, p.merged, p.closed, p.changed = stateClosed, sha, s.now(), s.now(), s.now()
	p.mergedBy, p.closedBy = by.user, by.user
	s.tellPull(r, p, "closed", by, nil)
}

// updateBranch merges the base into the head.
func (c *call) updateBranch() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	var in struct {
		Expected string `json:"expected_head_sha"`
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	base := c.repo.refs[branchRef(p.base)]
	switch {
	case p.state != stateOpen:
		return reply{}, unprocessable("There are no new commits on the base branch.")
	case in.Expected != "" && in.Expected != p.headSHA:
		return reply{}, unprocessable("expected head sha didn’t match current head ref.")
	case c.repo.git.isAncestor(base, p.headSHA):
		return reply{}, unprocessable("There are no new commits on the base branch.")
	}
	tree, fits, err := c.repo.git.merge(p.headSHA, base)
	if err != nil {
		return reply{}, err
	}
	if !fits {
		return reply{}, unprocessable("merge conflict between base and head")
	}
	sha, err := c.repo.git.writeCommit(commit{
		Tree: tree, Parents: []string{p.headSHA, base}, Author: c.self(), Committer: person{"GitHub", "noreply@github.com", c.s.now()},
		Message: fmt.Sprintf("Merge branch '%s' into %s\n", p.base, p.head),
	})
	if err != nil {
		return reply{}, err
	}
	if err := c.repo.git.setRef(branchRef(p.head), sha, p.headSHA); err != nil {
		return reply{}, err
	}
	if err := c.s.settle(c.repo, c.who); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusAccepted, value: obj{"message": "Updating pull request branch.", "url": c.repoURL(c.repo) + fmt.Sprintf("/pulls/%d", p.number)}}, nil
}

// settle lets follow what follows from refs that moved: pull requests get new commits, are closed with their branch or merged
// with their commits, and hooks are told. It is called after whatever may have moved one. s.mu is held.
func (s *Server) settle(r *repo, by actor) error {
	now, err := r.git.refs()
	if err != nil {
		return err
	}
	was := r.refs
	r.refs = now
	names := sorted(was)
	for name := range now {
		if _, old := was[name]; !old {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if was[name] == now[name] {
			continue
		}
		r.changed = s.now()
		s.tellPush(r, name, was[name], now[name], by)
		branch, isBranch := strings.CutPrefix(name, "refs/heads/")
		if !isBranch {
			continue
		}
		for _, p := range r.pulls {
			if err := s.follow(r, p, branch, was[name], now[name], by); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow lets an open pull request follow a branch that moved.
func (s *Server) follow(r *repo, p *pull, branch, was, now string, by actor) error {
	switch {
	case p.state != stateOpen || p.head != branch && p.base != branch:
		return nil
	case now == "":
		s.closePull(r, p, by)
		return nil
	case p.base == branch:
		p.unsettle()
		if r.git.isAncestor(p.headSHA, now) && !r.git.isAncestor(p.headSHA, was) {
			s.markMerged(r, p, now, by) // its commits were pushed there
		}
		return nil
	}
	p.unsettle()
	p.headSHA, p.baseSHA, p.changed = now, r.refs[branchRef(p.base)], s.now()
	if err := r.keepHead(p); err != nil {
		return err
	}
	s.tellPull(r, p, "synchronize", by, obj{"before": was, "after": now})
	if r.git.isAncestor(now, p.baseSHA) {
		s.closePull(r, p, by) // nothing of it is left
	}
	return nil
}
