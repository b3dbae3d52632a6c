package handlers

import (
	"context"
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// countedGroups counts how often Slack is asked.
type countedGroups struct {
	fakeGroups
	asked int
}

func (c *countedGroups) Groups(ctx context.Context, user string) ([]string, error) {
	c.asked++
	return c.fakeGroups.Groups(ctx, user)
}

func (c *countedGroups) Member(ctx context.Context, user string) (bool, error) {
	c.asked++
	return c.fakeGroups.Member(ctx, user)
}

func TestWhoIsEveryone(t *testing.T) {
	c := changesFixture(t)
	c.Policy.Roles = []policy.Role{
		{Name: "viewer", Members: []string{policy.Everyone}, May: []engine.Action{engine.ActionView}},
		{Name: "guests", Members: []string{"SGUESTS", "UGUEST"}, May: []engine.Action{engine.ActionAcknowledge}},
		{Name: "open", Members: []string{policy.Everyone}, May: []engine.Action{engine.ActionApprove}, Namespaces: []string{"shop"}},
		{Name: "payments", Members: []string{"SPAY"}, May: []engine.Action{engine.ActionApprove}, Namespaces: []string{"payments"}},
	}
	groups := &countedGroups{fakeGroups: fakeGroups{"UPAY": {"SPAY"}}}
	c.Groups = groups
	for name, tc := range map[string]struct {
		by     string
		action engine.Action
		ok     bool
		reason string
		code   engine.Code
		asked  int
	}{
		"a member":                         {"UANA", engine.ActionView, true, "role viewer", "", 1},
		"a guest":                          {"UGUEST", engine.ActionView, false, "needs the role viewer (guests and people of other workspaces do not count as everyone)", "", 2},
		"a guest who is named":             {"UGUEST", engine.ActionAcknowledge, true, "role guests", "", 0},
		"nobody is let, so nobody asks":    {"UANA", engine.ActionPause, false, "no role allows pause", "", 1},
		"Slack is away":                    {"UDOWN", engine.ActionView, false, "", engine.Unavailable, 2},
		"Slack does not tell about guests": {"UHIDDEN", engine.ActionView, false, "needs the role viewer (Slack does not let", "", 2},
	} {
		groups.asked = 0
		ok, reason, err := c.allowed(t.Context(), engine.Person{ID: tc.by}, tc.action, engine.Workload{})
		if ok != tc.ok || !strings.Contains(reason, tc.reason) || engine.CodeOf(err) != tc.code || groups.asked > tc.asked {
			t.Errorf("%s: %t, %q, %v, Slack asked %d times", name, ok, reason, err, groups.asked)
		}
	}
	shop, payments := api, api
	shop.Namespace, payments.Namespace = "shop", "payments"
	both := []engine.ProposalItem{{Wish: engine.Wish{Target: engine.Target{Workload: shop}}}, {Wish: engine.Wish{Target: engine.Target{Workload: payments}}}}
	for by, want := range map[string]string{"UPAY": "open, payments", "UANA": "", "UGUEST": ""} {
		ok, role, reason, err := c.mayDecide(t.Context(), engine.Decision{Action: engine.ActionApprove, By: engine.Person{ID: by}}, both)
		if ok != (want != "") || role != want || err != nil || reason == "" {
			t.Errorf("%s: %t by %q (%s), %v", by, ok, role, reason, err)
		}
	}
}
