package handlers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// How long things wait before they are tried again, and when they are given up.
const (
	longWait   = 10 * time.Minute   // from which on a wait that GitHub asks for is told
	forgeLook  = 15 * time.Minute   // when a person must change something on GitHub first
	raceLook   = time.Minute        // when the base moved under us
	stepsLook  = 15 * time.Minute   // when a person does the steps
	forgeWeeks = 7 * 24 * time.Hour // after which what cannot be proposed is given up
	tellAfter  = 3                  // tries after which a forge that does not answer is told
)

// propose makes the pull request of an approved proposal: found again when it is there, made anew on the newest commit when not. What
// would be done now must be what was approved.
func (h *Handlers) propose(ctx context.Context, t engine.Task) error {
	p, err := h.proposalOf(ctx, t)
	if err != nil {
		return err
	}
	if p.Status != engine.ProposalApproved {
		return h.unwanted(ctx, p)
	}
	if item, ok := removes(p); ok {
		return h.remove(ctx, t, p, item)
	}
	if !edits(p) {
		return h.awaitSteps(ctx, p)
	}
	if err := h.resumed(ctx); err != nil {
		return err
	}
	there, err := h.made(ctx, p)
	if err != nil {
		return h.unmade(ctx, t, p, err)
	}
	if there.State == engine.PullMerged || there.State == engine.PullClosed {
		return h.advance(ctx, p, change.Next(p, there, "", h.Now())) // an earlier try made it, and ended before that was kept
	}
	pull, why, err := h.makePull(ctx, p)
	if err != nil {
		return h.unmade(ctx, t, p, err)
	}
	if why != "" {
		p.Pull = there
		return h.giveUp(ctx, p, why)
	}
	if err := h.advance(ctx, p, change.Next(p, pull, "", h.Now())); err != nil {
		return err
	}
	if p, err = h.Changes.Proposals.Proposal(ctx, p.ID); err != nil {
		return err
	}
	return h.unwanted(ctx, p)
}

// unwanted takes away the pull request of a proposal that was ended while it was being made, so that nobody kept that it is there.
func (h *Handlers) unwanted(ctx context.Context, p engine.Proposal) error {
	if !p.Status.IsOver() || p.Pull.Number != 0 || !edits(p) || h.Changes.Forge == nil {
		return nil
	}
	there, err := h.made(ctx, p)
	if err != nil {
		return err
	}
	p.Pull = there
	return h.takeAway(ctx, p)
}

// made finds the pull request that an earlier try made; its State is PullNone when there is none.
func (h *Handlers) made(ctx context.Context, p engine.Proposal) (engine.Pull, error) {
	if h.Changes.Forge == nil {
		return engine.Pull{}, engine.Errorf(engine.NotFound, "no GitHub is configured any more")
	}
	return h.Changes.Forge.Status(ctx, p.Repo, engine.Pull{Branch: change.Branch(p)})
}

// unmade says what becomes of a proposal whose pull request could not be made. What passes by itself is told when it takes long.
func (h *Handlers) unmade(ctx context.Context, t engine.Task, p engine.Proposal, err error) error {
	wait, waits := errors.AsType[*engine.Waiting](err)
	switch code := engine.CodeOf(err); {
	case code == engine.Internal, waits && wait.For < longWait, !waits && code == engine.Unavailable && t.Attempt < tellAfter:
		return err
	case code == engine.Unavailable:
		if held := h.hold(ctx, p, err); held != nil {
			return held
		}
		return err
	default:
		return h.stuck(ctx, p, err)
	}
}

// giveUp ends a proposal that is no longer what was approved, and closes what was made of it.
func (h *Handlers) giveUp(ctx context.Context, p engine.Proposal, why string) error {
	after, err := h.Changes.Proposals.Stale(ctx, p.ID, why)
	if err != nil {
		return movedOn(err)
	}
	after.Pull = p.Pull
	return h.takeAway(ctx, after)
}

// proposalOf gives the proposal that a task is about.
func (h *Handlers) proposalOf(ctx context.Context, t engine.Task) (engine.Proposal, error) {
	id, _, err := engine.ReadFollowDetail(t.Detail)
	if err != nil {
		return engine.Proposal{}, err
	}
	return h.Changes.Proposals.Proposal(ctx, id)
}

