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

const anchorPolicy = "policies/audit-anchor.json.tftpl"

// The role of the anchors may do what the code calls as it, in its own corner of the bucket, and writes nothing that is not locked.
func TestAnchorMayDoWhatIsCalledAndNothingElse(t *testing.T) {
	grant, allowed := aws.Keeps(), map[string]bool{}
	if anchorPolicy != "policies/"+grant.Part+".json.tftpl" {
		t.Errorf("the policy of %s is %s", grant.Part, anchorPolicy)
	}
	var bounds []string
	for _, s := range policy(t, anchorPolicy) {
		if s.Effect != "Allow" {
			t.Errorf("%v: %s", s.Action, s.Effect)
		}
		if on, _ := s.Resource.(string); !strings.HasPrefix(on, "arn:${partition}:s3:::${anchor_bucket}") || strings.HasPrefix(s.Action[0], "s3:Put") && !strings.HasSuffix(on, "/${anchor_prefix}/*") {
			t.Errorf("%v is on %v", s.Action, s.Resource)
		}
		for _, action := range s.Action {
			allowed[action] = true
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
	if diff := cmp.Diff([]string{
		"s3:ListBucketVersions StringLike s3:prefix ${anchor_prefix}/*",
		"s3:PutObject StringEquals s3:object-lock-mode ${anchor_mode}",
		"s3:PutObjectRetention StringEquals s3:object-lock-mode ${anchor_mode}",
	}, bounds); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
}

func TestAnchorIsApart(t *testing.T) {
	for _, m := range regexp.MustCompile(`(?m)^(?:resource|data) "\w+" "(\w+)" \{\n(.*)`).FindAllStringSubmatch(read(t, "anchor.tf"), -1) {
		if !strings.Contains(m[2], "count = ") {
			t.Errorf("%s is made whether or not it is asked for", m[1])
		}
	}
	if !regexp.MustCompile(`(?s)variable "audit_anchor" \{.*?\n  default = null\n`).MatchString(read(t, "variables.tf")) {
		t.Error("audit_anchor is not off by default")
	}
	if strings.Contains(read(t, "main.tf"), "anchor") {
		t.Error("the role that looks has to do with anchors")
	}
}
