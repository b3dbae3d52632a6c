package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine"
)

func TestCheckOpenRoles(t *testing.T) {
	cfg := Config{Roles: []RoleConfig{
		{Name: "viewer", Members: []string{"everyone"}, May: []string{"view", "acknowledge"}},
		{Name: "owner", Members: []string{"U0ANA", "everyone"}, May: []string{"approve", "snooze", "deny"}},
		{Name: "fixer", Members: []string{"everyone"}, May: []string{"undo"}},
		{Name: "platform", Members: []string{"S0PLAT"}, May: []string{"undo", "approve", "pause"}},
	}}
	var got []string
	for _, c := range checkOpenRoles(cfg) {
		if c.OK || c.Level != engine.CheckWarn || c.Fix == "" {
			t.Errorf("%+v", c)
		}
		got = append(got, c.Name+": "+c.Found)
	}
	if d := cmp.Diff([]string{"owner: everyone may approve, deny", "fixer: everyone may undo"}, got); d != "" {
		t.Error(d)
	}
}
