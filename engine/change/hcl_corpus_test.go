package change

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/eks-autopilot/autopilot/engine"
)

// corpusHCL gives the files below test/corpus/hcl by path: those that are edited, and those that are refused whole.
func corpusHCL(t testing.TB) (edited, refused map[string][]byte) {
	t.Helper()
	root := filepath.Join("..", "..", "test", "corpus", "hcl")
	edited, refused = map[string][]byte{}, map[string][]byte{}
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(p)
		rel, _ := filepath.Rel(root, p)
		if rel = filepath.ToSlash(rel); strings.HasPrefix(rel, "refused/") {
			refused[rel] = text
		} else {
			edited[rel] = text
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return edited, refused
}

// other gives another value of a scalar's kind, of another length.
func other(s HCLScalar) string {
	switch s.Kind {
	case hclNumber:
		return "1" + strings.TrimLeft(strings.TrimPrefix(s.Value, "-"), "0") + "7"
	case hclBool:
		return fmt.Sprint(s.Value != "true")
	}
	return s.Value + " ${\"ü\"}\n"
}

// TestCorpusHCL edits every file of the corpus at every value: the bytes of the value change, no others do, and all other values
// of the file stay what they were.
func TestCorpusHCL(t *testing.T) {
	files, refused := corpusHCL(t)
	edits, why := 0, map[string]int{}
	for _, p := range slices.Sorted(maps.Keys(files)) {
		src := files[p]
		scalars, err := ScalarsHCL(src)
		if err != nil {
			t.Errorf("%s: %v", p, err)
			continue
		}
		for i, s := range scalars {
			if s.Refused != "" {
				why[s.Refused]++
				if _, err := SetHCL(src, s, "1"); engine.CodeOf(err) != engine.Invalid {
					t.Errorf("%s: %s is %s, and was edited: %v", p, s.Path, s.Refused, err)
				}
				continue
			}
			edits++
			to := other(s)
			after, err := SetHCL(src, s, to)
			if err != nil {
				t.Errorf("%s: %s: %v", p, s.Path, err)
				continue
			}
			grown := len(after) - len(src)
			if !bytes.Equal(after[:s.Start], src[:s.Start]) || !bytes.Equal(after[s.End+grown:], src[s.End:]) {
				t.Errorf("%s: %s: other bytes changed", p, s.Path)
			}
			now, err := ScalarsHCL(after)
			if err != nil || len(now) != len(scalars) {
				t.Fatalf("%s: %s: %d values became %d: %v", p, s.Path, len(scalars), len(now), err)
			}
			for j, n := range now {
				if o := scalars[j]; j != i && (n.Path != o.Path || n.Value != o.Value || n.Kind != o.Kind || n.Refused != o.Refused) {
					t.Errorf("%s: the edit of %s made %v of %v", p, s.Path, n, o)
				}
			}
			if len(src) > 2_000 {
				continue
			}
			if again, err := SetHCL(after, now[i], s.Value); err == nil && !bytes.Equal(again, src) && string(src[s.Start:s.End]) == s.Value && !strings.Contains(s.Value, "\t") {
				t.Errorf("%s: %s does not come back", p, s.Path)
			}
		}
	}
	for p, src := range refused {
		if _, err := parseHCL(p, src); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("%s was read: %v", p, err)
		}
	}
	if len(files)+len(refused) < 120 || edits < 800 {
		t.Errorf("%d files and %d edits are fewer than the corpus had", len(files)+len(refused), edits)
	}
	t.Logf("%d files, %d edits, %d files refused, values refused: %v", len(files), edits, len(refused), why)
}

// TestCorpusHCLRemove removes every block of the corpus that stands at the top of its file.
func TestCorpusHCLRemove(t *testing.T) {
	files, _ := corpusHCL(t)
	removed, refused := 0, 0
	for p, src := range files {
		f, err := parseHCL(p, src)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range f.body.Blocks {
			after, err := f.do(hclOp{file: f, at: b.Range()})
			if err != nil {
				refused++
				continue
			}
			removed++
			if now := len(after.body.Blocks); now != len(f.body.Blocks)-1 {
				t.Errorf("%s: %d blocks became %d without block %d", p, len(f.body.Blocks), now, i)
			}
			if bytes.Contains(after.src, []byte("\n\n\n")) && !bytes.Contains(src, []byte("\n\n\n")) {
				t.Errorf("%s: block %d left a hole", p, i)
			}
		}
	}
	if removed < 100 || refused > 3 {
		t.Errorf("%d blocks removed, %d refused", removed, refused)
	}
}

// TestHCLStaysFormatted holds that a file as terraform fmt writes it is one after the edit, but for the comments behind values.
func TestHCLStaysFormatted(t *testing.T) {
	files, _ := corpusHCL(t)
	before, after, n := t.TempDir(), t.TempDir(), 0
	for p, src := range files {
		if !strings.HasSuffix(p, ".tf") || !bytes.Equal(hclwrite.Format(src), src) {
			continue
		}
		all, err := ScalarsHCL(src)
		if err != nil {
			t.Fatal(err)
		}
		last := src
		for _, s := range all {
			if s.Refused != "" || trailed(src, s) {
				continue
			}
			if last, err = SetHCL(src, s, other(s)); err != nil {
				t.Fatal(err)
			}
			n++
			if d := cmp.Diff(string(hclwrite.Format(last)), string(last)); d != "" {
				t.Errorf("%s: %s: fmt would change\n%s", p, s.Path, d)
			}
		}
		name := strings.ReplaceAll(p, "/", "_")
		for dir, text := range map[string][]byte{before: src, after: last} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n < 300 {
		t.Errorf("only %d edits were compared", n)
	}
	if terraform, err := exec.LookPath("terraform"); err == nil {
		if d := cmp.Diff(unformatted(t, terraform, before), unformatted(t, terraform, after)); d != "" {
			t.Errorf("terraform fmt would change other files than before:\n%s", d)
		}
	}
}

// unformatted lists the files of a folder that terraform fmt would change.
func unformatted(t *testing.T, terraform, dir string) []string {
	t.Helper()
	var list bytes.Buffer
	cmd := exec.CommandContext(t.Context(), terraform, "fmt", "-check", "-list=true")
	cmd.Dir, cmd.Stdout = dir, &list
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 3 {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.FieldsSeq(list.String()) {
		if strings.HasSuffix(line, ".tf") {
			names = append(names, line)
		}
	}
	return names
}

// trailed tells whether a comment stands behind a value: fmt keeps such comments in a column.
func trailed(src []byte, s HCLScalar) bool {
	f := &hclFile{src: src}
	return bytes.ContainsAny(src[s.End:f.lineEnd(s.End)], "#/")
}
