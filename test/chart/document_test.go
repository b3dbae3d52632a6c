package chart_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is what a reader of a document copies into a shell.
type block struct {
	line      int    // of its first command
	script    string // with its line breaks
	elsewhere string // names what is done in its place where there is no AWS and no Slack; "" where it is run as it stands
	then      string // names what must be true after it
}

var markRE = regexp.MustCompile(`^<!-- (elsewhere|then): ([a-z]+) -->$`)

// blocks reads the shell blocks of a Markdown document. Comments that readers do not see mark them: "elsewhere" on the line before a
// block, "then" on a line after it.
func blocks(text string) ([]block, error) {
	var all []block
	var open *block
	elsewhere, fence := "", ""
	for n, line := range strings.Split(text, "\n") {
		mark := markRE.FindStringSubmatch(line)
		switch {
		case fence != "" && line == "```":
			if open != nil {
				all, open = append(all, *open), nil
			}
			fence = ""
		case open != nil:
			open.script += line + "\n"
		case fence != "":
		case strings.HasPrefix(line, "```"):
			fence = line
			if line == "```sh" {
				open = &block{line: n + 2, elsewhere: elsewhere}
				elsewhere = ""
			}
		case mark != nil && mark[1] == "elsewhere":
			elsewhere = mark[2]
			continue
		case mark != nil && (len(all) == 0 || all[len(all)-1].then != ""):
			return nil, fmt.Errorf("line %d: %s has no block of its own", n+1, line)
		case mark != nil:
			all[len(all)-1].then = mark[2]
		case strings.HasPrefix(line, "<!--"):
			return nil, fmt.Errorf("line %d: what is %s", n+1, line)
		}
		if elsewhere != "" {
			return nil, fmt.Errorf("line %d: no shell block follows what is done elsewhere, %q", n+1, elsewhere)
		}
	}
	if fence != "" {
		return nil, fmt.Errorf("%s is not closed", fence)
	}
	return all, nil
}

func TestBlocks(t *testing.T) {
	const fence = "```"
	got, err := blocks("# A\n" + fence + "sh\none\n\ntwo\n" + fence + "\ntext\n<!-- then: works -->\n" + fence + "yaml\n<!-- no mark -->\n" + fence +
		"\n<!-- elsewhere: cloud -->\n" + fence + "sh\nthree\n" + fence + "\n")
	want := []block{{line: 3, script: "one\n\ntwo\n", then: "works"}, {line: 14, script: "three\n", elsewhere: "cloud"}}
	if err != nil || len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for text, wrong := range map[string]string{
		"<!-- then: x -->": "line 1", "<!-- elsewhere: x -->\ntext": "line 2", "<!-- remark -->": "line 1", fence + "sh\nls": "not closed",
		fence + "sh\nls\n" + fence + "\n<!-- then: x -->\n<!-- then: y -->": "line 5",
	} {
		if _, err := blocks(text); err == nil || !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v, want %s", text, err, wrong)
		}
	}
}

// documented does of docs/install.md what needs no cluster: each block is a script that bash takes, what only AWS can do is marked, and the
// values that the document writes, step by step, are a release that the chart takes, whose every pod is as secure as all are.
func documented(t *testing.T, run func(...string) (string, string, error)) {
	text, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	all, err := blocks(string(text))
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
		if out, err := exec.CommandContext(t.Context(), "bash", "-n", "-c", b.script).CombinedOutput(); err != nil {
			t.Errorf("line %d: %v\n%s", b.line, err, out)
		}
		for line := range strings.Lines(b.script) {
			if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); b.elsewhere == "" && slices.Contains([]string{"aws", "terraform", "docker", "make"}, name) {
				t.Errorf("line %d: %s without a mark", b.line, name)
			}
		}
		_, written, writes := strings.Cut(b.script, `cat > "$SITE/`)
		if name, _, _ := strings.Cut(written, `"`); writes && b.elsewhere == "" {
			cmd := exec.CommandContext(t.Context(), "bash", "-euc", b.script)
			cmd.Env = append(os.Environ(), "PATH="+deaf+":"+os.Getenv("PATH"), "SITE="+site, "CLUSTER=prod-eu", "REGISTRY=registry.example.com/autopilot",
				"VERSION=v0.1.0", "ONCALL=S0ONCALL", "ADMIN=U0ADMIN")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("line %d: %v\n%s", b.line, err, out)
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
