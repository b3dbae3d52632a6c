package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

//go:generate go test -run ^TestReference$ -count=1 . -update

const (
	referencePage = "../../docs/configuration-reference.md"
	examplesPage  = "../../docs/configuration.md"
)

// TestReference holds docs/configuration-reference.md equal to the structs that the strict decoder fills, to their defaults and to what
// the validator says is right. Each key needs a comment in the code and an example in docs/configuration.md.
func TestReference(t *testing.T) {
	page := reference(t)
	if *update {
		must(t, os.WriteFile(referencePage, []byte(page), 0o644))
	}
	want, err := os.ReadFile(referencePage)
	must(t, err)
	if d := diff.Diff(string(want), page); d != "" {
		t.Errorf("docs/configuration-reference.md is not what the code says; go generate ./cmd/autopilot writes it anew (-page +code):\n%s", d)
	}
}

// TestExamples holds that what docs/configuration.md shows is understood, and that its first example is a whole configuration.
func TestExamples(t *testing.T) {
	for i, block := range yamlBlocks(t, examplesPage) {
		dec := yaml.NewDecoder(strings.NewReader(block))
		dec.KnownFields(true)
		if err := dec.Decode(new(Config)); err != nil {
			t.Errorf("example %d: %v\n%s", i+1, err, block)
		}
		if i > 0 {
			continue
		}
		if _, err := parseConfig("the first example", []byte(block)); err != nil {
			t.Error(err)
		}
	}
}

// key is one key of the file.
type key struct {
	path  string // "clusters[].eks.region"
	owner reflect.Type
	field reflect.StructField
}

// keys lists every key in the order of the structs. It does not go into the same type twice on one way down.
func keys(t reflect.Type, prefix string, visit func(key)) {
	for f := range t.Fields() {
		k := key{path: strings.TrimPrefix(prefix+"."+strings.Split(f.Tag.Get("yaml"), ",")[0], "."), owner: t, field: f}
		visit(k)
		if below, suffix := section(f.Type); below != nil {
			keys(below, k.path+suffix, visit)
		}
	}
}

// section gives the struct that a type holds keys of, with what stands behind the key in a path; nil for a value.
func section(t reflect.Type) (of reflect.Type, suffix string) {
	switch {
	case t.Kind() == reflect.Pointer:
		return section(t.Elem())
	case t.Kind() == reflect.Struct && t.PkgPath() == reflect.TypeFor[Config]().PkgPath():
		return t, ""
	case t.Kind() == reflect.Slice:
		if below, _ := section(t.Elem()); below != nil {
			return below, "[]"
		}
	case t.Kind() == reflect.Map:
		if below, _ := section(t.Elem()); below != nil {
			return below, ".<name>"
		}
	}
	return nil, ""
}

func kindOf(t reflect.Type) string {
	below, suffix := section(t)
	switch {
	case below != nil && suffix == "[]":
		return "list"
	case below != nil:
		return "mapping"
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t.Kind() == reflect.Pointer:
		return kindOf(t.Elem())
	case t.Kind() == reflect.Slice:
		return "list of " + kindOf(t.Elem()) + "s"
	case t.Kind() == reflect.Map:
		return "mapping to " + kindOf(t.Elem()) + "s"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Float64:
		return "number"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		return "whole number"
	}
	return "text"
}

// words are the comments of the code: of types by name, of fields by "Type.Field".
func words(t *testing.T) map[string]string {
	files, err := filepath.Glob("*.go")
	must(t, err)
	said := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		must(t, err)
		for _, d := range file.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.TYPE {
				continue
			}
			for _, s := range decl.Specs {
				spec := s.(*ast.TypeSpec)
				of, ok := spec.Type.(*ast.StructType)
				if !ok {
					continue
				}
				said[spec.Name.Name] = oneLineOf(decl.Doc.Text())
				for _, f := range of.Fields.List {
					for _, n := range f.Names {
						said[spec.Name.Name+"."+n.Name] = oneLineOf(strings.TrimSpace(f.Doc.Text() + " " + f.Comment.Text()))
					}
				}
			}
		}
	}
	return said
}

func oneLineOf(s string) string { return strings.Join(strings.Fields(s), " ") }

// inKeys puts the names of a struct's fields into those of its keys.
func inKeys(text string, of reflect.Type) string {
	for f := range of.Fields() {
		re := regexp.MustCompile(`\b` + f.Name + `\b`)
		text = re.ReplaceAllString(text, "`"+strings.Split(f.Tag.Get("yaml"), ",")[0]+"`")
	}
	return text
}

// ownName takes the field's name from the beginning of its comment: its key stands beside it.
func ownName(text string, f reflect.StructField) string {
	return strings.TrimPrefix(strings.TrimPrefix(text, f.Name+" "), "is ")
}

