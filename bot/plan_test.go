package bot_test

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/test/slack"
)

const planHash = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"

func planItem(id int64, title string) engine.ProposalItem {
	return engine.ProposalItem{
		ID: id, Title: title, Monthly: 41 * engine.USD, Risk: engine.RiskLow, Repo: "acme/deploy", Hash: planHash,
		Edits: []engine.FileEdit{{Path: "api.yaml", Line: 3, Diff: "-memory: 2Gi\n+memory: 1Gi\n"}},
	}
}

func checks(refs ...string) map[string]map[string]slack.Block {
	var chosen []any
	for _, ref := range refs {
		chosen = append(chosen, map[string]any{"value": ref})
	}
	return map[string]map[string]slack.Block{engine.FieldItems: {engine.FieldItems: {"type": "checkboxes", "selected_options": chosen}}}
}

// A plan is shown in a window, its lines can be left out, and what comes back names them by what was shown.
func TestPlanIsApproved(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	one, two := planItem(31, "payments/api memory"), planItem(32, "payments/api CPU")
	r.handler.click = func(engine.Click) (engine.Reply, error) {
		return engine.Reply{Plan: &engine.Plan{Group: savings(7), Items: []engine.ProposalItem{one, two}, Need: engine.ApprovalNeed{People: 1}}}, nil
	}
	sent := make(chan engine.Submission, 2)
	r.handler.submit = func(s engine.Submission) (engine.Reply, error) {
		sent <- s
		if strings.HasPrefix(s.Subject, "g") { // stale: the plan as it is now is shown at once
			p := engine.Proposal{ID: 5, Hash: planHash, Title: "payments/api memory", Items: []engine.ProposalItem{one}}
			return engine.Reply{Plan: &engine.Plan{Group: savings(7), Proposal: &p, Items: p.Items}}, nil
		}
		return engine.Reply{Text: "Approved"}, nil
	}
	r.start()
	r.press("ana", r.posted(), "acknowledge", "")
	views := func(title string) (open []slack.View) {
		r.eventually("the modal is open", func() bool {
			var err error
			open, err = r.control.Views(t.Context(), "ana")
			return err == nil && len(open) == 1 && strings.Contains(open[0].PrivateMetadata, title)
		})
		return open
	}
	_, err := r.control.Submit(t.Context(), "ana", views(`"g7"`)[0].ID, checks(one.Ref()))
	r.must(err)
	if got := <-sent; got.Form != engine.FormApprove || got.Subject != "g7" || got.Values[engine.FieldItems] != one.Ref() {
		t.Errorf("the submission is %+v", got)
	}
	_, err = r.control.Submit(t.Context(), "ana", views(`"p5:`)[0].ID, nil)
	r.must(err)
	if got := <-sent; got.Subject != "p5:"+planHash {
		t.Errorf("the second submission is about %q", got.Subject)
	}
	r.noViolations()
}

// The state of a proposal is one message in the thread of its card, and each step of its life a line after it.
func TestProposalIsToldInItsThread(t *testing.T) {
	t.Parallel()
	r := newRig(t, slack.Config{})
	r.content.groups = map[int64]engine.FindingGroup{7: savings(7)}
	r.content.proposals = map[int64]engine.Proposal{5: {
		ID: 5, Title: "payments/api memory", Status: engine.ProposalOpened, Hash: planHash, Repo: "acme/deploy",
		Pull:     engine.Pull{Number: 12, URL: "https://github.com/acme/deploy/pull/12", State: engine.PullOpen, Checks: "pending"},
		Timeline: []engine.Event{{ID: 1, Kind: "opened", Text: "pull request #12 is open"}},
	}}
	r.outbox.want(savingsCard(7))
	state := engine.Message{Key: engine.ProposalKey(5), Kind: engine.MessageProposal, Subject: 5, Channel: "#finops", ThreadKey: engine.SavingsKey(7, 0)}
	line := state
	line.Key, line.Detail = "proposal/5/event/1", 1
	r.outbox.want(state)
	r.outbox.want(line)
	r.start()
	r.delivered(line.Key, 1)
	r.delivered(state.Key, 1)
	card := r.once("#finops", engine.SavingsKey(7, 0))
	var said []string
	for _, m := range r.thread("#finops", card.TS) {
		said = append(said, m.Text)
	}
	if all := strings.Join(said, "\n"); !strings.Contains(all, "Pull request #12") || !strings.Contains(all, "pull request #12 is open") {
		t.Errorf("the thread says %q", said)
	}
	r.noViolations()
}
