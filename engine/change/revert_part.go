package change

import (
	"bytes"
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// partKind says how a part of a workload is read.
type partKind string

const (
	partObject    partKind = "object"    // a document of YAML that is about one object: all of it is the workload's
	partValues    partKind = "values"    // values of a chart: what explains the change is the workload's
	partKustomize partKind = "kustomize" // a kustomization: entries that name the workload, its images or its ConfigMaps are its own
	partFile      partKind = "file"      // a file that a ConfigMap is made of
	partTemplate  partKind = "template"  // a Helm template: it is looked at, and never edited
)

// part is a part of what declares a workload, in one file.
type part struct {
	path   string
	kind   partKind
	object object   // that the document is about, as it says so itself; zero where all of the file is meant
	name   string   // for people
	line   int      // where it stands now, from 1
	at     []string // where in the document a kustomization's entries are
	users  []string // kustomizations of other builds that use it too
	plain  bool     // the object comes out as it stands there

	pod     string   // kind of the workload whose pods the object describes; "" for an object of another kind
	config  string   // the ConfigMap that it makes, as the workload calls it; "" for none
	names   []string // of the workload, on its way through kustomizations
	images  []string // of the workload
	configs []string // ConfigMaps that the workload names
}

// region gives the bytes of a part in any version of its file; ok is false where that does not have it, or has it twice.
func (p part) region(text []byte) (start, end int, ok bool) {
	if p.object == (object{}) {
		return 0, len(text), true
	}
	y, err := parseYAML(text)
	if err != nil {
		return 0, 0, false
	}
	for _, m := range objectsOf(p.path, y) {
		if m.object() != p.object {
			continue
		}
		if ok || m.doc.Content[0] != m.root { // an item of a List has no document of its own
			return 0, 0, false
		}
		start, end = y.documentAround(m.root.Line)
		ok = true
	}
	return start, end, ok
}

// sound proves that an edit of a part's region left a file that can be read, with the same documents.
func (p part) sound(before, after []byte) error {
	if p.kind == partFile {
		return nil
	}
	was, err := parseYAML(before)
	if err != nil {
		return err
	}
	is, err := parseYAML(after)
	if err != nil {
		return err
	}
	if len(was.docs) != len(is.docs) {
		return errElsewhere
	}
	if _, _, ok := p.region(after); !ok {
		return errors.New("what it declares would be another object")
	}
	return nil
}

// parts finds all that declares a workload: its own documents, and those of the ConfigMaps that it names. There are none where nothing
// declares it. It refuses where two places do.
func (s *search) parts(ctx context.Context, o object) ([]part, error) {
	all, err := s.declarations(ctx, o, "")
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return s.releasedParts(ctx, o)
	}
	if len(all) > 1 {
		return nil, twice(o, all)
	}
	parts, err := s.applied(ctx, all[0].parts)
	if err != nil {
		return nil, err
	}
	var configs []string
	for _, p := range parts {
		for _, name := range p.configs {
			if !slices.Contains(configs, name) {
				configs = append(configs, name)
			}
		}
	}
	for _, name := range configs {
		made, err := s.declarations(ctx, object{"ConfigMap", o.namespace, name}, "")
		if err != nil {
			return nil, err
		}
		if len(made) != 1 {
			continue // it is made by a kustomization, or elsewhere
		}
		for _, p := range made[0].parts {
			if p.pod = ""; p.kind == partObject {
				p.config, p.name = name, "ConfigMap "+name
			}
			if !slices.ContainsFunc(parts, func(have part) bool { return have.path == p.path && have.object == p.object }) {
				parts = append(parts, p)
			}
		}
	}
	return parts, nil
}

// partOf is the part that a manifest of a workload is.
func (s *search) partOf(m manifest, o object, names []string) part {
	p := part{
		path: m.path, kind: partObject, object: m.object(), name: o.kind + " " + o.name, line: m.line(m.root.Line), pod: o.kind, names: names,
	}
	p.images, p.configs = mentions(m.root)
	return p
}

// partsOfBuilt are the parts of what a kustomization builds: the object's own document, the patches of it, and the kustomizations on its way.
func (s *search) partsOfBuilt(root *kustomization, b built) []part {
	var all []part
	if !b.away {
		own := s.partOf(b.manifest, b.now, b.names)
		for _, place := range s.others(root, b, -1) {
			own.users = append(own.users, path.Dir(place.Path))
		}
		all = append(all, own)
	}
	for _, k := range b.chain {
		for _, p := range k.patches {
			if matched, alone := p.matches(b); matched && alone && p.host == nil && !p.isOperations() {
				all = append(all, s.partOf(p.manifest, b.now, b.names))
			}
		}
	}
	var images, configs []string
	for _, p := range all {
		images, configs = append(images, p.images...), append(configs, p.configs...)
	}
	for _, k := range b.chain {
		one := part{path: k.path, kind: partKustomize, name: k.path, line: 1, pod: b.now.kind, names: b.names, images: images, configs: configs}
		all = append(all, one)
		for _, entry := range itemsOf(k.root, "configMapGenerator") {
			name := textOf(entry, "name")
			if !slices.Contains(configs, name) {
				continue
			}
			for _, key := range []string{"files", "envs"} {
				for _, item := range itemsOf(entry, key) {
					file := item.Value
					if _, from, ok := strings.Cut(file, "="); ok {
						file = from
					}
					if p, ok := s.local(k, file); ok && s.has(p) {
						all = append(all, part{path: p, kind: partFile, name: "ConfigMap " + name, line: 1, config: name, configs: configs})
					}
				}
			}
		}
	}
	return all
}

