package view

import (
	"strings"
	"unicode"
)

// The marks around text whose direction is its own: what stands beside it keeps its place, and a line that begins with it still runs
// from the left.
const (
	isolateStart = "\u2068"
	isolateEnd   = "\u2069"
)

// rightToLeft are the blocks whose characters run from the right, as Unicode lays them out.
var rightToLeft = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x0590, Hi: 0x08ff, Stride: 1}, {Lo: 0xfb1d, Hi: 0xfdff, Stride: 1}, {Lo: 0xfe70, Hi: 0xfefe, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x10800, Hi: 0x10fff, Stride: 1}, {Lo: 0x1e800, Hi: 0x1efff, Stride: 1}},
}

// isolate puts each run of a line that reads from right to left between marks. A run ends with the last of its letters, so that a number
// or a column behind it stays where it is.
func isolate(s string) string {
	if !strings.ContainsFunc(s, isRightToLeft) {
		return s
	}
	var b strings.Builder
	written, from, to := 0, -1, 0
	flush := func() {
		if from >= 0 {
			b.WriteString(s[written:from] + isolateStart + s[from:to] + isolateEnd)
			written, from = to, -1
		}
	}
	for at, r := range s {
		switch {
		case isRightToLeft(r):
			if from < 0 {
				from = at
			}
			to = at + len(string(r))
		case unicode.IsLetter(r), r == '\n', r == '`':
			flush()
		}
	}
	flush()
	b.WriteString(s[written:])
	return b.String()
}

func isRightToLeft(r rune) bool { return unicode.Is(rightToLeft, r) }

// isolated is a text from outside, made to be at most so long, isolated and still at most n units long. What has many runs is one.
func isolated(short func(int) string, n int) string {
	const runs = 2
	of := func(s string) string {
		if marked := isolate(s); strings.Count(marked, isolateStart) <= runs {
			return marked
		}
		return isolateStart + s + isolateEnd
	}
	s := short(n)
	if over := size(of(s)) - n; over > 0 {
		s = short(max(n-2*runs, 0))
	}
	return of(s)
}
