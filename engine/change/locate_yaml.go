package change

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// declared is one place that declares an object: a file by itself, a kustomization that builds it, or a Helm chart.
type declared struct {
	place engine.Place
	parts []part                                                                       // that a revert looks at
	edit  func(ctx context.Context, f field, w engine.Wish) (map[string][]byte, error) // new contents of files
}

// locateYAML finds what w wants changed in manifests, kustomizations and Helm charts. It gives nothing where none declares it.
func (s *search) locateYAML(ctx context.Context, w engine.Wish) (Located, error) {
	if w.Kind == engine.WishVolume {
		return s.locateClaim(ctx, w)
	}
	f, ok := fieldOf(w)
	if !ok {
		return Located{}, nil
	}
	o := objectOf(w)
	all, err := s.declarations(ctx, o, containerOf(w))
	if err != nil {
		return Located{}, err
	}
	switch len(all) {
	case 0:
		return Located{}, s.unreadable(ctx, o)
	case 1:
		files, err := all[0].edit(ctx, f, w)
		if err != nil {
			return Located{}, err
		}
		return edited(ctx, s.tree, files)
	}
	return Located{}, twice(o, all)
}

// twice refuses where an object is declared more than once.
func twice(o object, all []declared) error {
	var places []engine.Place
	for _, d := range all {
		places = append(places, d.place)
	}
	return refuse(places, "%s is declared %d times; a mapping or the annotation %s must name the folder", o, len(all), SourceAnnotation)
}

// declarations finds all that may declare an object.
func (s *search) declarations(ctx context.Context, o object, container string) ([]declared, error) {
	roots, err := s.roots(ctx)
	if err != nil {
		return nil, err
	}
	var all []declared
	for _, root := range roots {
		made, err := s.build(ctx, root, o.kind, 0)
		if err != nil {
			return nil, err
		}
		if len(made) == 0 || !slices.ContainsFunc(made, func(b built) bool { return b.is(o) }) {
			made = s.remote(root, o)
		}
		for _, b := range made {
			if b.is(o) {
				all = append(all, s.declaredBy(root, b))
			}
		}
	}
	plain, err := s.plain(ctx, o)
	if err != nil {
		return nil, err
	}
	charts, err := s.helm(ctx, o, container)
	if err != nil {
		return nil, err
	}
	return slices.Concat(all, plain, charts), nil
}

// containerOf gives the container that a wish is about, "" when it is about none.
func containerOf(w engine.Wish) string {
	if w.Kind == engine.WishTarget {
		return ""
	}
	return w.Target.Container
}

// is tells whether an object comes out as o.
func (b built) is(o object) bool {
	return b.now.kind == o.kind && b.now.name == o.name && isNamespace(b.now.namespace, o.namespace)
}

// plain finds the objects that stand in a file of their own, which no kustomization and no chart uses.
func (s *search) plain(ctx context.Context, o object) ([]declared, error) {
	used := map[string]bool{}
	for _, k := range s.kustomized {
		for _, p := range slices.Concat([]string{k.path}, k.resources, k.files) {
			used[p] = true
		}
	}
	var all []declared
	for _, p := range s.scope(isYAML) {
		if used[p] || s.isTemplate(p) {
			continue
		}
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
				own := s.partOf(m, o, []string{o.name})
				own.plain = true
				all = append(all, declared{
					place: s.at(p, m.root.Line, "declares %s", o),
					parts: []part{own},
					edit: func(_ context.Context, f field, w engine.Wish) (map[string][]byte, error) {
						after, err := s.edit(m, f, w)
						return map[string][]byte{p: after}, err
					},
				})
			}
		}
	}
	return all, nil
}

// unreadable refuses where a file that is no YAML seems to declare an object.
func (s *search) unreadable(ctx context.Context, o object) error {
	var places []engine.Place
	for _, p := range s.scope(isYAML) {
		src, err := s.read(ctx, p)
		if err != nil {
			return err
		}
		kind, name := bytes.Index(src, []byte("kind: "+o.kind)), bytes.Index(src, []byte(o.name))
		if kind < 0 || name < 0 {
			continue
		}
		if _, err := parseYAML(src); err != nil {
			places = append(places, s.at(p, 1+bytes.Count(src[:name], []byte("\n")), "the file is no YAML: %v", err))
		}
	}
	if len(places) == 0 {
		return s.outside(ctx, o)
	}
	return refuse(places, "a file that seems to declare %s is no YAML, so it is a template", o)
}

// outside refuses where a kustomization or a release takes in what no file of the tree declares.
func (s *search) outside(ctx context.Context, o object) error {
	var places []engine.Place
	for _, dir := range slices.Sorted(maps.Keys(s.kustomized)) {
		k := s.kustomized[dir]
		if !slices.ContainsFunc(s.paths, func(top string) bool { return within(dir, top) }) {
			continue
		}
		places = append(places, k.remote...)
		if k.generates > 0 {
			places = append(places, s.at(k.path, k.generates, "makes objects that no file declares"))
		}
	}
	releases, err := s.releases(ctx)
	if err != nil {
		return err
	}
	for _, r := range releases {
		if !r.here && strings.Contains(o.name, r.name) {
			places = append(places, r.place)
		}
	}
	if len(places) == 0 {
		return nil
	}
	return refuse(places, "no file of %s declares %s; it may come from what is taken in here", s.tree.Repo(), o)
}
