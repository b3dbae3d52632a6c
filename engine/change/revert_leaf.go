package change

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// leaf is a single value of a text, and the lines that it takes.
type leaf struct {
	path        []string // keys, and items as "[name]", "[]" for one that has no name
	value       string
	first, last int // lines, counted from 0
}

func (l leaf) is(other leaf) bool { return l.value == other.value && slices.Equal(l.path, other.path) }

// leavesOf lists the values of a text in its order; none for what is no YAML. inner asks for those of texts in it that are YAML too.
func leavesOf(lines []string, inner bool) []leaf {
	text, err := parseYAML([]byte(strings.Join(lines, "")))
	if err != nil {
		return nil
	}
	var all []leaf
	for _, doc := range text.docs {
		for _, n := range doc.Content {
			all = text.leaves(all, n, n, nil)
		}
	}
	if inner {
		all = opened(all)
	}
	for i := range all {
		all[i].last = len(lines) - 1
		if i+1 < len(all) {
			all[i].last = max(all[i].first, all[i+1].first-1)
		}
	}
	return all
}

// leaves collects the values below a node. from is where it begins: its key, or the node itself.
func (t *yamlText) leaves(all []leaf, n, from *yaml.Node, path []string) []leaf {
	below := func(part string) []string { return append(slices.Clone(path), part) }
	switch {
	case n.Kind == yaml.MappingNode && len(n.Content) > 0:
		for i := 0; i+1 < len(n.Content); i += 2 {
			all = t.leaves(all, n.Content[i+1], n.Content[i], below(n.Content[i].Value))
		}
		return all
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		for _, item := range n.Content {
			all = t.leaves(all, item, item, below("["+itemName(item)+"]"))
		}
		return all
	}
	return append(all, leaf{path: path, value: n.Value, first: bytes.Count(t.src[:max(0, t.offset(from))], []byte("\n"))})
}

// opened puts the values of a text of several lines in its place, as the values of an application stand in it.
func opened(all []leaf) []leaf {
	var out []leaf
	for _, l := range all {
		lines := splitLines(l.value)
		below := []leaf(nil)
		if len(lines) > 1 || strings.HasSuffix(l.value, "\n") {
			below = leavesOf(lines, false)
		}
		for i := range below {
			below[i].path = slices.Concat(l.path, below[i].path)
			below[i].first += l.first + 1 // behind the key and its mark
		}
		if len(below) == 0 {
			below = []leaf{l}
		}
		out = append(out, below...)
	}
	return out
}

// itemName is what an item of a list is known by.
func itemName(n *yaml.Node) string {
	for _, key := range []string{"name", "mountPath", "key", "containerPort"} {
		if name := textOf(n, key); name != "" {
			return name
		}
	}
	return ""
}

// doing is what a hunk of a commit did: the values that it took away and put there, and its lines.
type doing struct {
	before, after           []leaf
	linesBefore, linesAfter []string
}

// did reads what a hunk is about. The hunk leads back: its first side is what the commit made.
func (t touched) did(h hunk) doing {
	d := doing{linesAfter: t.after[h.a0:h.a1], linesBefore: t.before[h.b0:h.b1]}
	within := func(all []leaf, from, to int) (some []leaf) {
		for _, l := range all {
			if l.first < to && l.last >= from {
				some = append(some, l)
			}
		}
		return some
	}
	after, before := within(t.leavesAfter, h.a0, h.a1), within(t.leavesBefore, h.b0, h.b1)
	without := func(some, others []leaf) []leaf {
		return slices.DeleteFunc(slices.Clone(some), func(l leaf) bool { return slices.ContainsFunc(others, l.is) })
	}
	d.after, d.before = without(after, before), without(before, after)
	return d
}

// owns tells whether a hunk is the workload's whatever it changes.
func (t touched) owns(d doing) bool {
	switch t.kind {
	case partObject, partFile, partTemplate:
		return true
	case partKustomize:
		return slices.ContainsFunc(slices.Concat(d.before, d.after), t.mine)
	case partValues:
	}
	return false
}

// entry gives a value's path below a kustomization's own fields; nil where it is elsewhere.
func (p part) entry(l leaf) []string {
	if len(l.path) < len(p.at)+2 || !slices.Equal(l.path[:len(p.at)], p.at) {
		return nil
	}
	return l.path[len(p.at):]
}

// mine tells whether an entry of a kustomization names the workload, an image or a ConfigMap of it.
func (p part) mine(l leaf) bool {
	path := p.entry(l)
	if path == nil {
		return false
	}
	item := strings.Trim(path[1], "[]")
	switch path[0] {
	case "images":
		if item == "" { // an application's: "acme/api:1.4.2"
			item, _, _ = splitImage(l.value)
		}
		return slices.Contains(p.images, item)
	case "replicas":
		return slices.Contains(p.names, item)
	case "configMapGenerator":
		return slices.Contains(p.configs, item)
	case "patches", "patchesStrategicMerge":
		return strings.Contains(l.value, "kind: "+p.pod) && slices.ContainsFunc(p.names, func(name string) bool { return strings.Contains(l.value, "name: "+name) })
	}
	return false
}
