package github

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	stand "github.com/eks-autopilot/autopilot/test/github"
)

func paths(files []change.File) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Path)
	}
	return out
}

func TestTree(t *testing.T) {
	w := newWorld(t, nil)
	for _, base := range []string{"main", ""} {
		tree, err := w.forge.Tree(t.Context(), repo, base)
		must(t, err)
		if tree.Repo() != repo || tree.Base() != "main" || tree.Commit() != w.Branches(repo)["main"] {
			t.Errorf("it is %s %s %s", tree.Repo(), tree.Base(), tree.Commit())
		}
		if diff := cmp.Diff([]string{"README.md", manifest, "infra/main.tf"}, paths(tree.Files())); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		data, err := tree.Read(t.Context(), manifest)
		must(t, err)
		if file := tree.Files()[1]; string(data) != before || file.Blob != blobHash(data) || file.Size != int64(len(before)) || file.Mode != "100644" {
			t.Errorf("%+v holds %q", file, data)
		}
		_, err = tree.Read(t.Context(), "nowhere")
		code(t, err, engine.NotFound, "nowhere")
	}
	_, err := w.forge.Tree(t.Context(), repo, "nowhere")
	code(t, err, engine.NotFound, "no branch nowhere")
	_, err = w.forge.Tree(t.Context(), "shop/nothing", "")
	code(t, err, engine.NotFound, "shop/nothing")
}

// TestTreeCostsOnce reads a repository and a file again: what did not change is not fetched, and costs nothing of the limit.
func TestTreeCostsOnce(t *testing.T) {
	w := newWorld(t, nil)
	all := func() {
		t.Helper()
		tree, err := w.forge.Tree(t.Context(), repo, "main")
		must(t, err)
		for range 2 {
			data, err := tree.Read(t.Context(), manifest)
			must(t, err)
			data[0] = 'X' // it is the caller's own
		}
	}
	all()
	calls := len(w.Calls())
	all()
	for _, c := range w.Calls()[calls:] {
		if c.Status != 304 {
			t.Errorf("%s %s was answered %d", c.Method, c.Path, c.Status)
		}
	}
	_, err := w.Push(repo, "ada", stand.Push{Files: map[string]string{"README.md": "other"}})
	must(t, err)
	all()
	if n := w.Count("GET", "/repos/*/git/trees/*"); n != 2 {
		t.Errorf("the list of files was fetched %d times, want 2", n)
	}
	if n := w.Count("GET", "/repos/*/git/blobs/*"); n != 1 {
		t.Errorf("a file that did not change was fetched %d times", n)
	}
}

// TestTreeCutOff has GitHub cut its list off: the folders are read one by one, to the same end.
func TestTreeCutOff(t *testing.T) {
	files := map[string]string{}
	for n := range 40 {
		files[fmt.Sprintf("a%d/b/c%d.yaml", n%4, n)] = fmt.Sprint(n)
	}
	var lists [][]string
	for _, limit := range []int{0, 20} {
		w := newWorld(t, func(c *stand.Config, _ *Options) { c.TreeLimit = limit })
		_, err := w.Push(repo, "ada", stand.Push{Files: files})
		must(t, err)
		tree, err := w.forge.Tree(t.Context(), repo, "main")
		must(t, err)
		lists = append(lists, paths(tree.Files()))
		if n := w.Count("GET", "/repos/*/git/trees/*"); limit == 0 != (n == 1) {
			t.Errorf("%d lists with a limit of %d", n, limit)
		}
	}
	if diff := cmp.Diff(lists[0], lists[1]); diff != "" || len(lists[0]) != 43 {
		t.Errorf("%d files (-whole +folders):\n%s", len(lists[0]), diff)
	}
}

// TestTreeHasNoLinks leaves out what is not an ordinary file, and refuses to write over it. A file keeps its mode.
func TestTreeHasNoLinks(t *testing.T) {
	w := newWorld(t, nil)
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("clone", "-q", strings.Replace(w.URL(), "http://", "http://x:"+token+"@", 1)+"/"+repo+".git", ".")
	must(t, os.Symlink(manifest, filepath.Join(dir, "link.yaml")))
	must(t, os.Chmod(filepath.Join(dir, manifest), 0o755))
	git("add", ".")
	git("commit", "-q", "-m", "link")
	git("push", "-q", "origin", "main")
	tree, err := w.forge.Tree(t.Context(), repo, "main")
	must(t, err)
	if slices.Contains(paths(tree.Files()), "link.yaml") {
		t.Error("a link is shown as a file")
	}
	d := w.draft(t, w.forge)
	_, err = w.forge.Propose(t.Context(), d)
	must(t, err)
	git("fetch", "-q")
	out, err := exec.CommandContext(t.Context(), "git", "-C", dir, "ls-tree", "origin/"+d.Branch, manifest).Output()
	must(t, err)
	if !bytes.HasPrefix(out, []byte("100755 ")) {
		t.Errorf("the file's mode is now %s", out)
	}
	d.Files = map[string][]byte{"link.yaml": []byte("x")}
	_, err = w.forge.Propose(t.Context(), d)
	code(t, err, engine.Invalid, "link.yaml")
}

func TestTreeRefuses(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"", "shop", "shop/", "/deploy", "shop/..", "shop/.", "a/b/c", "../x", "shop/de ploy", "shop/x?y=1", "shop/%2e%2e"} {
		if _, err := w.forge.Tree(t.Context(), name, "main"); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("repository %q: %v", name, err)
		}
	}
	for _, base := range []string{"..", "a/../../b", "-x", "a b", "a\x00", "a~1", "a:b", "x.lock", ".x", "a//b", "/a", "a/", "a@{1}", "a."} {
		if _, err := w.forge.Tree(t.Context(), repo, base); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("branch %q: %v", base, err)
		}
	}
	if n := len(w.Calls()); n != 0 {
		t.Errorf("GitHub was asked %d times", n)
	}
}

func TestBlobHash(t *testing.T) {
	if got := blobHash([]byte("hello\n")); got != "ce013625030ba8dba906f756967f9e9ca394464a" { // git hash-object says so
		t.Errorf("it is %s", got)
	}
}
