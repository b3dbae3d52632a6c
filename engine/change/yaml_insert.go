package change

import (
	"bytes"
	"errors"
	"slices"

	"go.yaml.in/yaml/v3"
)

// insert gives the file with a value put below a mapping or a list, or below a key that has no value: steps are those that are
// missing, from the outermost, and lead to the value. It fails where they do not fit to n, and where anything else would change.
func (t *yamlText) insert(n *yaml.Node, steps []step, value string) ([]byte, error) {
	var s splice
	var err error
	flow := n.Style&yaml.FlowStyle != 0
	switch {
	case len(steps) == 0:
		return nil, errors.New("nothing is missing")
	case n.Kind == yaml.MappingNode && steps[0].is == "" && flow:
		s, err = t.insertInFlow(n, steps, value)
	case n.Kind == yaml.MappingNode && steps[0].is == "" && len(n.Content) > 0:
		s, err = t.insertKey(n, steps, value)
	case n.Kind == yaml.SequenceNode && steps[0].is != "" && !flow && len(n.Content) > 0 && n.Anchor == "":
		s, err = t.insertItem(n, steps, value)
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null" && steps[0].is == "":
		s, err = t.insertForNull(n, steps, value)
	default:
		err = errors.New("what should hold the value has another form")
	}
	if err != nil {
		return nil, err
	}
	after := apply(t.src, s)
	return after, t.verifyInserted(after, n, steps, value)
}

// verifyInserted puts the same nodes into n, for the time of a comparison.
func (t *yamlText) verifyInserted(after []byte, n *yaml.Node, steps []step, value string) error {
	old := *n
	defer func() { *n = old }()
	made := map[*yaml.Node]bool{n: true}
	node := func(kind yaml.Kind, value string, content ...*yaml.Node) *yaml.Node {
		n := &yaml.Node{Kind: kind, Value: value, Content: content}
		made[n] = true
		return n
	}
	inner := node(yaml.ScalarNode, value) // what stands below a step
	for i, s := range slices.Backward(steps) {
		var content []*yaml.Node // of the mapping that has the step
		if s.is == "" {
			content = []*yaml.Node{node(yaml.ScalarNode, s.key), inner}
		} else {
			pair := []*yaml.Node{node(yaml.ScalarNode, s.key), node(yaml.ScalarNode, s.is)}
			content = []*yaml.Node{node(yaml.MappingNode, "", append(pair, inner.Content...)...)}
		}
		if i > 0 {
			kind := yaml.MappingNode
			if s.is != "" {
				kind = yaml.SequenceNode
			}
			inner = node(kind, "", content...)
			continue
		}
		if n.Kind == yaml.ScalarNode {
			n.Kind, n.Value = yaml.MappingNode, ""
		}
		n.Content = slices.Insert(slices.Clone(n.Content), t.insertAt(&old, s), content...)
	}
	return t.verify(after, made)
}

// behind are the keys which a new key is put behind where they hold a value of one line, rather than at the end of the mapping.
var behind = map[string][]string{"resources": {"name", "image", "imagePullPolicy"}}

// insertAt gives the index in n's contents at which a new key or item is put.
func (t *yamlText) insertAt(n *yaml.Node, s step) int {
	at := len(n.Content)
	if n.Style&yaml.FlowStyle != 0 || n.Kind != yaml.MappingNode {
		return at
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		if slices.Contains(behind[s.key], n.Content[i].Value) && v.Kind == yaml.ScalarNode && v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
			at = i + 2
		}
	}
	return at
}

// insertKey puts lines into a mapping in block style, with its own indentation and line ends.
func (t *yamlText) insertKey(n *yaml.Node, steps []step, value string) (splice, error) {
	at, err := t.end(n.Content[t.insertAt(n, steps[0])-1])
	if err != nil {
		return splice{}, err
	}
	f := t.formOf(n)
	if f.jsonLike && len(steps) == 1 {
		f.quote = doubleMark
	}
	return t.lineAfter(at, f.lines(n.Content[0].Column-1, steps, f.valueLike(n, steps, value))), nil
}

// insertItem puts lines behind the last item of a list in block style.
func (t *yamlText) insertItem(n *yaml.Node, steps []step, value string) (splice, error) {
	at, err := t.end(n.Content[len(n.Content)-1])
	if err != nil {
		return splice{}, err
	}
	f := t.formOf(nil)
	return t.lineAfter(at, f.lines(n.Column-1, steps, f.valueLike(n, steps, value))), nil
}

// lineAfter makes a splice that puts lines behind the line in which at is, or at at if that is the start of a line.
func (t *yamlText) lineAfter(at int, lines []string) splice {
	eol := t.eol(max(0, at-1))
	if _, starts := slices.BinarySearch(t.lines, at); at > 0 && starts {
		return splice{at, at, joined(lines, eol) + eol}
	}
	end := t.lineEnd(at)
	if end == len(t.src) {
		return splice{end, end, eol + joined(lines, eol)}
	}
	end += breakAt(t.src, end)
	return splice{end, end, joined(lines, eol) + eol}
}

// insertInFlow puts a pair into a mapping in braces.
func (t *yamlText) insertInFlow(n *yaml.Node, steps []step, value string) (splice, error) {
	f := t.formOf(n)
	text := f.pairs(steps, f.valueLike(n, steps, value))
	if len(n.Content) == 0 {
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
func (t *yamlText) insertForNull(n *yaml.Node, steps []step, value string) (splice, error) {
	start, end, err := t.span(n)
	if err != nil {
		return splice{}, err
	}
	f := t.formOf(nil)
	value = f.valueLike(n, steps, value)
	rest := bytes.TrimSpace(t.src[end:t.lineEnd(end)])
	switch {
	case end > start:
		return splice{start, end, "{" + f.pairs(steps, value) + "}"}, nil
	case len(rest) > 0 && rest[0] != '#':
		return splice{start, start, " {" + f.pairs(steps, value) + "}"}, nil
	}
	line := t.src[t.lines[n.Line-1]:start]
	indent := len(line) - len(bytes.TrimLeft(line, " -"))
	return t.lineAfter(start, f.lines(indent+f.unit, steps, value)), nil
}
