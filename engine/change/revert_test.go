package change

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
)

// past is a repository: its commits, the oldest first, and the files after each.
type past []pastCommit

type pastCommit struct {
	subject string
	files   memory
}

// then adds a commit that changes files; "" removes one.
func (p past) then(subject string, files memory) past {
	all := memory{}
	if len(p) > 0 {
		maps.Copy(all, p[len(p)-1].files)
	}
	for path, text := range files {
		if all[path] = text; text == "" {
			delete(all, path)
		}
	}
	return append(slices.Clone(p), pastCommit{subject, all})
}

// replaced is a commit that replaces texts of a file.
func (p past) replaced(subject, path string, oldnew ...string) past {
	text := p[len(p)-1].files[path]
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			panic(fmt.Sprintf("%s has no %q", path, oldnew[i]))
		}
		text = strings.Replace(text, oldnew[i], oldnew[i+1], 1)
	}
	return p.then(subject, memory{path: text})
}

func (p past) tree() Tree { return moment{p[len(p)-1].files, p} }

// moment is a past at its newest commit.
type moment struct {
	memory
	past past
}

func shaOf(n int) string { return strings.Repeat(fmt.Sprintf("%02x", n+1), 20) }

func (m moment) Commit() string { return shaOf(len(m.past) - 1) }

func (m moment) Commits(_ context.Context, path string, most int) (all []Commit, err error) {
	for n, c := range slices.Backward(m.past) {
		before, was := "", false
		if n > 0 {
			before, was = m.past[n-1].files[path], m.past[n-1].files[path] != ""
		}
		if text, is := c.files[path]; is == was && text == before || len(all) == most {
			continue
		}
		one := Commit{SHA: shaOf(n), Author: "ana", At: time.Date(2026, 11, 23, 9, n, 0, 0, time.UTC), Subject: c.subject}
		if n > 0 {
			one.Parent = shaOf(n - 1)
		}
		all = append(all, one)
	}
	return all, nil
}

func (m moment) At(_ context.Context, commit string) (Tree, error) {
	for n := range m.past {
		if shaOf(n) == commit {
			return m.past[:n+1].tree(), nil
		}
	}
	return nil, engine.Errorf(engine.Conflict, "there is no commit %s", commit)
}

func (m moment) Pull(_ context.Context, commit string) (engine.Pull, error) {
	if commit == shaOf(1) {
		return engine.Pull{Number: 12}, nil
	}
	return engine.Pull{}, nil
}

// shows is the wish to take back what the live object shows: "container what key: from → to" each, the suspect first.
func shows(edits ...string) engine.Wish {
	var all []engine.Wish
	for _, text := range edits {
		field, values, _ := strings.Cut(text, ": ")
		container, field, _ := strings.Cut(field, " ")
		from, to, _ := strings.Cut(values, "→")
		w := engine.Wish{Kind: engine.WishRevert, Target: api, Field: field, Old: strings.TrimSpace(to), New: strings.TrimSpace(from)}
		w.Target.Container = strings.Trim(container, "-")
		all = append(all, w)
	}
	all[0].With = all[1:]
	return all[0]
}

const declaredAPI = `# All of payments.
# It is applied by Argo CD.

apiVersion: v1
kind: ConfigMap
metadata: {name: api, namespace: payments}
data:
  level: info
  limits.ini: |
    most = 10   # of each
    least = 1
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: payments}
spec:
  replicas: 2
  template:
    spec:
      serviceAccountName: api
      containers:
        - name: api
          image: acme/api:1.4.1
          command: [api, --serve]
          envFrom:
            - configMapRef: {name: api}
          env:
            # Where it writes to.
            - name: DB
              value: db:5432
            - {name: LEVEL, value: info}   # of the log
          volumeMounts:
            - {name: data, mountPath: /data}
          resources:
            limits: {memory: 256Mi}
      volumes:
        - name: data
          emptyDir: {}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker, namespace: payments}
spec:
  template:
    spec:
      containers:
        - name: worker
          image: acme/api:1.4.1
          env:
            - {name: LEVEL, value: info}
`

func begun(files memory) past { return past{}.then("begin", files) }

