package terraform

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eks-autopilot/autopilot/engine/aws"
)

type statement struct {
	Effect    string
	Action    []string
	Resource  any
	Condition map[string]map[string]any
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func policy(t *testing.T, path string) []statement {
	t.Helper()
	var p struct {
		Version   string
		Statement []statement
	}
	if err := json.Unmarshal([]byte(read(t, path)), &p); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if p.Version != "2012-10-17" {
		t.Errorf("%s is of version %s", path, p.Version)
	}
	return p.Statement
}

func TestPoliciesAllowWhatIsCalledAndNothingElse(t *testing.T) {
	files, err := filepath.Glob("policies/*")
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(f string) bool {
		return slices.Contains([]string{removerPolicy, anchorPolicy, mailPolicy, filesPolicy, injectorPolicy}, f)
	})
	for _, g := range aws.Grants() {
		i := slices.IndexFunc(files, func(f string) bool { name, _, _ := strings.Cut(filepath.Base(f), "."); return name == g.Part })
		if i < 0 {
			t.Errorf("%s has no policy", g.Part)
			continue
		}
		allowed := map[string]bool{}
		for _, s := range policy(t, files[i]) {
			if s.Effect != "Allow" {
				t.Errorf("%s: %s", files[i], s.Effect)
			}
			for _, action := range s.Action {
				allowed[action] = true
				if strings.Contains(action, "*") {
					t.Errorf("%s allows %s", files[i], action)
				}
			}
			if all, _ := s.Resource.(string); all == "*" && len(g.Behind) > 0 {
				t.Errorf("%s allows %v on everything", files[i], s.Action)
			}
		}
		want := slices.Sorted(slices.Values(slices.Concat(g.Actions, g.Behind)))
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(allowed))); diff != "" {
			t.Errorf("%s (-called +allowed):\n%s", files[i], diff)
		}
		files = slices.Delete(files, i, i+1)
	}
	if len(files) > 0 {
		t.Errorf("policies of nothing: %v", files)
	}
}

// Every ${name} of the template must be handed to it, and every variable that is used must be declared.
func TestNamesAreKnown(t *testing.T) {
	main, variables := read(t, "main.tf")+read(t, "remover.tf")+read(t, "anchor.tf")+read(t, "reports.tf")+read(t, "fis.tf"), read(t, "variables.tf")
	templates := read(t, "policies/splits.json.tftpl") + read(t, removerPolicy) + read(t, anchorPolicy) + read(t, mailPolicy) + read(t, filesPolicy) + read(t, injectorPolicy)
	for _, m := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(templates, -1) {
		if !regexp.MustCompile(`(?m)^\s+` + m[1] + `\s+= `).MatchString(main) {
			t.Errorf("the template wants %s, which main.tf does not hand over", m[1])
		}
	}
	declared, used := map[string]bool{}, map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^variable "(\w+)"`).FindAllStringSubmatch(variables, -1) {
		declared[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`\bvar\.(\w+)`).FindAllStringSubmatch(main, -1) {
		used[m[1]] = true
	}
	if diff := cmp.Diff(declared, used); diff != "" {
		t.Errorf("variables (-declared +used):\n%s", diff)
	}
}
