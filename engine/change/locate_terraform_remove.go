package change

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/eks-autopilot/autopilot/engine"
)

// removal is the removal of a resource, and of what refers to it.
type removal struct {
	*terraform
	in      *tfInstance
	address string
	ops     []hclOp
	gone    []*tfBlock     // that the ops remove
	refused []engine.Place // what refers to it and cannot be adapted
	steps   []string
}

// hclOp is one change of a file: the lines of a range are removed, or the range is replaced.
type hclOp struct {
	file *hclFile
	at   hcl.Range
	text string // "" removes
}

// undeclareVolume is the second stage: the volume goes, its snapshot stays.
func (t *terraform) undeclareVolume(v *tfVolume, w engine.Wish) (Located, error) {
	id := w.Target.Provider
	r := &removal{terraform: t, in: v.in, address: v.block.address()}
	r.drop(v.block)
	r.others(v.block, id)
	for _, b := range v.in.root().dir.blocks {
		to := b.Body.Attributes["to"]
		if v.in.call == nil || to == nil || b.Type != "import" && b.Type != "moved" {
			continue
		}
		if ref, ok := to.Expr.(*hclsyntax.ScopeTraversalExpr); ok && tfText(ref.Traversal) == v.in.prefix()+r.address {
			r.drop(b)
		}
	}
	l, err := r.result(id)
	if err != nil {
		return Located{}, err
	}
	l.Steps = append([]string{fmt.Sprintf("Second of two pull requests: the snapshot %s is kept. Its plan must destroy %s, which is %s, and add nothing.",
		w.Old, v.in.prefix()+r.address, id)}, r.steps...)
	return l, nil
}

// protected refuses a resource that Terraform is told never to destroy.
func (t *terraform) protected(b *tfBlock) error {
	l := b.child("lifecycle")
	if l == nil || l.Body.Attributes["prevent_destroy"] == nil {
		return nil
	}
	attr := l.Body.Attributes["prevent_destroy"]
	if keep, ok := hclConstant(attr.Expr); ok && keep == "false" {
		return nil
	}
	return refuse([]engine.Place{t.place(b.file, attr.SrcRange, "lifecycle of %s", b.address())}, "%s is protected: prevent_destroy", b.address())
}

// others adapts or refuses every block of the module, but the resource's own, that refers to it.
func (r *removal) others(own *tfBlock, id string) {
	for _, b := range r.in.dir.blocks {
		if b != own && refersTo(b.Body, r.address) {
			r.adapt(b, id)
		}
	}
}

// drop removes a whole block.
func (r *removal) drop(b *tfBlock) {
	r.gone = append(r.gone, b)
	r.ops = append(r.ops, hclOp{file: b.file, at: b.Range()})
}

// adapt makes a block that refers to the resource do without it.
func (r *removal) adapt(b *tfBlock, id string) {
	refuse := func() {
		for _, ref := range referencesTo(b.Body, r.address) {
			r.refused = append(r.refused, r.place(b.file, ref.SrcRange, "%s refers to %s", b.address(), r.address))
		}
	}
	switch {
	case b.Type == "import", b.Type == "moved":
		r.drop(b)
	case b.is("resource", "aws_volume_attachment") && len(b.Labels) == 2 && r.in.dir.uses[b.address()] == 0:
		r.drop(b)
	case b.is("resource", "aws_ebs_snapshot") && r.release(b, id):
	case b.Type == "output" && len(b.Labels) == 1:
		if places := r.readersOf(b); len(places) > 0 {
			r.refused = append(r.refused, places...)
			return
		}
		if attr := b.Body.Attributes["value"]; attr == nil || !isReference(attr.Expr) || len(referencesTo(b.Body, r.address)) != 1 {
			refuse()
			return
		}
		r.drop(b)
		if r.in.call == nil {
			r.steps = append(r.steps, fmt.Sprintf("Output %s goes with it: make sure that no other state reads it.", b.Labels[0]))
		}
	default:
		refuse()
	}
}

func isReference(e hclsyntax.Expression) bool {
	_, ok := e.(*hclsyntax.ScopeTraversalExpr)
	return ok
}

