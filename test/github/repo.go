package github

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// repo is one repository. Its objects and refs are git's; the rest is here.
type repo struct {
	id            int64
	owner, name   string
	description   string
	branch        string // the default one
	private       bool
	archived      bool
	git           gitDir
	refs          map[string]string // as they were when it was last settled
	access        map[string]string // role by login in lower case
	rules         map[string]*Protection
	labels        map[string]*label
	pulls         []*pull // by number
	statuses      map[string][]*status
	runs          []*run
	serial        int // of pull requests
	verified      map[string]bool
	made, changed time.Time
}

// label is a label of a repository.
type label struct {
	ID                       int64
	Name, Color, Description string
}

func (r *repo) key() string  { return strings.ToLower(r.owner + "/" + r.name) }
func (r *repo) full() string { return r.owner + "/" + r.name }

// makeRepo makes a repository, with one commit of files where there are any. s.mu is held.
func (s *Server) makeRepo(in Repo) (*repo, error) {
	owner, name, found := strings.Cut(in.Name, "/")
	r := &repo{
		owner: owner, name: name, description: in.Description, private: in.Private, branch: cmp.Or(in.Branch, "main"),
		access: map[string]string{}, rules: map[string]*Protection{}, labels: map[string]*label{}, statuses: map[string][]*status{}, verified: map[string]bool{},
		refs: map[string]string{}, made: s.now(), changed: s.now(),
	}
	if !found || owner == "" || !plainName(owner) || !plainName(name) {
		return nil, fmt.Errorf("github stand-in: %q is no owner/name", in.Name)
	}
	if s.repos[r.key()] != nil {
		return nil, fmt.Errorf("github stand-in: %s is there already", in.Name)
	}
	r.id = s.next()
	for login, role := range in.Access {
		r.access[strings.ToLower(login)] = role
		s.account(login)
	}
	s.account(owner)
	dir := filepath.Join(s.cfg.Dir, owner, name+".git")
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return nil, err
	}
	git, err := initGit(dir, r.branch)
	if err != nil {
		return nil, err
	}
	r.git = git
	s.repos[r.key()] = r
	if len(in.Files) == 0 {
		return r, nil
	}
	_, err = s.write(r, s.as(owner), Push{Branch: r.branch, Message: "Initial commit", Files: in.Files})
	return r, err
}

func plainName(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == "" && s != "" && s[0] != '.' && !strings.HasSuffix(s, ".git")
}

func (c *call) repoURL(r *repo) string { return c.base + "/repos/" + r.full() }

func (c *call) repoJSON(r *repo) obj {
	owner := c.s.account(r.owner)
	visibility := "public"
	if r.private {
		visibility = "private"
	}
	url := c.repoURL(r)
	out := obj{
		"id": r.id, "node_id": nodeID("R", r.id), "name": r.name, "full_name": r.full(), "owner": c.userJSON(owner), "private": r.private,
		"visibility": visibility, "html_url": c.s.url + "/" + r.full(), "description": orNull(r.description), "fork": false, "url": url,
		"clone_url": c.s.url + "/" + r.full() + ".git", "git_url": c.s.url + "/" + r.full() + ".git", "default_branch": r.branch, "archived": r.archived,
		"disabled": false, "created_at": stamp(r.made), "updated_at": stamp(r.changed), "pushed_at": stamp(r.changed),
		"has_issues": true, "open_issues_count": r.open(), "allow_merge_commit": true, "allow_squash_merge": true, "allow_rebase_merge": false,
		"allow_auto_merge": false, "delete_branch_on_merge": false, "topics": []string{},
		"branches_url": url + "/branches{/branch}", "pulls_url": url + "/pulls{/number}", "trees_url": url + "/git/trees{/sha}", "commits_url": url + "/commits{/sha}",
	}
	if role := c.roleIn(r); role != "" {
		out["permissions"] = obj{
			"admin": roleIs(role, "admin"), "maintain": roleIs(role, "maintain"), "push": roleIs(role, "push"),
			"triage": roleIs(role, "triage"), "pull": true,
		}
	}
	if owner.Type == "Organization" {
		out["organization"] = c.userJSON(owner)
	}
	return out
}

