package change

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/eks-autopilot/autopilot/engine"
)

// trail is what was passed on the way from where a value is used to the literal that it is.
type trail struct {
	places []engine.Place
	shared string            // why the literal is not provably for this one use; "" when it is
	each   map[*tfBlock]bool // the blocks whose each was passed
}

func (tr *trail) clone() *trail {
	if tr == nil {
		return &trail{}
	}
	return &trail{places: slices.Clone(tr.places), shared: tr.shared, each: maps.Clone(tr.each)}
}

func (tr *trail) share(format string, args ...any) {
	if tr.shared == "" {
		tr.shared = fmt.Sprintf(format, args...)
	}
}

// The bounds on how many references are followed. Terraform forbids circles; a file may have one all the same.
const (
	maxHops    = 40
	maxAllHops = 100_000 // in one tree: values that double themselves at each hop are no numbers of nodes
	maxName    = 1_000   // bytes of a text; no name in AWS is longer
)

// follow goes from an expression to what it is: through parentheses, variables, local values, arguments of modules and each. It
// ends at the first expression that is none of these.
func (t *terraform) follow(x tfExpr, tr *trail) tfExpr {
	return t.hop(x, tr, maxHops)
}

func (t *terraform) hop(x tfExpr, tr *trail, left int) tfExpr {
	if t.hops++; left == 0 || t.hops > maxAllHops {
		return x
	}
	switch e := x.e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return t.hop(x.with(e.Expression), tr, left-1)
	case *hclsyntax.TemplateWrapExpr:
		return t.hop(x.with(e.Wrapped), tr, left-1)
	case *hclsyntax.FunctionCallExpr:
		switch e.Name {
		case "tonumber", "tostring", "toset", "tolist", "tomap":
			if len(e.Args) == 1 {
				return t.hop(x.with(e.Args[0]), tr, left-1)
			}
		}
	case *hclsyntax.ScopeTraversalExpr:
		if len(e.Traversal) < 2 {
			return x
		}
		base, ok := t.reference(x, e.Traversal, tr, left)
		if !ok {
			return x
		}
		for _, step := range e.Traversal[2:] {
			if base, ok = t.into(base, step, tr, left); !ok {
				return x
			}
		}
		return t.hop(base, tr, left-1)
	}
	return x
}

// reference gives the expression that the first two steps of a reference stand for.
func (t *terraform) reference(x tfExpr, ref hcl.Traversal, tr *trail, left int) (tfExpr, bool) {
	second, ok := ref[1].(hcl.TraverseAttr)
	if !ok {
		return x, false
	}
	switch ref.RootName() {
	case "local":
		return t.throughLocal(x, second.Name, tr)
	case "var":
		return t.throughVariable(x, second.Name, tr, left)
	case "each":
		if x.each == nil || second.Name != "value" {
			return x, false
		}
		if tr.each == nil {
			tr.each = map[*tfBlock]bool{}
		}
		tr.each[x.block] = true
		if n := eachUses(x.block, ref); n > 1 {
			tr.share("%s is used %d times in %s", tfText(ref), n, x.block.address())
		}
		return x.each.value, true
	}
	return x, false
}

// into goes from an object or a list to one of its parts.
func (t *terraform) into(x tfExpr, step hcl.Traverser, tr *trail, left int) (tfExpr, bool) {
	x = t.hop(x, tr, left-1)
	key := stepKey(step)
	if object, ok := asObject(x.e); ok {
		var found hclsyntax.Expression
		for _, item := range object.Items {
			name, plain := hclKey(item.KeyExpr)
			switch {
			case !plain, name == key && found != nil:
				return x, false
			case name == key:
				found = item.ValueExpr
			}
		}
		return x.with(found), found != nil
	}
	if tuple, ok := x.e.(*hclsyntax.TupleConsExpr); ok {
		for i, item := range tuple.Exprs {
			if fmt.Sprint(i) == key {
				return x.with(item), true
			}
		}
	}
	return x, false
}

func stepKey(step hcl.Traverser) string {
	switch step := step.(type) {
	case hcl.TraverseAttr:
		return step.Name
	case hcl.TraverseIndex:
		switch {
		case step.Key.Type() == cty.String:
			return step.Key.AsString()
		case step.Key.Type() == cty.Number:
			return step.Key.AsBigFloat().Text('f', -1)
		}
	}
	return ""
}

