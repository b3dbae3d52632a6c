package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// askApproval shows the plan of a finding group to somebody who may approve some of it: what would be changed, and who must say so.
// Where nothing is drafted yet it tries to within the time that a window can be opened.
func (h *Handlers) askApproval(ctx context.Context, d engine.Decision, g engine.FindingGroup) (engine.Reply, error) {
	if h.Changes == nil {
		return engine.Reply{}, changesOff()
	}
	plan, err := h.plan(ctx, d.By, g)
	if err != nil {
		return engine.Reply{}, err
	}
	if len(plan.Items)+len(plan.ByHand) == 0 && len(g.Open()) > 0 {
		going := slices.IndexFunc(g.Proposals, func(p engine.Proposal) bool { return !p.Status.IsOver() })
		if going >= 0 {
			return h.askAgain(ctx, d, g.Proposals[going])
		}
		if reply, err := h.mayLook(ctx, d, wanted(g)); err != nil {
			return reply, err
		}
		if err := h.draftNow(ctx, g); err != nil {
			h.Log.InfoContext(ctx, "no plan could be made at once", "group", g.ID, "error", err)
			plan.Wait = true
			return engine.Reply{Plan: &plan}, h.Changes.Proposals.RequestDrafts(ctx)
		}
		if plan, err = h.plan(ctx, d.By, g); err != nil {
			return engine.Reply{}, err
		}
	}
	if reply, err := h.mayLook(ctx, d, slices.Concat(plan.Items, plan.ByHand)); err != nil {
		return reply, err
	}
	return engine.Reply{Plan: &plan}, nil
}

// wanted stands for the drafts that a group does not have yet, to ask who may see them before a repository is read for them.
func wanted(g engine.FindingGroup) []engine.ProposalItem {
	var items []engine.ProposalItem
	for _, f := range g.Open() {
		items = append(items, engine.ProposalItem{Kind: f.Kind, Owner: f.Owner, Monthly: f.Monthly, Wish: engine.Wish{Target: f.Target}})
	}
	return items
}

// askAgain shows a proposal that waits for another approval to somebody who may give it.
func (h *Handlers) askAgain(ctx context.Context, d engine.Decision, p engine.Proposal) (engine.Reply, error) {
	d.ProposalID = p.ID
	if reply, err := h.mayLook(ctx, d, p.Items); err != nil {
		return reply, err
	}
	text := ""
	if d.Hash != "" && d.Hash != p.Hash {
		text = "The plan changed since you saw it. Here is how it is now."
	}
	return h.planOf(ctx, p, text)
}

// mayLook refuses, and keeps that it did, somebody who may approve none of the items. What they may approve of them together is asked
// when it is sent in.
func (h *Handlers) mayLook(ctx context.Context, d engine.Decision, items []engine.ProposalItem) (engine.Reply, error) {
	var first string
	for _, i := range items {
		ok, _, reason, err := h.mayDecide(ctx, d, []engine.ProposalItem{i})
		if err != nil || ok {
			return engine.Reply{}, err
		}
		if first == "" {
			first = reason
		}
	}
	if len(items) == 0 {
		return engine.Reply{}, nil
	}
	return h.refuseProposal(ctx, d, first)
}

// plan gives what of a group can be approved together, and what that needs when it is this person who does: the edits of one repository
// and team, else the steps of one team.
func (h *Handlers) plan(ctx context.Context, by engine.Person, g engine.FindingGroup) (engine.Plan, error) {
	own, others, err := h.Changes.Proposals.Drafts(ctx, g.ID)
	if err != nil {
		return engine.Plan{}, err
	}
	plan := engine.Plan{Group: g}
	of := func(first, i engine.ProposalItem) bool {
		return i.Repo == first.Repo && i.Base == first.Base && i.Owner.Team == first.Owner.Team
	}
	for _, approvable := range []func(engine.ProposalItem) bool{
		func(i engine.ProposalItem) bool { return len(i.Edits) > 0 },
		func(i engine.ProposalItem) bool { return len(i.Edits) == 0 && len(i.Steps) > 0 },
	} {
		for _, i := range own {
			switch {
			case len(plan.Items) == 0 && approvable(i), len(plan.Items) > 0 && approvable(i) && of(plan.Items[0], i):
				plan.Items = append(plan.Items, i)
			}
		}
		if len(plan.Items) > 0 {
			break
		}
	}
	for _, i := range own {
		if !slices.ContainsFunc(plan.Items, func(c engine.ProposalItem) bool { return c.ID == i.ID }) && len(i.Edits) == 0 {
			plan.ByHand = append(plan.ByHand, i)
		}
	}
	if len(plan.Items) == 0 {
		return plan, nil
	}
	if len(plan.Items[0].Edits) > 0 {
		for _, i := range others {
			if of(plan.Items[0], i) {
				plan.Others = append(plan.Others, i)
			}
		}
	}
	alone, err := h.Changes.Proposals.Alone(ctx, by, plan.Items[0], h.Policy.Approvals.Within)
	if err != nil {
		return engine.Plan{}, err
	}
	plan.Need = h.need(plan.Items, alone)
	oneVolume(&plan)
	return plan, nil
}

