package github

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	stand "github.com/eks-autopilot/autopilot/test/github"
)

func TestPropose(t *testing.T) {
	w := newWorld(t, nil)
	d := w.draft(t, w.forge)
	got, err := w.forge.Propose(t.Context(), d)
	must(t, err)
	w.isOne(t, d)
	want := engine.Pull{Number: 1, URL: w.URL() + "/shop/deploy/pull/1", Branch: d.Branch, Head: w.Branches(repo)[d.Branch], State: engine.PullOpen, Parent: w.Branches(repo)["main"]}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(engine.Pull{}, "SeenAt")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	pull := w.Pulls(repo)[0]
	if !strings.Contains(pull.Diff, "-  requests: {memory: 2Gi} # ümläut\r\n+  requests: {memory: 1229Mi} # ümläut\r\n") || strings.Contains(pull.Diff, "README") {
		t.Errorf("the diff is\n%s", pull.Diff)
	}
	if _, err := w.File(repo, d.Branch, "infra/main.tf"); err == nil {
		t.Error("the file that was to be removed is there")
	}
	if diff := cmp.Diff([]string{"autopilot", "finops"}, pull.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"ada"}, {"payments"}}, [][]string{pull.Reviewers, pull.Teams}); diff != "" {
		t.Errorf("reviewers (-want +got):\n%s", diff)
	}
	if pull.Title != d.Title || pull.Body != d.Body || pull.Author != "autopilot" || pull.Draft {
		t.Errorf("it is %+v", pull)
	}
}

// isOne asserts the one branch, its one commit with the right bytes, and the one pull request, dressed.
func (w *world) isOne(t *testing.T, d change.Draft) {
	t.Helper()
	pulls := w.Pulls(repo)
	if len(pulls) != 1 || pulls[0].Commits != 1 || pulls[0].State != "open" || pulls[0].Head != d.Branch || pulls[0].Base != "main" {
		t.Fatalf("pull requests: %+v", pulls)
	}
	branches := w.Branches(repo)
	if len(branches) != 2 || branches[d.Branch] != pulls[0].HeadSHA {
		t.Fatalf("branches: %v", branches)
	}
	if got, err := w.File(repo, d.Branch, manifest); err != nil || got != strings.Replace(before, "2Gi", "1229Mi", 1) {
		t.Fatalf("the file is %q, %v", got, err)
	}
	if len(pulls[0].Labels) != 2 || len(pulls[0].Reviewers) != 1 || len(pulls[0].Teams) != 1 {
		t.Fatalf("labels %v, reviewers %v, teams %v", pulls[0].Labels, pulls[0].Reviewers, pulls[0].Teams)
	}
}

// TestProposeIsCutOff kills the process at every request, before it is sent and after it was done, and starts it anew.
func TestProposeIsCutOff(t *testing.T) {
	w := newWorld(t, nil)
	must(t, propose(t, w.forge))
	requests := w.line.methods()
	if len(requests) < 12 {
		t.Fatalf("only %v", requests)
	}
	for n, method := range requests {
		at := n + 1
		for _, after := range []bool{false, true} {
			if after && method == "GET" {
				continue // as if it were never sent
			}
			t.Run(fmt.Sprintf("%d/%v", at, after), func(t *testing.T) {
				w := newWorld(t, nil)
				w.line.cut(at, after)
				if err := propose(t, w.forge); engine.CodeOf(err) != engine.Unavailable {
					t.Fatalf("cut off, it says %v", err)
				}
				next := w.again(t)
				must(t, propose(t, next))
				w.isOne(t, w.draft(t, next))
				must(t, propose(t, next))
				w.isOne(t, w.draft(t, next))
			})
		}
	}
}

func propose(t *testing.T, f *Forge) error {
	d, err := draftOn(t.Context(), f)
	if err != nil {
		return err
	}
	_, err = f.Propose(t.Context(), d)
	return err
}

