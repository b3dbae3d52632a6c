package github

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// comment is a comment of a pull request's conversation.
type comment struct {
	id          int64
	user        *User
	body        string
	at, changed time.Time
}

func (c *call) issueJSON(p *pull) obj {
	full := c.pullJSON(p)
	url := fmt.Sprintf("%s/issues/%d", c.repoURL(c.repo), p.number)
	return obj{
		"id": p.issue, "node_id": nodeID("I", p.issue), "number": p.number, "title": p.title, "body": orNull(p.body), "state": p.state, "user": full["user"],
		"labels": full["labels"], "assignees": full["assignees"], "comments": len(p.comments), "locked": false, "url": url, "html_url": full["html_url"],
		"comments_url": url + "/comments", "repository_url": c.repoURL(c.repo), "created_at": stamp(p.made), "updated_at": stamp(p.changed), "closed_at": stamp(p.closed),
		"closed_by": c.userJSON(p.closedBy), "draft": p.draft,
		"pull_request": obj{"url": full["url"], "html_url": full["html_url"], "merged_at": stamp(p.merged)},
	}
}

func (c *call) showIssue() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	return ok(c.issueJSON(p))
}

// updateIssue changes a pull request through its issue.
func (c *call) updateIssue() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	var in struct {
		Title, Body, State *string
		Labels             *[]string
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	if in.Labels != nil {
		c.setLabels(p, *in.Labels)
	}
	if _, err := c.updatePull(); err != nil {
		return reply{}, err
	}
	return ok(c.issueJSON(p))
}

func (c *call) commentJSON(p *pull, m *comment) obj {
	issue := fmt.Sprintf("%s/issues/%d", c.repoURL(c.repo), p.number)
	return obj{
		"id": m.id, "node_id": nodeID("IC", m.id), "user": c.userJSON(m.user), "body": m.body, "created_at": stamp(m.at), "updated_at": stamp(m.changed),
		"url": fmt.Sprintf("%s/issues/comments/%d", c.repoURL(c.repo), m.id), "issue_url": issue, "author_association": "COLLABORATOR",
		"html_url": fmt.Sprintf("%s/%s/pull/%d#issuecomment-%d", c.s.url, c.repo.full(), p.number, m.id),
	}
}

func (c *call) listComments() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	return ok(each(page(c, p.comments), func(m *comment) obj { return c.commentJSON(p, m) }))
}

const maxText = 65536

func (c *call) readBody(resource string) (string, error) {
	var in struct{ Body string }
	if err := c.read(&in); err != nil {
		return "", err
	}
	switch {
	case strings.TrimSpace(in.Body) == "":
		return "", invalid(obj{"resource": resource, "code": "missing_field", "field": "body"})
	case len(in.Body) > maxText:
		return "", invalid(obj{"resource": resource, "code": "custom", "field": "body", "message": "body is too long (maximum is 65536 characters)"})
	}
	return in.Body, nil
}

func (c *call) createComment() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	body, err := c.readBody("IssueComment")
	if err != nil {
		return reply{}, err
	}
	return created(c.commentJSON(p, c.s.addComment(c.repo, p, c.who, body)))
}

func (s *Server) addComment(r *repo, p *pull, by actor, body string) *comment {
	m := &comment{id: s.next(), user: by.user, body: body, at: s.now(), changed: s.now()}
	p.comments = append(p.comments, m)
	p.changed = s.now()
	c := s.view(r)
	s.tell(r, "issue_comment", by, obj{"action": "created", "issue": c.issueJSON(p), "comment": c.commentJSON(p, m)})
	return m
}

func (c *call) findComment() (*pull, *comment, error) {
	id, err := c.number("id")
	if err != nil {
		return nil, nil, err
	}
	for _, p := range c.repo.pulls {
		for _, m := range p.comments {
			if m.id == id {
				return p, m, nil
			}
		}
	}
	return nil, nil, notFound()
}

func (c *call) showComment() (reply, error) {
	p, m, err := c.findComment()
	if err != nil {
		return reply{}, err
	}
	return ok(c.commentJSON(p, m))
}

func (c *call) updateComment() (reply, error) {
	p, m, err := c.findComment()
	if err != nil {
		return reply{}, err
	}
	if m.user != c.who.user && !c.repo.atLeast(c.who.login, "push") {
		return reply{}, refuse(http.StatusForbidden, "Must have write access to update this comment.")
	}
	body, err := c.readBody("IssueComment")
	if err != nil {
		return reply{}, err
	}
	m.body, m.changed = body, c.s.now()
	return ok(c.commentJSON(p, m))
}

