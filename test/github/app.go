package github

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// App is a GitHub App. It acts as "slug[bot]".
type App struct {
	ID          int64
	Slug, Name  string
	ClientID    string            // "Iv1." and the id when ""
	Key         *rsa.PrivateKey   // made when nil
	Permissions map[string]string // "contents": "write"; what an installation has where it says nothing else
	Events      []string

	user          *User
	installations []*installation
}

// installation is an App at an owner.
type installation struct {
	id          int64
	app         *App
	owner       string
	repos       []string // owner/name in lower case; all when nil
	permissions map[string]string
	suspended   bool
	at          time.Time
}

const (
	tokenLife  = time.Hour
	keyBits    = 2048
	maxJWTLife = 10 * time.Minute
	drift      = time.Minute // that GitHub forgives a clock
)

func (s *Server) addApp(a App) error {
	a.ID = cmp.Or(a.ID, s.next())
	a.Name = cmp.Or(a.Name, a.Slug)
	a.ClientID = cmp.Or(a.ClientID, fmt.Sprintf("Iv1.%016x", a.ID))
	if a.Key == nil {
		key, err := rsa.GenerateKey(rand.Reader, keyBits)
		if err != nil {
			return fmt.Errorf("github stand-in: a key for app %s: %w", a.Slug, err)
		}
		a.Key = key
	}
	a.user = s.addUser(User{Login: a.Slug + "[bot]", Name: a.Slug + "[bot]", Type: "Bot"})
	s.apps = append(s.apps, &a)
	return nil
}

// AppKey is the private key of an app as GitHub hands it out, PEM of PKCS #1; "" when there is no such app.
func (s *Server) AppKey(slug string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.apps {
		if a.Slug == slug {
			return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(a.Key)}))
		}
	}
	return ""
}

// Install installs an app at an owner, for the repositories of these names, or for all; it gives the installation's id, 0 when
// there is no such app. Installing again changes which repositories it is for.
func (s *Server) Install(slug, owner string, names ...string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var repos []string
	for _, n := range names {
		repos = append(repos, strings.ToLower(owner+"/"+n))
	}
	for _, a := range s.apps {
		if a.Slug != slug {
			continue
		}
		for _, i := range a.installations {
			if strings.EqualFold(i.owner, owner) {
				i.repos = repos
				return i.id
			}
		}
		i := &installation{id: s.next(), app: a, owner: owner, repos: repos, permissions: maps.Clone(a.Permissions), at: s.now()}
		a.installations = append(a.installations, i)
		return i.id
	}
	return 0
}

// SetPermission changes what an installed app may: level "read", "write", or "" for nothing. Tokens that are out follow at once.
// It fails where the app is not installed.
func (s *Server) SetPermission(slug, owner, permission, level string) error {
	return s.installed(slug, owner, func(i *installation) {
		delete(i.permissions, permission)
		if level != "" {
			i.permissions[permission] = level
		}
	})
}

// Suspend suspends an installation, or ends that. It fails where the app is not installed.
func (s *Server) Suspend(slug, owner string, suspended bool) error {
	return s.installed(slug, owner, func(i *installation) { i.suspended = suspended })
}

func (s *Server) installed(slug, owner string, do func(*installation)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.apps {
		for _, i := range a.installations {
			if a.Slug == slug && strings.EqualFold(i.owner, owner) {
				do(i)
				return nil
			}
		}
	}
	return fmt.Errorf("github stand-in: app %s is not installed at %s", slug, owner)
}

// at is the installation of the caller's app that holds a repository, nil when none does.
func (a *App) at(r *repo) *installation {
	for _, i := range a.installations {
		if i.holds(r) {
			return i
		}
	}
	return nil
}

func (i *installation) holds(r *repo) bool {
	return strings.EqualFold(i.owner, r.owner) && (i.repos == nil || slices.Contains(i.repos, r.key()))
}

