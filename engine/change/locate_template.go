package change

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template/parse"

	"go.yaml.in/yaml/v3"
)

// template is a Helm template read as YAML: each action is a mark in it, and says where the action's value comes from. Nothing is
// evaluated; both branches of a condition are there.
type template struct {
	docs []*yaml.Node
	from []origin // by the number in the mark
}

// origin is where the value of an action comes from.
type origin struct {
	path   []string // in the chart's values; nil when it is not one value of them
	object string   // such as "Release.Name", where it is none of the values
	paths  []string // of the values that take part, for people
	line   int      // in the template
	text   string   // of the action
}

// mark is how an action stands in the YAML: as a scalar, as a part of one, or as a key whose mapping it fills.
var mark = regexp.MustCompile(`⟦(\d+)⟧`)

// parseTemplate reads a template. It fails where it is none, or where what is left without its actions is no YAML.
func parseTemplate(src []byte) (*template, error) {
	tree := parse.New("template")
	tree.Mode = parse.SkipFuncCheck
	trees := map[string]*parse.Tree{}
	if _, err := tree.Parse(string(src), "", "", trees); err != nil {
		return nil, err
	}
	r := &reader{src: string(src), t: &template{}, vars: map[string]meaning{}}
	if tree.Root != nil {
		r.list(tree.Root, meaning{known: true})
	}
	text, err := parseYAML([]byte(settled(r.out.String())))
	if err != nil {
		return nil, err
	}
	r.t.docs = text.docs
	return r.t, nil
}

// meaning is what the dot or a variable stands for: the root of all, a path below it, or something unknown.
type meaning struct {
	known bool
	path  []string // "Values", "api", …
}

// keyAlone is a line that has a key, and nothing behind its colon.
var keyAlone = regexp.MustCompile(`^\s*(- +)*["']?[\w./-]+["']?:$`)

// maxIndent bounds what a template may ask for.
const maxIndent = 200

// reader walks the parts of a template.
type reader struct {
	src  string
	out  strings.Builder
	t    *template
	vars map[string]meaning
}

func (r *reader) list(l *parse.ListNode, dot meaning) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		r.node(n, dot)
	}
}

func (r *reader) node(n parse.Node, dot meaning) {
	switch n := n.(type) {
	case *parse.TextNode:
		r.out.Write(n.Text)
	case *parse.ActionNode:
		e := r.pipe(n.Pipe, dot)
		if len(n.Pipe.Decl) > 0 {
			r.vars[n.Pipe.Decl[0].Ident[0]] = e.meaning()
			if n.Pipe.IsAssign { // perhaps: it may stand in a branch
				r.vars[n.Pipe.Decl[0].Ident[0]] = meaning{}
			}
			return
		}
		r.mark(n, e)
	case *parse.IfNode:
		r.pipe(n.Pipe, dot)
		r.list(n.List, dot)
		r.list(n.ElseList, dot)
	case *parse.WithNode:
		r.list(n.List, r.pipe(n.Pipe, dot).meaning())
		r.list(n.ElseList, dot)
	case *parse.RangeNode:
		for _, v := range n.Pipe.Decl {
			r.vars[v.Ident[0]] = meaning{}
		}
		r.list(n.List, meaning{})
		r.list(n.ElseList, dot)
	case *parse.TemplateNode:
		r.mark(n, expression{})
	}
}

// mark writes the mark of an action: alone in a line of its own where the action indents what it writes.
func (r *reader) mark(n parse.Node, e expression) {
	number := len(r.t.from)
	from := origin{line: 1 + strings.Count(r.src[:min(int(n.Position()), len(r.src))], "\n"), text: bounded(n.String())}
	for _, p := range e.paths {
		from.paths = append(from.paths, strings.Join(p, "."))
	}
	if len(e.paths) == 1 && e.plain {
		if p := e.paths[0]; p[0] == "Values" {
			from.path = p[1:]
		} else {
			from.object = strings.Join(p, ".")
		}
	}
	r.t.from = append(r.t.from, from)
	written := r.out.String()
	switch {
	case e.indent >= 0 && (e.fresh || strings.TrimSpace(lastLine(written)) == ""):
		if e.fresh {
			r.out.WriteByte('\n')
		}
		fmt.Fprintf(&r.out, "%s⟦%d⟧:", strings.Repeat(" ", e.indent), number)
	case keyAlone.MatchString(lastLine(written)): // the space between was trimmed away
		fmt.Fprintf(&r.out, " ⟦%d⟧", number)
	default:
		fmt.Fprintf(&r.out, "⟦%d⟧", number)
	}
}

func lastLine(s string) string { return s[strings.LastIndexByte(s, '\n')+1:] }

