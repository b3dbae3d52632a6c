package github

import (
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Token is a personal access token: classic with Scopes, or fine-grained with Permissions. Value starts with ghp_ or github_pat_.
type Token struct {
	Value       string
	Login       string
	Scopes      []string          // of a classic one: "repo", "public_repo"
	Permissions map[string]string // of a fine-grained one: "contents": "write"
	Repos       []string          // owner/name, that a fine-grained one is for; all of its person's when nil
	Expires     time.Time         // zero for never

	installation *installation
}

// actor is who calls.
type actor struct {
	key          string // that its limits are kept by
	login        string // "" for nobody, and for an app as itself
	id           int64
	user         *User
	app          *App // as itself, with its JWT
	installation *installation
	token        *Token
}

const anonymous = "anonymous"

// identify finds out who calls. s.mu is held.
func (c *call) identify() error {
	word, credential, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	switch strings.ToLower(word) {
	case "":
		c.who = actor{key: anonymous}
		return nil
	case "basic":
		data, err := base64.StdEncoding.DecodeString(credential)
		_, password, ok := strings.Cut(string(data), ":")
		if err != nil || !ok {
			return refuse(http.StatusUnauthorized, "Bad credentials")
		}
		credential = password
	}
	credential = strings.TrimSpace(credential)
	if strings.Count(credential, ".") == 2 {
		app, err := c.s.asApp(credential)
		if err != nil {
			return err
		}
		c.who = actor{key: "app " + app.Slug, id: app.ID, app: app}
		return nil
	}
	who, ok := c.s.identify(credential)
	if !ok {
		return &refusal{status: http.StatusUnauthorized, message: "Bad credentials", doc: "rest"}
	}
	c.who = who
	if who.token.installation == nil && who.token.Permissions == nil {
		c.w.Header().Set("X-Oauth-Scopes", strings.Join(who.token.Scopes, ", "))
	}
	return nil
}

// identify is the actor that a token stands for. s.mu is held.
func (s *Server) identify(value string) (actor, bool) {
	t := s.tokens[value]
	if t == nil || value == "" || !t.Expires.IsZero() && !s.cfg.Now().Before(t.Expires) {
		return actor{}, false
	}
	u := s.user(t.Login)
	if t.installation != nil {
		u = t.installation.app.user
	}
	if u == nil {
		return actor{}, false
	}
	return actor{key: u.Login, login: u.Login, id: u.id, user: u, installation: t.installation, token: t}, true
}

// as is somebody who acts by hand, with all that they may.
func (s *Server) as(login string) actor {
	u := s.account(login)
	return actor{key: u.Login, login: u.Login, id: u.id, user: u, token: &Token{Login: u.Login, Scopes: []string{"repo"}}}
}

// account is the account of a login, made when there is none.
func (s *Server) account(login string) *User {
	if u := s.user(login); u != nil {
		return u
	}
	return s.addUser(User{Login: login})
}

// granted is what a token of an installation may: what was asked for, as far as the installation still has it.
func (t *Token) granted() map[string]string {
	out := map[string]string{"metadata": "read"}
	for name, level := range t.installation.permissions {
		if t.Permissions == nil || t.Permissions[name] != "" {
			if asked := t.Permissions[name]; asked != "" && enough(level, asked) {
				level = asked
			}
			out[name] = level
		}
	}
	return out
}

var levels = []string{"", "read", "write", "admin"}

// enough tells whether one level of permission includes another.
func enough(has, need string) bool { return slices.Index(levels, has) >= slices.Index(levels, need) }

var roles = []string{"", "pull", "triage", "push", "maintain", "admin"}

func (r *repo) role(login string) string {
	role := r.access[strings.ToLower(login)]
	if strings.EqualFold(login, r.owner) {
		role = "admin"
	}
	if role == "" && !r.private {
		role = "pull"
	}
	return role
}

func (r *repo) atLeast(login, role string) bool {
	return roleIs(r.role(login), role)
}

// sees tells whether the actor is told that a repository exists.
func (a actor) sees(r *repo) bool {
	switch {
	case !r.private:
		return true
	case a.installation != nil:
		return !a.installation.suspended && a.installation.holds(r) && (a.token.Repos == nil || slices.Contains(a.token.Repos, r.key()))
	case a.token == nil || r.role(a.login) == "":
		return false
	case a.token.Permissions != nil:
		return a.token.Repos == nil || slices.ContainsFunc(a.token.Repos, func(n string) bool { return strings.EqualFold(n, r.key()) })
	}
	return slices.Contains(a.token.Scopes, "repo")
}

// admit refuses who may not make the call. A need reads "contents:write", or "issues|pull_requests:write:triage" where either
// permission does and a person needs a role of their own. s.mu is held.
func (c *call) admit() error {
	switch {
	case c.at.need == "":
		return nil
	case c.at.need == "app":
		if c.who.app == nil {
			return refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
		}
		return nil
	case c.who.app != nil:
		return refuse(http.StatusForbidden, "You must authenticate with an installation access token in order to access this resource.")
	case c.at.need == "person" && c.who.key == anonymous:
		return refuse(http.StatusUnauthorized, "Requires authentication")
	case c.at.need == "person" && c.who.installation != nil:
		return refuse(http.StatusForbidden, "Resource not accessible by integration")
	case c.at.need == "person":
		return nil
	}
	c.repo = c.s.repos[strings.ToLower(c.part("owner")+"/"+c.part("name"))]
	if c.repo == nil || !c.who.sees(c.repo) {
		if c.who.installation != nil && c.who.installation.suspended {
			return refuse(http.StatusForbidden, "This installation has been suspended")
		}
		return notFound()
	}
	names, level, _ := strings.Cut(c.at.need, ":")
	level, role, _ := strings.Cut(level, ":")
	if err := c.permit(strings.Split(names, "|"), level, role); err != nil {
		return err
	}
	if c.repo.archived && level == "write" {
		return refuse(http.StatusForbidden, "Repository was archived so is read-only.")
	}
	return nil
}

func (c *call) permit(names []string, level, role string) error {
	has := func(granted map[string]string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return enough(granted[n], level) })
	}
	open := !c.repo.private && level == "read" && names[0] != "administration"
	switch {
	case open:
		return nil
	case c.who.key == anonymous:
		return refuse(http.StatusUnauthorized, "Requires authentication")
	case c.who.installation != nil:
		if !c.who.installation.holds(c.repo) || c.who.installation.suspended || !has(c.who.token.granted()) {
			return c.denied("integration", names, level)
		}
		return nil
	case c.who.token.Permissions != nil && !has(c.who.token.Permissions):
		return c.denied("personal access token", names, level)
	}
	if role == "" {
		role = roleFor(names[0], level)
	}
	classic := c.who.token.Permissions == nil
	scoped := !classic || slices.Contains(c.who.token.Scopes, "repo") || !c.repo.private && slices.Contains(c.who.token.Scopes, "public_repo")
	switch {
	case role == "admin" && !c.repo.atLeast(c.who.login, role):
		return refuse(http.StatusForbidden, "Must have admin rights to Repository.")
	case !scoped, !c.repo.atLeast(c.who.login, role):
		return notFound() // GitHub does not say what one may not
	}
	return nil
}

