package change

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// insert gives the file with a value put below a mapping, or below a key that has none: names are the keys that are missing, from
// the outermost, of which each holds the next and the last one the value. It fails where n is neither, and where anything else
// would change.
func (t *yamlText) insert(n *yaml.Node, names []string, value string) ([]byte, error) {
	var s splice
	var err error
	switch {
	case len(names) == 0:
		return nil, errors.New("nothing to insert")
	case n.Kind == yaml.MappingNode && n.Style&yaml.FlowStyle != 0:
		s, err = t.insertInFlow(n, names, value)
	case n.Kind == yaml.MappingNode && len(n.Content) > 0:
		s, err = t.insertLines(n, names, value)
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		s, err = t.insertForNull(n, names, value)
	default:
		err = errors.New("what should hold the value is no mapping")
	}
	if err != nil {
		return nil, err
	}
	after := apply(t.src, s)
	return after, t.verifyInserted(after, n, names, value)
}

// verifyInserted puts the same nodes into a copy of n, for the time of a comparison. Where among the keys they are says the file.
func (t *yamlText) verifyInserted(after []byte, n *yaml.Node, names []string, value string) error {
	old := *n
	defer func() { *n = old }()
	made := map[*yaml.Node]bool{n: true}
	node := func(kind yaml.Kind, value string, content ...*yaml.Node) *yaml.Node {
		n := &yaml.Node{Kind: kind, Value: value, Content: content}
		made[n] = true
		return n
	}
	inner := node(yaml.ScalarNode, value)
	for _, name := range slices.Backward(names[1:]) {
		inner = node(yaml.MappingNode, "", node(yaml.ScalarNode, name), inner)
	}
	if n.Kind == yaml.ScalarNode {
		n.Kind, n.Value = yaml.MappingNode, ""
	}
	at := t.insertAt(&old, names[0])
	n.Content = slices.Insert(slices.Clone(n.Content), at, node(yaml.ScalarNode, names[0]), inner)
	return t.verify(after, made)
}

// behind are the keys which a new key is put behind where they hold a value of one line, rather than at the end of the mapping.
var behind = map[string][]string{"resources": {"name", "image", "imagePullPolicy"}}

// insertAt gives the index in n's contents at which a new key is put.
func (t *yamlText) insertAt(n *yaml.Node, name string) int {
	at := -1
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(behind[name], n.Content[i].Value) && n.Content[i+1].Kind == yaml.ScalarNode && n.Content[i+1].Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
			at = i + 2
		}
	}
	if at < 0 || n.Style&yaml.FlowStyle != 0 {
		return len(n.Content)
	}
	return at
}

// insertLines puts lines into a mapping in block style, with its own indentation and line ends.
func (t *yamlText) insertLines(n *yaml.Node, names []string, value string) (splice, error) {
	at, err := t.end(n.Content[t.insertAt(n, names[0])-1])
	if err != nil {
		return splice{}, err
	}
	key := n.Content[0]
	lines := t.blockLines(key.Column-1, t.unit(n), t.quoteOf(key), names, t.likeSibling(n, names, value))
	return t.lineAfter(at, lines), nil
}

// lineAfter makes a splice that puts lines behind the line in which at is, or at at if that is the start of a line.
func (t *yamlText) lineAfter(at int, lines []string) splice {
	eol := t.eol(max(0, at-1))
	if at > 0 && at <= len(t.src) && t.startsLine(at) {
		return splice{at, at, strings.Join(lines, eol) + eol}
	}
	end := t.lineEnd(at)
	if end == len(t.src) {
		return splice{end, end, eol + strings.Join(lines, eol)}
	}
	end += breakAt(t.src, end)
	return splice{end, end, strings.Join(lines, eol) + eol}
}

// startsLine tells whether a line of the file starts at an offset.
func (t *yamlText) startsLine(at int) bool {
	_, found := slices.BinarySearch(t.lines, at)
	return found
}

// insertInFlow puts a pair into a mapping in braces.
func (t *yamlText) insertInFlow(n *yaml.Node, names []string, value string) (splice, error) {
	var key *yaml.Node
	if len(n.Content) > 0 {
		key = n.Content[0]
	}
	quote := t.quoteOf(key)
	text := quote + names[0] + quote + ": " + t.flowText(quote, names[1:], t.likeSibling(n, names, value))
	if key == nil {
		at := t.offset(n)
		if at < 0 {
			return splice{}, errSpan
		}
		at = t.skipProperties(at) + 1
		return splice{at, at, text}, nil
	}
	at, err := t.end(n.Content[len(n.Content)-1])
	if err != nil {
		return splice{}, err
	}
	return splice{at, at, ", " + text}, nil
}

