package arch_test

import (
	"bufio"
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/eks-autopilot/autopilot"

// adapters are the packages below engine that talk to something outside. All others below engine are pure.
var adapters = []string{"engine/kube", "engine/prom", "engine/loki", "engine/github", "engine/aws", "engine/page", "engine/print"}

// owners names, for each library that is kept to one place, who may import it. Tests and the stand may use what they like.
var owners = map[string][]string{
	"github.com/slack-go/slack":                  {"bot"},
	"github.com/jackc/pgx/v5":                    {"store"},
	"github.com/riverqueue/river":                {"store"},
	"github.com/pressly/goose/v3":                {"store"},
	"github.com/prometheus/client_golang/api":    {"engine/prom"},
	"github.com/google/go-github/v60":            {"engine/github"},
	"github.com/aws/aws-sdk-go-v2":               {"engine/aws"},
	"k8s.io/client-go":                           {"engine/kube"},
	"go.opentelemetry.io":                        {"cmd/autopilot"}, // spans are made where things are wired
	"sigs.k8s.io/controller-runtime":             {},
	"github.com/bradleyfalzon/ghinstallation/v2": {"engine/github"},
}

// pureMayUse is what a pure package may import beyond the standard library and the engine.
// klog stands for its Logger alone, which functions of component-helpers ask for.
var pureMayUse = []string{"k8s.io/api", "k8s.io/apimachinery", "k8s.io/component-helpers", "k8s.io/klog/v2", "go.yaml.in/yaml/v3", "github.com/hashicorp/hcl/v2", "github.com/zclconf/go-cty", "github.com/go-analyze/charts"}

// source is one Go file that is not a test.
type source struct {
	path    string // from the module's root, with slashes
	dir     string
	lines   int
	imports []string
}

func root(t *testing.T) string {
	t.Helper()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(wd, "..", "..")
}

// sources reads every file of this module but those of nested modules.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	top := root(t)
	err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(p, "go.mod"))
			if p != top && (nested == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, data, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(top, p)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(rel), dir: path.Dir(filepath.ToSlash(rel)), lines: bytes.Count(data, []byte("\n"))}
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, name)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d files found below %s", len(all), top)
	}
	return all
}

// layer numbers the layers from the bottom: 0 vocabulary, 1 pure, 2 adapters, 3 the programs and the tests' parts.
func layer(dir string) int {
	switch {
	case dir == "engine":
		return 0
	case under(dir, "store/storetest"):
		return 3
	case slices.ContainsFunc(adapters, func(a string) bool { return under(dir, a) }), under(dir, "store"), under(dir, "bot"), under(dir, "handlers"):
		return 2
	case under(dir, "engine"):
		return 1
	}
	return 3
}

