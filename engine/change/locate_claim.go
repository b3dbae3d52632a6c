package change

import (
	"bytes"
	"context"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// locateClaim finds the PersistentVolume that declares a volume, and removes it. It gives nothing where none does, and refuses where
// anything else says the volume's or the object's name.
func (s *search) locateClaim(ctx context.Context, w engine.Wish) (Located, error) {
	id := w.Target.Provider
	if id == "" {
		return Located{}, nil
	}
	found, err := s.volumes(ctx, id)
	if err != nil || len(found) == 0 {
		return Located{}, err
	}
	var places []engine.Place
	for _, m := range found {
		places = append(places, s.at(m.path, m.root.Line, "PersistentVolume %s", m.object().name))
	}
	if len(found) > 1 {
		return Located{}, refuse(places, "volume %s is declared %d times", id, len(found))
	}
	m := found[0]
	if m.doc.Content[0] != m.root {
		return Located{}, refuse(places, "PersistentVolume %s is an item of a List", m.object().name)
	}
	users, err := s.usersOf(ctx, m, id)
	if err != nil {
		return Located{}, err
	}
	if len(users) > 0 {
		return Located{}, refuse(append(users, places...), "PersistentVolume %s is still used in files; take that out first", m.object().name)
	}
	after, err := m.text.removeDocument(m.doc)
	if err != nil {
		return Located{}, refuse(places, "the document cannot be removed byte for byte: %v", err)
	}
	files := map[string][]byte{m.path: after}
	if after == nil {
		if err := s.unlist(ctx, m.path, files); err != nil {
			return Located{}, err
		}
	}
	return edited(ctx, s.tree, files)
}

// volumes finds the PersistentVolumes of a volume in AWS.
func (s *search) volumes(ctx context.Context, id string) ([]manifest, error) {
	var found []manifest
	for _, p := range s.scope(isYAML) {
		src, err := s.read(ctx, p)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(src, []byte(id)) || s.isTemplate(p) {
			continue
		}
		text, err := parseYAML(src)
		if err != nil {
			continue
		}
		for _, m := range objectsOf(p, text) {
			handle := textOf(m.root, "spec", "csi", "volumeHandle")
			if legacy := textOf(m.root, "spec", "awsElasticBlockStore", "volumeID"); legacy != "" {
				handle = legacy[strings.LastIndexByte(legacy, '/')+1:]
			}
			if m.object().kind == "PersistentVolume" && handle == id {
				found = append(found, m)
			}
		}
	}
	return found, nil
}

// usersOf finds what else in the tree names a PersistentVolume, or its volume in AWS.
func (s *search) usersOf(ctx context.Context, pv manifest, id string) ([]engine.Place, error) {
	name := pv.object().name
	var places []engine.Place
	for _, p := range s.allYAML() {
		src, err := s.read(ctx, p)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(src, []byte(id)) && !bytes.Contains(src, []byte(name)) {
			continue
		}
		text, err := parseYAML(src)
		if err != nil {
			places = append(places, s.at(p, 1+bytes.Count(src[:max(0, bytes.Index(src, []byte(name)))], []byte("\n")), "names it, and is no YAML"))
			continue
		}
		for _, doc := range text.docs {
			if p == pv.path && doc.Line == pv.doc.Line {
				continue
			}
			for v := range valuesBelow(doc) {
				if v.node.Value == name && !isOwnName(v.path) || strings.Contains(v.node.Value, id) {
					places = append(places, s.at(p, v.node.Line, "%s", v.path))
				}
			}
		}
	}
	return places, nil
}

// isOwnName tells whether a value is the name, or a label, of an object that may be called like another.
func isOwnName(path string) bool {
	return strings.HasSuffix(path, "metadata.name") || strings.Contains(path, "metadata.labels.") || strings.Contains(path, "matchLabels.")
}

// unlist takes a file that goes out of the kustomizations that have it.
func (s *search) unlist(ctx context.Context, file string, files map[string][]byte) error {
	all, err := s.kustomizations(ctx)
	if err != nil {
		return err
	}
	for _, k := range all {
		list := valueOf(k.root, "resources")
		for _, item := range itemsOf(k.root, "resources") {
			if p, ok := s.local(k, item.Value); !ok || p != file {
				continue
			}
			after, err := k.text.removeItem(list, item)
			if err != nil {
				return refuse([]engine.Place{s.at(k.path, item.Line, "names the file that goes")}, "the kustomization that names the file cannot be edited: %v", err)
			}
			files[k.path] = after
		}
	}
	return nil
}

// allYAML gives all YAML files of the tree, sorted.
func (s *search) allYAML() []string {
	everywhere := &search{tree: s.tree, paths: []string{"."}, files: s.files}
	return everywhere.scope(isYAML)
}
