package handlers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/waste"
)

// Removing is what removing volumes needs: where it is told how far each is, and who may do it in an account.
type Removing struct {
	Steps    RemovalSteps
	Accounts []RemovalAccount
}

// RemovalAccount is one region of an account in which volumes may be removed.
type RemovalAccount struct {
	ID, Region string
	Remover    Remover
}

// RemovalSteps keeps how far removals are, each step before its act.
type RemovalSteps interface {
	Removal(ctx context.Context, proposal int64) (engine.RemovalState, error)
	// SaveRemoval fails with Conflict when somebody else went on meanwhile, and when the proposal is approved no more.
	SaveRemoval(ctx context.Context, was, is engine.RemovalState, reason, line string) (engine.RemovalState, error)
}

// Remover acts on volumes of one region of an account. A dry act only tries whether it would be allowed.
type Remover interface {
	// Volume fails with NotFound when the volume is gone, or going.
	Volume(ctx context.Context, id string) (waste.Volume, error)
	// Snapshots are those of a volume that were taken for a proposal.
	Snapshots(ctx context.Context, id string, proposal int64) ([]waste.VolumeSnapshot, error)
	// TakeSnapshot makes another one each time. Without an answer, there may be one.
	TakeSnapshot(ctx context.Context, id string, proposal int64, dry bool) (waste.VolumeSnapshot, error)
	// Delete fails with NotFound when the volume is gone, and with Conflict while something uses it.
	Delete(ctx context.Context, id string, dry bool) error
}

// remover gives who may remove a volume; ok is false where nobody may.
func (h *Handlers) remover(t engine.Target) (r Remover, ok bool) {
	if h.Changes == nil || h.Changes.Removing == nil {
		return nil, false
	}
	at := slices.IndexFunc(h.Changes.Removing.Accounts, func(a RemovalAccount) bool { return a.ID == t.Account && a.Region == t.Region })
	if at < 0 {
		return nil, false
	}
	return h.Changes.Removing.Accounts[at].Remover, true
}

// How the steps of a removal are paced.
const (
	certain      = 2 * time.Minute // after which a snapshot that was asked for is to be seen, if there is one
	snapshotSoon = 15 * time.Second
	snapshotMost = 5 * time.Minute
	snapshotLate = 24 * time.Hour // after which a snapshot that is not complete is told
	removalLook  = 15 * time.Minute
	goneLook     = 15 * time.Second
	twoPeople    = 2
)

// removal is one look at the removal of a proposal's volume.
type removal struct {
	*Handlers
	p    engine.Proposal
	item engine.ProposalItem
	at   engine.RemovalState
	aws  Remover
}

// removes gives the line of a proposal that the bot itself carries out: it is alone in its proposal.
func removes(p engine.Proposal) (engine.ProposalItem, bool) {
	if len(p.Items) != 1 || p.Items[0].Removal == nil {
		return engine.ProposalItem{}, false
	}
	return p.Items[0], true
}

// changed is why what was approved is not done.
type changed struct{ why string }

func (c *changed) Error() string { return c.why }

// remove takes the removal of a volume as far as it goes now: a snapshot, its completion, the deletion. Each act is kept before it is
// done, so that whoever is killed, another goes on where the record ends. What changed since people approved ends it.
func (h *Handlers) remove(ctx context.Context, t engine.Task, p engine.Proposal, item engine.ProposalItem) error {
	r := &removal{Handlers: h, p: p, item: item}
	err := r.run(ctx)
	if c, ended := errors.AsType[*changed](err); ended {
		return r.giveUp(ctx, c.why)
	}
	if err != nil {
		return r.failed(ctx, t, err)
	}
	return nil
}

