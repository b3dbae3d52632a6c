package handlers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// drafts makes the drafts of payments/api and gives the first.
func (c *changing) drafts(t *testing.T) engine.ProposalItem {
	t.Helper()
	if err := c.task(engine.TaskDraft, 3); err != nil {
		t.Fatal(err)
	}
	return c.store.drafts[3][0]
}

func TestPlanShowsWhatGoesTogether(t *testing.T) {
	c := changesFixture(t)
	first := c.drafts(t)
	other, elsewhere, byHand, steps := first, first, first, first
	other.ID, other.FindingID = 401, 21
	elsewhere.ID, elsewhere.FindingID, elsewhere.Repo = 402, 22, "acme/other"
	byHand.ID, byHand.FindingID, byHand.Edits, byHand.Why = 302, 13, nil, "it is templated"
	steps.ID, steps.FindingID, steps.Edits, steps.Steps, steps.Repo = 303, 14, nil, []string{"aws ec2 delete-volume"}, ""
	c.store.drafts[3] = append(c.store.drafts[3], byHand, steps)
	c.store.drafts[4] = []engine.ProposalItem{other, elsewhere}
	c.Policy.Approvals.TwoAbove = 10 * engine.USD
	r, err := c.Click(t.Context(), click("UGRP", "approve", "g3"))
	if err != nil || r.Plan == nil {
		t.Fatal(err)
	}
	got := map[string][]int64{}
	for name, items := range map[string][]engine.ProposalItem{"items": r.Plan.Items, "others": r.Plan.Others, "by hand": r.Plan.ByHand} {
		for _, i := range items {
			got[name] = append(got[name], i.ID)
		}
	}
	if d := cmp.Diff(map[string][]int64{"items": {first.ID}, "others": {401}, "by hand": {302, 303}}, got); d != "" {
		t.Error(d)
	}
	if r.Plan.Need.People != 2 || !cmp.Equal(r.Plan.Need.Roles, []string{"approver"}) || r.Plan.Group.ID != 3 {
		t.Errorf("need %+v of group %d", r.Plan.Need, r.Plan.Group.ID)
	}
	c.store.drafts[3] = []engine.ProposalItem{steps}
	if r, err = c.Click(t.Context(), click("UAPP", "approve", "g3")); err != nil || len(r.Plan.Items) != 1 || r.Plan.Items[0].ID != 303 || len(r.Plan.Others) != 0 {
		t.Errorf("steps alone: %+v, %v", r.Plan, err)
	}
}

func TestPlanIsForThoseWhoMayApprove(t *testing.T) {
	c := changesFixture(t)
	c.Policy.Approvals.TwoAbove = 10 * engine.USD
	if _, err := c.submit("UAPP", "g3", c.drafts(t).Ref()); err != nil {
		t.Fatal(err)
	}
	p := c.store.all[1]
	g := c.scans.groups[3]
	g.Proposals = []engine.Proposal{p}
	c.scans.groups[3], c.store.drafts[3] = g, nil // as the store does with what is being changed
	before := len(c.store.decisions)
	for _, value := range []string{"g3", engine.ProposalButton{Proposal: 1, Hash: p.Hash}.Value()} {
		if _, err := c.Click(t.Context(), click("UEVE", "approve", value)); engine.CodeOf(err) != engine.Forbidden {
			t.Errorf("%s without a role: %v", value, err)
		}
		if r, err := c.Click(t.Context(), click("UGRP", "approve", value)); err != nil || r.Plan == nil || r.Plan.Proposal == nil || r.Plan.Proposal.ID != 1 {
			t.Errorf("%s: %+v, %v; want the proposal that waits", value, r, err)
		}
		if _, err := c.Click(t.Context(), click("UDOWN", "approve", value)); engine.CodeOf(err) != engine.Unavailable {
			t.Errorf("%s while Slack does not say who is in which group: %v", value, err)
		}
	}
	if kept := c.store.decisions[before:]; len(kept) != 2 || kept[0].Allowed || kept[1].Allowed || kept[1].ProposalID != 1 {
		t.Errorf("kept %+v; want the two refusals", kept)
	}
	c.clock = c.clock.Add(1)
	r, err := c.submit("UAPP", engine.ProposalButton{Proposal: 1, Hash: p.Hash}.Value())
	if err != nil || !strings.HasPrefix(r.Text, "You approved this already. ") {
		t.Errorf("the same person again: %q, %v", r.Text, err)
	}
}

func TestPlanThatIsNotMadeYet(t *testing.T) {
	c := changesFixture(t)
	r, err := c.Click(t.Context(), click("UAPP", "approve", "g3"))
	if err != nil || r.Plan == nil || r.Plan.Wait || len(r.Plan.Items) != 1 {
		t.Fatalf("what can be made at once is: %+v, %v", r.Plan, err)
	}
	c = changesFixture(t)
	c.forge.fail = engine.Errorf(engine.Unavailable, "GitHub does not answer")
	r, err = c.Click(t.Context(), click("UAPP", "approve", "g3"))
	if err != nil || r.Plan == nil || !r.Plan.Wait || c.store.requested != 1 {
		t.Errorf("GitHub is away: %+v, %v, requested %d times", r.Plan, err, c.store.requested)
	}
}

