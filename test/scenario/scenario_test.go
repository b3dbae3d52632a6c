package scenario_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/eks-autopilot/autopilot/test/scenario"
)

func TestBuiltin(t *testing.T) {
	all, err := scenario.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	namespaces := map[string]string{}
	for _, s := range all {
		if other, ok := namespaces[s.Namespace]; ok {
			t.Errorf("%s and %s share the namespace %s; they could not be played side by side", s.Name, other, s.Namespace)
		}
		namespaces[s.Namespace] = s.Name
		if s.Expect.Cause == "" || len(s.Expect.Classes) == 0 || len(s.Expect.Evidence) == 0 {
			t.Errorf("%s expects no cause, class or evidence", s.Name)
		}
	}
	for _, name := range []string{"crash", "oom", "image", "config", "probe", "big"} {
		if _, err := scenario.Find(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := scenario.Find("crahs"); err == nil || !strings.Contains(err.Error(), "crash") {
		t.Errorf("an unknown name: %v; want the names there are", err)
	}
}

func TestScenariosForAClusterWithAnotherRegistry(t *testing.T) {
	all, err := scenario.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		foreign := s.WithImage("registry.example/tools/busybox")
		images := 0
		for n, step := range slices.Concat(foreign.Setup, foreign.Break, foreign.Fix) {
			for line := range strings.Lines(step.Apply) {
				if _, image, ok := strings.Cut(line, "image: "); ok {
					images++
					if !strings.HasPrefix(image, "registry.example/tools/busybox:") {
						t.Errorf("%s, step %d: image %s", s.Name, n, image)
					}
				}
			}
		}
		if images == 0 {
			t.Errorf("%s names no image", s.Name)
		}
		if again, err := scenario.Find(s.Name); err != nil || !slices.Equal(again.Break, s.Break) {
			t.Errorf("%s itself was changed: %v", s.Name, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	const head = "name: a\ntitle: b\nnamespace: c\n"
	const tail = "expect: {workload: Deployment/x}\n"
	for _, c := range []struct{ name, text, says string }{
		{"unknown key", head + "breaks: []\n", "breaks"},
		{"no steps", head + tail, "break needs steps"},
		{"two things in one step", head + "break: [{sleep: 1s, kill_node: true}]\nfix: [{sleep: 1s}]\n" + tail, "a step does one thing, not 2"},
		{"an empty step", head + "break: [{}]\nfix: [{sleep: 1s}]\n" + tail, "a step does one thing, not 0"},
		{"a part that cannot be patched", head + "break: [{patch: {object: Deployment/x, part: spec, with: {a: b}}}]\nfix: [{sleep: 1s}]\n" + tail, "neither status nor scale"},
		{"a bad duration", head + "break: [{sleep: soon}]\nfix: [{sleep: 1s}]\n" + tail, "sleep"},
		{"a manifest without a kind", head + "break: [{apply: 'a: b'}]\nfix: [{sleep: 1s}]\n" + tail, "no kind"},
		{"no workload", head + "break: [{sleep: 1s}]\nfix: [{sleep: 1s}]\nexpect: {workload: x}\n", "Kind/name"},
		{"no name", "title: b\n" + tail, "name and title are needed"},
	} {
		_, err := scenario.Parse("file.yaml", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "file.yaml") {
			t.Errorf("%s: %v; want an error that names the file and says %q", c.name, err, c.says)
		}
	}
	good := head + "break: [{sleep: 1s}]\nfix: [{sleep: 1s}]\n" + tail
	_, err := scenario.Load(fstest.MapFS{"a.yaml": {Data: []byte(good)}, "b.yaml": {Data: []byte(good)}})
	if err == nil || !strings.Contains(err.Error(), `"a" is there already`) {
		t.Errorf("two of one name: %v", err)
	}
}