func (r *removal) run(ctx context.Context) (err error) {
	if r.Changes.Removing == nil {
		return engine.Errorf(engine.Forbidden, "the configuration does not let the bot remove volumes any more: `volumes: {remove: true}` does")
	}
	if r.at, err = r.Changes.Removing.Steps.Removal(ctx, r.p.ID); err != nil {
		return err
	}
	var ok bool
	if r.aws, ok = r.remover(r.item.Wish.Target); !ok {
		return engine.Errorf(engine.Forbidden, "the configuration does not let the bot remove volumes of account %s in %s any more: remover_role_arn does",
			r.item.Wish.Target.Account, r.item.Wish.Target.Region)
	}
	if n := approvers(r.p); n < twoPeople {
		return &changed{fmt.Sprintf("%d of %d people approved this very plan", n, twoPeople)}
	}
	switch r.at.Step {
	case engine.RemovalNone:
		return r.begin(ctx)
	case engine.RemovalSnapshot:
		return r.findSnapshot(ctx)
	case engine.RemovalWait:
		return r.await(ctx)
	case engine.RemovalDelete:
		return r.delete(ctx)
	case engine.RemovalDone:
		return r.done(ctx)
	}
	return engine.Errorf(engine.Internal, "a removal is at step %q", r.at.Step)
}

// approvers counts the people who said yes to exactly what the proposal holds.
func approvers(p engine.Proposal) int {
	people := map[string]bool{}
	for _, a := range p.Approved {
		if a.Hash == p.Hash && p.Hash == change.PlanHash(p.Items) && !a.By.IsZero() {
			people[a.By.ID] = true
		}
	}
	return len(people)
}

func (r *removal) volume() string { return r.item.Wish.Target.Provider }

// keep writes the next step before its act.
func (r *removal) keep(ctx context.Context, step engine.RemovalStep, snapshot, reason, line string) error {
	kept, err := r.Changes.Removing.Steps.SaveRemoval(ctx, r.at, engine.RemovalState{Step: step, Snapshot: snapshot}, reason, line)
	if engine.CodeOf(err) == engine.Conflict { // another task of it, or a person who said no
		return &engine.Waiting{For: lookAgain, Err: err}
	}
	r.at = kept
	return err
}

// begin looks whether all is as people approved it, and whether AWS would allow both acts: a snapshot that nothing follows is money lost.
func (r *removal) begin(ctx context.Context) error {
	if err := r.stands(ctx); err != nil {
		return err
	}
	if _, err := r.aws.TakeSnapshot(ctx, r.volume(), r.p.ID, true); err != nil {
		return err
	}
	if err := r.aws.Delete(ctx, r.volume(), true); err != nil {
		return err
	}
	return r.snapshot(ctx)
}

// stands tells whether the volume is as people saw it, nobody wants it, and nothing is paused.
func (r *removal) stands(ctx context.Context) error {
	if err := r.resumed(ctx); err != nil {
		return err
	}
	switch gone, err := r.same(ctx); {
	case err != nil:
		return err
	case gone:
		return &changed{"it is gone already, and not by the bot"}
	}
	if err := r.wanted(ctx); err != nil {
		return err
	}
	return r.resumed(ctx) // the look took a while
}

// snapshot asks for a snapshot. Whoever wrote the step asks; without an answer nobody asks again before it is certain that none was made.
func (r *removal) snapshot(ctx context.Context) error {
	line := ""
	if r.at.Step == engine.RemovalNone {
		line = fmt.Sprintf("Looked again: nobody wants volume %s. A snapshot of its %d GiB is taken.", r.volume(), r.item.Removal.GiB)
	}
	if err := r.keep(ctx, engine.RemovalSnapshot, "", "a snapshot is being asked for", line); err != nil {
		return err
	}
	made, err := r.aws.TakeSnapshot(ctx, r.volume(), r.p.ID, false)
	if err != nil {
		return err
	}
	return r.made(ctx, made)
}

func (r *removal) made(ctx context.Context, s waste.VolumeSnapshot) error {
	if err := r.keep(ctx, engine.RemovalWait, s.ID, "snapshot "+s.ID+" is not complete yet", "Snapshot "+s.ID+" is being taken."); err != nil {
		return err
	}
	return r.await(ctx)
}

