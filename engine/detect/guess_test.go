package detect_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/util/rand"
	"pgregory.net/rapid"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/detect"
)

func TestGuess(t *testing.T) {
	type labels = map[string]string
	by := func(kind, name string) labels { return labels{"created_by_kind": kind, "created_by_name": name} }
	for _, c := range []struct {
		kind, name string
		labels     labels
		want       string // Kind namespace/name; "" for no guess
	}{
		{"Pod", "web-7bfc9d8f6d-x2x9k", nil, "Deployment shop/web"},
		{"Pod", "my-web-2-7bfc9d8f-x2x9k", nil, "Deployment shop/my-web-2"},
		{"Pod", "web-7bfc9d8-x2x9k", nil, ""},      // too short for a hash
		{"Pod", "web-7bfc9d8f6d12-x2x9k", nil, ""}, // too long
		{"Pod", "web-7bfa9d8f6d-x2x9k", nil, ""},   // a vowel
		{"Pod", "web-7bfc9d8f6d-x2x9", nil, ""},    // the last part is too short
		{"Pod", "web-7bfc9d8f6d-x2x13", nil, ""},   // digits that are not made up
		{"Pod", "7bfc9d8f6d-x2x9k", nil, ""},       // nothing before the hash
		{"Pod", "report-29945678-x2x9k", nil, ""},  // a CronJob's: digits that could be a hash
		{"Pod", "agent-x2x9k", nil, ""},            // a DaemonSet's or a Job's
		{"Pod", "db-0", nil, ""},                   // a StatefulSet's, or so called
		{"Pod", "db-0", labels{"pod": "db-0"}, ""}, //
		{"Pod", "db-0", labels{"statefulset_kubernetes_io_pod_name": "db-0"}, "StatefulSet shop/db"},
		{"Pod", "db-0", labels{"label_statefulset_kubernetes_io_pod_name": "db-0"}, "StatefulSet shop/db"},
		{"Pod", "db-0", labels{"statefulset_kubernetes_io_pod_name": "cache-0"}, ""},
		{"Pod", "my-db-12", labels{"apps_kubernetes_io_pod_index": "12"}, "StatefulSet shop/my-db"},
		{"Pod", "db-0", by("StatefulSet", "db"), "StatefulSet shop/db"},
		{"Pod", "agent-x2x9k", by("DaemonSet", "agent"), "DaemonSet shop/agent"},
		{"Pod", "web-7bfc9d8f6d-x2x9k", by("ReplicaSet", "web-7bfc9d8f6d"), "Deployment shop/web"},
		{"Pod", "old-x2x9k", by("ReplicaSet", "old"), "ReplicaSet shop/old"},
		{"Pod", "report-29945678-x2x9k", by("Job", "report-29945678"), "CronJob shop/report"},
		{"Pod", "import-x2x9k", by("Job", "import"), "Job shop/import"},
		{"Pod", "kube-proxy-n1", by("Node", "n1"), "Node n1"},
		{"Pod", "alone", by("<none>", "<none>"), ""},
		{"ReplicaSet", "web-7bfc9d8f6d", nil, "Deployment shop/web"},
		{"ReplicaSet", "old", nil, ""},
		{"Job", "report-29945678", nil, "CronJob shop/report"},
		{"Job", "report-20261123", nil, ""}, // a date
		{"Job", "import", nil, ""},
		{"Deployment", "web-7bfc9d8f6d-x2x9k", nil, ""},
	} {
		got := ""
		if w, ok := detect.Guess(c.kind, "shop", c.name, c.labels); ok {
			got = w.Kind + " " + w.String()
		}
		if got != c.want {
			t.Errorf("%s %s with %v is %q, want %q", c.kind, c.name, c.labels, got, c.want)
		}
	}
}

// TestGuessKnowsTheNamesThatKubernetesGives makes names as the controllers do.
func TestGuessKnowsTheNamesThatKubernetesGives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		deployment := rapid.StringMatching(`[a-z]([a-z0-9-]{0,20}[a-z0-9])?`).Draw(t, "deployment")
		sum := rapid.Uint32Range(10_000_000, 1<<32-1).Filter(func(n uint32) bool { return !onlyDigits(hashOf(n)) }) // few are
		hash := hashOf(sum.Draw(t, "sum of the template"))
		suffix := rapid.StringOfN(rapid.RuneFrom([]rune("bcdfghjklmnpqrstvwxz2456789")), 5, 5, -1).Draw(t, "suffix")
		w, ok := detect.Guess("Pod", "shop", deployment+"-"+hash+"-"+suffix, nil)
		if want := (engine.Workload{Namespace: "shop", Kind: "Deployment", Name: deployment}); !ok || w != want {
			t.Fatalf("%s-%s-%s is %+v, want %+v", deployment, hash, suffix, w, want)
		}
	})
}

// hashOf is how the Deployment controller writes the sum of a pod template.
func hashOf(sum uint32) string { return rand.SafeEncodeString(fmt.Sprint(sum)) }

func onlyDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}
