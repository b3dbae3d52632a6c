package kube

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"github.com/eks-autopilot/autopilot/engine"
)

const optIn = "autopilot.dev/chaos=enabled"

// with adds namespaces, in which all is allowed but what was denied.
func with(t *testing.T, c *Cluster, names ...string) *Cluster {
	t.Helper()
	for _, name := range names {
		n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"autopilot.dev/chaos": "enabled"}}}
		if strings.HasPrefix(name, "quiet") {
			n.Labels = nil
		}
		if _, err := c.client.CoreV1().Namespaces().Create(t.Context(), n, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// rows are checks as "name level", and each one that did not pass says what to do.
func rows(t *testing.T, checks []engine.Check) (all []string) {
	t.Helper()
	for _, c := range checks {
		if c.Area != "experiments prod" || c.OK != (c.Level == engine.CheckOK) || !c.OK && (c.Fix == "" || c.Want == "" || c.ID == "") {
			t.Errorf("%+v", c)
		}
		all = append(all, c.Name+" "+string(c.Level))
	}
	return all
}

// Each verb of experiments is tried in each namespace that opted in; who lacks one hears what for, where, and how to get it.
func TestCheckChaos(t *testing.T) {
	passed := []string{"namespaces ok", "create pods/eviction ok", "create pods/exec ok", "patch pods/ephemeralcontainers ok", "create pods/attach ok"}
	if diff := cmp.Diff(passed, rows(t, with(t, reviewing(), "shop", "pay", "quiet").CheckChaos(t.Context(), optIn, ChaosNeeds))); diff != "" {
		t.Errorf("all is allowed (-want +got):\n%s", diff)
	}
	for k, need := range ChaosNeeds {
		name := strings.Join(need.Verbs, ", ") + " " + need.Resource
		checks := with(t, reviewing(need.Verbs[0]+" "+need.Resource), "shop", "pay", "quiet").CheckChaos(t.Context(), optIn, ChaosNeeds)
		want := slices.Clone(passed)
		want[k+1] = name + " " + string(need.Level)
		if diff := cmp.Diff(want, rows(t, checks)); diff != "" {
			t.Errorf("without %s (-want +got):\n%s", name, diff)
		}
		missing := checks[k+1]
		if missing.Found != "denied in pay, shop" || !strings.Contains(missing.Fix, "deploy/rbac/chaos.yaml") || !strings.Contains(missing.Want, need.Why) {
			t.Errorf("without %s: %+v", name, missing)
		}
	}
	none := with(t, reviewing(), "quiet").CheckChaos(t.Context(), optIn, ChaosNeeds)
	if diff := cmp.Diff([]string{"namespaces warn"}, rows(t, none)); diff != "" || none[0].Fix != "kubectl label namespace <name> "+optIn {
		t.Errorf("nobody opted in: %+v", none)
	}
	deaf := reviewing()
	deaf.client.(*fake.Clientset).PrependReactor("list", "namespaces", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("no answer") })
	if diff := cmp.Diff([]string{"namespaces fail"}, rows(t, deaf.CheckChaos(t.Context(), optIn, ChaosNeeds))); diff != "" {
		t.Errorf("the API server does not answer:\n%s", diff)
	}
	unsure := with(t, reviewing(), "shop")
	unsure.client.(*fake.Clientset).PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("no answer") })
	if got := unsure.CheckChaos(t.Context(), optIn, ChaosNeeds[:1]); len(got) != 2 || got[1].OK || !strings.Contains(got[1].Found, "shop (") {
		t.Errorf("what nobody can tell: %+v", got)
	}
}

// The bot's own account is better without what hurts.
func TestCheckHarmless(t *testing.T) {
	if c := reviewing("create pods/eviction", "create pods/exec", "patch pods/ephemeralcontainers", "create pods/attach").CheckHarmless(t.Context()); !c.OK {
		t.Errorf("it may nothing: %+v", c)
	}
	c := reviewing("create pods/eviction", "create pods/attach").CheckHarmless(t.Context())
	if c.OK || c.Level != engine.CheckWarn || c.Found != "the bot may create pods/exec, patch pods/ephemeralcontainers" || !strings.Contains(c.Fix, "clusters[].chaos") {
		t.Errorf("it may two things: %+v", c)
	}
}

// The role that is shipped grants what is needed.
func TestTheRoleOfExperimentsGrantsWhatIsNeeded(t *testing.T) {
	granted := map[string]bool{}
	for _, role := range shippedRoles(t, "chaos.yaml") {
		if role.Name == "autopilot-chaos" {
			for _, rule := range role.Rules {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						granted[verb+" "+resource] = true
					}
				}
			}
		}
	}
	for _, need := range ChaosNeeds {
		for _, verb := range need.Verbs {
			if !granted[verb+" "+need.Resource] {
				t.Errorf("%s %s is not granted", verb, need.Resource)
			}
		}
	}
	if granted["delete pods"] || granted["patch nodes"] {
		t.Errorf("it grants what has a role of its own: %v", granted)
	}
}

func shippedRoles(t *testing.T, file string) (roles []rbacv1.ClusterRole) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/rbac/" + file)
	if err != nil {
		t.Fatal(err)
	}
	for doc := range strings.SplitSeq(string(text), "\n---") {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal([]byte(doc), &role); err != nil {
			t.Fatal(err)
		}
		if role.Kind == "ClusterRole" {
			roles = append(roles, role)
		}
	}
	return roles
}