// findSnapshot goes on where somebody asked for a snapshot and did not say what came of it.
func (r *removal) findSnapshot(ctx context.Context) error {
	found, err := r.aws.Snapshots(ctx, r.volume(), r.p.ID)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return r.made(ctx, slices.MinFunc(found, func(a, b waste.VolumeSnapshot) int { return a.At.Compare(b.At) }))
	}
	if wait := certain - r.Now().Sub(r.at.At); wait > 0 {
		return lookIn(wait, "AWS may still show the snapshot that was asked for")
	}
	if err := r.stands(ctx); err != nil {
		return err
	}
	return r.snapshot(ctx)
}

// await looks whether the snapshot is complete, and is what it should be; then all that was looked at before is looked at again.
func (r *removal) await(ctx context.Context) error {
	all, err := r.aws.Snapshots(ctx, r.volume(), r.p.ID)
	if err != nil {
		return err
	}
	since := r.Now().Sub(r.at.At)
	at := slices.IndexFunc(all, func(s waste.VolumeSnapshot) bool { return s.ID == r.at.Snapshot })
	switch {
	case at < 0 && since < certain:
		return lookIn(snapshotSoon, "AWS does not show the snapshot yet")
	case at < 0:
		return &changed{"snapshot " + r.at.Snapshot + " is gone: somebody deleted it, or took its tag " + engine.RemovalTag}
	case all[at].State == "pending":
		if gone, err := r.same(ctx); err != nil {
			return err
		} else if gone {
			return &changed{"it is gone already, and not by the bot"}
		}
		if since > snapshotLate {
			if err := r.told(ctx, fmt.Sprintf("snapshot %s is not complete after %d hours; AWS goes on with it", r.at.Snapshot, int(snapshotLate.Hours()))); err != nil {
				return err
			}
		}
		return lookIn(min(max(since/4, snapshotSoon), snapshotMost), "snapshot "+r.at.Snapshot+" is not complete")
	case all[at].State != "completed":
		return &changed{fmt.Sprintf("snapshot %s is in state %s: AWS could not take it", r.at.Snapshot, all[at].State)}
	case all[at].VolumeID != r.volume() || all[at].GiB != r.item.Removal.GiB:
		return &changed{fmt.Sprintf("snapshot %s is one of %d GiB of %s, and the volume has %d GiB", r.at.Snapshot, all[at].GiB, all[at].VolumeID, r.item.Removal.GiB)}
	}
	if err := r.stands(ctx); err != nil {
		return err
	}
	line := fmt.Sprintf("Snapshot %s is complete, and nobody wants the volume. It is deleted now.", r.at.Snapshot)
	if err := r.keep(ctx, engine.RemovalDelete, r.at.Snapshot, "the volume is being deleted", line); err != nil {
		return err
	}
	return r.delete(ctx)
}

// delete deletes the volume, as often as it takes until AWS says that it is gone.
func (r *removal) delete(ctx context.Context) error {
	gone, err := r.same(ctx)
	if err != nil {
		return err
	}
	if !gone {
		if r.Now().Sub(r.at.At) > certain { // it was paused, or nobody ran, since all was looked at
			err = r.stands(ctx)
		} else {
			err = r.resumed(ctx)
		}
		if err != nil {
			return err
		}
		err := r.aws.Delete(ctx, r.volume(), false)
		if code := engine.CodeOf(err); err != nil && code != engine.NotFound && code != engine.Conflict {
			return err
		}
		// Something uses it, or it is going: what it is now tells which.
		if gone, err := r.same(ctx); err != nil {
			return err
		} else if !gone {
			return lookIn(goneLook, "AWS has not deleted the volume yet")
		}
	}
	if err := r.keep(ctx, engine.RemovalDone, r.at.Snapshot, "", ""); err != nil {
		return err
	}
	return r.done(ctx)
}

// done has it kept that the volume is gone: its saving is measured from now on.
func (r *removal) done(ctx context.Context) error {
	var line strings.Builder
	fmt.Fprintf(&line, "Volume %s is deleted. Snapshot %s has what was on it, and stays until somebody deletes it.", r.volume(), r.at.Snapshot)
	for _, step := range r.item.Removal.After {
		line.WriteString(" Left for a person: `" + step + "`.")
	}
	_, err := r.Changes.Proposals.Deployed(ctx, r.p.ID, line.String())
	return movedOn(err)
}

