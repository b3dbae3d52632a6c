package github_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	gh "github.com/google/go-github/v60/github"
	"go.uber.org/goleak"

	"github.com/eks-autopilot/autopilot/test/github"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// clock is the time of a test.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

const (
	shop   = "acme/shop"
	pat    = "ghp_ana"
	values = "replicas: 2\nmemory: 2Gi\n"
)

// start is a stand-in with one private repository, its people and an app that is installed there.
func start(t *testing.T, change ...func(*github.Config)) *github.Server {
	t.Helper()
	cfg := github.Config{
		Users: []github.User{{Login: "acme", Type: "Organization", Teams: []string{"platform"}}, {Login: "ana", Name: "Ana"}, {Login: "ben"}, {Login: "eve"}},
		Apps: []github.App{{ID: 7, Slug: "autopilot", Permissions: map[string]string{
			"contents": "write", "pull_requests": "write", "checks": "read", "statuses": "read", "metadata": "read",
		}}},
		Tokens: []github.Token{{Value: pat, Login: "ana", Scopes: []string{"repo"}}, {Value: "ghp_eve", Login: "eve", Scopes: []string{"repo"}}},
		Now:    func() time.Time { return t0 },
	}
	for _, c := range change {
		c(&cfg)
	}
	s, err := github.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	err = s.CreateRepo(github.Repo{
		Name: shop, Private: true, Access: map[string]string{"ana": "admin", "ben": "push"},
		Files: map[string]string{"deploy/values.yaml": values, "README.md": "# shop\n", ".github/CODEOWNERS": "*.yaml @ben\n/docs/ @acme/platform\n"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Install("autopilot", "acme") == 0 {
		t.Fatal("the app is not there")
	}
	return s
}

func client(t *testing.T, s *github.Server, token string) *gh.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := gh.NewClient(&http.Client{Transport: transport}).WithAuthToken(token).WithEnterpriseURLs(s.URL(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// must fails the test when err is there.
func must[T any](t *testing.T) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// ok is must for what gives a response too.
func ok[T any](t *testing.T) func(v T, r *gh.Response, err error) T {
	t.Helper()
	return func(v T, _ *gh.Response, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// status is the HTTP status of an error of go-github, and GitHub's words.
func status(err error) (int, string) {
	if no, ok := errors.AsType[*gh.ErrorResponse](err); ok {
		return no.Response.StatusCode, no.Message
	}
	return 0, ""
}

// TestGoGitHub makes a pull request through the Git data API, as the product does, and merges it.
func TestGoGitHub(t *testing.T) {
	s := start(t)
	ctx, c := t.Context(), client(t, s, pat)
	if r := ok[*gh.Repository](t)(c.Repositories.Get(ctx, "acme", "shop")); r.GetDefaultBranch() != "main" || !r.GetPermissions()["push"] || r.GetArchived() {
		t.Errorf("repository %v", r)
	}
	ref := ok[*gh.Reference](t)(c.Git.GetRef(ctx, "acme", "shop", "heads/main"))
	base := ok[*gh.Commit](t)(c.Git.GetCommit(ctx, "acme", "shop", ref.GetObject().GetSHA()))
	tree := ok[*gh.Tree](t)(c.Git.GetTree(ctx, "acme", "shop", base.GetTree().GetSHA(), true))
	var paths []string
	for _, e := range tree.Entries {
		paths = append(paths, e.GetPath())
		if e.GetPath() != "deploy/values.yaml" {
			continue
		}
		data, _, err := c.Git.GetBlobRaw(ctx, "acme", "shop", e.GetSHA())
		if err != nil || string(data) != values {
			t.Errorf("blob %q, %v", data, err)
		}
	}
	if len(paths) != 5 || tree.GetTruncated() {
		t.Errorf("tree %v", paths)
	}
	made := ok[*gh.Tree](t)(c.Git.CreateTree(ctx, "acme", "shop", base.GetTree().GetSHA(), []*gh.TreeEntry{{
		Path: new("deploy/values.yaml"), Mode: new("100644"), Type: new("blob"), Content: new("replicas: 2\nmemory: 1Gi\n"),
	}}))
	done := ok[*gh.Commit](t)(c.Git.CreateCommit(ctx, "acme", "shop", &gh.Commit{Message: new("less memory"), Tree: made, Parents: []*gh.Commit{base}}, nil))
	ok[*gh.Reference](t)(c.Git.CreateRef(ctx, "acme", "shop", &gh.Reference{Ref: new("refs/heads/less"), Object: &gh.GitObject{SHA: done.SHA}}))
	pull := ok[*gh.PullRequest](t)(c.PullRequests.Create(ctx, "acme", "shop", &gh.NewPullRequest{
		Title: new("Less memory"), Body: new("as measured"), Head: new("less"), Base: new("main"),
	}))
	if pull.Mergeable != nil || pull.GetMergeableState() != "unknown" || pull.GetCommits() != 1 || pull.GetAdditions() != 1 || pull.GetDeletions() != 1 {
		t.Errorf("a new pull request: %v %s", pull.Mergeable, pull.GetMergeableState())
	}
	ok[*gh.PullRequest](t)(c.PullRequests.Get(ctx, "acme", "shop", pull.GetNumber()))
	if p := ok[*gh.PullRequest](t)(c.PullRequests.Get(ctx, "acme", "shop", pull.GetNumber())); !p.GetMergeable() || p.GetMergeableState() != "clean" {
		t.Errorf("looked at twice: %v %s", p.Mergeable, p.GetMergeableState())
	}
	if got := s.Pulls(shop); len(got) != 1 || got[0].Author != "ana" || got[0].Commits != 1 || !got[0].Fits {
		t.Errorf("pulls %+v", got)
	}
	ok[*gh.PullRequestMergeResult](t)(c.PullRequests.Merge(ctx, "acme", "shop", pull.GetNumber(), "", &gh.PullRequestOptions{MergeMethod: "squash"}))
	if data := must[string](t)(s.File(shop, "main", "deploy/values.yaml")); data != "replicas: 2\nmemory: 1Gi\n" {
		t.Errorf("after the merge: %q", data)
	}
}
