package change

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
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
	if at := slices.IndexFunc(c.touched, func(one touched) bool { return len(one.users) > 0 }); at >= 0 {
		shared := c.touched[at]
		text += fmt.Sprintf(" %s uses %s too, and gets it back as well.", strings.Join(shared.users, ", "), shared.path)
	}
	return text, nil
}
