package change

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// find looks through the newest commits of the workload's files for the one that brought what is live. One that brought nothing stands for
// none of those that were looked into.
func (r *reverting) find(ctx context.Context) (found culprit, looked int, err error) {
	commits, err := r.commits(ctx)
	if err != nil {
		return culprit{}, 0, err
	}
	var dark error // why the one that did it cannot be told, or not be taken back
	for _, c := range commits {
		found, err := r.examine(ctx, c)
		if err != nil {
			return culprit{}, 0, err
		}
		if slices.Contains(found.brought, 0) {
			return found, 0, nil
		}
		for _, one := range found.touched {
			if one.kind == partTemplate && dark == nil {
				dark = refuse([]engine.Place{r.at(one.path, 1+one.hunks[0].a0, "changed by the commit")},
					"%s changed the Helm template, which is no YAML that the bot edits", said(c))
			}
		}
		for _, p := range found.made {
			if dark == nil {
				dark = refuse([]engine.Place{r.at(p.path, p.line, "declares %s", p.name)}, "%s made %s, so that nothing is before it to go back to", said(c), p.name)
			}
		}
	}
	if dark != nil {
		return culprit{}, 0, dark
	}
	if r.w.Name != "" {
		return culprit{}, 0, refuse(nil, "commit %s is no longer in the history of %s", r.w.Name[:min(len(r.w.Name), shortSHA)], r.tree.Repo())
	}
	return culprit{}, len(commits), nil
}

// places names the files that were searched.
func (r *reverting) places() []engine.Place {
	var all []engine.Place
	for _, p := range r.parts {
		all = append(all, r.at(p.path, p.line, "declares %s", p.name))
	}
	return all
}

// commits lists what may have done it, the newest first: the one that the wish names, or the newest of all files.
func (r *reverting) commits(ctx context.Context) ([]Commit, error) {
	var all []Commit
	for _, path := range r.paths() {
		of, err := r.tree.Commits(ctx, path, maxPast)
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", path, err)
		}
		for _, c := range of {
			if !slices.ContainsFunc(all, func(have Commit) bool { return have.SHA == c.SHA }) && (r.w.Name == "" || r.w.Name == c.SHA) {
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Commit) int { return b.At.Compare(a.At) })
	return all[:min(len(all), maxCommits)], nil
}

// paths gives the files of all parts, each once.
func (r *reverting) paths() []string {
	var all []string
	for _, p := range r.parts {
		if !slices.Contains(all, p.path) {
			all = append(all, p.path)
		}
	}
	return all
}

// examine says what a commit did to the workload. It refuses where the commit is about the very value, and yet not what is live.
func (r *reverting) examine(ctx context.Context, c Commit) (culprit, error) {
	found := culprit{Commit: c}
	if c.Parent == "" {
		return found, nil
	}
	after, err := r.tree.At(ctx, c.SHA)
	if err != nil {
		return found, err
	}
	before, err := r.tree.At(ctx, c.Parent)
	if err != nil {
		return found, err
	}
	changed := filesChanged(before, after)
	brought, edited := map[int]bool{}, map[string]bool{}
	for _, p := range r.parts {
		if !changed[p.path] {
			continue
		}
		one, had, has, err := compared(ctx, p, before, after)
		if err != nil {
			return found, err
		}
		if has && !had && p.kind == partObject && p.pod != "" {
			found.made = append(found.made, p)
		}
		if one.hunks, err = r.judge(c, one, brought); err != nil {
			return found, err
		}
		if len(one.hunks) > 0 {
			found.touched = append(found.touched, one)
			edited[p.path] = true
		}
	}
	found.brought, found.others = slices.Sorted(maps.Keys(brought)), len(changed)-len(edited)
	return found, nil
}

// judge gives the hunks that are the workload's, and marks the edits that they explain.
func (r *reverting) judge(c Commit, one touched, brought map[int]bool) (mine []hunk, err error) {
	for _, h := range one.hunks {
		did := one.did(h)
		own := one.owns(did)
		for n, e := range r.edits {
			switch verdict, have := one.explains(e, did); {
			case verdict == explained:
				brought[n], own = true, true
			case verdict == unlike && n == 0:
				return nil, r.otherwise(c, one, e, have)
			}
		}
		if own {
			mine = append(mine, h)
		}
	}
	return mine, nil
}

// otherwise refuses where a commit is about the very value, and did not make it what is live.
func (r *reverting) otherwise(c Commit, one touched, e edit, have values) error {
	line := []engine.Place{r.at(one.path, one.line, "declares %s", one.name)}
	if have.before == e.is {
		return refuse(line, "%s changed %s to %s already; that is not rolled out yet", said(c), e.name(), orNothing(have.after))
	}
	return refuse(line, "%s changed %s from %s to %s, but the cluster went from %s to %s: more than one commit is between",
		said(c), e.name(), orNothing(have.before), orNothing(have.after), orNothing(e.was), orNothing(e.is))
}

func orNothing(value string) string {
	if value == "" {
		return "nothing"
	}
	return bounded(value)
}

// filesChanged names the files in which two trees differ.
func filesChanged(before, after Tree) map[string]bool {
	blobs := map[string]string{}
	for _, f := range before.Files() {
		blobs[f.Path] = f.Blob
	}
	changed := map[string]bool{}
	for _, f := range after.Files() {
		if blobs[f.Path] != f.Blob {
			changed[f.Path] = true
		}
		delete(blobs, f.Path)
	}
	for path := range blobs {
		changed[path] = true
	}
	return changed
}

// textAt reads a file of a tree; ok is false where there is none.
func textAt(ctx context.Context, t Tree, path string) (text []byte, ok bool, err error) {
	text, err = t.Read(ctx, path)
	if engine.CodeOf(err) == engine.NotFound {
		return nil, false, nil
	}
	return text, err == nil, err
}

// compared reads a part before a commit and after it; had and has say whether it is there at all.
func compared(ctx context.Context, p part, before, after Tree) (one touched, had, has bool, err error) {
	one.part = p
	if one.before, had, err = p.in(ctx, before); err != nil {
		return one, false, false, err
	}
	if one.after, has, err = p.in(ctx, after); err != nil || !had || !has {
		return one, had, has, err
	}
	one.hunks = hunks(one.after, one.before)
	if p.kind != partObject {
		one.hunks = singled(one.hunks)
	}
	if p.kind != partFile && p.kind != partTemplate {
		one.leavesBefore, one.leavesAfter = leavesOf(one.before, p.kind == partValues), leavesOf(one.after, p.kind == partValues)
	}
	return one, true, true, nil
}

// in gives the lines of a part in a tree; ok is false where that has none.
func (p part) in(ctx context.Context, t Tree) (lines []string, ok bool, err error) {
	text, ok, err := textAt(ctx, t, p.path)
	if err != nil || !ok {
		return nil, false, err
	}
	start, end, ok := p.region(text)
	if !ok {
		return nil, false, nil
	}
	return splitLines(string(text[start:end])), true, nil
}

// singled takes hunks apart that replace as many lines as they bring, so that each line can be judged by itself.
func singled(all []hunk) []hunk {
	var out []hunk
	for _, h := range all {
		if h.a1-h.a0 != h.b1-h.b0 {
			out = append(out, h)
			continue
		}
		for n := range h.a1 - h.a0 {
			out = append(out, hunk{h.a0 + n, h.a0 + n + 1, h.b0 + n, h.b0 + n + 1})
		}
	}
	return out
}
