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

// tfVolume is a resource aws_ebs_volume, in one instance of its module.
type tfVolume struct {
	block *tfBlock
	in    *tfInstance
	ids   []string // that import blocks and comments give it
	tag   string   // its Name; "" when that cannot be told
	zone  string
	many  string // why it may be several volumes
}

func (v *tfVolume) name() string { return v.block.Labels[1] }

func (t *terraform) volumes() []*tfVolume {
	var all []*tfVolume
	for _, in := range t.instances {
		for _, b := range in.dir.blocks {
			if !b.is("resource", "aws_ebs_volume") || len(b.Labels) != 2 || b.isOverride() {
				continue
			}
			x := tfExpr{file: b.file, in: in, block: b}
			v := &tfVolume{block: b, in: in, ids: slices.Concat(b.file.marked(b), t.imported(in, b), in.dir.guarded(b))}
			each, many := t.expand(b, in)
			if v.many = many; many == "" && (len(each) != 1 || b.Body.Attributes["for_each"] != nil || b.Body.Attributes["count"] != nil) {
				v.many = b.address() + " has a count or a for_each"
			}
			v.zone, _ = t.text(x.attr(b.Body, "availability_zone").orNothing())
			if tags, ok := asObject(t.follow(x.attr(b.Body, "tags").orNothing(), &trail{}).e); ok {
				v.tag, _ = t.text(x.item(tags, "Name").orNothing())
			}
			all = append(all, v)
		}
	}
	return all
}

// marks finds the id of a volume in a comment that is there to say it: "# vol-0abc", "// id: vol-0abc, made by hand".
var marks = regexp.MustCompile(`(?im)^[\s#/*]*(?:(?:the|ebs|aws|volume|id|is)\b[\s:=]*)*(vol-[0-9a-f]+)\b`)

// marked gives the ids in the comments of a block: those right above it, and those in it.
func (f *hclFile) marked(b *tfBlock) []string {
	from, to := f.commentAbove(f.lineStart(b.TypeRange.Start.Byte)), f.lineEnd(b.CloseBraceRange.End.Byte)
	tokens, _ := hclsyntax.LexConfig(f.src, f.path, hcl.InitialPos)
	var ids []string
	for _, token := range tokens {
		if token.Type != hclsyntax.TokenComment || token.Range.Start.Byte < from || token.Range.End.Byte > to {
			continue
		}
		for _, m := range marks.FindAllSubmatch(token.Bytes, -1) {
			ids = append(ids, string(m[1]))
		}
	}
	return ids
}

// guarded gives the ids that a snapshot was taken on the condition of, as declareSnapshot makes it.
func (d *tfDir) guarded(volume *tfBlock) []string {
	var ids []string
	for _, b := range d.blocks {
		if !b.is("resource", "aws_ebs_snapshot") || !refersTo(b.Body, volume.address()) {
			continue
		}
		_ = hclsyntax.VisitAll(b.Body, func(n hclsyntax.Node) hcl.Diagnostics {
			e, ok := n.(*hclsyntax.BinaryOpExpr)
			if !ok || e.Op != hclsyntax.OpEqual || !refersTo(e.LHS, volume.address()) {
				return nil
			}
			if id, ok := hclConstant(e.RHS); ok {
				ids = append(ids, id)
			}
			return nil
		})
	}
	return ids
}

