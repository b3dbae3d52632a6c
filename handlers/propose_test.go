package handlers

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

func TestDraft(t *testing.T) {
	c := changesFixture(t)
	item := c.drafts(t)
	if item.Repo != "acme/deploy" || item.Base != "main" || item.Commit != "c0" || item.GroupID != 3 || item.FindingID != 12 || len(item.Edits) != 1 ||
		item.Edits[0].Before != "              memory: 2Gi\n" || item.Edits[0].After != "              memory: 1200Mi\n" || item.Backtest == nil || item.Why != "" {
		t.Errorf("%+v", item)
	}
}

func TestDraftSaysWhyThereIsNone(t *testing.T) {
	node := engine.Finding{
		ID: 31, Kind: engine.IdleNode, Status: engine.FindingOpen, Lever: "NodePool general: budgets.",
		Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: "ip-1"}}, Node: &engine.NodeRemoval{Controller: "Karpenter", Group: "general"},
	}
	volume := engine.Finding{ID: 32, Kind: engine.OrphanVolume, Status: engine.FindingOpen, Target: engine.Target{
		Workload: engine.Workload{Kind: engine.KindVolume, Name: "vol-1"}, Provider: "vol-1", Account: "1", Region: "eu-central-1",
	}, Volume: &engine.VolumeRemoval{Plan: []string{"aws ec2 delete-volume --volume-id vol-1"}}}
	for name, tc := range map[string]struct {
		do    func(*changing)
		why   string
		steps int
	}{
		"no repository is known": {func(c *changing) { c.Changes.Mappings = nil }, "nothing says in which repository", 0},
		"a repository that is not ours": {func(c *changing) {
			c.Changes.Mappings, c.Changes.Repos = nil, []string{"acme/deploy-*"}
			c.Clusters[0].Source.Hints = func(context.Context, engine.Workload) (change.Hints, error) {
				return change.Hints{Annotations: map[string]string{change.SourceAnnotation: "acme/deploy//apps"}}, nil
			}
		}, "annotation autopilot.dev/source says that it is declared in acme/deploy, which is none of `github.repos`", 0},
		"no such repository":        {func(c *changing) { c.Changes.Mappings[0].Repo = "acme/gone" }, "there is no repository acme/gone (configuration)", 0},
		"no file declares it":       {func(c *changing) { c.forge.files["apps/api.yaml"] = "# empty\n" }, "no file of acme/deploy declares Deployment payments/api", 0},
		"the object is gone":        {func(c *changing) { c.absent = engine.Errorf(engine.NotFound, "there is no api any more") }, "there is no api any more", 0},
		"the cluster is not ours":   {func(c *changing) { c.Clusters = c.Clusters[1:] }, "not in the configuration", 0},
		"no GitHub":                 {func(c *changing) { c.Changes.Forge = nil }, "no GitHub is configured", 0},
		"Karpenter":                 {func(c *changing) { c.open(node) }, "Karpenter decides how many nodes there are; no file says the number. What can be changed: NodePool general: budgets.", 0},
		"a volume that is nobody's": {func(c *changing) { c.open(volume) }, "nothing says in which repository", 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := changesFixture(t)
			tc.do(c)
			item := c.drafts(t)
			if !strings.Contains(item.Why, tc.why) || len(item.Edits) != 0 || len(item.Steps) != tc.steps {
				t.Errorf("why %q, steps %q, edits %v; want %q", item.Why, item.Steps, item.Edits, tc.why)
			}
		})
	}
}

// open makes a finding the only one of the group.
func (c *changing) open(all ...engine.Finding) {
	g := c.scans.groups[3]
	g.Findings = all
	c.scans.groups[3] = g
}

func TestDraftIsTriedAgain(t *testing.T) {
	away := engine.Errorf(engine.Unavailable, "does not answer")
	for name, do := range map[string]func(*changing){
		"GitHub":    func(c *changing) { c.forge.fail = away },
		"cluster":   func(c *changing) { c.absent = away },
		"the store": func(c *changing) { c.store.fail = away },
	} {
		c := changesFixture(t)
		do(c)
		if err := c.task(engine.TaskDraft, 3); engine.CodeOf(err) != engine.Unavailable || len(c.store.drafts) != 0 {
			t.Errorf("%s: %v; want it tried again, and nothing kept", name, err)
		}
	}
	c := changesFixture(t)
	for _, kind := range []engine.TaskKind{engine.TaskDraft, engine.TaskPropose, engine.TaskFollow} {
		if err := c.Tasks()[kind](t.Context(), engine.Task{Kind: kind, Detail: "x"}); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%s of x: %v", kind, err)
		}
	}
}

