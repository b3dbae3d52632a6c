package change

import (
	"bytes"
	"context"
	"path"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/eks-autopilot/autopilot/engine"
)

// tfVars is a file that may give values to variables of root modules.
type tfVars struct {
	path string
	src  []byte
	file *hclFile // nil when it is no HCL: JSON, shell, a pipeline
}

// feeders are files other than of Terraform from which a variable may have its value: scripts and pipelines.
var feeders = regexp.MustCompile(`(^|/)(Makefile|Jenkinsfile|justfile|\.env[^/]*|Taskfile\.ya?ml|atlantis\.ya?ml|buildspec[^/]*|azure-pipelines[^/]*|` +
	`bitbucket-pipelines[^/]*|cloudbuild[^/]*|\.gitlab-ci[^/]*)$|^\.(github|gitlab|circleci|buildkite)/.*\.ya?ml$|\.(sh|bash|mk|env|tfvars\.json)$`)

// readVars reads what may give values to variables. Scripts and pipelines are kept only where they speak of variables.
func (t *terraform) readVars(ctx context.Context) error {
	if len(t.dirs) == 0 {
		return nil
	}
	for _, p := range sortedPaths(t.files) {
		inHCL := strings.HasSuffix(p, ".tfvars") || path.Ext(p) == ".hcl" && path.Base(p) != ".terraform.lock.hcl"
		if !inHCL && !feeders.MatchString(p) {
			continue
		}
		src, err := t.read(ctx, p)
		if err != nil {
			return err
		}
		if !inHCL && !bytes.Contains(src, []byte("TF_VAR_")) && !bytes.Contains(src, []byte("-var")) && path.Ext(p) != ".json" {
			continue
		}
		v := tfVars{path: p, src: src}
		if f, err := parseHCL(p, src); err == nil && strings.HasSuffix(p, ".tfvars") {
			v.file = f
		}
		t.vars = append(t.vars, v)
	}
	return nil
}

// isAuto tells whether Terraform reads a file by itself in a folder.
func (v tfVars) isAuto(dir string) bool {
	base := path.Base(v.path)
	return path.Dir(v.path) == dir && (base == "terraform.tfvars" || strings.HasSuffix(base, ".auto.tfvars"))
}

// speaksOf tells on which line a file that is not understood names a variable; 0 for none.
func (v tfVars) speaksOf(name string) int {
	word := regexp.MustCompile(`(^|[^0-9A-Za-z-]|TF_VAR_)` + regexp.QuoteMeta(name) + `($|[^0-9A-Za-z_-])`)
	at := word.FindIndex(v.src)
	if at == nil {
		return 0
	}
	return 1 + bytes.Count(v.src[:at[1]-1], []byte("\n"))
}

// throughVariable gives what a variable is: the argument of the call of its module, or else, in a root module, what a file of
// values or its default says.
func (t *terraform) throughVariable(x tfExpr, name string, tr *trail, left int) (tfExpr, bool) {
	d := x.in.dir
	decl := d.find("variable", name)
	if decl == nil {
		return x, false
	}
	tr.places = append(tr.places, t.place(decl.file, decl.TypeRange, "variable %s", name))
	if o := d.overridden(decl); o != nil {
		tr.places = append(tr.places, t.place(o.file, o.TypeRange, "variable %s, overridden", name))
		return x, false
	}
	if n := d.uses["var."+name]; n > 1 {
		tr.share("variable %s is used %d times", name, n)
	}
	t.doubt(d, tr)
	if x.in.call != nil {
		if arg := x.in.call.Body.Attributes[name]; arg != nil {
			return t.throughCall(x, name, arg, tr, left)
		}
		return t.throughDefault(x, decl, tr)
	}
	return t.throughValues(x, decl, tr)
}

