package coverage_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

// peer is one thing that another system looks for.
type peer struct {
	what   string
	faults []string // rows of TestCoverage that show it
	ranked string   // a case of TestRankOfWhatStandsBetween, where a controller of the control plane would not leave the object as it must be
	alert  string   // of Prometheus, which says it
	why    string   // why it is no fault of a running cluster, or what else there is
}

var update = flag.Bool("update", false, "write docs/coverage.md anew")

const page = "../../docs/coverage.md"

// TestTable holds docs/coverage.md equal to the rows: what it says is tested is tested, by its class and its rule.
func TestTable(t *testing.T) {
	got := coverage(t)
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run with -update (-want +got):\n%s", diff)
	}
}

// TestEveryRuleIsShown holds that each rule of the ranking, and each of detection, has a test, and that each row of TestCoverage is in the table.
func TestEveryRuleIsShown(t *testing.T) {
	named := map[string]bool{}
	for _, p := range slices.Concat(robusta, k8sgpt, kwatch, amazon, byHand) {
		for _, name := range p.faults {
			named[name] = true
		}
	}
	for _, f := range faults() {
		if !named[f.name] {
			t.Errorf("the row %q is in no table", f.name)
		}
	}
	cases := literals(t, "../../engine/rca", func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	for rule := range literals(t, "../../engine/rca", func(name string) bool { return !strings.HasSuffix(name, "_test.go") }) {
		if ruleName.MatchString(rule) && !cases[rule] && !slices.ContainsFunc(faults(), func(f fault) bool { return f.rule == rule }) {
			t.Errorf("rule %s has no case", rule)
		}
	}
}

var ruleName = regexp.MustCompile(`^(node|oom|image|config|crash|probe|schedule|claim|evict|job|quota|machine|api|route|scale|drain|cron|terminate|volume|certificate|delivery|rollout|exit|near)/[a-z0-9-]+$`)

// literals are the strings in the Go files of a folder.
func literals(t *testing.T, dir string, wanted func(string) bool) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, name := range files {
		if !wanted(name) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				out[strings.Trim(l.Value, "\"`")] = true
			}
			return true
		})
	}
	if len(out) == 0 {
		t.Fatalf("no strings in %s", dir)
	}
	return out
}

// rankedBy gives the rule of each case of TestRankOfWhatStandsBetween.
func rankedBy(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../engine/rca/between_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		c, ok := n.(*ast.CompositeLit)
		if !ok || len(c.Elts) != 6 {
			return true
		}
		name, ok := c.Elts[0].(*ast.BasicLit)
		rule, ok2 := c.Elts[4].(*ast.BasicLit)
		if ok && ok2 {
			out[strings.Trim(name.Value, `"`)] = strings.Trim(rule.Value, `"`)
		}
		return true
	})
	return out
}

// detectors name the function of engine/detect that finds each class. Some classes have more than one.
var detectors = map[engine.Class]string{
	engine.ClassCrashLoop: "crashing", engine.ClassOOMKilled: "outOfMemory", engine.ClassImagePull: "imagePull", engine.ClassConfigError: "containerConfig, stuckCreating",
	engine.ClassUnschedulable: "unschedulable, turnedAway, objects", engine.ClassProbeFailing: "probeFailing", engine.ClassEvicted: "evicted", engine.ClassNodeNotReady: "nodeNotReady, objects",
	engine.ClassNodePressure: "nodePressure", engine.ClassJobFailed: "jobFailed", engine.ClassClaimPending: "claimPending", engine.ClassRolloutStuck: "rolloutStuck, objects",
	engine.ClassReplicasMissing: "replicasMissing, lostPods", engine.ClassVolumeFailing: "claimFailing, volumes", engine.ClassRouteBroken: "services, ingresses, objects",
	engine.ClassAPIDown: "hooks, objects", engine.ClassScalingStuck: "autoscalers", engine.ClassDrainBlocked: "drains", engine.ClassScheduleMissed: "cronJobs",
	engine.ClassStuckTerminating: "terminating, namespaces", engine.ClassCertificate: "certificate, expiring",
}

