package change

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// TestCorpusYAML edits values of every file of the corpus: nothing outside of a value may change, and what may be refused is known.
func TestCorpusYAML(t *testing.T) {
	files := corpusYAML(t)
	edits := 0
	for _, p := range slices.Sorted(maps.Keys(files)) {
		src := files[p]
		all, err := ScalarsYAML(src)
		if err != nil {
			if !strings.Contains(p, "/broken/") && !strings.Contains(p, "/templates/") && !strings.Contains(p, "jinja") {
				t.Errorf("%s: %v", p, err)
			}
			continue
		}
		for i := 0; i < len(all); i += 1 + len(all)/12 {
			s := all[i]
			if s.Refused != "" {
				continue
			}
			after, err := SetYAML(src, s, s.Value+"7")
			if err != nil {
				if len(strings.TrimSpace(string(src[s.Start:s.End]))) > 0 && s.Start < s.End && !strings.Contains(s.Value, "\n") && !strings.Contains(p, "tags") {
					t.Errorf("%s:%d %s: %v", p, s.Line, s.Path, err)
				}
				continue
			}
			edits++
			if !bytes.HasPrefix(after, src[:s.Start]) || !bytes.HasSuffix(after, src[s.End:]) {
				t.Errorf("%s:%d %s: something else changed", p, s.Line, s.Path)
			}
		}
	}
	if edits < 1000 {
		t.Errorf("only %d edits", edits)
	}
}