// same looks at the volume itself, through AWS: gone tells that it is not there. It ends the removal when anything is not as people saw it.
func (r *removal) same(ctx context.Context) (gone bool, err error) {
	v, err := r.aws.Volume(ctx, r.volume())
	if engine.CodeOf(err) == engine.NotFound {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	was := r.item.Removal
	switch {
	case len(v.Attachments) > 0:
		return false, &changed{"the volume is attached to " + v.Attachments[0].Instance + " again"}
	case v.State != "available":
		return false, &changed{"the volume is " + v.State + " now"}
	case v.GiB != was.GiB || v.Type != was.Type || v.Zone != was.Zone || !v.CreatedAt.Truncate(time.Second).Equal(was.CreatedAt.Truncate(time.Second)):
		return false, &changed{fmt.Sprintf("the volume is another now: %d GiB of %s in %s, and %d GiB of %s in %s was approved", v.GiB, v.Type, v.Zone, was.GiB, was.Type, was.Zone)}
	case !maps.Equal(v.Tags, was.Tags):
		return false, &changed{"the tags of the volume are others now"}
	}
	return false, nil
}

// wanted asks everybody anew who could want the volume: all clusters, their backup tools and the account. Somebody who does ends the
// removal; who cannot be asked holds it up.
func (r *removal) wanted(ctx context.Context) error {
	g, err := r.Waste.Savings.FindingGroup(ctx, r.item.GroupID)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(g.Findings, func(f engine.Finding) bool { return f.ID == r.item.FindingID })
	if at < 0 {
		return &changed{"the finding is not on this card any more"}
	}
	if why := outdated(r.item, g.Findings[at]); why != "" {
		return &changed{why}
	}
	s := &r.listForCosts(ctx).snapshot
	if s.Since, err = r.Waste.Memory.Since(ctx); err != nil {
		return err
	}
	why, known := waste.Orphan(s, r.Waste.Rules, r.item.Wish.Target)
	switch {
	case !known:
		return engine.Errorf(engine.Unavailable, "not everyone who could want the volume could be asked: %s", why)
	case why != "":
		return &changed{why}
	}
	return nil
}

// giveUp ends a removal that is not what people approved. A snapshot that was taken stays, and is named.
func (r *removal) giveUp(ctx context.Context, why string) error {
	why = "volume " + r.volume() + ": " + why
	if r.at.Snapshot != "" {
		why += ". Snapshot " + r.at.Snapshot + " was taken and costs money: delete it if nobody wants it"
	}
	_, err := r.Changes.Proposals.Stale(ctx, r.p.ID, why)
	return movedOn(err)
}

// failed says what becomes of a removal that cannot go on now: what a person must see to is told, and all is tried again for a week.
func (r *removal) failed(ctx context.Context, t engine.Task, err error) error {
	code := engine.CodeOf(err)
	if waits := isWaiting(err); waits || code == engine.Internal {
		return err
	}
	if r.Now().Sub(r.p.ApprovedAt) > forgeWeeks && r.at.Step != engine.RemovalDelete {
		return r.giveUp(ctx, "it could not be removed for a week: "+engine.UserMessage(err, fmt.Sprint("proposal ", r.p.ID)))
	}
	if code == engine.Unavailable && t.Attempt < tellAfter {
		return err
	}
	if held := r.told(ctx, engine.UserMessage(err, fmt.Sprint("proposal ", r.p.ID))); held != nil {
		return held
	}
	if code == engine.Unavailable {
		return err
	}
	return &engine.Waiting{For: removalLook, Err: err}
}

// told has it told, once, what the removal waits for.
func (r *removal) told(ctx context.Context, reason string) error {
	_, err := r.Changes.Proposals.Hold(ctx, r.p.ID, reason)
	return err
}
