package github

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	stand "github.com/eks-autopilot/autopilot/test/github"
)

func TestHistory(t *testing.T) {
	w := newWorld(t, nil)
	first := w.Branches(repo)["main"]
	_, err := w.Push(repo, "ada", stand.Push{Message: "words", Files: map[string]string{"README.md": "other\n"}})
	must(t, err)
	bad, err := w.Push(repo, "ada", stand.Push{Message: "less memory\n\nIt needs less.", Files: map[string]string{manifest: "resources:\n  requests: {memory: 1Gi}\n"}})
	must(t, err)
	tree, err := w.forge.Tree(t.Context(), repo, "")
	must(t, err)
	_, err = w.Push(repo, "ada", stand.Push{Message: "later", Files: map[string]string{manifest: "resources: {}\n"}})
	must(t, err)

	all, err := tree.Commits(t.Context(), manifest, 10)
	must(t, err)
	if len(all) != 2 {
		t.Fatalf("the history is %+v, want the two commits up to the tree's that touched the file", all)
	}
	if c := all[0]; c.SHA != bad || c.Author != "ada" || c.Subject != "less memory" || c.At.IsZero() || c.Parent == first {
		t.Errorf("the newest is %+v", c)
	}
	if c := all[1]; c.SHA != first || c.Parent != "" {
		t.Errorf("the first is %+v", c)
	}
	if one, err := tree.Commits(t.Context(), manifest, 1); err != nil || len(one) != 1 || one[0].SHA != bad {
		t.Errorf("one commit at most is %+v, %v", one, err)
	}
	if none, err := tree.Commits(t.Context(), "nowhere.yaml", 10); err != nil || len(none) != 0 {
		t.Errorf("a file that never was has the history %+v, %v", none, err)
	}

	was, err := tree.At(t.Context(), all[0].Parent)
	must(t, err)
	text, err := was.Read(t.Context(), manifest)
	must(t, err)
	if string(text) != before || was.Base() != "main" || was.Commit() != all[0].Parent {
		t.Errorf("before it, %s on %s was %q", was.Commit(), was.Base(), text)
	}
	_, err = tree.At(t.Context(), "main")
	code(t, err, engine.Invalid, "no commit")
	_, err = tree.At(t.Context(), "1111111111111111111111111111111111111111")
	code(t, err, engine.Conflict, "no longer")
	_, err = tree.Commits(t.Context(), "../x", 1)
	code(t, err, engine.Invalid, "no path")
}

// TestHistoryIsPaged has more commits than a page holds.
func TestHistoryIsPaged(t *testing.T) {
	w := newWorld(t, nil)
	tip := ""
	for n := range 3 {
		var err error
		tip, err = w.Push(repo, "ada", stand.Push{Message: fmt.Sprint("edit ", n), Files: map[string]string{manifest: fmt.Sprintf("replicas: %d\n", n)}})
		must(t, err)
	}
	w.line.watch = func(r *http.Request) { // GitHub gives a hundred at once
		if q := r.URL.Query(); q.Get("per_page") == "100" && q.Get("path") != "" {
			q.Set("per_page", "2")
			r.URL.RawQuery = q.Encode()
		}
	}
	tree, err := w.forge.Tree(t.Context(), repo, "main")
	must(t, err)
	for most, want := range map[int][]string{10: {"edit 2", "edit 1", "edit 0", "Initial commit"}, 3: {"edit 2", "edit 1", "edit 0"}, 2: {"edit 2", "edit 1"}} {
		all, err := tree.Commits(t.Context(), manifest, most)
		must(t, err)
		var got []string
		for _, c := range all {
			got = append(got, c.Subject)
		}
		if diff := cmp.Diff(want, got); diff != "" || all[0].SHA != tip {
			t.Errorf("%d at most (-want +got):\n%s", most, diff)
		}
	}
}

func TestHistoryNamesThePullRequest(t *testing.T) {
	w := newWorld(t, nil)
	d := w.draft(t, w.forge)
	pull, err := w.forge.Propose(t.Context(), d)
	must(t, err)
	before, err := w.forge.Tree(t.Context(), repo, "main")
	must(t, err)
	of := func(commit string) engine.Pull {
		t.Helper()
		p, err := before.Pull(t.Context(), commit)
		must(t, err)
		return p
	}
	if p := of(pull.Head); p.Number != 0 {
		t.Errorf("the open pull request brought %+v", p)
	}
	must(t, w.Merge(repo, "ada", pull.Number, "squash"))
	tree, err := w.forge.Tree(t.Context(), repo, "main")
	must(t, err)
	if p := of(tree.Commit()); p.Number != pull.Number || p.URL != pull.URL || p.State != engine.PullMerged || p.MergedAt.IsZero() || p.MergedSHA != tree.Commit() {
		t.Errorf("it came with %+v, want %+v", p, pull)
	}
	if p := of(before.Commit()); p.Number != 0 {
		t.Errorf("what was pushed came with %+v", p)
	}
	if p := of("2222222222222222222222222222222222222222"); p.Number != 0 {
		t.Errorf("what is no commit came with %+v", p)
	}
	_, err = before.Pull(t.Context(), "main")
	code(t, err, engine.Invalid, "no commit")
}

// TestHistoryErrors tells what GitHub says when it does not give a history.
func TestHistoryErrors(t *testing.T) {
	w := newWorld(t, nil)
	tree, err := w.forge.Tree(t.Context(), repo, "main")
	must(t, err)
	for want, status := range map[engine.Code]int{engine.NotFound: 404, engine.Unavailable: 502, engine.Forbidden: 403} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			must(t, w.Fault(stand.Fault{Path: "/repos/*/commits*", Kind: stand.Status, Status: status, Count: 100}))
			defer w.ClearFaults()
			_, err := tree.Commits(t.Context(), manifest, 1)
			code(t, err, want)
		})
	}
}
