package github

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// review is a review of a pull request.
type review struct {
	id          int64
	user        *User
	state, body string // APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED, PENDING
	sha         string
	at          time.Time
}

// tally is who of those that may push last approved a pull request, who last asked for changes, and whether owners of all that it
// changes are among the first.
func (r *repo) tally(p *pull) (approvals, refusals []string, owners bool) {
	last := map[string]string{}
	for _, v := range p.reviews {
		if v.state != "COMMENTED" && v.state != "PENDING" && r.atLeast(v.user.Login, "push") {
			last[v.user.Login] = v.state
		}
	}
	for _, login := range sorted(last) {
		switch last[login] {
		case "APPROVED":
			approvals = append(approvals, login)
		case "CHANGES_REQUESTED":
			refusals = append(refusals, login)
		}
	}
	return approvals, refusals, r.ownersAgree(p, approvals)
}

// ownersAgree tells whether of each changed file with owners one has approved. A team is taken to be anybody who may push.
func (r *repo) ownersAgree(p *pull, approvals []string) bool {
	from, to := r.span(p)
	changes, err := r.git.diff(from, to)
	if err != nil {
		return false
	}
	rules := r.codeOwners(p.baseSHA)
	for _, f := range changes {
		owners := ownersOf(rules, f.Path)
		agreed := slices.ContainsFunc(owners, func(o string) bool {
			return strings.Contains(o, "/") && len(approvals) > 0 || slices.ContainsFunc(approvals, func(a string) bool { return strings.EqualFold("@"+a, o) })
		})
		if len(owners) > 0 && !agreed {
			return false
		}
	}
	return true
}

// codeOwners reads the CODEOWNERS file of a commit: lines of a pattern and owners.
func (r *repo) codeOwners(sha string) [][]string {
	var rules [][]string
	for _, name := range []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"} {
		e, err := r.git.at(sha, name)
		if err != nil {
			continue
		}
		_, data, err := r.git.object(e.SHA)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			if f := strings.Fields(line); len(f) > 0 {
				rules = append(rules, f)
			}
		}
		break
	}
	return rules
}

// ownersOf is the owners of the last rule that a path matches.
func ownersOf(rules [][]string, name string) []string {
	var owners []string
	for _, rule := range rules {
		if owns(rule[0], name) {
			owners = rule[1:]
		}
	}
	return owners
}

// owns matches a path with a pattern of CODEOWNERS: anchored where it has a slash within, a folder with all below it.
func owns(pattern, name string) bool {
	anchored := strings.Contains(strings.TrimSuffix(pattern, "/"), "/")
	folder := strings.HasSuffix(pattern, "/")
	pattern = strings.Trim(pattern, "/")
	parts := strings.Split(name, "/")
	for from := range parts {
		if anchored && from > 0 {
			break
		}
		for to := from + 1; to <= len(parts); to++ {
			if folder && to == len(parts) {
				continue
			}
			whole := strings.HasSuffix(pattern, "/*") && to < len(parts) // docs/* is not what is below docs/x/
			if hit, err := path.Match(pattern, strings.Join(parts[from:to], "/")); err == nil && hit && !whole {
				return true
			}
		}
	}
	return strings.HasSuffix(pattern, "/**") && strings.HasPrefix(name, strings.TrimSuffix(pattern, "**"))
}

func (c *call) reviewJSON(p *pull, v *review) obj {
	page := fmt.Sprintf("%s/%s/pull/%d", c.s.url, c.repo.full(), p.number)
	return obj{
		"id": v.id, "node_id": nodeID("PRR", v.id), "user": c.userJSON(v.user), "body": v.body, "state": v.state, "commit_id": v.sha,
		"html_url": fmt.Sprintf("%s#pullrequestreview-%d", page, v.id), "pull_request_url": fmt.Sprintf("%s/pulls/%d", c.repoURL(c.repo), p.number),
		"submitted_at": stamp(v.at), "author_association": "COLLABORATOR",
	}
}