func TestSetYAML(t *testing.T) {
	for name, test := range map[string]struct{ src, path, value, want string }{
		"plain":                 {"a: 1 # x\n", "a", "2", "a: 2 # x\n"},
		"plain that needs":      {"a: 1\n", "a", "x: y", "a: \"x: y\"\n"},
		"a number into text":    {"a: v1\n", "a", "1.20", "a: \"1.20\"\n"},
		"text into a number":    {"a: 1\n", "a", "500m", "a: 500m\n"},
		"double":                {"a: \"1\"\n", "a", `x"y\`, `a: "x\"y\\"` + "\n"},
		"single":                {"a: '1'\n", "a", "it's", "a: 'it''s'\n"},
		"behind runes":          {"{ü: ö, 日: \"本\", c: d}", "c", "e", "{ü: ö, 日: \"本\", c: e}"},
		"behind a byte order":   {"\uFEFFa: 1\n", "a", "2", "\uFEFFa: 2\n"},
		"CRLF":                  {"a: 1\r\nb: 2\r\n", "b", "3", "a: 1\r\nb: 3\r\n"},
		"CR":                    {"a: 1\rb: 2\r", "b", "3", "a: 1\rb: 3\r"},
		"no end":                {"a: 1", "a", "2", "a: 2"},
		"anchor":                {"a: &x 1\n", "a", "2", "a: &x 2\n"},
		"tag":                   {"a: !!str &x \"1\"\n", "a", "2", "a: !!str &x \"2\"\n"},
		"next line":             {"a:\n  # c\n  1\nb: 2\n", "a", "3", "a:\n  # c\n  3\nb: 2\n"},
		"no value":              {"a:\nb: 2\n", "a", "1", "a: 1\nb: 2\n"},
		"several lines":         {"a: b\n  c\nd: 1\n", "a", "x", "a: x\nd: 1\n"},
		"several quoted lines":  {"a: \"b\n  c\"\nd: 1\n", "a", "x", "a: \"x\"\nd: 1\n"},
		"flow without space":    {`{"a":1,"b":2}`, "b", "3", `{"a":1,"b":3}`},
		"a line end of Unicode": {"a: \"1\u2028 2\"\nb: 1\n", "b", "3", "a: \"1\u2028 2\"\nb: 3\n"},
		"second document":       {"a: 1\n---\nb: 2\n...\n", "b", "3", "a: 1\n---\nb: 3\n...\n"},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := ScalarsYAML([]byte(test.src))
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(all, func(s YAMLScalar) bool { return s.Path == test.path })
			if i < 0 {
				t.Fatalf("no %s in %v", test.path, all)
			}
			got, err := SetYAML([]byte(test.src), all[i], test.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSetYAMLRefuses(t *testing.T) {
	for name, test := range map[string]struct{ src, path, why string }{
		"used anchor":    {"a: &x 1\nb: *x\n", "a", "an anchor that is used elsewhere"},
		"around anchor":  {"a: &x {c: 1}\nb: {<<: *x}\n", "a.c", "an anchor that is used elsewhere"},
		"literal":        {"a: |\n  x\n", "a", "a block of lines"},
		"folded":         {"a: >-\n  x\n", "a", "a block of lines"},
		"twice":          {"a: 1\na: 2\n", "a", "a key that is there twice"},
		"below twice":    {"a: {b: 1}\na: 2\n", "a.b", "a key that is there twice"},
		"anchored empty": {"a: &x\nb: 1\n", "a", errSpan.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := ScalarsYAML([]byte(test.src))
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(all, func(s YAMLScalar) bool { return s.Path == test.path })
			if i < 0 || all[i].Refused != test.why {
				t.Fatalf("%+v", all)
			}
			if after, err := SetYAML([]byte(test.src), all[i], "2"); err == nil {
				t.Errorf("edited: %q", after)
			}
		})
	}
	if _, err := SetYAML([]byte("a: 1\n"), YAMLScalar{Path: "b", Value: "1"}, "2"); err == nil {
		t.Error("a scalar that is not there was edited")
	}
	if _, err := ScalarsYAML([]byte("\xff\xfea\x00")); err == nil {
		t.Error("UTF-16 was read")
	}
}

func TestInsert(t *testing.T) {
	for name, test := range map[string]struct{ src, at, want string }{
		"block":            {"a:\n    b: 1\nc: 2\n", "a", "a:\n    b: 1\n    x:\n        y: v\nc: 2\n"},
		"comment behind":   {"a:\n  b: 1 # one\n  # two\nc: 2\n", "a", "a:\n  b: 1 # one\n  x:\n    y: v\n  # two\nc: 2\n"},
		"CRLF":             {"a:\r\n  b: 1\r\n", "a", "a:\r\n  b: 1\r\n  x:\r\n    y: v\r\n"},
		"no end":           {"a:\n  b: 1", "a", "a:\n  b: 1\n  x:\n    y: v"},
		"behind a block":   {"a:\n  b: |\n    t\n\nc: 2\n", "a", "a:\n  b: |\n    t\n  x:\n    y: v\n\nc: 2\n"},
		"flow":             {"a: {b: 1 }\n", "a", "a: {b: 1, x: {y: v} }\n"},
		"empty flow":       {"a: {}\n", "a", "a: {x: {y: v}}\n"},
		"JSON":             {`{"a": {"b": 1}}`, "a", `{"a": {"b": 1, "x": {"y": "v"}}}`},
		"flow over lines":  {"a: {\n  b: 1,  # one\n}\n", "a", "a: {\n  b: 1, x: {y: v},  # one\n}\n"},
		"no value":         {"a:   # c\nb: 2\n", "a", "a:   # c\n  x:\n    y: v\nb: 2\n"},
		"null":             {"a: null # c\n", "a", "a: {x: {y: v}} # c\n"},
		"in a list's item": {"l:\n- a: 1\n  c:\n      d: 2\n", "l[0]", "l:\n- a: 1\n  c:\n      d: 2\n  x:\n      y: v\n"},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := parseYAML([]byte(test.src))
			if err != nil {
				t.Fatal(err)
			}
			n := text.docs[0].Content[0]
			if test.at == "l[0]" {
				n = valueOf(n, "l").Content[0]
			} else {
				n = valueOf(n, test.at)
			}
			got, err := text.insert(n, keys("x", "y"), "v")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestInsertRefuses(t *testing.T) {
	for name, src := range map[string]string{"a scalar": "a: 1\n", "a list": "a: [1]\n", "an alias": "b: &x {c: 1}\na: *x\n", "kept line ends": "a:\n  b: |+\n    t\n\n\n"} {
		t.Run(name, func(t *testing.T) {
			text, err := parseYAML([]byte(src))
			if err != nil {
				t.Fatal(err)
			}
			if after, err := text.insert(valueOf(text.docs[0].Content[0], "a"), keys("x"), "v"); err == nil {
				t.Errorf("inserted: %q", after)
			}
		})
	}
}

// TestSetYAMLProperty edits documents that the library wrote: the value comes back, and an edit back gives the file as it was.
func TestSetYAMLProperty(t *testing.T) {
	text := rapid.StringMatching(`[a-zA-Z0-9äöü日:#{}\[\],'"&*!|>%@ -]{0,12}`)
	rapid.Check(t, func(t *rapid.T) {
		doc := map[string]any{}
		for _, key := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zü]{1,5}`), 1, 5, rapid.ID[string]).Draw(t, "keys") {
			doc[key] = rapid.OneOf(rapid.Map(text, func(s string) any { return s }), rapid.Map(rapid.Int(), func(n int) any { return n }),
				rapid.Map(rapid.SliceOfN(text, 1, 3), func(s []string) any { return s })).Draw(t, "value")
		}
		src, err := yaml.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		all, err := ScalarsYAML(src)
		if err != nil {
			t.Fatal(err)
		}
		s := rapid.SampledFrom(all).Draw(t, "scalar")
		value := text.Draw(t, "new")
		if s.Refused != "" || value == "" {
			return
		}
		after, err := SetYAML(src, s, value)
		if err != nil {
			t.Fatalf("%v: %q", err, src)
		}
		now, err := ScalarsYAML(after)
		if err != nil || now[s.number].Value != value {
			t.Fatalf("%q became %q (%v)", src, after, err)
		}
		back, err := SetYAML(after, now[s.number], s.Value)
		if err != nil {
			t.Fatal(err)
		}
		// What needs no quotes in lines may need them in braces: then it comes back in quotes.
		quoted := func(src []byte, at int) bool { return src[at] == '"' || src[at] == '\'' }
		// What needs no quotes in lines may need them in braces, and what was a number is one no more.
		was := quoted(src, s.Start)
		if was == quoted(after, now[s.number].Start) && (was || isPlain(s.Value) && readsAsText(s.Value) == readsAsText(value)) && !bytes.Equal(back, src) {
			t.Fatalf("%q came back as %q", src, back)
		}
	})
}
