//go:build install

package install

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// shell runs scripts one after the other as one shell would, in which variables that are exported stay.
type shell struct {
	dir string   // of the module
	env []string // beside the process's own, at the beginning
	was string   // file with what was exported so far
}

// run fails the test unless the script and each of its commands succeed, and gives what it printed.
func (s *shell) run(t *testing.T, what, script string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", `[ ! -e "$0" ] || source "$0"`+"\n"+script+"\n"+`export -p >"$0"`, s.was)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), s.env...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s\n%s%s", what, err, script, &stdout, &stderr)
	}
	return stdout.String()
}

// follow does what the document says, word by word, but for what is done elsewhere. Each name of both maps must stand in it once.
func (s *shell) follow(t *testing.T, elsewhere map[string]string, then map[string]func(t *testing.T, printed string)) {
	t.Helper()
	text, err := os.ReadFile(Document)
	if err != nil {
		t.Fatal(err)
	}
	all, err := Blocks(string(text))
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %d blocks, %v", Document, len(all), err)
	}
	instead, done := map[string]bool{}, map[string]bool{}
	for _, b := range all {
		_, known := elsewhere[b.Elsewhere]
		if b.Elsewhere != "" && (!known || instead[b.Elsewhere]) || b.Then != "" && (then[b.Then] == nil || done[b.Then]) {
			t.Fatalf("%s, line %d: unknown or twice: %q, %q", Document, b.Line, b.Elsewhere, b.Then)
		}
		instead[b.Elsewhere], done[b.Then] = true, true
	}
	for name := range elsewhere {
		if !instead[name] {
			t.Fatalf("%s has no block that is done elsewhere as %q", Document, name)
		}
	}
	for name := range then {
		if !done[name] {
			t.Fatalf("%s has no block after which %q is looked at", Document, name)
		}
	}
	for _, b := range all {
		script := b.Script
		if b.Elsewhere != "" {
			script = elsewhere[b.Elsewhere]
		}
		began := time.Now()
		printed := s.run(t, fmt.Sprintf("%s, line %d", filepath.Base(Document), b.Line), script)
		t.Logf("line %d, %s: %s", b.Line, cmp.Or(b.Elsewhere, "as it stands"), time.Since(began).Round(100*time.Millisecond))
		if b.Then != "" && !t.Run(b.Then, func(t *testing.T) { then[b.Then](t, printed) }) {
			t.FailNow()
		}
	}
}
