package waste

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTeams(t *testing.T) {
	named := func(namespace, name string, labels map[string]string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}
	}
	c := &Cluster{
		Team:       map[string]string{"shop": "configured", "ops": "platform"},
		Namespaces: []*corev1.Namespace{{ObjectMeta: named("", "shop", map[string]string{"team": "of-namespace"})}},
		Pods: []*corev1.Pod{
			{ObjectMeta: named("shop", "web", map[string]string{"team": "own"})},
			{ObjectMeta: named("shop", "plain", nil)},
		},
	}
	team := c.Teams(DefaultRules())
	for at, want := range map[[2]string]string{
		{"shop", "web"}: "own", {"shop", "plain"}: "of-namespace", {"shop", "gone"}: "of-namespace", {"ops", "gone"}: "platform", {"ci", "gone"}: "",
	} {
		if got := team(at[0], at[1]); got != want {
			t.Errorf("team of %v = %q, want %q", at, got, want)
		}
	}
}