func edits(p engine.Proposal) bool {
	return slices.ContainsFunc(p.Items, func(i engine.ProposalItem) bool { return len(i.Edits) > 0 })
}

// hold has it told, once, what keeps a proposal from going on.
func (h *Handlers) hold(ctx context.Context, p engine.Proposal, err error) error {
	_, held := h.Changes.Proposals.Hold(ctx, p.ID, engine.UserMessage(err, fmt.Sprint("proposal ", p.ID)))
	return held
}

// stuck tells what a person must change, and tries again later; after a week it is given up.
func (h *Handlers) stuck(ctx context.Context, p engine.Proposal, err error) error {
	message := engine.UserMessage(err, fmt.Sprint("proposal ", p.ID))
	if h.Now().Sub(p.ApprovedAt) > forgeWeeks {
		_, err := h.Changes.Proposals.Stale(ctx, p.ID, "no pull request could be made for a week: "+message)
		return err
	}
	wait := forgeLook
	if engine.CodeOf(err) == engine.Conflict && p.Reason != message { // what is still so a minute later is no race
		wait = raceLook
	}
	if held := h.hold(ctx, p, err); held != nil {
		return held
	}
	return &engine.Waiting{For: wait, Err: err}
}

// movedOn passes over that somebody else moved a proposal on meanwhile: they saw to what comes next.
func movedOn(err error) error {
	if engine.CodeOf(err) == engine.Conflict {
		return nil
	}
	return err
}

// advance keeps what a look at a pull request came to. Where a person closed it, its findings are put off.
func (h *Handlers) advance(ctx context.Context, p engine.Proposal, s change.Step) error {
	if s.Act == change.ActSnooze {
		_, err := h.Changes.Proposals.Closed(ctx, p.ID, s.Pull, h.onGitHub(s.Pull.ClosedBy), s.Reason, h.Now().Add(change.ClosedFor))
		return movedOn(err)
	}
	_, err := h.Changes.Proposals.SavePull(ctx, p.ID, p.Version, s.Pull, s.Status, s.Reason, s.Tell)
	return movedOn(err)
}

// makePull makes or finds the pull request; why is there when what was approved is not what would be done.
func (h *Handlers) makePull(ctx context.Context, p engine.Proposal) (pull engine.Pull, why string, err error) {
	findings, why, err := h.evidence(ctx, p)
	if err != nil || why != "" {
		return pull, why, err
	}
	d := drafting{h: h, trees: map[string]change.Tree{}}
	made, why, err := d.remake(ctx, p)
	if err != nil || why != "" {
		return pull, why, err
	}
	o := change.Options{
		Labels: h.Changes.Labels, AsDraft: h.Changes.AsDraft, Owners: made.owners, Logins: h.Changes.Logins, Findings: findings,
	}
	if h.Thread != nil && p.Thread.TS != "" {
		o.ThreadURL = h.Thread(p.Thread)
	}
	if p.Reverts != 0 {
		before, err := h.Changes.Proposals.Proposal(ctx, p.Reverts)
		if err != nil {
			return pull, "", err
		}
		o.Reverts = before.Pull.URL
	}
	if p.Incident != 0 {
		i, err := h.Incidents.Incident(ctx, p.Incident)
		if err != nil {
			return pull, "", err
		}
		o.Incident = &i
	}
	p.Items = made.items
	pull, err = h.Changes.Forge.Propose(ctx, change.Compose(p, made.files, o))
	return pull, "", err
}

// evidence gives the findings of a proposal. why is there when one of them does not ask for this any more.
func (h *Handlers) evidence(ctx context.Context, p engine.Proposal) (all map[int64]engine.Finding, why string, err error) {
	all = map[int64]engine.Finding{}
	groups := map[int64]engine.FindingGroup{}
	for _, i := range p.Items {
		if i.FindingID == 0 {
			continue
		}
		g, ok := groups[i.GroupID]
		if !ok {
			if g, err = h.Waste.Savings.FindingGroup(ctx, i.GroupID); err != nil {
				return nil, "", err
			}
			groups[i.GroupID] = g
		}
		at := slices.IndexFunc(g.Findings, func(f engine.Finding) bool { return f.ID == i.FindingID })
		if at < 0 {
			continue
		}
		f := g.Findings[at]
		if why = outdated(i, f); why != "" {
			return nil, i.Title + ": " + why, nil
		}
		all[f.ID] = f
	}
	return all, "", nil
}

