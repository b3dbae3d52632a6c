package handlers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

func orphanFinding() engine.Finding {
	return engine.Finding{
		ID: 32, Kind: engine.OrphanVolume, Status: engine.FindingOpen, Monthly: 4 * engine.USD, Cash: true,
		Target: engine.Target{Workload: engine.Workload{Kind: engine.KindVolume, Name: "vol-1"}, Provider: "vol-1", Account: "1", Region: "eu-central-1"},
		Volume: &engine.VolumeRemoval{
			GiB: 100, Type: "gp3", Zone: "eu-central-1a", CreatedAt: noon, DetachedAt: noon, Tags: map[string]string{"Name": "old"}, SnapshotMonthly: 5 * engine.USD,
			Plan: []string{"SNAPSHOT=$(aws ec2 create-snapshot …)", "aws ec2 delete-volume --volume-id vol-1", "kubectl --context prod delete pv old"},
		},
	}
}

// Only a volume of which it is known that no file of ours declares it is removed by the bot, and only where that is configured.
func TestDraftOfARemoval(t *testing.T) {
	here := &Removing{Accounts: []RemovalAccount{{ID: "1", Region: "eu-central-1"}}}
	mapped := []change.Mapping{{Kinds: []string{"Volume"}, Repo: "acme/deploy"}}
	for name, tc := range map[string]struct {
		do   func(*changing)
		runs bool
		why  string
	}{
		"nothing says where it is declared": {func(c *changing) { c.Changes.Removing = here }, true, "nothing says in which repository"},
		"no file declares it":               {func(c *changing) { c.Changes.Removing, c.Changes.Mappings = here, mapped }, true, "no file of acme/deploy declares"},
		"no GitHub":                         {func(c *changing) { c.Changes.Removing, c.Changes.Forge = here, nil }, true, "no GitHub is configured"},
		"switched off":                      {func(c *changing) {}, false, "unless `volumes: {remove: true}` and the account's remover_role_arn"},
		"another account": {func(c *changing) {
			c.Changes.Removing = &Removing{Accounts: []RemovalAccount{{ID: "2", Region: "eu-central-1"}}}
		}, false, "`volumes: {remove: true}`"},
		"another region": {func(c *changing) {
			c.Changes.Removing = &Removing{Accounts: []RemovalAccount{{ID: "1", Region: "eu-west-1"}}}
		}, false, "`volumes: {remove: true}`"},
		"the repository cannot be read": {func(c *changing) {
			c.Changes.Removing, c.Changes.Mappings = here, []change.Mapping{{Kinds: []string{"Volume"}, Repo: "acme/gone"}}
		}, false, "there is no repository acme/gone (configuration); the bot removes no volume while a file may declare it"},
		"a file may declare it": {func(c *changing) {
			c.Changes.Removing, c.Changes.Mappings = here, mapped
			c.forge.files["main.tf"] = "resource \"aws_ebs_volume\" \"a\" { # vol-1\n  for_each = toset([\"a\", \"b\"])\n  size = 100\n  availability_zone = \"eu-central-1a\"\n}\n"
		}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := changesFixture(t)
			c.open(orphanFinding())
			tc.do(c)
			item := c.drafts(t)
			if (item.Removal != nil) != tc.runs || !strings.Contains(item.Why, tc.why) || len(item.Steps) == 0 {
				t.Fatalf("removal %+v, why %q, steps %q", item.Removal, item.Why, item.Steps)
			}
			if !tc.runs {
				return
			}
			want := &engine.Removal{
				GiB: 100, Type: "gp3", Zone: "eu-central-1a", CreatedAt: noon, DetachedAt: noon, Tags: map[string]string{"Name": "old"},
				Whole: 9 * engine.USD, Snapshot: 5 * engine.USD, After: []string{"kubectl --context prod delete pv old"},
			}
			if diff := cmp.Diff(want, item.Removal); diff != "" {
				t.Errorf("removal (-want +got):\n%s", diff)
			}
			if n := len(item.Steps); n != 4 || !strings.Contains(item.Steps[2], "delete-volume --region eu-central-1 --volume-id vol-1") || !strings.Contains(item.Steps[3], "by a person, afterwards: kubectl") {
				t.Errorf("steps %q", item.Steps)
			}
		})
	}
}

