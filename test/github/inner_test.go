package github

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

func TestOwns(t *testing.T) {
	for _, q := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "a/b.go", true},
		{"*.go", "a/b.go", true},
		{"*.go", "a/b.js", false},
		{"/docs/", "docs/a/b.md", true},
		{"docs/", "x/docs/a.md", true},
		{"/docs/", "x/docs/a.md", false},
		{"docs", "docs", true},
		{"docs/", "docs", false},
		{"docs/*", "docs/a.md", true},
		{"docs/*", "docs/a/b.md", false},
		{"apps/web", "apps/web/values.yaml", true},
		{"apps/web", "other/apps/web/values.yaml", false},
		{"apps/**", "apps/web/values.yaml", true},
		{"[", "a", false},
	} {
		if got := owns(q.pattern, q.name); got != q.want {
			t.Errorf("owns(%q, %q) = %v", q.pattern, q.name, got)
		}
	}
}

// What is named by its id is asked once, and what is named otherwise every time.
func TestAskedOnce(t *testing.T) {
	g, err := initGit(t.TempDir(), "main")
	if err != nil {
		t.Fatal(err)
	}
	blob, err := g.writeBlob([]byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	var commits []string
	ada := person{Name: "ada", At: time.Unix(1e9, 0)}
	for n := range 2 {
		tree, err := g.writeTree("", []entry{{Mode: "100644", SHA: blob, Path: strings.Repeat("a", n+1)}})
		if err != nil {
			t.Fatal(err)
		}
		sha, err := g.writeCommit(commit{Tree: tree, Message: "m", Parents: commits, Author: ada, Committer: ada})
		if err != nil {
			t.Fatal(err)
		}
		commits = append(commits, sha)
	}
	if err := g.setRef("refs/heads/main", commits[0], ""); err != nil {
		t.Fatal(err)
	}
	unknown := strings.Repeat("0123456789abcdef", 3)[:len(zeroSHA)]
	if _, err := g.list(unknown, true); err == nil || len(g.said.answer) != 0 {
		t.Errorf("%v, and %d answers are kept", err, len(g.said.answer))
	}
	for n := range 2 {
		if list, err := g.list(commits[1], false); err != nil || len(list) != 1 || list[0].Path != "aa" {
			t.Errorf("the tree is %+v, %v", list, err)
		}
		if n, err := g.count(commits[0], commits[1]); err != nil || n != 1 {
			t.Errorf("%d commits, %v", n, err)
		}
		if list, err := g.commits(0, "main"); err != nil || len(list) != 1+n {
			t.Errorf("%d commits of the branch, %v", len(list), err)
		}
		if got, err := g.commitOf("main"); err != nil || got != commits[n] {
			t.Errorf("the branch is %s, %v", got, err)
		}
		if len(g.said.answer) != 2 {
			t.Errorf("%d answers are kept, want those by ids", len(g.said.answer))
		}
		if n == 0 {
			if err := g.setRef("refs/heads/main", commits[1], commits[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for command, want := range map[string]bool{
		"log " + blob + " --": true, "log --since=yesterday " + blob: false, "log main..." + blob: false, "log .." + blob: false,
		"rev-parse " + blob + "^{tree}": true, "rev-parse main^{tree}": false, "diff-tree -p " + blob + " " + blob + " -- main": true,
	} {
		if got := lasting(strings.Fields(command)); got != want {
			t.Errorf("%s: %t", command, got)
		}
	}
}

func TestMarkdown(t *testing.T) {
	for in, want := range map[string]string{
		"# A":                          "<h1>A</h1>\n",
		"a\nb\n\nc":                    "<p>a<br>\nb</p>\n<p>c</p>\n",
		"- a\n  more\n- b":             "<ul>\n<li>a more</li>\n<li>b</li>\n</ul>\n",
		"1. a\n2. b":                   "<ol>\n<li>a</li>\n<li>b</li>\n</ol>\n",
		"> *a*":                        "<blockquote><p><em>a</em></p>\n</blockquote>\n",
		"```diff\n-a\n+b\n```":         "<pre><code><span class=\"del\">-a</span>\n<span class=\"add\">+b</span>\n</code></pre>\n",
		"```\nopen":                    "<pre><code>open\n</code></pre>\n",
		"a | b\n--|--\n`x\\|y` | 2":    "<table><thead><tr><th>a</th><th>b</th></tr>\n</thead><tbody>\n<tr><td><code>x|y</code></td><td>2</td></tr>\n</tbody></table>\n",
		"---":                          "<hr>\n",
		"`**a**` and ` alone":          "<p><code>**a**</code> and ` alone</p>\n",
		"<!-- x\ny -->z":               "<p>z</p>\n",
		"<b onclick=x>":                "<p>&lt;b onclick=x&gt;</p>\n",
		"[a](/b) https://c.d/e":        "<p><a href=\"/b\" rel=\"noopener\">a</a> <a href=\"https://c.d/e\" rel=\"noopener\">https://c.d/e</a></p>\n",
		"snake_case_name and 2 * 3 *x": "<p>snake_case_name and 2 * 3 *x</p>\n",
	} {
		if got := markdown(in); got != want {
			t.Errorf("markdown(%q)\ngot  %q\nwant %q", in, got, want)
		}
	}
}

// FuzzMarkdown wants that nothing of what is given becomes a tag that is not in the small set, whatever it is.
func FuzzMarkdown(f *testing.F) {
	for _, seed := range []string{"# a\n- b\n|x|\n|-|\n```\n<i>", "<details open>\n<summary>`a`</summary>", "[a](https://b\"onclick=x)", "**a _b_**<!--", "> > a\n```", "`<`"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for part := range strings.SplitSeq(markdown(text), "<") {
			tag := strings.TrimPrefix(part, "/")
			name := tag[:len(tag)-len(strings.TrimLeft(tag, "abcdefghijklmnopqrstuvwxyz0123456789"))]
			if part == "" || !strings.Contains(part, ">") {
				continue
			}
			rest, _, _ := strings.Cut(tag[len(name):], ">")
			if name != "" && !strings.Contains(" h1 h2 h3 h4 h5 h6 p br ul ol li table thead tbody tr th td pre code span strong em del a hr blockquote details summary ", " "+name+" ") {
				t.Errorf("%q made <%s>", text, tag)
			}
			if rest != "" && strings.Contains(rest, "onclick=") && !strings.HasPrefix(rest, " href=\"") {
				t.Errorf("%q made <%s>", text, tag)
			}
		}
	})
}

func FuzzOwns(f *testing.F) {
	f.Add("/docs/*", "docs/a")
	f.Add("**", "")
	f.Add("[a-", "a/b")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if owns(pattern, name) && strings.Trim(pattern, "/") == "" && strings.Trim(name, "/") != "" {
			t.Errorf("a pattern of nothing owns %q", name)
		}
	})
}

// TestRoutes wants each route documented, and none that hides behind another.
func TestRoutes(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range routes() {
		if seen[r.pattern] || !strings.HasPrefix(r.doc, "rest/") || r.do == nil {
			t.Errorf("route %+v", r)
		}
		seen[r.pattern] = true
	}
}

// FuzzJWT wants that nothing but what the key signed is taken, and nothing breaks it.
func FuzzJWT(f *testing.F) {
	s, err := New(Config{Apps: []App{{ID: 7, Slug: "a"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(f.Context()); err != nil {
			f.Error(err)
		}
	})
	pack := base64.RawURLEncoding.EncodeToString
	for _, claims := range []string{`{"iss":7,"iat":1,"exp":1e300}`, `{"iss":"7","iat":null}`, `{"iss":[7]}`, `[]`, ``} {
		f.Add(pack([]byte(`{"alg":"RS256"}`)) + "." + pack([]byte(claims)) + ".AAAA")
	}
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if app, err := s.asApp(token); err == nil || app != nil {
			t.Errorf("%q was taken", token)
		}
	})
}

func TestNewest(t *testing.T) {
	var list []int
	for n := range 25 {
		list = append(newest(list, 10), n)
	}
	if len(list) < 5 || len(list) > 10 || list[len(list)-1] != 24 || list[0] != 25-len(list) {
		t.Errorf("kept %v", list)
	}
}