var defaultRE = regexp.MustCompile(`(?:^|; |, )default ([^;]+)`)

// reference writes the page.
func reference(t *testing.T) string {
	said, right, defaults, shown := words(t), rightValues(), defaultValues(), examples(t)
	var b strings.Builder
	b.WriteString("# Configuration reference\n\nEvery key of `autopilot.yaml`, made of the code by `make generate`: its type, its default, what `autopilot config check` takes, what it is and an\n" +
		"example. [configuration.md](configuration.md) says how the keys belong together. A key that stands nowhere here is refused, and so is one that stands twice.\n")
	keys(reflect.TypeFor[Config](), "", func(k key) {
		below, suffix := section(k.field.Type)
		text := ownName(said[k.owner.Name()+"."+k.field.Name], k.field)
		if !strings.Contains(k.path, ".") {
			fmt.Fprintf(&b, "\n## %s\n\n", k.path)
			if below != nil {
				b.WriteString(strings.ReplaceAll(inKeys(said[below.Name()], below), below.Name(), "`"+k.path+suffix+"`") + "\n\n")
			}
			b.WriteString("| key | type | default | right | what it is | example |\n|---|---|---|---|---|---|\n")
			if below != nil && text == "" {
				return
			}
		}
		if below != nil && text == "" {
			text = strings.ReplaceAll(inKeys(said[below.Name()], below), below.Name(), "this")
			text = strings.TrimPrefix(text, "this ")
		}
		text = strings.ReplaceAll(strings.TrimSuffix(text, "."), "nil:", "left out:")
		computed := defaults[k.path]
		if m := defaultRE.FindStringSubmatchIndex(text); m != nil {
			stated := text[m[2]:m[3]]
			switch {
			case computed == "":
				computed = stated
			case !strings.Contains(strings.ReplaceAll(stated, `"`, ""), strings.ReplaceAll(computed, `"`, "")):
				t.Errorf("%s: the comment says that the default is %s, and it is %s", k.path, stated, computed)
			}
			text = strings.TrimPrefix(strings.TrimSpace(text[:m[0]]+text[m[1]:]), "; ")
		}
		if text == "" {
			t.Errorf("%s.%s has no comment: one sentence that says what %s is", k.owner.Name(), k.field.Name, k.path)
		}
		example := ""
		if below == nil {
			name := k.path[strings.LastIndex(k.path, ".")+1:]
			if example = cmp.Or(shown[k.path], shown[k.owner.Name()+"."+k.field.Name], shown[kindOf(k.field.Type)+" "+name]); example == "" {
				t.Errorf("docs/configuration.md has no example of %s", k.path)
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", k.path, kindOf(k.field.Type), code(computed), cell(right[k.path]), cell(text), code(example))
	})
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + cell(s) + "`"
}

// filled is a configuration with every section there once, and no value in it.
func filled() Config {
	var c Config
	fillSections(reflect.ValueOf(&c).Elem())
	return c
}

func fillSections(v reflect.Value) {
	if below, _ := section(v.Type()); below == nil {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillSections(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillSections(v.Index(0))
	case reflect.Map:
		one := reflect.New(v.Type().Elem()).Elem()
		fillSections(one)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(nameOfOne), one)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fillSections(field)
		}
	}
}

// nameOfOne is the one name in mappings of sections: oncall.escalation's are severities.
const nameOfOne = "critical"

// values gives each value of a configuration as filled makes it, by path.
func values(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	below, suffix := section(v.Type())
	switch {
	case below == nil:
		visit(path, v)
	case v.Kind() == reflect.Pointer:
		values(v.Elem(), path, visit)
	case v.Kind() == reflect.Slice:
		values(v.Index(0), path+suffix, visit)
	case v.Kind() == reflect.Map:
		one := reflect.New(v.Type().Elem()).Elem()
		one.Set(v.MapIndex(reflect.ValueOf(nameOfOne)))
		values(one, path+suffix, visit)
		v.SetMapIndex(reflect.ValueOf(nameOfOne), one)
	default:
		for i, f := range slices.Collect(v.Type().Fields()) {
			values(v.Field(i), strings.TrimPrefix(path+"."+strings.Split(f.Tag.Get("yaml"), ",")[0], "."), visit)
		}
	}
}

// defaultValues are what the code fills in, by path.
func defaultValues() map[string]string {
	found := map[string]string{}
	c := filled().withDefaults()
	values(reflect.ValueOf(&c).Elem(), "", func(path string, v reflect.Value) {
		for v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.Kind() == reflect.Pointer || v.IsZero() && v.Kind() != reflect.Bool {
			return
		}
		switch x := v.Interface().(type) {
		case bool:
			found[path] = fmt.Sprint(x)
		case time.Duration:
			found[path] = short(x)
		case []string:
			found[path] = strings.Join(x, ", ")
		default:
			found[path] = fmt.Sprint(x)
		}
	})
	return found
}

// rightValues are what the validator says would be right, by path: it is given what cannot be.
func rightValues() map[string]string {
	found := map[string]string{}
	var paths []string
	all := filled()
	values(reflect.ValueOf(&all).Elem(), "", func(path string, _ reflect.Value) { paths = append(paths, path) })
	for _, p := range paths {
		empty := objections(p, false)
		wrong := objections(p, true)
		switch {
		case neededRE.MatchString(empty):
			found[p] = strings.TrimSuffix("needed: "+inWords(empty), ": ")
		case wrong != "":
			found[p] = inWords(wrong)
		}
	}
	return found
}

var (
	neededRE = regexp.MustCompile(`^""|^0 |missing|^a role needs`)
	rightREs = []*regexp.Regexp{
		regexp.MustCompile(`; (?:right is )?(.*)$`), regexp.MustCompile(`is (none of .*)$`), regexp.MustCompile(`is not between (.*)$`),
		regexp.MustCompile(`is not? (.*)$`), regexp.MustCompile(`needs (?:actions|members): (.*)$`), regexp.MustCompile(`^(needs .*|a context needs .*)$`),
	}
)

// inWords is the part of a validator's message that says what would be right.
func inWords(message string) string {
	message = strings.TrimPrefix(message, ": ")
	for _, re := range rightREs {
		if m := re.FindStringSubmatch(message); m != nil {
			return strings.Replace(strings.TrimSuffix(m[1], " are wanted"), "none of", "one of", 1)
		}
	}
	return ""
}

var indexRE = regexp.MustCompile(`\[\d+\]`)

// objections is what the validator says about one value: of an absent one, or of a wrong one.
func objections(of string, wrong bool) string {
	c := filled()
	values(reflect.ValueOf(&c).Elem(), "", func(path string, v reflect.Value) {
		if path == of && wrong {
			v.Set(nonsense(v.Type()))
		}
	})
	c = c.withDefaults()
	v := validator{root: &yaml.Node{}}
	v.config(c)
	for _, p := range v.problems {
		where, text, _ := strings.Cut(p.text, ": ")
		where = strings.ReplaceAll(indexRE.ReplaceAllString(where, "[]"), "."+nameOfOne, ".<name>")
		if where == of || where == of+"[]" || where == of+"."+wrongText {
			return text
		}
	}
	return ""
}

const wrongText = "\x01["

// nonsense is a value of a type that is right nowhere.
func nonsense(t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(nonsense(t.Elem()))
	case reflect.Slice:
		v.Set(reflect.Append(v, nonsense(t.Elem())))
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(nonsense(t.Key()), nonsense(t.Elem()))
	case reflect.String:
		v.SetString(wrongText)
	case reflect.Int, reflect.Int64:
		v.SetInt(-1)
	case reflect.Float64:
		v.SetFloat(-1)
	}
	return v
}

