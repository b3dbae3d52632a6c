package terraform

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine/aws"
)

const injectorPolicy = "policies/fault-injector.json.tftpl"

// The role that breaks something may do what the code calls as it, on what it marked, and hands AWS FIS one role and no other.
func TestInjectorMayDoWhatIsCalledAndNothingElse(t *testing.T) {
	grant, allowed := aws.Injects(), map[string]bool{}
	if injectorPolicy != "policies/"+grant.Part+".json.tftpl" {
		t.Errorf("the policy of %s is %s", grant.Part, injectorPolicy)
	}
	var bounds []string
	for _, s := range policy(t, injectorPolicy) {
		if s.Effect != "Allow" {
			t.Errorf("%v: %s", s.Action, s.Effect)
		}
		for _, action := range s.Action {
			allowed[action] = true
			looks := strings.HasPrefix(action, "fis:Get") || strings.HasPrefix(action, "fis:List")
			ofPods := s.Resource == "arn:${partition}:fis:*:*:action/aws:eks:pod-*"
			if strings.Contains(action, "*") || (s.Resource == "*") != looks || len(s.Condition) == 0 && !looks && !ofPods {
				t.Errorf("%s is on %v under %v", action, s.Resource, s.Condition)
			}
			for operator, keys := range s.Condition {
				for key, value := range keys {
					bounds = append(bounds, fmt.Sprint(action, " ", operator, " ", key, " ", value))
				}
			}
		}
		if slices.Contains(s.Action, "iam:PassRole") && s.Resource != "${experiment_role}" {
			t.Errorf("it hands over %v", s.Resource)
		}
	}
	want := slices.Sorted(slices.Values(slices.Concat(grant.Actions, grant.Behind)))
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(allowed))); diff != "" {
		t.Errorf("actions (-called +allowed):\n%s", diff)
	}
	for _, want := range []string{
		"fis:CreateExperimentTemplate Null aws:RequestTag/" + aws.FaultTag + " false", "fis:TagResource Null aws:RequestTag/" + aws.FaultTag + " false",
		"fis:StopExperiment Null aws:ResourceTag/" + aws.FaultTag + " false", "fis:DeleteExperimentTemplate Null aws:ResourceTag/" + aws.FaultTag + " false",
		"iam:PassRole StringEquals iam:PassedToService fis.amazonaws.com",
	} {
		if !slices.Contains(bounds, want) {
			t.Errorf("there is no condition %q in\n%s", want, strings.Join(bounds, "\n"))
		}
	}
}

// It is there only where somebody asks for it, and the role that looks has nothing of it.
func TestInjectorIsApart(t *testing.T) {
	for _, g := range aws.Grants() {
		if k := slices.IndexFunc(slices.Concat(g.Actions, g.Behind), func(a string) bool { return strings.HasPrefix(a, "fis:") || a == "iam:PassRole" }); k >= 0 {
			t.Errorf("%s grants what the other does", g.Part)
		}
	}
	source := read(t, "fis.tf")
	for _, m := range regexp.MustCompile(`(?m)^(?:resource|data) "\w+" "(\w+)" \{\n(.*)`).FindAllStringSubmatch(source, -1) {
		if !strings.Contains(m[2], "count = ") {
			t.Errorf("%s is made whether or not it is asked for", m[1])
		}
	}
	if strings.Contains(source, "aws_iam_role.this") {
		t.Error("the bot's own role has to do with it")
	}
	if !regexp.MustCompile(`(?s)variable "fault_injector" \{.*?\n  default = null\n\}`).MatchString(read(t, "variables.tf")) {
		t.Error("fault_injector is not off by default")
	}
}