// need says who must approve these, and whether they are frozen now.
func (h *Handlers) need(items []engine.ProposalItem, alone engine.MicroUSD) engine.ApprovalNeed {
	need, err := h.Policy.Need(items, alone, h.Now())
	if err != nil {
		need.Why = append(need.Why, engine.UserMessage(err, "-"))
	}
	return need
}

// proposalClick carries out a press of a button on a proposal's message.
func (h *Handlers) proposalClick(ctx context.Context, c engine.Click) (engine.Reply, error) {
	b, err := engine.ParseProposal(c.Value)
	if err != nil {
		return engine.Reply{}, err
	}
	if h.Changes == nil {
		return engine.Reply{}, changesOff()
	}
	p, err := h.Changes.Proposals.Proposal(ctx, b.Proposal)
	if err != nil {
		return engine.Reply{}, err
	}
	d := engine.Decision{ID: c.ID, Action: engine.Action(c.Action), ProposalID: p.ID, By: c.By, At: h.Now(), Hash: b.Hash}
	switch d.Action {
	case engine.ActionApprove, engine.ActionDeny:
	default:
		return engine.Reply{}, engine.Errorf(engine.Invalid, "this button is not known to this version; run `/autopilot savings`")
	}
	if d.Action == engine.ActionApprove {
		return h.askAgain(ctx, d, p)
	}
	if !change.Leads(p.Status, engine.ProposalDenied) {
		return engine.Reply{}, engine.Errorf(engine.Conflict, "proposal %d is %s already%s", p.ID, p.Status, at(p.Pull))
	}
	ok, role, reason, err := h.mayDecide(ctx, d, p.Items)
	if err != nil {
		return engine.Reply{}, err
	}
	if d.Role = role; !ok {
		return h.refuseProposal(ctx, d, reason)
	}
	return engine.Reply{Form: &engine.Form{
		Name: engine.FormDeny, Subject: b.Value(), Title: "Deny", Submit: "Deny", Text: p.Title,
		Fields: []engine.Field{{
			Name: engine.FieldReason, Label: "Why?", Hint: "It is kept, and told in the thread.",
			Placeholder: "the load test of Friday needs it", Multiline: true, MaxLength: longestWhy,
		}},
	}}, nil
}

// planOf shows a proposal that waits for another approval, or is on its way.
func (h *Handlers) planOf(ctx context.Context, p engine.Proposal, text string) (engine.Reply, error) {
	if p.Status != engine.ProposalPending {
		return engine.Reply{}, engine.Errorf(engine.Conflict, "proposal %d is %s already%s", p.ID, p.Status, at(p.Pull))
	}
	plan := engine.Plan{Proposal: &p, Items: p.Items, Need: p.Need}
	if group := groupOf(p); group != 0 {
		g, err := h.Waste.Savings.FindingGroup(ctx, group)
		if err != nil {
			return engine.Reply{}, err
		}
		plan.Group = g
	}
	return engine.Reply{Text: text, Plan: &plan}, nil
}

func groupOf(p engine.Proposal) int64 {
	for _, i := range p.Items {
		if i.GroupID != 0 {
			return i.GroupID
		}
	}
	return 0
}

func at(pull engine.Pull) string {
	if pull.URL == "" {
		return ""
	}
	return ": " + pull.URL
}

