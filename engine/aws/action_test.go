package aws

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every call of the SDK is made with an input of its name: &ec2.DescribeVolumesInput{…}.
var input = regexp.MustCompile(`&(\w+)\.([A-Z]\w+)Input\{`)

// TestGrantsAreWhatIsCalled reads the package's own source: an action that is called and not granted would be denied in production, and
// one that is granted and not called is a permission too many. What removes volumes, keeps anchors, sends mail, keeps files or breaks something has a file,
// and a role, of its own.
func TestGrantsAreWhatIsCalled(t *testing.T) {
	all := called(t)
	reads := all[""]
	delete(reads, "sts:GetCallerIdentity")
	var granted []string
	for _, g := range Grants() {
		if !slices.IsSorted(g.Actions) || !slices.IsSorted(g.Behind) {
			t.Errorf("%s is not in order", g.Part)
		}
		granted = append(granted, g.Actions...)
	}
	slices.Sort(granted)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(reads)), granted); diff != "" {
		t.Errorf("actions (-called +granted):\n%s", diff)
	}
	for _, action := range granted {
		_, verb, _ := strings.Cut(action, ":")
		reads := strings.HasPrefix(verb, "Describe") || strings.HasPrefix(verb, "List") || strings.HasPrefix(verb, "Get")
		if !reads && !strings.HasPrefix(action, "athena:") {
			t.Errorf("%s does more than look", action)
		}
	}
	for file, grant := range map[string]Grant{"remove.go": Removes(), "anchor.go": Keeps(), "mail.go": Mails(), "depot.go": Files(), "narrate.go": Invokes(), "fis.go": Injects()} {
		if diff := cmp.Diff(slices.Sorted(maps.Keys(all[file])), grant.Actions); diff != "" {
			t.Errorf("actions of %s (-called +granted):\n%s", file, diff)
		}
	}
}

// Permissions that are not named as the calls are. An object is asked for by its version.
var named = map[string]string{
	"s3:GetObject": "s3:GetObjectVersion", "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration", "s3:ListObjectVersions": "s3:ListBucketVersions",
	"bedrock:Converse": "bedrock:InvokeModel",
}

// called gives the actions that each file calls which has a role of its own, by its name, and under "" those that all others do.
func called(t *testing.T) map[string]map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	prefixes := map[string]string{
		"ec2": "ec2", "autoscaling": "autoscaling", "eks": "eks", "pricing": "pricing", "costexplorer": "ce", "athena": "athena", "sts": "sts", "s3": "s3", "sesv2": "ses", "bedrockruntime": "bedrock", "fis": "fis",
	}
	all := map[string]map[string]bool{"": {}, "remove.go": {}, "anchor.go": {}, "mail.go": {}, "depot.go": {}, "narrate.go": {}, "fis.go": {}}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		to := all[file]
		if to == nil {
			to = all[""]
		}
		for _, m := range input.FindAllStringSubmatch(string(source), -1) {
			if m[1] == "types" { // a part of a call, and not one
				continue
			}
			if prefixes[m[1]] == "" {
				t.Errorf("%s: service %s has no prefix in IAM here", file, m[1])
			}
			action := prefixes[m[1]] + ":" + m[2]
			if permission, ok := named[action]; ok {
				action = permission
			}
			to[action] = true
		}
	}
	return all
}
