package change

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// The bounds of the search for a commit.
const (
	maxPast    = 20 // commits of a file that are read through
	maxCommits = 12 // commits that are looked into
	shortSHA   = 10
)

// locateRevert finds the commit that brought what a wish names, and takes back what it did to the files of the one workload: the lines
// that it changed there go back to what they were, where no later commit touched them. All else of the commit stays.
func locateRevert(ctx context.Context, t Tree, paths []string, w engine.Wish) (Located, error) {
	s, err := newSearch(t, paths)
	if err != nil {
		return refusalOf(err)
	}
	parts, err := s.parts(ctx, objectOf(w))
	if err != nil {
		return refusalOf(err)
	}
	if len(parts) == 0 {
		l, err := refusalOf(s.unreadable(ctx, objectOf(w)))
		if err == nil && l.Why == "" {
			l = Located{Why: fmt.Sprintf("no file of %s declares %s%s", t.Repo(), wanted(w), s.below()), Absent: true}
		}
		return l, err
	}
	r := &reverting{search: s, w: w, edits: editsOf(w), parts: parts}
	found, looked, err := r.find(ctx)
	if err != nil {
		return refusalOf(err)
	}
	if len(found.brought) == 0 {
		l, err := refusalOf(refuse(r.places(), "none of the last %d commits to its files brought %s", looked, r.edits[0]))
		l.Absent = true
		return l, err
	}
	files, err := r.takeBack(ctx, found)
	if err != nil {
		return refusalOf(err)
	}
	l, err := edited(ctx, t, files)
	if err != nil {
		return Located{}, err
	}
	if len(l.Edits) == 0 {
		return Located{Why: said(found.Commit) + " is taken back in Git already; that is not rolled out yet"}, nil
	}
	back := r.wishOf(found)
	l.Wish = &back
	l.Note, err = r.note(ctx, found)
	return l, err
}

// reverting is the search for the commit that a wish is about.
type reverting struct {
	*search
	w     engine.Wish
	edits []edit // what the live object shows: the first is what the cause rests on
	parts []part
}

// culprit is the commit, and what it did to the workload.
type culprit struct {
	Commit
	touched []touched
	made    []part // that were not there before it
	brought []int  // numbers of the edits that it explains
	others  int    // files that it changed besides
}

// touched is a part of the workload as it was before a commit and after it.
type touched struct {
	part
	before, after             []string // lines
	leavesBefore, leavesAfter []leaf
	hunks                     []hunk // from after to before
}

// said names a commit for people.
func said(c Commit) string {
	text := "commit " + c.SHA[:min(len(c.SHA), shortSHA)]
	if c.Author != "" {
		text += " by " + c.Author
	}
	if !c.At.IsZero() {
		text += " of " + c.At.UTC().Format("2006-01-02 15:04 UTC")
	}
	return text
}

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

// takeBack makes the files in which the commit is taken back.
func (r *reverting) takeBack(ctx context.Context, c culprit) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, one := range c.touched {
		if one.kind == partTemplate {
			return nil, refuse([]engine.Place{r.at(one.path, 1+one.hunks[0].a0, "changed by the commit")},
				"%s changed the Helm template too, which is no YAML that the bot edits", said(c.Commit))
		}
		now, done := files[one.path]
		if !done {
			var err error
			if now, err = r.read(ctx, one.path); err != nil {
				return nil, err
			}
		}
		start, end, ok := one.region(now)
		if !ok {
			return nil, refuse([]engine.Place{r.at(one.path, 1, "was in this file")}, "%s changed %s, which is no longer there", said(c.Commit), one.name)
		}
		lines, at, ok := merge(one.after, one.before, one.hunks, splitLines(string(now[start:end])))
		if !ok {
			line := bytes.Count(now[:start], []byte("\n")) + at + 1
			later, err := r.later(ctx, c.Commit, one)
			if err != nil {
				return nil, err
			}
			return nil, refuse([]engine.Place{r.at(one.path, line, "changed again")}, "%s brought it, and %s changed the same lines after it", said(c.Commit), later)
		}
		after := apply(now, splice{start, end, strings.Join(lines, "")})
		if err := one.sound(now, after); err != nil {
			return nil, refuse([]engine.Place{r.at(one.path, one.line, "declares %s", one.name)}, "%s cannot be taken back line by line: %v", said(c.Commit), err)
		}
		files[one.path] = after
	}
	return files, nil
}

// later names the first commit after one that touched the same lines.
func (r *reverting) later(ctx context.Context, c Commit, one touched) (string, error) {
	all, err := r.tree.Commits(ctx, one.path, maxPast)
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(all, func(have Commit) bool { return have.SHA == c.SHA })
	for _, next := range slices.Backward(all[:max(at, 0)]) {
		tree, err := r.tree.At(ctx, next.SHA)
		if err != nil {
			return "", err
		}
		lines, there, err := one.in(ctx, tree)
		if err != nil {
			return "", err
		}
		if _, _, ok := merge(one.after, one.before, one.hunks, lines); !there || !ok {
			return said(next), nil
		}
	}
	return "a later one", nil
}

// wishOf gives the wish with the commit, and with those values alone that it brought.
func (r *reverting) wishOf(c culprit) engine.Wish {
	all := append([]engine.Wish{alone(r.w)}, r.w.With...)
	w := all[0]
	w.Name = c.SHA
	for n, also := range all[1:] {
		if slices.Contains(c.brought, n+1) || also.Field == FieldRevision {
			w.With = append(w.With, also)
		}
	}
	return w
}

// note says for people which commit is taken back, and how much of it.
func (r *reverting) note(ctx context.Context, c culprit) (string, error) {
	pull, err := r.tree.Pull(ctx, c.SHA)
	if err != nil {
		return "", err
	}
	came := said(c.Commit)
	if pull.Number != 0 {
		came += fmt.Sprintf(" (pull request #%d)", pull.Number)
	}
	var names []string
	for _, one := range c.touched {
		if !slices.Contains(names, one.name) {
			names = append(names, one.name)
		}
	}
	stays := "what others changed since stays"
	switch {
	case c.others == 1:
		stays += ", and so does what it did to one other file"
	case c.others > 1:
		stays += fmt.Sprintf(", and so does what it did to %d other files", c.others)
	}
	text := fmt.Sprintf("It came with %s: “%s”. What it did to %s is taken back; %s.", came, cmp.Or(bounded(c.Subject), "no message"), strings.Join(names, " and "), stays)
	for _, one := range c.touched {
		if len(one.users) > 0 {
			text += fmt.Sprintf(" %s uses %s too, and gets it back as well.", strings.Join(one.users, ", "), one.path)
			break
		}
	}
	return text, nil
}
