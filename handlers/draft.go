package handlers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
)

// draft finds the files that declare what a finding group wants changed, and has the edits kept for whoever approves them. A forge or
// a cluster that does not answer has it tried again; nobody is told, for nobody waits.
func (h *Handlers) draft(ctx context.Context, t engine.Task) error {
	id, err := strconv.ParseInt(t.Detail, 10, 64)
	if err != nil {
		return engine.Errorf(engine.Invalid, "%q is not the id of a finding group", t.Detail)
	}
	g, err := h.Waste.Savings.FindingGroup(ctx, id)
	if err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, draftWithin)
	defer done()
	d := drafting{h: h, trees: map[string]change.Tree{}}
	var items []engine.ProposalItem
	sized := map[string]bool{} // node groups that another item makes smaller
	for _, f := range g.Open() {
		item, err := d.item(ctx, f, sized)
		if err != nil {
			return fmt.Errorf("draft of finding %d: %w", f.ID, err)
		}
		item.GroupID = g.ID
		items = append(items, item)
	}
	if ctx.Err() != nil {
		return engine.Wrap(engine.Unavailable, ctx.Err(), "the repositories were not read in time")
	}
	tellApart(items)
	return h.Changes.Proposals.SaveDrafts(ctx, g.ID, items)
}

// draftAll has the drafts of all open findings made anew, after what they rest on was looked at.
func (h *Handlers) draftAll(ctx context.Context) error {
	if h.Changes == nil {
		return nil
	}
	return h.Changes.Proposals.RequestDrafts(ctx)
}

// drafting is the making of drafts that look at the same commits.
type drafting struct {
	h     *Handlers
	trees map[string]change.Tree // by repository and branch
}

// item drafts what a finding asks for.
func (d *drafting) item(ctx context.Context, f engine.Finding, sized map[string]bool) (engine.ProposalItem, error) {
	item := engine.ProposalItem{
		FindingID: f.ID, Chain: engine.LedgerChain(f.ID, f.Reopened), Kind: f.Kind, Owner: f.Owner,
		Monthly: f.Monthly, Cash: f.Cash, Basis: f.Basis, Risk: f.Risk, MadeAt: d.h.Now(), Title: subject(f),
	}
	if f.Sizing != nil && f.Sizing.Backtest.Samples > 0 {
		item.Backtest = &f.Sizing.Backtest
	}
	wish, ok := change.WishOf(f)
	if !ok {
		item.Why, item.Steps = change.WhyNone(f), change.StepsOf(f)
		return item, nil
	}
	item.Wish, item.Title = wish, change.WishTitle(wish)
	if wish.Kind == engine.WishGroup {
		// The size is one number. Each change of it rests on the one before, so the next node waits until this one is gone.
		key := change.ValueKey(wish)
		if sized[key] {
			item.Title = subject(f)
			item.Why = fmt.Sprintf("node group %s becomes smaller by one node at a time; this one follows when the other is gone", wish.Name)
			return item, nil
		}
		sized[key] = true
	}
	found, err := d.locate(ctx, wish)
	if err != nil {
		return item, err
	}
	item.Repo, item.Base, item.Commit = found.repo, found.base, found.commit
	item.Edits, item.ByHand, item.Why = found.Edits, found.ByHand, found.Why
	if item.Steps = found.Steps; len(item.Edits) == 0 {
		item.Steps = change.StepsOf(f)
	}
	d.h.removal(f, found.Absent, &item)
	if change.IsSnapshotFirst(wish, item.Edits) { // it saves nothing yet, so that it is no entry of the ledger
		item.Title = "snapshot of volume " + f.Target.Provider + ", before it is removed"
		item.Chain, item.Monthly, item.Cash = "", 0, false
	}
	return item, nil
}

// found is where a wish is made: in which repository, at which commit.
type found struct {
	change.Located
	repo, base, commit string
}

