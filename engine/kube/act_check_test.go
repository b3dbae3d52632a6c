package kube

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestTheRoleOfRemediesGrantsWhatIsNeededAndNoMore(t *testing.T) {
	file, err := os.ReadFile("../../deploy/rbac/remedies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	first, _, _ := strings.Cut(string(file), "\n---\n")
	if err := yaml.UnmarshalStrict([]byte(first), &role); err != nil {
		t.Fatal(err)
	}
	var granted, needed []string
	for _, rule := range role.Rules {
		for _, resource := range rule.Resources {
			for _, verb := range rule.Verbs {
				granted = append(granted, rule.APIGroups[0]+" "+resource+" "+verb)
			}
		}
	}
	for _, kind := range engine.RemedyKinds {
		if len(RemedyNeeds[kind]) == 0 {
			t.Errorf("%s needs nothing", kind)
		}
		for _, n := range RemedyNeeds[kind] {
			for _, verb := range n.Verbs {
				needed = append(needed, n.Group+" "+n.Resource+" "+verb)
			}
		}
	}
	slices.Sort(granted)
	slices.Sort(needed)
	if diff := cmp.Diff(slices.Compact(needed), granted); diff != "" {
		t.Errorf("needed (-) and granted (+) differ:\n%s", diff)
	}
}

func TestCheckRemedies(t *testing.T) {
	c := reviewing("patch daemonsets", "patch nodes")
	if checks := c.CheckRemedies(t.Context(), nil); len(checks) > 0 {
		t.Errorf("nothing is switched on: %+v", checks)
	}
	var got []string
	for _, check := range c.CheckRemedies(t.Context(), []engine.RemedyKind{engine.RemedyUndo, engine.RemedyRestart, engine.RemedyScale}) {
		got = append(got, check.Name+" "+string(check.Level))
	}
	want := []string{"patch deployments ok", "patch statefulsets ok", "patch daemonsets fail", "patch deployments/scale ok", "patch statefulsets/scale ok"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	checks := c.CheckRemedies(t.Context(), []engine.RemedyKind{engine.RemedyCordon})
	if len(checks) != 1 || !strings.Contains(checks[0].Fix, "deploy/rbac/remedies.yaml") {
		t.Errorf("of cordon: %+v", checks)
	}
}
