package change

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // git names blobs so
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// diffContext is how many unchanged lines a diff shows around each change.
const diffContext = 3

// splice replaces the bytes [start, end) of a text.
type splice struct {
	start, end int
	text       string
}

// apply gives src with the splices made, which must not overlap.
func apply(src []byte, splices ...splice) []byte {
	splices = slices.SortedFunc(slices.Values(splices), func(a, b splice) int { return a.start - b.start })
	var out bytes.Buffer
	at := 0
	for _, s := range splices {
		out.Write(src[at:s.start])
		out.WriteString(s.text)
		at = s.end
	}
	out.Write(src[at:])
	return out.Bytes()
}

// edited makes a Located of new contents: nil removes a file. Files whose contents stay as they are are left out. It fails where
// the tree cannot be read.
func edited(ctx context.Context, t Tree, files map[string][]byte) (Located, error) {
	l := Located{Files: map[string][]byte{}}
	for _, p := range slices.Sorted(maps.Keys(files)) {
		before, err := t.Read(ctx, p)
		if err != nil {
			return Located{}, fmt.Errorf("read %s of %s: %w", p, t.Repo(), err)
		}
		if files[p] != nil && bytes.Equal(before, files[p]) {
			continue
		}
		l.Files[p] = files[p]
		l.Edits = append(l.Edits, EditOf(p, before, files[p]))
	}
	if len(l.Edits) == 0 {
		return Located{Why: "the files have the wanted value already"}, nil
	}
	return l, nil
}

// EditOf says how a file changes. A nil after removes it.
func EditOf(p string, before, after []byte) engine.FileEdit {
	a, b := splitLines(string(before)), splitLines(string(after))
	head, tail := common(a, b)
	return engine.FileEdit{
		Path: p, Blob: blobID(before), Line: head + 1,
		Before: strings.Join(a[head:len(a)-tail], ""),
		After:  strings.Join(b[head:len(b)-tail], ""),
		Diff:   unified(p, a, b, after == nil),
	}
}

// blobID is git's name of a file's contents.
func blobID(text []byte) string {
	h := sha1.New() //nolint:gosec // as above
	_, _ = fmt.Fprintf(h, "blob %d\x00", len(text))
	_, _ = h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// splitLines cuts behind each line feed. The last line may have none.
func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// common counts the lines that two texts share at their start and at their end.
func common(a, b []string) (head, tail int) {
	n := min(len(a), len(b))
	for head < n && a[head] == b[head] {
		head++
	}
	for tail < n-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	return head, tail
}
