package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// blind is what notices and explains: packages, and files of others. What it knew of experiments would make their grades worth nothing.
var blind = []string{
	"engine/detect", "engine/rca", "engine/anomaly", "engine/incident", "engine/prom", "engine/loki", "engine/kube",
	"handlers/diagnose.go", "handlers/watch.go", "handlers/alertmanager.go", "handlers/poll.go", "handlers/anomaly.go", "handlers/anomaly_evidence.go",
}

// sighted is what stands below engine/kube and does experiments.
var sighted = []string{"engine/kube/hurt", "engine/kube/hurt.go", "engine/kube/chaos_check.go"}

// ofExperiments are the names that the root of engine has for them.
func ofExperiments(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, file := range []string{"experiment.go", "scorecard.go"} {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), "engine", file), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					names[d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						names[s.Name.Name] = true
					case *ast.ValueSpec:
						for _, n := range s.Names {
							names[n.Name] = true
						}
					}
				}
			}
		}
	}
	delete(names, "Share") // a count out of a number
	if !names["Experiment"] || !names["FaultKill"] || !names["Scorecard"] {
		t.Fatalf("the names of experiments were not found: %v", names)
	}
	return names
}

// TestDetectionIsBlind holds that nothing that detects, correlates or ranks can tell an experiment from an accident: it imports nothing of
// experiments, uses no type of theirs, and knows no name that they give to what they put into a cluster.
func TestDetectionIsBlind(t *testing.T) {
	names := ofExperiments(t)
	all := sources(t)
	for _, b := range blind {
		if !slices.ContainsFunc(all, func(s source) bool { return under(s.path, b) }) {
			t.Errorf("there is no %s", b)
		}
	}
	for _, s := range all {
		if !slices.ContainsFunc(blind, func(b string) bool { return under(s.path, b) }) || slices.ContainsFunc(sighted, func(b string) bool { return under(s.path, b) }) {
			continue
		}
		for _, name := range s.imports {
			for _, secret := range []string{"engine/chaos", "engine/trust", "engine/kube/hurt"} {
				if within(name, path.Join(module, secret)) {
					t.Errorf("%s imports %s; what notices and explains must not know of experiments", s.path, name)
				}
			}
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), s.path), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "engine" && names[n.Sel.Name] {
					t.Errorf("%s uses engine.%s", s.path, n.Sel.Name)
				}
			case *ast.BasicLit:
				if text := strings.ToLower(n.Value); n.Kind == token.STRING && (strings.Contains(text, "chaos") || strings.Contains(text, "experiment")) {
					t.Errorf("%s knows the name %s", s.path, n.Value)
				}
			}
			return true
		})
	}
}
