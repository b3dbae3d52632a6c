package change

import (
	"context"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// splitImage cuts a reference into its name and its tag. ok is false for one with a digest, or without a tag.
func splitImage(reference string) (name, tag string, ok bool) {
	i := strings.LastIndexByte(reference, ':')
	if i < 0 || strings.ContainsRune(reference, '@') || strings.ContainsRune(reference[i:], '/') {
		return reference, "", false
	}
	return reference[:i], reference[i+1:], true
}

// tagWish makes of a wish for another image one for another tag. ok is false where more than the tag differs.
func tagWish(w engine.Wish) (tag engine.Wish, name string, ok bool) {
	name, from, okOld := splitImage(w.Old)
	other, to, okNew := splitImage(w.New)
	tag = w
	tag.Old, tag.New = from, to
	return tag, name, okOld && okNew && name == other
}

// imageEntry is an entry of a kustomization's images that decides an image.
type imageEntry struct {
	k     *kustomization
	level int
	node  *yaml.Node
}

// imageOf follows an image through the images of kustomizations, which come after the patches of each. entry is nil where none is
// about it.
func (b built) imageOf(reference string, level int) (name string, entry *imageEntry) {
	name = reference
	if n, _, ok := splitImage(reference); ok {
		name = n
	}
	for i, k := range b.chain {
		if i < level {
			continue
		}
		for _, n := range itemsOf(k.root, "images") {
			if textOf(n, "name") != name {
				continue
			}
			entry = &imageEntry{k, i, n}
			if other := textOf(n, "newName"); other != "" {
				name = other
			}
		}
	}
	return name, entry
}

// editImage changes the tag in a kustomization's images. It refuses where that would change the image of another object too.
func (s *search) editImage(ctx context.Context, root *kustomization, b built, e *imageEntry, name string, w engine.Wish) (map[string][]byte, error) {
	place := s.at(e.k.path, e.node.Line, "an entry of images")
	wish, wanted, ok := tagWish(w)
	tag := valueOf(e.node, "newTag")
	if !ok || wanted != name || tag == nil || valueOf(e.node, "digest") != nil {
		return nil, refuse([]engine.Place{place}, "the image is set in a kustomization, and more than its tag would change")
	}
	if others := s.others(root, b, e.level); len(others) > 0 {
		return nil, refuse(append(others, place), "the image is set in a kustomization that others use too")
	}
	for _, kind := range []string{"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Pod"} {
		made, err := s.build(ctx, e.k, kind, 0)
		if err != nil {
			return nil, err
		}
		for _, other := range made {
			if (other.path != b.path || other.root.Line != b.root.Line) && usesImage(other.root, textOf(e.node, "name")) {
				return nil, refuse([]engine.Place{place, s.placer(other.manifest)(other.root.Line, "%s has the same image", other.now)},
					"the image is set in a kustomization for several objects")
			}
		}
	}
	m := manifest{path: e.k.path, text: e.k.text, doc: e.k.text.docs[0], root: e.k.root}
	after, err := s.setField(m, field{ways: [][]step{keys("images", "newTag")}}, wish, walked{node: tag, last: tag, path: []*yaml.Node{e.node, tag}})
	if err != nil {
		return nil, err
	}
	return map[string][]byte{e.k.path: after}, nil
}

// usesImage tells whether any container below a node has an image of a name.
func usesImage(n *yaml.Node, name string) bool {
	if image := textOf(n, "image"); image != "" {
		have, _, _ := splitImage(image)
		if have == name {
			return true
		}
	}
	return slices.ContainsFunc(n.Content, func(child *yaml.Node) bool { return usesImage(child, name) })
}

// tagPath follows an image in a template that is put together out of its name and its tag: to the one value that is the tag.
func (s *search) tagPath(t templated, text string, w engine.Wish) (steps []step, tag engine.Wish, ok bool) {
	tag, name, ok := tagWish(w)
	marks := mark.FindAllString(text, -1)
	if !ok || len(marks) < 2 || !strings.HasSuffix(text, ":"+marks[len(marks)-1]) {
		return nil, tag, false
	}
	last := t.origin(marks[len(marks)-1])
	if s.resolved(t, strings.TrimSuffix(text, ":"+marks[len(marks)-1])) != name {
		return nil, tag, false
	}
	for _, p := range last.paths {
		names := strings.Split(p, ".")
		switch {
		case names[0] == "Values" && steps == nil:
			steps = keys(names[1:]...)
		case names[0] == "Values":
			return nil, tag, false
		}
	}
	return steps, tag, len(steps) > 0
}
