package chart_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/test/install"
)

// documented does of docs/install.md what needs no cluster: each block is a script that bash takes, what only AWS can do is marked, and the
// values that the document writes, step by step, are a release that the chart takes, whose every pod is as secure as all are.
func documented(t *testing.T, run func(...string) (string, string, error)) {
	text, err := os.ReadFile(install.Document)
	if err != nil {
		t.Fatal(err)
	}
	all, err := install.Blocks(string(text))
	if err != nil {
		t.Fatal(err)
	}
	site, deaf := t.TempDir(), t.TempDir()
	for _, name := range []string{"kubectl", "helm"} {
		if err := os.Symlink("/bin/true", filepath.Join(deaf, name)); err != nil {
			t.Fatal(err)
		}
	}
	values := []string{}
	for _, b := range all {
		if out, err := exec.CommandContext(t.Context(), "bash", "-n", "-c", b.Script).CombinedOutput(); err != nil {
			t.Errorf("line %d: %v\n%s", b.Line, err, out)
		}
		for line := range strings.Lines(b.Script) {
			if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); b.Elsewhere == "" && slices.Contains([]string{"aws", "terraform", "docker", "make"}, name) {
				t.Errorf("line %d: %s without a mark", b.Line, name)
			}
		}
		_, written, writes := strings.Cut(b.Script, `cat > "$SITE/`)
		if name, _, _ := strings.Cut(written, `"`); writes && b.Elsewhere == "" {
			cmd := exec.CommandContext(t.Context(), "bash", "-euc", b.Script)
			cmd.Env = append(os.Environ(), "PATH="+deaf+":"+os.Getenv("PATH"), "SITE="+site, "CLUSTER=prod-eu", "REGISTRY=registry.example.com/autopilot",
				"VERSION=v0.1.0", "ONCALL=S0ONCALL", "ADMIN=U0ADMIN")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("line %d: %v\n%s", b.Line, err, out)
			}
			values = append(values, "-f", filepath.Join(site, name))
			release(t, run, name, values)
		}
	}
	if len(values) != 6 {
		t.Errorf("the document writes %q, want three files of values", values)
	}
}

// release lints and renders the chart with the values up to a step of the document.
func release(t *testing.T, run func(...string) (string, string, error), step string, values []string) {
	t.Helper()
	if out, errs, err := run(append([]string{"lint", "--strict", chartDir}, values...)...); err != nil {
		t.Errorf("%s: helm lint: %v\n%s%s", step, err, out, errs)
	}
	out, errs, err := run(append([]string{"template", "autopilot", chartDir, "-n", "autopilot"}, values...)...)
	if err != nil {
		t.Fatalf("%s: helm template: %v\n%s", step, err, errs)
	}
	if chaos := strings.Contains(out, "name: autopilot-chaos\n"); chaos != (step == "chaos.yaml") {
		t.Errorf("%s: who does experiments is there: %t", step, chaos)
	}
	deployments := 0
	for _, o := range objects(t, out) {
		if o.GetKind() == "Deployment" {
			deployments++
		}
		secure(t, o)
	}
	if deployments == 0 {
		t.Errorf("%s: no Deployment", step)
	}
}
