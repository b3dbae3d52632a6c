package change

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

const doubleMark = `"`

// form is how a file writes what it holds: new lines are written likewise.
type form struct {
	unit     int    // by which a mapping is indented
	list     int    // by which the items of a list are indented, below the key
	quote    string // of keys
	jsonLike bool   // keys are in double quotes, so strings are too
}

// formOf reads a file's form off the surroundings of a mapping, and off the whole file where they do not show it.
func (t *yamlText) formOf(n *yaml.Node) form {
	f := form{unit: -1, list: -1}
	if n != nil {
		f.look(n)
		if len(n.Content) > 0 {
			f.quote = quoteOf(n.Content[0])
		}
	}
	for _, doc := range t.docs {
		f.lookBelow(doc)
	}
	if f.unit < 1 {
		f.unit = 2
	}
	f.list = max(f.list, 0)
	f.jsonLike = f.quote == doubleMark
	return f
}

// quoteOf gives the quotes that a key has.
func quoteOf(key *yaml.Node) string {
	switch key.Style & quoting {
	case yaml.DoubleQuotedStyle:
		return doubleMark
	case yaml.SingleQuotedStyle:
		return "'"
	default:
		return ""
	}
}

// look reads the indentation of what one mapping holds.
func (f *form) look(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, child := n.Content[i], n.Content[i+1]
		if child.Style&yaml.FlowStyle != 0 || len(child.Content) == 0 || child.Line == key.Line || child.Anchor != "" {
			continue
		}
		switch {
		case child.Kind == yaml.MappingNode && f.unit < 0:
			f.unit = child.Content[0].Column - key.Column
		case child.Kind == yaml.SequenceNode && f.list < 0:
			f.list = child.Column - key.Column
		}
	}
}

func (f *form) lookBelow(n *yaml.Node) {
	if f.unit >= 0 && f.list >= 0 {
		return
	}
	f.look(n)
	for _, child := range n.Content {
		f.lookBelow(child)
	}
}

// lines writes steps below each other, and the value behind the last one.
func (f form) lines(indent int, steps []step, value string) []string {
	var lines []string
	for i, s := range steps {
		line := strings.Repeat(" ", indent) + f.quote + s.key + f.quote + ":"
		switch {
		case s.is != "":
			line = strings.Repeat(" ", indent) + "- " + f.quote + s.key + f.quote + ": " + f.scalar(s.is)
			indent += 2
		case i == len(steps)-1:
			line += " " + value
		case steps[i+1].is != "":
			indent += f.list
		default:
			indent += f.unit
		}
		lines = append(lines, line)
	}
	return lines
}

// pairs writes steps in braces, without the outermost ones.
func (f form) pairs(steps []step, value string) string {
	s := steps[0]
	text := f.quote + s.key + f.quote + ": "
	switch {
	case s.is != "" && len(steps) > 1:
		return text + f.scalar(s.is) + ", " + f.pairs(steps[1:], value)
	case s.is != "":
		return text + f.scalar(s.is)
	case len(steps) == 1:
		return text + value
	case steps[1].is != "":
		return text + "[{" + f.pairs(steps[1:], value) + "}]"
	}
	return text + "{" + f.pairs(steps[1:], value) + "}"
}

// scalar writes a value in quotes where it needs them.
func (f form) scalar(value string) string {
	if f.jsonLike || !isPlain(value) {
		return doubleQuoted(value)
	}
	return value
}

// valueLike writes a value in the quotes of the other values of the mapping that it goes to.
func (f form) valueLike(n *yaml.Node, steps []step, value string) string {
	if len(steps) == 1 && n.Kind == yaml.MappingNode {
		for i := 1; i < len(n.Content); i += 2 {
			if n.Content[i].Kind != yaml.ScalarNode {
				continue
			}
			switch n.Content[i].Style & quoting {
			case yaml.DoubleQuotedStyle:
				return doubleQuoted(value)
			case yaml.SingleQuotedStyle:
				return "'" + strings.ReplaceAll(value, "'", "''") + "'"
			default:
			}
		}
	}
	return f.scalar(value)
}

func joined(lines []string, eol string) string { return strings.Join(lines, eol) }
