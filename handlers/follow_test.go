package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// pull changes how GitHub's pull request stands.
func (c *changing) pull(change func(*engine.Pull)) {
	p := c.forge.pulls[1]
	change(&p)
	c.forge.pulls[1] = p
}

func (c *changing) lines() (all []string) {
	for _, e := range c.store.all[1].Timeline {
		all = append(all, e.Kind+": "+e.Text)
	}
	return all
}

func TestFollowTellsWhatHappens(t *testing.T) {
	c := changesFixture(t)
	c.opened(t)
	for _, step := range []struct {
		do   func(*engine.Pull)
		want string // the line that is told; "" for none
	}{
		{func(*engine.Pull) {}, ""},
		{func(p *engine.Pull) { p.Checks, p.Failing = "failing", []string{"lint"} }, "Checks fail: lint"},
		{func(*engine.Pull) {}, ""},
		{func(p *engine.Pull) { p.Checks, p.Failing = "passing", nil }, "All checks pass."},
		{func(p *engine.Pull) { p.Review = "approved" }, "approved on GitHub"},
	} {
		before := len(c.lines())
		c.pull(step.do)
		if err := c.task(engine.TaskFollow, 1); waits(err) == 0 {
			t.Fatal(err)
		}
		told := c.lines()[before:]
		if step.want == "" && len(told) > 0 || step.want != "" && (len(told) != 1 || !strings.Contains(told[0], step.want)) {
			t.Errorf("told %q, want %q", told, step.want)
		}
	}
}

func TestFollowOnce(t *testing.T) {
	c := changesFixture(t)
	c.opened(t)
	c.forge.merge(1)
	if err := c.follow(t.Context(), engine.Task{Detail: engine.FollowDetail(1, true)}); err != nil || c.store.all[1].Status != engine.ProposalMerged {
		t.Errorf("%v, %s; want it seen, and the waiting left to the other", err, c.store.all[1].Status)
	}
	if want := []int64{1}; !slices.Equal(c.store.followed, want) {
		t.Errorf("%v look again; want the one that waits, which may wait for the merge that was seen", c.store.followed)
	}
	if err := c.follow(t.Context(), engine.Task{Detail: engine.FollowDetail(1, true)}); err != nil || len(c.store.followed) != 1 {
		t.Errorf("%v, %v look again where nothing happened", err, c.store.followed)
	}
	c.absent = engine.Errorf(engine.Unavailable, "does not answer")
	if err := c.follow(t.Context(), engine.Task{Detail: engine.FollowDetail(1, true)}); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("a failure is one: %v", err)
	}
}

func TestClosedByAPerson(t *testing.T) {
	c := changesFixture(t)
	c.opened(t)
	c.pull(func(p *engine.Pull) { p.State, p.ClosedBy = engine.PullClosed, "appy" })
	if err := c.task(engine.TaskFollow, 1); waits(err) != lookBroken || c.store.all[1].Status != engine.ProposalClosed {
		t.Fatalf("%v, %+v", err, c.store.all[1])
	}
	if want := "UAPPappy appy closed pull request acme/deploy#1 without merging it until " + noon.AddDate(0, 0, 30).Format(time.DateOnly); len(c.store.snoozed) != 1 || c.store.snoozed[0] != want {
		t.Errorf("snoozed %q, want %q", c.store.snoozed, want)
	}
	if err := c.task(engine.TaskFollow, 1); len(c.store.snoozed) != 1 {
		t.Errorf("looked at again: %v, %q", err, c.store.snoozed)
	}
}

// TestOpenedAgain goes on with a pull request that a person closed and somebody opened again, to the very end.
func TestOpenedAgain(t *testing.T) {
	for _, mergedUnseen := range []bool{false, true} {
		c := changesFixture(t)
		c.opened(t)
		c.pull(func(p *engine.Pull) { p.State = engine.PullClosed })
		if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || c.store.all[1].Status != engine.ProposalClosed {
			t.Fatal(err)
		}
		if !mergedUnseen {
			c.pull(func(p *engine.Pull) { p.State = engine.PullOpen })
			c.store.rival = true
			if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || c.store.all[1].Status != engine.ProposalClosed {
				t.Fatalf("another changes the same: %v, %s", err, c.store.all[1].Status)
			}
			c.store.rival = false
			if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || c.store.all[1].Status != engine.ProposalOpened || len(c.store.snoozed) != 0 {
				t.Fatalf("opened again: %v, %s, %q", err, c.store.all[1].Status, c.store.snoozed)
			}
		}
		c.forge.merge(1)
		if err := c.task(engine.TaskFollow, 1); waits(err) != arriveSoon || c.store.all[1].Status != engine.ProposalMerged {
			t.Fatalf("merged: %v, %s", err, c.store.all[1].Status)
		}
		c.values["memory"] = "1200Mi"
		if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || c.store.all[1].Status != engine.ProposalDeployed {
			t.Errorf("%v, %s", err, c.store.all[1].Status)
		}
	}
}

