// Package github makes pull requests on GitHub: it reads repositories, makes the one commit of a branch through the Git data API,
// opens, watches and closes pull requests, and reads GitHub's webhooks. It fills change.Forge and decides nothing; the task handlers
// and the doctor call it. It is the only importer of go-github and ghinstallation.
//
// Every method may be cut off anywhere and called again: what is there already is found and used.
package github

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// PublicURL is the API of github.com. GitHub Enterprise has its own at https://HOST/api/v3/.
const PublicURL = "https://api.github.com/"

// Options say whom to speak with, as whom, and how much at once. Either Token is set, or AppID, InstallationID and Key.
type Options struct {
	URL            string // of the API; "" is PublicURL
	Token          engine.Secret
	AppID          int64
	InstallationID int64
	Key            engine.Secret // of the App, PEM

	MaxOpen    int // pull requests of the bot that are open in a repository at once; 0 for any number
	MaxPerHour int // and that it opens there within an hour; 0 for any number

	Transport http.RoundTripper // nil for http.DefaultTransport
	Now       func() time.Time  // nil for time.Now
	Log       *slog.Logger      // nil for none
}

const (
	requestTimeout = 30 * time.Second
	userAgent      = "eks-autopilot"
	answersBytes   = 16 << 20 // of answers kept for conditional requests
	filesBytes     = 64 << 20 // of files kept
	treesBytes     = 64 << 20 // of lists of files kept
)

// Forge speaks with one GitHub as one account. It is safe for concurrent use.
type Forge struct {
	o     Options
	gh    *gh.Client
	app   *gh.Client // as the App itself; nil for a token
	blobs *cache[[]byte]
	trees *cache[*listing]
	pause func(ctx context.Context, d time.Duration) error

	mu sync.Mutex
	me string // login of the account, once it is known
}

var _ change.Forge = (*Forge)(nil)

// New makes a Forge. It asks nobody. It fails with Invalid for options that cannot work.
func New(o Options) (*Forge, error) {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	base, err := apiURL(o.URL)
	if err != nil {
		return nil, err
	}
	f := &Forge{
		o: o, pause: sleep,
		blobs: newCache[[]byte](filesBytes), trees: newCache[*listing](treesBytes),
	}
	as, app, err := o.transports(base)
	if err != nil {
		return nil, err
	}
	f.gh = f.client(base, &conditional{next: &retry{next: &whole{as}, pause: f.wait}, kept: newCache[*answer](answersBytes)})
	if app != nil {
		f.app = f.client(base, &retry{next: &whole{app}, pause: f.wait})
	}
	return f, nil
}

func (f *Forge) client(base *url.URL, transport http.RoundTripper) *gh.Client {
	c := gh.NewClient(&http.Client{Transport: transport})
	c.BaseURL, c.UserAgent = base, userAgent
	return c
}

// wait is pause at the time that it is called, so that tests need not wait.
func (f *Forge) wait(ctx context.Context, d time.Duration) error { return f.pause(ctx, d) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func apiURL(text string) (*url.URL, error) {
	if text == "" {
		text = PublicURL
	}
	u, err := url.Parse(strings.TrimRight(text, "/") + "/")
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" {
		return nil, engine.Errorf(engine.Invalid, "GitHub's URL must be that of its API, such as %s or https://github.example.com/api/v3/", PublicURL)
	}
	return u, nil
}

// repository is an owner and a name that may stand in an address.
type repository struct{ owner, name string }

func (r repository) String() string { return r.owner + "/" + r.name }

var (
	repoForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$`)
	hashForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

func parseRepo(text string) (repository, error) {
	owner, name, ok := strings.Cut(text, "/")
	name = strings.TrimSuffix(name, ".git")
	if !ok || !repoForm.MatchString(owner) || !repoForm.MatchString(strings.TrimLeft(name, ".")) {
		return repository{}, engine.Errorf(engine.Invalid, "%q is no repository; it must be written as owner/name", text)
	}
	return repository{owner, name}, nil
}

// checkBranch refuses what git would not take as a branch, and so all that could lead out of its place in an address.
func checkBranch(name string) error {
	bad := name == "" || len(name) > 250 || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") ||
		strings.HasSuffix(name, ".") || strings.Contains(name, "..") || strings.Contains(name, "//") || strings.Contains(name, "@{") ||
		strings.ContainsAny(name, "~^:?*[\\ \x7f") || strings.IndexFunc(name, func(r rune) bool { return r < ' ' }) >= 0
	for part := range strings.SplitSeq(name, "/") {
		bad = bad || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	if bad {
		return engine.Errorf(engine.Invalid, "%q is no name of a branch", name)
	}
	return nil
}

// checkOurs refuses to write to a branch that is not one of the bot's.
func checkOurs(branch string) error {
	if !strings.HasPrefix(branch, change.BranchPrefix) {
		return engine.Errorf(engine.Invalid, "%q is not a branch of the bot's: theirs begin with %s", branch, change.BranchPrefix)
	}
	return checkBranch(branch)
}

// base gives the branch, or the repository's default one for "".
func (f *Forge) base(ctx context.Context, r repository, name string) (string, error) {
	if name != "" {
		return name, checkBranch(name)
	}
	repo, _, err := f.gh.Repositories.Get(ctx, r.owner, r.name)
	if err != nil {
		return "", f.told(err, r, read)
	}
	return repo.GetDefaultBranch(), nil
}

// login is the account that the bot acts as.
func (f *Forge) login(ctx context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.me != "" {
		return f.me, nil
	}
	if f.app != nil {
		app, _, err := f.app.Apps.Get(ctx, "")
		if err != nil {
			return "", f.told(err, repository{}, read)
		}
		f.me = app.GetSlug() + "[bot]"
		return f.me, nil
	}
	user, _, err := f.gh.Users.Get(ctx, "")
	if err != nil {
		return "", f.told(err, repository{}, read)
	}
	f.me = user.GetLogin()
	return f.me, nil
}

// isStatus tells whether GitHub refused with a status and, where words are given, with any of them.
func isStatus(err error, status int, words ...string) bool {
	var e *gh.ErrorResponse
	if !errors.As(err, &e) || e.Response == nil || e.Response.StatusCode != status {
		return false
	}
	text := strings.ToLower(said(e))
	for _, w := range words {
		if strings.Contains(text, strings.ToLower(w)) {
			return true
		}
	}
	return len(words) == 0
}
