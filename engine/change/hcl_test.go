package change

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestScalarsHCL(t *testing.T) {
	src := `# head
a = 3
b = "x\"y"
c = -1.5
d = true
e = null
f = "${var.x}-y"
g = "${var.x}"
h = <<-EOT
  text
EOT
i = var.x
j = local.y
k = max(1, 2)
l = var.x ? 1 : 2
m = [for s in var.x : s]
n = 1 + 2
o = aws_vpc.main.id
p = (7)
q = [1, "two", { three = 3 }]
r = { "a b" = 1, c : 2, (var.k) = 3, d = 4, d = 5, 7 = 8 }
s = each.value
ü = "grün"
t = ""
block "one" "two.three" {
  x = 1
}
block "one" "two.three" {
  x = 2
  inner { y = !true }
}
`
	scalars, err := ScalarsHCL([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range scalars {
		if s.Refused != "" {
			got = append(got, fmt.Sprintf("%d %s: %s", s.Line, s.Path, s.Refused))
			continue
		}
		got = append(got, fmt.Sprintf("%d %s = %s %s <%s>", s.Line, s.Path, s.Kind, s.Value, src[s.Start:s.End]))
	}
	want := []string{
		"2 a = number 3 <3>",
		`3 b = string x"y <x\"y>`,
		"4 c = number -1.5 <-1.5>",
		"5 d = bool true <true>",
		"6 e: null",
		"7 f: a template",
		"8 g: a template",
		"9 h: a heredoc",
		"12 i: a variable",
		"13 j: a local value",
		"14 k: a call of max",
		"15 l: a conditional",
		"16 m: a for expression",
		"17 n: a calculation",
		"18 o: a reference",
		"19 p = number 7 <7>",
		"20 q[0] = number 1 <1>",
		"20 q[1] = string two <two>",
		"20 q[2].three = number 3 <3>",
		`21 r["a b"] = number 1 <1>`,
		"21 r.c = number 2 <2>",
		`21 r["(computed)"]: under a key that is computed`,
		"21 r.d: under a key that is there twice",
		"21 r.d: under a key that is there twice",
		`21 r["7"] = number 8 <8>`,
		"22 s: different for each instance",
		"23 ü = string grün <grün>",
		"24 t = string  <>",
		`26 block.one["two.three"].x = number 1 <1>`,
		`29 block.one["two.three"][1].x = number 2 <2>`,
		`30 block.one["two.three"][1].inner.y: a calculation`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestSetHCL(t *testing.T) {
	for _, c := range []struct{ name, src, path, value, want string }{
		{"a number", "a = 3 # c\n", "a", "12", "a = 12 # c\n"},
		{"a quoted number stays quoted", `a="3"`, "a", "5", `a="5"`},
		{"a negative number", "a = -3\n", "a", "4", "a = 4\n"},
		{"windows lines", "b {\r\n\ta\t=\t3\r\n}\r\n", "b.a", "2", "b {\r\n\ta\t=\t2\r\n}\r\n"},
		{"a byte order mark", "\xef\xbb\xbfa = 3", "a", "2", "\xef\xbb\xbfa = 2"},
		{
			"a key of an object", "g = {\n  general = { min_size : 1, desired_size = 3, }\n}\n", "g.general.desired_size", "2",
			"g = {\n  general = { min_size : 1, desired_size = 2, }\n}\n",
		},
		{"text that must be escaped", `a = ""`, "a", "say \"${x}\" \\ %{y}\n\x01\U000e0001$", `a = "say \"$${x}\" \\ %%{y}\n\u0001\U000e0001$"`},
		{"a template's dollar", `a = "x"`, "a", "$${", `a = "$$${"`},
		{"behind a heredoc", "h = <<EOT\na = 1\nEOT\na = 1\n", "a", "2", "h = <<EOT\na = 1\nEOT\na = 2\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := SetHCL([]byte(c.src), scalarAt(t, c.src, c.path), c.value)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
		})
	}
}

func scalarAt(t testing.TB, src, path string) HCLScalar {
	t.Helper()
	all, err := ScalarsHCL([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(s HCLScalar) bool { return s.Path == path })
	if i < 0 {
		t.Fatalf("%s is not in %v", path, all)
	}
	return all[i]
}

func TestSetHCLRefuses(t *testing.T) {
	for _, c := range []struct{ name, src, path, value, want string }{
		{"words where a number was", "a = 3\n", "a", "three", `a is a number; "three" is none`},
		{"code where a number was", "a = 3\n", "a", "3 + 1", `a is a number; "3 + 1" is none`},
		{"a number with a leading zero", "a = 3\n", "a", "03", `a is a number; "03" is none`},
		{"neither true nor false", "a = true\n", "a", "yes", `a is true or false; "yes" is neither`},
		{"bytes that are no text", "a = \"x\"\n", "a", "\xff", "the new value of a is no UTF-8"},
		{"a variable", "a = var.x\n", "a", "1", "a is a variable; only a literal is edited"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := SetHCL([]byte(c.src), scalarAt(t, c.src, c.path), c.value)
			if err == nil || !strings.Contains(err.Error(), c.want) || engine.CodeOf(err) != engine.Invalid {
				t.Errorf("error %v, want Invalid: %s", err, c.want)
			}
		})
	}
	t.Run("a file that changed meanwhile", func(t *testing.T) {
		_, err := SetHCL([]byte("a = 4\n"), scalarAt(t, "a = 3\n", "a"), "2")
		if err == nil || !strings.Contains(err.Error(), "no longer at line 1") {
			t.Errorf("error %v", err)
		}
	})
	for name, path := range map[string]string{"JSON": "main.tf.json"} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseHCL(path, []byte(`{"a": 1}`)); engine.CodeOf(err) != engine.Invalid {
				t.Errorf("error %v", err)
			}
		})
	}
	for name, src := range map[string]string{
		"no HCL": "a = = 3", "too deep": "a = " + strings.Repeat("[", 500) + strings.Repeat("]", 500), "not text": "a = \"\xff\xfe\"",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ScalarsHCL([]byte(src)); engine.CodeOf(err) != engine.Invalid {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestSetHCLAnyText puts any text into any string.
func TestSetHCLAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src := "x = 1\ns = \"old\" # keep\ny = \"${var.z}\"\n"
		all, err := ScalarsHCL([]byte(src))
		if err != nil {
			t.Fatal(err)
		}
		value := rapid.String().Draw(t, "value")
		after, err := SetHCL([]byte(src), all[1], value)
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		if !bytes.HasPrefix(after, []byte("x = 1\ns = \"")) || !bytes.HasSuffix(after, []byte("\" # keep\ny = \"${var.z}\"\n")) {
			t.Fatalf("other bytes changed: %q", after)
		}
	})
}

