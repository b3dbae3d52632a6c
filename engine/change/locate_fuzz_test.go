package change

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/eks-autopilot/autopilot/engine"
)

// FuzzLocate looks for a request in any tree: it never crashes, and gives either edits or a reason.
func FuzzLocate(f *testing.F) {
	cases, err := filepath.Glob("testdata/locate/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range cases {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(txtar.Format(archive)), "api")
		f.Add(string(txtar.Format(archive)), "prod-api")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		files := memory{}
		for _, one := range txtar.Parse([]byte(text)).Files {
			if one.Name == cleaned(one.Name) && one.Name != "want" {
				files[one.Name] = string(one.Data)
			}
		}
		w := engine.Wish{Kind: engine.WishRequest, Target: api, Field: "memory", Old: "2Gi", New: "1Gi"}
		w.Target.Name = name
		l, err := Locate(t.Context(), files, nil, w)
		if err != nil {
			t.Fatalf("a tree that can be read: %v", err)
		}
		checkEdits(t, files, l)
	})
}

// FuzzTemplate reads any text as a Helm template: it never crashes, and each mark has an origin in the text.
func FuzzTemplate(f *testing.F) {
	for p, src := range corpusYAML(f) {
		if strings.Contains(p, "/templates/") {
			f.Add(src)
		}
	}
	f.Add([]byte("a:\n{{ toYaml .Values.a | indent 2 }}\nb: {{- with .Values.b }}{{ .c | default 1 }}{{ end }}\n"))
	f.Add([]byte("{{ $x := .Values }}{{ range $i, $e := $x.list }}- {{ $e.memory }}\n{{ end }}{{ template \"x\" . }}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		read, err := parseTemplate(src)
		if err != nil {
			return
		}
		lines := strings.Count(string(src), "\n") + 1
		for _, from := range read.from {
			if from.line < 1 || from.line > lines {
				t.Fatalf("%+v in a text of %d lines", from, lines)
			}
		}
	})
}