// mayDecide asks the policy whether a person may approve or deny all of the items. It fails with Unavailable while nobody can tell, as
// allowed does.
func (h *Handlers) mayDecide(ctx context.Context, d engine.Decision, items []engine.ProposalItem) (ok bool, role, reason string, err error) {
	ask := h.Policy.MayApproveAll
	if d.Action == engine.ActionDeny {
		ask = h.Policy.MayDeny
	}
	ok, reason, err = h.ask(ctx, d.By, func(groups []string) (ok bool, reason string) {
		ok, role, reason = ask(d.By, groups, items)
		return ok, reason
	})
	if !ok {
		role = ""
	}
	return ok, role, reason, err
}

// refuseProposal records a refusal and gives it as the error that the person sees.
func (h *Handlers) refuseProposal(ctx context.Context, d engine.Decision, reason string) (engine.Reply, error) {
	d.Allowed, d.Reason = false, reason
	write := func() (engine.Proposal, error) { return h.Changes.Proposals.Approve(ctx, d, Approving{}) }
	if d.Action == engine.ActionDeny {
		write = func() (engine.Proposal, error) { return h.Changes.Proposals.Deny(ctx, d) }
	}
	if _, err := write(); err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{}, engine.Errorf(engine.Forbidden, "You may not do that: %s.", reason)
}

// submitApproval takes the window in which somebody approved a plan.
func (h *Handlers) submitApproval(ctx context.Context, s engine.Submission) (engine.Reply, error) {
	if h.Changes == nil {
		return engine.Reply{}, changesOff()
	}
	d := engine.Decision{ID: s.ID, Action: engine.ActionApprove, By: s.By, At: h.Now(), Allowed: true}
	a := Approving{Expires: h.Policy.Approvals.Expires, Within: h.Policy.Approvals.Within}
	var items []engine.ProposalItem
	if engine.IsProposalValue(s.Subject) {
		b, err := engine.ParseProposal(s.Subject)
		if err != nil {
			return engine.Reply{}, err
		}
		p, err := h.Changes.Proposals.Proposal(ctx, b.Proposal)
		if err != nil {
			return engine.Reply{}, err
		}
		d.ProposalID, d.Hash, items = p.ID, b.Hash, p.Items
		a.Need = h.judge(d, p.Reverts != 0)
	} else {
		b, err := engine.ParseGroup(s.Subject)
		if err != nil {
			return engine.Reply{}, err
		}
		d.GroupID = b.Group
		if a.Refs = strings.FieldsFunc(s.Values[engine.FieldItems], func(r rune) bool { return r == ',' || r == ' ' }); len(a.Refs) == 0 {
			return engine.Reply{Invalid: map[string]string{engine.FieldItems: "Choose at least one line."}}, nil
		}
		items, err = h.Changes.Proposals.DraftsByRef(ctx, a.Refs)
		if err != nil && engine.CodeOf(err) != engine.Conflict {
			return engine.Reply{}, err
		}
		a.Need = h.judge(d, false)
	}
	if len(items) > 0 {
		ok, role, reason, err := h.mayDecide(ctx, d, items)
		if err != nil {
			return engine.Reply{}, err
		}
		if !ok {
			return h.refuseProposal(ctx, d, reason)
		}
		d.Role = role
	}
	p, err := h.Changes.Proposals.Approve(ctx, d, a)
	if engine.CodeOf(err) == engine.Conflict {
		return h.fresh(ctx, d, err)
	}
	if err != nil {
		return engine.Reply{}, err
	}
	text := h.approvedText(ctx, p)
	if slices.ContainsFunc(p.Approved, func(a engine.Approval) bool { return a.By.ID == s.By.ID && a.At.Before(d.At) }) {
		text = "You approved this already. " + text
	}
	return engine.Reply{Text: text}, nil
}

// judge says who must approve. What takes back a change that did harm is held up by no freeze, and one person is enough for it.
func (h *Handlers) judge(d engine.Decision, back bool) func([]engine.ProposalItem, engine.MicroUSD) (engine.ApprovalNeed, error) {
	now := d.At
	return func(items []engine.ProposalItem, alone engine.MicroUSD) (engine.ApprovalNeed, error) {
		if back {
			return h.backNeed(items), nil
		}
		return h.Policy.Need(items, alone, now)
	}
}

// backNeed is who must approve that a change is taken back: anybody with the role, alone.
func (h *Handlers) backNeed(items []engine.ProposalItem) engine.ApprovalNeed {
	need := h.Policy.NeedAlways(items, 0)
	need.People, need.NotProposer = 1, false
	need.Why = []string{"one person, for it takes back what did harm"}
	return need
}

