package policy_test

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

var rules = policy.Policy{
	Roles: []policy.Role{
		{Name: "viewer", Members: []string{policy.Everyone}, May: []engine.Action{engine.ActionView}},
		{Name: "responder", Members: []string{"SONCALL", "UANA"}, May: []engine.Action{engine.ActionAcknowledge, engine.ActionLogs}},
		{Name: "payments-dev", Members: []string{"UCHI"}, May: []engine.Action{engine.ActionAcknowledge}, Namespaces: []string{"payments*"}},
		{Name: "eu-admin", Members: []string{"UBEN"}, May: []engine.Action{engine.ActionPause, engine.ActionResolve}, Clusters: []string{"prod-eu"}},
		{Name: "admin", Members: []string{"UROOT"}, May: []engine.Action{engine.ActionPause}},
	},
	LogsOff: []string{"vault", "secret-*"},
}

func TestAllowed(t *testing.T) {
	shop := engine.Workload{Cluster: "prod-eu", Namespace: "shop", Kind: "Deployment", Name: "web"}
	payments := engine.Workload{Cluster: "prod-us", Namespace: "payments-eu", Kind: "Deployment", Name: "api"}
	vault := engine.Workload{Cluster: "prod-eu", Namespace: "vault", Kind: "StatefulSet", Name: "vault"}
	node := engine.Workload{Cluster: "prod-eu", Kind: engine.KindNode, Name: "ip-10-0-0-1"}
	whole := engine.Workload{}
	cases := []struct {
		name   string
		person string
		groups []string
		action engine.Action
		on     engine.Workload
		want   bool
		reason string
	}{
		{"everyone views", "UEVE", []string{policy.Everyone}, engine.ActionView, shop, true, "role viewer"},
		{"a guest is not everyone", "UGUEST", []string{"SOTHER"}, engine.ActionView, shop, false, "view on namespace shop (cluster prod-eu) needs the role viewer"},
		{"by id", "UANA", nil, engine.ActionAcknowledge, shop, true, "role responder"},
		{"by group", "UEVE", []string{"SONCALL"}, engine.ActionAcknowledge, shop, true, "role responder"},
		{"group gone", "UEVE", []string{"SOTHER"}, engine.ActionAcknowledge, shop, false, "acknowledge on namespace shop (cluster prod-eu) needs the role responder"},
		{"namespace pattern", "UCHI", nil, engine.ActionAcknowledge, payments, true, "role payments-dev"},
		{"namespace not covered", "UCHI", nil, engine.ActionAcknowledge, shop, false, "your role payments-dev does not cover namespace shop (cluster prod-eu)"},
		{"logs off", "UANA", nil, engine.ActionLogs, vault, false, "logs of namespace vault are switched off by configuration"},
		{"logs elsewhere", "UANA", nil, engine.ActionLogs, shop, true, "role responder"},
		{"nobody may", "UANA", nil, engine.ActionVerdict, shop, false, "no role allows verdict on namespace shop (cluster prod-eu)"},
		{"a limited role does not cover the whole", "UBEN", nil, engine.ActionPause, whole, false, "your role eu-admin does not cover this installation"},
		{"an unlimited one does", "UROOT", nil, engine.ActionPause, whole, true, "role admin"},
		{"node by cluster", "UBEN", nil, engine.ActionResolve, node, true, "role eu-admin"},
		{"namespace role and node", "UCHI", nil, engine.ActionAcknowledge, node, false, "your role payments-dev does not cover ip-10-0-0-1 (cluster prod-eu)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, reason := rules.Allowed(engine.Person{ID: c.person}, c.groups, c.action, c.on)
			if got != c.want || reason != c.reason {
				t.Errorf("Allowed = %v, %q; want %v, %q", got, reason, c.want, c.reason)
			}
		})
	}
}

func TestNoRolesAllowNothing(t *testing.T) {
	got, reason := policy.Policy{}.Allowed(engine.Person{ID: "UANA"}, nil, engine.ActionView, engine.Workload{Namespace: "shop"})
	if got || !strings.Contains(reason, "no role allows view") {
		t.Errorf("Allowed = %v, %q; want a refusal that says that no role allows it", got, reason)
	}
}