// insertForNull gives a mapping to a key that has no value: in braces where null is written out, otherwise in lines below the key.
func (t *yamlText) insertForNull(n *yaml.Node, names []string, value string) (splice, error) {
	start, end, err := t.span(n)
	if err != nil {
		return splice{}, err
	}
	if end > start {
		return splice{start, end, "{" + t.flowPairs("", names, value) + "}"}, nil
	}
	line := t.lines[n.Line-1]
	indent := len(t.src[line:start]) - len(bytes.TrimLeft(t.src[line:start], " -"))
	rest := t.src[start:t.lineEnd(start)]
	if trimmed := bytes.TrimSpace(rest); len(trimmed) > 0 && trimmed[0] != '#' {
		return splice{start, start, " {" + t.flowPairs("", names, value) + "}"}, nil
	}
	unit := t.unit(nil)
	return t.lineAfter(start, t.blockLines(indent+unit, unit, "", names, value)), nil
}

// blockLines writes nested keys one below the other.
func (t *yamlText) blockLines(indent, unit int, quote string, names []string, value string) []string {
	var lines []string
	for i, name := range names {
		line := strings.Repeat(" ", indent+i*unit) + quote + name + quote + ":"
		if i == len(names)-1 {
			line += " " + value
		}
		lines = append(lines, line)
	}
	return lines
}

func (t *yamlText) flowPairs(quote string, names []string, value string) string {
	return quote + names[0] + quote + ": " + t.flowText(quote, names[1:], value)
}

// flowText writes nested keys in braces.
func (t *yamlText) flowText(quote string, names []string, value string) string {
	if len(names) == 0 {
		return value
	}
	return "{" + t.flowPairs(quote, names, value) + "}"
}

// quoteOf gives the quotes that a key has.
func (t *yamlText) quoteOf(key *yaml.Node) string {
	if key != nil && key.Style&yaml.DoubleQuotedStyle != 0 {
		return `"`
	}
	if key != nil && key.Style&yaml.SingleQuotedStyle != 0 {
		return "'"
	}
	return ""
}

// likeSibling writes a value in the quotes of the other values of the mapping that it goes to.
func (t *yamlText) likeSibling(n *yaml.Node, names []string, value string) string {
	style := yaml.Style(0)
	if !isPlain(value) {
		style = yaml.DoubleQuotedStyle
	}
	if len(names) == 1 {
		for i := 1; i < len(n.Content); i += 2 {
			if s := n.Content[i].Style & (yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle); n.Content[i].Kind == yaml.ScalarNode && s != 0 {
				style = s
			}
		}
	}
	if style == 0 && len(n.Content) > 0 && n.Content[0].Style&yaml.DoubleQuotedStyle != 0 {
		style = yaml.DoubleQuotedStyle // as in JSON
	}
	switch style {
	case yaml.DoubleQuotedStyle:
		return doubleQuoted(value)
	case yaml.SingleQuotedStyle:
		return "'" + strings.ReplaceAll(value, "'", "''") + "'"
	default:
		return value
	}
}

// unit gives by how many spaces the file indents: below n, or wherever it first does.
func (t *yamlText) unit(n *yaml.Node) int {
	if n != nil {
		if u := indentBelow(n); u > 0 {
			return u
		}
	}
	for _, doc := range t.docs {
		if u := firstIndent(doc); u > 0 {
			return u
		}
	}
	return 2
}

// indentBelow gives by how much a mapping indents a mapping that it holds, 0 when there is none.
func indentBelow(n *yaml.Node) int {
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		child := n.Content[i+1]
		if child.Kind == yaml.MappingNode && child.Style&yaml.FlowStyle == 0 && len(child.Content) > 0 && child.Line > n.Content[i].Line {
			return child.Content[0].Column - n.Content[i].Column
		}
	}
	return 0
}

func firstIndent(n *yaml.Node) int {
	if u := indentBelow(n); u > 0 {
		return u
	}
	for _, child := range n.Content {
		if u := firstIndent(child); u > 0 {
			return u
		}
	}
	return 0
}
