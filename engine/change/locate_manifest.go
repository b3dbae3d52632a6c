package change

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// manifest is one object in a YAML file, or in a text inside of one.
type manifest struct {
	path string
	text *yamlText
	doc  *yaml.Node // that it is in
	root *yaml.Node // its mapping

	outer *yamlText  // the file around a text; nil for an object that stands in the file itself
	host  *yaml.Node // the scalar that holds the text
}

// line gives the line of the file that a line of the object is.
func (m manifest) line(n int) int {
	if m.host == nil {
		return n
	}
	if m.host.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		return m.host.Line
	}
	if b, err := m.outer.block(m.host, m.outer.skipProperties(max(0, m.outer.offset(m.host)))); err == nil {
		first, _ := slices.BinarySearch(m.outer.lines, b.body)
		return first + n
	}
	return m.host.Line
}

// whole gives the file of which the object's text became another one.
func (m manifest) whole(text []byte, err error) ([]byte, error) {
	if err != nil || m.host == nil {
		return text, err
	}
	return m.outer.setInner(m.host, string(text))
}

// object names it as it stands in the file.
func (m manifest) object() object {
	return object{textOf(m.root, "kind"), textOf(m.root, "metadata", "namespace"), textOf(m.root, "metadata", "name")}
}

// isYAML tells whether a file may hold manifests.
func isYAML(p string) bool {
	switch path.Ext(p) {
	case ".yaml", ".yml":
		return true
	}
	return false
}

// isNamespace tells whether an object that says namespace have may live in want.
func isNamespace(have, want string) bool { return have == want || have == "" }

// objectsOf gives the objects of a file: those of its documents, and those of the lists among them.
func objectsOf(p string, text *yamlText) []manifest {
	var all []manifest
	for _, doc := range text.docs {
		if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
			continue
		}
		root := doc.Content[0]
		items := valueOf(root, "items")
		if items == nil || items.Kind != yaml.SequenceNode || !strings.HasSuffix(textOf(root, "kind"), "List") {
			all = append(all, manifest{path: p, text: text, doc: doc, root: root})
			continue
		}
		for _, item := range items.Content {
			if item.Kind == yaml.MappingNode {
				all = append(all, manifest{path: p, text: text, doc: doc, root: item})
			}
		}
	}
	return all
}

// placer names lines of a manifest.
func (s *search) placer(m manifest) placer {
	return func(line int, note string, args ...any) engine.Place {
		return s.at(m.path, m.line(line), note, args...)
	}
}

// edit makes a wish in one object, and gives its new file.
func (s *search) edit(m manifest, f field, w engine.Wish) ([]byte, error) {
	way, err := reach(m.root, f, s.placer(m))
	if err != nil {
		return nil, err
	}
	if way.node == nil || way.node.Tag == "!!null" {
		return s.insertField(m, f, w, way)
	}
	return s.setField(m, f, w, way)
}

// reach follows the ways of a field: the first that leads to a value, or else the one that leads farthest.
func reach(root *yaml.Node, f field, at placer) (walked, error) {
	var best walked
	for i, steps := range f.ways {
		way, err := walk(root, steps, at)
		if err != nil {
			return walked{}, err
		}
		if way.node != nil {
			return way, nil
		}
		if i == 0 || len(way.path) > len(best.path) {
			best = way
		}
	}
	return best, nil
}

// setField replaces a value.
func (s *search) setField(m manifest, f field, w engine.Wish, way walked) ([]byte, error) {
	at := s.placer(m)
	line := at(way.last.Line, "%s", f)
	if err := own(m, way, at); err != nil {
		return nil, err
	}
	if err := agrees(w, way.node, line); err != nil {
		return nil, err
	}
	after, err := m.whole(m.text.set(way.node, restyled(w, way.node.Value)))
	if err != nil {
		return nil, refuse([]engine.Place{line}, "the value cannot be edited byte for byte: %v", err)
	}
	return after, nil
}

// own refuses a value which an anchor hands to others.
func own(m manifest, way walked, at placer) error {
	places := shared(m.doc, way.path, at)
	if places == nil {
		return nil
	}
	name := ""
	for _, n := range way.path {
		name = cmp.Or(name, n.Anchor)
	}
	return refuse(places, "the value belongs to the anchor %s, which is used elsewhere in the file", name)
}

// agrees refuses a value that somebody fills in, and one that is not what the cluster runs.
func agrees(w engine.Wish, n *yaml.Node, line engine.Place) error {
	switch {
	case n.Kind != yaml.ScalarNode:
		return refuse([]engine.Place{line}, "a single value is expected there")
	case variable.MatchString(n.Value):
		return refuse([]engine.Place{line}, "the value is the variable %s, which something else fills in", variable.FindString(n.Value))
	case sameValue(w, n.Value, w.New):
		return refuse([]engine.Place{line}, "the file says %s already; it is not rolled out yet", n.Value)
	case w.Old != "" && !sameValue(w, n.Value, w.Old):
		return refuse([]engine.Place{line}, "the file says %s, the cluster runs %s", n.Value, w.Old)
	}
	return nil
}

// insertField puts a value where there is none.
func (s *search) insertField(m manifest, f field, w engine.Wish, way walked) ([]byte, error) {
	at := s.placer(m)
	line := at(way.last.Line, "%s", f)
	if f.keep < 1 || len(way.path)-1 < f.keep {
		return nil, refuse([]engine.Place{line}, "%s has no %s in the file", m.object(), pathOf(way.missing))
	}
	if err := own(m, way, at); err != nil {
		return nil, err
	}
	if err := defaulted(w, way, line); err != nil {
		return nil, err
	}
	return s.insertValue(m, w, way, line)
}

// insertValue puts a value at the end of a way.
func (s *search) insertValue(m manifest, w engine.Wish, way walked, line engine.Place) ([]byte, error) {
	put := func() ([]byte, error) {
		if way.node != nil { // its key is there, without a value
			return m.text.set(way.node, w.New)
		}
		return m.text.insert(way.last, way.missing, w.New)
	}
	after, err := m.whole(put())
	if err != nil {
		return nil, refuse([]engine.Place{line}, "the value cannot be put there: %v", err)
	}
	return after, nil
}

// defaulted looks where a request comes from that the file does not have: a limit stands in for it.
func defaulted(w engine.Wish, way walked, line engine.Place) error {
	if w.Kind != engine.WishRequest || w.Old == "" {
		return nil
	}
	for _, n := range way.path {
		if limit := textOf(n, "resources", "limits", w.Field); limit != "" && !SameValue(limit, w.Old) {
			return refuse([]engine.Place{line}, "the file has no request and the limit %s, but the cluster runs the request %s", limit, w.Old)
		}
	}
	return nil
}