// TestProposeAtOnce lets many processes do the same at the same time.
func TestProposeAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	errs := make([]error, 12)
	var all sync.WaitGroup
	for n := range errs {
		f := newForge(t, w.forge.o)
		all.Go(func() { errs[n] = propose(t, f) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil && engine.CodeOf(err) != engine.Unavailable {
			t.Errorf("one of many: %v", err)
		}
	}
	must(t, propose(t, w.forge))
	w.isOne(t, w.draft(t, w.forge))
}

// TestProposeAgain changes nothing when everything is there: not a write but those that are named by their content.
func TestProposeAgain(t *testing.T) {
	w := newWorld(t, nil)
	must(t, propose(t, w.forge))
	head := w.Branches(repo)
	must(t, w.Review(repo, "ada", 1, "APPROVE", ""))
	for range 3 {
		must(t, propose(t, w.again(t)))
	}
	if diff := cmp.Diff(head, w.Branches(repo)); diff != "" {
		t.Errorf("branches (-before +after):\n%s", diff)
	}
	for _, path := range []string{"/repos/*/git/refs*", "/repos/*/pulls", "/repos/*/labels", "/repos/*/requested_reviewers", "/repos/*/git/commits"} {
		if n := w.Count("POST", path); n != 1 {
			t.Errorf("%d times POST %s", n, path)
		}
	}
	if n := w.Count("PATCH", "*"); n != 0 {
		t.Errorf("%d times PATCH", n)
	}
}

// TestRebuild makes the branch's commit anew on a base that moved.
func TestRebuild(t *testing.T) {
	w := newWorld(t, nil)
	must(t, propose(t, w.forge))
	first := w.Branches(repo)[w.draft(t, w.forge).Branch]
	_, err := w.Push(repo, "ada", stand.Push{Files: map[string]string{manifest: "# a line more\r\n" + before}})
	must(t, err)
	d := w.draft(t, w.forge)
	d.Body = strings.Replace(d.Body, "### Evidence", "### Evidence, again", 1)
	got, err := w.forge.Propose(t.Context(), d)
	must(t, err)
	pull := w.Pulls(repo)[0]
	if got.Head == first || got.Parent != w.Branches(repo)["main"] || pull.HeadSHA != got.Head || pull.Commits != 1 || !pull.Fits || len(w.Pulls(repo)) != 1 {
		t.Errorf("rebuilt as %+v: %+v", got, pull)
	}
	if data, err := w.File(repo, d.Branch, manifest); err != nil || data != "# a line more\r\n"+strings.Replace(before, "2Gi", "1229Mi", 1) {
		t.Errorf("the file is %q, %v", data, err)
	}
	if pull.Body != d.Body {
		t.Errorf("the body is still\n%s", pull.Body)
	}
}

// TestPersonPushed leaves the branch alone, whatever the person did to it.
func TestPersonPushed(t *testing.T) {
	for name, push := range map[string]struct {
		login string
		push  stand.Push
	}{
		"on top":            {"ada", stand.Push{Files: map[string]string{"x": "1"}}},
		"instead":           {"ada", stand.Push{Files: map[string]string{"x": "1"}, Force: true}},
		"the bot's account": {"autopilot", stand.Push{Files: map[string]string{"x": "1"}, Message: "by hand"}},
		"the bot's message": {"ada", stand.Push{Files: map[string]string{"x": "1"}, Force: true, Message: change.Trailer(change.Branch(proposal("")))}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			d := w.draft(t, w.forge)
			p, err := w.forge.Propose(t.Context(), d)
			must(t, err)
			push.push.Branch = d.Branch
			sha, err := w.Push(repo, push.login, push.push)
			must(t, err)
			seen, err := w.forge.Status(t.Context(), repo, p)
			must(t, err)
			if !seen.Touched || seen.Parent != "" {
				t.Errorf("nobody pushed: %+v", seen)
			}
			_, err = w.Push(repo, "ada", stand.Push{Files: map[string]string{"other": "1"}})
			must(t, err)
			_, err = w.forge.Propose(t.Context(), w.draft(t, w.forge))
			code(t, err, engine.Conflict, "somebody pushed", d.Branch)
			must(t, w.forge.Close(t.Context(), repo, p, "no longer wanted"))
			if got := w.Branches(repo)[d.Branch]; got != sha {
				t.Errorf("the branch is at %q, the person left it at %s", got, sha)
			}
		})
	}
}

// TestPersonPushesMeanwhile has a person push while the bot makes its commit, for the first time or anew.
func TestPersonPushesMeanwhile(t *testing.T) {
	for _, first := range []bool{true, false} {
		w := newWorld(t, nil)
		if !first {
			must(t, propose(t, w.forge))
			_, err := w.Push(repo, "bob", stand.Push{Files: map[string]string{"other": "1"}})
			must(t, err)
		}
		d := w.draft(t, w.forge)
		var pushed string
		w.line.watch = func(req *http.Request) {
			if pushed == "" && req.Method == "POST" && strings.HasSuffix(req.URL.Path, "/git/commits") {
				var err error
				pushed, err = w.Push(repo, "ada", stand.Push{Branch: d.Branch, Files: map[string]string{"x": "1"}})
				must(t, err)
			}
		}
		_, err := w.forge.Propose(t.Context(), d)
		code(t, err, engine.Conflict, "somebody pushed")
		if got := w.Branches(repo)[d.Branch]; got != pushed || pushed == "" {
			t.Errorf("first time %v: the branch is at %q, the person left it at %q", first, got, pushed)
		}
	}
}

func TestProposeAfterTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*world) error
		want engine.PullState
	}{
		"merged":   {func(w *world) error { return w.Merge(repo, "ada", 1, "squash") }, engine.PullMerged},
		"closed":   {func(w *world) error { return w.ClosePull(repo, "ada", 1) }, engine.PullClosed},
		"deleted":  {func(w *world) error { return w.DeleteBranch(repo, "ada", change.Branch(proposal(""))) }, engine.PullClosed},
		"reopened": {func(w *world) error { return errorsOf(w.ClosePull(repo, "ada", 1), w.Reopen(repo, "ada", 1)) }, engine.PullOpen},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			d := w.draft(t, w.forge)
			_, err := w.forge.Propose(t.Context(), d)
			must(t, err)
			must(t, c.end(w))
			got, err := w.again(t).Propose(t.Context(), d)
			must(t, err)
			if got.State != c.want || got.Number != 1 || len(w.Pulls(repo)) != 1 {
				t.Errorf("%+v; %d pull requests", got, len(w.Pulls(repo)))
			}
			if got.State == engine.PullMerged && got.MergedSHA != w.Branches(repo)["main"] {
				t.Errorf("merged as %q", got.MergedSHA)
			}
		})
	}
}

func errorsOf(errs ...error) error {
	return errs[max(0, slices.IndexFunc(errs, func(err error) bool { return err != nil }))]
}

// TestBodyOfAPerson is left as the person wrote it.
func TestBodyOfAPerson(t *testing.T) {
	w := newWorld(t, nil)
	d := w.draft(t, w.forge)
	_, err := w.forge.Propose(t.Context(), d)
	must(t, err)
	other := d
	other.Marker = "<!-- another -->"
	other.Body = "rewritten\n" + other.Marker + "\n"
	_, err = w.forge.Propose(t.Context(), other)
	must(t, err)
	if got := w.Pulls(repo)[0].Body; got != d.Body {
		t.Errorf("the body became\n%s", got)
	}
}

func TestProposeRefuses(t *testing.T) {
	w := newWorld(t, nil)
	good := w.draft(t, w.forge)
	for name, c := range map[string]struct {
		change func(*change.Draft)
		code   engine.Code
		words  string
	}{
		"nothing to change":      {func(d *change.Draft) { d.Files = map[string][]byte{manifest: []byte(before)} }, engine.Conflict, "has all of this already"},
		"gone already":           {func(d *change.Draft) { d.Files = map[string][]byte{"nowhere": nil} }, engine.Conflict, "has all of this already"},
		"no file":                {func(d *change.Draft) { d.Files = nil }, engine.Invalid, "no file"},
		"somebody's branch":      {func(d *change.Draft) { d.Branch = "main" }, engine.Invalid, "message"},
		"a branch of no name":    {func(d *change.Draft) { d.Base = "a..b" }, engine.Invalid, "no name of a branch"},
		"a repository elsewhere": {func(d *change.Draft) { d.Repo = "shop/../../x" }, engine.Invalid, "owner/name"},
		"a file outside":         {func(d *change.Draft) { d.Files = map[string][]byte{"../x": {}} }, engine.Invalid, "no path"},
		"git's own files":        {func(d *change.Draft) { d.Files = map[string][]byte{".git/config": {}} }, engine.Invalid, "no path"},
		"no marker":              {func(d *change.Draft) { d.Body = "hello" }, engine.Invalid, "marker"},
		"no trailer":             {func(d *change.Draft) { d.Message = "hello" }, engine.Invalid, "trailer"},
		"no commit":              {func(d *change.Draft) { d.Commit = "main" }, engine.Invalid, "no commit"},
		"a commit that is gone":  {func(d *change.Draft) { d.Commit = strings.Repeat("ab", 20) }, engine.Conflict, "no longer in"},
		"no such base":           {func(d *change.Draft) { d.Base = "nowhere" }, engine.NotFound, "no branch nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			d := good
			c.change(&d)
			_, err := w.forge.Propose(t.Context(), d)
			code(t, err, c.code, c.words)
			if n := len(w.Pulls(repo)); n != 0 {
				t.Errorf("%d pull requests", n)
			}
		})
	}
}

// TestDraftAndStrangers opens a draft, and asks for reviews whom it may.
func TestDraftAndStrangers(t *testing.T) {
	w := newWorld(t, nil)
	d := w.draft(t, w.forge)
	d.AsDraft, d.Reviewers, d.Teams = true, []string{"nobody-at-all", "ada"}, []string{"no-team", "payments"}
	_, err := w.forge.Propose(t.Context(), d)
	must(t, err)
	pull := w.Pulls(repo)[0]
	if !pull.Draft || !slices.Equal(pull.Reviewers, []string{"ada"}) || !slices.Equal(pull.Teams, []string{"payments"}) {
		t.Errorf("%+v", pull)
	}
}
