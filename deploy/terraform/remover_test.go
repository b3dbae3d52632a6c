package terraform

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/eks-autopilot/autopilot/engine"
	"github.com/eks-autopilot/autopilot/engine/aws"
)

const removerPolicy = "policies/volume-remover.json.tftpl"

// The role that removes may do what the code calls as it, and nothing else; and nothing that changes something without a condition,
// but that a snapshot, which is marked, is taken of any volume.
func TestRemoverMayDoWhatIsCalledAndNothingElse(t *testing.T) {
	grant, allowed := aws.Removes(), map[string]bool{}
	if removerPolicy != "policies/"+grant.Part+".json.tftpl" {
		t.Errorf("the policy of %s is %s", grant.Part, removerPolicy)
	}
	var bounds []string
	for _, s := range policy(t, removerPolicy) {
		if s.Effect != "Allow" {
			t.Errorf("%v: %s", s.Action, s.Effect)
		}
		for _, action := range s.Action {
			allowed[action] = true
			if strings.Contains(action, "*") || strings.HasPrefix(action, "ec2:DeleteSnapshot") {
				t.Errorf("it allows %s", action)
			}
			looks := strings.HasPrefix(action, "ec2:Describe")
			if all, _ := s.Resource.(string); (all == "*") != looks {
				t.Errorf("%s is on %v", action, s.Resource)
			}
			for operator, keys := range s.Condition {
				for key, value := range keys {
					bounds = append(bounds, fmt.Sprint(action, " ", operator, " ", key, " ", value))
				}
			}
		}
	}
	want := slices.Sorted(slices.Values(slices.Concat(grant.Actions, grant.Behind)))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(allowed))); diff != "" {
		t.Errorf("actions (-called +allowed):\n%s", diff)
	}
	slices.Sort(bounds)
	for _, want := range []string{
		"ec2:CreateSnapshot Null aws:RequestTag/" + engine.RemovalTag + " false",
		"ec2:CreateTags StringEquals ec2:CreateAction CreateSnapshot",
		"ec2:CreateTags ForAllValues:StringEquals aws:TagKeys [Name " + engine.RemovalTag + "]",
		"ec2:DeleteVolume Null aws:ResourceTag/keep true",
		"ec2:DeleteVolume Null aws:ResourceTag/do-not-delete true",
	} {
		if !slices.Contains(bounds, want) {
			t.Errorf("there is no condition %q in\n%s", want, strings.Join(bounds, "\n"))
		}
	}
}

// The role that looks can neither snapshot nor delete, and the other is there only where somebody asks for it.
func TestRemoverIsApart(t *testing.T) {
	for _, g := range aws.Grants() {
		for _, action := range aws.Removes().Actions {
			if !strings.HasPrefix(action, "ec2:Describe") && slices.Contains(slices.Concat(g.Actions, g.Behind), action) {
				t.Errorf("%s grants %s", g.Part, action)
			}
		}
	}
	source := read(t, "remover.tf")
	for _, m := range regexp.MustCompile(`(?m)^(?:resource|data) "\w+" "(\w+)" \{\n(.*)`).FindAllStringSubmatch(source, -1) {
		if !strings.Contains(m[2], "count = ") {
			t.Errorf("%s is made whether or not it is asked for", m[1])
		}
	}
	if !regexp.MustCompile(`(?s)variable "volume_remover" \{.*?\n  default = null\n\}`).MatchString(read(t, "variables.tf")) {
		t.Error("volume_remover is not off by default")
	}
	if !strings.Contains(read(t, "main.tf"), "It changes nothing.") || strings.Contains(read(t, "main.tf"), "volume-remover") {
		t.Error("the role that looks has to do with removing")
	}
}

// Every file is HCL.
func TestModuleParses(t *testing.T) {
	for _, file := range []string{"main.tf", "remover.tf", "anchor.tf", "fis.tf", "variables.tf", "outputs.tf"} {
		if _, diags := hclsyntax.ParseConfig([]byte(read(t, file)), file, hcl.InitialPos); diags.HasErrors() {
			t.Errorf("%v", diags)
		}
	}
}
