package change

import (
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// TestAgainstKustomize has Kustomize build every kustomization of the cases before and after an edit: the object that was meant has
// the new value, and no other object of any build is different.
func TestAgainstKustomize(t *testing.T) {
	cases, err := filepath.Glob("testdata/locate/kustomize_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	edited := 0
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			files := memory{}
			for _, f := range archive.Files {
				if f.Name != "want" {
					files[f.Name] = string(f.Data)
				}
			}
			w, paths := parseCase(t, string(archive.Comment))
			l := locate(t, files, w, paths...)
			after := memory{}
			for p, text := range files {
				after[p] = text
				if changed, ok := l.Files[p]; ok {
					after[p] = string(changed)
				}
			}
			got := 0
			for p := range files {
				if isKustomization(p) && !strings.Contains(files[p], "://") && !strings.Contains(files[p], "kind: Component") {
					got += compareBuilds(t, path.Dir(p), build(t, files, path.Dir(p)), build(t, after, path.Dir(p)), objectOf(w), w.New)
				}
			}
			if l.Why == "" && got == 0 && !strings.Contains(file, "remote") {
				t.Error("no build has the new value")
			}
			if l.Why == "" {
				edited++
			}
		})
	}
	if edited < 5 {
		t.Errorf("only %d cases were edited", edited)
	}
}

// build gives the objects of a kustomization as Kustomize makes them, by kind, namespace and name.
func build(t *testing.T, files memory, dir string) map[object]string {
	t.Helper()
	fs := filesys.MakeFsInMemory()
	for p, text := range files {
		if err := fs.WriteFile("/"+p, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone
	made, err := krusty.MakeKustomizer(options).Run(fs, "/"+dir)
	if err != nil {
		t.Fatalf("kustomize build %s: %v", dir, err)
	}
	all := map[object]string{}
	for _, r := range made.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		all[object{r.GetKind(), r.GetNamespace(), r.GetName()}] = string(text)
	}
	return all
}

// compareBuilds counts the objects that became different, of which there may be only the one that was meant: in a line, or in lines
// that are new.
func compareBuilds(t *testing.T, dir string, before, after map[object]string, o object, value string) int {
	t.Helper()
	if len(before) != len(after) {
		t.Errorf("%s builds %d objects instead of %d", dir, len(after), len(before))
	}
	different := 0
	for have, text := range before {
		if after[have] == text {
			continue
		}
		different++
		if have.kind != o.kind || have.name != o.name || have.namespace != "" && have.namespace != o.namespace {
			t.Errorf("%s: %s became different:\n%s", dir, have, after[have])
		}
		changes := hunks(splitLines(text), splitLines(after[have]))
		if len(changes) != 1 || changes[0].a1-changes[0].a0 > 1 || !strings.Contains(after[have], value) {
			t.Errorf("%s: more of %s became different:\n%s", dir, have, after[have])
		}
	}
	return different
}