func under(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") }

func within(name, library string) bool {
	return name == library || strings.HasPrefix(name, library+"/")
}

func TestLayers(t *testing.T) {
	for _, s := range sources(t) {
		for _, name := range s.imports {
			to, ours := strings.CutPrefix(name, module+"/")
			if !ours {
				continue
			}
			from := layer(s.dir)
			switch {
			case layer(to) < from:
			case layer(to) > from:
				t.Errorf("%s imports %s, which is above it", s.path, to)
			case under(to, s.dir): // a parent may import its child
			case from == 3 && mayUse(s.dir, to):
			default:
				t.Errorf("%s imports %s of its own layer; hand it over in cmd/autopilot/run.go", s.path, to)
			}
		}
	}
}

// mayUse orders the top layer: the stand composes the parts, and only the programs and tests on top of it use the stand.
func mayUse(from, to string) bool {
	switch {
	case under(from, "test/stand"):
		return under(to, "store/storetest") || under(to, "test/slack") || under(to, "test/scenario") || under(to, "test/cluster") || under(to, "test/github") || under(to, "test/aws") || under(to, "test/stand") || under(to, "deploy")
	case under(from, "cmd/demo"), under(from, "test/e2e"), under(from, "test/bench"):
		return under(to, "test") || under(to, "deploy") || under(to, "store/storetest")
	}
	return false
}

func TestVocabularyIsStandardLibraryOnly(t *testing.T) {
	lines := 0
	for _, s := range sources(t) {
		if s.dir != "engine" {
			continue
		}
		lines += s.lines
		for _, name := range s.imports {
			if strings.Contains(strings.Split(name, "/")[0], ".") {
				t.Errorf("%s imports %s; the root of engine uses the standard library alone", s.path, name)
			}
		}
	}
	if lines > 4000 {
		t.Errorf("the root of engine has %d lines; 4,000 at most", lines)
	}
}

func TestPurePackages(t *testing.T) {
	unwanted := []string{"net/http", "net", "os/exec", "database/sql", "math/rand"}
	for _, s := range sources(t) {
		if layer(s.dir) != 1 && s.dir != "bot/view" {
			continue
		}
		for _, name := range s.imports {
			if slices.Contains(unwanted, name) {
				t.Errorf("%s imports %s; deciding is pure", s.path, name)
			}
			third := strings.Contains(strings.Split(name, "/")[0], ".") && !strings.HasPrefix(name, module)
			allowed := slices.ContainsFunc(pureMayUse, func(l string) bool { return within(name, l) }) ||
				s.dir == "bot/view" && within(name, "github.com/slack-go/slack")
			if third && !allowed {
				t.Errorf("%s imports %s; a pure package may use %s", s.path, name, strings.Join(pureMayUse, ", "))
			}
		}
	}
}

func TestLibrariesHaveOneOwner(t *testing.T) {
	for _, s := range sources(t) {
		if under(s.dir, "test") || under(s.dir, "cmd/demo") || under(s.dir, "store/storetest") {
			continue
		}
		for _, name := range s.imports {
			for library, who := range owners {
				if within(name, library) && !slices.ContainsFunc(who, func(o string) bool { return under(s.dir, o) }) {
					t.Errorf("%s imports %s, which belongs to %v alone", s.path, name, who)
				}
			}
		}
	}
}

// TestStandInsKnowNoProduct keeps the stand-ins independent: they must not share the product's mistakes.
func TestStandInsKnowNoProduct(t *testing.T) {
	for _, s := range sources(t) {
		if !under(s.dir, "test/slack") && !under(s.dir, "test/scenario") && !under(s.dir, "test/cluster") && !under(s.dir, "test/github") && !under(s.dir, "test/aws") {
			continue
		}
		for _, name := range s.imports {
			to, ours := strings.CutPrefix(name, module+"/")
			if ours && !under(to, path.Join(strings.Split(s.dir, "/")[:2]...)) {
				t.Errorf("%s imports %s; a stand-in imports no product code", s.path, to)
			}
		}
	}
}

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > 600 {
			t.Errorf("%s has %d lines; 600 at most", s.path, s.lines)
		}
	}
}

func TestPackagesHaveComments(t *testing.T) {
	commented := map[string]bool{}
	for _, s := range sources(t) {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root(t), s.path), nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		doc := file.Doc.Text()
		commented[s.dir] = commented[s.dir] || strings.HasPrefix(doc, "Package ") || strings.HasPrefix(doc, "Command ")
	}
	for dir, ok := range commented {
		if !ok {
			t.Errorf("package %s has no comment that says what it does and who calls it", dir)
		}
	}
}

// TestGoFilesOnlyInAgreedPlaces holds the top level.
func TestGoFilesOnlyInAgreedPlaces(t *testing.T) {
	agreed := []string{"cmd", "bot", "handlers", "engine", "store", "deploy", "test", "docs", "go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "NOTICE"}
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	ignored := ignoredNames(t)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(agreed, e.Name()) && !slices.Contains(ignored, e.Name()) {
			t.Errorf("%s stands at the top level, where only %v may", e.Name(), agreed)
		}
	}
}

func ignoredNames(t *testing.T) []string {
	t.Helper()
	f, err := os.Open(filepath.Join(root(t), ".gitignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var names []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		names = append(names, strings.Trim(sc.Text(), "/"))
	}
	return names
}