func (c *call) denied(what string, names []string, level string) error {
	for i, n := range names {
		names[i] = n + "=" + level
	}
	c.w.Header().Set("X-Accepted-Github-Permissions", strings.Join(names, "; "))
	return refuse(http.StatusForbidden, "Resource not accessible by %s", what)
}

// roleFor is what a person must be in a repository for what an app needs a permission.
func roleFor(permission, level string) string {
	switch {
	case permission == "administration":
		return "admin"
	case level == "write" && permission != "issues" && permission != "pull_requests":
		return "push"
	}
	return "pull"
}

func (c *call) showUser() (reply, error) {
	if u := c.s.user(c.part("login")); u != nil {
		return ok(c.fullUserJSON(u))
	}
	return reply{}, notFound()
}

func (c *call) showMe() (reply, error) { return ok(c.fullUserJSON(c.who.user)) }

func (c *call) fullUserJSON(u *User) obj {
	out := c.userJSON(u)
	out["name"], out["email"], out["created_at"] = u.Name, orNull(u.Email), "2020-01-01T00:00:00Z"
	return out
}

// userJSON is an account where it is named in something else; null for none.
func (c *call) userJSON(u *User) obj {
	if u == nil {
		return nil
	}
	page := strings.TrimSuffix(u.Login, "[bot]")
	if u.Type == "Bot" {
		page = "apps/" + page
	}
	return obj{
		"login": u.Login, "id": u.id, "node_id": nodeID("U", u.id), "type": u.Type, "site_admin": false, "avatar_url": "",
		"url": c.base + "/users/" + escapePath(u.Login), "html_url": c.s.url + "/" + page,
	}
}

func nodeID(kind string, id int64) string {
	return kind + "_" + base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(id))) //nolint:gosec // ids count from 1
}
