package change

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// yamlText is a YAML file: its bytes, and the nodes that the parser found in them. The parser says where nodes start, in lines and
// runes; where they end is found in the bytes.
type yamlText struct {
	src   []byte
	lines []int        // offsets at which the parser's lines start
	docs  []*yaml.Node // of kind DocumentNode
}

var bom = []byte("\uFEFF")

// parseYAML reads all documents of a file. It fails for what is no YAML, such as a Helm template.
func parseYAML(src []byte) (t *yamlText, err error) {
	defer func() {
		if r := recover(); r != nil {
			t, err = nil, fmt.Errorf("the YAML parser gave up: %v", r) // it panics on some malformed input
		}
	}()
	if bytes.HasPrefix(src, []byte{0xFE, 0xFF}) || bytes.HasPrefix(src, []byte{0xFF, 0xFE}) {
		return nil, errors.New("the file is UTF-16; only UTF-8 is edited")
	}
	t = &yamlText{src: src, lines: lineStarts(src)}
	for d := yaml.NewDecoder(bytes.NewReader(src)); ; {
		doc := new(yaml.Node)
		switch err := d.Decode(doc); {
		case errors.Is(err, io.EOF):
			return t, nil
		case err != nil:
			return nil, err
		}
		t.docs = append(t.docs, doc)
	}
}

// lineStarts gives the offsets of lines as YAML 1.1 counts them: beside CR and LF, three runes of Unicode end a line.
func lineStarts(src []byte) []int {
	at := 0
	if bytes.HasPrefix(src, bom) {
		at = len(bom)
	}
	starts := []int{at}
	for at < len(src) {
		if n := breakAt(src, at); n > 0 {
			at += n
			starts = append(starts, at)
			continue
		}
		at++
	}
	return starts
}

// breakAt gives the length of the line break at an offset, 0 where there is none.
func breakAt(src []byte, at int) int {
	rest := src[at:]
	switch {
	case len(rest) == 0:
		return 0
	case bytes.HasPrefix(rest, []byte("\r\n")):
		return 2
	case rest[0] == '\n' || rest[0] == '\r':
		return 1
	case bytes.HasPrefix(rest, []byte("\u0085")):
		return 2
	case bytes.HasPrefix(rest, []byte("\u2028")), bytes.HasPrefix(rest, []byte("\u2029")):
		return 3
	}
	return 0
}

// offset turns a node's line and column, both from 1 and the column in runes, into an offset. It gives -1 where there is no such
// place.
func (t *yamlText) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(t.lines) {
		return -1
	}
	at := t.lines[n.Line-1]
	for range n.Column - 1 {
		if at >= len(t.src) {
			return -1
		}
		_, size := utf8.DecodeRune(t.src[at:])
		at += size
	}
	return at
}

// lineEnd gives the offset of the break that ends the line of an offset, or of the end of the file.
func (t *yamlText) lineEnd(at int) int {
	for at < len(t.src) && breakAt(t.src, at) == 0 {
		at++
	}
	return at
}

// eol gives the line end that the file uses where at is, and "\n" for a file of one line.
func (t *yamlText) eol(at int) string {
	end := t.lineEnd(at)
	if n := breakAt(t.src, end); n > 0 {
		return string(t.src[end : end+n])
	}
	if len(t.lines) > 1 {
		end = t.lineEnd(t.lines[len(t.lines)-2])
		return string(t.src[end : end+breakAt(t.src, end)])
	}
	return "\n"
}
