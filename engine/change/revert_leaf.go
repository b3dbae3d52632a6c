package change

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
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

// mine tells whether an entry of a kustomization names the workload, an image or a ConfigMap of it.
func (p part) mine(l leaf) bool {
	if len(l.path) < 2 {
		return false
	}
	item := strings.Trim(l.path[1], "[]")
	switch l.path[0] {
	case "images":
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

// Fields of a WishRevert that are not of the pods. Of the first two the live value need only be another one.
const (
	FieldRevision  = "revision"  // Old is its number
	FieldConfigMap = "configmap" // with the name behind it; Old is when it was edited
	FieldReplicas  = "replicas"
)

// edit is one thing that the live object shows to have changed, as engine.EvidenceChange says it.
type edit struct {
	what, container, key string
	was, is              string // without the key
	had, has             bool   // whether there was, and is, one at all
}

// editsOf reads the edits of a wish, the one that the cause rests on first.
func editsOf(w engine.Wish) []edit {
	var all []edit
	for _, one := range append([]engine.Wish{w}, w.With...) {
		what, key, _ := strings.Cut(one.Field, " ")
		e := edit{what: what, key: key, container: one.Target.Container, had: one.New != "", has: one.Old != ""}
		sign := ""
		if key != "" {
			sign = key + "="
		}
		e.was, e.is = strings.TrimPrefix(one.New, sign), strings.TrimPrefix(one.Old, sign)
		all = append(all, e)
	}
	return all
}

// name is what was edited, for people.
func (e edit) name() string {
	text := strings.TrimSpace(e.what + " " + e.key)
	if e.container != "" {
		text += " of container " + e.container
	}
	return text
}

// String says the edit for people.
func (e edit) String() string {
	switch {
	case e.what == FieldConfigMap:
		return "the edit of ConfigMap " + e.key
	case !e.had:
		return fmt.Sprintf("%s (%s)", e.name(), bounded(e.is))
	}
	return fmt.Sprintf("%s (%s → %s)", e.name(), orNothing(e.was), orNothing(e.is))
}

// verdict is how a hunk stands to an edit.
type verdict int

const (
	foreign   verdict = iota // it is about something else
	unlike                   // it is about the very value, and changed it in another way than the cluster shows
	explained                // it brought the edit
)

// values are what a hunk changed from and to.
type values struct{ before, after string }

// explains tells whether a hunk brought an edit; have is what it changed from and to, where that is another value.
func (t touched) explains(e edit, d doing) (v verdict, have values) {
	switch t.kind {
	case partTemplate:
		return foreign, have
	case partFile:
		return t.explainsConfig(e), have
	case partValues:
		return fed(e, d), have
	case partKustomize:
		return t.explainsEntry(e, d), have
	case partObject:
	}
	if t.config != "" {
		return t.explainsConfig(e), have
	}
	about := func(all []leaf) (some []leaf) {
		for _, l := range all {
			if e.covers(l.path, t.pod) {
				some = append(some, l)
			}
		}
		return some
	}
	before, after := about(d.before), about(d.after)
	if len(before)+len(after) == 0 {
		return foreign, have
	}
	if !e.isScalar() || len(before) > 1 || len(after) > 1 {
		return explained, have
	}
	same := func(side []leaf, there bool, value string) bool {
		if len(side) == 0 || hidden(value) || last(side[0].path) == "name" {
			return true // the line that names it, or a value that is not read
		}
		return there && (side[0].value == value || e.what == "resources" && SameValue(side[0].value, value))
	}
	if same(before, e.had, e.was) && same(after, e.has, e.is) {
		return explained, have
	}
	if !t.plain { // a kustomization may make another value of it
		return foreign, have
	}
	for _, l := range before {
		have.before = l.value
	}
	for _, l := range after {
		have.after = l.value
	}
	return unlike, have
}

func last(path []string) string { return path[len(path)-1] }

// hidden tells whether the evidence does not say all of a value.
func hidden(value string) bool {
	return strings.Contains(value, "***") || strings.HasSuffix(value, "…") || strings.HasPrefix(value, "(")
}

// isScalar tells whether an edit is of one value that stands in a file as it does in the evidence.
func (e edit) isScalar() bool {
	switch e.what {
	case "image", "env", "account", "resources", FieldReplicas:
		return true
	}
	return false
}

// explainsConfig tells whether a change of a ConfigMap brought an edit: the edit is of it, or of the name that its contents give it.
func (p part) explainsConfig(e edit) verdict {
	if e.what == FieldConfigMap && e.key == p.config {
		return explained
	}
	for _, text := range []string{e.key, e.was, e.is} {
		if isHashed(text, p.config) {
			return explained
		}
	}
	return foreign
}

// isHashed tells whether a value names a ConfigMap that a kustomization named by its contents.
func isHashed(value, config string) bool {
	_, hash, ok := strings.Cut(value, config+"-")
	return ok && config != "" && len(hash) >= 10
}

// explainsEntry tells whether a change of a kustomization's entry brought an edit.
func (t touched) explainsEntry(e edit, d doing) verdict {
	for _, l := range slices.Concat(d.after, d.before) {
		if !t.mine(l) {
			continue
		}
		switch l.path[0] {
		case "images":
			if e.what == "image" {
				return explained
			}
		case "replicas":
			if e.what == FieldReplicas {
				return explained
			}
		case "configMapGenerator":
			config := part{config: strings.Trim(l.path[1], "[]")}
			if config.explainsConfig(e) == explained {
				return explained
			}
		default: // a patch as a text
			if e.spoken(d) && strings.Contains(l.value, e.key) {
				return explained
			}
		}
	}
	return foreign
}

// spoken tells whether the lines of a hunk say what an edit was and is.
func (e edit) spoken(d doing) bool {
	if hidden(e.was) || hidden(e.is) || e.was == "" && e.is == "" {
		return false
	}
	return (!e.had || hasText(d.linesBefore, e.was)) && (!e.has || hasText(d.linesAfter, e.is))
}

// fed tells whether a change of a chart's values brought an edit: a value that was what the cluster had became what it has.
func fed(e edit, d doing) verdict {
	if hidden(e.was) || hidden(e.is) || !e.isScalar() && !e.spoken(d) {
		return foreign
	}
	if !e.isScalar() {
		return explained
	}
	like := func(value, wanted string) bool {
		return value == wanted || e.what == "resources" && SameValue(value, wanted) || e.what == "image" && value != "" && strings.HasSuffix(wanted, ":"+value)
	}
	at := func(all []leaf, path []string) int {
		return slices.IndexFunc(all, func(l leaf) bool { return slices.Equal(l.path, path) })
	}
	for _, l := range d.after {
		was := at(d.before, l.path)
		if e.has && like(l.value, e.is) && (was >= 0) == e.had && (was < 0 || like(d.before[was].value, e.was)) {
			return explained
		}
	}
	for _, l := range d.before {
		if !e.has && like(l.value, e.was) && at(d.after, l.path) < 0 {
			return explained
		}
	}
	return foreign
}

// covers tells whether a value of an object of a kind belongs to what was edited.
func (e edit) covers(path []string, kind string) bool {
	if e.what == FieldReplicas {
		return slices.Equal(path, []string{"spec", "replicas"})
	}
	pod := []string{}
	for _, s := range podOf(kind) {
		pod = append(pod, s.key)
	}
	begins := func(parts ...string) bool { return len(path) >= len(parts) && slices.Equal(path[:len(parts)], parts) }
	if e.what == "config" {
		return begins(append(slices.Clone(pod[:len(pod)-1]), "metadata", "annotations", e.key)...)
	}
	if !begins(pod...) {
		return false
	}
	path = path[len(pod):]
	item := "[" + e.key + "]"
	switch e.what {
	case "template":
		return true
	case "volume":
		return begins("volumes", item)
	case "account":
		return begins("serviceAccountName") || begins("serviceAccount")
	case "placement":
		return begins("nodeSelector") || begins("affinity") || begins("tolerations") || begins("priorityClassName")
	}
	if !begins("containers", "["+e.container+"]") && !begins("initContainers", "["+e.container+"]") {
		return false
	}
	path = path[2:]
	switch e.what {
	case "container":
		return true
	case "env":
		return begins("env", item)
	case "mount":
		return begins("volumeMounts")
	case "probe":
		return begins(e.key + "Probe")
	case "resources":
		return begins("resources") && (strings.Join(path[1:], ".") == e.key || len(path) < 3)
	}
	return begins(e.what)
}