func TestOneNodeOfAGroupAtATime(t *testing.T) {
	c := changesFixture(t)
	node := func(id int64, name string) engine.Finding {
		return engine.Finding{
			ID: id, Kind: engine.IdleNode, Status: engine.FindingOpen,
			Target: engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindNode, Name: name}, Account: "1", Region: "eu-central-1"},
			Node:   &engine.NodeRemoval{Controller: "managed node group", Group: "workers", Min: 1, Desired: 3},
		}
	}
	c.open(node(41, "n1"), node(42, "n2"))
	c.Changes.Mappings = []change.Mapping{{Repo: "acme/deploy"}}
	c.forge.files = map[string]string{"main.tf": "resource \"aws_eks_node_group\" \"w\" {\n  cluster_name    = \"prod\"\n  node_group_name = \"workers\"\n  scaling_config {\n    desired_size = 3\n    max_size     = 5\n    min_size     = 1\n  }\n}\n"}
	first := c.drafts(t)
	second := c.store.drafts[3][1]
	if len(first.Edits) != 1 || first.Title != "node group workers desired 3 → 2" {
		t.Errorf("%+v", first)
	}
	if len(second.Edits) != 0 || !strings.Contains(second.Why, "one node at a time") || second.Title != "node n2 removed" {
		t.Errorf("%+v", second)
	}
}

func TestTwoLinesOfOneFile(t *testing.T) {
	c := changesFixture(t)
	memory := c.scans.groups[3].Findings[0]
	cpu := memory
	cpu.ID, cpu.Kind, cpu.Sizing = 11, engine.OverRequestedCPU, &engine.Sizing{Resource: engine.CPU, Old: 1000, New: 250}
	c.open(memory, cpu)
	c.drafts(t)
	own := c.store.drafts[3]
	if _, err := c.submit("UAPP", "g3", own[0].Ref(), own[1].Ref()); err != nil {
		t.Fatal(err)
	}
	if err := c.task(engine.TaskPropose, 1); err != nil || c.store.all[1].Status != engine.ProposalOpened {
		t.Fatalf("%v, %+v: each line is next to the other's, and still what was approved", err, c.store.all[1])
	}
	want := strings.NewReplacer("2Gi", "1200Mi", `"1"`, `"0.25"`).Replace(apiManifest)
	got := texts(c.forge.drafts[0].Files)["apps/api.yaml"]
	if got != want && got != strings.Replace(want, `"0.25"`, `"250m"`, 1) {
		t.Error(cmp.Diff(want, got))
	}
}

func TestWhatIsNoLongerWhatWasApproved(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(*changing)
		want string
	}{
		"the file says another value": {func(c *changing) {
			c.forge.files["apps/api.yaml"] = strings.Replace(apiManifest, "2Gi", "3Gi", 1)
		}, "payments/api memory"},
		"the lines around are others": {func(c *changing) {
			c.forge.files["apps/api.yaml"] = strings.Replace(apiManifest, `cpu: "1"       # measured in May`, `cpu: "2"`, 1)
		}, "the lines that it changes are others now"},
		"the file is gone":         {func(c *changing) { delete(c.forge.files, "apps/api.yaml") }, "no file of acme/deploy declares"},
		"it is declared elsewhere": {func(c *changing) { c.Changes.Mappings[0].Repo = "acme/other" }, "declared elsewhere now: acme/other"},
		"the object is gone":       {func(c *changing) { c.absent = engine.Errorf(engine.NotFound, "it is gone") }, "it is gone"},
		"it is no waste any more": {func(c *changing) {
			c.scans.groups[3].Findings[0].Status, c.scans.groups[3].Findings[0].Reason = engine.FindingClosed, "its use has risen"
		}, "no longer found to be waste: its use has risen"},
		"somebody put it off": {func(c *changing) {
			c.scans.groups[3].Findings[0].Status, c.scans.groups[3].Findings[0].Reason = engine.FindingSnoozed, "load test"
		}, "put it off: load test"},
		"its use has grown": {func(c *changing) { c.scans.groups[3].Findings[0].Sizing.New = 1800 << 20 }, "its use has grown since: 1800Mi"},
	} {
		t.Run(name, func(t *testing.T) {
			c := changesFixture(t)
			c.approved(t)
			tc.do(c)
			err := c.task(engine.TaskPropose, 1)
			if p := c.store.all[1]; err != nil || p.Status != engine.ProposalStale || !strings.Contains(p.Reason, tc.want) || len(c.forge.drafts) != 0 {
				t.Errorf("%v, %s %q; want it stale, with %q, and no pull request", err, p.Status, p.Reason, tc.want)
			}
		})
	}
}