// reverted locates a wish and gives what changes, or why nothing does.
func reverted(t *testing.T, p past, w engine.Wish) (string, Located) {
	t.Helper()
	l, err := Locate(t.Context(), p.tree(), nil, w)
	if err != nil {
		t.Fatal(err)
	}
	checkEdits(t, p[len(p)-1].files, l)
	if l.Why != "" {
		return told(l), l
	}
	if l.Wish == nil || l.Wish.Name == "" || l.Note == "" {
		t.Fatalf("it does not name the commit: %+v", l)
	}
	again, err := Locate(t.Context(), p.tree(), nil, *l.Wish)
	if err != nil || !SameChange(again.Edits, l.Edits) || cmp.Diff(l.Wish, again.Wish) != "" {
		t.Errorf("the wish with its commit comes to something else: %v %s\n%s", err, changed(again), cmp.Diff(l.Wish, again.Wish))
	}
	return changed(l), l
}

func TestRevert(t *testing.T) {
	one := func() past { return begun(memory{"api.yaml": declaredAPI, "README.md": "hello\n"}) }
	for name, c := range map[string]struct {
		past past
		wish engine.Wish
		want string
		note string
	}{
		"a variable": {
			one().replaced("more words", "api.yaml", "value: info}   #", "value: debg}   #"),
			shows("api env LEVEL: LEVEL=info → LEVEL=debg"),
			"api.yaml\n-            - {name: LEVEL, value: debg}   # of the log\n+            - {name: LEVEL, value: info}   # of the log\n",
			"commit 0202020202 by ana of 2026-11-23 09:01 UTC (pull request #12): “more words”. What it did to Deployment api is taken back",
		},
		"amid later edits, and edits of others": {
			one().replaced("more words", "api.yaml", "value: info}   #", "value: debg}   #", "value: info}\n", "value: debg}\n").
				replaced("bigger", "api.yaml", "memory: 256Mi", "memory: 512Mi", "replicas: 2", "# two\n  replicas: 2").then("docs", memory{"README.md": "bye\n"}),
			shows("api env LEVEL: LEVEL=info → LEVEL=debg"),
			"api.yaml\n-            - {name: LEVEL, value: debg}   # of the log\n+            - {name: LEVEL, value: info}   # of the log\n", "Deployment api",
		},
		"a command": {
			one().replaced("other", "api.yaml", "[api, --serve]", "[api, --sevre]"), shows("api command: api --serve → api --sevre"),
			"api.yaml\n-          command: [api, --sevre]\n+          command: [api, --serve]\n", "",
		},
		"a variable that came": {
			one().replaced("flag", "api.yaml", "            - {name: LEVEL", "            - {name: FAST, value: \"yes\"}\n            - {name: LEVEL"), shows("api env FAST: → FAST=yes"),
			"api.yaml\n-            - {name: FAST, value: \"yes\"}\n", "",
		},
		"a variable that went, with its comment": {
			one().replaced("tidy", "api.yaml", "            # Where it writes to.\n            - name: DB\n              value: db:5432\n", ""), shows("api env DB: DB=db:5432 →"),
			"api.yaml\n+            # Where it writes to.\n+            - name: DB\n+              value: db:5432\n", "",
		},
		"a mount and its volume": {
			one().replaced("elsewhere", "api.yaml", "mountPath: /data", "mountPath: /var/data", "emptyDir: {}", "hostPath: {path: /none}"),
			shows("api mount /data: /data=data →", "api mount /var/data: → /var/data=data", "- volume data: data=empty directory → data=host path /none"),
			"api.yaml\n-            - {name: data, mountPath: /var/data}\n+            - {name: data, mountPath: /data}\n-          hostPath: {path: /none}\n+          emptyDir: {}\n", "",
		},
		"another field": {
			one().replaced("fields", "api.yaml", "      serviceAccountName: api\n", "      serviceAccountName: api\n      hostNetwork: true\n"),
			shows("- template: the revision before → a change of another field", "- revision: → 7"),
			"api.yaml\n-      hostNetwork: true\n", "",
		},
		"replicas": {
			one().replaced("many", "api.yaml", "replicas: 2", "replicas: 200"), shows("- replicas: 2 → 200"), "api.yaml\n-  replicas: 200\n+  replicas: 2\n", "",
		},
		"its ConfigMap with it": {
			one().replaced("limits", "api.yaml", "most = 10 ", "most = x ", "value: info}   #", "value: debg}   #"), shows("api env LEVEL: LEVEL=info → LEVEL=debg"),
			"api.yaml\n-    most = x   # of each\n+    most = 10   # of each\n-            - {name: LEVEL, value: debg}   # of the log\n+            - {name: LEVEL, value: info}   # of the log\n", "Deployment api and ConfigMap api",
		},
		"its ConfigMap alone": {
			one().replaced("limits", "api.yaml", "least = 1", "least = none"), shows("- configmap api: → 2026-11-23T09:30:00Z"),
			"api.yaml\n-    least = none\n+    least = 1\n", "ConfigMap api",
		},
		"in another file": {
			begun(memory{"api.yaml": strings.SplitAfterN(declaredAPI, "---\n", 2)[1], "cm/api.yaml": strings.Split(declaredAPI, "---\n")[0]}).
				then("both", memory{"api.yaml": strings.Replace(strings.SplitAfterN(declaredAPI, "---\n", 2)[1], "--serve", "--fast", 1), "cm/api.yaml": strings.Replace(strings.Split(declaredAPI, "---\n")[0], "level: info", "level: x", 1), "z.md": "z"}),
			shows("api command: api --serve → api --fast"),
			"api.yaml\n-          command: [api, --fast]\n+          command: [api, --serve]\ncm/api.yaml\n-  level: x\n+  level: info\n", "and so does what it did to one other file",
		},
		"with carriage returns": {
			begun(memory{"api.yaml": strings.ReplaceAll(declaredAPI, "\n", "\r\n")}).replaced("cr", "api.yaml", "--serve", "--srv"), shows("api command: api --serve → api --srv"),
			"api.yaml\n-          command: [api, --srv]\r\n+          command: [api, --serve]\r\n", "",
		},
		"what the evidence hides": {
			one().replaced("key", "api.yaml", "value: db:5432", "value: db:5433"), shows("api env DB: DB=*** → DB=***", "- revision: → 7"),
			"api.yaml\n-              value: db:5433\n+              value: db:5432\n", "",
		},
		"no other commit than the one that is named": {
			one().replaced("first", "api.yaml", "--serve", "--fast").replaced("and", "api.yaml", "replicas: 2", "replicas: 3"), shows("api command: api --serve → api --fast"),
			"api.yaml\n-          command: [api, --fast]\n+          command: [api, --serve]\n", "“first”",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, l := reverted(t, c.past, c.wish)
			if diff := cmp.Diff(c.want, got); diff != "" || !strings.Contains(l.Note, c.note) {
				t.Errorf("note %q (-want +got)\n%s", l.Note, diff)
			}
		})
	}
}