func roleIs(role, least string) bool {
	return slices.Index(roles, role) >= slices.Index(roles, least)
}

// roleIn is what the caller is in a repository; an app that may write contents can push.
func (c *call) roleIn(r *repo) string {
	switch {
	case c.who.login == "":
		return ""
	case c.who.installation == nil:
		return r.role(c.who.login)
	case !c.who.installation.holds(r):
		return "pull"
	case enough(c.who.token.granted()["contents"], "write"):
		return "push"
	}
	return "pull"
}

func (r *repo) open() int {
	n := 0
	for _, p := range r.pulls {
		if p.state == stateOpen {
			n++
		}
	}
	return n
}

func (c *call) showRepo() (reply, error) { return ok(c.repoJSON(c.repo)) }

// showRole says what a person is in the repository.
func (c *call) showRole() (reply, error) {
	u := c.s.user(c.part("login"))
	if u == nil {
		return reply{}, notFound()
	}
	role := c.repo.role(u.Login)
	legacy := map[string]string{"": "none", "pull": "read", "triage": "read", "push": "write", "maintain": "write", "admin": "admin"}[role]
	names := map[string]string{"": "none", "pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
	return ok(obj{"permission": legacy, "role_name": names[role], "user": c.fullUserJSON(u)})
}

func (c *call) showTeam() (reply, error) {
	u := c.s.user(c.part("org"))
	if u == nil || !u.hasTeam(c.part("slug")) {
		return reply{}, notFound()
	}
	return ok(c.teamJSON(u, c.part("slug")))
}

func (u *User) hasTeam(slug string) bool {
	return slices.ContainsFunc(u.Teams, func(t string) bool { return strings.EqualFold(t, slug) })
}

func (c *call) teamJSON(org *User, slug string) obj {
	return obj{"id": org.id*1000 + int64(slices.IndexFunc(org.Teams, func(t string) bool { return strings.EqualFold(t, slug) })), "name": slug, "slug": strings.ToLower(slug), "permission": "push", "html_url": c.s.url + "/orgs/" + org.Login + "/teams/" + slug, "url": c.base + "/orgs/" + org.Login + "/teams/" + slug}
}

// listLabels and its siblings keep the repository's labels.
func (c *call) listLabels() (reply, error) {
	var list []*label
	for _, k := range sorted(c.repo.labels) {
		list = append(list, c.repo.labels[k])
	}
	return ok(each(page(c, list), c.labelJSON))
}

func (c *call) showLabel() (reply, error) {
	l := c.repo.labels[strings.ToLower(c.part("label"))]
	if l == nil {
		return reply{}, notFound()
	}
	return ok(c.labelJSON(l))
}

func (c *call) createLabel() (reply, error) {
	var in struct{ Name, Color, Description string }
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	switch {
	case in.Name == "":
		return reply{}, invalid(obj{"resource": "Label", "code": "missing_field", "field": "name"})
	case c.repo.labels[strings.ToLower(in.Name)] != nil:
		return reply{}, invalid(obj{"resource": "Label", "code": "already_exists", "field": "name"})
	}
	l := c.s.labelOf(c.repo, in.Name)
	l.Color, l.Description = cmp.Or(in.Color, l.Color), in.Description
	return created(c.labelJSON(l))
}

// labelOf is a label of a repository, made when it is not there.
func (s *Server) labelOf(r *repo, name string) *label {
	l := r.labels[strings.ToLower(name)]
	if l == nil {
		l = &label{ID: s.next(), Name: name, Color: "ededed"}
		r.labels[strings.ToLower(name)] = l
	}
	return l
}

func (c *call) labelJSON(l *label) obj {
	return obj{
		"id": l.ID, "node_id": nodeID("LA", l.ID), "name": l.Name, "color": l.Color, "description": orNull(l.Description), "default": false,
		"url": c.repoURL(c.repo) + "/labels/" + escapePath(l.Name),
	}
}