// yamlBlocks are the examples of a page.
func yamlBlocks(t *testing.T, page string) []string {
	data, err := os.ReadFile(page)
	must(t, err)
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(data), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// examples are the values that docs/configuration.md shows first: by path, and of keys that are shown elsewhere alone by their field, or by
// their kind and name.
func examples(t *testing.T) map[string]string {
	found, fields := map[string]string{}, map[string][2]string{}
	keys(reflect.TypeFor[Config](), "", func(k key) {
		name := k.path[strings.LastIndex(k.path, ".")+1:]
		fields[k.path] = [2]string{k.owner.Name() + "." + k.field.Name, kindOf(k.field.Type) + " " + name}
	})
	for _, block := range yamlBlocks(t, examplesPage) {
		var doc yaml.Node
		must(t, yaml.Unmarshal([]byte(block), &doc))
		nodes(doc.Content[0], "", func(path string, n *yaml.Node) {
			for _, of := range append([]string{path}, fields[path][0], fields[path][1]) {
				if found[of] == "" {
					found[of] = flow(n)
				}
			}
		})
	}
	return found
}

func nodes(n *yaml.Node, path string, visit func(string, *yaml.Node)) {
	if path != "" {
		visit(path, n)
	}
	if n.Kind == yaml.SequenceNode {
		for _, e := range n.Content {
			nodes(e, path+"[]", visit)
		}
	}
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if path == "oncall.escalation" {
				name = "<name>"
			}
			nodes(n.Content[i+1], strings.TrimPrefix(path+"."+name, "."), visit)
		}
	}
}

// flow is a value in one line.
func flow(n *yaml.Node) string {
	var parts []string
	if n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, n.Content[i].Value+": "+flow(n.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	if n.Kind == yaml.SequenceNode {
		for _, e := range n.Content {
			parts = append(parts, flow(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if n.Style == yaml.DoubleQuotedStyle {
		return `"` + n.Value + `"`
	}
	return n.Value
}