// imported gives the ids that import blocks of the root module have for a resource.
func (t *terraform) imported(in *tfInstance, b *tfBlock) []string {
	var ids []string
	root, address := in.root(), in.prefix()+b.address()
	for _, i := range root.dir.blocks {
		to := i.Body.Attributes["to"]
		if i.Type != "import" || to == nil || i.Body.Attributes["id"] == nil {
			continue
		}
		ref, ok := to.Expr.(*hclsyntax.ScopeTraversalExpr)
		if !ok || tfText(ref.Traversal) != address {
			continue
		}
		if id, ok := t.text(tfExpr{e: i.Body.Attributes["id"].Expr, file: i.file, in: root, block: i}); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

func (in *tfInstance) root() *tfInstance {
	for in.call != nil {
		in = in.parent
	}
	return in
}

// prefix is the address of an instance of a module: "module.a.module.b[key].".
func (in *tfInstance) prefix() string {
	if in.call == nil {
		return ""
	}
	index := ""
	if in.each != nil {
		index = "[" + in.each.key + "]"
	}
	return in.parent.prefix() + "module." + in.call.Labels[0] + index + "."
}

// locateVolume removes a volume, in two stages, each a pull request of its own. As long as no snapshot of it is known to be
// complete (w.Old is ""), a snapshot is declared, together with a condition on which Terraform refuses unless the volume is the one
// that is meant. When there is one (w.Old is its id), the volume goes, and so does what refers to it.
func (t *terraform) locateVolume(w engine.Wish) (Located, error) {
	id := w.Target.Provider
	var sure, named, possible []*tfVolume
	for _, v := range t.volumes() {
		elsewhere := v.zone != "" && w.Target.Region != "" && !strings.HasPrefix(v.zone, w.Target.Region)
		tagged := w.Name != "" && w.Name != id && v.tag != ""
		switch {
		case !t.inScope(tfExpr{file: v.block.file, in: v.in}):
		case slices.Contains(v.ids, id):
			sure = append(sure, v)
		case len(v.ids) > 0 || elsewhere || tagged && v.tag != w.Name:
		case tagged:
			named = append(named, v)
		default:
			possible = append(possible, v)
		}
	}
	switch {
	case len(sure) > 1:
		return Located{}, refuse(t.placesOfVolumes(sure), "volume %s is declared %d times", id, len(sure))
	case len(sure) == 1:
		return t.removeVolume(sure[0], w)
	case len(named) == 1 && w.Old == "":
		return t.removeVolume(named[0], w)
	case len(named) > 0:
		return Located{}, refuse(t.placesOfVolumes(named), "volumes named %s are declared, and no file says that one is %s; %s", w.Name, id, howToMark(id))
	case len(possible) > 0:
		return Located{}, refuse(t.placesOfVolumes(possible), "volumes are declared, and no file says whether one of them is %s; %s", id, howToMark(id))
	}
	return Located{}, t.inJSON(id)
}

func howToMark(id string) string {
	return fmt.Sprintf("write the comment \"# %s\" above its resource, or an import block", id)
}

func (t *terraform) placesOfVolumes(volumes []*tfVolume) []engine.Place {
	var places []engine.Place
	for _, v := range volumes {
		places = append(places, t.place(v.block.file, v.block.TypeRange, "%s", v.in.prefix()+v.block.address()))
	}
	return places
}

// removeVolume makes the stage of the removal that is next.
func (t *terraform) removeVolume(v *tfVolume, w engine.Wish) (Located, error) {
	places, id, dir := t.placesOfVolumes([]*tfVolume{v}), w.Target.Provider, v.in.dir
	if v.many == "" {
		v.many = t.repeated(v.in)
	}
	if others := slices.DeleteFunc(slices.Clone(v.ids), func(other string) bool { return other == id }); len(others) > 0 {
		return Located{}, refuse(places, "%s is said to be %s and %s", v.block.address(), id, others[0])
	}
	if v.many != "" {
		return Located{}, refuse(places, "%s is not declared by itself: %s", id, v.many)
	}
	if o := dir.overridden(v.block); o != nil {
		return Located{}, refuse(append(places, t.place(o.file, o.TypeRange, "overrides it")), "%s is changed by an override file", v.block.address())
	}
	if len(dir.opaque) > 0 {
		return Located{}, refuse(append(places, dir.opaque...), "%s cannot be read, and may refer to %s", dir.opaque[0].Path, v.block.address())
	}
	if err := t.protected(v.block); err != nil {
		return Located{}, err
	}
	if w.Old == "" {
		return t.declareSnapshot(v, id)
	}
	return t.undeclareVolume(v, w)
}

// declareSnapshot is the first stage.
func (t *terraform) declareSnapshot(v *tfVolume, id string) (Located, error) {
	f, dir := v.block.file, v.in.dir
	for _, b := range dir.blocks {
		if b.is("resource", "aws_ebs_snapshot") && refersTo(b.Body, v.block.address()) {
			return Located{}, refuse([]engine.Place{t.place(b.file, b.TypeRange, "snapshot of %s", v.block.address())},
				"a snapshot of %s is declared already; the volume is removed when a scan has seen that the snapshot is complete", id)
		}
	}
	name := v.name() + "_last"
	for n := 2; dir.find("resource", "aws_ebs_snapshot", name) != nil; n++ {
		name = fmt.Sprintf("%s_last_%d", v.name(), n)
	}
	at, eol := f.lineEnd(v.block.CloseBraceRange.End.Byte), f.newline(v.block.OpenBraceRange.Start.Byte)
	text := fmt.Sprintf(`
# Taken before %[1]s is removed, and kept after that.
resource "aws_ebs_snapshot" %[2]q {
  volume_id   = %[3]s.id
  description = "The last of %[1]s, before its removal"

  lifecycle {
    precondition {
      condition     = %[3]s.id == %[1]q
      error_message = "%[3]s is not %[1]s: nothing may be removed."
    }
  }
}
`, id, name, v.block.address())
	if at > 0 && f.src[at-1] != '\n' {
		text = "\n" + strings.TrimSuffix(text, "\n")
	}
	text = strings.ReplaceAll(text, "\n", eol)
	after, err := f.splice(hclSpan{at, at}, text)
	if err != nil {
		return Located{}, err
	}
	return Located{Files: map[string][]byte{f.path: after.src}, Steps: []string{
		"First of two pull requests: it takes a snapshot. Its plan must add aws_ebs_snapshot." + name + " and destroy nothing; it fails where " +
			v.block.address() + " is not " + id + ". It needs Terraform 1.2 or newer.",
		"When a scan has seen that the snapshot is complete, a second pull request is proposed: it removes " + id + " and keeps the snapshot.",
	}}, nil
}

// refersTo tells whether a node refers to a resource: "aws_ebs_volume.data".
func refersTo(n hclsyntax.Node, address string) bool { return len(referencesTo(n, address)) > 0 }

// referencesTo lists the references of a node to a resource.
func referencesTo(n hclsyntax.Node, address string) []*hclsyntax.ScopeTraversalExpr {
	var all []*hclsyntax.ScopeTraversalExpr
	_ = hclsyntax.VisitAll(n, func(n hclsyntax.Node) hcl.Diagnostics {
		if e, ok := n.(*hclsyntax.ScopeTraversalExpr); ok && len(e.Traversal) > 1 && tfHead(e.Traversal) == address {
			all = append(all, e)
		}
		return nil
	})
	return all
}
