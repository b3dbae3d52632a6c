package change

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/eks-autopilot/autopilot/engine"
)

// create gives a kustomization with the smallest patch that sets the value of an object which only merges: other builds of the same
// base keep theirs. It is refused for kinds whose lists Kustomize does not merge.
func (s *search) create(root *kustomization, b built, f field, w engine.Wish) ([]byte, error) {
	steps := f.ways[0]
	list := slices.IndexFunc(steps, func(one step) bool { return one.is != "" })
	if b.away || f.keep < 1 || list < 1 || !merges(b.now.kind, steps[list-1].key) {
		return nil, errSpan
	}
	names := itemNames(b, steps[:list], steps[list].key)
	at := slices.Index(names, steps[list].is)
	if at < 0 || s.reordered(b, steps[:list], steps[list].key, names) {
		return nil, errSpan
	}
	t := root.text
	form := t.formOf(root.root)
	form.quote, form.jsonLike = "", false
	version, o := textOf(b.root, "apiVersion"), b.object()
	body := []string{"apiVersion: " + version, "kind: " + o.kind, "metadata:", strings.Repeat(" ", form.unit) + "name: " + form.scalar(o.name)}
	if o.namespace != "" {
		body = append(body, strings.Repeat(" ", form.unit)+"namespace: "+form.scalar(o.namespace))
	}
	value := form.lines(0, steps, form.scalar(w.New))
	for _, name := range slices.Backward(names[:at]) { // Kustomize would put the only one that is named before them
		dash := value[list][:strings.IndexByte(value[list], '-')]
		value = slices.Insert(value, list, dash+"- "+steps[list].key+": "+form.scalar(name))
	}
	body = append(body, value...)

	have := valueOf(root.root, "patches")
	switch {
	case have == nil && root.root.Style&yaml.FlowStyle == 0 && len(root.root.Content) > 0:
		end, err := t.end(root.root.Content[len(root.root.Content)-1])
		if err != nil {
			return nil, err
		}
		lines := append([]string{"patches:"}, entry(form.list, body)...)
		return t.addLast(root.root, 2, t.lineAfter(end, lines))
	case have != nil && have.Kind == yaml.SequenceNode && have.Style&yaml.FlowStyle == 0 && len(have.Content) > 0 && have.Anchor == "":
		end, err := t.end(have.Content[len(have.Content)-1])
		if err != nil {
			return nil, err
		}
		return t.addLast(have, 1, t.lineAfter(end, entry(have.Column-1, body)))
	}
	return nil, errSpan
}

// entry writes a patch as an item of a list.
func entry(indent int, body []string) []string {
	lines := []string{strings.Repeat(" ", indent) + "- patch: |-"}
	for _, line := range body {
		lines = append(lines, strings.Repeat(" ", indent+4)+line)
	}
	return lines
}

// addLast makes a splice that adds so many nodes at the end of a collection, and proves that it does nothing else.
func (t *yamlText) addLast(to *yaml.Node, nodes int, s splice) ([]byte, error) {
	after := apply(t.src, s)
	got, err := parseYAML(after)
	if err != nil || len(got.docs) != len(t.docs) {
		return nil, errElsewhere
	}
	other := counterpart(t.docs, got.docs, to)
	if other == nil || len(other.Content) != len(to.Content)+nodes {
		return nil, errElsewhere
	}
	other.Content = other.Content[:len(to.Content)]
	for i, doc := range t.docs {
		if unequal(doc, got.docs[i], nil) != nil {
			return nil, errElsewhere
		}
	}
	return after, nil
}

// counterpart finds the node that stands in other trees where one stands in its own.
func counterpart(trees, others []*yaml.Node, n *yaml.Node) *yaml.Node {
	for i, tree := range trees {
		if i >= len(others) {
			return nil
		}
		if tree == n {
			return others[i]
		}
		if found := counterpart(tree.Content, others[i].Content, n); found != nil {
			return found
		}
	}
	return nil
}
