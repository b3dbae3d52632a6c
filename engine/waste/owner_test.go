package waste

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestOwner(t *testing.T) {
	c := &Cluster{Team: map[string]string{"shop": "commerce"}}
	labelled := func(l map[string]string) *Cluster {
		with := *c
		with.Namespaces = []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: l}}}
		return &with
	}
	cases := []struct {
		name      string
		cluster   *Cluster
		namespace string
		labels    []map[string]string
		want      engine.Owner
	}{
		{"its own label", labelled(map[string]string{"team": "platform"}), "shop", []map[string]string{{"team": "checkout"}}, engine.Owner{Team: "checkout", By: "label team"}},
		{"the first label of the rules wins", c, "shop", []map[string]string{{"owner": "b", "app.kubernetes.io/team": "a"}}, engine.Owner{Team: "a", By: "label app.kubernetes.io/team"}},
		{"the label of its template", c, "shop", []map[string]string{nil, {"owner": "b"}}, engine.Owner{Team: "b", By: "label owner"}},
		{"an empty label says nothing", labelled(map[string]string{"team": "platform"}), "shop", []map[string]string{{"team": ""}}, engine.Owner{Team: "platform", By: "namespace shop"}},
		{"the namespace", labelled(map[string]string{"owner": "platform"}), "shop", nil, engine.Owner{Team: "platform", By: "namespace shop"}},
		{"the configuration", labelled(nil), "shop", nil, engine.Owner{Team: "commerce", By: "configuration"}},
		{"nobody", c, "other", nil, engine.Owner{}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if got := owner(tc.cluster, namespacesOf(tc.cluster), DefaultRules(), tc.namespace, tc.labels...); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestAFindingNamesItsTeam: the owner reaches the finding.
func TestAFindingNamesItsTeam(t *testing.T) {
	a := newApp()
	a.labels = map[string]string{"team": "checkout"}
	if f, _, _ := verdict(t, a.build(), engine.OverRequestedCPU, "api"); f.Owner != (engine.Owner{Team: "checkout", By: "label team"}) {
		t.Errorf("%+v", f.Owner)
	}
}
