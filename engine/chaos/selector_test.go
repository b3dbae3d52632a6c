package chaos_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/chaos"
)

// A selector chooses the pods that kubectl would choose with it.
func TestSelectors(t *testing.T) {
	f, r := field(), rules()
	r.MaxPercent, r.MinReady, r.MaxPods = 100, 0, 100
	for k, labels := range []map[string]string{
		{"app": "api", "tier": "web"}, {"app": "api", "tier": "batch", "canary": ""}, {"app": "api"}, {"app": "db", "example.com/owner": "a_team"},
	} {
		f.Pods[k].Labels = labels
	}
	f.Pods = f.Pods[:4]
	for selector, want := range map[string]string{
		"app=api":                    "api-0 api-1 api-2",
		"app==api":                   "api-0 api-1 api-2",
		"app!=api":                   "api-3",
		"app=api,tier!=web":          "api-1 api-2", // as for kubectl, what has no such label is not equal to it
		"tier":                       "api-0 api-1",
		"!tier":                      "api-2 api-3",
		"canary=":                    "api-1",
		"app=api,canary":             "api-1",
		"app=api,!canary,tier":       "api-0",
		"example.com/owner=a_team":   "api-3",
		"example.com/owner!=b,!tier": "api-2 api-3",
	} {
		e, err := chaos.Draft(parsed(t, "nothing shop -percent 100 -selector "+selector), f, r, 1)
		if err != nil {
			t.Errorf("%s: %v", selector, err)
			continue
		}
		var got []string
		for _, v := range e.Strikes[0].Targets {
			got = append(got, v.Object.Name)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != want {
			t.Errorf("%s chooses %v, want %s", selector, got, want)
		}
	}
	for _, bad := range []string{"=", "=api", "app=a b", "app=api,", "a/b/c=d", "-app", "app=-x", "app in (a)", strings.Repeat("a", 64) + "=b"} {
		q := parsed(t, "nothing shop")
		q.Strikes[0].Selector = bad
		if _, err := chaos.Draft(q, f, r, 1); engine.CodeOf(err) != engine.Invalid {
			t.Errorf("selector %q: %v; want invalid", bad, err)
		}
	}
}
