package change

import (
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// tfInstance is a module as one call makes it; a root module has no call.
type tfInstance struct {
	dir    *tfDir
	parent *tfInstance
	call   *tfBlock
	each   *tfEach // of the call
	twins  int     // instances that the call makes, this one included
	many   string  // why it cannot be told how many the call makes
}

// tfEach is what each.key and each.value are in one instance of a block.
type tfEach struct {
	key   string
	value tfExpr
}

// tfExpr is an expression, and what its references mean where it stands.
type tfExpr struct {
	e     hclsyntax.Expression
	file  *hclFile
	in    *tfInstance
	block *tfBlock // that it stands in
	each  *tfEach
}

// with gives another expression of the same place.
func (x tfExpr) with(e hclsyntax.Expression) tfExpr {
	x.e = e
	return x
}

// Bounds on how many instances there are of modules that call each other.
const (
	maxInstances = 2_000
	maxCalls     = 8 // deep
)

// instantiate finds the root modules, and what each of them calls.
func (t *terraform) instantiate() {
	called := map[string]bool{}
	for _, d := range t.dirs {
		for _, b := range d.blocks {
			if target := d.calls(b); target != "" {
				called[target] = true
			}
		}
	}
	var paths []string
	for p := range t.dirs {
		if !called[p] {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	for _, p := range paths {
		t.descend(&tfInstance{dir: t.dirs[p], twins: 1}, 0)
	}
}

// calls gives the folder that a block calls as a module; "" when it calls none of this tree.
func (d *tfDir) calls(b *tfBlock) string {
	attr := b.Body.Attributes["source"]
	if b.Type != "module" || attr == nil {
		return ""
	}
	source, ok := hclConstant(attr.Expr)
	if !ok || !strings.HasPrefix(source, "./") && !strings.HasPrefix(source, "../") {
		return ""
	}
	return path.Join(d.path, source)
}

func (t *terraform) descend(in *tfInstance, depth int) {
	if depth > maxCalls || len(t.instances) >= maxInstances {
		return
	}
	t.instances = append(t.instances, in)
	for _, b := range in.dir.blocks {
		target := t.dirs[in.dir.calls(b)]
		if target == nil {
			continue
		}
		each, many := t.expand(b, in)
		for _, e := range each {
			t.descend(&tfInstance{dir: target, parent: in, call: b, each: e, twins: len(each), many: many}, depth+1)
		}
	}
}

// expand gives what each is in every instance that a block makes: one nil for a block that is there once, none for one that is
// never there. many says why it cannot be told how many there are.
func (t *terraform) expand(b *tfBlock, in *tfInstance) (each []*tfEach, many string) {
	if attr := b.Body.Attributes["count"]; attr != nil {
		switch n, ok := t.text(tfExpr{e: attr.Expr, file: b.file, in: in, block: b}); {
		case ok && n == "0":
			return nil, ""
		case ok && n == "1", atMostOne(attr.Expr):
			return []*tfEach{nil}, ""
		}
		return []*tfEach{nil}, b.address() + " has a count"
	}
	attr := b.Body.Attributes["for_each"]
	if attr == nil {
		return []*tfEach{nil}, ""
	}
	over := t.follow(tfExpr{e: attr.Expr, file: b.file, in: in, block: b}, &trail{})
	many = "the for_each of " + b.address() + " is " + hclConstruct(over.e)
	if object, ok := asObject(over.e); ok {
		for _, item := range object.Items {
			key, ok := hclKey(item.KeyExpr)
			if !ok {
				return []*tfEach{nil}, "the for_each of " + b.address() + " has a key that is computed"
			}
			each = append(each, &tfEach{key: key, value: over.with(item.ValueExpr)})
		}
		return each, ""
	}
	if tuple, ok := over.e.(*hclsyntax.TupleConsExpr); ok {
		for _, item := range tuple.Exprs {
			key, ok := t.text(over.with(item))
			if !ok {
				return []*tfEach{nil}, many
			}
			each = append(each, &tfEach{key: key, value: over.with(item)})
		}
		return each, ""
	}
	return []*tfEach{nil}, many
}

// atMostOne tells whether a count is one of those that switch a block on or off.
func atMostOne(e hclsyntax.Expression) bool {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return atMostOne(e.Expression)
	case *hclsyntax.ConditionalExpr:
		return atMostOne(e.TrueResult) && atMostOne(e.FalseResult)
	}
	n, ok := hclConstant(e)
	return ok && (n == "0" || n == "1")
}
