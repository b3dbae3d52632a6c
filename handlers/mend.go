package handlers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// mendFor is how long an offer that mends an incident waits for somebody, where the incident lasts as long.
const mendFor = 7 * 24 * time.Hour

// mending are the states of an offer that is not over.
var mending = []engine.ProposalStatus{
	engine.ProposalPending, engine.ProposalApproved, engine.ProposalOpened, engine.ProposalMerged, engine.ProposalDeployed,
}

// mend offers the change that mends an incident as it is diagnosed, in the incident's thread: once for the same values. What is no
// longer so is withdrawn. Of an incident that is over, what nobody approved is withdrawn too, and what was merged is looked at.
func (h *Handlers) mend(ctx context.Context, t engine.Task) error {
	if h.Waste == nil || h.Changes == nil || h.Changes.Forge == nil {
		return nil
	}
	i, err := h.Incidents.Incident(ctx, t.IncidentID)
	if err != nil {
		return err
	}
	offered, err := h.Changes.Proposals.Proposals(ctx, ProposalFilter{Incident: i.ID, Statuses: mending})
	if err != nil {
		return err
	}
	if !i.IsOpen() {
		return h.mended(ctx, i, offered)
	}
	ctx, done := context.WithTimeout(ctx, draftWithin)
	defer done()
	offer, hand, why, err := h.mendOf(ctx, i, offered)
	if err != nil {
		return err
	}
	for _, p := range offered {
		outdated := outdatedMend(p, offer)
		if outdated == "" && why != "" {
			if outdated, err = h.moved(ctx, p); err != nil {
				return err
			}
		}
		if outdated == "" {
			continue
		}
		if _, err := h.Changes.Proposals.Stale(ctx, p.ID, outdated); movedOn(err) != nil {
			return err
		}
	}
	if why != "" {
		h.Log.InfoContext(ctx, "no change is offered that mends it", "incident", i.ID, "why", why)
		if hand == "" {
			return nil
		}
		return h.Progress.ByHand(ctx, i.ID, hand)
	}
	_, err = h.Changes.Proposals.Offer(ctx, offer, mendFor)
	if engine.CodeOf(err) == engine.Conflict {
		h.Log.InfoContext(ctx, "what would mend it is changed already", "incident", i.ID, "error", err)
		return nil
	}
	return err
}

// mendOf makes the offer that mends an incident; why says why there is none, and hand where a person would make it, for people, "" where
// nobody knows. It fails only where something cannot be read now.
func (h *Handlers) mendOf(ctx context.Context, i engine.Incident, offered []engine.Proposal) (offer engine.Proposal, hand, why string, err error) {
	if at := slices.IndexFunc(offered, func(p engine.Proposal) bool { return p.Reverts != 0 }); at >= 0 {
		return offer, "", fmt.Sprintf("taking back what did it is proposal %d", offered[at].ID), nil
	}
	c, ok := h.cluster(i.Workload.Cluster)
	if !ok || c.Source.Value == nil {
		return offer, "", fmt.Sprintf("cluster %s is not in the configuration", i.Workload.Cluster), nil
	}
	m, why, err := change.MendOf(i, func(w engine.Wish) (string, error) { return c.Source.Value(ctx, w) })
	if err != nil || why != "" {
		return offer, "", why, err
	}
	offer = engine.Proposal{Incident: i.ID, Title: m.Title + ", " + string(m.Risk) + " risk"}
	owner, err := h.ownerOf(ctx, c, i.Workload)
	if err != nil {
		return offer, "", "", err
	}
	d := drafting{h: h, trees: map[string]change.Tree{}}
	for _, w := range m.Wishes {
		found, err := d.locate(ctx, w)
		if err != nil {
			return offer, "", "", err
		}
		if len(found.Edits) == 0 {
			why := change.WishTitle(w) + ": " + found.Why + places(found.ByHand)
			// What nobody pushed was done in the cluster, and is not to be sought in a file, unless Git has the last word there.
			if len(found.ByHand) > 0 && (!found.Absent || m.Git != "") {
				hand = "By hand in " + found.repo + ", " + why
			}
			return offer, hand, why, nil
		}
		because := m.Because
		if found.Wish != nil {
			w, because = *found.Wish, because+" "+found.Note
			offer.Title = change.WishTitle(w) + ", " + string(m.Risk) + " risk"
		}
		item := engine.ProposalItem{
			Wish: w, Title: change.WishTitle(w), Owner: owner, Risk: m.Risk, Because: because,
			Repo: found.repo, Base: found.base, Commit: found.commit, Edits: found.Edits, Steps: found.Steps, MadeAt: h.Now(),
		}
		if len(offer.Items) > 0 && (item.Repo != offer.Items[0].Repo || item.Base != offer.Items[0].Base) {
			return offer, "", "it would be a change of two repositories, " + item.Repo + " and " + offer.Items[0].Repo, nil
		}
		offer.Items = append(offer.Items, item)
	}
	if ctx.Err() != nil {
		return offer, "", "", engine.Wrap(engine.Unavailable, ctx.Err(), "the repositories were not read in time")
	}
	tellApart(offer.Items)
	offer.Need = h.need(offer.Items, 0)
	return offer, "", "", nil
}