// TestInParts shows and asks for the second person where the first has approved much alone already.
func TestInParts(t *testing.T) {
	c := changesFixture(t)
	c.Policy.Approvals.TwoAbove, c.Policy.Approvals.Within = 50*engine.USD, 24*time.Hour
	item := c.drafts(t)
	c.store.alone = 10 * engine.USD
	r, err := c.Click(t.Context(), click("UAPP", "approve", "g3"))
	if err != nil || r.Plan == nil || r.Plan.Need.People != 2 || len(r.Plan.Need.Why) != 1 || !strings.Contains(r.Plan.Need.Why[0], "approved alone within 24 h") {
		t.Fatalf("%+v, %v", r.Plan, err)
	}
	if r, err = c.submit("UAPP", "g3", item.Ref()); err != nil || r.Text != "1 of 2 approvals: one more person must approve." {
		t.Errorf("%q, %v", r.Text, err)
	}
}

func TestTwoPeople(t *testing.T) {
	c := changesFixture(t)
	c.Policy.Approvals.TwoAbove = 10 * engine.USD
	item := c.drafts(t)
	r, err := c.submit("UAPP", "g3", item.Ref())
	if err != nil || r.Text != "1 of 2 approvals: one more person must approve." {
		t.Fatalf("%q, %v", r.Text, err)
	}
	p := c.store.all[1]
	value := engine.ProposalButton{Proposal: 1, Hash: p.Hash}.Value()
	if r, err = c.Click(t.Context(), click("UGRP", "approve", value)); err != nil || r.Plan == nil || r.Plan.Proposal == nil || r.Plan.Proposal.ID != 1 || r.Text != "" {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = c.Click(t.Context(), click("UGRP", "approve", "p1:0000")); err != nil || r.Plan == nil || !strings.Contains(r.Text, "changed since you saw it") {
		t.Errorf("a button of an older plan: %+v, %v", r, err)
	}
	if r, err = c.submit("UGRP", value); err != nil || r.Text != "Approved; the pull request is on its way." {
		t.Fatalf("%q, %v", r.Text, err)
	}
	if d := c.store.decisions[1]; d.ProposalID != 1 || d.Hash != p.Hash || d.Role != "approver" {
		t.Errorf("decision %+v", d)
	}
	if _, err = c.Click(t.Context(), click("UGRP", "approve", value)); engine.CodeOf(err) != engine.Conflict {
		t.Errorf("approved already: %v", err)
	}
	c.plain.paused = engine.Pause{On: true}
	if text := c.approvedText(t.Context(), c.store.all[1]); !strings.Contains(text, "paused") {
		t.Errorf("while paused: %q", text)
	}
}

func TestWhoMayNotApprove(t *testing.T) {
	for name, tc := range map[string]struct {
		who  string
		do   func(*changing)
		code engine.Code
		text string
		kept bool // as a refusal
	}{
		"without a role":                {"UEVE", nil, engine.Forbidden, "needs the role approver", true},
		"in another namespace":          {"UAPP", func(c *changing) { c.Policy.Roles[len(c.Policy.Roles)-2].Namespaces = []string{"shop"} }, engine.Forbidden, "does not cover", true},
		"above what the role may":       {"UAPP", func(c *changing) { c.Policy.Roles[len(c.Policy.Roles)-2].UpTo = engine.USD }, engine.Forbidden, "up to $1.00", true},
		"removed from the group":        {"UGRP", func(c *changing) { c.Groups = fakeGroups{} }, engine.Forbidden, "needs the role approver", true},
		"Slack does not say the groups": {"UDOWN", nil, engine.Unavailable, "does not answer", false},
		"Slack never says the groups":   {"UHIDDEN", nil, engine.Forbidden, "does not let the bot read user groups", true},
		"a freeze": {"UAPP", func(c *changing) {
			c.Policy.Approvals.Freeze = []policy.Freeze{{Reason: "quarter's end", From: "2020-01-01", To: "2099-01-01"}}
		}, engine.Forbidden, "quarter's end", false}, // the store keeps it
	} {
		t.Run(name, func(t *testing.T) {
			c := changesFixture(t)
			item := c.drafts(t)
			if tc.do != nil {
				tc.do(c)
			}
			_, err := c.submit(tc.who, "g3", item.Ref())
			if engine.CodeOf(err) != tc.code || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("%v; want %s, with %q", err, tc.code, tc.text)
			}
			if len(c.store.all) != 0 {
				t.Errorf("a proposal was made: %+v", c.store.all)
			}
			refused := len(c.store.decisions) == 1 && !c.store.decisions[0].Allowed && c.store.decisions[0].Reason != ""
			if tc.kept != refused {
				t.Errorf("kept as a refusal: %v, want %v: %+v", refused, tc.kept, c.store.decisions)
			}
		})
	}
}

