package change

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

const (
	mostMerged = 3                   // of which the pull request is asked for
	longReview = 14 * 24 * time.Hour // a commit may be so much older than its merge
)

// Merge is a commit that touched what declares a workload, and the pull request that it came with.
type Merge struct {
	Commit
	Path string      // the file
	Pull engine.Pull // zero for a commit that was pushed
	When time.Time   // of the merge, or of the commit itself
}

// Merged gives what came between two times into the files that declare a workload, the newest first; of the newest three commits alone,
// since older ones are further from whatever happened since. There is none where no file declares it, or it cannot be told which one does.
// It fails with Unavailable.
func Merged(ctx context.Context, t Tree, paths []string, w engine.Workload, from, to time.Time) ([]Merge, error) {
	wish := engine.Wish{Kind: engine.WishRevert, Target: engine.Target{Workload: w}}
	s, err := newSearch(t, paths)
	if err != nil {
		_, err = refusalOf(err)
		return nil, err
	}
	parts, err := s.parts(ctx, objectOf(wish))
	if err != nil {
		_, err = refusalOf(err)
		return nil, err
	}
	var all []Merge
	for _, path := range (&reverting{parts: parts}).paths() {
		commits, err := t.Commits(ctx, path, mostMerged)
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", path, err)
		}
		for _, c := range commits {
			if !slices.ContainsFunc(all, func(have Merge) bool { return have.SHA == c.SHA }) && !c.At.After(to) && c.At.After(from.Add(-longReview)) {
				all = append(all, Merge{Commit: c, Path: path, When: c.At})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Merge) int { return b.At.Compare(a.At) })
	all = all[:min(len(all), mostMerged)]
	for k := range all {
		m := &all[k]
		if m.Pull, err = t.Pull(ctx, m.SHA); err != nil {
			return nil, fmt.Errorf("pull request of %s: %w", m.SHA, err)
		}
		if !m.Pull.MergedAt.IsZero() {
			m.When = m.Pull.MergedAt
		}
	}
	return slices.DeleteFunc(all, func(m Merge) bool { return m.When.Before(from) || m.When.After(to) }), nil
}