func TestAClosedOneThatCannotBeSeen(t *testing.T) {
	c := changesFixture(t)
	c.opened(t)
	c.pull(func(p *engine.Pull) { p.State = engine.PullClosed })
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 {
		t.Fatal(err)
	}
	c.forge.fail = engine.Errorf(engine.Unavailable, "does not answer")
	if err := c.task(engine.TaskFollow, 1); engine.CodeOf(err) != engine.Unavailable {
		t.Errorf("while GitHub is away: %v", err)
	}
	c.forge.fail = engine.Errorf(engine.NotFound, "no such repository")
	if err := c.task(engine.TaskFollow, 1); err != nil || c.store.all[1].Status != engine.ProposalClosed {
		t.Errorf("without the repository: %v", err)
	}
}

func TestRebuild(t *testing.T) {
	conflict := func(c *changing, text string) {
		c.forge.files["apps/api.yaml"], c.clock = text, c.clock.Add(time.Hour)
		c.forge.commit++
		c.pull(func(p *engine.Pull) { p.Conflict = true })
	}
	c := changesFixture(t)
	c.opened(t)
	conflict(c, "# moved\n"+apiManifest)
	c.plain.paused = engine.Pause{On: true}
	for range 2 {
		if err := c.task(engine.TaskFollow, 1); waits(err) != pauseLook || len(c.forge.drafts) != 1 {
			t.Fatalf("paused: %v", err)
		}
		if p := c.store.all[1]; !p.Pull.Conflict || !strings.HasSuffix(p.Reason, "made anew when writes are resumed") || strings.Count(strings.Join(c.lines(), "\n"), change.EventConflict) != 1 {
			t.Fatalf("paused: what was seen is not kept, or not told once: %q, %+v", c.lines(), p)
		}
	}
	c.clock = c.clock.Add(3 * 24 * time.Hour)
	c.plain.paused = engine.Pause{}
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || len(c.forge.drafts) != 2 || c.forge.drafts[1].Commit != "c1" {
		t.Fatalf("%v, %d drafts", err, len(c.forge.drafts))
	}
	if lines := c.lines(); !strings.HasPrefix(lines[len(lines)-1], change.EventRebuilt+": ") || strings.Contains(c.store.all[1].Reason, "resumed") || len(c.forge.pulls) != 1 {
		t.Errorf("told %q; %d pull requests", lines, len(c.forge.pulls))
	}

	c = changesFixture(t)
	c.opened(t)
	conflict(c, strings.Replace(apiManifest, "2Gi", "4Gi", 1))
	if err := c.task(engine.TaskFollow, 1); err != nil || c.store.all[1].Status != engine.ProposalStale || len(c.forge.closed) != 1 {
		t.Errorf("no longer what was approved: %v, %+v, closed %q", err, c.store.all[1], c.forge.closed)
	}
	if err := c.task(engine.TaskFollow, 1); err != nil || len(c.forge.closed) != 1 {
		t.Errorf("closed again: %v, %q", err, c.forge.closed)
	}

	c = changesFixture(t)
	c.opened(t)
	conflict(c, "# moved\n"+apiManifest)
	c.pull(func(p *engine.Pull) { p.Touched = true })
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || len(c.forge.drafts) != 1 {
		t.Errorf("a person's branch: %v, %d drafts", err, len(c.forge.drafts))
	}
}

func TestFollowWithoutAnAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		fail error
		wait time.Duration
		held bool
	}{
		"away":      {engine.Errorf(engine.Unavailable, "does not answer"), 0, false},
		"forbidden": {engine.Errorf(engine.Forbidden, "give the bot the permission"), lookBroken, true},
		"gone":      {engine.Errorf(engine.NotFound, "GitHub knows no acme/deploy"), lookBroken, true},
	} {
		c := changesFixture(t)
		p := c.opened(t)
		c.forge.fail = tc.fail
		err := c.task(engine.TaskFollow, 1)
		if after := c.store.all[1]; err == nil || waits(err) != tc.wait || (after.Reason != p.Reason) != tc.held || after.Status != engine.ProposalOpened {
			t.Errorf("%s: %v, %+v", name, err, after)
		}
	}
}

