package view_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

const memoryDiff = "--- a/deploy/api.yaml\n+++ b/deploy/api.yaml\n@@ -18,7 +18,7 @@\n         resources:\n           requests:\n             cpu: 500m\n-            memory: 2Gi\n+            memory: 1229Mi # peak 1 GiB\n           limits:\n             memory: 2Gi\n"

func memoryItem() engine.ProposalItem {
	return engine.ProposalItem{
		ID: 31, FindingID: 12, GroupID: 7, Title: "payments/api memory 2 → 1.2 GiB", Kind: engine.OverRequestedMemory, Monthly: 41_200_000, Basis: list2026,
		Risk: engine.RiskLow, Backtest: &engine.Backtest{Days: 7, Samples: 2016, Over: 0.004}, Repo: "acme/deploy", Base: "main", Commit: "abc",
		Edits: []engine.FileEdit{{Path: "deploy/api.yaml", Line: 21, Before: "            memory: 2Gi\n", After: "            memory: 1229Mi # peak 1 GiB\n", Diff: memoryDiff}},
		Hash:  "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
	}
}

func cpuItem() engine.ProposalItem {
	i := memoryItem()
	i.ID, i.FindingID, i.Title, i.Kind, i.Monthly, i.Risk = 32, 11, "payments/api CPU 2 cores → 500m", engine.OverRequestedCPU, 93_450_000, engine.RiskMedium
	i.Hash = "ff" + i.Hash[2:]
	return i
}

func templated() engine.ProposalItem {
	i := memoryItem()
	i.ID, i.Edits, i.Title = 33, nil, "payments/worker memory 4 → 3 GiB"
	i.Why = "the value is templated: two values files feed it"
	i.ByHand = []engine.Place{{Path: "charts/worker/values.yaml", Line: 12, Text: "memory: 4Gi", Note: "the default"}, {Path: "charts/worker/values-prod.yaml", Line: 3, Text: "memory: *big", Note: "an alias of &big"}}
	return i
}

func drafted() engine.Plan {
	g := oversized()
	return engine.Plan{
		Group: g, Items: []engine.ProposalItem{memoryItem(), cpuItem()}, ByHand: []engine.ProposalItem{templated()},
		Need: engine.ApprovalNeed{People: 1, Roles: []string{"finops", "platform"}, Why: []string{"role finops approves up to $500 a month"}},
	}
}

func pending() engine.Proposal {
	return engine.Proposal{
		ID: 5, Title: "payments/api memory 2 → 1.2 GiB, −$41.20/month, low risk", Repo: "acme/deploy", Base: "main", Items: []engine.ProposalItem{memoryItem()},
		Hash: memoryItem().Hash, Monthly: 41_200_000, Status: engine.ProposalPending, Proposer: engine.Person{ID: "U0ANA"},
		Need:     engine.ApprovalNeed{People: 2, NotProposer: true, Roles: []string{"finops"}, Why: []string{"above $40 a month two people approve"}},
		Approved: []engine.Approval{{By: engine.Person{ID: "U0ANA"}, At: t0, Hash: memoryItem().Hash, Role: "finops"}}, CreatedAt: t0, ExpiresAt: t0.Add(72 * time.Hour),
		Timeline: []engine.Event{{ID: 1, At: t0, Kind: "approved", By: engine.Person{ID: "U0ANA"}, Text: "approved, 1 of 2"}},
	}
}

func opened5() engine.Proposal {
	p := pending()
	p.Status, p.ApprovedAt = engine.ProposalOpened, t0.Add(time.Hour)
	p.Pull = engine.Pull{Number: 12, URL: "https://github.com/acme/deploy/pull/12", State: engine.PullOpen, Checks: "failing", Failing: []string{"kubeconform"}}
	return p
}

func verified() engine.Proposal {
	p := opened5()
	p.Status, p.MergedAt, p.DeployedAt, p.VerifiedAt = engine.ProposalVerified, t0.Add(2*time.Hour), t0.Add(3*time.Hour), t0.Add(48*time.Hour)
	p.Saved = engine.Saved{Days: 10, Verified: 13 * engine.USD, Low: 12 * engine.USD, High: 14 * engine.USD, Estimated: 13_540_000}
	return p
}

func TestGoldenPlans(t *testing.T) {
	stale := pending()
	stale.Status, stale.Reason = engine.ProposalStale, "deploy/api.yaml changed since"
	second := engine.Plan{Group: oversized(), Proposal: new(pending()), Items: pending().Items, Need: pending().Need}
	card := oversized()
	card.Drafts = []engine.ProposalItem{memoryItem(), templated()}
	running := oversized()
	running.Proposals = []engine.Proposal{pending()}
	green := settled()
	green.Proposals = []engine.Proposal{verified()}
	golden(t, map[string]any{
		"plan":              view.PlanModal(drafted(), `{"s":"g7"}`),
		"plan_second":       view.PlanModal(second, `{"s":"p5:0f"}`),
		"plan_wait":         view.PlanModal(engine.Plan{Group: oversized(), Wait: true}, "{}"),
		"proposal_pending":  view.Proposal(pending()),
		"proposal_opened":   view.Proposal(opened5()),
		"proposal_verified": view.Proposal(verified()),
		"proposal_stale":    view.Proposal(stale),
		"proposal_event":    must(view.ProposalEvent(pending(), 1)),
		"savings_draft":     view.SavingsCard(card),
		"savings_pending":   view.SavingsCard(running),
		"savings_green":     view.SavingsCard(green),
		"savings_by_hand":   view.SavingsDetails(card),
	})
}

