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
// one that is granted and not called is a permission too many. What removes volumes has a file, and a role, of its own.
func TestGrantsAreWhatIsCalled(t *testing.T) {
	reads, removes := called(t)
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
	if diff := cmp.Diff(slices.Sorted(maps.Keys(removes)), Removes().Actions); diff != "" {
		t.Errorf("actions of the remover (-called +granted):\n%s", diff)
	}
}

// called gives the actions that the remover's file calls, and those that all others do.
func called(t *testing.T) (reads, removes map[string]bool) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	prefixes := map[string]string{"ec2": "ec2", "autoscaling": "autoscaling", "eks": "eks", "pricing": "pricing", "costexplorer": "ce", "athena": "athena", "sts": "sts"}
	reads, removes = map[string]bool{}, map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		to := reads
		if file == "remove.go" {
			to = removes
		}
		for _, m := range input.FindAllStringSubmatch(string(source), -1) {
			if prefixes[m[1]] == "" {
				t.Errorf("%s: service %s has no prefix in IAM here", file, m[1])
			}
			to[prefixes[m[1]]+":"+m[2]] = true
		}
	}
	return reads, removes
}