func TestStalePlanIsShownAnew(t *testing.T) {
	c := changesFixture(t)
	old := c.drafts(t)
	c.scans.groups[3].Findings[0].Sizing.New = 1 << 30
	fresh := c.drafts(t)
	r, err := c.submit("UAPP", "g3", old.Ref())
	if err != nil || r.Plan == nil || len(r.Plan.Items) != 1 || r.Plan.Items[0].Hash != fresh.Hash || !strings.Contains(r.Text, "changed since you saw it") {
		t.Fatalf("%+v, %v", r, err)
	}
	if len(c.store.decisions) != 1 || len(c.store.all) != 0 {
		t.Errorf("decisions %+v, proposals %+v; want the one decision, and nothing done", c.store.decisions, c.store.all)
	}
	c.store.drafts[3] = nil
	if _, err = c.submit("UAPP", "g3", old.Ref()); engine.CodeOf(err) != engine.Conflict {
		t.Errorf("nothing is left to show: %v", err)
	}
}

func TestWrongSubmissions(t *testing.T) {
	c := changesFixture(t)
	item := c.drafts(t)
	if r, err := c.submit("UAPP", "g3"); err != nil || r.Invalid[engine.FieldItems] == "" {
		t.Errorf("nothing chosen: %+v, %v", r, err)
	}
	for subject, ref := range map[string]string{"g3": "nonsense", "x3": item.Ref(), "p0:1": "", "p9:1": ""} {
		if _, err := c.submit("UAPP", subject, ref); engine.CodeOf(err) != engine.Invalid && engine.CodeOf(err) != engine.NotFound {
			t.Errorf("%s, %s: %v", subject, ref, err)
		}
	}
	if _, err := c.Click(t.Context(), click("UAPP", "merge", "p1:1")); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("a proposal that is not there: %v", err)
	}
	c.approved(t)
	for action, want := range map[string]engine.Code{"merge": engine.Invalid, "approve": engine.Conflict, "deny": ""} {
		if _, err := c.Click(t.Context(), click("UAPP", action, "p1:1")); engine.CodeOf(err) != want {
			t.Errorf("%s of what is approved, and no pull request yet: %v, want %q", action, err, want)
		}
	}
	if err := c.task(engine.TaskPropose, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Click(t.Context(), click("UAPP", "deny", "p1:1")); engine.CodeOf(err) != engine.Conflict || !strings.Contains(err.Error(), "/pull/1") {
		t.Errorf("deny of what is open: %v", err)
	}
	c.Changes = nil
	for _, value := range []string{"g3", "p1:1"} {
		if _, err := c.Click(t.Context(), click("UAPP", "approve", value)); engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), "`github:`") {
			t.Errorf("%s where nothing is configured: %v", value, err)
		}
	}
	for _, form := range []string{engine.FormApprove, engine.FormDeny} {
		if _, err := c.Submit(t.Context(), engine.Submission{Form: form, Subject: "p1:1"}); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%s where nothing is configured: %v", form, err)
		}
	}
}

func TestDeny(t *testing.T) {
	c := changesFixture(t)
	c.Policy.Approvals.TwoAbove = 10 * engine.USD
	if _, err := c.submit("UAPP", "g3", c.drafts(t).Ref()); err != nil {
		t.Fatal(err)
	}
	value := engine.ProposalButton{Proposal: 1, Hash: c.store.all[1].Hash}.Value()
	r, err := c.Click(t.Context(), click("UGRP", "deny", value))
	if err != nil || r.Form == nil || r.Form.Name != engine.FormDeny || r.Form.Subject != value {
		t.Fatalf("%+v, %v", r, err)
	}
	send := func(who, reason string) (engine.Reply, error) {
		return c.Submit(t.Context(), engine.Submission{
			ID: "n-" + who, By: engine.Person{ID: who}, Form: engine.FormDeny, Subject: value, Values: map[string]string{engine.FieldReason: reason},
		})
	}
	for _, reason := range []string{"", " no ", strings.Repeat("x", longestWhy+1)} {
		if r, err := send("UGRP", reason); err != nil || r.Invalid[engine.FieldReason] == "" {
			t.Errorf("reason %.10q: %+v, %v", reason, r, err)
		}
	}
	if _, err := send("UEVE", "it is ours"); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("without a role: %v", err)
	}
	if _, err := c.Click(t.Context(), click("UEVE", "deny", value)); engine.CodeOf(err) != engine.Forbidden {
		t.Errorf("without a role: %v", err)
	}
	if r, err = send("UGRP", "the load test of Friday needs it"); err != nil || !strings.HasPrefix(r.Text, "Denied: payments/api") {
		t.Fatalf("%+v, %v", r, err)
	}
	if p := c.store.all[1]; p.Status != engine.ProposalDenied || p.Reason != "the load test of Friday needs it" {
		t.Errorf("%+v", p)
	}
	refusals := 0
	for _, d := range c.store.decisions {
		if !d.Allowed && d.Action == engine.ActionDeny && d.ProposalID == 1 {
			refusals++
		}
	}
	if refusals != 2 {
		t.Errorf("%d refusals kept, want 2", refusals)
	}
}
