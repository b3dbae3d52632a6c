package change

import (
	"bytes"
	"regexp"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/eks-autopilot/autopilot/engine"
)

const byteOrderMark = "\xef\xbb\xbf"

// notOfBlock finds comments that speak of the whole file, though they touch its first block.
var notOfBlock = regexp.MustCompile(`(?i)copyright|licen[sc]e|SPDX|generated`)

// remove gives the file without a range of whole lines: a block or an item of an object, the comment right above it, which speaks of it,
// and one of the blank lines around it. Invalid: something else stands on its lines.
func (f *hclFile) remove(r hcl.Range) (*hclFile, error) {
	start, end := f.lineStart(r.Start.Byte), f.lineEnd(r.End.Byte)
	before := bytes.TrimPrefix(f.src[start:r.Start.Byte], []byte(byteOrderMark))
	if _, clean := onlyComment(f.src[r.End.Byte:end]); !clean || len(bytes.TrimSpace(before)) > 0 {
		return nil, engine.Errorf(engine.Invalid, "line %d of %s holds something else, too", r.Start.Line, f.path)
	}
	start = f.commentAbove(start)
	blankAbove := start == 0 || blankLine(f.src[f.lineStart(start-1):start])
	switch {
	case blankAbove && end < len(f.src) && blankLine(f.src[end:f.lineEnd(end)]):
		end = f.lineEnd(end)
	case blankAbove && start > 0 && f.closesAfter(end):
		start = f.lineStart(start - 1)
	}
	if start == 0 && bytes.HasPrefix(f.src, []byte(byteOrderMark)) {
		start = len(byteOrderMark)
	}
	return f.splice(hclSpan{start, end}, "")
}

// closesAfter tells whether nothing, or a closing brace, is what comes at a place.
func (f *hclFile) closesAfter(at int) bool {
	rest := bytes.TrimSpace(f.src[at:])
	return len(rest) == 0 || rest[0] == '}'
}

func blankLine(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }

// commentAbove gives the start of the comment lines that end where the line at start begins, or start.
func (f *hclFile) commentAbove(start int) int {
	tokens, _ := hclsyntax.LexConfig(f.src, f.path, hcl.InitialPos)
	first := start
	for _, token := range slices.Backward(tokens) {
		r := token.Range
		if r.Start.Byte >= first || token.Type == hclsyntax.TokenNewline {
			continue
		}
		from, to := f.lineStart(r.Start.Byte), r.End.Byte
		if to != f.lineStart(to) && blankLine(f.src[to:f.lineEnd(to)]) {
			to = f.lineEnd(to)
		}
		alone := blankLine(bytes.TrimPrefix(f.src[from:r.Start.Byte], []byte(byteOrderMark)))
		if token.Type != hclsyntax.TokenComment || to != first || !alone {
			break
		}
		first = from
	}
	if first == 0 && notOfBlock.Match(f.src[first:start]) {
		return start
	}
	return first
}
