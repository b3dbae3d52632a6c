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

const (
	mailPolicy  = "policies/report-mail.json.tftpl"
	filesPolicy = "policies/report-files.json.tftpl"
)

// The role of the reports may do what the code calls as it: send from one address of one identity, and write below one prefix.
func TestReportsMayDoWhatIsCalledAndNothingElse(t *testing.T) {
	for _, p := range []struct {
		path, on string
		grant    aws.Grant
		bounds   []string
	}{
		{
			mailPolicy, "arn:${partition}:ses:${mail_region}:${account}:identity/${mail_identity}", aws.Mails(),
			[]string{"ses:SendEmail StringEquals ses:FromAddress ${mail_from}", "ses:SendRawEmail StringEquals ses:FromAddress ${mail_from}"},
		},
		{filesPolicy, "arn:${partition}:s3:::${report_bucket}/${report_prefix}/*", aws.Files(), nil},
	} {
		if p.path != "policies/"+p.grant.Part+".json.tftpl" {
			t.Errorf("the policy of %s is %s", p.grant.Part, p.path)
		}
		allowed := map[string]bool{}
		var bounds []string
		for _, s := range policy(t, p.path) {
			if s.Effect != "Allow" || s.Resource != p.on {
				t.Errorf("%s: %s %v on %v", p.path, s.Effect, s.Action, s.Resource)
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
		want := slices.Sorted(slices.Values(slices.Concat(p.grant.Actions, p.grant.Behind)))
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(allowed))); diff != "" {
			t.Errorf("%s: actions (-called +allowed):\n%s", p.path, diff)
		}
		slices.Sort(bounds)
		if diff := cmp.Diff(p.bounds, bounds); diff != "" {
			t.Errorf("%s: conditions (-want +got):\n%s", p.path, diff)
		}
	}
}

func TestReportsAreApart(t *testing.T) {
	for _, m := range regexp.MustCompile(`(?m)^(?:resource|data) "\w+" "(\w+)" \{\n(.*)`).FindAllStringSubmatch(read(t, "reports.tf"), -1) {
		if !strings.Contains(m[2], "count = ") {
			t.Errorf("%s is made whether or not it is asked for", m[1])
		}
	}
	if !regexp.MustCompile(`(?s)variable "reports" \{.*?\n  default = null\n`).MatchString(read(t, "variables.tf")) {
		t.Error("reports is not off by default")
	}
	if strings.Contains(read(t, "main.tf"), "report") {
		t.Error("the role that looks has to do with reports")
	}
}
