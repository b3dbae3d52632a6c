package change

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// openPull is a pull request as it was made on commit "old", which nobody has looked at.
func openPull() engine.Pull {
	return engine.Pull{Number: 7, URL: "https://github.example/shop/deploy/pull/7", Branch: "autopilot/payments-0", Head: "head", State: engine.PullOpen, Parent: "old"}
}

// followed is a proposal whose pull request was opened two hours before noon.
func followed(status engine.ProposalStatus, pull engine.Pull) engine.Proposal {
	p := proposal(item())
	p.Status, p.Pull, p.ApprovedAt = status, pull, noon.Add(-2*time.Hour)
	p.Timeline = []engine.Event{{ID: 1, Kind: EventOpened, At: noon.Add(-2 * time.Hour), Text: "Pull request"}}
	return p
}

// shut is one that a person closed so long before noon.
func shut(pull engine.Pull, ago time.Duration) engine.Proposal {
	p := followed(engine.ProposalClosed, pull)
	p.Reason = "no need"
	p.Timeline = append(p.Timeline, engine.Event{Kind: string(engine.ProposalClosed), At: noon.Add(-ago)})
	return p
}

func TestNext(t *testing.T) {
	with := func(f func(*engine.Pull)) engine.Pull {
		p := openPull()
		f(&p)
		return p
	}
	merged := with(func(p *engine.Pull) { p.State, p.MergedSHA = engine.PullMerged, "0123456789abcdef" })
	closed := with(func(p *engine.Pull) { p.State, p.ClosedBy = engine.PullClosed, "ada" })
	conflict := with(func(p *engine.Pull) { p.Conflict = true })
	touched := with(func(p *engine.Pull) { p.Touched = true })
	both := with(func(p *engine.Pull) { p.Touched, p.Conflict = true, true })
	opened, approved := engine.ProposalOpened, engine.ProposalApproved
	for name, c := range map[string]struct {
		p      engine.Proposal
		seen   engine.Pull
		base   string
		act    Act
		status engine.ProposalStatus
		reason string
		told   []string
		again  time.Duration
	}{
		"nothing new":                   {followed(opened, openPull()), openPull(), "old", ActNone, opened, "waits for a review", nil, lookOpen},
		"not made yet":                  {followed(approved, engine.Pull{}), engine.Pull{}, "old", ActNone, approved, "", nil, 0},
		"just made":                     {followed(approved, engine.Pull{}), openPull(), "old", ActNone, opened, "waits for a review", []string{"Pull request shop/deploy#7 is open: https://github.example/shop/deploy/pull/7"}, lookOpen},
		"the base moved":                {followed(opened, openPull()), openPull(), "new", ActRebuild, opened, "waits for a review", nil, lookOpen},
		"the base is not known":         {followed(opened, openPull()), openPull(), "", ActNone, opened, "waits for a review", nil, lookOpen},
		"moved while checks run":        {followed(opened, openPull()), with(func(p *engine.Pull) { p.Checks = "pending" }), "new", ActNone, opened, "checks are running", nil, lookOpen},
		"moved after a review":          {followed(opened, openPull()), with(func(p *engine.Pull) { p.Review = "approved" }), "new", ActNone, opened, "reviewed: it can be merged", []string{"Reviewed and approved on GitHub."}, lookOpen},
		"behind, and must not be":       {followed(opened, openPull()), with(func(p *engine.Pull) { p.Behind, p.Review = true, "approved" }), "new", ActRebuild, opened, "reviewed: it can be merged", []string{"Reviewed and approved on GitHub."}, lookOpen},
		"a conflict":                    {followed(opened, openPull()), conflict, "new", ActRebuild, opened, "its branch conflicts with the base", []string{"It conflicts with the base, and is made anew on the newest commit."}, lookOpen},
		"a conflict, nobody knows why":  {followed(opened, openPull()), conflict, "", ActRebuild, opened, "its branch conflicts with the base", []string{"It conflicts with the base, and is made anew on the newest commit."}, lookOpen},
		"a conflict is over":            {followed(opened, conflict), openPull(), "old", ActNone, opened, "waits for a review", []string{"It no longer conflicts with the base."}, lookOpen},
		"somebody pushed":               {followed(opened, openPull()), touched, "new", ActNone, opened, "waits for a review", []string{"Somebody pushed to its branch. From here on it is theirs: it is watched, and not rebuilt."}, lookOpen},
		"somebody pushed, and conflict": {followed(opened, touched), both, "new", ActNone, opened, "somebody pushed to its branch, which now conflicts with the base: whoever pushed must resolve that", []string{"It conflicts with the base. Whoever pushed to it must resolve that: https://github.example/shop/deploy/pull/7"}, lookOpen},
		"checks fail": {
			followed(opened, openPull()), with(func(p *engine.Pull) { p.Checks, p.Failing = "failing", []string{"lint", "plan"} }), "old", ActNone, opened,
			"checks fail: lint, plan",
			[]string{"Checks fail: lint, plan. See https://github.example/shop/deploy/pull/7"},
			lookOpen,
		},
		"checks pass":       {followed(opened, openPull()), with(func(p *engine.Pull) { p.Checks = "passing" }), "old", ActNone, opened, "waits for a review", []string{"All checks pass."}, lookOpen},
		"changes are asked": {followed(opened, openPull()), with(func(p *engine.Pull) { p.Review = "changes_requested" }), "old", ActNone, opened, "a reviewer asked for changes", []string{"A reviewer asks for changes: https://github.example/shop/deploy/pull/7"}, lookOpen},
		"merged":            {followed(opened, openPull()), merged, "new", ActMerged, engine.ProposalMerged, "", []string{"Merged as 0123456789. It is watched until the live objects have the new values."}, lookMerged},
		"merged before it was seen": {
			followed(approved, engine.Pull{}), merged, "new", ActMerged, engine.ProposalMerged, "",
			[]string{"Pull request shop/deploy#7 is open: https://github.example/shop/deploy/pull/7", "Merged as 0123456789. It is watched until the live objects have the new values."},
			lookMerged,
		},
		"closed": {followed(opened, openPull()), closed, "new", ActSnooze, engine.ProposalClosed, "ada closed pull request shop/deploy#7 without merging it", []string{"Closed: ada closed pull request shop/deploy#7 without merging it. What it was for is put off with that reason."}, 0},
		"closed by nobody knows whom": {
			followed(opened, openPull()), with(func(p *engine.Pull) { p.State = engine.PullClosed }), "", ActSnooze, engine.ProposalClosed,
			"a person closed pull request shop/deploy#7 without merging it",
			[]string{"Closed: a person closed pull request shop/deploy#7 without merging it. What it was for is put off with that reason."},
			0,
		},
		"stale, still open":     {followed(engine.ProposalStale, openPull()), openPull(), "new", ActClose, engine.ProposalStale, "", nil, 0},
		"stale, but somebody's": {followed(engine.ProposalStale, openPull()), touched, "new", ActNone, engine.ProposalStale, "", nil, 0},
		"closed and opened again": {
			shut(closed, time.Hour), openPull(), "new", ActReopen, opened, "waits for a review",
			[]string{"Opened again on GitHub. It is followed again, and what it is for is put off no more."},
			lookOpen,
		},
		"closed, opened again and merged": {
			shut(closed, 40*24*time.Hour), merged, "new", ActReopen, engine.ProposalMerged, "",
			[]string{"Opened again on GitHub. It is followed again, and what it is for is put off no more.", "Merged as 0123456789. It is watched until the live objects have the new values."},
			lookMerged,
		},
		"closed an hour ago":       {shut(closed, time.Hour), closed, "", ActNone, engine.ProposalClosed, "no need", nil, lookOld},
		"closed a week ago":        {shut(closed, 7*24*time.Hour), closed, "", ActNone, engine.ProposalClosed, "no need", nil, lookClosed},
		"closed a month ago":       {shut(closed, 30*24*time.Hour), closed, "", ActNone, engine.ProposalClosed, "no need", nil, 0},
		"after the merge":          {followed(engine.ProposalMerged, merged), merged, "new", ActNone, engine.ProposalMerged, "", nil, 0},
		"verified":                 {followed(engine.ProposalVerified, merged), merged, "new", ActNone, engine.ProposalVerified, "", nil, 0},
		"denied before it existed": {followed(engine.ProposalDenied, engine.Pull{}), engine.Pull{}, "new", ActNone, engine.ProposalDenied, "", nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := Next(c.p, c.seen, c.base, noon)
			if got.Act != c.act || got.Status != c.status || got.Reason != c.reason || got.Again != c.again {
				t.Errorf("act %q status %q reason %q again %v,\nwant %q %q %q %v", got.Act, got.Status, got.Reason, got.Again, c.act, c.status, c.reason, c.again)
			}
			if diff := cmp.Diff(c.told, texts(got.Tell)); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

func texts(events []engine.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.Text)
	}
	return out
}

// TestNextRests does not rebuild at every commit of a busy base, but soon for a conflict.
func TestNextRests(t *testing.T) {
	conflict := openPull()
	conflict.Conflict = true
	for name, c := range map[string]struct {
		seen  engine.Pull
		ago   time.Duration
		act   Act
		again time.Duration
	}{
		"moved a moment ago":    {openPull(), 59 * time.Minute, ActNone, time.Minute},
		"moved an hour ago":     {openPull(), time.Hour, ActRebuild, lookOpen},
		"conflict a moment ago": {conflict, 3 * time.Minute, ActNone, 2 * time.Minute},
		"conflict some time":    {conflict, 5 * time.Minute, ActRebuild, lookOpen},
		"an old one":            {openPull(), 25 * time.Hour, ActRebuild, lookOld},
	} {
		p := followed(engine.ProposalOpened, c.seen)
		p.ApprovedAt = noon.Add(-100 * time.Hour)
		p.Timeline = []engine.Event{{Kind: EventOpened, At: noon.Add(-90 * time.Hour)}, {Kind: EventRebuilt, At: noon.Add(-c.ago)}, {Kind: EventChecks, At: noon}}
		if got := Next(p, c.seen, "new", noon); got.Act != c.act || got.Again != c.again {
			t.Errorf("%s: %q again %v, want %q %v", name, got.Act, got.Again, c.act, c.again)
		}
	}
}

// TestNextRestsLongerEachTime counts how often a pull request that nobody reviews is made anew in a month, where the base never rests.
func TestNextRestsLongerEachTime(t *testing.T) {
	p := followed(engine.ProposalOpened, openPull())
	var ages []time.Duration
	for age := time.Duration(0); age < 30*24*time.Hour; age += lookOpen {
		if at := noon.Add(age); Next(p, openPull(), "new", at).Act == ActRebuild {
			p.Timeline = append(p.Timeline, engine.Event{Kind: EventRebuilt, At: at})
			ages = append(ages, age)
		}
	}
	if n := len(ages); n < 30 || n > 36 || ages[2]-ages[1] != 2*time.Hour || ages[n-1]-ages[n-2] != 24*time.Hour {
		t.Errorf("made anew after %v", ages)
	}
}

// TestChecksAreToldOnce lets the same checks fail, run again and fail again.
func TestChecksAreToldOnce(t *testing.T) {
	p := followed(engine.ProposalOpened, openPull())
	var told []string
	for _, checks := range []string{"pending", "failing", "pending", "failing", "passing", "pending", "passing", "failing"} {
		seen := openPull()
		seen.Checks = checks
		if checks == "failing" {
			seen.Failing = []string{"a", "b", "c", "d", "e", "f", "g"}
		}
		s := Next(p, seen, "old", noon)
		told = append(told, texts(s.Tell)...)
		p = applied(p, s)
	}
	fails, passes := "Checks fail: a, b, c, d, e and 2 more. See https://github.example/shop/deploy/pull/7", "All checks pass."
	if diff := cmp.Diff([]string{fails, passes, fails}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func applied(p engine.Proposal, s Step) engine.Proposal {
	p.Status, p.Reason, p.Pull = s.Status, s.Reason, s.Pull
	p.Timeline = append(slices.Clone(p.Timeline), s.Tell...)
	return p
}

// TestNextIsSettled holds for whatever is seen: a second look says nothing, a status only goes where it may, what a person touched
// is not touched, and what is over stays over, unless somebody opens again what a person had closed.
func TestNextIsSettled(t *testing.T) {
	statuses := []engine.ProposalStatus{
		engine.ProposalPending, engine.ProposalApproved, engine.ProposalOpened, engine.ProposalMerged, engine.ProposalDeployed, engine.ProposalVerified,
		engine.ProposalDenied, engine.ProposalExpired, engine.ProposalStale, engine.ProposalClosed, engine.ProposalReversed,
	}
	look := rapid.Custom(func(t *rapid.T) engine.Pull {
		return engine.Pull{
			Number: 7, URL: "https://github.example/7", State: rapid.SampledFrom([]engine.PullState{"", "open", "merged", "closed"}).Draw(t, "state"),
			Checks: rapid.SampledFrom([]string{"", "pending", "passing", "failing"}).Draw(t, "checks"), Failing: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 0, 2).Draw(t, "failing"),
			Review:   rapid.SampledFrom([]string{"", "approved", "changes_requested"}).Draw(t, "review"),
			Conflict: rapid.Bool().Draw(t, "conflict"), Behind: rapid.Bool().Draw(t, "behind"), Touched: rapid.Bool().Draw(t, "touched"),
			Parent: rapid.SampledFrom([]string{"", "old"}).Draw(t, "parent"), MergedSHA: "abc",
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		p := followed(rapid.SampledFrom(statuses).Draw(t, "status"), look.Draw(t, "before"))
		p.Timeline[0].At = noon.Add(-time.Duration(rapid.IntRange(0, 48*60).Draw(t, "ago")) * time.Minute)
		seen, base := look.Draw(t, "seen"), rapid.SampledFrom([]string{"", "old", "new"}).Draw(t, "base")
		s := Next(p, seen, base, noon)
		if s.Status != p.Status && !Leads(p.Status, s.Status) {
			t.Fatalf("%s became %s", p.Status, s.Status)
		}
		if seen.Touched && (s.Act == ActRebuild || s.Act == ActClose) {
			t.Fatalf("%s of a branch that a person pushed to", s.Act)
		}
		if s.Act == ActRebuild && (s.Status != engine.ProposalOpened || base == "old" && seen.Parent == "old") {
			t.Fatalf("rebuilt as %s on %q", s.Status, base)
		}
		if p.Status.IsOver() && s.Act != ActReopen && (s.Status != p.Status || len(s.Tell) > 0) {
			t.Fatalf("%s is over and became %s, told %v", p.Status, s.Status, s.Tell)
		}
		if s.Act == ActReopen && (p.Status != engine.ProposalClosed || seen.State == engine.PullClosed) {
			t.Fatalf("%s, seen %s, goes on", p.Status, seen.State)
		}
		again := Next(applied(p, s), seen, base, noon)
		if again.Status != s.Status || len(again.Tell) > 0 || again.Act != s.Act && again.Act != ActNone && s.Act != ActReopen {
			t.Fatalf("a second look: %+v after %+v", again, s)
		}
		for _, e := range s.Tell {
			if e.Text == "" || e.Kind == "" || !e.At.Equal(noon) || strings.Contains(e.Text, "%!") {
				t.Fatalf("told %+v", e)
			}
		}
	})
}