func TestNotDeployedYet(t *testing.T) {
	c := changesFixture(t)
	c.opened(t)
	c.forge.merge(1)
	for _, step := range []struct {
		after time.Duration
		wait  time.Duration
		held  bool
	}{{0, arriveSoon, false}, {time.Hour, arriveLater, false}, {2 * time.Hour, arriveLater, true}, {30 * time.Hour, arriveLate, true}} {
		c.clock = c.clock.Add(step.after)
		if err := c.task(engine.TaskFollow, 1); waits(err) != step.wait {
			t.Errorf("after %s more: %v, looks again in %s, want %s", step.after, err, waits(err), step.wait)
		}
		if held := strings.Contains(c.store.all[1].Reason, "not deployed yet"); held != step.held {
			t.Errorf("after %s more: held %q", step.after, c.store.all[1].Reason)
		}
	}
	c.absent = engine.Errorf(engine.Unavailable, "the cluster does not answer")
	if err := c.task(engine.TaskFollow, 1); engine.CodeOf(err) != engine.Unavailable || c.store.all[1].Status != engine.ProposalMerged {
		t.Errorf("the cluster is away: %v", err)
	}
	c.absent, c.values["memory"] = nil, "1200Mi"
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || c.store.all[1].Status != engine.ProposalDeployed {
		t.Errorf("%v, %+v", err, c.store.all[1])
	}
}

func TestReached(t *testing.T) {
	group := func(field, to string) engine.Wish {
		return engine.Wish{Kind: engine.WishGroup, Name: "workers", Field: field, New: to, Target: engine.Target{
			Workload: engine.Workload{Cluster: "prod"}, Account: "1", Region: "eu-central-1",
		}}
	}
	volume := func(id string) engine.Wish {
		return engine.Wish{Kind: engine.WishVolume, Target: engine.Target{Provider: id, Account: "1", Region: "eu-central-1"}}
	}
	elsewhere := volume("vol-1")
	elsewhere.Target.Account = "2"
	for name, tc := range map[string]struct {
		wish    engine.Wish
		missing []waste.Part
		done    bool
		code    engine.Code
	}{
		"a smaller group":              {group("desired", "3"), nil, true, ""},
		"a group that is smaller yet":  {group("desired", "4"), nil, true, ""},
		"a group that is not":          {group("desired", "2"), nil, false, ""},
		"its minimum":                  {group("min", "1"), nil, true, ""},
		"its minimum that is not":      {group("min", "0"), nil, false, ""},
		"a group that is not there":    {engine.Wish{Kind: engine.WishGroup, Name: "gone", New: "2", Target: group("", "").Target}, nil, false, ""},
		"a group that is removed":      {engine.Wish{Kind: engine.WishGroup, Name: "gone", Field: change.FieldGroup, Target: group("", "").Target}, nil, true, ""},
		"one that shall be":            {group(change.FieldGroup, ""), nil, false, ""},
		"nobody says the groups":       {group("min", "1"), []waste.Part{waste.PartGroups}, false, engine.Unavailable},
		"a volume that is there":       {volume("vol-0aa"), nil, false, ""},
		"a volume that is gone":        {volume("vol-1"), nil, true, ""},
		"a volume on its way out":      {volume("vol-2"), nil, true, ""},
		"nobody says the volumes":      {volume("vol-1"), []waste.Part{waste.PartVolumes}, false, engine.Unavailable},
		"an account that is not ours":  {elsewhere, nil, false, ""},
		"a cluster that is not ours":   {engine.Wish{Kind: engine.WishRequest, Target: engine.Target{Workload: engine.Workload{Cluster: "gone"}}}, nil, false, ""},
		"a request":                    {engine.Wish{Kind: engine.WishRequest, Field: "cpu", New: "1000m", Target: engine.Target{Workload: api}}, nil, true, ""},
		"a request that is not so yet": {engine.Wish{Kind: engine.WishRequest, Field: "cpu", New: "500m", Target: engine.Target{Workload: api}}, nil, false, ""},
		"one without its autoscaler": {engine.Wish{Kind: engine.WishRequest, Field: "cpu", New: "1", Target: engine.Target{Workload: api}, With: []engine.Wish{
			{Kind: engine.WishTarget, Field: "percent", New: "80", Target: engine.Target{Workload: api}},
		}}, nil, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := changesFixture(t)
			c.Waste.Clusters[0].EKSName = "prod-eks"
			c.Waste.Accounts[0].Inventory = func(context.Context) (waste.Account, []engine.Gap) {
				return waste.Account{
					ID: "1", Region: "eu-central-1", Missing: tc.missing,
					Volumes: []waste.Volume{{ID: "vol-0aa", State: "available"}, {ID: "vol-2", State: "deleting"}},
					Groups: []waste.NodeGroup{
						{Name: "workers", Cluster: "other", Min: 9, Desired: 9}, {Name: "workers", Cluster: "prod-eks", Min: 1, Desired: 3},
					},
				}, nil
			}
			done, line, err := c.live(t.Context(), engine.Proposal{Items: []engine.ProposalItem{{Wish: tc.wish}}})
			if done != tc.done || engine.CodeOf(err) != tc.code || err == nil && line == "" {
				t.Errorf("%v, %q, %v; want %v, %q", done, line, err, tc.done, tc.code)
			}
		})
	}
}

