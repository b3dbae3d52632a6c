package change

import (
	"context"
	"strings"
	"testing"
)

// FuzzRevert takes a commit back out of any text: what comes of it is the text before the commit where nobody edited it since, and in any
// case one whose other documents are as they were.
func FuzzRevert(f *testing.F) {
	const doc = "kind: Deployment\nmetadata: {name: api, namespace: payments}\nspec:\n  template:\n    spec:\n      containers:\n        - name: api\n          env:\n            - {name: A, value: one}\n"
	f.Add(doc, strings.Replace(doc, "one", "two", 1), strings.Replace(doc, "one", "two", 1))
	f.Add(doc+"---\nkind: Other\n", strings.Replace(doc, "one", "two", 1)+"---\nkind: Other\n", "# more\n"+strings.Replace(doc, "one", "two", 1)+"---\nkind: Another\n")
	f.Add(doc, strings.Replace(doc, "            - {name: A, value: one}\n", "            - name: A\n              value: |\n                two\n", 1), doc)
	f.Add(strings.ReplaceAll(doc, "\n", "\r\n"), strings.ReplaceAll(doc, "one", "two"), "%YAML 1.2\n---\n"+doc+"...\n")
	f.Add(doc, "", "\xff")
	f.Fuzz(func(t *testing.T, before, after, now string) {
		past := begun(memory{"api.yaml": before}).then("x", memory{"api.yaml": after})
		if now != after {
			past = past.then("later", memory{"api.yaml": now})
		}
		wish := shows("api env A: A=one → A=two")
		l, err := Locate(context.Background(), past.tree(), nil, wish)
		if err != nil {
			t.Fatal(err)
		}
		if l.Why != "" {
			return
		}
		p := part{path: "api.yaml", object: object{"Deployment", "payments", "api"}}
		made := string(l.Files["api.yaml"])
		from, to, ok := p.region([]byte(now))
		is, end, still := p.region([]byte(made))
		if !ok || !still || now[:from] != made[:is] || now[to:] != made[end:] {
			t.Fatalf("more than the document changed:\n%q\n%q", now, made)
		}
		if was, last, there := p.region([]byte(before)); there && now == after && made[is:end] != before[was:last] {
			t.Fatalf("it is not as before:\n%q\n%q", before[was:last], made[is:end])
		}
	})
}
