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
// one that is granted and not called is a permission too many.
func TestGrantsAreWhatIsCalled(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	prefixes := map[string]string{"ec2": "ec2", "autoscaling": "autoscaling", "eks": "eks", "pricing": "pricing", "costexplorer": "ce", "athena": "athena", "sts": "sts"}
	called := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range input.FindAllStringSubmatch(string(source), -1) {
			if prefixes[m[1]] == "" {
				t.Errorf("%s: service %s has no prefix in IAM here", file, m[1])
			}
			called[prefixes[m[1]]+":"+m[2]] = true
		}
	}
	delete(called, "sts:GetCallerIdentity")
	var granted []string
	for _, g := range Grants() {
		if !slices.IsSorted(g.Actions) || !slices.IsSorted(g.Behind) {
			t.Errorf("%s is not in order", g.Part)
		}
		granted = append(granted, g.Actions...)
	}
	slices.Sort(granted)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(called)), granted); diff != "" {
		t.Errorf("actions (-called +granted):\n%s", diff)
	}
	for _, action := range granted {
		_, verb, _ := strings.Cut(action, ":")
		reads := strings.HasPrefix(verb, "Describe") || strings.HasPrefix(verb, "List") || strings.HasPrefix(verb, "Get")
		if !reads && !strings.HasPrefix(action, "athena:") {
			t.Errorf("%s does more than look", action)
		}
	}
}
