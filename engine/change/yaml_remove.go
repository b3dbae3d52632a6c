package change

import (
	"bytes"
	"errors"
	"slices"

	"go.yaml.in/yaml/v3"
)

// removeDocument gives the file without one of its documents, the markers of the others right: nil when nothing is left of it. It
// fails where the bytes of the document are not clear.
func (t *yamlText) removeDocument(doc *yaml.Node) ([]byte, error) {
	i := slices.Index(t.docs, doc)
	if i < 0 || len(doc.Content) == 0 {
		return nil, errSpan
	}
	rest := slices.Delete(slices.Clone(t.docs), i, i+1)
	if !slices.ContainsFunc(rest, isFilled) {
		return nil, nil
	}
	start, end := t.documentAround(doc.Content[0].Line)
	after := apply(t.src, splice{start: start, end: end})
	got, err := parseYAML(after)
	if err != nil || len(got.docs) != len(rest) {
		return nil, errElsewhere
	}
	for k, doc := range rest {
		if unequal(doc, got.docs[k], nil) != nil {
			return nil, errElsewhere
		}
	}
	return after, nil
}

// isFilled tells whether a document holds anything.
func isFilled(doc *yaml.Node) bool {
	return len(doc.Content) > 0 && (doc.Content[0].Kind != yaml.ScalarNode || doc.Content[0].Value != "")
}

// documentAround gives the bytes of the document that has a line: from its directives and its marker to the next one's. A header
// of comments that a blank line ends belongs to the file.
func (t *yamlText) documentAround(line int) (start, end int) {
	first := 0 // index of its first line
	for i := line - 1; i >= 0; i-- {
		if m := t.marker(i); m == "---" {
			first = i
			break
		} else if m == "..." {
			first = i + 1
			break
		}
	}
	if t.marker(first) == "---" {
		first = t.directivesAbove(first)
	} else {
		first = t.headerFrom(first)
	}
	last := len(t.lines) // index of the first line behind it
	for i := max(line-1, first+1); i < len(t.lines); i++ {
		m := t.marker(i)
		if m == "..." {
			last = i + 1
			break
		}
		if m == "---" && i > line-1 {
			last = i
			break
		}
	}
	end = len(t.src)
	if last < len(t.lines) {
		end = t.lines[last]
	}
	return t.lines[first], end
}

// marker gives the marker of documents that a line is: "---", "...", or "".
func (t *yamlText) marker(i int) string {
	rest := t.src[t.lines[i]:]
	for _, m := range []string{"---", "..."} {
		if bytes.HasPrefix(rest, []byte(m)) && (len(rest) == 3 || isBlank(rest[3]) || breakAt(rest, 3) > 0) {
			return m
		}
	}
	return ""
}

// line gives a line without its break.
func (t *yamlText) line(i int) []byte { return t.src[t.lines[i]:t.lineEnd(t.lines[i])] }

// directivesAbove gives the first of the lines above a marker that belong to it: directives, and what stands between them.
func (t *yamlText) directivesAbove(i int) int {
	first := i
	for j := i - 1; j >= 0; j-- {
		line := bytes.TrimSpace(t.line(j))
		if len(line) > 0 && line[0] == '%' {
			first = j
		} else if len(line) > 0 && line[0] != '#' {
			break
		}
	}
	return first
}

// headerFrom gives the line behind a header of comments that a blank line ends, or the line itself when there is none.
func (t *yamlText) headerFrom(i int) int {
	after := i
	for j := i; j < len(t.lines); j++ {
		line := bytes.TrimSpace(t.line(j))
		switch {
		case len(line) == 0 && j > i:
			after = j + 1
		case len(line) == 0 || line[0] != '#':
			return min(after, len(t.lines)-1)
		}
	}
	return i
}

// removeItem gives the file without one item of a list in block style, which must stand in a line of its own.
func (t *yamlText) removeItem(list, item *yaml.Node) ([]byte, error) {
	i := slices.Index(list.Content, item)
	start, end, err := t.span(item)
	if err != nil || i < 0 || list.Style&yaml.FlowStyle != 0 || len(list.Content) < 2 {
		return nil, errors.New("the item does not stand alone in a line")
	}
	from, to := t.lines[item.Line-1], t.lineEnd(end)
	before, behind := bytes.TrimSpace(t.src[from:start]), bytes.TrimSpace(t.src[end:to])
	if string(before) != "-" || len(behind) > 0 && behind[0] != '#' {
		return nil, errors.New("the item does not stand alone in a line")
	}
	after := apply(t.src, splice{start: from, end: to + breakAt(t.src, to)})
	old := list.Content
	defer func() { list.Content = old }()
	list.Content = slices.Delete(slices.Clone(old), i, i+1)
	got, err := parseYAML(after)
	if err != nil || len(got.docs) != len(t.docs) {
		return nil, errElsewhere
	}
	for k, doc := range t.docs {
		if unequal(doc, got.docs[k], nil) != nil {
			return nil, errElsewhere
		}
	}
	return after, nil
}