func TestALittleMoreIsNotAnotherPlan(t *testing.T) {
	c := changesFixture(t)
	c.approved(t)
	c.scans.groups[3].Findings[0].Sizing.New = 1232 << 20
	c.forge.files["apps/api.yaml"] = "# moved down\n\n" + apiManifest
	c.forge.commit++
	if err := c.task(engine.TaskPropose, 1); err != nil || c.store.all[1].Status != engine.ProposalOpened || c.forge.drafts[0].Commit != "c1" {
		t.Errorf("%v, %+v", err, c.store.all[1])
	}
}

func TestProposeWaits(t *testing.T) {
	c := changesFixture(t)
	c.approved(t)
	c.plain.paused = engine.Pause{On: true}
	if err := c.task(engine.TaskPropose, 1); waits(err) != pauseLook || len(c.forge.drafts) != 0 {
		t.Errorf("paused: %v", err)
	}
	c.plain.paused = engine.Pause{}
	for name, tc := range map[string]struct {
		fail    error
		attempt int
		wait    time.Duration
		code    engine.Code
		held    bool // and told
	}{
		"GitHub is away, first":      {engine.Errorf(engine.Unavailable, "does not answer"), 1, 0, engine.Unavailable, false},
		"GitHub is away, for long":   {engine.Errorf(engine.Unavailable, "does not answer"), 3, 0, engine.Unavailable, true},
		"it asks to slow down":       {&engine.Waiting{For: time.Minute, Err: engine.Errorf(engine.Unavailable, "slow down")}, 1, time.Minute, engine.Unavailable, false},
		"ten are open":               {&engine.Waiting{For: time.Hour, Err: engine.Errorf(engine.Unavailable, "ten are open")}, 1, time.Hour, engine.Unavailable, true},
		"the repository is archived": {engine.Errorf(engine.Forbidden, "it is archived: unarchive it"), 1, forgeLook, engine.Forbidden, true},
		"a person pushed":            {engine.Errorf(engine.Conflict, "a person pushed"), 1, raceLook, engine.Conflict, true},
		"a fault of ours":            {errors.New("oops"), 1, 0, engine.Internal, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := changesFixture(t)
			c.approved(t)
			c.forge.fail = tc.fail
			err := c.propose(t.Context(), engine.Task{Detail: "1", Attempt: tc.attempt})
			p := c.store.all[1]
			if waits(err) != tc.wait || engine.CodeOf(err) != tc.code || (p.Reason != "") != tc.held || p.Status != engine.ProposalApproved {
				t.Errorf("%v, waits %s, %s, held %q", err, waits(err), p.Status, p.Reason)
			}
			if c.forge.fail = nil; c.task(engine.TaskPropose, 1) != nil || c.store.all[1].Status != engine.ProposalOpened {
				t.Errorf("it does not go on: %+v", c.store.all[1])
			}
		})
	}
	c.forge.fail = engine.Errorf(engine.Forbidden, "it is archived")
	c.clock = c.clock.Add(8 * 24 * time.Hour)
	if err := c.task(engine.TaskPropose, 1); err != nil || c.store.all[1].Status != engine.ProposalStale || !strings.Contains(c.store.all[1].Reason, "for a week: it is archived") {
		t.Errorf("after a week: %v, %+v", err, c.store.all[1])
	}
}