func TestRevertRefused(t *testing.T) {
	one := func() past { return begun(memory{"api.yaml": declaredAPI}) }
	level := shows("api env LEVEL: LEVEL=info → LEVEL=debg")
	for name, c := range map[string]struct {
		past past
		wish engine.Wish
		want []string
	}{
		"changed again": {
			one().replaced("bad", "api.yaml", "value: info}   # of the log", "value: debg}   # of the log").replaced("between", "api.yaml", "replicas: 2", "replicas: 3").
				replaced("words", "api.yaml", "# of the log", "# of all logs"),
			level,
			[]string{"commit 0202020202 by ana of 2026-11-23 09:01 UTC brought it, and commit 0404040404 by ana", "changed the same lines after it", "api.yaml:31 - {name: LEVEL, value: debg}   # of all logs (changed again)"},
		},
		"taken back already": {
			one().replaced("bad", "api.yaml", "value: info}   #", "value: debg}   #").replaced("back", "api.yaml", "value: debg}   #", "value: info}   #"),
			level,
			[]string{"commit 0303030303", "changed env LEVEL of container api to info already; that is not rolled out yet"},
		},
		"two commits at once": {
			one().replaced("bad", "api.yaml", "value: info}   #", "value: warn}   #").replaced("worse", "api.yaml", "value: warn}   #", "value: debg}   #"),
			level,
			[]string{"commit 0303030303", "from warn to debg, but the cluster went from info to debg", "more than one commit is between", "api.yaml:13"},
		},
		"no commit": {
			one().replaced("other", "api.yaml", "replicas: 2", "replicas: 3"),
			level,
			[]string{"none of the last 2 commits to its files brought env LEVEL of container api (info → debg)", "api.yaml:13"},
		},
		"made by the commit": {
			begun(memory{"README.md": "x"}).then("new", memory{"api.yaml": declaredAPI}), level,
			[]string{"commit 0202020202", "made Deployment api, so that nothing is before it", "api.yaml"},
		},
		"no file":        {begun(memory{"a.yaml": "a: 1\n"}), level, []string{"no file of shop/deploy declares Deployment payments/api"}},
		"declared twice": {begun(memory{"a.yaml": declaredAPI, "b.yaml": declaredAPI}), level, []string{"declared 2 times"}},
		"a commit that is gone": {
			one(), func() engine.Wish { w := level; w.Name = strings.Repeat("ab", 20); return w }(), []string{"commit ababababab is no longer in the history"},
		},
		"an item of a list": {
			begun(memory{"api.yaml": "kind: List\nitems:\n  - kind: Deployment\n    metadata: {name: api, namespace: payments}\n    spec: {replicas: 1}\n"}).replaced("x", "api.yaml", "replicas: 1", "replicas: 2"),
			shows("- replicas: 1 → 2"),
			[]string{"none of the last 2 commits"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, l := reverted(t, c.past, c.wish)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("it does not say %q:\n%s", want, got)
				}
			}
			if len(l.Edits) > 0 {
				t.Errorf("it edits all the same:\n%s", got)
			}
		})
	}
}