func (c *call) deleteComment() (reply, error) {
	p, m, err := c.findComment()
	if err != nil {
		return reply{}, err
	}
	p.comments = slices.DeleteFunc(p.comments, func(o *comment) bool { return o == m })
	return nothing()
}

func (c *call) listPullLabels() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	return ok(each(page(c, p.labels), c.labelJSON))
}

// addLabels puts labels on; PUT puts them in the place of those that are there.
func (c *call) addLabels() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	var in struct{ Labels []string }
	var names []string
	if json.Unmarshal(c.body, &names) != nil { // the list alone does too
		if err := c.read(&in); err != nil {
			return reply{}, err
		}
		names = in.Labels
	}
	if slices.Contains(names, "") || len(names) == 0 && c.r.Method == http.MethodPost {
		return reply{}, invalid(obj{"resource": "Label", "code": "missing_field", "field": "name"})
	}
	if c.r.Method == http.MethodPost {
		for _, l := range p.labels {
			names = append(names, l.Name)
		}
	}
	c.setLabels(p, names)
	return ok(each(p.labels, c.labelJSON))
}

// setLabels gives a pull request these labels; those that the repository does not know are made.
func (c *call) setLabels(p *pull, names []string) {
	var labels []*label
	for _, name := range names {
		l := c.s.labelOf(c.repo, name)
		if !slices.Contains(labels, l) {
			labels = append(labels, l)
		}
	}
	slices.SortFunc(labels, func(a, b *label) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	was := p.labels
	p.labels, p.changed = labels, c.s.now()
	for _, l := range labels {
		if !slices.Contains(was, l) {
			c.s.tellPull(c.repo, p, "labeled", c.who, obj{"label": c.labelJSON(l)})
		}
	}
	for _, l := range was {
		if !slices.Contains(labels, l) {
			c.s.tellPull(c.repo, p, "unlabeled", c.who, obj{"label": c.labelJSON(l)})
		}
	}
}

func (c *call) removeLabel() (reply, error) {
	p, err := c.findPull()
	if err != nil {
		return reply{}, err
	}
	var keep []string
	for _, l := range p.labels {
		if !strings.EqualFold(l.Name, c.part("label")) {
			keep = append(keep, l.Name)
		}
	}
	if len(keep) == len(p.labels) {
		return reply{}, refuse(http.StatusNotFound, "Label does not exist")
	}
	c.setLabels(p, keep)
	return ok(each(p.labels, c.labelJSON))
}

const searchDoc = "rest/search/search#search-issues-and-pull-requests"

// search finds pull requests by repo:, is:, head:, base:, author:, label: and words of the title or body.
func (c *call) search() (reply, error) {
	if c.query("q") == "" {
		return reply{}, invalid(obj{"resource": "Search", "code": "missing", "field": "q"})
	}
	var hits []obj
	for _, key := range sorted(c.s.repos) {
		r := c.s.repos[key]
		if !c.who.sees(r) {
			continue
		}
		c.repo = r
		for _, p := range r.pulls {
			if p.found(r, c.query("q")) {
				hits = append(hits, c.issueJSON(p))
			}
		}
	}
	return ok(obj{"total_count": len(hits), "incomplete_results": false, "items": append([]obj{}, page(c, hits)...)})
}

func (p *pull) found(r *repo, query string) bool {
	words := strings.FieldsFunc(query, func(c rune) bool { return c == ' ' || c == '+' })
	for _, word := range words {
		name, value, qualified := strings.Cut(strings.Trim(word, `"`), ":")
		hit := true
		switch name {
		case "repo":
			hit = strings.EqualFold(value, r.full())
		case "is", "state", "type":
			hit = value == "pr" || value == p.state || value == "merged" && !p.merged.IsZero() || value == "unmerged" && p.merged.IsZero() || value == "draft" && p.draft
		case "head":
			hit = p.head == value
		case "base":
			hit = p.base == value
		case "author":
			hit = strings.EqualFold(strings.TrimPrefix(value, "app/"), strings.TrimSuffix(p.user.Login, "[bot]"))
		case "label":
			hit = slices.ContainsFunc(p.labels, func(l *label) bool { return strings.EqualFold(l.Name, value) })
		case "in", "sort":
		default:
			text := name
			if qualified {
				text += ":" + value
			}
			hit = strings.Contains(strings.ToLower(p.title+"\n"+p.body), strings.ToLower(text))
		}
		if !hit {
			return false
		}
	}
	return true
}
