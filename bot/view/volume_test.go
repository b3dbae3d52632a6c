package view_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

func removal() engine.ProposalItem {
	return engine.ProposalItem{
		ID: 41, FindingID: 21, GroupID: 7, Title: "volume vol-0abc removed", Kind: engine.OrphanVolume, Monthly: 4_520_000, Cash: true, Basis: list2026, Risk: engine.RiskMedium,
		Why: "nothing says in which repository it is declared", Steps: engine.RemovalSteps("vol-0abc", "eu-central-1"),
		Removal: &engine.Removal{GiB: 100, Type: "gp3", Zone: "eu-central-1a", CreatedAt: t0.Add(-90 * 24 * time.Hour), DetachedAt: t0.Add(-10 * 24 * time.Hour), Whole: 9_520_000, Snapshot: 5_000_000},
		Hash:    "aa1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
	}
}

func removing(status engine.ProposalStatus) engine.Proposal {
	return engine.Proposal{
		ID: 6, Title: "volume vol-0abc removed, −$4.52/month, medium risk", Items: []engine.ProposalItem{removal()}, Hash: removal().Hash, Monthly: 4_520_000,
		Status: status, Reason: "snapshot snap-1 is not complete yet", Need: engine.ApprovalNeed{People: 2}, ApprovedAt: t0, DeployedAt: t0.Add(time.Hour),
		Timeline: []engine.Event{{ID: 1, At: t0, Kind: "removal", Text: "Snapshot snap-1 is being taken."}},
	}
}

func TestGoldenRemovals(t *testing.T) {
	g := oversized()
	g.Title, g.Drafts = "volumes of account 123456789012", []engine.ProposalItem{removal()}
	need := engine.ApprovalNeed{People: 2, Roles: []string{"platform"}, Why: []string{"two people, for it is done at once and no pull request is reviewed"}}
	golden(t, map[string]any{
		"plan_removal":      view.PlanModal(engine.Plan{Group: g, Items: g.Drafts, Need: need}, `{"s":"g7"}`),
		"proposal_removal":  view.Proposal(removing(engine.ProposalApproved)),
		"proposal_removed":  view.Proposal(removing(engine.ProposalDeployed)),
		"savings_removable": view.SavingsCard(g),
	})
}

// What deletes a volume says so, with each command and each price, and can be approved from the card.
func TestRemovalSaysWhatIsDone(t *testing.T) {
	g := oversized()
	g.Drafts = []engine.ProposalItem{removal()}
	plan := view.PlanModal(engine.Plan{Group: g, Items: g.Drafts, Need: engine.ApprovalNeed{People: 2}}, "{}")
	text := said(t, view.Message{Blocks: plan.Blocks.BlockSet})
	for _, want := range []string{
		"volume vol-0abc removed, −$4.52/month, medium risk", "*2 people*", "The bot does this itself", "100 GiB of `gp3`", "$9.52", "at most $5.00", "nothing says in which repository",
		"aws ec2 create-snapshot --region eu-central-1 --volume-id vol-0abc", "wait snapshot-completed", "aws ec2 delete-volume --region eu-central-1 --volume-id vol-0abc", "What is done",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the plan does not say %q:\n%s", want, text)
		}
	}
	if plan.Submit == nil || strings.Contains(text, "into the pull request") {
		t.Errorf("it cannot be approved, or speaks of a pull request:\n%s", text)
	}
	var buttons []string
	for _, id := range actionsOf(view.SavingsCard(g)) {
		buttons = append(buttons, view.ActionOf(id))
	}
	if !slices.Contains(buttons, "approve") {
		t.Errorf("the card has %v", buttons)
	}
	details := view.SavingsDetails(g)
	if text := said(t, view.Message{Blocks: details.Blocks.BlockSet}); strings.Contains(text, "By hand") {
		t.Errorf("what the bot does is called a person's:\n%s", text)
	}
}
