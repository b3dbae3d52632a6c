package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eks-autopilot/autopilot/bot/view"
	"github.com/eks-autopilot/autopilot/engine"
)

// mend is an offer that raises a memory limit, for an incident.
func mend() engine.Proposal {
	item := engine.ProposalItem{
		ID: 61, Title: "payments/api memory limit 512 → 640 MiB", Risk: engine.RiskLow, Repo: "acme/deploy", Base: "main",
		Because: "Container app was killed when it reached its limit of 512Mi, so what it needs is more, and not known. The rule: a quarter more, and at least 100 MiB, rounded up to 64 MiB.",
		Edits: []engine.FileEdit{{
			Path: "deploy/api.yaml", Line: 24, Before: "  memory: 512Mi\n", After: "  memory: 640Mi\n",
			Diff: "--- a/deploy/api.yaml\n+++ b/deploy/api.yaml\n@@ -24 +24 @@\n-  memory: 512Mi\n+  memory: 640Mi\n",
		}},
		Hash: memoryItem().Hash,
	}
	return engine.Proposal{
		ID: 9, Incident: 42, Title: item.Title + ", low risk", Repo: "acme/deploy", Base: "main", Items: []engine.ProposalItem{item}, Hash: item.Hash,
		Status: engine.ProposalPending, Need: engine.ApprovalNeed{People: 1, Roles: []string{"platform"}}, CreatedAt: t0, ExpiresAt: t0.Add(72 * time.Hour),
		Timeline: []engine.Event{{ID: 1, At: t0, Kind: "offered", Text: "Proposed: " + item.Title + ", low risk"}},
	}
}

func TestGoldenMends(t *testing.T) {
	offer, withdrawn, live := mend(), mend(), mend()
	withdrawn.Status, withdrawn.Reason = engine.ProposalStale, "incident 42 is resolved"
	live.Status, live.DeployedAt = engine.ProposalVerified, t0.Add(time.Hour)
	golden(t, map[string]any{
		"mend_offered":   view.Proposal(offer),
		"mend_plan":      view.PlanModal(engine.Plan{Proposal: &offer, Items: offer.Items, Need: offer.Need}, `{"s":"p9:0f"}`),
		"mend_withdrawn": view.Proposal(withdrawn),
		"mend_helped":    view.Proposal(live),
	})
}

// An offer for an incident speaks of the incident, and of no money.
func TestAMendSpeaksOfItsIncident(t *testing.T) {
	for status, want := range map[engine.ProposalStatus]string{
		engine.ProposalDeployed: "the incident is watched", engine.ProposalVerified: "the incident resolved after it", engine.ProposalStale: "Withdrawn: it is over",
	} {
		p := mend()
		p.Status = status
		if status == engine.ProposalStale {
			p.Reason = "it is over"
		}
		if text := view.Proposal(p).Text; !strings.Contains(text, want) || strings.Contains(text, "saves") {
			t.Errorf("%s: %q, want %q", status, text, want)
		}
	}
}