// TestSameElsewhere feeds the proof with edits that do more than they say.
func TestSameElsewhere(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		at                  hclSpan
		size                int
		ok                  bool
	}{
		{"a value", "a = 3\nb = 4\n", "a = 10\nb = 4\n", hclSpan{4, 5}, 2, true},
		{"another byte", "a = 3\nb = 4\n", "a = 10\nb = 5\n", hclSpan{4, 5}, 2, false},
		{"a comment swallows the line", "a = 3 + 4\n", "a = 3 #+ 4\n", hclSpan{6, 6}, 1, false},
		{"an expression grows", "a = \"x\"\nb = \"y\"\n", "a = \"x\"+1\nb = \"y\"\n", hclSpan{7, 7}, 2, false},
		{"a second value", "a = 3\n", "a = 3\nb = 1\n", hclSpan{4, 5}, 7, false},
		{"an operator takes the neighbour", "a = 3\n", "a = 3 + 4\n", hclSpan{5, 5}, 4, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, err := parseHCL("a.tf", []byte(c.before))
			if err != nil {
				t.Fatal(err)
			}
			after, err := parseHCL("a.tf", []byte(c.after))
			if err != nil {
				t.Fatal(err)
			}
			if err := sameElsewhere(before, after, c.at, c.size); (err == nil) != c.ok {
				t.Errorf("error %v, want ok %v", err, c.ok)
			}
		})
	}
}

