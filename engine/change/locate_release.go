package change

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// release is an Argo CD Application or a Flux HelmRelease of the tree that installs a chart of the tree.
type release struct {
	name    string
	doc     manifest // that it is itself
	place   engine.Place
	chart   string   // its folder
	here    bool     // the chart is in the tree
	files   []string // of values, in order
	values  *manifest
	unclear []engine.Place // what else gives it values
}

// releases finds the releases of the searched files.
func (s *search) releases(ctx context.Context) ([]release, error) {
	if s.released != nil {
		return *s.released, nil
	}
	var all []release
	for _, p := range s.scope(isYAML) {
		if s.isTemplate(p) {
			continue
		}
		src, err := s.read(ctx, p)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(string(src), "kind: Application") && !strings.Contains(string(src), "kind: HelmRelease") {
			continue
		}
		text, err := parseYAML(src)
		if err != nil {
			continue
		}
		for _, m := range objectsOf(p, text) {
			switch m.object().kind {
			case "Application":
				all = append(all, s.application(m, valueOf(m.root, "spec")))
			case "ApplicationSet":
				r := s.application(m, valueOf(valueOf(valueOf(m.root, "spec"), "template"), "spec"))
				r.unclear = append(r.unclear, s.placer(m)(m.root.Line, "makes several applications of it"))
				all = append(all, r)
			case "HelmRelease":
				all = append(all, s.helmRelease(m))
			}
		}
	}
	for i, r := range all {
		all[i].here = r.chart != "" && s.has(path.Join(r.chart, "Chart.yaml"))
		all[i].unclear = append(all[i].unclear, s.patched(r)...)
	}
	s.released = &all
	return all, nil
}

// application reads an Argo CD Application of one source.
func (s *search) application(m manifest, spec *yaml.Node) release {
	source := valueOf(spec, "source")
	at := s.placer(m)
	r := release{name: m.object().name, doc: m, place: at(m.root.Line, "Application %s", m.object().name), chart: cleaned(textOf(source, "path"))}
	if source == nil {
		r.chart = ""
		for _, one := range itemsOf(spec, "sources") {
			if p := textOf(one, "path"); p != "" {
				r.chart, source = cleaned(p), one
			}
		}
	}
	helm := valueOf(source, "helm")
	for _, n := range itemsOf(helm, "valueFiles") {
		if p, ok := valueFile(r.chart, n.Value); ok && s.has(p) {
			r.files = append(r.files, p)
		} else {
			r.unclear = append(r.unclear, at(n.Line, "values that are not in this repository"))
		}
	}
	if n := valueOf(helm, "values"); n != nil && n.Kind == yaml.ScalarNode {
		r.inline(m, n, at)
	}
	if n := valueOf(helm, "valuesObject"); n != nil && n.Kind == yaml.MappingNode {
		if r.values != nil {
			r.unclear = append(r.unclear, at(n.Line, "values beside other values"))
		}
		values := m
		values.root = n
		r.values = &values
	}
	for _, key := range []string{"parameters", "fileParameters"} {
		for _, n := range itemsOf(helm, key) {
			r.unclear = append(r.unclear, at(n.Line, "a parameter, which wins over values"))
		}
	}
	return r
}

// inline reads values that are a text in an object.
func (r *release) inline(m manifest, n *yaml.Node, at placer) {
	text, err := parseYAML([]byte(n.Value))
	if err != nil || len(text.docs) != 1 || len(text.docs[0].Content) != 1 || text.docs[0].Content[0].Kind != yaml.MappingNode {
		r.unclear = append(r.unclear, at(n.Line, "values that are no YAML"))
		return
	}
	r.values = &manifest{path: m.path, text: text, doc: text.docs[0], root: text.docs[0].Content[0], outer: m.text, host: n}
}

// helmRelease reads a Flux HelmRelease, whose chart is in a folder of the tree or elsewhere.
func (s *search) helmRelease(m manifest) release {
	at := s.placer(m)
	spec := valueOf(m.root, "spec")
	from := valueOf(valueOf(spec, "chart"), "spec")
	r := release{name: m.object().name, doc: m, place: at(m.root.Line, "HelmRelease %s, whose chart is not in this repository", m.object().name)}
	if name := textOf(from, "chart"); strings.HasPrefix(name, "./") || strings.Contains(name, "/") {
		r.chart = cleaned(name)
		r.place.Note = "HelmRelease " + r.name
	}
	for _, n := range slices.Concat(itemsOf(from, "valuesFiles"), itemsOf(from, "valueFiles")) {
		if p := cleaned(path.Clean(n.Value)); s.has(p) {
			r.files = append(r.files, p)
		} else {
			r.unclear = append(r.unclear, at(n.Line, "values that are not in this repository"))
		}
	}
	for _, n := range itemsOf(spec, "valuesFrom") {
		r.unclear = append(r.unclear, at(n.Line, "values from an object in the cluster"))
	}
	if n := valueOf(spec, "values"); n != nil && n.Kind == yaml.MappingNode {
		values := m
		values.root = n
		r.values = &values
	}
	return r
}

// patched names the patches of kustomizations that may change what a release says.
func (s *search) patched(r release) []engine.Place {
	var places []engine.Place
	for _, dir := range slices.Sorted(maps.Keys(s.kustomized)) {
		k := s.kustomized[dir]
		for _, p := range k.patches {
			kind, name := textOf(p.root, "kind"), textOf(p.root, "metadata", "name")
			if p.target != nil {
				kind, name = textOf(p.target, "kind"), textOf(p.target, "name")
			}
			if (kind == "HelmRelease" || kind == "Application") && whole(name, r.name) {
				places = append(places, s.placer(p.manifest)(p.root.Line, "a patch of the release %s", r.name))
			}
		}
	}
	return places
}
