package change

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/eks-autopilot/autopilot/engine"
)

// memory is a Tree of files in memory.
type memory map[string]string

func (m memory) Repo() string   { return "shop/deploy" }
func (m memory) Base() string   { return "main" }
func (m memory) Commit() string { return "c0ffee" }

func (m memory) Files() []File {
	var all []File
	for _, p := range slices.Sorted(maps.Keys(m)) {
		all = append(all, File{Path: p, Blob: blobID([]byte(m[p])), Size: int64(len(m[p])), Mode: "100644"})
	}
	return all
}

func (m memory) Read(_ context.Context, p string) ([]byte, error) {
	text, ok := m[p]
	if !ok {
		return nil, engine.Errorf(engine.NotFound, "no file %s", p)
	}
	return []byte(text), nil
}

func (m memory) Commits(context.Context, string, int) ([]Commit, error) { return nil, nil }

func (m memory) At(_ context.Context, commit string) (Tree, error) {
	return nil, engine.Errorf(engine.Conflict, "there is no commit %s", commit)
}

func (m memory) Pull(context.Context, string) (engine.Pull, error) { return engine.Pull{}, nil }

// api is the workload that most tests ask for.
var api = engine.Target{Workload: engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"}, Container: "api"}

// changed is what a diff removes and adds, without its context.
func changed(l Located) string {
	var out strings.Builder
	for _, e := range l.Edits {
		out.WriteString(e.Path + "\n")
		for line := range strings.Lines(e.Diff) {
			if strings.HasPrefix(line, "--- a/") || strings.HasPrefix(line, "+++ ") {
				continue
			}
			if line[0] == '+' || line[0] == '-' || line[0] == '\\' {
				out.WriteString(line)
			}
		}
	}
	return out.String()
}

// told is a refusal as text: why, and the places.
func told(l Located) string {
	out := l.Why + "\n"
	for _, p := range l.ByHand {
		out += fmt.Sprintf("%s:%d %s (%s)\n", p.Path, p.Line, p.Text, p.Note)
	}
	return out
}

func locate(t *testing.T, files memory, w engine.Wish, paths ...string) Located {
	t.Helper()
	l, err := Locate(t.Context(), files, paths, w)
	if err != nil {
		t.Fatal(err)
	}
	checkEdits(t, files, l)
	return l
}

// checkEdits holds what is true of every answer: an edit or a reason, and edits that make the new contents of the old.
func checkEdits(t *testing.T, files memory, l Located) {
	t.Helper()
	if (l.Why == "") == (len(l.Edits) == 0) || len(l.Edits) != len(l.Files) {
		t.Fatalf("%d edits, %d files and the reason %q", len(l.Edits), len(l.Files), l.Why)
	}
	for _, e := range l.Edits {
		lines := splitLines(files[e.Path])
		n := len(splitLines(e.Before))
		if got := strings.Join(lines[e.Line-1:e.Line-1+n], ""); got != e.Before {
			t.Errorf("%s line %d is %q, the edit says %q", e.Path, e.Line, got, e.Before)
		}
		got := strings.Join(lines[:e.Line-1], "") + e.After + strings.Join(lines[e.Line-1+n:], "")
		if diff := cmp.Diff(string(l.Files[e.Path]), got); diff != "" {
			t.Errorf("%s: the edit makes something else than the new contents (-want +got):\n%s", e.Path, diff)
		}
		if e.Blob != blobID([]byte(files[e.Path])) {
			t.Errorf("%s: wrong blob", e.Path)
		}
	}
}

var update = flag.Bool("update", false, "write what the tests got as what they want")

// TestLocate reads trees out of testdata/locate: what is wished above the files, and what comes of it as the file "want", which is
// not in the tree.
func TestLocate(t *testing.T) {
	cases, err := filepath.Glob("testdata/locate/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			files := memory{}
			for _, f := range archive.Files {
				files[f.Name] = string(f.Data)
			}
			want := files["want"]
			delete(files, "want")
			w, paths := parseCase(t, string(archive.Comment))
			l := locate(t, files, w, paths...)
			got := changed(l)
			if l.Why != "" {
				got = told(l)
			}
			if *update {
				archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
				archive.Files = append(archive.Files, txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// parseCase reads the lines above the files of a case: "wish: kind field old new [name]", "with:" likewise, "target: Kind
// namespace/name [container]", "paths: a b". Other lines say what the case is for.
func parseCase(t *testing.T, comment string) (w engine.Wish, paths []string) {
	t.Helper()
	target := api
	wish := func(words []string) engine.Wish {
		words = append(words, make([]string, 5)...)
		for i := range words {
			words[i] = strings.Trim(words[i], "-")
		}
		return engine.Wish{Kind: engine.WishKind(words[0]), Field: words[1], Old: words[2], New: words[3], Name: words[4]}
	}
	for line := range strings.Lines(comment) {
		key, rest, _ := strings.Cut(line, ":")
		words := strings.Fields(rest)
		switch key {
		case "wish":
			w = wish(words)
		case "with":
			w.With = append(w.With, wish(words))
		case "paths":
			paths = words
		case "target":
			target.Kind = words[0]
			target.Namespace, target.Name, _ = strings.Cut(words[1], "/")
			target.Container = append(words, "")[2]
		case "volume":
			target = engine.Target{Workload: engine.Workload{Cluster: "prod", Kind: engine.KindVolume, Name: words[0]}, Provider: words[0]}
		}
	}
	if w.Kind == "" {
		t.Fatal("the case has no wish")
	}
	w.Target = target
	for i := range w.With {
		w.With[i].Target = target
	}
	return w, paths
}
