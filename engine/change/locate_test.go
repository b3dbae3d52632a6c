package change

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

// memory is a Tree of files in memory.
type memory map[string]string

func (m memory) Repo() string   { return "shop/deploy" }
func (m memory) Base() string   { return "main" }
func (m memory) Commit() string { return "c0ffee" }

func (m memory) Files() []File {
	var all []File
	for _, p := range slices.Sorted(maps.Keys(m)) {
		all = append(all, File{Path: p, Blob: blobID([]byte(m[p])), Size: int64(len(m[p])), Mode: "100644"})
	}
	return all
}

func (m memory) Read(_ context.Context, p string) ([]byte, error) {
	text, ok := m[p]
	if !ok {
		return nil, engine.Errorf(engine.NotFound, "no file %s", p)
	}
	return []byte(text), nil
}

// api is the workload that most tests ask for.
var api = engine.Target{Workload: engine.Workload{Cluster: "prod", Namespace: "payments", Kind: "Deployment", Name: "api"}, Container: "api"}

// request is a wish for another request of api.
func request(field, from, to string) engine.Wish {
	return engine.Wish{Kind: engine.WishRequest, Target: api, Field: field, Old: from, New: to}
}

// changed is what a diff removes and adds, without its context.
func changed(l Located) string {
	var out strings.Builder
	for _, e := range l.Edits {
		out.WriteString(e.Path + "\n")
		for line := range strings.Lines(e.Diff) {
			if strings.HasPrefix(line, "---") || strings.HasPrefix(line, "+++") {
				continue
			}
			if line[0] == '+' || line[0] == '-' || line[0] == '\\' {
				out.WriteString(line)
			}
		}
	}
	return out.String()
}

// told is a refusal as text: why, and the places.
func told(l Located) string {
	out := l.Why + "\n"
	for _, p := range l.ByHand {
		out += fmt.Sprintf("%s:%d %s (%s)\n", p.Path, p.Line, p.Text, p.Note)
	}
	return out
}

func locate(t *testing.T, files memory, w engine.Wish, paths ...string) Located {
	t.Helper()
	l, err := Locate(t.Context(), files, paths, w)
	if err != nil {
		t.Fatal(err)
	}
	checkEdits(t, files, l)
	return l
}

// checkEdits holds what is true of every answer: an edit or a reason, and edits that make the new contents of the old.
func checkEdits(t *testing.T, files memory, l Located) {
	t.Helper()
	if (l.Why == "") == (len(l.Edits) == 0) || len(l.Edits) != len(l.Files) {
		t.Fatalf("%d edits, %d files and the reason %q", len(l.Edits), len(l.Files), l.Why)
	}
	for _, e := range l.Edits {
		lines := splitLines(files[e.Path])
		n := len(splitLines(e.Before))
		if got := strings.Join(lines[e.Line-1:e.Line-1+n], ""); got != e.Before {
			t.Errorf("%s line %d is %q, the edit says %q", e.Path, e.Line, got, e.Before)
		}
		got := strings.Join(lines[:e.Line-1], "") + e.After + strings.Join(lines[e.Line-1+n:], "")
		if diff := cmp.Diff(string(l.Files[e.Path]), got); diff != "" {
			t.Errorf("%s: the edit makes something else than the new contents (-want +got):\n%s", e.Path, diff)
		}
		if e.Blob != blobID([]byte(files[e.Path])) {
			t.Errorf("%s: wrong blob", e.Path)
		}
	}
}

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: api # the public one
  namespace: payments
spec:
  template:
    spec:
      containers:
      - name: proxy
        image: envoy:1.30
        resources:
          requests: {cpu: 100m, memory: 64Mi}
      - name: api
        image: "shop/api:1.0"

        # measured in May
        resources:
          requests:
            memory: "2Gi"   # do not touch before Friday
            cpu: 500m
`

func TestLocateManifest(t *testing.T) {
	for name, test := range map[string]struct {
		file string
		wish engine.Wish
		want string
	}{
		"a value": {deployment, request("memory", "2Gi", "1229Mi"), `k8s/api.yaml
-            memory: "2Gi"   # do not touch before Friday
+            memory: "1229Mi"   # do not touch before Friday
`},
		"the file's unit": {deployment, request("memory", "2048Mi", "1024Mi"), `k8s/api.yaml
-            memory: "2Gi"   # do not touch before Friday
+            memory: "1Gi"   # do not touch before Friday
`},
		"millicores": {deployment, request("cpu", "0.5", "1"), `k8s/api.yaml
-            cpu: 500m
+            cpu: 1000m
`},
		"a missing limit": {deployment, engine.Wish{Kind: engine.WishLimit, Target: api, Field: "memory", New: "3Gi"}, `k8s/api.yaml
+          limits:
+            memory: 3Gi
`},
		"drift": {deployment, request("memory", "4Gi", "1Gi"), `the file says 2Gi, the cluster runs 4Gi
k8s/api.yaml:20 memory: "2Gi"   # do not touch before Friday (spec.template.spec.containers[name=api].resources.requests.memory)
`},
	} {
		t.Run(name, func(t *testing.T) {
			l := locate(t, memory{"k8s/api.yaml": test.file}, test.wish)
			got := changed(l)
			if l.Why != "" {
				got = told(l)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
