package change

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/eks-autopilot/autopilot/engine"
)

// locateTerraform finds what w wants changed in the Terraform files of a search. It gives nothing where none declares it.
func locateTerraform(ctx context.Context, s *search, w engine.Wish) (Located, error) {
	if w.Kind != engine.WishGroup && w.Kind != engine.WishVolume {
		return Located{}, nil
	}
	t, err := readTerraform(ctx, s)
	if err != nil || len(t.dirs) == 0 {
		return Located{}, err
	}
	if w.Kind == engine.WishVolume {
		return t.locateVolume(w)
	}
	return t.locateGroup(w)
}

// terraform is all the Terraform of a tree. All of it is read, also what is beyond the paths of the search: that a literal feeds
// one use only is proved by knowing everybody who could use it.
type terraform struct {
	*search
	dirs      map[string]*tfDir
	vars      []tfVars
	instances []*tfInstance
	hops      int // references followed so far
}

// tfDir is a module: the Terraform files of one folder.
type tfDir struct {
	path   string
	files  []*hclFile
	opaque []engine.Place // files that cannot be read: Terraform in JSON, and what is no HCL
	blocks []*tfBlock     // at the top of its files
	uses   map[string]int // how often "var.x", "local.x" and resources such as "aws_ebs_volume.x" are referred to
}

// tfBlock is a block and the file that it is in.
type tfBlock struct {
	*hclsyntax.Block
	file *hclFile
}

// is tells whether a block is of a type, and has the labels.
func (b *tfBlock) is(kind string, labels ...string) bool {
	return b.Type == kind && len(b.Labels) >= len(labels) && slices.Equal(b.Labels[:len(labels)], labels)
}

func (b *tfBlock) isOverride() bool {
	base := path.Base(b.file.path)
	name := strings.TrimSuffix(base, path.Ext(base))
	return name == "override" || strings.HasSuffix(name, "_override")
}

// address names a block as Terraform does.
func (b *tfBlock) address() string {
	if b.Type == "resource" {
		return hclPath("", b.Labels...)
	}
	return hclPath(b.Type, b.Labels...)
}

// child gives the only nested block of a type; nil when there is none, or when there are several.
func (b *tfBlock) child(kind string) *hclsyntax.Block {
	var found *hclsyntax.Block
	for _, c := range b.Body.Blocks {
		if c.Type != kind {
			continue
		}
		if found != nil {
			return nil
		}
		found = c
	}
	return found
}

func isTerraform(p string) bool {
	return strings.HasSuffix(p, ".tf") || strings.HasSuffix(p, ".tofu")
}

// readTerraform reads every module of the tree and finds who calls whom.
func readTerraform(ctx context.Context, s *search) (*terraform, error) {
	t := &terraform{search: s, dirs: map[string]*tfDir{}}
	for _, p := range sortedPaths(s.files) {
		inJSON := strings.HasSuffix(p, ".tf.json")
		if strings.Contains("/"+p, "/.terraform/") || !isTerraform(p) && !inJSON {
			continue
		}
		src, err := s.read(ctx, p)
		if err != nil {
			return nil, err
		}
		d := t.dirs[path.Dir(p)]
		if d == nil {
			d = &tfDir{path: path.Dir(p), uses: map[string]int{}}
			t.dirs[d.path] = d
		}
		f, err := parseHCL(p, src)
		if err != nil {
			d.opaque = append(d.opaque, s.at(p, 1, "%s", err))
			continue
		}
		d.add(f)
	}
	if err := t.readVars(ctx); err != nil {
		return nil, err
	}
	t.instantiate()
	return t, nil
}

func sortedPaths(files map[string]File) []string {
	var all []string
	for p := range files {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// add takes a file into a module.
func (d *tfDir) add(f *hclFile) {
	d.files = append(d.files, f)
	for _, b := range f.body.Blocks {
		d.blocks = append(d.blocks, &tfBlock{b, f})
	}
	_ = hclsyntax.VisitAll(f.body, func(n hclsyntax.Node) hcl.Diagnostics {
		if e, ok := n.(*hclsyntax.ScopeTraversalExpr); ok && len(e.Traversal) > 1 {
			d.uses[tfHead(e.Traversal)]++
		}
		return nil
	})
}

// tfHead gives the first two steps of a reference: "var.x", "aws_ebs_volume.data".
func tfHead(t hcl.Traversal) string {
	second, _ := t[1].(hcl.TraverseAttr)
	return t.RootName() + "." + second.Name
}

// find gives the only block of a type with the labels, overrides left out.
func (d *tfDir) find(kind string, labels ...string) *tfBlock {
	var found *tfBlock
	for _, b := range d.blocks {
		if !b.is(kind, labels...) || b.isOverride() {
			continue
		}
		if found != nil {
			return nil
		}
		found = b
	}
	return found
}

// local finds the definition of a local value, when there is exactly one.
func (d *tfDir) local(name string) (f *hclFile, attr *hclsyntax.Attribute) {
	for _, b := range d.blocks {
		a := b.Body.Attributes[name]
		if b.Type != "locals" || a == nil {
			continue
		}
		if attr != nil {
			return nil, nil
		}
		f, attr = b.file, a
	}
	return f, attr
}

// overridden gives the block of an override file that changes b; nil when none does.
func (d *tfDir) overridden(b *tfBlock) *tfBlock {
	for _, o := range d.blocks {
		if o != b && o.isOverride() && o.is(b.Type, b.Labels...) {
			return o
		}
	}
	return nil
}

// place names the line at which something of a file starts.
func (t *terraform) place(f *hclFile, r hcl.Range, format string, args ...any) engine.Place {
	return t.at(f.path, r.Start.Line, format, args...)
}
