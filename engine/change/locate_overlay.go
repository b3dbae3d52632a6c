package change

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// setter is what gives a built object a value: the object's own file, or a patch.
type setter struct {
	manifest manifest
	way      walked
	level    int  // in the object's chain; -1 for the object's own file
	alone    bool // it is for no other object
}

// declaredBy makes a declared of an object that a kustomization builds.
func (s *search) declaredBy(root *kustomization, b built) declared {
	return declared{
		place: s.at(root.path, 1, "builds %s out of %s", b.now, b.path),
		parts: s.partsOfBuilt(root, b),
		edit: func(ctx context.Context, f field, w engine.Wish) (map[string][]byte, error) {
			return s.editBuilt(ctx, root, b, f, w)
		},
	}
}

// editBuilt makes a wish in whatever gives a built object its value: the last patch that sets it, or the object's own file. Where
// that is used by other builds too, a patch of this build is extended.
func (s *search) editBuilt(ctx context.Context, root *kustomization, b built, f field, w engine.Wish) (map[string][]byte, error) {
	set, err := s.setterOf(b, f)
	if err != nil {
		return nil, err
	}
	if w.Kind == engine.WishImage && set.way.node != nil {
		if name, entry := b.imageOf(set.way.node.Value, set.level); entry != nil {
			return s.editImage(ctx, root, b, entry, name, w)
		}
	}
	others := s.others(root, b, set.level)
	if len(others) > 0 || b.away && set.way.node == nil {
		return s.extend(root, b, f, w, set, others)
	}
	at := s.placer(set.manifest)
	if !set.alone {
		return nil, refuse([]engine.Place{at(set.way.last.Line, "%s", f)}, "the patch that sets the value is for several objects")
	}
	after, err := s.editSet(set, f, w)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{set.manifest.path: after}, nil
}

func (s *search) editSet(set setter, f field, w engine.Wish) ([]byte, error) {
	if set.way.node == nil || set.way.node.Tag == "!!null" {
		return s.insertField(set.manifest, f, w, set.way)
	}
	return s.setField(set.manifest, f, w, set.way)
}

// setterOf follows an object through its kustomizations. It refuses where something on the way may set the value in a manner that
// it does not follow.
func (s *search) setterOf(b built, f field) (setter, error) {
	set := setter{manifest: b.manifest, level: -1, alone: true}
	if !b.away {
		way, err := reach(b.root, f, s.placer(b.manifest))
		if err != nil {
			return setter{}, err
		}
		set.way = way
	}
	var unclear []engine.Place
	for level, k := range b.chain {
		for _, p := range k.patches {
			matched, alone := p.matches(b)
			if !matched {
				continue
			}
			e, err := s.effect(p, f, b, s.numbering(b))
			if err != nil {
				return setter{}, err
			}
			if e.way.node != nil {
				set, unclear = setter{p.manifest, e.way, level, alone}, nil
			}
			unclear = append(unclear, e.unclear...)
		}
		unclear = append(unclear, k.touching(f)...)
	}
	if len(unclear) > 0 {
		if set.way.last != nil {
			unclear = append(unclear, s.placer(set.manifest)(set.way.last.Line, "%s", f))
		}
		return setter{}, refuse(unclear, "kustomizations change the value in a way that is not followed")
	}
	return set, nil
}

// numbering gives the function that tells the number of an item of a list of an object. It is not known where a patch changes their
// order: Kustomize puts the items that a patch names first.
func (s *search) numbering(b built) func(list []step, item step) int {
	return func(list []step, item step) int {
		names := itemNames(b, list, item.key)
		if names == nil || s.reordered(b, list, item.key, names) {
			return -1
		}
		return slices.Index(names, item.is)
	}
}

// itemNames gives the names of the items of a list in an object's own file, nil where there is no such list.
func itemNames(b built, list []step, key string) []string {
	if b.away {
		return nil
	}
	have, err := walk(b.root, list, nowhere)
	if err != nil || have.node == nil {
		return nil
	}
	return namesIn(have.node, key)
}

func namesIn(list *yaml.Node, key string) []string {
	var names []string
	for _, n := range list.Content {
		names = append(names, textOf(n, strings.Split(key, ".")...))
	}
	return names
}

// reordered tells whether a patch of an object names items of a list in an order that is not the list's.
func (s *search) reordered(b built, list []step, key string, names []string) bool {
	for _, k := range b.chain {
		for _, p := range k.patches {
			if matched, _ := p.matches(b); !matched || p.isOperations() {
				continue
			}
			named, err := walk(p.root, list, nowhere)
			if err != nil {
				return true
			}
			if named.node == nil {
				continue
			}
			if in := namesIn(named.node, key); len(in) > len(names) || !slices.Equal(in, names[:len(in)]) {
				return true
			}
		}
	}
	return false
}

