package main

import (
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// VolumesConfig lets the bot itself remove volumes that no file declares. Two people approve each, whatever it is worth.
type VolumesConfig struct {
	Remove bool `yaml:"remove"` // needs aws.accounts[].remover_role_arn, and counts in those accounts alone
}

// volumes checks what lets the bot remove volumes.
func (v *validator) volumes(c Config) {
	removers := 0
	for i, a := range c.AWS.Accounts {
		where := at{"aws", "accounts", i}.with("remover_role_arn")
		switch {
		case a.RemoverRoleARN == "":
			continue
		case !roleARNRE.MatchString(a.RemoverRoleARN):
			v.bad(where, "%q is not a role's ARN; such as arn:aws:iam::123456789012:role/autopilot-volume-remover", a.RemoverRoleARN)
		case a.RemoverRoleARN == a.RoleARN:
			v.bad(where, "is the role that looks; removing needs one of its own, which deploy/terraform makes")
		case !c.Volumes.Remove:
			v.bad(where, "needs volumes: {remove: true}")
		}
		removers++
	}
	if !c.Volumes.Remove {
		return
	}
	where := at{"volumes", "remove"}
	if c.Waste == nil {
		v.bad(where, "needs a waste section: what is found there is what is removed")
	}
	if removers == 0 {
		v.bad(where, "needs remover_role_arn in at least one of aws.accounts: the role that may take snapshots and delete volumes")
	}
	if !slices.ContainsFunc(c.Roles, func(r RoleConfig) bool { return slices.Contains(r.May, string(engine.ActionApprove)) }) {
		v.bad(where, "needs a role that may approve; two people must")
	}
}
