package change

import (
	"bytes"
	"context"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// manifest is one object in a YAML file.
type manifest struct {
	path string
	text *yamlText
	doc  *yaml.Node // that it is in
	root *yaml.Node // its mapping
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

// locateYAML finds what w wants changed in manifests, kustomizations and Helm charts. It gives nothing where none declares it.
func (s *search) locateYAML(ctx context.Context, w engine.Wish) (Located, error) {
	f, ok := fieldOf(w)
	if !ok {
		return Located{}, nil
	}
	found, err := s.manifests(ctx, objectOf(w))
	if err != nil {
		return Located{}, err
	}
	switch len(found) {
	case 0:
		return Located{}, nil
	case 1:
		return s.edit(ctx, found[0], f, w)
	}
	var places []engine.Place
	for _, m := range found {
		places = append(places, s.at(m.path, m.root.Line, "declares %s", objectOf(w)))
	}
	return Located{}, refuse(places, "%s is declared %d times; a mapping or the annotation %s must name the folder",
		objectOf(w), len(found), SourceAnnotation)
}

// manifests finds the objects of the searched files that may be o: a file need not say the namespace.
func (s *search) manifests(ctx context.Context, o object) ([]manifest, error) {
	var found []manifest
	for _, p := range s.scope(isYAML) {
		src, err := s.read(ctx, p)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(src, []byte(o.kind)) || !bytes.Contains(src, []byte(o.name)) {
			continue
		}
		text, err := parseYAML(src)
		if err != nil {
			continue
		}
		for _, m := range objectsOf(p, text) {
			if have := m.object(); have.kind == o.kind && have.name == o.name && isNamespace(have.namespace, o.namespace) {
				found = append(found, m)
			}
		}
	}
	return found, nil
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
			all = append(all, manifest{p, text, doc, root})
			continue
		}
		for _, item := range items.Content {
			if item.Kind == yaml.MappingNode {
				all = append(all, manifest{p, text, doc, item})
			}
		}
	}
	return all
}

// edit makes a wish in one object.
func (s *search) edit(ctx context.Context, m manifest, f field, w engine.Wish) (Located, error) {
	after, err := s.editObject(m, f, w)
	if err != nil {
		return Located{}, err
	}
	return edited(ctx, s.tree, map[string][]byte{m.path: after})
}

func (s *search) editObject(m manifest, f field, w engine.Wish) ([]byte, error) {
	at := func(line int, note string, args ...any) engine.Place { return s.at(m.path, line, note, args...) }
	way, err := reach(m.root, f, at)
	if err != nil {
		return nil, err
	}
	if places := shared(m.doc, way.path, at); places != nil {
		return nil, refuse(places, "the value belongs to the anchor %s, which is used elsewhere in the file", anchorOf(way.path))
	}
	line := at(way.last.Line, "%s", pathOf(f.ways[0]))
	if way.node == nil || way.node.Tag == "!!null" {
		return s.insertField(m, f, w, way, line)
	}
	if err := agrees(w, way.node, line); err != nil {
		return nil, err
	}
	after, err := m.text.set(way.node, restyled(w, way.node.Value))
	if err != nil {
		return nil, refuse([]engine.Place{line}, "the value cannot be edited byte for byte: %v", err)
	}
	return after, nil
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

func anchorOf(way []*yaml.Node) string {
	for _, n := range way {
		if n.Anchor != "" {
			return n.Anchor
		}
	}
	return ""
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
func (s *search) insertField(m manifest, f field, w engine.Wish, way walked, line engine.Place) ([]byte, error) {
	missing := way.missing
	if way.node != nil { // its key is there, without a value
		missing = nil
	}
	if depth := len(way.path) - 1; f.keep < 1 || depth < f.keep {
		return nil, refuse([]engine.Place{line}, "%s has no %s in the file", m.object(), pathOf(missing))
	}
	if w.Kind == engine.WishRequest {
		if err := defaulted(m, w, way, line); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, step := range missing {
		names = append(names, step.key)
	}
	if len(names) == 0 {
		after, err := m.text.set(way.node, w.New)
		if err != nil {
			return nil, refuse([]engine.Place{line}, "the value cannot be put there: %v", err)
		}
		return after, nil
	}
	after, err := m.text.insert(way.last, names, w.New)
	if err != nil {
		return nil, refuse([]engine.Place{line}, "the value cannot be put there: %v", err)
	}
	return after, nil
}

// defaulted looks where a request comes from that the file does not have. A limit stands in for it.
func defaulted(m manifest, w engine.Wish, way walked, line engine.Place) error {
	for _, n := range way.path {
		limit := textOf(n, "resources", "limits", w.Field)
		if limit == "" || w.Old == "" || SameValue(limit, w.Old) {
			continue
		}
		return refuse([]engine.Place{line}, "the file has no request and the limit %s, but the cluster runs the request %s", limit, w.Old)
	}
	return nil
}
