package change

import (
	"bytes"
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"
)

// setInner gives the file with the text in a scalar replaced by another text, of which only the lines that differ are touched. It
// fails for folded scalars, whose lines are not the file's.
func (t *yamlText) setInner(n *yaml.Node, value string) ([]byte, error) {
	if n.Style&yaml.SingleQuotedStyle != 0 {
		return t.set(n, value)
	}
	if n.Style&yaml.LiteralStyle == 0 {
		return nil, errors.New("it is in a text which is not a literal block")
	}
	b, err := t.block(n, t.skipProperties(max(0, t.offset(n))))
	if err != nil {
		return nil, err
	}
	before, after := splitLines(n.Value), splitLines(value)
	head, tail := common(before, after)
	start := t.skipLines(b.body, head)
	end := t.skipLines(start, len(before)-tail-head)
	eol := t.eol(b.body)
	var text strings.Builder
	for _, line := range after[head : len(after)-tail] {
		if line != "\n" {
			text.WriteString(strings.Repeat(" ", b.indent))
		}
		text.WriteString(strings.TrimSuffix(line, "\n"))
		text.WriteString(eol)
	}
	made := text.String()
	if end == len(t.src) && !bytes.HasSuffix(t.src[:end], []byte("\n")) {
		made = strings.TrimSuffix(made, eol)
	}
	changed := apply(t.src, splice{start, end, made})
	old := n.Value
	defer func() { n.Value = old }()
	n.Value = value
	return changed, t.verify(changed, map[*yaml.Node]bool{n: true})
}

// skipLines gives the offset so many lines behind the start of a line.
func (t *yamlText) skipLines(at, n int) int {
	for range n {
		at = t.lineEnd(at)
		at += breakAt(t.src, at)
	}
	return at
}
