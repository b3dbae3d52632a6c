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

// kustomization is one kustomization.yaml, as far as it matters for where a value comes from.
type kustomization struct {
	dir, path string
	text      *yamlText
	root      *yaml.Node

	component      bool
	namespace      string
	prefix, suffix string
	resources      []string // files and folders of the tree, in order
	components     []string
	files          []string // whatever else it is made of: patches, values
	remote         []engine.Place
	patches        []patch // in the order in which they are applied
	opaque         []opaque
	usedBy         []*kustomization
	generates      int // line of the first helmChart or generator: objects that no file declares
}

// kustomizationNames are the names that Kustomize looks for.
var kustomizationNames = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

func isKustomization(p string) bool { return slices.Contains(kustomizationNames, path.Base(p)) }

// kustomizations reads all of the tree, and who uses whom. The key is the folder.
func (s *search) kustomizations(ctx context.Context) (map[string]*kustomization, error) {
	if s.kustomized != nil {
		return s.kustomized, nil
	}
	all := map[string]*kustomization{}
	for _, p := range slices.Sorted(maps.Keys(s.files)) {
		if !isKustomization(p) {
			continue
		}
		src, err := s.read(ctx, p)
		if err != nil {
			return nil, err
		}
		text, err := parseYAML(src)
		if err != nil || len(text.docs) == 0 || len(text.docs[0].Content) == 0 || text.docs[0].Content[0].Kind != yaml.MappingNode {
			continue
		}
		k := &kustomization{dir: path.Dir(p), path: p, text: text, root: text.docs[0].Content[0]}
		if err := s.fill(ctx, k); err != nil {
			return nil, err
		}
		all[k.dir] = k
	}
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		k := all[dir]
		for _, used := range slices.Concat(k.resources, k.components) {
			if other := all[used]; other != nil && !slices.Contains(other.usedBy, k) {
				other.usedBy = append(other.usedBy, k)
			}
		}
	}
	s.kustomized = all
	return all, nil
}

// fill reads the fields of a kustomization.
func (s *search) fill(ctx context.Context, k *kustomization) error {
	k.component = textOf(k.root, "kind") == "Component"
	k.namespace = textOf(k.root, "namespace")
	k.prefix, k.suffix = textOf(k.root, "namePrefix"), textOf(k.root, "nameSuffix")
	for _, n := range slices.Concat(itemsOf(k.root, "resources"), itemsOf(k.root, "bases")) {
		if p, ok := s.local(k, n.Value); ok {
			k.resources = append(k.resources, p)
		} else {
			k.remote = append(k.remote, s.at(k.path, n.Line, "a base that is not in this repository"))
		}
	}
	for _, n := range itemsOf(k.root, "components") {
		if p, ok := s.local(k, n.Value); ok {
			k.components = append(k.components, p)
		} else {
			k.opaque = append(k.opaque, opaque{place: s.at(k.path, n.Line, "a component that is not in this repository")})
		}
	}
	for _, n := range itemsOf(k.root, "transformers") {
		k.opaque = append(k.opaque, opaque{place: s.at(k.path, n.Line, "a transformer, which may set it")})
	}
	for _, n := range itemsOf(k.root, "replacements") {
		if err := s.fillReplacement(ctx, k, n); err != nil {
			return err
		}
	}
	for _, key := range []string{"helmCharts", "helmChartInflationGenerator", "generators"} {
		for _, n := range itemsOf(k.root, key) {
			k.generates = n.Line
			break
		}
	}
	return s.fillPatches(ctx, k)
}

// local gives the path of a file or folder that a kustomization names. ok is false for what is not in the tree.
func (s *search) local(k *kustomization, name string) (p string, ok bool) {
	p = path.Join(k.dir, name)
	if name == "" || strings.HasPrefix(name, "/") || strings.Contains(name, "://") {
		return "", false
	}
	return p, s.has(p) || slices.ContainsFunc(kustomizationNames, func(file string) bool { return s.has(path.Join(p, file)) })
}

// itemsOf gives the items of a list below a key.
func itemsOf(n *yaml.Node, key string) []*yaml.Node {
	list := valueOf(n, key)
	if list == nil || list.Kind != yaml.SequenceNode {
		return nil
	}
	return list.Content
}

