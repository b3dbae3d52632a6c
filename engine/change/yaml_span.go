package change

import (
	"bytes"
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"
)

// quoting are the styles of a scalar that say how it is written.
const quoting = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

var errSpan = errors.New("where the value ends is not clear")

// span gives the bytes of a scalar, its quotes among them, its anchor and tag not. The span of a value that is not there is empty.
func (t *yamlText) span(n *yaml.Node) (start, end int, err error) {
	at := t.offset(n)
	if at < 0 || n.Kind != yaml.ScalarNode {
		return 0, 0, errSpan
	}
	if n.Value == "" && n.Style&quoting == 0 {
		if n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
			return 0, 0, errSpan
		}
		return at, at, nil
	}
	at = t.skipProperties(at)
	if at >= len(t.src) {
		return 0, 0, errSpan
	}
	switch n.Style & quoting {
	case yaml.DoubleQuotedStyle:
		return t.quoted(at, '"')
	case yaml.SingleQuotedStyle:
		return t.quoted(at, '\'')
	case yaml.LiteralStyle, yaml.FoldedStyle:
		b, err := t.block(n, at)
		return at, b.end, err
	default:
		return t.plain(at, n.Value)
	}
}

// skipProperties goes past an anchor and a tag, and what stands between them and the value.
func (t *yamlText) skipProperties(at int) int {
	for at < len(t.src) && (t.src[at] == '&' || t.src[at] == '!') {
		for at < len(t.src) && !isBlank(t.src[at]) && breakAt(t.src, at) == 0 {
			at++
		}
		at = t.skipSpace(at)
	}
	return at
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

// skipSpace goes past blanks, line breaks and comments.
func (t *yamlText) skipSpace(at int) int {
	for at < len(t.src) {
		switch n := breakAt(t.src, at); {
		case n > 0:
			at += n
		case isBlank(t.src[at]):
			at++
		case t.src[at] == '#' && (at == 0 || isBlank(t.src[at-1]) || breakAt(t.src, at-1) > 0):
			at = t.lineEnd(at)
		default:
			return at
		}
	}
	return at
}

// quoted finds the end of a quoted scalar.
func (t *yamlText) quoted(start int, quote byte) (int, int, error) {
	if t.src[start] != quote {
		return 0, 0, errSpan
	}
	for at := start + 1; at < len(t.src); at++ {
		switch {
		case quote == '"' && t.src[at] == '\\':
			at++
		case t.src[at] != quote:
		case quote == '\'' && at+1 < len(t.src) && t.src[at+1] == quote:
			at++
		default:
			return start, at + 1, nil
		}
	}
	return 0, 0, errSpan
}

// plain finds the end of a scalar without quotes: its bytes are its value, but for the white space where it is folded.
func (t *yamlText) plain(start int, value string) (int, int, error) {
	at := start
	for i := 0; i < len(value); {
		if !isFold(value[i]) {
			if at >= len(t.src) || value[i] != t.src[at] {
				return 0, 0, errSpan
			}
			i, at = i+1, at+1
			continue
		}
		for i < len(value) && isFold(value[i]) {
			i++
		}
		from := at
		for at < len(t.src) && (isBlank(t.src[at]) || breakAt(t.src, at) > 0) {
			at += max(1, breakAt(t.src, at))
		}
		if at == from {
			return 0, 0, errSpan
		}
	}
	return start, at, nil
}

func isFold(b byte) bool { return isBlank(b) || b == '\n' }

// blockScalar is where the lines of a literal or folded scalar are.
type blockScalar struct {
	body   int // offset of the first line
	end    int // behind the last line that is not blank
	indent int // columns before the text of each line
}

// block finds the lines of a literal or folded scalar whose header is at an offset.
func (t *yamlText) block(n *yaml.Node, header int) (blockScalar, error) {
	if t.src[header] != '|' && t.src[header] != '>' {
		return blockScalar{}, errSpan
	}
	b := blockScalar{body: t.lineEnd(header)}
	b.body += breakAt(t.src, b.body)
	b.end = b.body
	if strings.TrimSpace(n.Value) == "" {
		return b, nil
	}
	found := false
	for at := b.body; at < len(t.src); {
		end := t.lineEnd(at)
		line := t.src[at:end]
		spaces := len(line) - len(bytes.TrimLeft(line, " "))
		if len(bytes.TrimSpace(line)) > 0 {
			if !found {
				found = true
				b.indent = spaces - leadingSpaces(n.Value)
			}
			if spaces < b.indent {
				break
			}
			b.end = end + breakAt(t.src, end)
		}
		if end == len(t.src) {
			break
		}
		at = end + breakAt(t.src, end)
	}
	if !found || b.indent < 0 {
		return blockScalar{}, errSpan
	}
	return b, nil
}

// leadingSpaces counts the spaces before the first line of a value that is not blank.
func leadingSpaces(value string) int {
	for line := range strings.Lines(value) {
		if strings.TrimSpace(line) != "" {
			return len(line) - len(strings.TrimLeft(line, " "))
		}
	}
	return 0
}

// end gives the offset behind a node.
func (t *yamlText) end(n *yaml.Node) (int, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		_, end, err := t.span(n)
		return end, err
	case yaml.AliasNode:
		at := t.offset(n)
		if at < 0 || at >= len(t.src) || t.src[at] != '*' {
			return 0, errSpan
		}
		return at + 1 + len(n.Value), nil
	case yaml.MappingNode, yaml.SequenceNode:
		if n.Style&yaml.FlowStyle != 0 {
			return t.flowEnd(n)
		}
		if len(n.Content) > 0 {
			return t.end(n.Content[len(n.Content)-1])
		}
	case yaml.DocumentNode:
	}
	return 0, errSpan
}

// flowEnd finds the bracket that closes a flow collection.
func (t *yamlText) flowEnd(n *yaml.Node) (int, error) {
	at := t.offset(n)
	if at < 0 {
		return 0, errSpan
	}
	at = t.skipProperties(at) + 1
	if len(n.Content) > 0 {
		var err error
		if at, err = t.end(n.Content[len(n.Content)-1]); err != nil {
			return 0, err
		}
	}
	closing := byte('}')
	if n.Kind == yaml.SequenceNode {
		closing = ']'
	}
	for at < len(t.src) {
		at = t.skipSpace(at)
		switch {
		case at >= len(t.src):
		case t.src[at] == ',' || t.src[at] == ':':
			at++
			continue
		case t.src[at] == closing:
			return at + 1, nil
		}
		break
	}
	return 0, errSpan
}
