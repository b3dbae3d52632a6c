package change

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// patch is one patch of a kustomization: a part of an object that is merged into it, or a list of operations of JSON 6902.
type patch struct {
	manifest
	target *yaml.Node // what it is for; nil where its own kind and name say so
}

// isOperations tells a list of operations from a part of an object.
func (p patch) isOperations() bool { return p.root.Kind == yaml.SequenceNode }

// fillPatches reads the patches of a kustomization, in the order in which Kustomize applies them.
func (s *search) fillPatches(ctx context.Context, k *kustomization) error {
	for _, key := range []string{"patchesStrategicMerge", "patches", "patchesJson6902"} {
		for _, entry := range itemsOf(k.root, key) {
			inline, file := entry, textOf(entry, "path")
			if entry.Kind == yaml.MappingNode {
				inline = valueOf(entry, "patch")
			} else if _, ok := s.local(k, entry.Value); ok {
				inline, file = nil, entry.Value
			}
			if err := s.addPatch(ctx, k, file, inline, valueOf(entry, "target")); err != nil {
				return err
			}
		}
	}
	return nil
}

// addPatch reads a patch out of a file or out of a string of the kustomization.
func (s *search) addPatch(ctx context.Context, k *kustomization, file string, inline, target *yaml.Node) error {
	from := manifest{path: k.path}
	var src []byte
	switch p, ok := s.local(k, file); {
	case file != "" && !ok:
		return nil
	case file != "":
		k.files = append(k.files, p)
		text, err := s.read(ctx, p)
		if err != nil {
			return err
		}
		src, from.path = text, p
	case inline != nil && inline.Kind == yaml.ScalarNode:
		src, from.outer, from.host = []byte(inline.Value), k.text, inline
	default:
		return nil
	}
	text, err := parseYAML(src)
	if err != nil {
		k.opaque = append(k.opaque, opaque{place: s.at(from.path, from.line(1), "a patch that is no YAML")})
		return nil
	}
	from.text = text
	for _, doc := range text.docs {
		if len(doc.Content) == 0 {
			continue
		}
		one := from
		one.doc, one.root = doc, doc.Content[0]
		k.patches = append(k.patches, patch{one, target})
	}
	return nil
}

// matches tells whether a patch is for an object, and whether it is for no other one.
func (p patch) matches(b built) (matched, alone bool) {
	if p.target == nil {
		o := p.object()
		return o.kind == b.now.kind && slices.Contains(b.names, o.name) && (o.namespace == "" || b.isIn(o.namespace)), true
	}
	if !whole(textOf(p.target, "kind"), b.now.kind) || textOf(p.target, "namespace") != "" && !b.isIn(textOf(p.target, "namespace")) {
		return false, false
	}
	name := textOf(p.target, "name")
	if !slices.ContainsFunc(b.names, func(have string) bool { return whole(name, have) }) || !p.selects(b) {
		return false, false
	}
	return true, name != "" && regexp.QuoteMeta(name) == strings.ReplaceAll(name, ".", `\.`) && textOf(p.target, "kind") != ""
}

// isIn tells whether an object is, or was before a kustomization moved it, in a namespace.
func (b built) isIn(namespace string) bool {
	return b.now.namespace == namespace || b.object().namespace == namespace
}

// whole matches a pattern of a patch's target, which must match all of a value. An empty one matches everything.
func whole(pattern, value string) bool {
	if pattern == "" || pattern == value {
		return true
	}
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && re.MatchString(value)
}

// selects tells whether the selectors of a patch's target may choose an object: those of the form a=b are looked up in its file.
func (p patch) selects(b built) bool {
	for _, kind := range []struct{ selector, field string }{{"labelSelector", "labels"}, {"annotationSelector", "annotations"}} {
		for part := range strings.SplitSeq(textOf(p.target, kind.selector), ",") {
			key, value, ok := strings.Cut(strings.Replace(part, "==", "=", 1), "=")
			if ok && !strings.HasSuffix(key, "!") && textOf(b.root, "metadata", kind.field, strings.TrimSpace(key)) != strings.TrimSpace(value) {
				return false
			}
		}
	}
	return true
}