func TestSnapshotBeforeRemoval(t *testing.T) {
	c := changesFixture(t)
	c.store.all[1] = engine.Proposal{
		ID: 1, Status: engine.ProposalMerged, ApprovedAt: noon.Add(-time.Hour), MergedAt: noon, Version: 1,
		Items: []engine.ProposalItem{{
			Edits: []engine.FileEdit{{Path: "main.tf"}},
			Wish:  engine.Wish{Kind: engine.WishVolume, Target: engine.Target{Provider: "vol-0aa", Account: "1", Region: "eu-central-1"}},
		}},
	}
	snapshot := waste.VolumeSnapshot{ID: "snap-1", VolumeID: "vol-0aa", State: "pending", At: noon}
	c.Waste.Accounts[0].Inventory = func(context.Context) (waste.Account, []engine.Gap) {
		return waste.Account{Volumes: []waste.Volume{{ID: "vol-0aa"}}, Snapshots: []waste.VolumeSnapshot{
			{ID: "snap-0", VolumeID: "vol-0aa", State: "completed", At: noon.AddDate(0, -1, 0)}, snapshot,
		}}, nil
	}
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || c.store.all[1].Status != engine.ProposalMerged {
		t.Fatalf("%v, %+v", err, c.store.all[1])
	}
	snapshot.State = "completed"
	if err := c.task(engine.TaskFollow, 1); err != nil || c.store.all[1].Status != engine.ProposalVerified {
		t.Errorf("%v, %+v; want it over, so that the removal can be proposed", err, c.store.all[1])
	}
}

func TestHarm(t *testing.T) {
	c := changesFixture(t)
	c.deployed(t)
	incident := func(id int64, w engine.Workload, began time.Time, classes ...engine.Class) engine.Incident {
		return engine.Incident{ID: id, Workload: w, StartedAt: began, Title: "api is killed", Classes: classes, Status: engine.Open}
	}
	other := api
	other.Name = "web"
	c.plain.incidents = map[int64]engine.Incident{
		1: incident(1, api, c.clock.Add(-time.Minute), engine.ClassOOMKilled),
		2: incident(2, other, c.clock.Add(time.Minute), engine.ClassOOMKilled),
		3: incident(3, api, c.clock.Add(time.Minute), engine.ClassImagePull),
	}
	if err := c.task(engine.TaskFollow, 1); waits(err) != harmSoon || len(c.store.offers) != 0 {
		t.Fatalf("%v, offers %+v; none of these is its harm", err, c.store.offers)
	}
	c.plain.incidents[42] = incident(42, api, c.clock.Add(time.Minute), engine.ClassOOMKilled)
	c.clock = c.clock.Add(2 * time.Hour)
	for range 3 {
		if err := c.task(engine.TaskFollow, 1); waits(err) != harmLater {
			t.Fatal(err)
		}
	}
	if len(c.store.offers) != 1 {
		t.Fatalf("%d offers, want one", len(c.store.offers))
	}
	o := c.store.offers[0]
	if o.Reverts != 1 || o.Incident != 42 || o.Title != "Take back payments/api memory 1.17 → 2 GiB" || o.Need.People != 1 || len(o.Items) != 1 ||
		o.Items[0].Monthly != -41*engine.USD || o.Items[0].Edits[0].After != "              memory: 2048Mi\n" || o.Items[0].Chain != "" {
		t.Errorf("%+v", o)
	}
	if lines := c.lines(); !strings.Contains(lines[len(lines)-1], "incident 42 began: api is killed (oom killed)") {
		t.Errorf("told %q", lines)
	}
	c.clock = c.clock.Add(harmFor)
	if err := c.task(engine.TaskFollow, 1); err != nil {
		t.Errorf("a week later nobody looks any more: %v", err)
	}
}