// ownerOf gives the team of a workload, by its own labels or by the configuration; zero where nobody says.
func (h *Handlers) ownerOf(ctx context.Context, c Cluster, w engine.Workload) (engine.Owner, error) {
	hints, err := c.Source.Hints(ctx, w)
	if engine.CodeOf(err) == engine.Unavailable {
		return engine.Owner{}, err
	}
	for _, label := range h.Waste.Rules.TeamLabels {
		if team := hints.Labels[label]; team != "" {
			return engine.Owner{Team: team, By: "label " + label}, nil
		}
	}
	for _, known := range h.Waste.Clusters {
		if team := known.Team[w.Namespace]; known.Name == w.Cluster && team != "" {
			return engine.Owner{Team: team, By: "configuration"}, nil
		}
	}
	return engine.Owner{}, nil
}

// outdatedMend says why what waits for an approval is no longer what would be offered; "" where it is, and where there is nothing to
// offer instead.
func outdatedMend(p, offer engine.Proposal) string {
	if !p.IsMend() || p.Status != engine.ProposalPending || len(offer.Items) == 0 {
		return ""
	}
	same := slices.EqualFunc(byValue(p.Items), byValue(offer.Items), func(a, b engine.ProposalItem) bool {
		return slices.EqualFunc(change.Values(a.Wish), change.Values(b.Wish), func(x, y engine.Wish) bool {
			return change.ValueKey(x) == change.ValueKey(y) && x.Old == y.Old && x.New == y.New
		})
	})
	switch {
	case !same:
		return "the diagnosis asks for other values now"
	case p.Repo != offer.Items[0].Repo || p.Base != offer.Items[0].Base,
		!slices.EqualFunc(byValue(p.Items), byValue(offer.Items), func(a, b engine.ProposalItem) bool { return change.SameChange(a.Edits, b.Edits) }):
		return "the file has changed"
	}
	return ""
}

// byValue puts lines into an order of their own: the store gives them in another.
func byValue(items []engine.ProposalItem) []engine.ProposalItem {
	return slices.SortedFunc(slices.Values(items), func(a, b engine.ProposalItem) int {
		return cmp.Compare(change.ValueKey(a.Wish), change.ValueKey(b.Wish))
	})
}

// moved says that somebody changed by hand what an offer would, "" where nobody did.
func (h *Handlers) moved(ctx context.Context, p engine.Proposal) (string, error) {
	if !p.IsMend() || p.Status != engine.ProposalPending {
		return "", nil
	}
	l := living{h: h}
	for _, item := range p.Items {
		for _, w := range change.Values(item.Wish) {
			is, err := l.value(ctx, w)
			if engine.CodeOf(err) == engine.NotFound {
				return engine.UserMessage(err, "-"), nil
			}
			if err != nil {
				return "", err
			}
			if !change.SameValue(is, w.Old) {
				return fmt.Sprintf("%s is %s by now", place(w), orUnset(is)), nil
			}
		}
	}
	return "", nil
}

// mended withdraws what was offered for an incident that is over, and has it looked at whether what was done is live.
func (h *Handlers) mended(ctx context.Context, i engine.Incident, offered []engine.Proposal) error {
	for _, p := range offered {
		if !p.IsMend() {
			continue
		}
		switch p.Status {
		case engine.ProposalPending:
			if _, err := h.Changes.Proposals.Stale(ctx, p.ID, fmt.Sprintf("incident %d is resolved", i.ID)); movedOn(err) != nil {
				return err
			}
		case engine.ProposalMerged, engine.ProposalDeployed:
			if err := h.Changes.Proposals.Follow(ctx, p.ID); err != nil {
				return err
			}
		default: // it is on its way to one of these, or over
		}
	}
	return nil
}

// watchMend waits for the incident that a live change is to mend, and says when it resolved after it. One that was over before says
// nothing of the change.
func (h *Handlers) watchMend(ctx context.Context, p engine.Proposal) error {
	i, err := h.Incidents.Incident(ctx, p.Incident)
	if err != nil {
		return err
	}
	from := changedFrom(p)
	switch since := h.Now().Sub(p.DeployedAt); {
	case !i.IsOpen() && i.ResolvedAt.Before(from):
		return nil
	case !i.IsOpen():
		line := fmt.Sprintf("Incident %d resolved %s after this change was merged.", i.ID, i.ResolvedAt.Sub(from).Round(time.Second))
		_, err := h.Changes.Proposals.Verified(ctx, p.ID, nil, line)
		return movedOn(err)
	case since > harmFor:
		return nil
	case since < time.Hour:
		return lookIn(harmSoon, "the change is new")
	}
	return lookIn(harmLater, "the incident is not over")
}