// TestRevertOfOverlays takes back what comes through Kustomize.
func TestRevertOfOverlays(t *testing.T) {
	base := begun(memory{
		"base/api.yaml":           strings.Split(declaredAPI, "---\n")[1],
		"base/kustomization.yaml": "resources: [api.yaml]\nconfigMapGenerator:\n  - name: api\n    files: [limits.ini]\n    literals:\n      - level=info\n",
		"base/limits.ini":         "most = 10\n",
		"prod/kustomization.yaml": "namespace: payments\nresources: [../base]\npatches:\n  - path: env.yaml\n  - patch: |-\n      kind: Deployment\n      metadata: {name: api}\n      spec: {replicas: 3}\nimages:\n  - name: acme/api\n    newTag: 1.4.1\n  - name: acme/other\n    newTag: 1.4.1\n",
		"prod/env.yaml":           "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  template:\n    spec:\n      containers:\n        - name: api\n          env:\n            - {name: LEVEL, value: warn}\n",
	})
	for name, c := range map[string]struct {
		past past
		wish engine.Wish
		want string
	}{
		"a patch in a file": {
			base.replaced("x", "prod/env.yaml", "value: warn", "value: wran"), shows("api env LEVEL: LEVEL=warn → LEVEL=wran"),
			"prod/env.yaml\n-            - {name: LEVEL, value: wran}\n+            - {name: LEVEL, value: warn}\n",
		},
		"a patch in the kustomization": {
			base.replaced("x", "prod/kustomization.yaml", "replicas: 3", "replicas: 0", "namespace: payments", "namespace: payments # all"), shows("- replicas: 3 → 0"),
			"prod/kustomization.yaml\n-      spec: {replicas: 0}\n+      spec: {replicas: 3}\n",
		},
		"an image, and not the other one": {
			base.replaced("x", "prod/kustomization.yaml", "newTag: 1.4.1", "newTag: 1.4.2", "newTag: 1.4.1", "newTag: 1.4.2"), shows("api image: acme/api:1.4.1 → acme/api:1.4.2"),
			"prod/kustomization.yaml\n-    newTag: 1.4.2\n+    newTag: 1.4.1\n",
		},
		"the base": {
			base.replaced("x", "base/api.yaml", "--serve", "--sevre"), shows("api command: api --serve → api --sevre"),
			"base/api.yaml\n-          command: [api, --sevre]\n+          command: [api, --serve]\n",
		},
		"a file that a ConfigMap is made of": {
			base.replaced("x", "base/limits.ini", "10", "x"), shows("api envFrom ConfigMap api-d8k2mh6f47: → ConfigMap api-d8k2mh6f47=all", "api envFrom ConfigMap api-7f5hb5k2cm: ConfigMap api-7f5hb5k2cm=all →"),
			"base/limits.ini\n-most = x\n+most = 10\n",
		},
		"a literal that a ConfigMap is made of": {
			base.replaced("x", "base/kustomization.yaml", "level=info", "level=x"), shows("- configmap api: → 2026-11-23T09:30:00Z"),
			"base/kustomization.yaml\n-      - level=x\n+      - level=info\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := reverted(t, c.past, c.wish); got != c.want {
				t.Errorf("(-want +got)\n%s", cmp.Diff(c.want, got))
			}
		})
	}
	const app = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop}\nspec:\n  source:\n    path: prod\n    kustomize:\n" +
		"      images: [\"acme/other:1\", \"acme/api:1.4.1\"]\n      patches:\n        - patch: |-\n            kind: Deployment\n            metadata: {name: api}\n            spec: {replicas: 3}\n"
	const flux = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: shop}\nspec:\n  path: ./prod\n  images:\n    - {name: acme/api, newTag: 1.4.1}\n" +
		"  patches:\n    - patch: |-\n        kind: Deployment\n        metadata: {name: api}\n        spec: {replicas: 3}\n"
	for name, c := range map[string]struct {
		file, was, is string
		wish          engine.Wish
		want          string
	}{
		"an image of an Argo CD application": {
			app, "acme/api:1.4.1", "acme/api:1.4.2", shows("api image: acme/api:1.4.1 → acme/api:1.4.2"),
			"-      images: [\"acme/other:1\", \"acme/api:1.4.2\"]\n+      images: [\"acme/other:1\", \"acme/api:1.4.1\"]\n",
		},
		"a patch of an Argo CD application": {app, "replicas: 3", "replicas: 0", shows("- replicas: 3 → 0"), "-            spec: {replicas: 0}\n+            spec: {replicas: 3}\n"},
		"an image of a Flux Kustomization":  {flux, "newTag: 1.4.1", "newTag: 1.4.2", shows("api image: acme/api:1.4.1 → acme/api:1.4.2"), "-    - {name: acme/api, newTag: 1.4.2}\n+    - {name: acme/api, newTag: 1.4.1}\n"},
		"a patch of a Flux Kustomization":   {flux, "replicas: 3", "replicas: 0", shows("- replicas: 3 → 0"), "-        spec: {replicas: 0}\n+        spec: {replicas: 3}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p := base.then("app", memory{"apps/shop.yaml": c.file})
			if got, _ := reverted(t, p.replaced("x", "apps/shop.yaml", c.was, c.is), c.wish); got != "apps/shop.yaml\n"+c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			two := p.then("another", memory{"apps/too.yaml": strings.Replace(c.file, "name: shop", "name: too", 1)}).replaced("x", "apps/shop.yaml", c.was, c.is)
			if got, _ := reverted(t, two, c.wish); !strings.Contains(got, "none of the last") {
				t.Errorf("of two that apply the folder, one is taken for the workload's:\n%s", got)
			}
		})
	}
	t.Run("a base of two builds says so", func(t *testing.T) {
		p := base.then("stage", memory{"stage/kustomization.yaml": "namespace: stage\nresources: [../base]\n"}).replaced("x", "base/api.yaml", "--serve", "--sevre")
		if _, l := reverted(t, p, shows("api command: api --serve → api --sevre")); !strings.Contains(l.Note, "stage uses base/api.yaml too") {
			t.Errorf("the note is %q", l.Note)
		}
	})
}