// others names the kustomizations outside of a build that also use what gives it a value: the object's file, or the kustomization
// of the patch.
func (s *search) others(root *kustomization, b built, level int) []engine.Place {
	inside := s.closure(root)
	var places []engine.Place
	for _, dir := range slices.Sorted(maps.Keys(s.kustomized)) {
		k := s.kustomized[dir]
		if slices.Contains(inside, dir) {
			continue
		}
		uses := s.closure(k)
		wanted := b.path
		if level >= 0 {
			wanted = b.chain[level].dir
		}
		if slices.Contains(uses, wanted) && !s.onlyThrough(k, root, wanted) {
			places = append(places, s.at(k.path, 1, "uses it too"))
		}
	}
	return places
}

// onlyThrough tells whether a kustomization uses something by using root alone, as what is above root does.
func (s *search) onlyThrough(k, root *kustomization, wanted string) bool {
	if len(root.usedBy) != 1 || k == root {
		return k == root
	}
	for _, p := range slices.Concat(k.resources, k.components, k.files) {
		if p == wanted {
			return false
		}
		if inner := s.kustomized[p]; inner != nil && slices.Contains(s.closure(inner), wanted) && !s.onlyThrough(inner, root, wanted) {
			return false
		}
	}
	return true
}

// extend puts the value into a patch of the object that only this build uses.
func (s *search) extend(root *kustomization, b built, f field, w engine.Wish, set setter, others []engine.Place) (map[string][]byte, error) {
	why := fmt.Sprintf("%s comes from a base that is not in this repository", b.now)
	places := slices.Clone(others)
	if len(others) > 0 {
		why = fmt.Sprintf("%s is built out of what others use too (%d)", b.now, len(others))
	}
	if set.way.last != nil {
		line := s.placer(set.manifest)(set.way.last.Line, "%s", f)
		places = append(places, line)
		if set.way.node != nil {
			if err := agrees(w, set.way.node, line); err != nil {
				return nil, err
			}
		} else if err := defaulted(w, set.way, line); err != nil {
			return nil, err
		}
	}
	for level := len(b.chain) - 1; level > set.level && f.keep > 0; level-- {
		if len(s.others(root, b, level)) > 0 {
			continue
		}
		for _, p := range slices.Backward(b.chain[level].patches) {
			if matched, alone := p.matches(b); !matched || !alone || p.isOperations() || b.away && set.level < 0 && !p.has(f) {
				continue
			}
			at := s.placer(p.manifest)
			way, err := walk(p.root, f.ways[0], at)
			if err != nil {
				return nil, err
			}
			if s.moves(b, f, way) {
				continue
			}
			if err := own(p.manifest, way, at); err != nil {
				return nil, err
			}
			after, err := s.insertValue(p.manifest, w, way, at(way.last.Line, "%s", f))
			if err != nil {
				return nil, err
			}
			return map[string][]byte{p.path: after}, nil
		}
	}
	if len(s.others(root, b, len(b.chain)-1)) == 0 && b.chain[len(b.chain)-1] == root {
		if after, err := s.create(root, b, f, w); err == nil {
			return map[string][]byte{root.path: after}, nil
		}
	}
	places = append(places, s.at(root.path, 1, "a patch of %s belongs here", b.now))
	return nil, refuse(places, "%s, and this one has no patch of it that could hold the value", why)
}

// moves tells whether an item that is put into a patch would move it to another place in the object's list.
func (s *search) moves(b built, f field, way walked) bool {
	i := slices.IndexFunc(way.missing, func(one step) bool { return one.is != "" })
	if i < 0 {
		return false
	}
	item := way.missing[i]
	list := f.ways[0][:slices.Index(f.ways[0], item)]
	names := itemNames(b, list, item.key)
	return len(names) == 0 || names[0] != item.is || i == 0 && len(names) > 1 || s.reordered(b, list, item.key, names)
}

// has tells whether a patch names the container of a field, so that it is there whatever the base is.
func (p patch) has(f field) bool {
	way, err := walk(p.root, f.ways[0], nowhere)
	return err == nil && len(way.path)-1 >= f.keep
}

// remote gives the object that a patch of a build is for, where a base of the build is not in the tree.
func (s *search) remote(root *kustomization, o object) []built {
	var found []built
	for _, dir := range s.closure(root) {
		k := s.kustomized[dir]
		if k == nil || len(k.remote) == 0 {
			continue
		}
		chain := s.chainTo(k, root)
		for _, p := range slices.Concat(patchesOf(chain)...) {
			if p.isOperations() || p.target != nil && textOf(p.root, "metadata", "name") == "" {
				continue
			}
			b := built{manifest: p.manifest, now: p.object(), names: []string{p.object().name}, away: true}
			for _, k := range chain {
				b = b.through(k)
			}
			if b.is(o) {
				return append(found, b)
			}
		}
	}
	return found
}

func patchesOf(chain []*kustomization) [][]patch {
	var all [][]patch
	for _, k := range chain {
		all = append(all, k.patches)
	}
	return all
}

// chainTo gives the kustomizations from one to the root that uses it, itself first.
func (s *search) chainTo(k, root *kustomization) []*kustomization {
	chain := []*kustomization{k}
	for k != root && len(chain) <= maxDepth {
		i := slices.IndexFunc(k.usedBy, func(by *kustomization) bool { return slices.Contains(s.closure(root), by.dir) })
		if i < 0 {
			break
		}
		k = k.usedBy[i]
		chain = append(chain, k)
	}
	return chain
}
