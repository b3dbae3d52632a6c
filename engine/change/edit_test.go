package change

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

// twoTexts draws two texts of which the second is the first with some lines changed.
func twoTexts(t *rapid.T) (before, after string) {
	line := rapid.StringMatching(`[ab]{0,2}\r?\n`)
	lines := rapid.SliceOfN(line, 0, 40).Draw(t, "lines")
	changed := append([]string{}, lines...)
	for range rapid.IntRange(0, 4).Draw(t, "changes") {
		at := rapid.IntRange(0, len(changed)).Draw(t, "at")
		if at < len(changed) && rapid.Bool().Draw(t, "removes") {
			changed = append(changed[:at:at], changed[at+1:]...)
			continue
		}
		changed = append(changed[:at:at], append([]string{line.Draw(t, "new")}, changed[at:]...)...)
	}
	before, after = strings.Join(lines, ""), strings.Join(changed, "")
	if rapid.Bool().Draw(t, "cut") {
		before = strings.TrimSuffix(before, "\n")
	}
	if rapid.Bool().Draw(t, "cut after") {
		after = strings.TrimSuffix(after, "\n")
	}
	return before, after
}

// TestEditOf: the lines of an edit put in place of what was there make the new contents.
func TestEditOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := twoTexts(t)
		e := EditOf("a/b.yaml", []byte(before), []byte(after))
		lines := splitLines(before)
		n := len(splitLines(e.Before))
		got := strings.Join(lines[:e.Line-1], "") + e.After + strings.Join(lines[e.Line-1+n:], "")
		if got != after || strings.Join(lines[e.Line-1:e.Line-1+n], "") != e.Before {
			t.Fatalf("%+v makes %q of %q, want %q", e, got, before, after)
		}
	})
}

// TestDiffAgainstGit has git apply the diffs, and gives blobs the ids that git gives them.
func TestDiffAgainstGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatalf("the test needs git: %v", err)
	}
	dir := t.TempDir()
	run := func(stdin string, args ...string) string {
		cmd := exec.Command(git, args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s\n%s", args, err, out, stdin)
		}
		return strings.TrimSpace(string(out))
	}
	long := strings.Repeat("same\n", 20)
	file := filepath.Join(dir, "f.yaml")
	for name, test := range map[string]struct{ before, after string }{
		"one line":    {"a\nb\nc\n", "a\nx\nc\n"},
		"far apart":   {"a\n" + long + "b\n", "x\n" + long + "y\n"},
		"insertion":   {long, "new\n" + long + "new\n"},
		"removal":     {"a\n" + long + "b\n", long},
		"no end":      {"a\nb", "a\nc"},
		"end added":   {"a\nb", "a\nb\n"},
		"end removed": {long + "b\n", long + "b"},
		"CRLF":        {"a\r\nb\r\n", "a\r\nc\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(test.before), 0o600); err != nil {
				t.Fatal(err)
			}
			e := EditOf("f.yaml", []byte(test.before), []byte(test.after))
			if id := run("", "hash-object", "--no-filters", "f.yaml"); id != e.Blob {
				t.Errorf("blob %s, git says %s", e.Blob, id)
			}
			run(e.Diff, "apply", "--whitespace=nowarn", "-")
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.after, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDiffOfRemoval(t *testing.T) {
	want := "--- a/x.yaml\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a: 1\n-b: 2\n"
	if diff := cmp.Diff(want, EditOf("x.yaml", []byte("a: 1\nb: 2\n"), nil).Diff); diff != "" {
		t.Error(diff)
	}
}

// TestDiffOfMuch: beyond the table's size the diff is one run of lines, and still right.
func TestDiffOfMuch(t *testing.T) {
	a := strings.Repeat("a\nx\n", 1500)
	b := strings.Repeat("b\nx\n", 1500)
	if got := hunks(splitLines(a), splitLines(b)); len(got) != 1 {
		t.Errorf("%d runs", len(got))
	}
}

func TestOverlay(t *testing.T) {
	base := memory{"a": "1", "b": "2", "c": "3"}
	o := Overlay(base, map[string][]byte{"a": []byte("one"), "b": nil})
	var names []string
	for _, f := range o.Files() {
		names = append(names, f.Path)
	}
	if diff := cmp.Diff([]string{"a", "c"}, names); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]string{"a": "one", "c": "3"} {
		if got, err := o.Read(t.Context(), path); err != nil || !bytes.Equal(got, []byte(want)) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
	if _, err := o.Read(t.Context(), "b"); engine.CodeOf(err) != engine.NotFound {
		t.Errorf("a removed file: %v", err)
	}
}
