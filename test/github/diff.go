package github

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// change is what a file became between two commits.
type change struct {
	Path, Was, Status string // Was is the former name of a renamed file
	SHA               string
	Added, Removed    int
	Patch             string
	OldMode, NewMode  string
	Binary            bool
}

// diff is what changed between two commits or trees, by path; from "" is nothing at all.
func (g gitDir) diff(from, to string) ([]change, error) {
	if from == "" {
		from = emptyTree
	}
	raw, err := g.ask("diff-tree", "-r", "-z", "-M", "--raw", "--full-index", from, to)
	if err != nil {
		return nil, err
	}
	var list []change
	fields := strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
	for len(fields) >= 2 {
		f := strings.Fields(strings.TrimPrefix(fields[0], ":"))
		if len(f) != 5 {
			return nil, fmt.Errorf("git diff-tree: %q", fields[0])
		}
		c := change{Path: fields[1], SHA: f[3], OldMode: f[0], NewMode: f[1]}
		fields = fields[2:]
		switch f[4][0] {
		case 'A':
			c.Status = "added"
		case 'D':
			c.Status, c.SHA = "removed", f[2]
		case 'R':
			c.Status, c.Was, c.Path = "renamed", c.Path, fields[0]
			fields = fields[1:]
		default:
			c.Status = "modified"
		}
		list = append(list, c)
	}
	for i := range list {
		if err := g.patch(from, to, &list[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(list, func(a, b change) int { return cmp.Compare(a.Path, b.Path) })
	return list, nil
}

// patch fills in the hunks of a changed file, and counts its lines.
func (g gitDir) patch(from, to string, c *change) error {
	args := []string{"diff-tree", "-r", "-M", "-p", from, to, "--", c.Path}
	if c.Was != "" {
		args = append(args, c.Was)
	}
	out, err := g.ask(args...)
	if err != nil {
		return err
	}
	if at := bytes.Index(out, []byte("\n@@")); at >= 0 {
		c.Patch = strings.TrimSuffix(string(out[at+1:]), "\n")
	}
	c.Binary = bytes.Contains(out, []byte("\nBinary files "))
	for line := range strings.Lines(c.Patch) {
		switch line[0] {
		case '+':
			c.Added++
		case '-':
			c.Removed++
		}
	}
	return nil
}

// rawDiff is the unified diff of two commits.
func (g gitDir) rawDiff(from, to string) ([]byte, error) {
	return g.ask("diff-tree", "-r", "-M", "-p", from, to)
}