// TestRevertOfValues takes back what comes through a Helm chart's values, and leaves its templates alone.
func TestRevertOfValues(t *testing.T) {
	chart := begun(memory{
		"chart/Chart.yaml":  "name: api\nversion: 1.0.0\n",
		"chart/values.yaml": "level: info\ncache: 10\nimage: {repository: acme/api, tag: 1.4.1}\nargs: \"--serve --fast\"\n",
		"chart/templates/api.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: api}\nspec:\n  template:\n    spec:\n      containers:\n        - name: api\n" +
			"          image: \"{{ .Values.image.repository }}:{{ .Values.image.tag }}\"\n          args: [\"{{ .Values.args }}\"]\n          env:\n            - {name: LEVEL, value: {{ .Values.level }}}\n",
	})
	level := shows("api env LEVEL: LEVEL=info → LEVEL=debg")
	for name, c := range map[string]struct {
		past past
		wish engine.Wish
		want string
	}{
		"a value, and not its neighbour": {
			chart.replaced("x", "chart/values.yaml", "level: info\ncache: 10", "level: debg\ncache: 20"), level,
			"chart/values.yaml\n-level: debg\n+level: info\n",
		},
		"a tag": {
			chart.replaced("x", "chart/values.yaml", "tag: 1.4.1", "tag: 1.4.2"), shows("api image: acme/api:1.4.1 → acme/api:1.4.2"),
			"chart/values.yaml\n-image: {repository: acme/api, tag: 1.4.2}\n+image: {repository: acme/api, tag: 1.4.1}\n",
		},
		"words": {
			chart.replaced("x", "chart/values.yaml", "--fast", "--fsat"), shows("api args: --serve --fast → --serve --fsat"),
			"chart/values.yaml\n-args: \"--serve --fsat\"\n+args: \"--serve --fast\"\n",
		},
		"the template": {
			chart.replaced("x", "chart/templates/api.yaml", "{{ .Values.level }}", "debg"), level,
			"commit 0202020202 by ana of 2026-11-23 09:01 UTC changed the Helm template, which is no YAML that the bot edits\n" +
				"chart/templates/api.yaml:12 - {name: LEVEL, value: debg} (changed by the commit)\n",
		},
		"the values of a release whose chart is elsewhere": {
			begun(memory{"api.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: api, namespace: payments}\nspec:\n  chart: {spec: {chart: api, version: 1.0.0}}\n  values:\n    level: info # words\n    other: info\n"}).
				replaced("x", "api.yaml", "level: info", "level: debg"), level,
			"api.yaml\n-    level: debg # words\n+    level: info # words\n",
		},
		"a parameter of an Argo CD application": {
			chart.then("app", memory{"app.yaml": "kind: Application\nmetadata: {name: api}\nspec:\n  source:\n    path: chart\n    helm:\n      parameters:\n        - {name: level, value: warn}\n"}).
				replaced("x", "app.yaml", "value: warn", "value: debg"), shows("api env LEVEL: LEVEL=warn → LEVEL=debg"),
			"app.yaml\n-        - {name: level, value: debg}\n+        - {name: level, value: warn}\n",
		},
		"the values of an Argo CD application": {
			chart.then("app", memory{"app.yaml": "kind: Application\nmetadata: {name: api}\nspec:\n  source:\n    path: chart\n    helm:\n      values: |\n        level: warn\n"}).
				replaced("x", "app.yaml", "level: warn", "level: debg"), shows("api env LEVEL: LEVEL=warn → LEVEL=debg"),
			"app.yaml\n-        level: debg\n+        level: warn\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := reverted(t, c.past, c.wish); got != c.want {
				t.Errorf("(-want +got)\n%s", cmp.Diff(c.want, got))
			}
		})
	}
}