func TestDetectorsExist(t *testing.T) {
	files, err := filepath.Glob("../../engine/detect/*.go")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				there[f.Name.Name] = true
			}
		}
	}
	for class, names := range detectors {
		for name := range strings.SplitSeq(names, ", ") {
			if !there[name] {
				t.Errorf("class %s is found by %s, which engine/detect does not have", class, name)
			}
		}
	}
}

// coverage writes the page.
func coverage(t *testing.T) string {
	var b strings.Builder
	b.WriteString(head)
	for _, part := range []struct {
		title string
		rows  []peer
	}{
		{"Robusta: triggers and built-in playbooks", robusta},
		{"k8sgpt: analyzers, and the rules of its pod analyzer", k8sgpt},
		{"kwatch: hints by reason and by exit code, log signatures, sweeps", kwatch},
		{"EKS's own", amazon},
		{"What somebody takes away, or breaks, by hand", byHand},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| what | class | found by (engine/detect) | first cause (engine/rca) | shown by |\n|---|---|---|---|---|\n", part.title)
		for _, p := range part.rows {
			line(t, &b, p)
		}
	}
	b.WriteString("\n## What EKS does by plan raises nothing\n\nEach stands in one cluster with the faults above, seen now, four and 25 minutes ahead; `TestCoverage/quiet` holds that nothing was ever said of it.\n\n")
	for _, q := range allQuiet() {
		fmt.Fprintf(&b, "- %s\n", q.name)
	}
	b.WriteString("\n## What is no fault of a running cluster, or is not covered\n\nAdvice on manifests opens no incident.\n\n| whose | what | why |\n|---|---|---|\n")
	for _, part := range []struct {
		whose string
		rows  []peer
	}{{"Robusta", robusta}, {"k8sgpt", k8sgpt}, {"kwatch", kwatch}, {"EKS", amazon}} {
		for _, p := range part.rows {
			if p.why != "" {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", part.whose, p.what, p.why)
			}
		}
	}
	return b.String()
}

const head = `# Coverage

What other systems look for in a cluster, and what shows that Autopilot sees it. ` + "`go test ./test/coverage`" + ` makes every row on a real API server: what a controller of the
control plane makes by itself is left to it; what a kubelet, a storage driver or AWS's controllers write is written in their words. The watch, with no more rights than
[reader.yaml](../deploy/rbac/reader.yaml) gives, must name the class, and the evidence that it then gathers must rank the cause first. This page is written by that test
(` + "`-update`" + `), which also holds that every rule of the ranking has a case.

Rows without a rule are those where the class says all that the object says. Where the control plane would not leave an object as it must be, the cause is shown by
` + "`engine/rca: TestRankOfWhatStandsBetween`" + `. An alert is shown by ` + "`TestTable`" + ` alone: it has the class that stands there, and joins the incident of its workload.
`

func line(t *testing.T, b *strings.Builder, p peer) {
	row := func(what, class, finder, rule, test string) {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", what, class, finder, rule, test)
	}
	what := p.what
	for _, name := range p.faults {
		all := faults()
		k := slices.IndexFunc(all, func(f fault) bool { return f.name == name })
		if k < 0 {
			t.Errorf("%s is shown by %q, which is no row", p.what, name)
			continue
		}
		f := all[k]
		row(what, string(f.class), detectors[f.class], f.rule, "TestCoverage/faults/"+strings.ReplaceAll(name, " ", "_"))
		what = "″"
	}
	if p.ranked != "" {
		test := "TestRankOfWhatStandsBetween/" + strings.ReplaceAll(p.ranked, " ", "_")
		rule := rankedBy(t)[p.ranked]
		if rule == "" {
			t.Errorf("%s is shown by %q, which is no case", p.what, p.ranked)
		}
		row(what, "", "", rule, "engine/rca: "+test)
		what = "″"
	}
	if p.alert != "" {
		for alert := range strings.SplitSeq(p.alert, ", ") {
			s := detect.Alert("prod", engine.Alert{Labels: map[string]string{"alertname": alert, "namespace": "shop", "deployment": "web"}}, func(string, string, string) (engine.Workload, bool) { return engine.Workload{}, false })
			row(what, string(s.Class), "Alert", "", "alert "+alert)
			what = "″"
		}
	}
	if len(p.faults) == 0 && p.ranked == "" && p.alert == "" && p.why == "" {
		t.Errorf("%s has neither a test nor a reason", p.what)
	}
}