func TestHarmThatCannotBeTakenBack(t *testing.T) {
	c := changesFixture(t)
	c.deployed(t)
	c.forge.files["apps/api.yaml"] = "# gone\n"
	c.plain.incidents = map[int64]engine.Incident{42: {ID: 42, Workload: api, StartedAt: c.clock.Add(time.Minute), Classes: []engine.Class{engine.ClassCrashLoop}}}
	if err := c.task(engine.TaskFollow, 1); waits(err) == 0 || len(c.store.offers) != 0 {
		t.Fatal(err)
	}
	if lines := c.lines(); !strings.Contains(lines[len(lines)-1], "It cannot be taken back by a pull request: ") {
		t.Errorf("told %q", lines)
	}
}

func TestTakenBack(t *testing.T) {
	c := changesFixture(t)
	c.deployed(t)
	c.store.all[2] = engine.Proposal{
		ID: 2, Reverts: 1, Status: engine.ProposalMerged, MergedAt: c.clock, Version: 1, Pull: engine.Pull{URL: "https://github.com/acme/deploy/pull/2"},
		Approved: []engine.Approval{{By: engine.Person{ID: "UAPP"}}},
		Items:    []engine.ProposalItem{{Wish: engine.Wish{Kind: engine.WishRequest, Field: "memory", Old: "1200Mi", New: "2Gi", Target: engine.Target{Workload: api, Container: "app"}}}},
	}
	c.values["memory"] = "2Gi"
	if err := c.task(engine.TaskFollow, 2); waits(err) == 0 {
		t.Fatal(err)
	}
	if p := c.store.all[1]; p.Status != engine.ProposalReversed || p.Reason != "UAPP by https://github.com/acme/deploy/pull/2" {
		t.Errorf("%+v", p)
	}
	if err := c.task(engine.TaskFollow, 2); err != nil || len(c.store.offers) != 0 {
		t.Errorf("what takes something back is not watched for harm: %v", err)
	}
}

func TestApprovingATakeBack(t *testing.T) {
	c := changesFixture(t)
	c.deployed(t)
	c.Policy.Approvals.TwoAbove, c.Policy.Approvals.NotProposer = engine.USD, true
	back := c.store.all[1]
	back.ID, back.Reverts, back.Status, back.Approved, back.Need = 2, 1, engine.ProposalPending, nil, c.backNeed(back.Items)
	c.store.all[2] = back
	r, err := c.submit("UGRP", engine.ProposalButton{Proposal: 2, Hash: back.Hash}.Value())
	if err != nil || c.store.all[2].Status != engine.ProposalApproved {
		t.Errorf("%q, %v, %+v; want one person to be enough", r.Text, err, c.store.all[2])
	}
}

func TestForgeWebhook(t *testing.T) {
	post := func(c *changing, e ForgeEvent, err error, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h := c.ForgeWebhook(func(http.Header, []byte) (ForgeEvent, error) { return e, err })
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/webhooks/github", strings.NewReader(body)))
		return w
	}
	c := changesFixture(t)
	p := c.opened(t)
	for name, tc := range map[string]struct {
		event ForgeEvent
		err   error
		code  int
		looks []int64
	}{
		"of ours":            {ForgeEvent{Repo: "acme/deploy", Number: 1}, nil, 200, []int64{1}},
		"of its branch":      {ForgeEvent{Repo: "acme/deploy", Branch: p.Pull.Branch}, nil, 200, []int64{1}},
		"of another branch":  {ForgeEvent{Repo: "acme/deploy", Branch: "main"}, nil, 200, nil},
		"of somebody else's": {ForgeEvent{Repo: "acme/deploy", Number: 9}, nil, 200, nil},
		"of no interest":     {ForgeEvent{}, nil, 200, nil},
		"forged":             {ForgeEvent{}, engine.Errorf(engine.Forbidden, "the signature is wrong"), 401, nil},
		"no JSON":            {ForgeEvent{}, engine.Errorf(engine.Invalid, "not JSON"), 400, nil},
	} {
		c.store.followed = nil
		w := post(c, tc.event, tc.err, "{}")
		if d := cmp.Diff(tc.looks, c.store.followed); w.Code != tc.code || d != "" {
			t.Errorf("%s: %d, %s; want %d: %s", name, w.Code, w.Body, tc.code, d)
		}
	}
	c.store.fail = errors.New("the database is away")
	for _, e := range []ForgeEvent{{Repo: "acme/deploy", Number: 1}, {Repo: "acme/deploy", Branch: p.Pull.Branch}} {
		if w := post(c, e, nil, "{}"); w.Code != 503 || strings.Contains(w.Body.String(), "database") {
			t.Errorf("%+v with the store away: %d %s", e, w.Code, w.Body)
		}
	}
	if w := post(c, ForgeEvent{}, nil, strings.Repeat("x", maxForge+1)); w.Code != 413 {
		t.Errorf("too large: %d", w.Code)
	}
}