// TestRevertBringsTheBytesBack edits a workload's document at random, and other lines of the file after it: taking the first back gives the
// document's former bytes, with the later edits in them and no other byte changed.
func TestRevertBringsTheBytesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		eol := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "eol")
		var env, later []string // pairs of texts that are replaced
		text := "kind: ConfigMap\nmetadata: {name: other}\ndata: {level: info}\n---\nkind: Deployment\nmetadata: {name: api, namespace: payments}\nspec:\n  template:\n    spec:\n      containers:\n        - name: api\n          env:\n"
		n := rapid.IntRange(2, 12).Draw(t, "variables")
		for k := range n {
			text += fmt.Sprintf("            - {name: V%d, value: v%d} # the %d. one\n", k, k, k)
		}
		text += "---\nkind: Service\nmetadata: {name: api}\nspec: {ports: [{port: 80}]}\n"
		text = strings.ReplaceAll(text, "\n", eol)
		bad := rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 1, n, rapid.ID).Draw(t, "bad")
		var edits []string
		for _, k := range bad {
			env = append(env, fmt.Sprintf("value: v%d}", k), fmt.Sprintf("value: bad%d}", k))
			edits = append(edits, fmt.Sprintf("api env V%d: V%d=v%d → V%d=bad%d", k, k, k, k, k))
		}
		for k := range n {
			switch gap := slices.Contains(bad, k) || slices.Contains(bad, k-1) || slices.Contains(bad, k+1); {
			case !gap && rapid.Bool().Draw(t, "replaced"):
				later = append(later, fmt.Sprintf("value: v%d} # the", k), fmt.Sprintf("value: new%d} # that", k))
			case !gap && rapid.Bool().Draw(t, "added"):
				later = append(later, fmt.Sprintf("            - {name: V%d,", k), fmt.Sprintf("            # more%s            - {name: V%d,", eol, k))
			}
		}
		if rapid.Bool().Draw(t, "outside") {
			later = append(later, "level: info", "level: debg", "port: 80", "port: 81")
		}
		before := begun(memory{"api.yaml": text})
		after := before.replaced("bad", "api.yaml", env...)
		want := text
		if len(later) > 0 {
			after = after.replaced("later", "api.yaml", later...)
			want = before.replaced("later", "api.yaml", later...)[1].files["api.yaml"]
		}
		l, err := Locate(context.Background(), after.tree(), nil, shows(edits...))
		if err != nil || l.Why != "" {
			t.Fatalf("%v, %s", err, told(l))
		}
		if diff := cmp.Diff(want, string(l.Files["api.yaml"])); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
		if got := len(l.Wish.With); got != len(bad)-1 {
			t.Fatalf("%d of %d edits are told", got+1, len(bad))
		}
	})
}

