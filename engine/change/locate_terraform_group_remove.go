package change

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/eks-autopilot/autopilot/engine"
)

// removeGroup removes a group of nodes, in two stages, each a pull request of its own: as long as it has nodes it is made empty,
// so that they drain; when it has none, its declaration goes, and so does what refers to it.
func (t *terraform) removeGroup(g *tfGroup, w engine.Wish) (Located, error) {
	if w.Old != "0" {
		empty := w
		empty.Field, empty.New = FieldDesired, "0"
		l, err := t.resize(g, empty)
		l.Steps = append(l.Steps, "First of two pull requests: it empties node group "+w.Name+". When it has no nodes, a second one removes it.")
		return l, err
	}
	at := []engine.Place{g.place}
	switch desired, known := t.count(g.desired); {
	case g.ignored.Path == "" && known && desired > 0:
		return Located{}, refuse(at, "node group %s has no nodes, and %s declares %d: the file and the group have drifted apart",
			w.Name, g.block.address(), desired)
	case len(g.at.in.dir.opaque) > 0:
		return Located{}, refuse(append(at, g.at.in.dir.opaque...), "%s cannot be read, and may refer to it", g.at.in.dir.opaque[0].Path)
	}
	if shared := t.sharing(g, g.at, g.way.clone()); shared != "" {
		return Located{}, refuse(at, "node group %s is not declared by itself: %s", w.Name, shared)
	}
	if err := t.open(g); err != nil {
		return Located{}, err
	}
	if err := t.protected(g.block); err != nil {
		return Located{}, err
	}
	r := &removal{terraform: t, in: g.at.in, address: g.block.address()}
	if g.item != (hcl.Range{}) {
		r.refused = t.readersOfItem(g)
		r.ops = append(r.ops, hclOp{file: g.holder, at: g.item})
	} else {
		r.drop(g.block)
		r.others(g.block, "")
	}
	l, err := r.result("node group " + w.Name)
	if err != nil {
		return Located{}, err
	}
	l.Steps = append([]string{"Second of two pull requests: its plan must destroy node group " + w.Name + ", which has no nodes, and add nothing."}, r.steps...)
	return l, nil
}

// readersOfItem lists what reads a group of a module by its key.
func (t *terraform) readersOfItem(g *tfGroup) []engine.Place {
	var places []engine.Place
	for _, f := range g.at.in.dir.files {
		for _, ref := range referencesTo(f.body, g.block.address()) {
			for _, step := range ref.Traversal[2:] {
				if stepKey(step) == g.key {
					places = append(places, t.place(f, ref.SrcRange, "reads node group %s", g.key))
				}
			}
		}
	}
	return places
}
