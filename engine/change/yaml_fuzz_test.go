package change

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

// corpusYAML gives the files of the corpus that are of a size to be edited many times.
func corpusYAML(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir("../../test/corpus/yaml", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isYAML(p) {
			return err
		}
		src, err := os.ReadFile(p)
		files[p] = src
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	return files
}

// FuzzYAML edits one scalar of any text, and puts a key into one of its mappings: either that is refused, or nothing else changes.
func FuzzYAML(f *testing.F) {
	for _, src := range corpusYAML(f) {
		if len(src) < 4<<10 {
			f.Add(src, uint(3), "1Gi")
			f.Add(src, uint(11), "it's \"x\": #1")
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, number uint, value string) {
		all, err := ScalarsYAML(src)
		if err != nil || len(all) == 0 {
			return
		}
		s := all[number%uint(len(all))]
		after, err := SetYAML(src, s, value)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(after, src[:s.Start]) || !bytes.HasSuffix(after, src[s.End:]) || len(after) < s.Start+len(src)-s.End {
			t.Fatalf("bytes outside of %d-%d changed:\n%q\n%q", s.Start, s.End, src, after)
		}
		got, err := ScalarsYAML(after)
		if err != nil || len(got) != len(all) {
			t.Fatalf("%d values became %d (%v):\n%q\n%q", len(all), len(got), err, src, after)
		}
		for i, was := range all {
			want := was.Value
			if i == s.number {
				want = value
			}
			if got[i].Value != want || got[i].Path != was.Path {
				t.Fatalf("%s %q became %s %q:\n%q\n%q", was.Path, want, got[i].Path, got[i].Value, src, after)
			}
		}
	})
}

// FuzzInsertYAML puts a key into a mapping of any text: either that is refused, or every byte that was there is there in its order.
func FuzzInsertYAML(f *testing.F) {
	for _, src := range corpusYAML(f) {
		if len(src) < 4<<10 {
			f.Add(src, uint(5), "memory", "1Gi")
		}
	}
	f.Fuzz(func(t *testing.T, src []byte, number uint, key, value string) {
		text, err := parseYAML(src)
		if err != nil {
			return
		}
		var nodes []*yaml.Node
		for _, doc := range text.docs {
			for v := range valuesBelow(doc) {
				nodes = append(nodes, v.way...)
			}
		}
		if len(nodes) == 0 || key == "" {
			return
		}
		n := nodes[number%uint(len(nodes))]
		after, err := text.insert(n, keys("resources", key), value)
		if err != nil {
			return
		}
		if !isWithin(src, after) {
			t.Fatalf("bytes changed:\n%q\n%q", src, after)
		}
		if _, err := parseYAML(after); err != nil {
			t.Fatalf("%v:\n%q\n%q", err, src, after)
		}
	})
}

// isWithin tells whether after is src with bytes put in at one place, or with a null that was written out replaced.
func isWithin(src, after []byte) bool {
	head := 0
	for head < min(len(src), len(after)) && src[head] == after[head] {
		head++
	}
	tail := 0
	for tail < min(len(src), len(after))-head && src[len(src)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	gone := string(src[head : len(src)-tail])
	return len(gone) <= len("null")
}
