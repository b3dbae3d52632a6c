package github

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	stand "github.com/eks-autopilot/autopilot/test/github"
)

// TestLife follows a pull request as the handlers do, from its opening to its merge, with a base that moves, a conflict, checks and
// a review on the way.
func TestLife(t *testing.T) {
	w := newWorld(t, nil)
	now := time.Now()
	d := w.draft(t, w.forge)
	p := proposal(d.Commit)
	p.Status, p.ApprovedAt = engine.ProposalApproved, now
	var told []string
	take := func(seen engine.Pull, base string) change.Act {
		t.Helper()
		s := change.Next(p, seen, base, now)
		p.Status, p.Reason, p.Pull = s.Status, s.Reason, s.Pull
		p.Timeline = append(p.Timeline, s.Tell...)
		for _, e := range s.Tell {
			told = append(told, e.Kind+": "+e.Text)
		}
		return s.Act
	}
	propose := func() {
		t.Helper()
		pull, err := w.forge.Propose(t.Context(), w.draft(t, w.forge))
		must(t, err)
		take(pull, "")
	}
	look := func(want change.Act) {
		t.Helper()
		seen, err := w.forge.Status(t.Context(), repo, p.Pull)
		must(t, err)
		if got := take(seen, w.Branches(repo)["main"]); got != want {
			t.Fatalf("%q follows, want %q: %+v", got, want, seen)
		}
	}
	propose()
	look(change.ActNone)
	_, err := w.Push(repo, "ada", stand.Push{Files: map[string]string{"other": "1"}})
	must(t, err)
	look(change.ActNone) // it was opened a moment ago
	now = now.Add(2 * time.Hour)
	look(change.ActRebuild)
	propose()
	p.Timeline = append(p.Timeline, engine.Event{Kind: change.EventRebuilt, At: now})
	look(change.ActNone)
	_, err = w.Push(repo, "ada", stand.Push{Files: map[string]string{manifest: "# new\r\n" + "resources: # now\r\n  requests: {memory: 2Gi} # ümläut\r\n"}})
	must(t, err)
	now = now.Add(10 * time.Minute)
	look(change.ActRebuild)
	propose()
	p.Timeline = append(p.Timeline, engine.Event{Kind: change.EventRebuilt, At: now})
	must(t, w.SetCheck(repo, d.Branch, "plan", "failure"))
	look(change.ActNone)
	must(t, w.SetCheck(repo, d.Branch, "plan", "success"))
	must(t, w.Review(repo, "ada", 1, "APPROVE", ""))
	look(change.ActNone)
	must(t, w.Merge(repo, "ada", 1, "merge"))
	look(change.ActMerged)
	want := []string{
		"pull_opened: Pull request shop/deploy#1 is open: " + w.URL() + "/shop/deploy/pull/1",
		"pull_conflict: It conflicts with the base, and is made anew on the newest commit.",
		"pull_conflict: It no longer conflicts with the base.",
		"pull_checks: Checks fail: plan. See " + w.URL() + "/shop/deploy/pull/1",
		"pull_checks: All checks pass.",
		"pull_review: Reviewed and approved on GitHub.",
		"pull_merged: Merged as " + w.Branches(repo)["main"][:10] + ". It is watched until the live objects have the new values.",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if data, err := w.File(repo, "main", manifest); err != nil || data != "# new\r\nresources: # now\r\n  requests: {memory: 1229Mi} # ümläut\r\n" {
		t.Errorf("on main: %q, %v", data, err)
	}
	if pulls := w.Pulls(repo); len(pulls) != 1 || p.Status != engine.ProposalMerged {
		t.Errorf("%s, %d pull requests", p.Status, len(pulls))
	}
}