// What a person is shown of a removal is in its hash.
func TestARemovalIsBoundToWhatWasShown(t *testing.T) {
	item := func(do func(*engine.Removal)) string {
		r := &engine.Removal{GiB: 100, Type: "gp3", Zone: "a", CreatedAt: noon, DetachedAt: noon, Tags: map[string]string{"a": "b", "c": "d"}, Whole: 9, Snapshot: 5, After: []string{"x"}}
		do(r)
		return change.ItemHash(engine.ProposalItem{Removal: r})
	}
	same := item(func(*engine.Removal) {})
	for name, do := range map[string]func(*engine.Removal){
		"size": func(r *engine.Removal) { r.GiB++ }, "type": func(r *engine.Removal) { r.Type = "gp2" }, "zone": func(r *engine.Removal) { r.Zone = "b" },
		"made": func(r *engine.Removal) { r.CreatedAt = r.CreatedAt.AddDate(0, 0, 1) }, "detached": func(r *engine.Removal) { r.DetachedAt = r.DetachedAt.AddDate(0, 0, 1) },
		"a tag": func(r *engine.Removal) { r.Tags["a"] = "c" }, "no tag": func(r *engine.Removal) { r.Tags = nil }, "price": func(r *engine.Removal) { r.Whole++ },
		"snapshot": func(r *engine.Removal) { r.Snapshot++ }, "after": func(r *engine.Removal) { r.After = nil },
	} {
		if item(do) == same {
			t.Errorf("another %s has the same hash", name)
		}
	}
	if change.ItemHash(engine.ProposalItem{}) == same {
		t.Error("none has the same hash")
	}
}

// A plan with volumes that the bot removes has one of them: each is approved, done and measured on its own.
func TestOneVolumeAtATime(t *testing.T) {
	c := changesFixture(t)
	other := orphanFinding()
	other.ID, other.Target.Provider, other.Target.Name = 33, "vol-2", "vol-2"
	c.open(orphanFinding(), other)
	c.Changes.Removing = &Removing{Accounts: []RemovalAccount{{ID: "1", Region: "eu-central-1"}}}
	c.drafts(t)
	plan, err := c.plan(t.Context(), engine.Person{ID: "UAPP"}, c.scans.groups[3])
	if err != nil || len(plan.Items) != 1 || len(plan.ByHand) != 0 || plan.Need.People != 2 || !strings.Contains(strings.Join(plan.Need.Why, "; "), "one volume at a time: 1 more") {
		t.Errorf("%+v, %v", plan, err)
	}
}

// What was approved by one, or for another plan, is never carried out, whatever the store says.
func TestRemovalCountsPeople(t *testing.T) {
	items := []engine.ProposalItem{{Removal: &engine.Removal{}}}
	hash := change.PlanHash(items)
	yes := func(who, hash string) engine.Approval { return engine.Approval{By: engine.Person{ID: who}, Hash: hash} }
	for name, tc := range map[string]struct {
		p    engine.Proposal
		want int
	}{
		"two":                  {engine.Proposal{Items: items, Hash: hash, Approved: []engine.Approval{yes("A", hash), yes("B", hash)}}, 2},
		"the same twice":       {engine.Proposal{Items: items, Hash: hash, Approved: []engine.Approval{yes("A", hash), yes("A", hash)}}, 1},
		"one of another plan":  {engine.Proposal{Items: items, Hash: hash, Approved: []engine.Approval{yes("A", hash), yes("B", "else")}}, 1},
		"the bot":              {engine.Proposal{Items: items, Hash: hash, Approved: []engine.Approval{yes("A", hash), yes("", hash)}}, 1},
		"the items are others": {engine.Proposal{Items: items, Hash: "else", Approved: []engine.Approval{yes("A", "else"), yes("B", "else")}}, 0},
	} {
		if got := approvers(tc.p); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}
