package change

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// set gives the file with the value of one scalar replaced, in the quotes that it has. It fails for scalars of several lines in a
// block, for a value that the scalar's style cannot hold, and where anything else would change.
func (t *yamlText) set(n *yaml.Node, value string) ([]byte, error) {
	s, err := t.setting(n, value)
	if err != nil {
		return nil, err
	}
	after := apply(t.src, s)
	old := *n
	defer func() { *n = old }()
	n.Value = value
	if v := any(nil); n.Style&yaml.TaggedStyle != 0 && n.Decode(&v) != nil {
		return nil, errors.New("the tag before the value asks for another sort of value")
	}
	return after, t.verify(after, map[*yaml.Node]bool{n: true})
}

// setting is the splice that replaces a scalar.
func (t *yamlText) setting(n *yaml.Node, value string) (splice, error) {
	start, end, err := t.span(n)
	if err != nil {
		return splice{}, err
	}
	text := value
	switch n.Style & quoting {
	case yaml.DoubleQuotedStyle:
		text = doubleQuoted(value)
	case yaml.SingleQuotedStyle:
		if strings.ContainsFunc(value, unicode.IsControl) {
			return splice{}, errors.New("single quotes cannot hold this value")
		}
		text = "'" + strings.ReplaceAll(value, "'", "''") + "'"
	case yaml.LiteralStyle, yaml.FoldedStyle:
		return splice{}, errors.New("the value is a block of lines")
	default:
		if !isPlain(value) || n.ShortTag() == "!!str" && !readsAsText(value) {
			text = doubleQuoted(value) // what was text must not become a number
		}
	}
	if start == end { // there is a key and no value: they need a space between them
		text = " " + text
	}
	return splice{start, end, text}, nil
}

// isPlain tells whether a value may stand anywhere without quotes.
func isPlain(value string) bool {
	n := yaml.Node{}
	err := yaml.Unmarshal([]byte("[ "+value+" ]"), &n)
	return err == nil && len(n.Content) == 1 && len(n.Content[0].Content) == 1 &&
		n.Content[0].Content[0].Kind == yaml.ScalarNode && n.Content[0].Content[0].Value == value &&
		n.Content[0].Content[0].Style == 0 && value != ""
}

// readsAsText tells whether a value without quotes is read as text, rather than as a number, a date or such.
func readsAsText(value string) bool {
	n := yaml.Node{Kind: yaml.ScalarNode, Value: value}
	return n.ShortTag() == "!!str"
}

func doubleQuoted(value string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range value {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\uFEFF':
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// errElsewhere is why a change is not made that would be read as more than itself.
var errElsewhere = errors.New("something else in the file would change")

// verify parses a changed file again and compares it with the nodes of t, which the caller changed likewise: everything but how the
// nodes of made are written must be the same.
func (t *yamlText) verify(after []byte, made map[*yaml.Node]bool) error {
	got, err := parseYAML(after)
	if err != nil {
		return fmt.Errorf("the changed file is no YAML: %w", err)
	}
	if len(got.docs) != len(t.docs) {
		return errElsewhere
	}
	for i, doc := range t.docs {
		if n := unequal(doc, got.docs[i], made); n != nil {
			return errElsewhere
		}
		if !slices.Equal(comments(doc), comments(got.docs[i])) {
			return errElsewhere
		}
	}
	return nil
}

// unequal gives the first node of want that got does not have alike, nil when there is none.
func unequal(want, got *yaml.Node, made map[*yaml.Node]bool) *yaml.Node {
	same := want.Kind == got.Kind && want.Value == got.Value && want.Anchor == got.Anchor && len(want.Content) == len(got.Content)
	if !made[want] {
		same = same && want.Tag == got.Tag && want.Style == got.Style
	}
	if !same {
		return want
	}
	for i, child := range want.Content {
		if n := unequal(child, got.Content[i], made); n != nil {
			return n
		}
	}
	return nil
}

// comments gives all comments below a node, sorted: an insertion moves them to other nodes, and must lose none.
func comments(n *yaml.Node) []string {
	var all []string
	for _, c := range []string{n.HeadComment, n.LineComment, n.FootComment} {
		for line := range strings.Lines(c) {
			if line = strings.TrimSpace(line); line != "" {
				all = append(all, line)
			}
		}
	}
	for _, child := range n.Content {
		all = append(all, comments(child)...)
	}
	slices.Sort(all)
	return all
}