// asApp reads an app's own token, a JWT signed with its key.
func (s *Server) asApp(token string) (*App, error) {
	undecodable := refuse(http.StatusUnauthorized, "A JSON web token could not be decoded")
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, undecodable
	}
	var head struct{ Alg string }
	var claims struct {
		Iss      any
		Iat, Exp *float64
	}
	if unpack(parts[0], &head) != nil || unpack(parts[1], &claims) != nil || head.Alg != "RS256" {
		return nil, undecodable
	}
	issuer := fmt.Sprint(claims.Iss)
	if n, ok := claims.Iss.(float64); ok {
		issuer = strconv.FormatInt(int64(n), 10)
	}
	at := slices.IndexFunc(s.apps, func(a *App) bool { return issuer == a.ClientID || issuer == strconv.FormatInt(a.ID, 10) })
	if at < 0 {
		return nil, refuse(http.StatusNotFound, "Integration not found")
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	sign, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || rsa.VerifyPKCS1v15(&s.apps[at].Key.PublicKey, crypto.SHA256, sum[:], sign) != nil {
		return nil, undecodable
	}
	now := s.cfg.Now()
	switch {
	case claims.Iat == nil || when(*claims.Iat).After(now.Add(drift)):
		return nil, refuse(http.StatusUnauthorized, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued")
	case claims.Exp == nil || !when(*claims.Exp).After(now):
		return nil, refuse(http.StatusUnauthorized, "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires")
	case when(*claims.Exp).After(now.Add(maxJWTLife + drift)), when(*claims.Exp).Sub(when(*claims.Iat)) > maxJWTLife+drift:
		return nil, refuse(http.StatusUnauthorized, "'Expiration time' claim ('exp') is too far in the future")
	}
	return s.apps[at], nil
}

func when(seconds float64) time.Time { return time.Unix(int64(math.Floor(seconds)), 0) }

func unpack(part string, v any) error {
	data, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}

func (c *call) showApp() (reply, error) { return ok(c.appJSON(c.who.app)) }

func (c *call) appJSON(a *App) obj {
	return obj{"id": a.ID, "slug": a.Slug, "name": a.Name, "client_id": a.ClientID, "permissions": a.Permissions, "events": append([]string{}, a.Events...), "html_url": c.s.url + "/apps/" + a.Slug}
}

func (c *call) installationJSON(i *installation) obj {
	selection := "all"
	if i.repos != nil {
		selection = "selected"
	}
	var suspended any
	if i.suspended {
		suspended = stamp(i.at)
	}
	account := c.s.account(i.owner)
	return obj{
		"id": i.id, "app_id": i.app.ID, "app_slug": i.app.Slug, "account": c.userJSON(account), "target_type": account.Type,
		"permissions": i.permissions, "events": append([]string{}, i.app.Events...), "repository_selection": selection, "suspended_at": suspended,
		"access_tokens_url": fmt.Sprintf("%s/app/installations/%d/access_tokens", c.base, i.id), "created_at": stamp(i.at), "updated_at": stamp(i.at),
	}
}

func (c *call) listInstallations() (reply, error) {
	return ok(each(page(c, c.who.app.installations), c.installationJSON))
}

func (c *call) findInstallation() (*installation, error) {
	id, err := c.number("id")
	if err != nil {
		return nil, err
	}
	for _, i := range c.who.app.installations {
		if i.id == id {
			return i, nil
		}
	}
	return nil, notFound()
}

func (c *call) showInstallation() (reply, error) {
	i, err := c.findInstallation()
	if err != nil {
		return reply{}, err
	}
	return ok(c.installationJSON(i))
}

// showRepoInstallation says which installation of the caller's app holds a repository.
func (c *call) showRepoInstallation() (reply, error) {
	r := c.s.repos[strings.ToLower(c.part("owner")+"/"+c.part("name"))]
	if r == nil || c.who.app.at(r) == nil {
		return reply{}, notFound()
	}
	return ok(c.installationJSON(c.who.app.at(r)))
}

// showOwnerInstallation says which installation of the caller's app is an organisation's or a person's.
func (c *call) showOwnerInstallation() (reply, error) {
	for _, i := range c.who.app.installations {
		if strings.EqualFold(i.owner, c.part("owner")) {
			return ok(c.installationJSON(i))
		}
	}
	return reply{}, notFound()
}

// makeToken makes a token of an installation, for an hour.
func (c *call) makeToken() (reply, error) {
	i, err := c.findInstallation()
	if err != nil {
		return reply{}, err
	}
	if i.suspended {
		return reply{}, refuse(http.StatusForbidden, "This installation has been suspended")
	}
	var in struct {
		Repositories  []string          `json:"repositories"`
		RepositoryIDs []int64           `json:"repository_ids"`
		Permissions   map[string]string `json:"permissions"`
	}
	if err := c.read(&in); err != nil {
		return reply{}, err
	}
	t := &Token{Expires: c.s.now().Add(tokenLife), Permissions: in.Permissions, installation: i}
	for name, level := range in.Permissions {
		if !enough(i.permissions[name], level) {
			return reply{}, unprocessable("The permissions requested are not granted to this installation.")
		}
	}
	var repos []*repo
	for _, key := range sorted(c.s.repos) {
		r := c.s.repos[key]
		if i.holds(r) && (slices.Contains(in.Repositories, r.name) || slices.Contains(in.RepositoryIDs, r.id)) {
			repos, t.Repos = append(repos, r), append(t.Repos, r.key())
		}
	}
	if len(repos) < len(in.Repositories)+len(in.RepositoryIDs) {
		return reply{}, unprocessable("There is at least one repository that does not exist or is not accessible to the parent installation.")
	}
	sum := sha256.Sum256(fmt.Append(nil, "installation token ", c.s.next()))
	t.Value = "ghs_" + hex.EncodeToString(sum[:18])
	c.s.tokens[t.Value] = t
	granted := t.granted()
	out := obj{"token": t.Value, "expires_at": stamp(t.Expires), "permissions": granted, "repository_selection": "all"}
	if i.repos != nil || t.Repos != nil {
		out["repository_selection"] = "selected"
	}
	if t.Repos != nil {
		out["repositories"] = each(repos, c.repoJSON)
	}
	return created(out)
}

// listInstallationRepos says which repositories an installation's token is for.
func (c *call) listInstallationRepos() (reply, error) {
	if c.who.installation == nil {
		return reply{}, refuse(http.StatusForbidden, "You must authenticate with an installation access token in order to list repositories for an installation.")
	}
	var list []*repo
	for _, key := range sorted(c.s.repos) {
		if r := c.s.repos[key]; c.who.sees(r) && c.who.installation.holds(r) {
			list = append(list, r)
		}
	}
	return ok(obj{"total_count": len(list), "repositories": each(page(c, list), c.repoJSON)})
}
