package main

import (
	"strings"
	"testing"

	"github.com/eks-autopilot/autopilot/engine"
)

const removing = smallest + `roles:
  - {name: owner, members: [U0ANA, U0BEN], may: [approve, deny]}
waste: {}
volumes: {remove: true}
aws:
  accounts:
    - {id: "123456789012", regions: [eu-central-1, eu-west-1], role_arn: "arn:aws:iam::123456789012:role/autopilot", remover_role_arn: "arn:aws:iam::123456789012:role/autopilot-volume-remover"}
    - {id: "210987654321", regions: [eu-central-1]}
`

func TestVolumesAreRemovedWhereItIsAskedFor(t *testing.T) {
	c, err := parseConfig("f", []byte(smallest))
	if err != nil || c.Volumes.Remove {
		t.Fatalf("by default: %+v, %v", c.Volumes, err)
	}
	if c, err = parseConfig("f", []byte(removing)); err != nil {
		t.Fatal(err)
	}
	changes, err := connectChanges(t.Context(), c, Secrets{}, nil, nil, nil)
	if err != nil || changes == nil || changes.Removing == nil || changes.Forge != nil {
		t.Fatalf("without GitHub: %+v, %v", changes, err)
	}
	var where []string
	for _, a := range changes.Removing.Accounts {
		where = append(where, a.ID+" "+a.Region)
	}
	if got := strings.Join(where, ", "); got != "123456789012 eu-central-1, 123456789012 eu-west-1" {
		t.Errorf("removes in %s; want the account with a role for it alone", got)
	}
	c.Volumes.Remove = false
	if changes, err := connectChanges(t.Context(), c, Secrets{}, nil, nil, nil); changes != nil || err != nil {
		t.Errorf("switched off: %+v, %v", changes, err)
	}
}

func TestVolumesAreStrict(t *testing.T) {
	edit := func(old, now string) string { return strings.Replace(removing, old, now, 1) }
	for name, tc := range map[string]struct{ text, want string }{
		"no role for it":         {edit(`, remover_role_arn: "arn:aws:iam::123456789012:role/autopilot-volume-remover"`, ""), "volumes.remove: needs remover_role_arn in at least one of aws.accounts"},
		"the role that looks":    {edit("role/autopilot-volume-remover", "role/autopilot"), "is the role that looks"},
		"not a role":             {edit("arn:aws:iam::123456789012:role/autopilot-volume-remover", "remover"), `"remover" is not a role's ARN`},
		"a role without the key": {edit("volumes: {remove: true}\n", ""), "needs volumes: {remove: true}"},
		"no waste":               {edit("waste: {}\n", ""), "needs a waste section"},
		"nobody may approve":     {edit("may: [approve, deny]", "may: [view]"), "needs a role that may approve"},
		"another key":            {edit("{remove: true}", "{delete: true}"), `unknown key "delete"`},
		"not a truth":            {edit("{remove: true}", "{remove: [vol-1]}"), "wrong type"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseConfig("f", []byte(tc.text))
			if engine.CodeOf(err) != engine.Invalid || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v; want %q", err, tc.want)
			}
		})
	}
}

func TestRemovalNeedsTwoApprovers(t *testing.T) {
	c, err := parseConfig("f", []byte(strings.Replace(removing, "[U0ANA, U0BEN]", "[U0ANA]", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got := checkApprovers(c); got.Level != engine.CheckFail {
		t.Errorf("one person may approve: %+v", got)
	}
}