func TestHCLInsert(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"below its neighbour, in its column", "b {\n  desired_size = 3 # three\n  x = 1\n}\n", "b {\n  desired_size = 3 # three\n  min_size     = 1\n  x = 1\n}\n"},
		{"windows lines and tabs", "b {\r\n\tdesired_size = 3\r\n}\r\n", "b {\r\n\tdesired_size = 3\r\n\tmin_size     = 1\r\n}\r\n"},
		{"an empty block", "b {\n}", "b {\n  min_size = 1\n}"},
		{"an empty block of one line", "b {}\n", "b { min_size = 1 }\n"},
		{"behind an opening comment", "b { # why\n  inner {}\n}\n", "b { # why\n  min_size = 1\n  inner {}\n}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := parseHCL("a.tf", []byte(c.src))
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.insert(bodyGroup(f, f.body.Blocks[0]), "min_size", "1", "desired_size")
			if err != nil {
				t.Fatal(err)
			}
			if string(got.src) != c.want {
				t.Errorf("got %q\nwant %q", got.src, c.want)
			}
		})
	}
	f, err := parseHCL("a.tf", []byte("b { desired_size = 3 }\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.insert(bodyGroup(f, f.body.Blocks[0]), "min_size", "1", "desired_size"); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("a block of one line took a second argument: %v", err)
	}
}

func TestHCLInsertIntoObject(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"lines", "g = {\n  desired_size = 3\n}\n", "g = {\n  desired_size = 3\n  min_size     = 1\n}\n"},
		{"lines with commas", "g = {\n  desired_size = 3, // c\n  x = 1\n}\n", "g = {\n  desired_size = 3, // c\n  min_size     = 1,\n  x = 1\n}\n"},
		{"one line", "g = { desired_size = 3, x = 2 }\n", "g = { desired_size = 3, min_size = 1, x = 2 }\n"},
		{"one line, last", "g = { x = 2, desired_size = 3 }\n", "g = { x = 2, desired_size = 3, min_size = 1 }\n"},
		{"colons", "g = {\n  desired_size: 3\n}\n", "g = {\n  desired_size: 3\n  min_size: 1\n}\n"},
		{"none", "g = {}\n", "g = { min_size = 1 }\n"},
		{"two on a line", "g = {\n  x = 1, desired_size = 3\n}\n", "g = {\n  x = 1, desired_size = 3, min_size = 1\n}\n"},
		{"a comment in between", "g = {\n  desired_size /* = */ = 3 /* c */\n}\n", "g = {\n  desired_size /* = */ = 3 /* c */\n  min_size = 1\n}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := parseHCL("a.tf", []byte(c.src))
			if err != nil {
				t.Fatal(err)
			}
			object, ok := asObject(f.body.Attributes["g"].Expr)
			if !ok {
				t.Fatal("no object")
			}
			got, err := f.insert(objectGroup(f, object), "min_size", "1", "desired_size")
			if err != nil {
				t.Fatal(err)
			}
			if string(got.src) != c.want {
				t.Errorf("got %q\nwant %q", got.src, c.want)
			}
		})
	}
}

func TestHCLRemove(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"between two", "a {}\n\nb {}\n\nc {}\n", "a {}\n\nc {}\n"},
		{"the last", "a {}\n\nb {\n}\n", "a {}\n"},
		{"without a final line end", "a {}\n\nb {\n}", "a {}\n"},
		{"the only one", "b {}\n", ""},
		{"with its comment", "a {}\n\n# one\n// two\n/* three\nfour */\nb {} # five\n\nc {}\n", "a {}\n\nc {}\n"},
		{"but not with the one before", "a {} # end\n\n# of the part\n\nb {}\n", "a {} # end\n\n# of the part\n"},
		{"nor with the comment of its neighbour's line", "a {} # end\nb {}\n", "a {} # end\n"},
		{"nor with the file's", "# Copyright us\nb {}\n\nc {}\n", "# Copyright us\n\nc {}\n"},
		{"windows lines", "a {}\r\n\r\n# b\r\nb {\r\n}\r\n\r\nc {}\r\n", "a {}\r\n\r\nc {}\r\n"},
		{"the first, behind a byte order mark", "\xef\xbb\xbf# b\nb {}\n\nc {}\n", "\xef\xbb\xbfc {}\n"},
		{"no blank lines", "a {}\nb {}\nc {}\n", "a {}\nc {}\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := parseHCL("a.tf", []byte(c.src))
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range f.body.Blocks {
				if b.Type != "b" {
					continue
				}
				got, err := f.remove(b.Range())
				if err != nil {
					t.Fatal(err)
				}
				if string(got.src) != c.want {
					t.Errorf("got %q\nwant %q", got.src, c.want)
				}
			}
		})
	}
	f, err := parseHCL("a.tf", []byte("/* of both */ b {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.remove(f.body.Blocks[0].Range()); engine.CodeOf(err) != engine.Invalid {
		t.Errorf("a comment on the line was removed: %v", err)
	}
}
