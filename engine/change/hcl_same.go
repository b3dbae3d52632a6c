package change

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/eks-autopilot/autopilot/engine"
)

// hclSpan is a range of bytes.
type hclSpan struct{ start, end int }

func (s hclSpan) holds(n hclNode) bool { return s.start <= n.start && n.end <= s.end }

// hclNode is a node of a syntax tree: what it is, and where.
type hclNode struct {
	kind       reflect.Type
	start, end int
}

// splice gives the file with the bytes of a span replaced, once it is proved that nothing else changed. Invalid: it would no longer
// be HCL. Internal: something else would read differently.
func (f *hclFile) splice(at hclSpan, text string) (*hclFile, error) {
	after, err := parseHCL(f.path, apply(f.src, splice{at.start, at.end, text}))
	if err != nil {
		return nil, fmt.Errorf("after the edit: %w", err)
	}
	return after, sameElsewhere(f, after, at, len(text))
}

// sameElsewhere proves that nothing but the bytes of the span, which became size bytes, reads any different: all other bytes are
// equal, and the syntax tree of after is that of before with its later nodes moved.
func sameElsewhere(was, is *hclFile, at hclSpan, size int) error {
	before, after, moved := was.src, is.src, size-(at.end-at.start)
	if len(after) != len(before)+moved || !bytes.Equal(before[:at.start], after[:at.start]) ||
		!bytes.Equal(before[at.end:], after[at.start+size:]) {
		return engine.Errorf(engine.Internal, "the edit would change bytes beyond the value")
	}
	old := was.nodes(at)
	for i, n := range old {
		if n.start >= at.end {
			old[i].start += moved
		}
		// What ends where something is put in ended before it. What ends where something was replaced holds it.
		if n.end > at.end || n.end == at.end && at.start < at.end {
			old[i].end += moved
		}
	}
	if !slices.Equal(old, is.nodes(hclSpan{at.start, at.start + size})) {
		return engine.Errorf(engine.Internal, "the edit would change how the rest of the file reads")
	}
	return nil
}

// nodes lists the nodes of a file, in the order of their places, but for those within the span.
func (f *hclFile) nodes(but hclSpan) []hclNode {
	var all []hclNode
	_ = hclsyntax.VisitAll(f.body, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case hclsyntax.Attributes, hclsyntax.Blocks, *hclsyntax.Body:
			return nil // they have no place but that of what they hold
		case *hclsyntax.LiteralValueExpr:
			if n.Val.Type() == cty.String && n.Val.AsString() == "" {
				return nil // what a template without text holds: it stands nowhere
			}
		}
		r := n.Range()
		node := hclNode{kind: reflect.TypeOf(n), start: r.Start.Byte, end: r.End.Byte}
		if !but.holds(node) {
			all = append(all, node)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b hclNode) int {
		return cmp.Or(a.start-b.start, b.end-a.end, cmp.Compare(a.kind.String(), b.kind.String()))
	})
	return all
}
