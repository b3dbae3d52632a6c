package kube

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	fakediscovery "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/engine"
)

const readerRole = "../../deploy/rbac/reader.yaml"

// grants lists what a table of needs, or a role, allows: "group resource verb".
func grants(add func(grant func(group, resource, verb string))) []string {
	var out []string
	add(func(group, resource, verb string) { out = append(out, group+" "+resource+" "+verb) })
	slices.Sort(out)
	return out
}

func TestTheShippedRoleGrantsWhatIsNeededAndNoMore(t *testing.T) {
	file, err := os.ReadFile(readerRole)
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	first, _, _ := strings.Cut(string(file), "\n---\n")
	if err := yaml.UnmarshalStrict([]byte(first), &role); err != nil {
		t.Fatal(err)
	}
	granted := grants(func(grant func(string, string, string)) {
		for _, rule := range role.Rules {
			if len(rule.ResourceNames)+len(rule.NonResourceURLs) > 0 {
				t.Errorf("rule %v is narrower than Needs can say", rule)
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						grant(group, resource, verb)
					}
				}
			}
		}
	})
	needed := grants(func(grant func(string, string, string)) {
		for _, n := range Needs {
			for _, verb := range n.Verbs {
				grant(n.Group, n.Resource, verb)
			}
		}
	})
	if diff := cmp.Diff(needed, granted); diff != "" {
		t.Errorf("needed (-) and granted (+) differ:\n%s", diff)
	}
}

func TestNothingIsWrittenAndNoSecretIsRead(t *testing.T) {
	for _, n := range Needs {
		if n.Resource == "secrets" || strings.ContainsAny(n.Group+n.Resource, "*") {
			t.Errorf("%s is asked for", n.Resource)
		}
		for _, verb := range n.Verbs {
			if !slices.Contains([]string{"get", "list", "watch"}, verb) {
				t.Errorf("verb %s on %s", verb, n.Resource)
			}
		}
		if n.Why == "" || n.Level == "" {
			t.Errorf("%s has no reason or no level", n.Resource)
		}
	}
}

// reviewing gives a cluster that allows everything but "verb resource" pairs, as SelfSubjectAccessReviews see it.
func reviewing(denied ...string) *Cluster {
	client := fake.NewSimpleClientset()
	client.PrependReactor("create", "selfsubjectaccessreviews", func(a clienttesting.Action) (bool, runtime.Object, error) {
		create, ok := a.(clienttesting.CreateAction)
		if !ok {
			return true, nil, errors.New("not a create action")
		}
		review, ok := create.GetObject().(*authorizationv1.SelfSubjectAccessReview)
		if !ok {
			return true, nil, errors.New("not a review")
		}
		asked := review.Spec.ResourceAttributes
		resource := asked.Resource
		if asked.Subresource != "" {
			resource += "/" + asked.Subresource
		}
		review.Status.Allowed = !slices.Contains(denied, asked.Verb+" "+resource)
		return true, review, nil
	})
	if d, ok := client.Discovery().(*fakediscovery.FakeDiscovery); ok {
		d.FakedServerVersion = &version.Info{GitVersion: "v1.37.2"}
	}
	c := newCluster("prod", client, nil, nil)
	c.host = func() string { return "https://api:6443" }
	return c
}

func TestCheckNamesWhatIsMissing(t *testing.T) {
	checks := reviewing("watch pods", "list pods", "get pods/log").Check(context.Background())
	if len(checks) != len(Needs)+1 {
		t.Fatalf("%d checks; want one for the server and one for each need", len(checks))
	}
	var bad []engine.Check
	for _, c := range checks {
		if c.OK != (c.Level == engine.CheckOK) || c.Area != "kubernetes prod" {
			t.Errorf("check %+v", c)
		}
		if !c.OK {
			bad = append(bad, c)
		}
	}
	want := []engine.Check{
		engine.Missed("kubernetes-permission", engine.CheckFail, "kubernetes prod", "get, list, watch pods", "may not list, watch",
			"allowed: incidents are found by watching pods", "bind the ClusterRole of deploy/rbac/reader.yaml in cluster prod"),
		engine.Missed("kubernetes-permission", engine.CheckWarn, "kubernetes prod", "get pods/log", "may not get",
			"allowed: causes are read from the logs of failed containers", "bind the ClusterRole of deploy/rbac/reader.yaml in cluster prod"),
	}
	if diff := cmp.Diff(want, bad); diff != "" {
		t.Errorf("what is missing (-want +got):\n%s", diff)
	}
	if checks[0].Found != "v1.37.2" || checks[0].Name != "reach https://api:6443" {
		t.Errorf("the server's row: %+v", checks[0])
	}
}

func TestCheckOfAClusterThatDoesNotAnswer(t *testing.T) {
	c, err := Connect(Config{Name: "prod", EKS: &EKS{Find: fixedPlace("https://127.0.0.1:1", testCA(t)), Token: fixedToken("t")}})
	if err != nil {
		t.Fatal(err)
	}
	checks := c.Check(t.Context())
	if len(checks) != 1 || checks[0].Level != engine.CheckFail || !strings.Contains(checks[0].Found, "refused") {
		t.Errorf("checks: %+v", checks)
	}
}