// tfText writes a reference as it stands in a file.
func tfText(ref hcl.Traversal) string {
	var name strings.Builder
	name.WriteString(ref.RootName())
	for _, step := range ref[1:] {
		if _, isAttr := step.(hcl.TraverseAttr); isAttr {
			name.WriteString("." + stepKey(step))
		} else {
			name.WriteString("[" + stepKey(step) + "]")
		}
	}
	return name.String()
}

// eachUses counts the references in a block that see what ref sees, or part of it.
func eachUses(b *tfBlock, ref hcl.Traversal) int {
	n := 0
	_ = hclsyntax.VisitAll(b.Body, func(node hclsyntax.Node) hcl.Diagnostics {
		e, ok := node.(*hclsyntax.ScopeTraversalExpr)
		if !ok || len(e.Traversal) < 2 || tfHead(e.Traversal) != tfHead(ref) {
			return nil
		}
		for i := 2; i < min(len(ref), len(e.Traversal)); i++ {
			if stepKey(ref[i]) != stepKey(e.Traversal[i]) {
				return nil
			}
		}
		n++
		return nil
	})
	return n
}

func (t *terraform) throughLocal(x tfExpr, name string, tr *trail) (tfExpr, bool) {
	f, attr := x.in.dir.local(name)
	if attr == nil {
		return x, false
	}
	tr.places = append(tr.places, t.place(f, attr.SrcRange, "local value %s", name))
	if n := x.in.dir.uses["local."+name]; n > 1 {
		tr.share("local value %s is used %d times", name, n)
	}
	t.doubt(x.in.dir, tr)
	return tfExpr{e: attr.Expr, file: f, in: x.in}, true
}

// doubt notes that a module has files that cannot be read: they may use whatever the others define.
func (t *terraform) doubt(d *tfDir, tr *trail) {
	if len(d.opaque) > 0 {
		tr.places = append(tr.places, d.opaque...)
		tr.share("%s cannot be read, and may use it, too", d.opaque[0].Path)
	}
}

// text gives what an expression is as text, where that can be told without running Terraform.
func (t *terraform) text(x tfExpr) (string, bool) {
	return t.textOf(x, maxHops)
}

func (t *terraform) textOf(x tfExpr, left int) (string, bool) {
	if left == 0 {
		return "", false
	}
	x = t.follow(x, &trail{})
	if value, ok := hclConstant(x.e); ok {
		return value, true
	}
	switch e := x.e.(type) {
	case *hclsyntax.TemplateExpr:
		var b strings.Builder
		for _, part := range e.Parts {
			value, ok := t.textOf(x.with(part), left-1)
			if !ok || b.Len()+len(value) > maxName {
				return "", false
			}
			b.WriteString(value)
		}
		return b.String(), true
	case *hclsyntax.ScopeTraversalExpr:
		if x.each != nil && len(e.Traversal) == 2 && tfText(e.Traversal) == "each.key" {
			return x.each.key, true
		}
		return t.attributeText(x, e.Traversal, left)
	}
	return "", false
}

// attributeText gives what an attribute of a resource or an output of a module is, when it is the name that a file gives it:
// aws_eks_cluster.main.name, module.eks.cluster_name.
func (t *terraform) attributeText(x tfExpr, ref hcl.Traversal, left int) (string, bool) {
	if len(ref) < 3 {
		return "", false
	}
	second, last := stepKey(ref[1]), stepKey(ref[len(ref)-1])
	var b *tfBlock
	var names []string
	switch {
	case ref.RootName() == "aws_eks_cluster" && (last == "name" || last == "id"):
		b, names = x.in.dir.find("resource", "aws_eks_cluster", second), []string{"name"}
	case ref.RootName() == "module" && (last == "cluster_name" || last == "cluster_id"):
		b, names = x.in.dir.find("module", second), []string{"cluster_name", "name"}
	}
	if b == nil {
		return "", false
	}
	for _, name := range names {
		if attr := b.Body.Attributes[name]; attr != nil {
			return t.textOf(tfExpr{e: attr.Expr, file: b.file, in: x.in, block: b}, left-1)
		}
	}
	return "", false
}
