package change

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// groupMaps are the arguments of terraform-aws-modules/eks, and of modules made like it, that hold groups of nodes by key, with the
// argument that holds what they have in common.
var groupMaps = []struct{ name, defaults, command string }{
	{"eks_managed_node_groups", "eks_managed_node_group_defaults", "eks"},
	{"self_managed_node_groups", "self_managed_node_group_defaults", "autoscaling"},
}

// moduleGroups reads the groups of nodes that a call of a module from elsewhere declares. Such modules have Terraform ignore the
// desired size after the creation of a group.
func (t *terraform) moduleGroups(x tfExpr) []*tfGroup {
	body := x.block.Body
	source, _ := t.text(x.attr(body, "source").orNothing())
	switch {
	case strings.HasSuffix(strings.SplitN(source, "?", 2)[0], "modules/eks-managed-node-group"):
		return []*tfGroup{t.submoduleGroup(x, "eks")}
	case strings.HasSuffix(strings.SplitN(source, "?", 2)[0], "modules/self-managed-node-group"):
		return []*tfGroup{t.submoduleGroup(x, "autoscaling")}
	}
	var all []*tfGroup
	for _, m := range groupMaps {
		arg := body.Attributes[m.name]
		if arg == nil {
			continue
		}
		tr := &trail{}
		groups := t.follow(x.with(arg.Expr), tr)
		object, ok := asObject(groups.e)
		if !ok {
			all = append(all, &tfGroup{
				block: x.block, at: x, file: x.file, command: m.command, module: true,
				place:  t.place(x.file, arg.SrcRange, "%s is %s", m.name, hclConstruct(groups.e)),
				closed: m.name + " is " + hclConstruct(groups.e),
			})
			continue
		}
		defaults := x.attr(body, m.defaults)
		for _, item := range object.Items {
			g := t.itemGroup(groups, item, defaults, tr.clone())
			g.block, g.command, g.at = x.block, m.command, x
			g.cluster, _, _ = t.firstText(x, body, "cluster_name", "name")
			all = append(all, g)
		}
	}
	return all
}

// submoduleGroup reads a call of the module of one group.
func (t *terraform) submoduleGroup(x tfExpr, command string) *tfGroup {
	b := x.block
	g := &tfGroup{block: b, at: x, file: b.file, command: command, module: true, size: bodyGroup(b.file, b.Block)}
	g.place = t.place(b.file, b.TypeRange, "%s", b.address())
	g.name, g.named, _ = t.firstText(x, b.Body, "name")
	g.prefixed(t.text(x.attr(b.Body, "use_name_prefix").orNothing()))
	g.cluster, _ = t.text(x.attr(b.Body, "cluster_name").orNothing())
	g.ignored = t.place(b.file, b.Body.Attributes["source"].SrcRange, "this module ignores changes of desired_size")
	g.min = tfSize{"min_size", x.attr(b.Body, "min_size")}
	g.desired = tfSize{"desired_size", x.attr(b.Body, "desired_size")}
	g.max = tfSize{"max_size", x.attr(b.Body, "max_size")}
	return g
}

// prefixed takes the value of use_name_prefix, which is true unless somebody says otherwise.
func (g *tfGroup) prefixed(value string, known bool) {
	g.prefix = !known || value != "false"
	if g.prefix {
		g.name += "-"
	}
}

// itemGroup reads one item of a map of groups. What it does not say, the map of defaults does.
func (t *terraform) itemGroup(groups tfExpr, item hclsyntax.ObjectConsItem, defaults tfExpr, way *trail) *tfGroup {
	g := &tfGroup{file: groups.file, module: true, defaults: defaults, way: way}
	g.item = hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range())
	g.name, g.named = hclKey(item.KeyExpr)
	g.key, g.holder = g.name, groups.file
	g.place = t.place(groups.file, item.KeyExpr.Range(), "node group %s", g.name)
	value := t.follow(groups.with(item.ValueExpr), way)
	object, ok := asObject(value.e)
	if !ok {
		g.prefix, g.name = true, g.name+"-"
		g.closed = "it is " + hclConstruct(value.e)
		return g
	}
	g.file, g.size = value.file, objectGroup(value.file, object)
	if name := value.item(object, "name"); name.e != nil {
		g.name, g.named = t.text(name)
	}
	prefix := value.item(object, "use_name_prefix")
	if common, ok := asObject(t.follow(defaults.orNothing(), &trail{}).e); ok && prefix.e == nil {
		prefix = defaults.item(common, "use_name_prefix")
	}
	g.prefixed(t.text(prefix.orNothing()))
	g.ignored = t.place(groups.file, item.KeyExpr.Range(), "this module ignores changes of desired_size")
	g.min = tfSize{"min_size", value.item(object, "min_size")}
	g.desired = tfSize{"desired_size", value.item(object, "desired_size")}
	g.max = tfSize{"max_size", value.item(object, "max_size")}
	return g
}

// item gives the value of a key of an object; its e is nil when the key is missing or there twice.
func (x tfExpr) item(o *hclsyntax.ObjectConsExpr, key string) tfExpr {
	var found hclsyntax.Expression
	for _, item := range o.Items {
		if name, ok := hclKey(item.KeyExpr); ok && name == key {
			if found != nil {
				return x.with(nil)
			}
			found = item.ValueExpr
		}
	}
	return x.with(found)
}
