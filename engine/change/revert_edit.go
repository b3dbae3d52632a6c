package change

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

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
		switch path := t.entry(l); path[0] {
		case "images":
			if e.what == "image" {
				return explained
			}
		case "replicas":
			if e.what == FieldReplicas {
				return explained
			}
		case "configMapGenerator":
			config := part{config: strings.Trim(path[1], "[]")}
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
