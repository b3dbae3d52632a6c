package handlers

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// meanwhile is a forge during whose making of a pull request something else happens.
type meanwhile struct {
	*fakeForge
	then func()
}

func (m meanwhile) Propose(ctx context.Context, d change.Draft) (engine.Pull, error) {
	p, err := m.fakeForge.Propose(ctx, d)
	m.then()
	return p, err
}

func (c *changing) deny(t *testing.T) {
	t.Helper()
	d := engine.Decision{ID: "no", Action: engine.ActionDeny, ProposalID: 1, Allowed: true, Reason: "not before the sale"}
	if _, err := c.store.Deny(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func TestDeniedWhileThePullRequestIsMade(t *testing.T) {
	c := changesFixture(t)
	c.approved(t)
	c.Changes.Forge = meanwhile{c.forge, func() { c.deny(t) }}
	if err := c.task(engine.TaskPropose, 1); err != nil || c.store.all[1].Status != engine.ProposalDenied {
		t.Fatalf("%v, %s", err, c.store.all[1].Status)
	}
	if len(c.forge.closed) != 1 || c.forge.pulls[1].State != engine.PullClosed {
		t.Errorf("nobody wants the pull request: closed %q, %+v", c.forge.closed, c.forge.pulls)
	}

	c = changesFixture(t)
	p := c.approved(t)
	if _, _, err := c.makePull(t.Context(), p); err != nil { // and is killed
		t.Fatal(err)
	}
	c.deny(t)
	c.plain.paused = engine.Pause{On: true}
	if err := c.task(engine.TaskPropose, 1); waits(err) != pauseLook || len(c.forge.closed) != 0 {
		t.Errorf("writes are paused: %v, closed %q", err, c.forge.closed)
	}
	c.plain.paused = engine.Pause{}
	for range 2 {
		if err := c.task(engine.TaskPropose, 1); err != nil || len(c.forge.closed) != 1 {
			t.Errorf("killed, then denied: %v, closed %q; want it closed once", err, c.forge.closed)
		}
	}
}

// What follows of a change that is live is done again by the task that was killed after it was kept that it is.
func TestKilledAfterDeployed(t *testing.T) {
	c := changesFixture(t)
	p := c.deployed(t)
	c.store.all[2] = engine.Proposal{
		ID: 2, Reverts: 1, Status: engine.ProposalDeployed, DeployedAt: c.clock, Version: 1, Title: "Take it back",
		Items: []engine.ProposalItem{{Wish: engine.Wish{Kind: engine.WishRequest, Target: p.Items[0].Wish.Target}}},
	}
	if err := c.task(engine.TaskFollow, 2); err != nil || c.store.all[1].Status != engine.ProposalReversed {
		t.Errorf("%v, %s; want what was taken back to be reversed", err, c.store.all[1].Status)
	}
	c.store.all[3] = engine.Proposal{
		ID: 3, Status: engine.ProposalDeployed, DeployedAt: c.clock, Version: 1,
		Items: []engine.ProposalItem{{Edits: []engine.FileEdit{{Path: "main.tf"}}, Wish: engine.Wish{Kind: engine.WishVolume, Target: engine.Target{Provider: "vol-1"}}}},
	}
	if err := c.task(engine.TaskFollow, 3); err != nil || c.store.all[3].Status != engine.ProposalVerified {
		t.Errorf("%v, %s; want the snapshot to be over, so that the removal can be proposed", err, c.store.all[3].Status)
	}
}

func TestAChangeThatNeverArrives(t *testing.T) {
	c := changesFixture(t)
	c.opened(t)
	c.forge.merge(1)
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 {
		t.Fatal(err)
	}
	c.clock = c.clock.Add(3 * time.Hour)
	for _, is := range []string{"2Gi", "3Gi", "2Gi"} {
		c.values["memory"] = is
		if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || !strings.HasSuffix(c.store.all[1].Reason, "memory is 2Gi") {
			t.Errorf("%v, held %q; want it told once, whatever is live", err, c.store.all[1].Reason)
		}
	}
	c.clock = c.clock.Add(arriveEnd)
	if err := c.task(engine.TaskFollow, 1); err != nil || c.store.all[1].Status != engine.ProposalReversed || !strings.Contains(c.store.all[1].Reason, "two weeks after the merge") {
		t.Errorf("%v, %+v; want it given up, so that the value can be proposed again", err, c.store.all[1])
	}
}

// What a change makes crash crashes as it is rolled out, before anybody sees that it is live.
func TestHarmBeforeItIsSeenToBeLive(t *testing.T) {
	c := changesFixture(t)
	c.opened(t)
	c.clock = c.clock.Add(time.Hour)
	merged := c.clock.Add(-3 * time.Minute)
	c.forge.merge(1)
	c.pull(func(p *engine.Pull) { p.MergedAt = merged })
	c.values["memory"] = "1200Mi"
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || c.store.all[1].Status != engine.ProposalDeployed {
		t.Fatal(err)
	}
	c.plain.incidents = map[int64]engine.Incident{
		7:  {ID: 7, Workload: api, StartedAt: merged.Add(-time.Second), Classes: []engine.Class{engine.ClassOOMKilled}},
		42: {ID: 42, Workload: api, StartedAt: merged.Add(time.Minute), Classes: []engine.Class{engine.ClassOOMKilled}},
	}
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || len(c.store.offers) != 1 || c.store.offers[0].Incident != 42 {
		t.Errorf("%v, offers %+v; want that of incident 42 alone", err, c.store.offers)
	}
}

// A conflict that is still there a minute later is no race, and is looked at as seldom as all that a person must mend.
func TestAConflictThatStays(t *testing.T) {
	c := changesFixture(t)
	c.approved(t)
	c.forge.fail = engine.Errorf(engine.Conflict, "somebody pushed to the branch")
	for k, want := range []time.Duration{raceLook, forgeLook, forgeLook} {
		if err := c.task(engine.TaskPropose, 1); waits(err) != want {
			t.Errorf("try %d: %v, waits %s, want %s", k, err, waits(err), want)
		}
	}
}

func TestRepositoriesThatMayBeChanged(t *testing.T) {
	for name, c := range map[string]struct {
		changes Changes
		want    bool
	}{
		"all":              {Changes{}, true},
		"by a pattern":     {Changes{Repos: []string{"other/*", "Acme/dep*"}}, true},
		"by its mapping":   {Changes{Repos: []string{"other/*"}, Mappings: []change.Mapping{{Repo: "acme/Deploy"}}}, true},
		"neither":          {Changes{Repos: []string{"acme/infra"}, Mappings: []change.Mapping{{Repo: "acme/infra"}}}, false},
		"no whole segment": {Changes{Repos: []string{"*"}}, false},
	} {
		if got := c.changes.covers("acme/deploy"); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Who may approve nothing of a group has no repository read for it, and is not shown its lines.
func TestAStrangerHasNothingDrafted(t *testing.T) {
	c := changesFixture(t)
	if _, err := c.Click(t.Context(), click("UFOR", "approve", "g3")); engine.CodeOf(err) != engine.Forbidden || len(c.store.drafts) != 0 {
		t.Errorf("%v, drafts %v", err, c.store.drafts)
	}
	c.forge.fail = engine.Errorf(engine.Unavailable, "does not answer")
	if _, err := c.Click(t.Context(), click("UFOR", "approve", "g3")); engine.CodeOf(err) != engine.Forbidden || c.store.requested != 0 {
		t.Errorf("%v, asked for %d times", err, c.store.requested)
	}
	c.forge.fail, c.Changes.Mappings = nil, nil
	if item := c.drafts(t); item.Why == "" {
		t.Fatal("it can be edited")
	}
	if _, err := c.Click(t.Context(), click("UFOR", "approve", "g3")); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("what is to be edited by hand: %v", err)
	}
	if d := c.store.decisions; len(d) != 3 || d[0].Allowed || d[0].GroupID != 3 || d[0].By.ID != "UFOR" {
		t.Errorf("kept %+v", d)
	}
}