// partsOfTemplate are the parts of what a Helm template makes: the layers of its chart's values, and the template.
func (s *search) partsOfTemplate(t templated, o object) []part {
	all := []part{{path: t.path, kind: partTemplate, name: "the template of " + o.kind + " " + o.name, line: s.lineOf(t, "metadata", "name"), pod: o.kind}}
	for _, l := range t.chart.layers {
		all = append(all, s.partOfValues(l.manifest, o))
	}
	if r := t.chart.release; r != nil && r.values == nil { // its parameters are values too
		one := s.partOfValues(r.doc, o)
		one.object = r.doc.object()
		all = append(all, one)
	}
	return all
}

// applied adds the Argo CD Application or the Flux Kustomization of the searched files that applies the folder of a workload: it has
// patches, images and replicas of its own. Where several apply it, nothing says which of them is meant.
func (s *search) applied(ctx context.Context, parts []part) ([]part, error) {
	last := parts[len(parts)-1]
	for _, p := range parts {
		if p.kind == partKustomize {
			last = p
		}
	}
	if last.kind == partTemplate || last.kind == partValues {
		return parts, nil
	}
	var found []part
	for _, p := range s.scope(isYAML) {
		src, err := s.read(ctx, p)
		if err != nil {
			return nil, err
		}
		if s.isTemplate(p) || !bytes.Contains(src, []byte("kind: Application")) && !bytes.Contains(src, []byte(fluxKustomize)) {
			continue
		}
		text, err := parseYAML(src)
		if err != nil {
			continue
		}
		for _, m := range objectsOf(p, text) {
			at, folder := []string{"spec"}, textOf(m.root, "spec", "path")
			switch o := m.object(); {
			case o.kind == "Application":
				at, folder = []string{"spec", "source", "kustomize"}, textOf(m.root, "spec", "source", "path")
			case o.kind != "Kustomization" || !strings.HasPrefix(textOf(m.root, "apiVersion"), fluxKustomize+"/"):
				continue
			}
			if folder = cleaned(folder); folder != path.Dir(last.path) && (last.kind != partObject || !within(last.path, folder)) {
				continue
			}
			one := last
			one.path, one.kind, one.object, one.line, one.at, one.users = p, partKustomize, m.object(), m.root.Line, at, nil
			one.name = one.object.kind + " " + one.object.name
			found = append(found, one)
		}
	}
	if len(found) > 1 {
		return parts, nil
	}
	return append(parts, found...), nil
}

// partOfValues is the part that values are: a file, or the document of a release that has them.
func (s *search) partOfValues(m manifest, o object) part {
	p := part{path: m.path, kind: partValues, name: "the values of " + o.kind + " " + o.name, line: m.line(m.root.Line), pod: o.kind}
	switch doc := m.doc; {
	case m.outer != nil:
		p.object = ownerOfHost(m)
	case doc.Content[0] != m.root:
		p.object = manifest{root: doc.Content[0]}.object()
	}
	return p
}

// ownerOfHost is the object in whose text values stand.
func ownerOfHost(m manifest) object {
	for _, doc := range m.outer.docs {
		if len(doc.Content) > 0 && below(doc, m.host) {
			return manifest{root: doc.Content[0]}.object()
		}
	}
	return object{}
}

func below(n, wanted *yaml.Node) bool {
	return n == wanted || slices.ContainsFunc(n.Content, func(child *yaml.Node) bool { return below(child, wanted) })
}

// releasedParts are the values of a release in the tree whose chart is elsewhere, and whose name the object bears.
func (s *search) releasedParts(ctx context.Context, o object) ([]part, error) {
	releases, err := s.releases(ctx)
	if err != nil {
		return nil, err
	}
	var all []part
	for _, r := range releases {
		if r.here || r.values == nil || r.name != o.name && !strings.HasPrefix(o.name, r.name+"-") && !strings.HasSuffix(o.name, "-"+r.name) {
			continue
		}
		all = append(all, s.partOfValues(*r.values, o))
	}
	if len(all) > 1 {
		return nil, nil
	}
	return all, nil
}

// mentions collects what a document of a workload names: its images without their tags, and its ConfigMaps.
func mentions(n *yaml.Node) (images, configs []string) {
	if image := textOf(n, "image"); image != "" {
		name, _, _ := splitImage(image)
		images = append(images, name)
	}
	for _, way := range [][]string{{"configMapRef", "name"}, {"configMapKeyRef", "name"}, {"configMap", "name"}} {
		if name := textOf(n, way...); name != "" {
			configs = append(configs, name)
		}
	}
	for _, child := range n.Content {
		i, c := mentions(child)
		images, configs = append(images, i...), append(configs, c...)
	}
	return images, configs
}

// hasText tells whether lines have a text.
func hasText(lines []string, text string) bool {
	return bytes.Contains([]byte(strings.Join(lines, "")), []byte(text))
}
