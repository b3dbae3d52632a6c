package github_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/test/github"
)

// shell runs git as a person does, without the machine's configuration.
type shell struct {
	t   *testing.T
	dir string
}

func (g shell) git(args ...string) (string, error) {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), "git", args...)
	cmd.Dir = g.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
		"GIT_AUTHOR_NAME=Ben", "GIT_AUTHOR_EMAIL=ben@example.com", "GIT_COMMITTER_NAME=Ben", "GIT_COMMITTER_EMAIL=ben@example.com",
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (g shell) must(args ...string) string {
	g.t.Helper()
	out, err := g.git(args...)
	if err != nil {
		g.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// TestGit clones, pushes and fetches with git itself.
func TestGit(t *testing.T) {
	s := start(t)
	s.AddToken(github.Token{Value: "ghp_ben", Login: "ben", Scopes: []string{"repo"}})
	address := func(token string) string {
		return strings.Replace(s.URL(), "http://", "http://x-access-token:"+token+"@", 1) + "/acme/shop.git"
	}
	dir := t.TempDir()
	outside := shell{t, dir}
	for _, token := range []string{"none", "ghp_eve"} {
		if out, err := outside.git("clone", address(token), "refused"); err == nil {
			t.Errorf("%s cloned a private repository: %s", token, out)
		}
	}
	outside.must("clone", "-q", address("ghp_ben"), "work")
	work := shell{t, filepath.Join(dir, "work")}
	if data, err := os.ReadFile(filepath.Join(work.dir, "deploy/values.yaml")); err != nil || string(data) != values {
		t.Errorf("cloned %q, %v", data, err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(work.dir, "deploy/values.yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("replicas: 3\n")
	work.must("checkout", "-q", "-b", "more")
	work.must("commit", "-q", "-am", "three")
	work.must("push", "-q", "origin", "more")
	tip := strings.TrimSpace(work.must("rev-parse", "HEAD"))
	if got := s.Branches(shop)["more"]; got != tip {
		t.Errorf("the branch is at %s, pushed was %s", got, tip)
	}

	if err := s.Protect(shop, "main", &github.Protection{Reviews: 1}); err != nil {
		t.Fatal(err)
	}
	if out, err := work.git("push", "origin", "more:main"); err == nil || !strings.Contains(out, "GH006: Protected branch update failed for refs/heads/main") {
		t.Errorf("a protected branch: %v\n%s", err, out)
	}
	if out, err := work.git("push", "origin", "more:refs/pull/9/head"); err == nil || !strings.Contains(out, "deny updating a hidden ref") {
		t.Errorf("a ref of GitHub's own: %v\n%s", err, out)
	}
	work.must("push", "-q", address(pat), "more:main") // ana is an administrator, whom this protection does not bind
	if got := s.Branches(shop)["main"]; got != tip {
		t.Errorf("main is at %s, pushed was %s", got, tip)
	}

	write(strings.Repeat("# much\n", 400_000)) // more than git sends in one piece
	work.must("commit", "-q", "-am", "much")
	work.must("push", "-q", "origin", "more")
	if err := s.Archive(shop, true); err != nil {
		t.Fatal(err)
	}
	if out, err := work.git("push", "origin", "more:late"); err == nil || !strings.Contains(out, "403") {
		t.Errorf("an archived repository: %v\n%s", err, out)
	}
	work.must("fetch", "-q", "origin")
}

// TestPushFollows has a push close, update and merge pull requests, as GitHub does.
func TestPushFollows(t *testing.T) {
	s := start(t)
	ctx, c := t.Context(), client(t, s, pat)
	for _, name := range []string{"a", "b"} {
		must[string](t)(s.Push(shop, "ana", github.Push{Branch: name, Files: map[string]string{name: name}}))
		propose(t, c, name)
	}
	sha := must[string](t)(s.Push(shop, "ben", github.Push{Branch: "a", Files: map[string]string{"a": "again"}}))
	p, _, err := c.PullRequests.Get(ctx, "acme", "shop", 1)
	if err != nil || p.GetHead().GetSHA() != sha || p.GetCommits() != 2 {
		t.Errorf("after a push to its branch: %v, %v", p, err)
	}
	if err := s.DeleteBranch(shop, "ben", "b"); err != nil {
		t.Fatal(err)
	}
	dir := shell{t, t.TempDir()}
	dir.must("clone", "-q", strings.Replace(s.URL(), "http://", "http://ana:"+pat+"@", 1)+"/acme/shop", ".")
	dir.must("merge", "-q", "origin/a")
	dir.must("push", "-q")
	pulls := s.Pulls(shop)
	if !pulls[0].Merged || pulls[0].ClosedBy != "ana" || pulls[1].Merged || pulls[1].State != "closed" || pulls[1].ClosedBy != "ben" {
		t.Errorf("after the push: %+v", pulls)
	}
	if err := s.Reopen(shop, "ben", 2); err == nil {
		t.Error("a pull request without a branch was opened again")
	}
	must[string](t)(s.Push(shop, "ana", github.Push{Branch: "c", Files: map[string]string{"c": "c"}}))
	propose(t, c, "c")
	must[string](t)(s.Push(shop, "ben", github.Push{Branch: "c", From: "main", Force: true, Files: map[string]string{"c": "forced"}}))
	if p := s.Pulls(shop)[2]; p.State != "open" || p.Commits != 1 || !strings.Contains(p.Diff, "+forced") {
		t.Errorf("after a forced push: %+v", p)
	}
}
