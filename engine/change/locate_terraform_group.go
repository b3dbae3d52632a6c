package change

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/eks-autopilot/autopilot/engine"
)

// tfGroup is a group of nodes as a file declares it, in one of its instances.
type tfGroup struct {
	block    *tfBlock
	at       tfExpr // where it stands; of a group that is an item of a map, the item
	place    engine.Place
	command  string // that resizes it in AWS: "eks" or "autoscaling"
	name     string
	named    bool // whether the name could be told
	prefix   bool // AWS adds a suffix to the name
	cluster  string
	size     hclGroup  // that holds the numbers
	file     *hclFile  // that size is in
	item     hcl.Range // of a module's group: its key and its value, in holder
	key      string
	holder   *hclFile
	min      tfSize
	desired  tfSize
	max      tfSize
	way      *trail // from the argument of a module to the item; nil where there is none
	defaults tfExpr // of a module: the map of what its groups have in common
	module   bool
	many     string       // why there may be several of it
	twins    int          // groups which its block makes
	ignored  engine.Place // what says that Terraform leaves the desired size alone; zero for nothing
	whole    bool         // ignored holds for the minimum, too
	closed   string       // why its numbers cannot be found
}

// tfSize is one of the numbers of a group.
type tfSize struct {
	name string // "min_size"
	expr tfExpr // its e is nil when the number is missing
}

// groups lists every group of nodes of the tree.
func (t *terraform) groups() []*tfGroup {
	var all []*tfGroup
	for _, in := range t.instances {
		for _, b := range in.dir.blocks {
			if b.isOverride() {
				continue
			}
			var make func(tfExpr) []*tfGroup
			switch {
			case b.is("resource", "aws_eks_node_group"):
				make = t.managedGroup
			case b.is("resource", "aws_autoscaling_group"):
				make = t.scalingGroup
			case b.Type == "module" && len(b.Labels) == 1 && in.dir.calls(b) == "":
				make = t.moduleGroups
			default:
				continue
			}
			each, many := t.expand(b, in)
			for _, e := range each {
				for _, g := range make(tfExpr{file: b.file, in: in, block: b, each: e}) {
					g.many, g.twins = many, len(each)
					all = append(all, g)
				}
			}
		}
	}
	return all
}

// attr gives an attribute of a body as an expression; its e is nil when it is missing.
func (x tfExpr) attr(b *hclsyntax.Body, name string) tfExpr {
	if a := b.Attributes[name]; a != nil {
		return x.with(a.Expr)
	}
	return x.with(nil)
}

// firstText gives the first of some attributes that is there, as text.
func (t *terraform) firstText(x tfExpr, b *hclsyntax.Body, names ...string) (value string, known bool, name string) {
	for _, n := range names {
		if b.Attributes[n] != nil {
			value, known = t.text(x.attr(b, n))
			return value, known, n
		}
	}
	return "", false, ""
}

// managedGroup reads a resource aws_eks_node_group.
func (t *terraform) managedGroup(x tfExpr) []*tfGroup {
	b := x.block
	g := &tfGroup{block: b, at: x, file: b.file, command: "eks"}
	var by string
	g.name, g.named, by = t.firstText(x, b.Body, "node_group_name", "node_group_name_prefix")
	g.prefix = by == "node_group_name_prefix"
	g.place = t.place(b.file, b.TypeRange, "%s", b.address())
	g.cluster, _ = t.text(x.attr(b.Body, "cluster_name").orNothing())
	scaling := b.child("scaling_config")
	if scaling == nil {
		g.closed = "its scaling_config is not written as one plain block"
		return []*tfGroup{g}
	}
	g.size = bodyGroup(b.file, scaling)
	g.min = tfSize{"min_size", x.attr(scaling.Body, "min_size")}
	g.desired = tfSize{"desired_size", x.attr(scaling.Body, "desired_size")}
	g.max = tfSize{"max_size", x.attr(scaling.Body, "max_size")}
	t.ignoredBy(g, "scaling_config", "scaling_config[0].desired_size", "scaling_config.desired_size")
	return []*tfGroup{g}
}

// scalingGroup reads a resource aws_autoscaling_group.
func (t *terraform) scalingGroup(x tfExpr) []*tfGroup {
	b := x.block
	g := &tfGroup{block: b, at: x, file: b.file, command: "autoscaling"}
	var by string
	g.name, g.named, by = t.firstText(x, b.Body, "name", "name_prefix")
	g.prefix = by == "name_prefix"
	g.place = t.place(b.file, b.TypeRange, "%s", b.address())
	for _, c := range b.Body.Blocks {
		if c.Type != "tag" {
			continue
		}
		key, _ := t.text(x.attr(c.Body, "key").orNothing())
		for _, prefix := range []string{"kubernetes.io/cluster/", "k8s.io/cluster-autoscaler/"} {
			if name, ok := strings.CutPrefix(key, prefix); ok && name != "enabled" {
				g.cluster = name
			}
		}
	}
	g.size = bodyGroup(b.file, b.Block)
	g.min = tfSize{"min_size", x.attr(b.Body, "min_size")}
	g.desired = tfSize{"desired_capacity", x.attr(b.Body, "desired_capacity")}
	g.max = tfSize{"max_size", x.attr(b.Body, "max_size")}
	t.ignoredBy(g, "", "desired_capacity")
	return []*tfGroup{g}
}

// orNothing gives an expression that means nothing where there is none.
func (x tfExpr) orNothing() tfExpr {
	if x.e == nil {
		x.e = &hclsyntax.TemplateExpr{Parts: []hclsyntax.Expression{&hclsyntax.AnonSymbolExpr{}}}
	}
	return x
}

