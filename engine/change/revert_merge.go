package change

// merge takes hunks from one version of a text back in a later one: base is the version that the hunks start from, back what they lead
// to, now the later version. Lines that differ between base and now and that no hunk touches stay as they are now. ok is false where
// both touch the same lines; at is then that line of now, counted from 0.
func merge(base, back []string, wanted []hunk, now []string) (lines []string, at int, ok bool) {
	since := hunks(base, now)
	copied := 0 // lines of now that are in lines
	for _, h := range wanted {
		moved, done := 0, false // how far the hunk's lines moved since
		for _, later := range since {
			switch {
			case sameHunk(h, later, back, now):
				done = true
			case clash(h, later):
				return nil, later.b0, false
			case later.a1 <= h.a0:
				moved = later.b1 - later.a1
			}
		}
		if done {
			continue
		}
		lines = append(lines, now[copied:h.a0+moved]...)
		lines = append(lines, back[h.b0:h.b1]...)
		copied = h.a1 + moved
	}
	return append(lines, now[copied:]...), 0, true
}

// sameHunk tells whether somebody made the very change that is wanted.
func sameHunk(h, later hunk, back, now []string) bool {
	if h.a0 != later.a0 || h.a1 != later.a1 || h.b1-h.b0 != later.b1-later.b0 {
		return false
	}
	for n := range h.b1 - h.b0 {
		if back[h.b0+n] != now[later.b0+n] {
			return false
		}
	}
	return true
}

// clash tells whether two hunks of one text touch the same lines. Where one of them only puts lines in, being neighbours is enough: which
// of the two comes first is not known.
func clash(a, b hunk) bool {
	if a.a0 == a.a1 || b.a0 == b.a1 {
		return a.a0 <= b.a1 && b.a0 <= a.a1
	}
	return a.a0 < b.a1 && b.a0 < a.a1
}
