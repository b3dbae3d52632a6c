package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// For how long after a change an incident of its target may be its harm, and how often that is looked for.
const (
	harmFor   = 7 * 24 * time.Hour
	harmSoon  = time.Minute // within the first hour
	harmLater = 5 * time.Minute
)

// harmful are the problems that less of something makes: less memory, less CPU, fewer nodes.
var harmful = []engine.Class{
	engine.ClassOOMKilled, engine.ClassCrashLoop, engine.ClassProbeFailing, engine.ClassHighCPU, engine.ClassHighMemory,
	engine.ClassHighLatency, engine.ClassUnschedulable, engine.ClassEvicted,
}

// watchHarm looks for incidents of what a proposal changed that began after it was deployed. Each is told once in the thread of the
// proposal; in its own thread the change is named, and taking it back is offered.
func (h *Handlers) watchHarm(ctx context.Context, p engine.Proposal) error {
	if p.IsMend() {
		return nil // what goes wrong there next opens the incident that it is for again, and is told in its thread
	}
	since, from := h.Now().Sub(p.DeployedAt), changedFrom(p)
	if since > harmFor || p.Reverts != 0 {
		return nil
	}
	for _, target := range targets(p) {
		found, err := h.Incidents.Incidents(ctx, engine.IncidentFilter{
			Cluster: target.Cluster, Namespace: target.Namespace, Workload: target.Name, AnyStatus: true, Since: from, Limit: listed,
		})
		if err != nil {
			return err
		}
		for _, i := range found {
			if !isHarm(i, target, from) {
				continue
			}
			if p, err = h.blame(ctx, p, i); err != nil {
				return err
			}
		}
	}
	if since < time.Hour {
		return lookIn(harmSoon, "the change is new")
	}
	return lookIn(harmLater, "the change is new")
}

// targets gives the workloads that a proposal changes, each once. A node that is gone has no incident.
func targets(p engine.Proposal) []engine.Workload {
	var all []engine.Workload
	for _, i := range p.Items {
		w := i.Wish.Target.Workload
		if w.Namespace != "" && i.Wish.Kind != engine.WishVolume && !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// changedFrom is from when on a change may do harm. It is seen to be live only some time after it is, and by then what it makes crash
// has crashed: so the merge counts, by the forge's clock where it says so.
func changedFrom(p engine.Proposal) time.Time {
	from := p.DeployedAt
	for _, at := range []time.Time{p.MergedAt, p.Pull.MergedAt} {
		if !at.IsZero() && at.Before(from) {
			from = at
		}
	}
	return from
}

// isHarm tells whether an incident may be what a change did: of the very workload, of a kind that such a change makes, begun after it.
func isHarm(i engine.Incident, target engine.Workload, from time.Time) bool {
	began := i.StartedAt
	if began.IsZero() {
		began = i.DetectedAt
	}
	return i.Workload == target && !began.Before(from) &&
		slices.ContainsFunc(i.Classes, func(c engine.Class) bool { return slices.Contains(harmful, c) })
}

// eventHarm is the kind of the line that tells of an incident after a change.
const eventHarm = "harm"

// blame tells both threads of an incident that follows a change, and offers to take the change back.
func (h *Handlers) blame(ctx context.Context, p engine.Proposal, i engine.Incident) (engine.Proposal, error) {
	mark := fmt.Sprintf("incident %d ", i.ID)
	if slices.ContainsFunc(p.Timeline, func(e engine.Event) bool { return e.Kind == eventHarm && strings.Contains(e.Text, mark) }) {
		return p, nil
	}
	offer, why, err := h.offerBack(ctx, p, i)
	if err != nil {
		return p, err
	}
	line := fmt.Sprintf("After this change, %sbegan: %s (%s).", mark, i.Title, classes(i))
	if why != "" {
		line += " It cannot be taken back by a pull request: " + why
	} else {
		where := "the incident's thread"
		if offer.Incident != i.ID { // another one that it did was first
			where = fmt.Sprintf("the thread of incident %d", offer.Incident)
		}
		line += fmt.Sprintf(" Taking it back is offered in %s, as proposal %d.", where, offer.ID)
	}
	p, err = h.Changes.Proposals.SavePull(ctx, p.ID, p.Version, p.Pull, "", p.Reason, []engine.Event{{Kind: eventHarm, Text: line}})
	if engine.CodeOf(err) == engine.Conflict {
		return p, &engine.Waiting{For: lookAgain, Err: err}
	}
	return p, err
}

func classes(i engine.Incident) string {
	words := make([]string, len(i.Classes))
	for k, c := range i.Classes {
		words[k] = strings.ReplaceAll(string(c), "_", " ")
	}
	return strings.Join(words, ", ")
}

// backFor is how long the offer to take a change back waits for somebody.
const backFor = 7 * 24 * time.Hour

// offerBack proposes the reverse of a change, for an incident that followed it; why says what keeps it from being made.
func (h *Handlers) offerBack(ctx context.Context, p engine.Proposal, i engine.Incident) (offer engine.Proposal, why string, err error) {
	d := drafting{h: h, trees: map[string]change.Tree{}}
	offer = engine.Proposal{Reverts: p.ID, Incident: i.ID}
	var titles []string
	for _, item := range p.Items {
		wish, ok := change.Reverse(item.Wish)
		if !ok {
			return offer, item.Title + " cannot be undone", nil
		}
		back := engine.ProposalItem{
			GroupID: item.GroupID, Wish: wish, Title: change.WishTitle(wish), Kind: item.Kind, Owner: item.Owner, Monthly: -item.Monthly,
			Cash: item.Cash, Basis: item.Basis, Risk: engine.RiskLow, Repo: p.Repo, Base: p.Base, MadeAt: h.Now(),
		}
		found, err := d.locate(ctx, wish)
		if err != nil {
			return offer, "", err
		}
		if len(found.Edits) == 0 || found.repo != p.Repo {
			return offer, back.Title + ": " + found.Why + places(found.ByHand), nil
		}
		back.Edits, back.Commit, back.Steps = found.Edits, found.commit, found.Steps
		offer.Items = append(offer.Items, back)
		titles = append(titles, back.Title)
	}
	offer.Need = h.backNeed(offer.Items)
	offer.Title = "Take back " + strings.Join(titles, "; ")
	offer, err = h.Changes.Proposals.Offer(ctx, offer, backFor)
	return offer, "", err
}

// places names where a person would edit.
func places(all []engine.Place) string {
	var lines []string
	for _, p := range all {
		lines = append(lines, fmt.Sprintf("%s:%d", p.Path, p.Line))
	}
	if len(lines) == 0 {
		return ""
	}
	return " (" + strings.Join(lines, ", ") + ")"
}