// outdated says why an approved line should not be done though it could: what it rests on changed.
func outdated(i engine.ProposalItem, f engine.Finding) string {
	switch {
	case f.Status == engine.FindingClosed:
		return "it is no longer found to be waste: " + f.Reason
	case f.Status != engine.FindingOpen:
		return "somebody put it off: " + f.Reason
	case i.Wish.Kind != engine.WishRequest || f.Sizing == nil:
		return ""
	}
	// A little more is noise; much more is a load that was not there when people said yes.
	wanted := change.Quantity(f.Sizing.New, f.Sizing.Resource)
	if change.Exceeds(wanted, i.Wish.New, 1.1) {
		return "its use has grown since: " + wanted + " would be proposed now"
	}
	return ""
}

// remade is what an approved proposal comes to on the newest commit.
type remade struct {
	items  []engine.ProposalItem
	files  map[string][]byte
	owners change.Owners
}

// remake edits the newest commit of the base anew. Each line by itself must do what was approved; together they make the files.
func (d *drafting) remake(ctx context.Context, p engine.Proposal) (out remade, why string, err error) {
	tree, err := d.tree(ctx, change.Source{Repo: p.Repo, Base: p.Base})
	if err != nil {
		return out, "", err
	}
	out.files, out.items = map[string][]byte{}, slices.Clone(p.Items)
	for k, i := range out.items {
		paths, why, err := d.paths(ctx, p, i.Wish)
		if err != nil || why != "" {
			return out, why, err
		}
		alone, err := change.Locate(ctx, tree, paths, i.Wish)
		if err != nil {
			return out, "", err
		}
		if len(alone.Edits) == 0 {
			return out, i.Title + ": " + alone.Why, nil
		}
		if !change.SameChange(i.Edits, alone.Edits) {
			return out, i.Title + ": the lines that it changes are others now", nil
		}
		together, err := change.Locate(ctx, change.Overlay(tree, maps.Clone(out.files)), paths, i.Wish)
		if err != nil {
			return out, "", err
		}
		if len(together.Edits) == 0 {
			return out, i.Title + ": " + together.Why, nil
		}
		maps.Copy(out.files, together.Files)
		out.items[k].Edits, out.items[k].Commit = alone.Edits, tree.Commit()
	}
	if path := change.OwnersPath(tree.Files()); path != "" {
		text, err := tree.Read(ctx, path)
		if err != nil {
			return out, "", err
		}
		out.owners = change.ParseOwners(text)
	}
	return out, "", nil
}

// paths gives where in the repository of a proposal a wish is looked for.
func (d *drafting) paths(ctx context.Context, p engine.Proposal, w engine.Wish) (paths []string, why string, err error) {
	sources, why, err := d.sources(ctx, w)
	if err != nil || why != "" {
		return nil, why, err
	}
	for _, s := range sources {
		if s.Repo == p.Repo && (s.Base == p.Base || s.Base == "") {
			return s.Paths, "", nil
		}
	}
	return nil, fmt.Sprintf("%s is declared elsewhere now: %s", w.Target.Workload, sources[0].Repo), nil
}

// awaitSteps waits for a person to do the steps that no file stands for.
func (h *Handlers) awaitSteps(ctx context.Context, p engine.Proposal) error {
	done, line, err := h.live(ctx, p)
	if err != nil {
		return err
	}
	if done {
		return h.advance(ctx, p, change.Step{Status: engine.ProposalMerged, Pull: p.Pull, Tell: []engine.Event{{Text: "The steps are done: " + line}}})
	}
	if h.Now().Sub(p.ApprovedAt) > forgeWeeks {
		_, err := h.Changes.Proposals.Stale(ctx, p.ID, "nobody did the steps for a week")
		return err
	}
	const why = "somebody must do the steps; the bot looks every quarter of an hour whether they are done"
	if _, err := h.Changes.Proposals.Hold(ctx, p.ID, why); err != nil {
		return err
	}
	return &engine.Waiting{For: stepsLook, Err: engine.Errorf(engine.Unavailable, why)}
}
