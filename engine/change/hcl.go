package change

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/eks-autopilot/autopilot/engine"
)

// maxHCL is the most bytes of a file that is read as HCL. People write no larger ones.
const maxHCL = 4 << 20

// HCLScalar is one value of an HCL file: a literal that can be changed where it stands, or, where Refused says why, one that
// cannot.
type HCLScalar struct {
	Path    string // "resource.aws_eks_node_group.workers.scaling_config.desired_size"
	Kind    string // "number", "bool" or "string"
	Value   string // what it means, without quotes and escapes
	Line    int    // from 1
	Start   int    // of the bytes that stand for the value; those of a string are between its quotes
	End     int
	Refused string // why it cannot be edited: "a variable", "a heredoc"; "" when it can
}

// The kinds of HCLScalar.
const (
	hclNumber = "number"
	hclBool   = "bool"
	hclString = "string"
)

// hclFile is a parsed file.
type hclFile struct {
	path string
	src  []byte
	body *hclsyntax.Body
}

// parseHCL reads a file. Invalid: it is no HCL, or HCL of a form that is not edited.
func parseHCL(path string, src []byte) (*hclFile, error) {
	switch {
	case strings.HasSuffix(path, ".json"):
		return nil, engine.Errorf(engine.Invalid, "%s is Terraform in JSON, which is not edited; change it by hand", path)
	case len(src) > maxHCL:
		return nil, engine.Errorf(engine.Invalid, "%s is larger than %d MiB, which no one writes by hand", path, maxHCL>>20)
	case tooDeep(src):
		return nil, engine.Errorf(engine.Invalid, "%s is nested deeper than %d levels", path, hclMaxDepth)
	}
	file, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, engine.Errorf(engine.Invalid, "%s is no HCL: %s", path, diags[0].Error())
	}
	return &hclFile{path: path, src: src, body: file.Body.(*hclsyntax.Body)}, nil
}

// hclMaxDepth is how deep brackets may be nested. The parser recurses, so a hostile file could exhaust its stack.
const hclMaxDepth = 200

func tooDeep(src []byte) bool {
	depth := 0
	for _, b := range src {
		switch b {
		case '{', '[', '(':
			if depth++; depth > hclMaxDepth {
				return true
			}
		case '}', ']', ')':
			depth = max(0, depth-1)
		}
	}
	return false
}

// ScalarsHCL lists every value of a file, in order. Invalid: it cannot be read as HCL.
func ScalarsHCL(src []byte) ([]HCLScalar, error) {
	f, err := parseHCL("file.tf", src)
	if err != nil {
		return nil, err
	}
	return f.scalars(), nil
}

// SetHCL gives the file with one scalar changed to value, and nothing else. A quoted value stays quoted, a number a number.
// Invalid: s is not what stands there, or value is not of its kind.
func SetHCL(src []byte, s HCLScalar, value string) ([]byte, error) {
	if s.Refused != "" {
		return nil, engine.Errorf(engine.Invalid, "%s is %s; only a literal is edited", s.Path, s.Refused)
	}
	text, err := s.encode(value)
	if err != nil {
		return nil, err
	}
	before, err := parseHCL("file.tf", src)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(before.scalars(), s) {
		return nil, engine.Errorf(engine.Invalid, "%s is no longer at line %d as it was", s.Path, s.Line)
	}
	after, err := before.splice(hclSpan{s.Start, s.End}, text)
	if err != nil {
		return nil, err
	}
	want := s
	want.Value, want.End = value, s.Start+len(text)
	if s.Kind == hclString {
		want.Value = cty.NormalizeString(value) // as HCL reads all text
	}
	if !slices.Contains(after.scalars(), want) {
		return nil, engine.Errorf(engine.Internal, "%s would not read %q after the edit", s.Path, value)
	}
	return after.src, nil
}
