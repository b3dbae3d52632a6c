package github

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	stand "github.com/eks-autopilot/autopilot/test/github"
)

// opened is a world with the pull request open.
func opened(t *testing.T, conf func(*stand.Config, *Options)) (*world, engine.Pull) {
	t.Helper()
	w := newWorld(t, conf)
	p, err := w.forge.Propose(t.Context(), w.draft(t, w.forge))
	must(t, err)
	return w, p
}

func TestStatus(t *testing.T) {
	head := func(w *world) string { return w.Pulls(repo)[0].Head }
	for name, c := range map[string]struct {
		do   func(t *testing.T, w *world)
		want func(*engine.Pull)
	}{
		"as it was made":   {func(*testing.T, *world) {}, func(*engine.Pull) {}},
		"checks run":       {func(t *testing.T, w *world) { must(t, w.SetCheck(repo, head(w), "plan", "")) }, func(p *engine.Pull) { p.Checks = "pending" }},
		"checks pass":      {func(t *testing.T, w *world) { must(t, w.SetCheck(repo, head(w), "plan", "success")) }, func(p *engine.Pull) { p.Checks = "passing" }},
		"skipped is fine":  {func(t *testing.T, w *world) { must(t, w.SetCheck(repo, head(w), "plan", "skipped")) }, func(p *engine.Pull) { p.Checks = "passing" }},
		"a status pends":   {func(t *testing.T, w *world) { must(t, w.SetStatus(repo, head(w), "ci/x", "pending")) }, func(p *engine.Pull) { p.Checks = "pending" }},
		"a status is good": {func(t *testing.T, w *world) { must(t, w.SetStatus(repo, head(w), "ci/x", "success")) }, func(p *engine.Pull) { p.Checks = "passing" }},
		"some fail": {func(t *testing.T, w *world) {
			must(t, w.SetCheck(repo, head(w), "unit", ""))
			must(t, w.SetCheck(repo, head(w), "plan", "failure"))
			must(t, w.SetStatus(repo, head(w), "ci/x", "error"))
		}, func(p *engine.Pull) { p.Checks, p.Failing = "failing", []string{"ci/x", "plan"} }},
		"approved": {func(t *testing.T, w *world) { must(t, w.Review(repo, "ada", 1, "APPROVE", "")) }, func(p *engine.Pull) { p.Review = "approved" }},
		"one wants changes": {func(t *testing.T, w *world) {
			must(t, w.Review(repo, "ada", 1, "APPROVE", ""))
			must(t, w.Review(repo, "bob", 1, "REQUEST_CHANGES", "no"))
		}, func(p *engine.Pull) { p.Review = "changes_requested" }},
		"and then no longer": {func(t *testing.T, w *world) {
			must(t, w.Review(repo, "bob", 1, "REQUEST_CHANGES", "no"))
			must(t, w.Review(repo, "bob", 1, "COMMENT", "hm"))
			must(t, w.Review(repo, "bob", 1, "APPROVE", ""))
		}, func(p *engine.Pull) { p.Review = "approved" }},
		"a conflict": {func(t *testing.T, w *world) {
			_, err := w.Push(repo, "ada", stand.Push{Files: map[string]string{manifest: "resources: {}\n"}})
			must(t, err)
		}, func(p *engine.Pull) { p.Conflict = true }},
		"behind, and must not be": {func(t *testing.T, w *world) {
			must(t, w.Protect(repo, "main", &stand.Protection{Strict: true, Checks: []string{"plan"}}))
			must(t, w.SetCheck(repo, head(w), "plan", "success"))
			_, err := w.Push(repo, "ada", stand.Push{Files: map[string]string{"x": "y"}})
			must(t, err)
		}, func(p *engine.Pull) { p.Behind, p.Checks = true, "passing" }},
		"merged": {func(t *testing.T, w *world) { must(t, w.Merge(repo, "ada", 1, "squash")) }, func(p *engine.Pull) { p.State = engine.PullMerged }},
		"closed": {func(t *testing.T, w *world) { must(t, w.ClosePull(repo, "ada", 1)) }, func(p *engine.Pull) { p.State, p.ClosedBy = engine.PullClosed, "ada" }},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := opened(t, nil)
			c.do(t, w)
			want := p
			c.want(&want)
			if want.State == engine.PullMerged {
				want.MergedSHA = w.Branches(repo)["main"]
			}
			for _, known := range []engine.Pull{p, {Branch: p.Branch}} {
				got, err := w.forge.Status(t.Context(), repo, known)
				must(t, err)
				if known.Number == 0 && want.State != engine.PullOpen {
					got.Parent = want.Parent // nobody looks at the commits of what is over
				}
				if merged := want.State == engine.PullMerged; got.MergedAt.IsZero() == merged {
					t.Errorf("merged at %s", got.MergedAt)
				}
				got.MergedAt = time.Time{} // by the clock of GitHub
				if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(engine.Pull{}, "SeenAt"), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestStatusOfAThinker keeps what was known while GitHub does not say whether there is a conflict.
func TestStatusOfAThinker(t *testing.T) {
	w, p := opened(t, func(c *stand.Config, _ *Options) { c.MergeableReads = 1000 })
	p.Conflict = true
	got, err := w.forge.Status(t.Context(), repo, p)
	must(t, err)
	if !got.Conflict {
		t.Error("a conflict was forgotten while GitHub thinks")
	}
}

// TestStatusWithoutPermission knows nothing of checks that the bot may not see, and all else.
func TestStatusWithoutPermission(t *testing.T) {
	w := newApp(t)
	p, err := w.forge.Propose(t.Context(), w.draft(t, w.forge))
	must(t, err)
	must(t, w.SetCheck(repo, p.Branch, "plan", "failure"))
	must(t, w.SetPermission("pilot", "shop", "checks", ""))
	must(t, w.SetPermission("pilot", "shop", "statuses", ""))
	got, err := w.forge.Status(t.Context(), repo, p)
	must(t, err)
	if got.Checks != "" || got.State != engine.PullOpen || got.Touched {
		t.Errorf("%+v", got)
	}
}

func TestStatusOfNothing(t *testing.T) {
	w := newWorld(t, nil)
	got, err := w.forge.Status(t.Context(), repo, engine.Pull{Branch: "autopilot/x-0123456789ab"})
	must(t, err)
	if got.State != engine.PullNone || got.Number != 0 {
		t.Errorf("%+v", got)
	}
	_, err = w.forge.Status(t.Context(), repo, engine.Pull{Number: 99})
	code(t, err, engine.NotFound, "no pull request 99")
	_, err = w.forge.Status(t.Context(), repo, engine.Pull{Branch: "main"})
	code(t, err, engine.Invalid, "main")
}

// TestCloseIsCutOff kills the process at every request of closing: one comment, no branch, closed.
func TestCloseIsCutOff(t *testing.T) {
	w, p := opened(t, nil)
	w.line.mend()
	must(t, w.forge.Close(t.Context(), repo, p, "no longer <b>wanted</b> by @ada"))
	requests := w.line.methods()
	for n, method := range append([]string{"none"}, requests...) {
		for _, after := range []bool{false, true} {
			if after && (method == "GET" || n == 0) {
				continue
			}
			w, p := opened(t, nil)
			w.line.cut(n, after)
			if err := w.forge.Close(t.Context(), repo, p, "no longer <b>wanted</b> by @ada"); n > 0 && engine.CodeOf(err) != engine.Unavailable {
				t.Fatalf("cut off at %d, it says %v", n, err)
			}
			must(t, w.again(t).Close(t.Context(), repo, p, "no longer <b>wanted</b> by @ada"))
			pull := w.Pulls(repo)[0]
			want := []string{"no longer &#60;b&#62;wanted&#60;/b&#62; by @\u200bada\n\n" + closeMark}
			if diff := cmp.Diff(want, comments(pull)); diff != "" {
				t.Errorf("cut at %d %s: comments (-want +got):\n%s", n, method, diff)
			}
			if pull.State != "closed" || pull.Merged || len(w.Branches(repo)) != 1 {
				t.Errorf("cut at %d %s: %s, branches %v", n, method, pull.State, w.Branches(repo))
			}
		}
	}
}

func comments(p stand.Pull) []string {
	var out []string
	for _, talk := range p.Talk {
		out = append(out, talk.Body)
	}
	return out
}

func TestCloseRefuses(t *testing.T) {
	w, p := opened(t, nil)
	other := p
	other.Branch = "main"
	code(t, w.forge.Close(t.Context(), repo, other, ""), engine.Invalid, "main")
	other.Branch = "autopilot/another-0123456789ab"
	code(t, w.forge.Close(t.Context(), repo, other, ""), engine.Conflict, "is not that of")
	if pull := w.Pulls(repo)[0]; pull.State != "open" || len(w.Branches(repo)) != 2 {
		t.Errorf("%+v", pull)
	}
	must(t, w.Merge(repo, "ada", 1, "merge"))
	must(t, w.forge.Close(t.Context(), repo, p, "too late"))
	if pull := w.Pulls(repo)[0]; len(comments(pull)) != 0 || !pull.Merged || len(w.Branches(repo)) != 1 {
		t.Errorf("%+v %v", pull, w.Branches(repo))
	}
}

// TestLimits opens as many pull requests as are allowed, and says when there is room again.
func TestLimits(t *testing.T) {
	now := time.Now()
	w := newWorld(t, func(_ *stand.Config, o *Options) {
		o.MaxOpen, o.MaxPerHour = 3, 2
		o.Now = func() time.Time { return now }
	})
	next := func(id int64) error {
		d := w.draft(t, w.forge)
		p := proposal(d.Commit)
		p.ID = id
		_, err := w.forge.Propose(t.Context(), change.Compose(p, d.Files, change.Options{}))
		return err
	}
	must(t, next(1))
	must(t, next(2))
	err := next(3)
	code(t, err, engine.Unavailable, "2 pull requests in shop/deploy within an hour")
	if wait := waitOf(t, err); wait < 59*time.Minute || wait > 61*time.Minute { // GitHub has a clock of its own
		t.Errorf("it waits %v", wait)
	}
	must(t, next(1)) // it is there already
	now = now.Add(61 * time.Minute)
	must(t, next(3))
	now = now.Add(61 * time.Minute)
	code(t, next(4), engine.Unavailable, "3 open pull requests")
	must(t, w.ClosePull(repo, "ada", 1))
	must(t, next(4))
	_, err = w.Push(repo, "ada", stand.Push{Branch: "feature", Files: map[string]string{"x": "y"}})
	must(t, err)
	got, err := w.forge.Count(t.Context(), repo)
	must(t, err)
	if got.Open != 3 {
		t.Errorf("%+v", got)
	}
}
