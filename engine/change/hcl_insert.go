package change

import (
	"bytes"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/eks-autopilot/autopilot/engine"
)

// hclItem is one name and its value, of a block's body or of an object.
type hclItem struct {
	name       string
	start, end int // of all of it
	equals     int // where its = or : is; -1 when a comment is in the way
}

// hclGroup is what holds items: a block's body or an object.
type hclGroup struct {
	open, close int // of its opening and its closing brace
	items       []hclItem
	object      bool
}

func bodyGroup(f *hclFile, b *hclsyntax.Block) hclGroup {
	g := hclGroup{open: b.OpenBraceRange.Start.Byte, close: b.CloseBraceRange.Start.Byte}
	for name, a := range b.Body.Attributes {
		if f.src[a.Expr.Range().Start.Byte] == '<' {
			continue // a heredoc ends where its line does; what follows would not be beside it
		}
		g.items = append(g.items, hclItem{name, a.SrcRange.Start.Byte, a.SrcRange.End.Byte, a.EqualsRange.Start.Byte})
	}
	slices.SortFunc(g.items, func(a, b hclItem) int { return a.start - b.start })
	return g
}

func objectGroup(f *hclFile, o *hclsyntax.ObjectConsExpr) hclGroup {
	g := hclGroup{open: o.OpenRange.Start.Byte, close: o.SrcRange.End.Byte - 1, object: true}
	for _, item := range o.Items {
		key, ok := hclKey(item.KeyExpr)
		end := item.ValueExpr.Range().End.Byte
		if !ok || f.src[item.ValueExpr.Range().Start.Byte] == '<' {
			continue
		}
		from := item.KeyExpr.Range().End.Byte
		gap, mark := f.src[from:item.ValueExpr.Range().Start.Byte], -1
		if !bytes.Contains(gap, []byte("/*")) {
			mark = from + bytes.IndexAny(gap, "=:")
		}
		g.items = append(g.items, hclItem{key, item.KeyExpr.Range().Start.Byte, end, mark})
	}
	return g
}

// insert gives the file with name = text put into a group, beside one of the items called beside, or else behind its first brace.
// The new line looks like its neighbour: its indentation, its line end, its comma, its column of =. Invalid: there is no room for
// it without moving something else.
func (f *hclFile) insert(g hclGroup, name, text string, beside ...string) (*hclFile, error) {
	at, line, err := f.room(g, name, text, beside)
	if err != nil {
		return nil, err
	}
	return f.splice(hclSpan{at, at}, line)
}

// room finds where a new item goes, and how it is written there.
func (f *hclFile) room(g hclGroup, name, text string, beside []string) (at int, line string, err error) {
	if near, ok := g.neighbour(beside); ok {
		rest := f.src[near.end:f.lineEnd(near.end)]
		if comma, clean := onlyComment(rest); clean && len(bytes.TrimSpace(f.src[f.lineStart(near.start):near.start])) == 0 {
			at = f.lineEnd(near.end)
			return at, f.like(near, name, text) + comma + f.newline(near.end), nil
		}
		if g.object {
			return near.end, ", " + name + " = " + text, nil
		}
		return 0, "", engine.Errorf(engine.Invalid, "%s is missing in a block of one line", name)
	}
	inside := f.src[g.open+1 : g.close]
	switch {
	case len(bytes.TrimSpace(inside)) == 0 && !bytes.Contains(inside, []byte("\n")):
		return g.open + 1, " " + name + " = " + text + " ", nil
	case f.lineEnd(g.open) > g.close:
		return 0, "", engine.Errorf(engine.Invalid, "%s is missing in a block of one line", name)
	}
	if _, clean := onlyComment(f.src[g.open+1 : f.lineEnd(g.open)]); !clean {
		return 0, "", engine.Errorf(engine.Invalid, "%s is missing, and something else stands behind the opening brace", name)
	}
	indent := f.indent(g.open)
	step := "  "
	if strings.HasPrefix(indent, "\t") {
		step = "\t"
	}
	return f.lineEnd(g.open), indent + step + name + " = " + text + f.newline(g.open), nil
}

func (g hclGroup) neighbour(beside []string) (hclItem, bool) {
	for _, name := range beside {
		for _, item := range g.items {
			if item.name == name {
				return item, true
			}
		}
	}
	if len(g.items) > 0 {
		return g.items[len(g.items)-1], true
	}
	return hclItem{}, false
}

// like writes an item as its neighbour is written.
func (f *hclFile) like(near hclItem, name, text string) string {
	mark := " = "
	if near.equals >= 0 && f.src[near.equals] == ':' {
		mark = ": "
	} else if wide := near.equals - near.start - len(name); near.equals >= 0 && wide > 0 {
		mark = strings.Repeat(" ", wide) + "= "
	}
	return string(f.src[f.lineStart(near.start):near.start]) + name + mark + text
}

// onlyComment tells whether the rest of a line holds nothing but a comma and a comment, and gives the comma.
func onlyComment(rest []byte) (comma string, ok bool) {
	text := strings.TrimSpace(string(rest))
	if after, found := strings.CutPrefix(text, ","); found {
		comma, text = ",", strings.TrimSpace(after)
	}
	switch {
	case text == "", strings.HasPrefix(text, "#"), strings.HasPrefix(text, "//"):
		return comma, true
	case strings.HasPrefix(text, "/*"):
		return comma, strings.Index(text, "*/") == len(text)-2
	}
	return comma, false
}

func (f *hclFile) lineStart(at int) int { return bytes.LastIndexByte(f.src[:at], '\n') + 1 }

// lineEnd gives the end of the line of a place, with its line feed.
func (f *hclFile) lineEnd(at int) int {
	if i := bytes.IndexByte(f.src[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(f.src)
}

// newline gives the line end that the line of a place has.
func (f *hclFile) newline(at int) string {
	if bytes.HasSuffix(f.src[:f.lineEnd(at)], []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

func (f *hclFile) indent(at int) string {
	line := f.src[f.lineStart(at):at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}
