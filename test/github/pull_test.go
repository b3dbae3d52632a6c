package github_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	gh "github.com/google/go-github/v60/github"

	"github.com/eks-autopilot/autopilot/test/github"
)

// TestTreeTruncated has more entries than a recursive tree shows.
func TestTreeTruncated(t *testing.T) {
	s := start(t, func(c *github.Config) { c.TreeLimit = 3 })
	c := client(t, s, pat)
	for recursive, want := range map[bool]int{true: 3, false: 3} { // five at all depths, three at the top
		tree := ok[*gh.Tree](t)(c.Git.GetTree(t.Context(), "acme", "shop", "main", recursive))
		if len(tree.Entries) != want || tree.GetTruncated() != recursive {
			t.Errorf("recursive %v: %d entries, truncated %v", recursive, len(tree.Entries), tree.GetTruncated())
		}
	}
}

// TestTreeOfTrees puts a folder by its tree, keeps modes and takes a whole folder away.
func TestTreeOfTrees(t *testing.T) {
	s := start(t)
	ctx, c := t.Context(), client(t, s, pat)
	base := ok[*gh.Tree](t)(c.Git.GetTree(ctx, "acme", "shop", "main", false))
	var deploy string
	for _, e := range base.Entries {
		if e.GetPath() == "deploy" {
			deploy = e.GetSHA()
		}
	}
	made := ok[*gh.Tree](t)(c.Git.CreateTree(ctx, "acme", "shop", base.GetSHA(), []*gh.TreeEntry{
		{Path: new("copy"), Mode: new("040000"), Type: new("tree"), SHA: &deploy},
		{Path: new("run.sh"), Mode: new("100755"), Type: new("blob"), Content: new("#!/bin/sh\n")},
		{Path: new("deploy/values.yaml"), Mode: new("100644")},
		{Path: new(".github"), Mode: new("040000"), Type: new("tree"), SHA: &deploy},
	}))
	all := ok[*gh.Tree](t)(c.Git.GetTree(ctx, "acme", "shop", made.GetSHA(), true))
	var got []string
	for _, e := range all.Entries {
		got = append(got, e.GetMode()+" "+e.GetPath())
	}
	want := []string{"040000 .github", "100644 .github/values.yaml", "100644 README.md", "040000 copy", "100644 copy/values.yaml", "100755 run.sh"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, q := range []struct {
		entry gh.TreeEntry
		words string
	}{
		{gh.TreeEntry{Path: new("/a"), Mode: new("100644"), Content: new("")}, "malformed path"},
		{gh.TreeEntry{Path: new("a/.git/config"), Mode: new("100644"), Content: new("")}, "malformed path"},
		{gh.TreeEntry{Path: new("a"), Mode: new("100600"), Content: new("")}, "valid tree.mode"},
		{gh.TreeEntry{Path: new("a"), Mode: new("100644"), SHA: new(strings.Repeat("1", 40))}, "is not a valid blob"},
		{gh.TreeEntry{Path: new("a"), Mode: new("100644"), SHA: &deploy}, "is not a valid blob"},
	} {
		_, _, err := c.Git.CreateTree(ctx, "acme", "shop", base.GetSHA(), []*gh.TreeEntry{&q.entry})
		if code, words := status(err); code != 422 || !strings.Contains(words, q.words) {
			t.Errorf("%s: %v, want 422 %s", q.entry.GetPath(), err, q.words)
		}
	}
}

// TestRefs refuses what git or GitHub refuse of refs.
func TestRefs(t *testing.T) {
	s := start(t)
	ctx, c := t.Context(), client(t, s, pat)
	tip := s.Branches(shop)["main"]
	create := func(ref, sha string) error {
		_, _, err := c.Git.CreateRef(ctx, "acme", "shop", &gh.Reference{Ref: &ref, Object: &gh.GitObject{SHA: &sha}})
		return err
	}
	for _, q := range []struct{ ref, sha, words string }{
		{"refs/heads/a..b", tip, "Reference name must start with"},
		{"refs/heads/", tip, "Reference name must start with"},
		{"refs/pull/1/head", tip, "Reference update failed"},
		{"refs/heads/main/below", tip, "Reference update failed"},
		{"refs/heads/short", tip[:8], "exactly 40 characters"},
		{"refs/heads/main", tip, "Reference already exists"},
	} {
		if code, words := status(create(q.ref, q.sha)); code != 422 || !strings.Contains(words, q.words) {
			t.Errorf("%s: %d %s, want 422 %s", q.ref, code, words, q.words)
		}
	}
	if err := create("refs/heads/team/fix", tip); err != nil {
		t.Fatal(err)
	}
	if b := ok[*gh.Branch](t)(c.Repositories.GetBranch(ctx, "acme", "shop", "team/fix", 0)); b.GetCommit().GetSHA() != tip {
		t.Errorf("a branch with a slash: %v", b)
	}
	if _, err := c.Git.DeleteRef(ctx, "acme", "shop", "heads/main"); err == nil {
		t.Error("the default branch was deleted")
	}
	if _, err := c.Git.DeleteRef(ctx, "acme", "shop", "heads/team/fix"); err != nil {
		t.Error(err)
	}
	if _, err := c.Git.DeleteRef(ctx, "acme", "shop", "heads/team/fix"); err == nil {
		t.Error("a branch was deleted twice")
	}
	if err := s.CreateRepo(github.Repo{Name: "acme/empty", Access: map[string]string{"ana": "push"}}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Git.GetTree(ctx, "acme", "empty", "main", false); !strings.Contains(fmt.Sprint(err), "409 Git Repository is empty.") {
		t.Errorf("an empty repository: %v", err)
	}
}

// TestCodeOwners needs the word of who owns what is changed.
func TestCodeOwners(t *testing.T) {
	s := start(t)
	if err := s.SetAccess(shop, "cleo", "push"); err != nil {
		t.Fatal(err)
	}
	if err := s.Protect(shop, "main", &github.Protection{CodeOwners: true, EnforceAdmins: true}); err != nil {
		t.Fatal(err)
	}
	c := client(t, s, pat)
	for n, q := range []struct {
		file string
		who  string
		want string // of blocked
	}{
		{"deploy/values.yaml", "", "Waiting on code owner review."},
		{"deploy/values.yaml", "cleo", "Waiting on code owner review."},
		{"deploy/values.yaml", "ben", ""},
		{"docs/deep/a.md", "cleo", ""}, // a team's
		{"mydocs/a.md", "", ""},        // nobody's
	} {
		head := fmt.Sprint("h", n)
		must[string](t)(s.Push(shop, "ana", github.Push{Branch: head, Files: map[string]string{q.file: head}}))
		p := propose(t, c, head)
		if q.who != "" {
			if err := s.Review(shop, q.who, p.GetNumber(), "APPROVE", ""); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.Pulls(shop)[n].Blocked; got != q.want {
			t.Errorf("%s, approved by %q: %q, want %q", q.file, q.who, got, q.want)
		}
	}
	if err := s.Merge(shop, "ben", 1, ""); err == nil {
		t.Error("it was merged without its owner")
	}
	if err := s.Merge(shop, "ben", 3, ""); err != nil {
		t.Error(err)
	}
}

// TestActing does by hand what people do, and is refused what they are.
func TestActing(t *testing.T) {
	s := start(t)
	must[string](t)(s.Push(shop, "ana", github.Push{Branch: "a", Files: map[string]string{"a": "a"}}))
	propose(t, client(t, s, pat), "a")
	for name, err := range map[string]error{
		"a merge by somebody without rights": s.Merge(shop, "eve", 1, ""),
		"an approval of one's own":           s.Review(shop, "ana", 1, "APPROVE", ""),
		"an unknown review":                  s.Review(shop, "ben", 1, "SHRUG", ""),
		"no such pull request":               s.ClosePull(shop, "ben", 2),
		"no such repository":                 s.ClosePull("acme/none", "ben", 1),
		"no such commit":                     s.SetCheck(shop, "none", "ci", "success"),
		"a repository twice":                 s.CreateRepo(github.Repo{Name: shop}),
		"a bad name":                         s.CreateRepo(github.Repo{Name: "../x"}),
		"no such installation":               s.SetPermission("autopilot", "eve", "contents", ""),
		"no such delivery":                   s.Redeliver("none"),
	} {
		if err == nil {
			t.Errorf("%s went through", name)
		}
	}
	if err := s.ClosePull(shop, "ben", 1); err != nil {
		t.Fatal(err)
	}
	if err := s.ClosePull(shop, "ben", 1); err == nil {
		t.Error("it was closed twice")
	}
	if p := s.Pulls(shop)[0]; p.State != "closed" || p.Merged || p.ClosedBy != "ben" {
		t.Errorf("%+v", p)
	}
}

// TestAtOnce has many ask for the same at once: one gets it.
func TestAtOnce(t *testing.T) {
	s := start(t)
	must[string](t)(s.Push(shop, "ana", github.Push{Branch: "a", Files: map[string]string{"a": "a"}}))
	c := client(t, s, pat)
	var all sync.WaitGroup
	var made atomic.Int32
	for range 20 {
		all.Go(func() {
			_, r, err := c.PullRequests.Create(t.Context(), "acme", "shop", &gh.NewPullRequest{Title: new("a"), Head: new("a"), Base: new("main")})
			switch {
			case err == nil:
				made.Add(1)
			case r == nil || r.StatusCode != 422:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 || len(s.Pulls(shop)) != 1 {
		t.Errorf("%d were made, there are %d", made.Load(), len(s.Pulls(shop)))
	}
}

// TestClose leaves nothing behind.
func TestClose(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, err := github.New(github.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateRepo(github.Repo{Name: "a/b", Files: map[string]string{"c": "d"}}); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 1 {
		t.Fatalf("%v, %v: want its folder", left, err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