// settled makes comments of marks that stand where a list has its items, or alone in a line where no mapping is.
func settled(text string) string {
	lines := strings.Split(text, "\n")
	indent := func(i int) int { return len(lines[i]) - len(strings.TrimLeft(lines[i], " ")) }
	isText := func(i int) bool {
		line := strings.TrimSpace(lines[i])
		return line != "" && line[0] != '#' && !strings.HasPrefix(line, "⟦")
	}
	for i, line := range lines {
		body := strings.TrimSpace(line)
		if !strings.HasPrefix(body, "⟦") || strings.Count(body, "⟦") != 1 {
			continue
		}
		at, before, after := indent(i), i-1, i+1
		for before >= 0 && (!isText(before) || indent(before) > at) {
			before--
		}
		for after < len(lines) && !isText(after) {
			after++
		}
		inList := before >= 0 && indent(before) == at && strings.HasPrefix(strings.TrimSpace(lines[before]), "- ") ||
			after < len(lines) && indent(after) == at && strings.HasPrefix(strings.TrimSpace(lines[after]), "- ")
		if inList || !strings.HasSuffix(body, ":") {
			lines[i] = "# " + body
		}
	}
	return strings.Join(lines, "\n")
}

// expression is what is known of a pipeline without evaluating it.
type expression struct {
	paths  [][]string // that take part: "Values", "api", "memory"
	root   bool       // it is the root of all
	plain  bool       // it is the value at the one path, or a way of writing it
	indent int        // that it gives to what it writes; -1 for none
	fresh  bool       // it starts a new line
}

// meaning gives what a variable, or the dot, stands for once it is set to the expression.
func (e expression) meaning() meaning {
	switch {
	case e.root:
		return meaning{known: true}
	case len(e.paths) == 1 && e.plain:
		return meaning{known: true, path: e.paths[0]}
	}
	return meaning{}
}

// writers are functions that hand on their last argument, however written; what else they are given does not replace it.
var writers = []string{
	"quote", "squote", "toYaml", "toJson", "toPrettyJson", "toString", "trim", "int", "int64", "float64", "nindent", "indent",
	"default", "required", "tpl", "toYamlPretty", "mustToJson",
}

// pipe reads a pipeline.
func (r *reader) pipe(p *parse.PipeNode, dot meaning) expression {
	e := expression{plain: true, indent: -1}
	if p == nil {
		return e
	}
	for _, c := range p.Cmds {
		e = r.command(c, dot, e)
	}
	return e
}

// command reads one command of a pipeline, which has what came before as its last argument.
func (r *reader) command(c *parse.CommandNode, dot meaning, piped expression) expression {
	name, args := "", c.Args
	if id, ok := c.Args[0].(*parse.IdentifierNode); ok {
		name, args = id.Ident, c.Args[1:]
	}
	if name == "" && len(args) == 1 {
		return r.arg(args[0], dot)
	}
	e := expression{plain: piped.plain, indent: piped.indent, fresh: piped.fresh, paths: piped.paths}
	if name == "index" || name == "get" {
		if path, ok := r.index(args, dot); ok {
			e.paths = append(e.paths, path)
			return e
		}
	}
	for _, a := range args {
		one := r.arg(a, dot)
		for _, p := range one.paths {
			if !slices.ContainsFunc(e.paths, func(have []string) bool { return slices.Equal(have, p) }) {
				e.paths = append(e.paths, p)
			}
		}
		e.plain = e.plain && one.plain
	}
	switch name {
	case "":
	case "indent", "nindent":
		if len(args) == 0 {
			break
		}
		if n, err := strconv.Atoi(args[0].String()); err == nil {
			e.indent, e.fresh = min(max(n, 0), maxIndent), name == "nindent"
		}
	default:
		e.plain = e.plain && slices.Contains(writers, name)
	}
	return e
}

// index reads index .Values "a" "b".
func (r *reader) index(args []parse.Node, dot meaning) ([]string, bool) {
	if len(args) < 2 {
		return nil, false
	}
	from := r.arg(args[0], dot)
	if len(from.paths) != 1 || !from.plain {
		return nil, false
	}
	path := slices.Clone(from.paths[0])
	for _, a := range args[1:] {
		s, ok := a.(*parse.StringNode)
		if !ok {
			return nil, false
		}
		path = append(path, s.Text)
	}
	return path, true
}

// arg reads one argument.
func (r *reader) arg(n parse.Node, dot meaning) expression {
	none := expression{plain: true, indent: -1}
	below := func(c meaning, names []string) expression {
		path := slices.Concat(c.path, names)
		if !c.known {
			return expression{indent: -1}
		}
		if len(path) == 0 {
			return expression{root: true, plain: true, indent: -1}
		}
		return expression{paths: [][]string{path}, plain: true, indent: -1}
	}
	switch n := n.(type) {
	case *parse.DotNode:
		return below(dot, nil)
	case *parse.FieldNode:
		return below(dot, n.Ident)
	case *parse.VariableNode:
		if n.Ident[0] == "$" {
			return below(meaning{known: true}, n.Ident[1:])
		}
		return below(r.vars[n.Ident[0]], n.Ident[1:])
	case *parse.ChainNode:
		inner := r.arg(n.Node, dot)
		if len(inner.paths) == 1 && inner.plain {
			return below(meaning{known: true, path: inner.paths[0]}, n.Field)
		}
		return expression{paths: inner.paths, indent: -1}
	case *parse.PipeNode:
		return r.pipe(n, dot)
	case *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode:
		return none
	}
	return expression{indent: -1}
}
