package change

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The example of GitHub's own manual, with what it says of each line.
const ownersManual = `# This is a comment.
*       @global-owner1 @global-owner2
*.js    @js-owner #This is an inline comment.
*.go docs@example.com
*.txt @octo-org/octocats
/build/logs/ @doctocat
docs/*  docs@example.com
apps/ @octocat
/docs/ @doctocat
/scripts/ @doctocat @octocat
**/logs @octocat
/apps/ @octocat
/apps/github
`

func TestOwnersOf(t *testing.T) {
	for name, c := range map[string]struct {
		file, path string
		want       []string
	}{
		"everything else":              {ownersManual, "src/a.c", []string{"@global-owner1", "@global-owner2"}},
		"by ending, at any depth":      {ownersManual, "src/web/a.js", []string{"@js-owner"}},
		"an address":                   {ownersManual, "a.go", []string{"docs@example.com"}},
		"a team":                       {ownersManual, "notes/a.txt", []string{"@octo-org/octocats"}},
		"the last line counts":         {ownersManual, "build/logs/a.txt", []string{"@octocat"}},
		"a folder at any depth":        {ownersManual, "src/apps/a.js", []string{"@octocat"}},
		"a folder of the root":         {ownersManual, "docs/deep/er.md", []string{"@doctocat"}},
		"not that folder elsewhere":    {ownersManual, "src/scripts/a.c", []string{"@global-owner1", "@global-owner2"}},
		"nobody on purpose":            {ownersManual, "apps/github/a.js", []string{}},
		"below nobody, by its name":    {ownersManual, "apps/githubby/a.js", []string{"@octocat"}},
		"files of a folder alone":      {"docs/* @a", "docs/a.md", []string{"@a"}},
		"not below":                    {"docs/* @a", "docs/b/a.md", nil},
		"a star in the middle":         {"/a/*/c @a", "a/b/c", []string{"@a"}},
		"a star is one folder":         {"/a/*/c @a", "a/b/b/c", nil},
		"two stars are many":           {"/a/**/c @a", "a/b/b/c", []string{"@a"}},
		"two stars are none":           {"/a/**/c @a", "a/c", []string{"@a"}},
		"two stars at the end":         {"/a/** @a", "a/b/c", []string{"@a"}},
		"two stars alone":              {"** @a", "a/b/c", []string{"@a"}},
		"two stars in front":           {"**/c/d @a", "a/b/c/d/e", []string{"@a"}},
		"a slash in it binds to root":  {"b/c @a", "a/b/c", nil},
		"a file's own name":            {"values.yaml @a", "a/b/values.yaml", []string{"@a"}},
		"a letter":                     {"a?.yaml @a", "ab.yaml", []string{"@a"}},
		"a letter is no slash":         {"a?b @a", "a/b", nil},
		"a blank in the name":          {`my\ app/ @a`, "my app/x.yaml", []string{"@a"}},
		"a star by its letter":         {`/a\*b @a`, "a*b", []string{"@a"}},
		"and nothing else":             {`/a\*b @a`, "axb", nil},
		"dots are dots":                {"*.yaml @a", "ayaml", nil},
		"case counts":                  {"/Docs/ @a", "docs/x", nil},
		"negation is no pattern":       {"* @a\n!b.md @b", "b.md", []string{"@a"}},
		"ranges are no patterns":       {"* @a\n[ab].md @b", "a.md", []string{"@a"}},
		"a wrong owner spoils a line":  {"* @a\nb.md @b nonsense", "b.md", []string{"@a"}},
		"CRLF":                         {"* @a\r\nb.md @b\r\n", "b.md", []string{"@b"}},
		"a comment behind a blank":     {"* @a # @b", "x", []string{"@a"}},
		"a number sign within a name":  {"a#b @a", "a#b", []string{"@a"}},
		"no newline at the end":        {"* @a\nb @b", "b", []string{"@b"}},
		"an empty file":                {"", "x", nil},
		"a file that is no CODEOWNERS": {"\x00\xff\\", "x", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ParseOwners([]byte(c.file)).Of(c.path)); diff != "" {
				t.Errorf("owners of %s (-want +got):\n%s", c.path, diff)
			}
		})
	}
}

func TestOwnersReviewers(t *testing.T) {
	owners := ParseOwners([]byte("*.yaml @ada @shop/payments @other/team a@b.c\n*.tf @bob @ada @Shop/infra\n"))
	logins, teams := owners.Reviewers("shop", []string{"a.yaml", "b.tf", "c.md"})
	if diff := cmp.Diff([]string{"ada", "bob"}, logins); diff != "" {
		t.Errorf("logins (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"payments", "infra"}, teams); diff != "" {
		t.Errorf("teams (-want +got):\n%s", diff)
	}

	crowd := "*"
	for _, letter := range "abcdefghijklmnopqrst" {
		crowd += " @" + string(letter)
	}
	if logins, _ := ParseOwners([]byte(crowd)).Reviewers("shop", []string{"x"}); len(logins) != maxAsked {
		t.Errorf("%d people are asked, GitHub takes %d", len(logins), maxAsked)
	}
}

func TestOwnersPath(t *testing.T) {
	all := []File{{Path: "docs/CODEOWNERS"}, {Path: "CODEOWNERS"}, {Path: ".github/CODEOWNERS"}, {Path: "src/CODEOWNERS"}}
	for n, want := range map[int]string{4: ".github/CODEOWNERS", 2: "CODEOWNERS", 1: "docs/CODEOWNERS"} {
		if got := OwnersPath(all[:min(n, 3)]); got != want {
			t.Errorf("of %v: %q, want %q", all[:min(n, 3)], got, want)
		}
	}
	if got := OwnersPath(all[3:]); got != "" {
		t.Errorf("%q is no place for CODEOWNERS", got)
	}
}

func TestOwnersOfAGiant(t *testing.T) {
	if rules := ParseOwners([]byte(strings.Repeat("* @a\n", maxOwners/5+1))); rules != nil {
		t.Errorf("%d rules of a file that GitHub does not read", len(rules))
	}
}

func FuzzOwners(f *testing.F) {
	f.Add([]byte(ownersManual), "docs/a.md")
	f.Add([]byte(`my\ app/ @a`+"\n**/x/** @b/c\n"), "my app/x")
	f.Fuzz(func(t *testing.T, file []byte, path string) {
		owners := ParseOwners(file)
		for _, owner := range owners.Of(path) {
			if !isOwner(owner) {
				t.Errorf("%q is no owner", owner)
			}
		}
		logins, teams := owners.Reviewers("shop", []string{path})
		for _, name := range append(logins, teams...) {
			if name == "" || strings.ContainsAny(name, "@/ \n") {
				t.Errorf("%q is neither a login nor a team", name)
			}
		}
	})
}
