package change

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// placer names a line of a file, for a refusal.
type placer func(line int, note string, args ...any) engine.Place

// nowhere is for those who do not tell a refusal.
func nowhere(int, string, ...any) engine.Place { return engine.Place{} }

// step goes from a node to one below it: to the value of a key, or to the item of a list whose key, which may be a dotted path,
// has the value is.
type step struct {
	key string
	is  string // "" for a mapping
}

// keys makes steps of keys that follow each other.
func keys(names ...string) []step {
	steps := make([]step, len(names))
	for i, name := range names {
		steps[i] = step{key: name}
	}
	return steps
}

// walked is how far steps lead.
type walked struct {
	node    *yaml.Node   // that they lead to; nil when something is missing
	missing []step       // that are not there, from the first
	last    *yaml.Node   // the deepest node that is there
	path    []*yaml.Node // all nodes on the way, the first and the last among them
}

// walk follows steps from a node. It refuses where the way is not the object's own: through an alias or a merge, or in a mapping
// that has a key twice.
func walk(from *yaml.Node, steps []step, at placer) (walked, error) {
	w := walked{last: from, path: []*yaml.Node{from}}
	for i, s := range steps {
		if w.last.Kind == yaml.AliasNode {
			return walked{}, refuse([]engine.Place{
				at(w.last.Line, "alias of %s", w.last.Value), at(w.last.Alias.Line, "anchor %s", w.last.Value),
			}, "the value comes from the anchor %s, which others may use too", w.last.Value)
		}
		next, err := s.from(w.last, at)
		if err != nil {
			return walked{}, err
		}
		if next == nil {
			w.missing = steps[i:]
			return w, nil
		}
		w.last = next
		w.path = append(w.path, next)
	}
	if w.last.Kind == yaml.AliasNode {
		return walked{}, refuse([]engine.Place{
			at(w.last.Line, "alias of %s", w.last.Value), at(w.last.Alias.Line, "anchor %s", w.last.Value),
		}, "the value is the anchor %s, which others may use too", w.last.Value)
	}
	w.node = w.last
	return w, nil
}

// from takes one step. It gives nil where there is nothing.
func (s step) from(n *yaml.Node, at placer) (*yaml.Node, error) {
	if s.is != "" {
		return s.item(n, at)
	}
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	var found []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == s.key && n.Content[i].Kind == yaml.ScalarNode {
			found = append(found, n.Content[i+1])
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if line := merged(n, s.key, 0); line > 0 {
			return nil, refuse([]engine.Place{at(line, "merged in from here")},
				"%s is merged in with <<, from what others may use too", s.key)
		}
		return nil, nil
	}
	return nil, refuse([]engine.Place{at(found[0].Line, "first %s", s.key), at(found[1].Line, "second %s", s.key)},
		"the key %s is there twice", s.key)
}

// item finds the one item of a list.
func (s step) item(n *yaml.Node, at placer) (*yaml.Node, error) {
	if n.Kind != yaml.SequenceNode {
		return nil, nil
	}
	var found []*yaml.Node
	for _, item := range n.Content {
		node := item
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		if textOf(node, strings.Split(s.key, ".")...) == s.is {
			found = append(found, item)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	return nil, refuse([]engine.Place{at(found[0].Line, "first %s", s.is), at(found[1].Line, "second %s", s.is)},
		"%s is there twice", s.is)
}

// valueOf gives the value of a key of a mapping, merged ones among them, nil when there is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// textOf gives the scalar at the end of keys, "" when there is none.
func textOf(n *yaml.Node, names ...string) string {
	for _, name := range names {
		n = valueOf(n, name)
	}
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// maxMerges bounds how deep merges may be in each other.
const maxMerges = 16

// merged gives the line of the merge that brings a key into a mapping, 0 when none does.
func merged(n *yaml.Node, key string, depth int) int {
	if depth > maxMerges {
		return 0
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		from := []*yaml.Node{n.Content[i+1]}
		if from[0].Kind == yaml.SequenceNode {
			from = from[0].Content
		}
		for _, source := range from {
			if source.Kind == yaml.AliasNode {
				source = source.Alias
			}
			if source.Kind != yaml.MappingNode {
				continue
			}
			for j := 0; j+1 < len(source.Content); j += 2 {
				if source.Content[j].Value == key {
					return source.Content[j+1].Line
				}
			}
			if line := merged(source, key, depth+1); line > 0 {
				return line
			}
		}
	}
	return 0
}

// shared gives the places of an anchor on a way and of its aliases, nil when nothing on it has an anchor that is used.
func shared(doc *yaml.Node, way []*yaml.Node, at placer) []engine.Place {
	anchored := map[*yaml.Node]bool{}
	for _, n := range way {
		if n.Anchor != "" {
			anchored[n] = true
		}
	}
	if len(anchored) == 0 {
		return nil
	}
	var places []engine.Place
	var look func(n *yaml.Node)
	look = func(n *yaml.Node) {
		if n.Kind == yaml.AliasNode && anchored[n.Alias] {
			if len(places) == 0 {
				places = append(places, at(n.Alias.Line, "anchor %s", n.Alias.Anchor))
			}
			places = append(places, at(n.Line, "uses the anchor %s", n.Value))
		}
		for _, child := range n.Content {
			look(child)
		}
	}
	look(doc)
	return places
}

// pathOf says steps for people: "spec.template.spec.containers[name=api].resources".
func pathOf(steps []step) string {
	var out strings.Builder
	for _, s := range steps {
		switch {
		case s.is != "":
			out.WriteString("[" + s.key + "=" + s.is + "]")
		case out.Len() > 0:
			out.WriteString("." + s.key)
		default:
			out.WriteString(s.key)
		}
	}
	return out.String()
}
