//go:build install

package install

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// The two accounts of a release.
const (
	bot     = "system:serviceaccount:autopilot:autopilot"
	breaker = "system:serviceaccount:autopilot:autopilot-chaos"
)

var rightRE = regexp.MustCompile(`^(\S*) +\[(.*?)\] +\[(.*?)\] +\[(.*?)\]$`)

// granted reads what `kubectl auth can-i --list` prints, as "verb resource" and "verb /path".
func granted(t *testing.T, printed string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	heading, rest, _ := strings.Cut(printed, "\n")
	if !strings.HasPrefix(heading, "Resources") || rest == "" {
		t.Fatalf("this is no list of rights:\n%s", printed)
	}
	for line := range strings.Lines(rest) {
		m := rightRE.FindStringSubmatch(strings.TrimSpace(line))
		if line[0] == ' ' { // a path, whose resource is empty
			m = rightRE.FindStringSubmatch(" " + strings.TrimSpace(line))
		}
		if m == nil {
			t.Fatalf("what is %q in a list of rights", line)
		}
		of := m[1]
		if m[2] != "" {
			of = m[2]
		}
		if m[3] != "" {
			of += " named " + m[3]
		}
		for verb := range strings.FieldsSeq(m[4]) {
			all[verb+" "+of] = true
		}
	}
	return all
}

// documented are the rights of the role of deploy/rbac that the documents speak of, named as kubectl does.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile("../../deploy/rbac/reader.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	first, _, _ := strings.Cut(string(data), "\n---")
	if err := yaml.UnmarshalStrict([]byte(first), &role); err != nil || len(role.Rules) == 0 {
		t.Fatalf("%d rules, %v", len(role.Rules), err)
	}
	all := map[string]bool{}
	for _, r := range role.Rules {
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				if group != "" {
					name, sub, has := strings.Cut(resource, "/")
					if resource = name + "." + group; has {
						resource += "/" + sub
					}
				}
				for _, verb := range r.Verbs {
					all[verb+" "+resource] = true
				}
			}
		}
	}
	return all
}

// rights: with experiments switched off nobody of the release can evict, and the bot may what is documented.
func (x *site) rights(t *testing.T, printed string) {
	x.onlyReads(t, printed)
	x.refused(t, bot, "shop")
	x.refused(t, breaker, "shop")
}

// onlyReads: beside what every account has, kubectl lists what is documented and nothing more, all of which is to read.
func (x *site) onlyReads(t *testing.T, printed string) {
	t.Helper()
	own, want, everybodys := granted(t, printed), documented(t), x.everybodys(t)
	maps.DeleteFunc(own, func(right string, _ bool) bool { return everybodys[right] })
	for _, right := range slices.Sorted(maps.Keys(own)) {
		if verb, of, _ := strings.Cut(right, " "); !want[right] || !slices.Contains([]string{"get", "list", "watch"}, verb) || strings.HasPrefix(of, "secrets") {
			t.Errorf("the bot may %s, which is not documented, or not to read", right)
		}
	}
	for _, right := range slices.Sorted(maps.Keys(want)) {
		if !own[right] {
			t.Errorf("the bot may not %s, which is documented", right)
		}
	}
	t.Logf("%d rights of its own:\n%s", len(own), printed)
}

// everybodys are the rights of an account that nobody gave any.
func (x *site) everybodys(t *testing.T) map[string]bool {
	t.Helper()
	return granted(t, x.shell.run(t, "what everybody may", "kubectl auth can-i --list --as=system:serviceaccount:autopilot:nobody"))
}

// evict asks the Eviction API as an account, for a pod that is in the namespace shop.
func (x *site) evict(t *testing.T, account, namespace string) error {
	t.Helper()
	pods, err := x.client.CoreV1().Pods("shop").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) == 0 {
		t.Fatalf("%d pods in shop, %v", len(pods.Items), err)
	}
	config := x.stand.Cluster.RESTConfig()
	config.Impersonate = rest.ImpersonationConfig{UserName: account, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	return kubernetes.NewForConfigOrDie(config).PolicyV1().Evictions(namespace).Evict(t.Context(),
		&policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pods.Items[0].Name, Namespace: namespace}})
}

func (x *site) refused(t *testing.T, account, namespace string) {
	t.Helper()
	if err := x.evict(t, account, namespace); !apierrors.IsForbidden(err) {
		t.Errorf("%s evicts in %s: %v", account, namespace, err)
	}
}

// chaos: who does experiments may evict where that was said, the bot nowhere and no more than before, and the process plans what is asked for.
func (x *site) chaos(t *testing.T, _ string) {
	x.onlyReads(t, x.shell.run(t, "what the bot may", "kubectl auth can-i --list --namespace shop --as="+bot))
	x.shell.run(t, "there is one pod that can be spared", "kubectl -n shop rollout status deployment/api --timeout=5m")
	o, err := x.slack.Control().Command(t.Context(), x.people["ben"], "incidents", "/autopilot chaos kill shop/api -count 1")
	if err != nil || !o.OK {
		t.Fatalf("%+v, %v", o, err)
	}
	x.card(t, "incidents", "shop/api", "the Eviction API")
	for _, refused := range [][2]string{{bot, "shop"}, {bot, space}, {breaker, space}, {breaker, "monitoring"}} {
		x.refused(t, refused[0], refused[1])
	}
	if err := x.evict(t, breaker, "shop"); err != nil {
		t.Errorf("%s cannot evict in shop: %v", breaker, err)
	}
}
