package change

import (
	"bytes"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

// FuzzHCL edits whatever HCL there is at one of its values, and removes one of its blocks: it is refused, or only the bytes that are
// meant change and all else reads as before.
func FuzzHCL(f *testing.F) {
	files, refused := corpusHCL(f)
	for _, src := range files {
		if len(src) < 4_000 {
			f.Add(src, uint(3), "7")
		}
	}
	for _, src := range refused {
		f.Add(src, uint(0), "x")
	}
	f.Add([]byte("a = \"$${\"\n"), uint(0), "%{\"")
	f.Add([]byte("a = <<X\n${\"b\"}\nX\n"), uint(0), "\u0301")
	f.Add([]byte("b {\n}"), uint(0), "")
	f.Fuzz(func(t *testing.T, src []byte, n uint, value string) {
		if len(src) > 16_000 {
			return
		}
		scalars, err := ScalarsHCL(src)
		if err != nil {
			if engine.CodeOf(err) != engine.Invalid {
				t.Fatal(err)
			}
			return
		}
		if len(scalars) > 0 {
			fuzzSet(t, src, scalars, int(n%uint(len(scalars))), value)
		}
		file, err := parseHCL("a.tf", src)
		if err != nil {
			t.Fatal(err)
		}
		if blocks := file.body.Blocks; len(blocks) > 0 {
			after, err := file.remove(blocks[n%uint(len(blocks))].Range())
			if err == nil && len(after.body.Blocks) != len(blocks)-1 {
				t.Fatalf("%q without block %d is %q", src, n%uint(len(blocks)), after.src)
			}
		}
	})
}

func fuzzSet(t *testing.T, src []byte, scalars []HCLScalar, i int, value string) {
	s := scalars[i]
	after, err := SetHCL(src, s, value)
	if err != nil {
		if code := engine.CodeOf(err); code != engine.Invalid {
			t.Fatalf("%s of %q to %q: %v", s.Path, src, value, err)
		}
		return
	}
	grown := len(after) - len(src)
	if !bytes.Equal(after[:s.Start], src[:s.Start]) || !bytes.Equal(after[s.End+grown:], src[s.End:]) {
		t.Fatalf("%s of %q to %q changed other bytes: %q", s.Path, src, value, after)
	}
	now, err := ScalarsHCL(after)
	if err != nil || len(now) != len(scalars) {
		t.Fatalf("%s of %q to %q made %q: %v", s.Path, src, value, after, err)
	}
	for j, o := range scalars {
		if now[j].Path != o.Path || j != i && (now[j].Value != o.Value || now[j].Kind != o.Kind || now[j].Refused != o.Refused) {
			t.Fatalf("%s of %q to %q made %v of %v", s.Path, src, value, now[j], o)
		}
	}
}
