package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	linkRE    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingRE = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenceRE   = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
)

// prose is a page without its code.
func prose(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fenceRE.ReplaceAllString(string(data), "")
}

// anchors are those that GitHub makes of a page's headings.
func anchors(t *testing.T, file string) map[string]bool {
	found := map[string]bool{}
	for _, m := range headingRE.FindAllStringSubmatch(prose(t, file), -1) {
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127:
				return r
			}
			return -1
		}, strings.ToLower(m[1]))
		found[anchor] = true
	}
	return found
}

// TestLinks holds that every link between our own pages leads to a file that is there, and to a heading that it has.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root(t), "docs", "*.md"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	index := prose(t, filepath.Join(root(t), "docs", "README.md"))
	for _, page := range append(pages, filepath.Join(root(t), "README.md")) {
		name, err := filepath.Rel(root(t), page)
		if err != nil {
			t.Fatal(err)
		}
		if base := filepath.Base(page); base != "README.md" && !strings.Contains(index, "("+base+")") {
			t.Errorf("docs/README.md does not name %s", base)
		}
		for _, m := range linkRE.FindAllStringSubmatch(prose(t, page), -1) {
			to, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			file := page
			if to != "" {
				file = filepath.Join(filepath.Dir(page), to)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
				continue
			}
			if anchor != "" && !anchors(t, file)[anchor] {
				t.Errorf("%s links to %s, which has no such heading", name, m[1])
			}
		}
	}
}

var findingRE = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)

// TestFindings holds that each finding that autopilot doctor can print is a heading of docs/troubleshooting.md, and that no heading is of
// a finding that there is no more.
func TestFindings(t *testing.T) {
	headings := anchors(t, filepath.Join(root(t), "docs", "troubleshooting.md"))
	used := map[string]bool{}
	for _, s := range sources(t) {
		if strings.HasPrefix(s.path, "test/") || s.path == "engine/check.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), s.path), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			in := ""
			if f, ok := d.(*ast.FuncDecl); ok {
				in = f.Name.Name
			}
			ast.Inspect(d, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || !isMissed(call.Fun) || len(call.Args) < 4 {
					return true
				}
				literal, ok := call.Args[0].(*ast.BasicLit)
				if !ok {
					if in != "missed" { // that hands on what it is given
						t.Errorf("%s: %s gives a finding whose id is no literal", s.path, in)
					}
					return true
				}
				id, err := strconv.Unquote(literal.Value)
				switch {
				case err != nil || !findingRE.MatchString(id):
					t.Errorf("%s: %s is no id of a finding; such as slack-scope", s.path, literal.Value)
				case !headings[id]:
					t.Errorf("%s: docs/troubleshooting.md has no heading %s", s.path, id)
				}
				used[id] = true
				return true
			})
		}
	}
	if len(used) < 60 {
		t.Errorf("doctor has %d findings; the test does not see all of them", len(used))
	}
	for _, m := range regexp.MustCompile(`(?m)^#### (.+)$`).FindAllStringSubmatch(prose(t, filepath.Join(root(t), "docs", "troubleshooting.md")), -1) {
		if !used[m[1]] {
			t.Errorf("docs/troubleshooting.md has the heading %s, which is no finding of doctor", m[1])
		}
	}
}

// isMissed tells whether a call makes a finding: engine.Missed, or a function missed that takes the id first.
func isMissed(f ast.Expr) bool {
	switch f := f.(type) {
	case *ast.SelectorExpr:
		x, ok := f.X.(*ast.Ident)
		return ok && x.Name == "engine" && f.Sel.Name == "Missed"
	case *ast.Ident:
		return f.Name == "missed"
	}
	return false
}