// TestMerge compares taking hunks back with doing both edits at once, line by line.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		back := rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "d\n"}), 0, 12).Draw(t, "back")
		edit := func(from []string, name string) []string {
			out := slices.Clone(from)
			for range rapid.IntRange(0, 3).Draw(t, name) {
				if at := rapid.IntRange(0, len(out)).Draw(t, "at"); at < len(out) && rapid.Bool().Draw(t, "removed") {
					out = slices.Delete(out, at, at+1)
				} else {
					out = slices.Insert(out, at, rapid.SampledFrom([]string{"x\n", "y\n", "a\n"}).Draw(t, "line"))
				}
			}
			return out
		}
		base := edit(back, "bad")
		now := edit(base, "later")
		same := func(name string, now, want []string) {
			if got, _, ok := merge(base, back, hunks(base, back), now); !ok || strings.Join(got, "") != strings.Join(want, "") {
				t.Fatalf("%s: base %q, back %q, now %q: %q, %t; want %q", name, base, back, now, got, ok, want)
			}
		}
		same("nothing later", base, back)
		same("taken back already", back, back)
		if got, at, ok := merge(base, back, nil, now); !ok || at != 0 || strings.Join(got, "") != strings.Join(now, "") {
			t.Fatalf("nothing is taken back of %q: %q", now, got)
		}
		if got, _, ok := merge(base, back, hunks(base, back), now); ok {
			// What others did since is there once, whichever of the two is undone first.
			other, _, fine := merge(base, now, hunks(base, now), back)
			if fine && strings.Join(other, "") != strings.Join(got, "") {
				t.Fatalf("base %q, back %q, now %q: %q, and the other way %q", base, back, now, got, other)
			}
		}
	})
}

// TestRevertIsToldInThePullRequest says what is there now and what comes, whatever of it the live object shows.
func TestRevertIsToldInThePullRequest(t *testing.T) {
	for wish, want := range map[*engine.Wish]string{
		new(shows("api env A: A=1 → A=2", "api env B: → B=1")):               "| `A=2`<br>`B=1` | `A=1`<br>`not set` |",
		new(shows("api env A: A=*** → A=***", "- revision: → 7")):            "| `revision 7` | `as it was before` |",
		new(shows("- configmap api: → 2026-11-23T09:30:00Z")):                "| `ConfigMap api` | `as it was before` |",
		new(shows("- replicas: 2 → 200")):                                    "| `200` | `2` |",
		new(shows("api mount /a: /a=data →", "api mount /b: → /b=data")):     "| `not set`<br>`/b=data` | `/a=data`<br>`not set` |",
		new(shows("- template: the revision before → x", "- revision: → 8")): "| `revision 8` | `as it was before` |",
	} {
		if got := rowText(engine.ProposalItem{Title: "x", Wish: *wish, Because: "y"}); !strings.Contains(got, want) {
			t.Errorf("%s; want %s", got, want)
		}
	}
}
