package change

import (
	"context"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// opaque is a part of a kustomization whose effect is not followed.
type opaque struct {
	place engine.Place
	paths []string // of the fields that it sets, as Kustomize writes them; none means any
}

// fillReplacement reads which fields a replacement sets: its targets' paths, in the kustomization or in a file of its own.
func (s *search) fillReplacement(ctx context.Context, k *kustomization, n *yaml.Node) error {
	o := opaque{place: s.at(k.path, n.Line, "a replacement, which sets it")}
	parts := []*yaml.Node{n}
	if p, ok := s.local(k, textOf(n, "path")); ok {
		k.files = append(k.files, p)
		src, err := s.read(ctx, p)
		if err != nil {
			return err
		}
		text, err := parseYAML(src)
		if err != nil || len(text.docs) == 0 {
			return nil
		}
		parts = text.docs[0].Content
		if parts[0].Kind == yaml.SequenceNode {
			parts = parts[0].Content
		}
	}
	for _, part := range parts {
		for _, target := range itemsOf(part, "targets") {
			for _, field := range itemsOf(target, "fieldPaths") {
				o.paths = append(o.paths, field.Value)
			}
		}
	}
	if len(o.paths) > 0 {
		k.opaque = append(k.opaque, o)
	}
	return nil
}

// touching names what of a kustomization may set a field.
func (k *kustomization) touching(f field) []engine.Place {
	var places []engine.Place
	for _, o := range k.opaque {
		touches := len(o.paths) == 0
		for _, p := range o.paths {
			for _, way := range f.ways {
				touches = touches || overlaps(p, way)
			}
		}
		if touches {
			places = append(places, o.place)
		}
	}
	return places
}

// overlaps tells whether a field path of Kustomize, such as "spec.template.spec.containers.[name=api].image", is on a way or below
// it. An item of a list may be any.
func overlaps(fieldPath string, way []step) bool {
	depth := 0
	parts := strings.FieldsFunc(fieldPath, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return r == '.' && depth == 0
	})
	for i, part := range parts {
		if i >= len(way) {
			break
		}
		if way[i].is == "" && part != way[i].key && part != "*" {
			return false
		}
	}
	return true
}
