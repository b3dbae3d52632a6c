package handlers

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

const (
	lookAgain  = 5 * time.Second // when somebody else moved the proposal on meanwhile
	lookBroken = time.Hour       // when a person must change something on GitHub first
)

// follow sees where a proposal stands: its pull request, then whether what it changes is so where it runs, then whether that does harm.
// It waits and is asked again until nothing more can come of it; a webhook makes it look at once.
func (h *Handlers) follow(ctx context.Context, t engine.Task) error {
	_, once, err := engine.ReadFollowDetail(t.Detail)
	if err != nil {
		return err
	}
	before, err := h.proposalOf(ctx, t)
	if err != nil {
		return err
	}
	err = h.followOn(ctx, before)
	if _, waits := errors.AsType[*engine.Waiting](err); !waits || !once {
		return err
	}
	// The one that waits sees to the rest. It may have looked just before, and wait for minutes for what has happened by now.
	after, err := h.proposalOf(ctx, t)
	if err != nil || after.Status == before.Status {
		return err
	}
	return h.Changes.Proposals.Follow(ctx, before.ID)
}

func (h *Handlers) followOn(ctx context.Context, p engine.Proposal) error {
	switch p.Status {
	case engine.ProposalOpened:
		return h.followPull(ctx, p)
	case engine.ProposalMerged:
		return h.followMerged(ctx, p)
	case engine.ProposalDeployed:
		if p.IsMend() {
			return h.watchMend(ctx, p)
		}
		if over, err := h.arrived(ctx, p); over || err != nil {
			return err
		}
		return h.watchHarm(ctx, p)
	case engine.ProposalVerified:
		return h.watchHarm(ctx, p)
	case engine.ProposalStale, engine.ProposalDenied, engine.ProposalExpired, engine.ProposalReversed:
		return h.takeAway(ctx, p)
	case engine.ProposalClosed:
		return h.followClosed(ctx, p)
	case engine.ProposalPending, engine.ProposalApproved:
	}
	return nil
}

// followClosed sees whether somebody opened a pull request again that a person closed.
func (h *Handlers) followClosed(ctx context.Context, p engine.Proposal) error {
	if p.Pull.Number == 0 || h.Changes.Forge == nil {
		return nil
	}
	seen, err := h.Changes.Forge.Status(ctx, p.Repo, p.Pull)
	if code := engine.CodeOf(err); code == engine.NotFound || code == engine.Forbidden {
		return nil // whoever closed it may have no use for the repository any more
	}
	if err != nil {
		return err
	}
	step := change.Next(p, seen, "", h.Now())
	if step.Act != change.ActReopen {
		if step.Again == 0 {
			return nil
		}
		return lookIn(step.Again, "the pull request is closed")
	}
	after, err := h.Changes.Proposals.Reopened(ctx, p.ID, step.Pull, step.Status, step.Reason, step.Tell)
	if err != nil {
		return err
	}
	if after.Status == engine.ProposalMerged {
		return h.followMerged(ctx, after)
	}
	return lookIn(step.Again, "the pull request is "+string(after.Status))
}

func (h *Handlers) followPull(ctx context.Context, p engine.Proposal) error {
	if h.Changes.Forge == nil {
		return engine.Errorf(engine.NotFound, "no GitHub is configured any more")
	}
	seen, err := h.Changes.Forge.Status(ctx, p.Repo, p.Pull)
	if code := engine.CodeOf(err); code == engine.NotFound || code == engine.Forbidden {
		if held := h.hold(ctx, p, err); held != nil {
			return held
		}
		return &engine.Waiting{For: lookBroken, Err: err}
	}
	if err != nil {
		return err
	}
	step := change.Next(p, seen, h.newest(ctx, p, seen), h.Now())
	switch step.Act {
	case change.ActSnooze:
		if err := h.advance(ctx, p, step); err != nil {
			return err
		}
		return lookIn(lookBroken, "the pull request is closed")
	case change.ActRebuild:
		return h.rebuild(ctx, p, step)
	case change.ActNone, change.ActMerged, change.ActClose, change.ActReopen:
	}
	after, err := h.Changes.Proposals.SavePull(ctx, p.ID, p.Version, step.Pull, step.Status, step.Reason, step.Tell)
	if engine.CodeOf(err) == engine.Conflict {
		return &engine.Waiting{For: lookAgain, Err: err}
	}
	if err != nil {
		return err
	}
	if after.Status == engine.ProposalMerged {
		return h.followMerged(ctx, after)
	}
	return lookIn(cmp.Or(step.Again, lookBroken), "the pull request is open")
}

// lookIn has a task done again after a while.
func lookIn(d time.Duration, why string) error {
	return &engine.Waiting{For: d, Err: engine.Errorf(engine.Unavailable, "%s", why)}
}

// newest is the newest commit of the base; "" when it cannot be told, or does not matter.
func (h *Handlers) newest(ctx context.Context, p engine.Proposal, seen engine.Pull) string {
	if seen.State != engine.PullOpen || seen.Touched {
		return ""
	}
	tree, err := h.Changes.Forge.Tree(ctx, p.Repo, p.Base)
	if err != nil {
		h.Log.InfoContext(ctx, "cannot see the base of a pull request", "proposal", p.ID, "error", err)
		return ""
	}
	return tree.Commit()
}