// ignoredBy looks for lifecycle { ignore_changes } that names the desired size, or the block that holds it, or all.
func (t *terraform) ignoredBy(g *tfGroup, holder string, desired ...string) {
	lifecycle := g.block.child("lifecycle")
	if lifecycle == nil || lifecycle.Body.Attributes["ignore_changes"] == nil {
		return
	}
	attr := lifecycle.Body.Attributes["ignore_changes"]
	if hcl.ExprAsKeyword(attr.Expr) == "all" {
		g.whole, g.ignored = true, t.place(g.block.file, attr.SrcRange, "ignore_changes = all")
		return
	}
	tuple, ok := attr.Expr.(*hclsyntax.TupleConsExpr)
	if !ok {
		return
	}
	for _, e := range tuple.Exprs {
		name, _ := hclConstant(e) // quoted, as long ago
		if ref, ok := e.(*hclsyntax.ScopeTraversalExpr); ok {
			name = tfText(ref.Traversal)
		}
		switch {
		case name != "" && name == holder, strings.TrimPrefix(name, holder) == "[0]":
			g.whole, g.ignored = true, t.place(g.block.file, e.Range(), "ignore_changes")
		case slices.Contains(desired, name):
			g.ignored = t.place(g.block.file, e.Range(), "ignore_changes")
		}
	}
}

// suffixes are what Terraform adds to a name_prefix: a time to 1/10000 s, and a counter in hex.
var suffixes = regexp.MustCompile(`^[0-9]{18}[0-9a-f]{8}$`)

// isCalled tells whether the group's name in AWS can be name.
func (g *tfGroup) isCalled(name string) bool {
	if !g.named {
		return false
	}
	rest, ok := strings.CutPrefix(name, g.name)
	return ok && (!g.prefix && rest == "" || g.prefix && suffixes.MatchString(rest))
}

// locateGroup makes one number of a group of nodes another.
func (t *terraform) locateGroup(w engine.Wish) (Located, error) {
	var found, elsewhere, unnamed []*tfGroup
	for _, g := range t.groups() {
		switch {
		case !t.inScope(g.at):
		case g.isCalled(w.Name) && g.cluster != "" && g.cluster != w.Target.Cluster:
			elsewhere = append(elsewhere, g)
		case g.isCalled(w.Name):
			found = append(found, g)
		case !g.named && (g.cluster == "" || g.cluster == w.Target.Cluster):
			unnamed = append(unnamed, g)
		}
	}
	// One that says that it is of the cluster is meant, rather than one that does not say.
	if sure := slices.DeleteFunc(slices.Clone(found), func(g *tfGroup) bool { return g.cluster == "" }); len(sure) > 0 {
		found = sure
	}
	switch {
	case len(found) > 1:
		return Located{}, refuse(t.placesOf(found, w.Field), "node group %s is declared %d times", w.Name, len(found))
	case len(found) == 1 && w.Field == FieldGroup:
		return t.removeGroup(found[0], w)
	case len(found) == 1:
		return t.resize(found[0], w)
	case len(elsewhere) > 0:
		return Located{}, refuse(t.placesOf(elsewhere, w.Field), "node group %s is declared for cluster %s, not for %s",
			w.Name, elsewhere[0].cluster, w.Target.Cluster)
	case len(unnamed) > 0:
		return Located{}, refuse(t.placesOf(unnamed, w.Field),
			"no file names node group %s; it may be one of those whose name cannot be told from the files", w.Name)
	}
	return Located{}, t.inJSON(w.Name)
}

// inScope tells whether the folder of an expression, or of a module that calls it, is searched.
func (t *terraform) inScope(x tfExpr) bool {
	if t.inPaths(x.file.path) {
		return true
	}
	for in := x.in; in.call != nil; in = in.parent {
		if t.inPaths(in.call.file.path) {
			return true
		}
	}
	return false
}

// placesOf names the groups, and where the number that a wish is about stands.
func (t *terraform) placesOf(groups []*tfGroup, field string) []engine.Place {
	var places []engine.Place
	for _, g := range groups {
		size := g.number(field)
		if size.expr.e == nil {
			places = append(places, g.place)
			continue
		}
		places = append(places, t.place(size.expr.file, size.expr.e.Range(), "%s of %s", size.name, g.block.address()))
	}
	return places
}

func (g *tfGroup) number(field string) tfSize {
	if field == FieldMin {
		return g.min
	}
	return g.desired
}

// inJSON refuses where Terraform in JSON, which is not read, speaks of a name.
func (t *terraform) inJSON(name string) error {
	var places []engine.Place
	for _, d := range t.dirs {
		for _, p := range d.opaque {
			if line := lineOf(t.texts[p.Path], name); line > 0 && t.inPaths(p.Path) {
				places = append(places, t.at(p.Path, line, "%s", p.Note))
			}
		}
	}
	if len(places) == 0 {
		return nil
	}
	return refuse(places, "%s is in a file that is not edited", name)
}

func (t *terraform) inPaths(p string) bool {
	return slices.ContainsFunc(t.paths, func(top string) bool { return within(p, top) })
}

// lineOf gives the first line of a text that holds a quoted word; 0 for none.
func lineOf(text []byte, word string) int {
	at := strings.Index(string(text), fmt.Sprintf("%q", word))
	if at < 0 {
		return 0
	}
	return 1 + strings.Count(string(text[:at]), "\n")
}
