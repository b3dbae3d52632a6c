package handlers

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/change"
	"github.com/eks-autopilot/autopilot/engine/rca"
)

// mergedBefore is how long before an incident something may have been merged to be evidence of it: what deploys from Git takes minutes,
// Terraform and a slow rollout longer.
const mergedBefore = 2 * time.Hour

// merged are the proposals whose pull request was merged.
var merged = []engine.ProposalStatus{engine.ProposalMerged, engine.ProposalDeployed, engine.ProposalVerified, engine.ProposalReversed}

// mergeEvidence is the collector of what was merged shortly before an incident: the bot's own pull requests about its workload, and what came
// into the files that declare it.
type mergeEvidence struct{ h *Handlers }

// Name is "merges".
func (mergeEvidence) Name() string { return "merges" }

// Collect gives a line for each, the newest first. It fails with Unavailable while the forge or the database does not answer.
func (e mergeEvidence) Collect(ctx context.Context, i engine.Incident) ([]engine.Evidence, error) {
	if i.Workload.Namespace == "" {
		return nil, nil // nodes are declared as groups
	}
	from, to := i.StartedAt.Add(-mergedBefore), i.StartedAt
	ours, err := e.ours(ctx, i, from, to)
	if err != nil {
		return nil, err
	}
	others, err := e.others(ctx, i, from, to)
	for _, o := range others {
		if !slices.ContainsFunc(ours, func(have engine.Evidence) bool { return have.ID == o.ID }) {
			ours = append(ours, o)
		}
	}
	slices.SortStableFunc(ours, func(a, b engine.Evidence) int { return b.At.Compare(a.At) })
	return ours, err
}

func (e mergeEvidence) ours(ctx context.Context, i engine.Incident, from, to time.Time) (out []engine.Evidence, err error) {
	all, err := e.h.Changes.Proposals.Proposals(ctx, ProposalFilter{Cluster: i.Workload.Cluster, Statuses: merged, Limit: 100})
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		at := changedFrom(p)
		if !p.Pull.MergedAt.IsZero() {
			at = p.Pull.MergedAt
		}
		if p.Pull.Number == 0 || at.Before(from) || at.After(to) || !slices.Contains(targets(p), i.Workload) {
			continue
		}
		out = append(out, e.line(i, at, p.Repo, p.Pull, "The bot's own pull request "+reference(p.Repo, p.Pull, "")+" was merged", p.Title, map[string]string{"own": "true"}))
	}
	return out, nil
}

func (e mergeEvidence) others(ctx context.Context, i engine.Incident, from, to time.Time) (out []engine.Evidence, err error) {
	d := drafting{h: e.h, trees: map[string]change.Tree{}}
	if c, ok := e.h.cluster(i.Workload.Cluster); !ok || c.Source.Hints == nil {
		return nil, nil
	}
	sources, _, err := d.sources(ctx, engine.Wish{Kind: engine.WishRevert, Target: engine.Target{Workload: i.Workload}})
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		tree, err := d.tree(ctx, s)
		if code := engine.CodeOf(err); code == engine.NotFound || code == engine.Forbidden {
			continue
		}
		if err != nil {
			return out, err
		}
		all, err := change.Merged(ctx, tree, s.Paths, i.Workload, from, to)
		if err != nil {
			return out, err
		}
		for _, m := range all {
			subject, _ := rca.Redact(cut(m.Subject, 120))
			what := reference(s.Repo, m.Pull, m.SHA) + by(m.Author) + " came into " + m.Path
			out = append(out, e.line(i, m.When, s.Repo, m.Pull, what, subject, map[string]string{"commit": m.SHA, "path": m.Path, "by": m.Author}))
		}
	}
	return out, nil
}

func by(author string) string {
	if author == "" {
		return ""
	}
	return " by " + author
}

// reference is what people call a pull request, or a commit without one: "acme/deploy#12".
func reference(repo string, p engine.Pull, sha string) string {
	if p.Number == 0 {
		return repo + "@" + sha[:min(len(sha), 10)]
	}
	return repo + "#" + strconv.Itoa(p.Number)
}

func (e mergeEvidence) line(i engine.Incident, at time.Time, repo string, p engine.Pull, what, subject string, fields map[string]string) engine.Evidence {
	age := i.StartedAt.Sub(at).Round(time.Second)
	fields["repo"], fields["subject"], fields["age"], fields["ref"] = repo, subject, age.String(), reference(repo, p, fields["commit"])
	if p.Number != 0 {
		fields["number"] = strconv.Itoa(p.Number)
	}
	return engine.Evidence{
		ID: "merge/" + fields["ref"], Collector: e.Name(), Kind: engine.EvidenceMerge, At: at,
		Object: engine.ObjectRef{Kind: i.Workload.Kind, Namespace: i.Workload.Namespace, Name: i.Workload.Name},
		Text:   fmt.Sprintf("%s %s before the onset: %s", what, age, subject), Fields: fields,
	}
}