// release makes a snapshot refer to its volume by id: Terraform sees no change in that. The condition under which the snapshot was
// taken has done its work.
func (r *removal) release(b *tfBlock, id string) bool {
	attr := b.Body.Attributes["volume_id"]
	if attr == nil || !isReference(attr.Expr) || len(referencesTo(attr.Expr, r.address)) != 1 {
		return false
	}
	ops := []hclOp{{file: b.file, at: attr.Expr.Range(), text: `"` + escapeHCL(id) + `"`}}
	if rest := len(referencesTo(b.Body, r.address)) - 1; rest > 0 {
		l := b.child("lifecycle")
		if l == nil || len(l.Body.Attributes) > 0 || len(referencesTo(l.Body, r.address)) != rest {
			return false
		}
		for _, c := range l.Body.Blocks {
			if c.Type != "precondition" || !refersTo(c.Body, r.address) {
				return false
			}
		}
		ops = append(ops, hclOp{file: b.file, at: l.Range()})
	}
	r.ops = append(r.ops, ops...)
	return true
}

// readersOf lists where a caller of the module reads an output.
func (r *removal) readersOf(b *tfBlock) []engine.Place {
	if r.in.call == nil {
		return nil
	}
	var places []engine.Place
	for _, f := range r.in.parent.dir.files {
		for _, ref := range referencesTo(f.body, "module."+r.in.call.Labels[0]) {
			if len(ref.Traversal) < 3 || stepKey(ref.Traversal[2]) == b.Labels[0] {
				places = append(places, r.place(f, ref.SrcRange, "reads output %s", b.Labels[0]))
			}
		}
	}
	return places
}

// result makes the changes, or refuses with every place that is in the way.
func (r *removal) result(what string) (Located, error) {
	if len(r.refused) > 0 {
		return Located{}, refuse(r.refused, "%s cannot be removed as long as something else refers to %s", what, r.address)
	}
	r.dropVariables()
	slices.SortStableFunc(r.ops, func(a, b hclOp) int { return b.at.Start.Byte - a.at.Start.Byte })
	after := map[string]*hclFile{}
	for _, op := range r.ops {
		f := cmp.Or(after[op.file.path], op.file)
		done, err := f.do(op)
		if err != nil {
			return Located{}, refuse([]engine.Place{r.place(op.file, op.at, "cannot be removed by itself")}, "%s", err)
		}
		after[f.path] = done
	}
	files := map[string][]byte{}
	for p, f := range after {
		files[p] = f.src
		if len(bytes.TrimSpace(bytes.TrimPrefix(f.src, []byte(byteOrderMark)))) == 0 {
			files[p] = nil
		}
	}
	return Located{Files: files}, nil
}

func (f *hclFile) do(op hclOp) (*hclFile, error) {
	if op.text == "" {
		return f.remove(op.at)
	}
	return f.splice(hclSpan{op.at.Start.Byte, op.at.End.Byte}, op.text)
}

// dropVariables removes the variables that only removed blocks used, where nobody gives them a value.
func (r *removal) dropVariables() {
	used := map[string]int{}
	for _, b := range r.gone {
		_ = hclsyntax.VisitAll(b.Body, func(n hclsyntax.Node) hcl.Diagnostics {
			if e, ok := n.(*hclsyntax.ScopeTraversalExpr); ok && len(e.Traversal) > 1 && e.Traversal.RootName() == "var" {
				used[stepKey(e.Traversal[1])]++
			}
			return nil
		})
	}
	for name, n := range used {
		decl := r.in.dir.find("variable", name)
		if decl == nil || r.in.dir.uses["var."+name] != n || r.isSet(name) || r.in.dir.overridden(decl) != nil {
			continue
		}
		r.ops = append(r.ops, hclOp{file: decl.file, at: decl.Range()})
	}
}

// isSet tells whether something outside of the module may give a variable a value, which would then be one too many.
func (r *removal) isSet(name string) bool {
	if r.in.call != nil && r.in.call.Body.Attributes[name] != nil {
		return true
	}
	return slices.ContainsFunc(r.vars, func(v tfVars) bool {
		return v.file != nil && v.file.body.Attributes[name] != nil || v.file == nil && v.speaksOf(name) > 0
	})
}