// locate looks for the file that declares a wish, in each repository that may have it, the likeliest first. Only what cannot be read
// now is an error: all else is a reason that a person can read.
func (d *drafting) locate(ctx context.Context, w engine.Wish) (found, error) {
	sources, why, err := d.sources(ctx, w)
	if err != nil || why != "" {
		return found{Located: change.Located{Why: why, Absent: len(sources) == 0}}, err
	}
	var reasons []string
	absent := true
	for _, s := range sources {
		tree, err := d.tree(ctx, s)
		if code := engine.CodeOf(err); code == engine.NotFound || code == engine.Forbidden {
			reasons, absent = append(reasons, engine.UserMessage(err, s.Repo)+" ("+s.By+")"), false
			continue
		}
		if err != nil {
			return found{}, err
		}
		l, err := change.Locate(ctx, tree, s.Paths, w)
		if err != nil {
			return found{}, err
		}
		if len(l.Edits) > 0 || len(l.ByHand) > 0 {
			return found{Located: l, repo: s.Repo, base: tree.Base(), commit: tree.Commit()}, nil
		}
		reasons, absent = append(reasons, l.Why), absent && l.Absent
	}
	return found{Located: change.Located{Why: strings.Join(slices.Compact(reasons), "; "), Absent: absent}}, nil
}

// sources says which repositories may declare what a wish is about; why is there when none does, or none can be told.
func (d *drafting) sources(ctx context.Context, w engine.Wish) (all []change.Source, why string, err error) {
	if d.h.Changes.Forge == nil {
		return nil, "no GitHub is configured", nil
	}
	var hints change.Hints
	if w.Target.Namespace != "" && w.Kind != engine.WishVolume {
		c, ok := d.h.cluster(w.Target.Cluster)
		if !ok {
			return nil, fmt.Sprintf("cluster %s is not in the configuration", w.Target.Cluster), nil
		}
		hints, err = c.Source.Hints(ctx, w.Target.Workload)
		switch engine.CodeOf(err) {
		case "":
		case engine.NotFound, engine.Invalid, engine.Forbidden:
			return nil, engine.UserMessage(err, w.Target.String()), nil
		default:
			return nil, "", err
		}
	}
	hints.Mappings = d.h.Changes.Mappings
	all, err = change.Sources(w, hints)
	switch {
	case engine.CodeOf(err) == engine.Invalid:
		return nil, engine.UserMessage(err, w.Target.String()), nil
	case err != nil:
		return nil, "", err
	case len(all) == 0 && w.Target.Namespace != "" && w.Kind != engine.WishVolume:
		return nil, "nothing says in which repository it is declared: annotate it with " + change.SourceAnnotation +
			": owner/name//folder, or map it under `changes:` in the configuration", nil
	case len(all) == 0:
		return nil, "nothing says in which repository it is declared: `changes:` in the configuration can", nil
	}
	if kept := slices.DeleteFunc(slices.Clone(all), func(s change.Source) bool { return !d.h.Changes.covers(s.Repo) }); len(kept) > 0 {
		return kept, "", nil
	}
	return nil, fmt.Sprintf("%s says that it is declared in %s, which is none of `github.repos` in the configuration", all[0].By, all[0].Repo), nil
}

// tree reads a branch once for all items that look at it.
func (d *drafting) tree(ctx context.Context, s change.Source) (change.Tree, error) {
	key := s.Repo + "@" + s.Base
	if t, ok := d.trees[key]; ok {
		return t, nil
	}
	t, err := d.h.Changes.Forge.Tree(ctx, s.Repo, s.Base)
	if err == nil {
		d.trees[key] = t
	}
	return t, err
}

// subject names what a finding is about where no wish does.
func subject(f engine.Finding) string {
	switch {
	case f.Node != nil:
		return "node " + cmp.Or(f.Target.Name, f.Target.Provider) + " removed"
	case f.Volume != nil:
		return "volume " + f.Target.Provider + " removed"
	}
	return fmt.Sprintf("%s %s", f.Target.Workload, strings.ReplaceAll(string(f.Kind), "_", " "))
}

// tellApart names the container where two lines of a plan would read the same but for it.
func tellApart(items []engine.ProposalItem) {
	of := map[string]map[string]bool{}
	for _, i := range items {
		key := i.Wish.Target.String() + i.Wish.Field
		if of[key] == nil {
			of[key] = map[string]bool{}
		}
		of[key][i.Wish.Target.Container] = true
	}
	for k, i := range items {
		if c := i.Wish.Target.Container; c != "" && len(of[i.Wish.Target.String()+i.Wish.Field]) > 1 {
			items[k].Title += " (container " + c + ")"
		}
	}
}