// built is an object as a kustomization makes it.
type built struct {
	manifest                  // as a resource declares it
	now      object           // as it comes out
	names    []string         // that it had on the way, by which patches know it
	chain    []*kustomization // that it went through, the innermost first
	away     bool             // it is declared in a base that is not in the tree; the manifest is a patch of it
}

// maxDepth bounds how deep kustomizations may be in each other.
const maxDepth = 24

// build gives the objects of a kind that a kustomization makes.
func (s *search) build(ctx context.Context, k *kustomization, kind string, depth int) ([]built, error) {
	if depth > maxDepth {
		return nil, refuse([]engine.Place{s.at(k.path, 1, "is part of a circle")}, "kustomizations include each other in a circle")
	}
	var all []built
	for _, p := range k.resources {
		made, err := s.resource(ctx, p, kind, depth)
		if err != nil {
			return nil, err
		}
		all = append(all, made...)
	}
	for _, p := range k.components {
		c := s.kustomized[p]
		if c == nil {
			continue
		}
		own, err := s.build(ctx, c, kind, depth+1)
		if err != nil {
			return nil, err
		}
		for i := range all {
			all[i] = all[i].through(c)
		}
		all = append(all, own...)
	}
	for i := range all {
		all[i] = all[i].through(k)
	}
	return all, nil
}

// resource gives the objects of one entry of resources: a folder or a file.
func (s *search) resource(ctx context.Context, p, kind string, depth int) ([]built, error) {
	if inner := s.kustomized[p]; inner != nil {
		return s.build(ctx, inner, kind, depth+1)
	}
	if !s.has(p) {
		return nil, nil
	}
	src, err := s.read(ctx, p)
	if err != nil {
		return nil, err
	}
	text, err := parseYAML(src)
	if err != nil {
		return nil, nil
	}
	var all []built
	for _, m := range objectsOf(p, text) {
		if o := m.object(); o.kind == kind {
			all = append(all, built{manifest: m, now: o, names: []string{o.name}})
		}
	}
	return all, nil
}

// through gives an object as it comes out of one more kustomization.
func (b built) through(k *kustomization) built {
	b.chain = append(slices.Clone(b.chain), k)
	if k.namespace != "" {
		b.now.namespace = k.namespace
	}
	if name := k.prefix + b.now.name + k.suffix; name != b.now.name {
		b.now.name = name
		b.names = append(slices.Clone(b.names), name)
	}
	return b
}

// roots gives the kustomizations of the search that no other one of it uses.
func (s *search) roots(ctx context.Context) ([]*kustomization, error) {
	all, err := s.kustomizations(ctx)
	if err != nil {
		return nil, err
	}
	inSearch := map[*kustomization]bool{}
	for _, k := range all {
		inSearch[k] = !k.component && slices.ContainsFunc(s.paths, func(top string) bool {
			return within(k.dir, top) || slices.ContainsFunc(s.closure(k), func(p string) bool { return within(p, top) })
		})
	}
	var roots []*kustomization
	for _, dir := range slices.Sorted(maps.Keys(all)) {
		k := all[dir]
		named := slices.Contains(s.paths, k.dir) && k.dir != "."
		above := slices.ContainsFunc(s.paths, func(top string) bool { return s.kustomized[top] != nil && top != "." })
		used := slices.ContainsFunc(k.usedBy, func(by *kustomization) bool { return inSearch[by] })
		if !k.component && (named || !above && inSearch[k] && !used) {
			roots = append(roots, k)
		}
	}
	return roots, nil
}

// closure gives the files and folders that a kustomization is made of, itself among them.
func (s *search) closure(k *kustomization) []string {
	seen := map[string]bool{}
	var visit func(k *kustomization)
	visit = func(k *kustomization) {
		if seen[k.dir] {
			return
		}
		seen[k.dir], seen[k.path] = true, true
		for _, p := range slices.Concat(k.resources, k.components, k.files) {
			if inner := s.kustomized[p]; inner != nil {
				visit(inner)
			} else {
				seen[p] = true
			}
		}
	}
	visit(k)
	return slices.Sorted(maps.Keys(seen))
}
