package change

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/eks-autopilot/autopilot/engine"
)

// scalars lists the values of a file, in order.
func (f *hclFile) scalars() []HCLScalar {
	l := &hclLister{file: f}
	l.body(f.body, "")
	slices.SortStableFunc(l.found, func(a, b HCLScalar) int { return a.Start - b.Start })
	return l.found
}

// hclLister walks a file and collects its values.
type hclLister struct {
	file  *hclFile
	found []HCLScalar
}

func (l *hclLister) body(b *hclsyntax.Body, path string) {
	for name, attr := range b.Attributes {
		l.value(attr.Expr, hclPath(path, name), "")
	}
	seen := map[string]int{}
	for _, block := range b.Blocks {
		at := hclPath(path, append([]string{block.Type}, block.Labels...)...)
		if seen[at]++; seen[at] > 1 {
			l.body(block.Body, fmt.Sprintf("%s[%d]", at, seen[at]-1))
			continue
		}
		l.body(block.Body, at)
	}
}

// value lists what an expression holds. refused is why nothing in it may be edited.
func (l *hclLister) value(e hclsyntax.Expression, path, refused string) {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		l.value(e.Expression, path, refused)
		return
	case *hclsyntax.TupleConsExpr:
		for i, item := range e.Exprs {
			l.value(item, fmt.Sprintf("%s[%d]", path, i), refused)
		}
		return
	case *hclsyntax.ObjectConsExpr:
		l.object(e, path, refused)
		return
	}
	s, why := hclLiteral(l.file.src, e)
	s.Path, s.Refused = path, why
	if refused != "" {
		s.Refused = refused
	}
	l.found = append(l.found, s)
}

func (l *hclLister) object(e *hclsyntax.ObjectConsExpr, path, refused string) {
	times := map[string]int{}
	for _, item := range e.Items {
		if key, ok := hclKey(item.KeyExpr); ok {
			times[key]++
		}
	}
	for _, item := range e.Items {
		key, ok := hclKey(item.KeyExpr)
		why := refused
		switch {
		case why != "":
		case !ok:
			key, why = "(computed)", "under a key that is computed"
		case times[key] > 1:
			why = "under a key that is there twice"
		}
		l.value(item.ValueExpr, hclPath(path, key), why)
	}
}

// hclKey is the key of an item of an object, when it is written as a name or as a literal.
func hclKey(e hclsyntax.Expression) (string, bool) {
	k, ok := e.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return "", false
	}
	if !k.ForceNonLiteral {
		if name := hcl.ExprAsKeyword(k.Wrapped); name != "" {
			return name, true
		}
	}
	return hclConstant(k.Wrapped)
}

// hclConstant is what an expression without references is, as text.
func hclConstant(e hclsyntax.Expression) (string, bool) {
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return hclConstant(e.Expression)
	case *hclsyntax.LiteralValueExpr:
		switch {
		case e.Val.IsNull():
		case e.Val.Type() == cty.Number:
			return e.Val.AsBigFloat().Text('f', -1), true
		case e.Val.Type() == cty.Bool:
			return strconv.FormatBool(e.Val.True()), true
		case e.Val.Type() == cty.String:
			return e.Val.AsString(), true
		}
	case *hclsyntax.UnaryOpExpr:
		if n, ok := hclConstant(e.Val); ok && e.Op == hclsyntax.OpNegate {
			return "-" + n, true
		}
	case *hclsyntax.TemplateExpr:
		var text strings.Builder
		for _, part := range e.Parts {
			lit, ok := part.(*hclsyntax.LiteralValueExpr)
			if !ok || lit.Val.Type() != cty.String {
				return "", false
			}
			text.WriteString(lit.Val.AsString())
		}
		return text.String(), true
	}
	return "", false
}