// The first line is all that a phone shows.
func TestPlanSaysWhatMatters(t *testing.T) {
	one := drafted()
	one.Items = one.Items[:1]
	for name, c := range map[string]struct {
		modal  slackgo.ModalViewRequest
		first  string
		wanted []string
	}{
		"one":    {view.PlanModal(one, "{}"), "payments/api memory 2 → 1.2 GiB, −$41.20/month, low risk", []string{"-            memory: 2Gi", "+            memory: 1229Mi", "acme/deploy", "deploy/api.yaml", "line 21", "*0.4 %*", "0 OOM kills", "estimate at list price", "finops", "values-prod.yaml:3", "By hand"}},
		"two":    {view.PlanModal(drafted(), "{}"), "payments/api: 2 changes, −$134.65/month, medium risk", []string{"CPU 2 cores → 500m"}},
		"second": {view.PlanModal(engine.Plan{Proposal: new(pending()), Items: pending().Items, Need: pending().Need}, "{}"), "payments/api memory 2 → 1.2 GiB, −$41.20/month, low risk", []string{"*2 people*", "not <@U0ANA>", "approved"}},
	} {
		text := said(t, view.Message{Blocks: c.modal.Blocks.BlockSet})
		if first := said(t, view.Message{Blocks: c.modal.Blocks.BlockSet[:1]}); !strings.Contains(first, c.first) {
			t.Errorf("%s: the first line is %s", name, first)
		}
		for _, want := range c.wanted {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the modal does not say %q:\n%s", name, want, text)
			}
		}
		if c.modal.Submit == nil || c.modal.CallbackID != engine.FormApprove {
			t.Errorf("%s: it cannot be sent", name)
		}
	}
}

func TestNothingToApproveCannotBeSent(t *testing.T) {
	manual := drafted()
	manual.Items = nil
	for name, p := range map[string]engine.Plan{"waits": {Wait: true}, "gone": {}, "by hand": manual} {
		if m := view.PlanModal(p, "{}"); m.Submit != nil {
			t.Errorf("%s: there is a button that approves nothing", name)
		}
	}
}

func TestProposalButtons(t *testing.T) {
	draft, running, open := oversized(), oversized(), oversized()
	draft.Drafts = []engine.ProposalItem{memoryItem()}
	running.Drafts, running.Proposals = draft.Drafts, []engine.Proposal{pending()}
	open.Proposals = []engine.Proposal{opened5()}
	manual := oversized()
	manual.Drafts = []engine.ProposalItem{templated()}
	for name, c := range map[string]struct {
		m    view.Message
		want []string
	}{
		"draft":         {view.SavingsCard(draft), []string{"approve", "view", "snooze", "not_waste"}},
		"by hand alone": {view.SavingsCard(manual), []string{"view", "snooze", "not_waste"}},
		"pending card":  {view.SavingsCard(running), []string{"approve", "deny", "view", "snooze", "not_waste"}},
		"opened card":   {view.SavingsCard(open), []string{"view", "snooze", "not_waste"}},
		"pending":       {view.Proposal(pending()), []string{"approve", "deny"}},
		"opened":        {view.Proposal(opened5()), nil},
	} {
		var got []string
		for _, id := range actionsOf(c.m) {
			got = append(got, view.ActionOf(id))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: buttons %v, want %v", name, got, c.want)
		}
	}
	if text := said(t, view.Proposal(pending())); !strings.Contains(text, `"p5:`+pending().Hash+`"`) {
		t.Errorf("a button is not bound to what it shows:\n%s", text)
	}
}

func TestGreenCardSaysWhatWasSaved(t *testing.T) {
	g := settled()
	g.Proposals = []engine.Proposal{verified()}
	if text := said(t, view.SavingsCard(g)); !strings.Contains(text, "$39.54 a month saved and verified") || !strings.Contains(text, "saved $13.00 in 10 days") {
		t.Errorf("13 dollars in 10 days are 39.54 in 730 hours:\n%s", text)
	}
}

// Whatever the repository holds, a modal and a message stay within Slack's limits and wake nobody.
func TestPlansStayWithinLimits(t *testing.T) {
	for _, text := range []string{strings.Repeat("the database does not answer ", 400), strings.Repeat("界", 9000), strings.Repeat("<!channel>&> ```x``` <@U0EVIL> ", 400)} {
		p := drafted()
		p.Group.Title = text
		for n := range 120 {
			i := memoryItem()
			i.ID, i.Title, i.Repo, i.Steps, i.Basis.Note = int64(n+1), text, text, []string{text}, text
			i.Edits = []engine.FileEdit{{Path: text, Line: 1, Diff: text + "\n" + text}}
			p.Items = append(p.Items, i)
			hand := templated()
			hand.Why, hand.ByHand = text, []engine.Place{{Path: text, Line: 1, Text: text, Note: text}}
			p.ByHand, p.Others = append(p.ByHand, hand), append(p.Others, i)
		}
		p.Need.Why, p.Need.Roles = []string{text}, []string{text}
		modal := view.PlanModal(p, "{}")
		checkDrawing(t, fmt.Sprintf("modal of %.9q", text), view.Message{Text: "modal", Blocks: modal.Blocks.BlockSet})
		q := opened5()
		q.Title, q.Reason, q.Items, q.Pull.Failing, q.Repo = text, text, p.Items, []string{text, text}, text
		checkDrawing(t, fmt.Sprintf("proposal of %.9q", text), view.Proposal(q))
		g := oversized()
		g.Drafts, g.Proposals = append(p.Items, p.ByHand...), []engine.Proposal{q, q, q, q}
		checkDrawing(t, "card", view.SavingsCard(g))
		details := view.SavingsDetails(g)
		checkDrawing(t, "details", view.Message{Text: "details", Blocks: details.Blocks.BlockSet})
	}
}