// throughCall goes from a variable to the argument of the call.
func (t *terraform) throughCall(x tfExpr, name string, arg *hclsyntax.Attribute, tr *trail, left int) (tfExpr, bool) {
	in := x.in
	tr.places = append(tr.places, t.place(in.call.file, arg.SrcRange, "argument %s of %s", name, in.call.address()))
	if o := in.parent.dir.overridden(in.call); o != nil {
		tr.places = append(tr.places, t.place(o.file, o.TypeRange, "%s, overridden", in.call.address()))
		return x, false
	}
	value := t.hop(tfExpr{e: arg.Expr, file: in.call.file, in: in.parent, block: in.call, each: in.each}, tr, left-1)
	switch {
	case in.many != "":
		tr.share("%s", in.many)
	case in.twins > 1 && !tr.each[in.call]:
		tr.share("%s makes %d instances", in.call.address(), in.twins)
	}
	return value, true
}

func (t *terraform) throughDefault(x tfExpr, decl *tfBlock, tr *trail) (tfExpr, bool) {
	attr := decl.Body.Attributes["default"]
	if attr == nil {
		return x, false
	}
	tr.places = append(tr.places, t.place(decl.file, attr.SrcRange, "variable %s, default", decl.Labels[0]))
	return tfExpr{e: attr.Expr, file: decl.file, in: x.in, block: decl}, true
}

// throughValues goes from a variable of a root module to its value, when the files say which one it is.
func (t *terraform) throughValues(x tfExpr, decl *tfBlock, tr *trail) (tfExpr, bool) {
	name, d := decl.Labels[0], x.in.dir
	if block := d.remote(); block != nil {
		tr.places = append(tr.places, t.place(block.file, block.TypeRange, "a workspace may set variable %s", name))
		tr.share("variable %s may be set in a remote workspace, which no file shows", name)
	}
	var read, other []tfExpr
	unclear := false
	for _, v := range t.vars {
		if v.file == nil {
			if line := v.speaksOf(name); line > 0 {
				tr.places = append(tr.places, t.at(v.path, line, "may set variable %s", name))
				unclear = true
			}
			continue
		}
		attr := v.file.body.Attributes[name]
		if dir := path.Dir(v.path); attr == nil || dir != d.path && t.dirs[dir] != nil {
			continue
		}
		tr.places = append(tr.places, t.place(v.file, attr.SrcRange, "variable %s, value", name))
		value := tfExpr{e: attr.Expr, file: v.file, in: x.in}
		if v.isAuto(d.path) {
			read = append(read, value)
		} else {
			other = append(other, value)
		}
	}
	hasDefault := decl.Body.Attributes["default"] != nil
	switch {
	case unclear:
		tr.share("variable %s may be set outside of Terraform", name)
	case len(other) > 0 && (len(other)+len(read) > 1 || hasDefault), len(read) > 1:
		tr.share("variable %s has several values", name)
		t.throughDefault(x, decl, tr)
		return x, false
	}
	switch {
	case len(read) == 1:
		return read[0], true
	case len(other) == 1:
		return other[0], true
	}
	return t.throughDefault(x, decl, tr)
}

// remote gives the block that says that a workspace elsewhere runs a module; nil when none does.
func (d *tfDir) remote() *tfBlock {
	for _, b := range d.blocks {
		if b.Type != "terraform" {
			continue
		}
		for _, c := range b.Body.Blocks {
			if c.Type == "cloud" || c.Type == "backend" && len(c.Labels) == 1 && c.Labels[0] == "remote" {
				return &tfBlock{c, b.file}
			}
		}
	}
	return nil
}

// references lists where the variables and local values that an expression uses are declared.
func (t *terraform) references(x tfExpr) []engine.Place {
	var places []engine.Place
	for _, ref := range hclsyntax.Variables(x.e) {
		if len(ref) < 2 || ref.RootName() != "var" && ref.RootName() != "local" {
			continue
		}
		tr := &trail{}
		t.hop(x.with(&hclsyntax.ScopeTraversalExpr{Traversal: ref, SrcRange: ref.SourceRange()}), tr, maxHops)
		places = append(places, tr.places...)
	}
	return places
}
