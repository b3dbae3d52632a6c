package github

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	stand "github.com/eks-autopilot/autopilot/test/github"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

const (
	repo     = "shop/deploy"
	manifest = "apps/api.yaml"
	token    = "ghp_0123456789abcdefSECRET"
)

const before = "resources:\r\n  requests: {memory: 2Gi} # ümläut\r\n"

// world is a GitHub with one repository, and a Forge that acts as its account "autopilot".
type world struct {
	*stand.Server
	forge *Forge
	line  *line
}

func newWorld(t *testing.T, change func(*stand.Config, *Options)) *world {
	t.Helper()
	cfg := stand.Config{
		Users:  []stand.User{{Login: "shop", Type: "Organization", Teams: []string{"payments"}}, {Login: "autopilot"}, {Login: "ada"}, {Login: "bob"}},
		Tokens: []stand.Token{{Value: token, Login: "autopilot", Scopes: []string{"repo"}}},
	}
	w := &world{line: &line{next: http.DefaultTransport}}
	o := Options{Token: token, Transport: w.line}
	if change != nil {
		change(&cfg, &o)
	}
	var err error
	if w.Server, err = stand.New(cfg); err != nil {
		t.Fatal(err)
	}
	if err := w.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	must(t, w.CreateRepo(stand.Repo{
		Name: repo, Private: true, Access: map[string]string{"autopilot": "push", "ada": "push", "bob": "pull"},
		Files: map[string]string{manifest: before, "README.md": "read me\n", "infra/main.tf": "a = 1\n"},
	}))
	o.URL = w.APIURL()
	w.forge = newForge(t, o)
	return w
}

// newForge makes a Forge that does not wait between its tries: a process that was started anew.
func newForge(t *testing.T, o Options) *Forge {
	t.Helper()
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	f.pause = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return f
}

// again is the Forge of the process that follows.
func (w *world) again(t *testing.T) *Forge {
	t.Helper()
	w.line.mend()
	return newForge(t, w.forge.o)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var errDead = errors.New("the process is dead")

// line carries requests, and breaks for good at one of them: before it is sent, or before its answer is read.
type line struct {
	next http.RoundTripper

	mu    sync.Mutex
	sent  []string // methods
	cutAt int      // 0 for never
	after bool
	watch func(*http.Request) // called before each request; nil for not
}

func (l *line) RoundTrip(req *http.Request) (*http.Response, error) {
	l.mu.Lock()
	l.sent = append(l.sent, req.Method)
	n, at, after, watch := len(l.sent), l.cutAt, l.after, l.watch
	l.mu.Unlock()
	if watch != nil {
		watch(req)
	}
	if at > 0 && (n > at || n == at && !after) {
		return nil, errDead
	}
	resp, err := l.next.RoundTrip(req)
	if err == nil && at > 0 && n == at {
		resp.Body.Close()
		return nil, errDead
	}
	return resp, err
}

func (l *line) cut(at int, after bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent, l.cutAt, l.after = nil, at, after
}

func (l *line) mend() { l.cut(0, false) }

// methods are those of the requests since the last cut.
func (l *line) methods() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.sent)
}

// proposal is one whose item was edited on a commit.
func proposal(commit string) engine.Proposal {
	i := engine.ProposalItem{
		Title: "payments/api memory 2 → 1.2 GiB", Repo: repo, Base: "main", Commit: commit, Monthly: 41 * engine.USD, Risk: engine.RiskLow,
		Wish: engine.Wish{Kind: engine.WishRequest, Field: "memory", Old: "2Gi", New: "1229Mi"},
	}
	return engine.Proposal{ID: 3, Key: "k", Cluster: "prod", Team: "payments", Title: i.Title, Repo: repo, Base: "main", Items: []engine.ProposalItem{i}}
}

// draft is what handlers make of the tree as it is now.
func (w *world) draft(t *testing.T, f *Forge) change.Draft {
	t.Helper()
	d, err := draftOn(t.Context(), f)
	must(t, err)
	return d
}

func draftOn(ctx context.Context, f *Forge) (change.Draft, error) {
	tree, err := f.Tree(ctx, repo, "main")
	if err != nil {
		return change.Draft{}, err
	}
	old, err := tree.Read(ctx, manifest)
	if err != nil {
		return change.Draft{}, err
	}
	files := map[string][]byte{manifest: []byte(strings.Replace(string(old), "2Gi", "1229Mi", 1)), "infra/main.tf": nil}
	o := change.Options{Labels: []string{"autopilot", "finops"}, Owners: change.ParseOwners([]byte("* @ada @autopilot @shop/payments"))}
	return change.Compose(proposal(tree.Commit()), files, o), nil
}

func code(t *testing.T, err error, want engine.Code, words ...string) {
	t.Helper()
	if engine.CodeOf(err) != want {
		t.Fatalf("code %q, want %q: %v", engine.CodeOf(err), want, err)
	}
	text := engine.UserMessage(err, "x")
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q does not say %q", text, w)
		}
	}
	for _, secret := range []string{token, "SECRET"} {
		if strings.Contains(text+err.Error(), secret) {
			t.Errorf("a secret is told: %v", err)
		}
	}
}
