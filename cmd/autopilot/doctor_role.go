package main

import (
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/policy"
)

// weighty are the actions that change something elsewhere, or keep the bot from it: they are for people whom somebody chose.
var weighty = []engine.Action{
	engine.ActionApprove, engine.ActionDeny, engine.ActionUndo, engine.ActionRestart, engine.ActionScale, engine.ActionCordon,
	engine.ActionChaos, engine.ActionChaosDrain, engine.ActionChaosDelete, engine.ActionPause, engine.ActionResume,
}

// checkOpenRoles warns of each role that lets everyone do what weighs.
func checkOpenRoles(cfg Config) []engine.Check {
	const area = "roles"
	var checks []engine.Check
	for _, r := range cfg.Roles {
		if !slices.Contains(r.Members, policy.Everyone) {
			continue
		}
		var what []string
		for _, a := range weighty {
			if slices.Contains(r.May, string(a)) {
				what = append(what, string(a))
			}
		}
		if len(what) > 0 {
			checks = append(checks, engine.Missed("role-everyone", engine.CheckWarn, area, r.Name, "everyone may "+strings.Join(what, ", "), "people whom somebody chose",
				"put a user group or user ids in the place of everyone: that is each full member of the workspace, whoever invited them; "+
					"guests and people of other workspaces are not among them"))
		}
	}
	return checks
}