// hclLiteral reads an expression as a literal. why says what it is when it is none that can be edited.
func hclLiteral(src []byte, e hclsyntax.Expression) (s HCLScalar, why string) {
	r := e.Range()
	s = HCLScalar{Line: r.Start.Line, Start: r.Start.Byte, End: r.End.Byte}
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		return hclLiteral(src, e.Expression)
	case *hclsyntax.LiteralValueExpr:
		if e.Val.IsNull() {
			return s, "null"
		}
		s.Kind = hclNumber
		if e.Val.Type() == cty.Bool {
			s.Kind = hclBool
		}
	case *hclsyntax.UnaryOpExpr:
		if lit, ok := e.Val.(*hclsyntax.LiteralValueExpr); !ok || e.Op != hclsyntax.OpNegate || lit.Val.Type() != cty.Number {
			return s, "a calculation"
		}
		s.Kind = hclNumber
	case *hclsyntax.TemplateExpr:
		value, ok := hclConstant(e)
		switch {
		case src[s.Start] == '<':
			return s, "a heredoc"
		case !ok:
			return s, "a template"
		}
		s.Kind, s.Value = hclString, value
		s.Start, s.End = s.Start+1, s.End-1
		return s, ""
	default:
		return s, hclConstruct(e)
	}
	s.Value = string(src[s.Start:s.End])
	return s, ""
}

// hclConstruct names what an expression that is no literal is.
func hclConstruct(e hclsyntax.Expression) string {
	switch e := e.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		switch e.Traversal.RootName() {
		case "var":
			return "a variable"
		case "local":
			return "a local value"
		case "each", "count":
			return "different for each instance"
		}
		return "a reference"
	case *hclsyntax.RelativeTraversalExpr, *hclsyntax.IndexExpr, *hclsyntax.SplatExpr:
		return "a reference"
	case *hclsyntax.TemplateWrapExpr, *hclsyntax.TemplateJoinExpr:
		return "a template"
	case *hclsyntax.FunctionCallExpr:
		return "a call of " + e.Name
	case *hclsyntax.ConditionalExpr:
		return "a conditional"
	case *hclsyntax.ForExpr:
		return "a for expression"
	case *hclsyntax.BinaryOpExpr, *hclsyntax.UnaryOpExpr:
		return "a calculation"
	}
	return "an expression"
}

var hclNumbers = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// encode writes a value as it stands in the file. Invalid: the value is not of the scalar's kind.
func (s HCLScalar) encode(value string) (string, error) {
	switch s.Kind {
	case hclNumber:
		if !hclNumbers.MatchString(value) {
			return "", engine.Errorf(engine.Invalid, "%s is a number; %q is none", s.Path, value)
		}
		return value, nil
	case hclBool:
		if value != "true" && value != "false" {
			return "", engine.Errorf(engine.Invalid, "%s is true or false; %q is neither", s.Path, value)
		}
		return value, nil
	}
	if !utf8.ValidString(value) {
		return "", engine.Errorf(engine.Invalid, "the new value of %s is no UTF-8", s.Path)
	}
	return escapeHCL(value), nil
}

// escapeHCL writes text so that it stands for itself between quotes.
func escapeHCL(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(text[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

var plainNames = regexp.MustCompile(`^[\pL_][\pL\pN_-]*$`)

// hclPath adds steps to a path. Steps that are no plain names are quoted.
func hclPath(path string, steps ...string) string {
	var b strings.Builder
	b.WriteString(path)
	for _, step := range steps {
		switch {
		case !plainNames.MatchString(step):
			fmt.Fprintf(&b, "[%q]", step)
		case b.Len() > 0:
			b.WriteString("." + step)
		default:
			b.WriteString(step)
		}
	}
	return b.String()
}

// asObject gives the object that an expression is written as.
func asObject(e hclsyntax.Expression) (*hclsyntax.ObjectConsExpr, bool) {
	if p, ok := e.(*hclsyntax.ParenthesesExpr); ok {
		return asObject(p.Expression)
	}
	o, ok := e.(*hclsyntax.ObjectConsExpr)
	return o, ok
}