func (c *call) listReviews() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	return ok(each(page(c, p.reviews), func(v *review) obj { return c.reviewJSON(p, v) }))
}

var reviewStates = map[string]string{"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED", "": "PENDING"}

func (c *call) createReview() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	var in struct {
		Body, Event string
		Commit      string `json:"commit_id"`
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	state := reviewStates[in.Event]
	switch {
	case state == "":
		return reply{}, unprocessable("Variable $event of type PullRequestReviewEvent was provided invalid value")
	case c.who.user == p.user && (state == "APPROVED" || state == "CHANGES_REQUESTED"):
		verb := map[string]string{"APPROVED": "approve", "CHANGES_REQUESTED": "request changes on"}[state]
		return reply{}, &refusal{status: http.StatusUnprocessableEntity, message: "Unprocessable Entity", errors: []string{"Can not " + verb + " your own pull request"}}
	case state != "APPROVED" && in.Body == "":
		return reply{}, unprocessable("Unprocessable Entity: body is missing")
	}
	return ok(c.reviewJSON(p, c.s.addReview(c.repo, p, c.who, state, in.Body)))
}

// addReview writes a review; who reviewed is no longer asked to.
func (s *Server) addReview(r *repo, p *pull, by actor, state, body string) *review {
	v := &review{id: s.next(), user: by.user, state: state, body: body, sha: p.headSHA, at: s.now()}
	p.reviews = append(p.reviews, v)
	p.reviewers = slices.DeleteFunc(p.reviewers, func(u *User) bool { return u == by.user })
	p.changed = s.now()
	if state != "PENDING" {
		c := s.view(r)
		told := c.reviewJSON(p, v)
		told["state"] = strings.ToLower(v.state) // as hooks have it
		s.tell(r, "pull_request_review", by, obj{"action": "submitted", "review": told, "pull_request": c.pullJSON(p)})
	}
	return v
}

func (c *call) listReviewers() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	full := c.pullJSON(p)
	return ok(obj{"users": full["requested_reviewers"], "teams": full["requested_teams"]})
}

// requestReviewers asks people and teams for a review, or takes that back.
func (c *call) requestReviewers() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	var in struct {
		Reviewers []string `json:"reviewers"`
		Teams     []string `json:"team_reviewers"`
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	org := c.s.account(c.repo.owner)
	for _, login := range in.Reviewers {
		switch {
		case strings.EqualFold(login, p.user.Login):
			return reply{}, unprocessable("Review cannot be requested from pull request author.")
		case c.s.user(login) == nil || c.repo.access[strings.ToLower(login)] == "" && !strings.EqualFold(login, c.repo.owner):
			return reply{}, c.noCollaborator()
		}
	}
	if slices.ContainsFunc(in.Teams, func(slug string) bool { return !org.hasTeam(slug) }) {
		return reply{}, c.noCollaborator()
	}
	remove := c.r.Method == http.MethodDelete
	for _, login := range in.Reviewers {
		u := c.s.user(login)
		at := slices.Index(p.reviewers, u)
		switch {
		case remove && at >= 0:
			p.reviewers = slices.Delete(p.reviewers, at, at+1)
		case !remove && at < 0:
			p.reviewers = append(p.reviewers, u)
			c.s.tellPull(c.repo, p, "review_requested", c.who, obj{"requested_reviewer": c.userJSON(u)})
		}
	}
	for _, slug := range in.Teams {
		at := slices.Index(p.teams, slug)
		switch {
		case remove && at >= 0:
			p.teams = slices.Delete(p.teams, at, at+1)
		case !remove && at < 0:
			p.teams = append(p.teams, slug)
		}
	}
	if remove {
		return ok(c.pullJSON(p))
	}
	return created(c.pullJSON(p))
}

func (c *call) noCollaborator() error {
	return unprocessable("Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the %s repository.", c.repo.full())
}