func TestProposeAfterACrash(t *testing.T) {
	for name, tc := range map[string]struct {
		after func(*changing)
		want  engine.ProposalStatus
	}{
		"it is open":    {func(*changing) {}, engine.ProposalOpened},
		"it was merged": {func(c *changing) { c.forge.merge(1) }, engine.ProposalMerged},
		"a person closed it": {func(c *changing) {
			p := c.forge.pulls[1]
			p.State, p.ClosedBy = engine.PullClosed, "appy"
			c.forge.pulls[1] = p
		}, engine.ProposalClosed},
	} {
		t.Run(name, func(t *testing.T) {
			c := changesFixture(t)
			p := c.approved(t)
			if _, why, err := c.makePull(t.Context(), p); err != nil || why != "" { // and dies before it is kept
				t.Fatal(why, err)
			}
			tc.after(c)
			if err := c.task(engine.TaskPropose, 1); err != nil || c.store.all[1].Status != tc.want || len(c.forge.pulls) != 1 {
				t.Errorf("%v, %s, %d pull requests; want %s, and one", err, c.store.all[1].Status, len(c.forge.pulls), tc.want)
			}
		})
	}
	c := changesFixture(t)
	p := c.approved(t)
	if _, _, err := c.makePull(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	c.scans.groups[3].Findings[0].Status = engine.FindingClosed
	if err := c.task(engine.TaskPropose, 1); err != nil || c.store.all[1].Status != engine.ProposalStale || len(c.forge.closed) != 1 {
		t.Errorf("stale by then: %v, %s, closed %q", err, c.store.all[1].Status, c.forge.closed)
	}
}

func TestPullRequestNamesPeopleAndFiles(t *testing.T) {
	c := changesFixture(t)
	c.forge.files["CODEOWNERS"] = "apps/ @acme/shop @ann\n"
	c.Changes.Labels, c.Changes.AsDraft = []string{"savings"}, true
	c.opened(t)
	d := c.forge.drafts[0]
	if !cmp.Equal(d.Labels, []string{"savings"}) || !d.AsDraft || !cmp.Equal(d.Reviewers, []string{"ann"}) || !cmp.Equal(d.Teams, []string{"shop"}) ||
		!strings.Contains(d.Body, "@appy") || d.Base != "main" || d.Commit != "c0" {
		t.Errorf("%+v", d)
	}
}

func TestStepsOfAPerson(t *testing.T) {
	c := changesFixture(t)
	c.store.all[1] = engine.Proposal{ID: 1, Status: engine.ProposalApproved, ApprovedAt: noon, Version: 1, Items: []engine.ProposalItem{{
		Title: "volume vol-0aa removed", Steps: []string{"aws ec2 delete-volume"},
		Wish: engine.Wish{Kind: engine.WishVolume, Target: engine.Target{Provider: "vol-0aa", Account: "1", Region: "eu-central-1"}},
	}}}
	if err := c.task(engine.TaskPropose, 1); waits(err) != stepsLook || !strings.Contains(c.store.all[1].Reason, "somebody must do the steps") {
		t.Fatalf("%v, %+v", err, c.store.all[1])
	}
	inventory := c.Waste.Accounts[0].Inventory
	c.Waste.Accounts[0].Inventory = func(ctx context.Context) (waste.Account, []engine.Gap) {
		a, gaps := inventory(ctx)
		a.Volumes = nil
		return a, gaps
	}
	if err := c.task(engine.TaskPropose, 1); err != nil || c.store.all[1].Status != engine.ProposalMerged {
		t.Fatalf("done: %v, %+v", err, c.store.all[1])
	}
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || c.store.all[1].Status != engine.ProposalDeployed {
		t.Errorf("%v, %+v", err, c.store.all[1])
	}
	late := c.store.all[1]
	late.Status, c.Waste.Accounts[0].Inventory = engine.ProposalApproved, inventory
	c.store.all[1], c.clock = late, noon.Add(8*24*time.Hour)
	if err := c.task(engine.TaskPropose, 1); err != nil || c.store.all[1].Status != engine.ProposalStale {
		t.Errorf("nobody did them for a week: %v, %+v", err, c.store.all[1])
	}
}