// fresh answers somebody who approved what is not so any more with how it is now.
func (h *Handlers) fresh(ctx context.Context, d engine.Decision, why error) (engine.Reply, error) {
	text := engine.UserMessage(why, d.ID)
	if d.ProposalID != 0 {
		p, err := h.Changes.Proposals.Proposal(ctx, d.ProposalID)
		if err != nil || p.Status != engine.ProposalPending {
			return engine.Reply{}, why
		}
		return h.planOf(ctx, p, text)
	}
	g, err := h.Waste.Savings.FindingGroup(ctx, d.GroupID)
	if err != nil {
		return engine.Reply{}, why
	}
	plan, err := h.plan(ctx, d.By, g)
	if err != nil || len(plan.Items) == 0 {
		return engine.Reply{}, why
	}
	return engine.Reply{Text: text, Plan: &plan}, nil
}

// approvedText says what came of an approval.
func (h *Handlers) approvedText(ctx context.Context, p engine.Proposal) string {
	switch p.Status {
	case engine.ProposalPending:
		have, missing := policy.Counted(p.Need, p.Approved, p.Proposer)
		return fmt.Sprintf("%d of %d approvals: %s.", have, p.Need.People, missing)
	case engine.ProposalApproved:
		text := "Approved; the pull request is on its way."
		if len(p.Items) > 0 && len(p.Items[0].Edits) == 0 {
			text = "Approved. The thread has the steps; it goes on when they are done."
		}
		what := "the pull request"
		if _, ok := removes(p); ok {
			text, what = "Approved. All is looked at again, a snapshot is taken and, when it is complete, the volume is deleted; the thread tells.", "it"
		}
		if pause, err := h.Decisions.Paused(ctx); err == nil && pause.On {
			text = "Approved. Writes are paused, so " + what + " waits for `/autopilot resume`."
		}
		return text
	default:
		return fmt.Sprintf("Proposal %d is %s%s.", p.ID, p.Status, at(p.Pull))
	}
}

// submitDenial takes the window in which somebody denied a proposal.
func (h *Handlers) submitDenial(ctx context.Context, s engine.Submission) (engine.Reply, error) {
	if h.Changes == nil {
		return engine.Reply{}, changesOff()
	}
	b, err := engine.ParseProposal(s.Subject)
	if err != nil {
		return engine.Reply{}, err
	}
	reason := strings.TrimSpace(s.Values[engine.FieldReason])
	switch n := len([]rune(reason)); {
	case n < 3:
		return engine.Reply{Invalid: map[string]string{engine.FieldReason: "Say in a few words why."}}, nil
	case n > longestWhy:
		return engine.Reply{Invalid: map[string]string{engine.FieldReason: fmt.Sprintf("%d characters at most.", longestWhy)}}, nil
	}
	p, err := h.Changes.Proposals.Proposal(ctx, b.Proposal)
	if err != nil {
		return engine.Reply{}, err
	}
	d := engine.Decision{ID: s.ID, Action: engine.ActionDeny, ProposalID: p.ID, By: s.By, At: h.Now(), Hash: b.Hash, Reason: reason}
	ok, role, why, err := h.mayDecide(ctx, d, p.Items)
	if err != nil {
		return engine.Reply{}, err
	}
	if d.Role = role; !ok {
		return h.refuseProposal(ctx, d, why)
	}
	d.Allowed = true
	if p, err = h.Changes.Proposals.Deny(ctx, d); err != nil {
		return engine.Reply{}, err
	}
	return engine.Reply{Text: fmt.Sprintf("Denied: %s.", p.Title)}, nil
}

// draftNow makes the drafts of a group while somebody waits for them.
func (h *Handlers) draftNow(ctx context.Context, g engine.FindingGroup) error {
	ctx, done := context.WithTimeout(ctx, draftAtOnce)
	defer done()
	return h.draft(ctx, engine.Task{Kind: engine.TaskDraft, Detail: fmt.Sprint(g.ID)})
}

// How long drafts may take: of a task, and of a click, which Slack gives three seconds.
const (
	draftWithin = 50 * time.Second
	draftAtOnce = 1500 * time.Millisecond
)