// effect is what a patch does to a value.
type effect struct {
	manifest manifest
	way      walked         // to the value that it sets; its node is nil when it sets none
	unclear  []engine.Place // what it may do to it
}

// effect says what a patch does to a field of an object. index gives the number of an item of a list of the object as the patch
// finds it, -1 where that is not known.
func (s *search) effect(p patch, f field, b built, index func(list []step, item step) int) (effect, error) {
	at := func(line int, note string, args ...any) engine.Place {
		return s.at(p.path, p.line(line), note, args...)
	}
	e := effect{manifest: p.manifest}
	if p.isOperations() {
		return s.operations(e, f, at, index)
	}
	for _, steps := range f.ways {
		way, err := walk(p.root, steps, at)
		if err != nil {
			return e, err
		}
		if way.node != nil && way.node.Tag != "!!null" {
			e.way = way
		}
		for i, n := range way.path {
			switch {
			case directive(n):
				e.unclear = append(e.unclear, at(n.Line, "a patch with a directive"))
			case n.Tag == "!!null":
				e.unclear = append(e.unclear, at(n.Line, "a patch that removes %s", pathOf(steps[:i])))
			case n.Kind == yaml.SequenceNode && way.node == nil && !merges(b.now.kind, steps[i-1].key):
				e.unclear = append(e.unclear, at(n.Line, "a patch that replaces the list %s", steps[i-1].key))
			}
		}
	}
	return e, nil
}

// directive tells whether a part of a patch, or an item of it, does other than merge.
func directive(n *yaml.Node) bool {
	if n.Kind == yaml.SequenceNode {
		return slices.ContainsFunc(n.Content, func(item *yaml.Node) bool { return item.Kind == yaml.MappingNode && directive(item) })
	}
	return valueOf(n, "$patch") != nil || valueOf(n, "$retainKeys") != nil
}

// merges tells whether a list in an object of a kind is merged by its items' names. In objects that Kustomize has no schema of,
// lists replace each other.
func merges(kind, list string) bool {
	switch kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob", "Pod":
		return list == "containers" || list == "initContainers"
	}
	return false
}

// operations follows a list of operations.
func (s *search) operations(e effect, f field, at placer, index func(list []step, item step) int) (effect, error) {
	for _, op := range e.manifest.root.Content {
		verb := textOf(op, "op")
		have := strings.Split(strings.TrimPrefix(textOf(op, "path"), "/"), "/")
		for i := range have {
			have[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(have[i])
		}
		for _, steps := range f.ways {
			n, sure := covers(have, steps, index)
			value := valueOf(op, "value")
			switch {
			case n < 0:
			case !sure, verb == "add" && steps[n-1].is != "", verb != "add" && verb != "replace", value == nil:
				e.way, e.unclear = walked{}, append(e.unclear, at(op.Line, "an operation that %ss %s", verb, textOf(op, "path")))
			default:
				way, err := walk(value, steps[n:], at)
				if err != nil {
					return e, err
				}
				if way.node == nil || way.node.Tag == "!!null" {
					e.way, e.unclear = walked{}, append(e.unclear, at(op.Line, "an operation that %ss %s", verb, textOf(op, "path")))
					continue
				}
				e.way, e.unclear = way, nil
			}
		}
	}
	return e, nil
}

// covers tells how many of the steps a pointer is, -1 when it leads elsewhere. It is not sure where the pointer names an item by a
// number that may be the wanted one.
func covers(pointer []string, steps []step, index func(list []step, item step) int) (n int, sure bool) {
	if len(pointer) > len(steps) {
		return -1, true
	}
	sure = true
	for i, part := range pointer {
		if steps[i].is == "" {
			if part != steps[i].key {
				return -1, true
			}
			continue
		}
		number, err := strconv.Atoi(part)
		if err != nil {
			return -1, true // "-" is behind the last item
		}
		switch want := index(steps[:i], steps[i]); {
		case want < 0:
			sure = false
		case want != number:
			return -1, true
		}
	}
	return len(pointer), sure
}