// onGitHub is the person in Slack that a login stands for, else the login by its name alone.
func (h *Handlers) onGitHub(login string) engine.Person {
	for id, known := range h.Changes.Logins {
		if strings.EqualFold(known, login) && login != "" {
			return engine.Person{ID: id, Name: login}
		}
	}
	return engine.Person{Name: login}
}

// rebuild makes the branch anew on the newest commit of the base. Where that would no longer do what was approved, the pull request is
// closed: nobody said yes to anything else. While writes are paused, what was seen is kept and told, and the rest waits.
func (h *Handlers) rebuild(ctx context.Context, p engine.Proposal, step change.Step) error {
	if err := h.resumed(ctx); err != nil {
		if isWaiting(err) {
			step.Reason += "; it is made anew when writes are resumed"
			if kept := h.advance(ctx, p, step); kept != nil {
				return kept
			}
		}
		return err
	}
	p.Pull = step.Pull
	pull, why, err := h.makePull(ctx, p)
	switch {
	case why != "":
		return h.giveUp(ctx, p, why)
	case engine.CodeOf(err) == engine.Unavailable, engine.CodeOf(err) == engine.Internal:
		return err
	case err != nil:
		if held := h.hold(ctx, p, err); held != nil {
			return held
		}
		return &engine.Waiting{For: forgeLook, Err: err}
	}
	after := change.Next(p, pull, "", h.Now())
	after.Tell = append(step.Tell, engine.Event{Kind: change.EventRebuilt, Text: "Made anew on the newest commit of " + p.Base + ": the change is the same."})
	if err := h.advance(ctx, p, after); err != nil {
		return err
	}
	return lookIn(cmp.Or(after.Again, lookBroken), "the pull request is open")
}

// takeAway closes the pull request of a proposal that is over, unless a person pushed to it or closed it.
func (h *Handlers) takeAway(ctx context.Context, p engine.Proposal) error {
	if p.Pull.Number == 0 || h.Changes.Forge == nil {
		return nil
	}
	seen, err := h.Changes.Forge.Status(ctx, p.Repo, p.Pull)
	if err != nil {
		return err
	}
	if change.Next(p, seen, "", h.Now()).Act != change.ActClose {
		return nil
	}
	if err := h.resumed(ctx); err != nil {
		return err
	}
	return h.Changes.Forge.Close(ctx, p.Repo, seen, "Closed by Autopilot: the proposal is "+string(p.Status)+". "+p.Reason)
}

// How often it is looked whether a merged change has arrived, and when that it has not is told.
const (
	arriveSoon  = 30 * time.Second
	arriveLater = 5 * time.Minute
	arriveLate  = time.Hour
	arriveTold  = 2 * time.Hour
	arriveEnd   = 14 * 24 * time.Hour // when it is given up, so that what it is about can be proposed anew
)

// notArrived begins what is told, once, of a change that is merged and not live.
const notArrived = "merged, and not deployed yet: "

// followMerged sees whether the live objects have the new values, and has it kept when they do.
func (h *Handlers) followMerged(ctx context.Context, p engine.Proposal) error {
	done, line, err := h.live(ctx, p)
	if err != nil {
		return err
	}
	since := h.Now().Sub(p.MergedAt)
	if !done && since > arriveEnd {
		_, err := h.Changes.Proposals.Reversed(ctx, p.ID, engine.Person{}, "two weeks after the merge the live objects do not have the new values: "+line)
		return movedOn(err)
	}
	if !done {
		if since > arriveTold && !strings.HasPrefix(p.Reason, notArrived) { // what is live may differ with every look
			if _, err := h.Changes.Proposals.Hold(ctx, p.ID, notArrived+line); err != nil {
				return err
			}
		}
		return lookIn(pace(since), "the change has not arrived: "+line)
	}
	if p, err = h.Changes.Proposals.Deployed(ctx, p.ID, "Deployed: "+line+"."); err != nil {
		return err
	}
	if p.IsMend() {
		return h.watchMend(ctx, p)
	}
	if over, err := h.arrived(ctx, p); over || err != nil {
		return err
	}
	return lookIn(harmSoon, "the change is deployed")
}

// arrived does what follows of a change that is live, again and again until it is kept: a snapshot is over with it, and what was taken
// back is reversed.
func (h *Handlers) arrived(ctx context.Context, p engine.Proposal) (over bool, err error) {
	if !slices.ContainsFunc(p.Items, func(i engine.ProposalItem) bool { return !change.IsSnapshotFirst(i.Wish, i.Edits) }) {
		_, err := h.Changes.Proposals.Verified(ctx, p.ID, nil, "The snapshot is kept. The next scan proposes to remove the volume.")
		return true, movedOn(err)
	}
	if p.Reverts == 0 {
		return false, nil
	}
	by := engine.Person{}
	if len(p.Approved) > 0 {
		by = p.Approved[len(p.Approved)-1].By
	}
	_, err = h.Changes.Proposals.Reversed(ctx, p.Reverts, by, "by "+cmp.Or(p.Pull.URL, p.Title))
	return false, movedOn(err)
}

// pace is how soon to look again for what was due so long ago.
func pace(since time.Duration) time.Duration {
	switch {
	case since < 10*time.Minute:
		return arriveSoon
	case since < 24*time.Hour:
		return arriveLater
	}
	return arriveLate
}
