package change

import (
	"fmt"
	"slices"
	"strings"
)

// hunk is a run of lines that differ: a[a0:a1] becomes b[b0:b1].
type hunk struct{ a0, a1, b0, b1 int }

// maxCells bounds the table of lines that hunks compares. Beyond it, all between the first and the last change is one hunk.
const maxCells = 4_000_000

// hunks finds what differs between two texts by their longest common subsequence of lines.
func hunks(a, b []string) []hunk {
	head, tail := common(a, b)
	a, b = a[head:len(a)-tail], b[head:len(b)-tail]
	if len(a) == 0 && len(b) == 0 {
		return nil
	}
	if (len(a)+1)*(len(b)+1) > maxCells {
		return []hunk{{head, head + len(a), head, head + len(b)}}
	}
	width := len(b) + 1
	longest := make([]int32, (len(a)+1)*width) // of a[i:] and b[j:]
	for i := range slices.Backward(a) {
		for j := range slices.Backward(b) {
			if a[i] == b[j] {
				longest[i*width+j] = longest[(i+1)*width+j+1] + 1
			} else {
				longest[i*width+j] = max(longest[(i+1)*width+j], longest[i*width+j+1])
			}
		}
	}
	var all []hunk
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if i < len(a) && j < len(b) && a[i] == b[j] {
			i, j = i+1, j+1
			continue
		}
		h := hunk{a0: head + i, b0: head + j}
		for i < len(a) || j < len(b) {
			if i < len(a) && j < len(b) && a[i] == b[j] {
				break
			}
			if j == len(b) || i < len(a) && longest[(i+1)*width+j] >= longest[i*width+j+1] {
				i++
			} else {
				j++
			}
		}
		h.a1, h.b1 = head+i, head+j
		all = append(all, h)
	}
	return all
}

// unified prints the difference of two texts as git does. removed tells that the file goes, rather than its lines.
func unified(p string, a, b []string, removed bool) string {
	var out strings.Builder
	to := "b/" + p
	if removed {
		to = "/dev/null"
	}
	fmt.Fprintf(&out, "--- a/%s\n+++ %s\n", p, to)
	changes := hunks(a, b)
	for len(changes) > 0 {
		n := 1
		for n < len(changes) && changes[n].a0-changes[n-1].a1 <= 2*diffContext {
			n++
		}
		writeHunk(&out, a, b, changes[:n])
		changes = changes[n:]
	}
	return out.String()
}

// writeHunk prints changes that are so near to each other that their context meets.
func writeHunk(out *strings.Builder, a, b []string, changes []hunk) {
	first, last := changes[0], changes[len(changes)-1]
	before := min(diffContext, first.a0)
	after := min(diffContext, len(a)-last.a1)
	fmt.Fprintf(out, "@@ -%s +%s @@\n",
		lineRange(first.a0-before, last.a1+after), lineRange(first.b0-before, last.b1+after))
	at := first.a0 - before
	for _, h := range changes {
		writeLines(out, ' ', a[at:h.a0])
		writeLines(out, '-', a[h.a0:h.a1])
		writeLines(out, '+', b[h.b0:h.b1])
		at = h.a1
	}
	writeLines(out, ' ', a[at:last.a1+after])
}

// lineRange prints lines [from, to) counted from 0 as a unified diff does.
func lineRange(from, to int) string {
	switch n := to - from; n {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return fmt.Sprint(from + 1)
	default:
		return fmt.Sprintf("%d,%d", from+1, n)
	}
}

func writeLines(out *strings.Builder, mark byte, lines []string) {
	for _, line := range lines {
		out.WriteByte(mark)
		out.WriteString(line)
		if !strings.HasSuffix(line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}
