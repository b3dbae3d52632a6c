// Package scenario plays faults on a cluster: what is applied, what breaks, what a person would do to mend it, and what the bot
// should then have said. The demo, the end-to-end tests and the benchmarks play them; others may add their own as YAML files.
package scenario

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

//go:embed cases/*.yaml faults/*.yaml
var builtin embed.FS

// Scenario is one fault with its beginning, its end and what is to be noticed; or, when it is innocent, something of which nothing
// is to be said. docs/scenarios.md is its manual.
type Scenario struct {
	Name      string `json:"name"`
	Title     string `json:"title"`           // one line for people
	About     string `json:"about,omitempty"` // what is worth knowing of it besides
	Namespace string `json:"namespace"`       // default its name
	// Nodes are what it needs: "real" (the default) containers, or "simulated" ones.
	Nodes string `json:"nodes,omitempty"`
	// Alone says that nothing else may be played at the same time.
	Alone    bool                `json:"alone,omitempty"`
	Innocent bool                `json:"innocent,omitempty"`
	Vary     map[string][]string `json:"vary,omitempty"`     // values of the variables in its texts, of which one is chosen
	Together []string            `json:"together,omitempty"` // other scenarios, which begin at the same moment; it has nothing else then
	Setup    []Step              `json:"setup,omitempty"`    // what runs well beforehand
	Break    []Step              `json:"break,omitempty"`
	Beside   []Step              `json:"beside,omitempty"` // what is done at the same time, and is innocent
	Fix      []Step              `json:"fix,omitempty"`
	Expect   Expect              `json:"expect,omitzero"`
	Also     []Expect            `json:"also,omitempty"` // what else is to be noticed, as of a workload that suffers from the first
}

// Simulated tells whether it needs simulated nodes.
func (s Scenario) Simulated() bool { return s.Nodes == "simulated" }

// Expects are all that is to be noticed.
func (s Scenario) Expects() []Expect {
	if s.Expect.Workload == "" {
		return nil
	}
	return append([]Expect{s.Expect}, s.Also...)
}

// Class is what benchmarks count it under: the first class that is to be noticed.
func (s Scenario) Class() string {
	switch {
	case s.Innocent:
		return "innocent"
	case len(s.Expect.Classes) > 0:
		return s.Expect.Classes[0]
	}
	return "together"
}

// Parse reads a scenario strictly. The error says what is wrong with it.
func Parse(name string, data []byte) (Scenario, error) {
	var s Scenario
	if err := yaml.UnmarshalStrict(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	if s.Namespace == "" {
		s.Namespace = s.Name
	}
	if err := errors.Join(s.check()...); err != nil {
		return s, fmt.Errorf("%s: scenario %q: %w", name, s.Name, err)
	}
	return s, nil
}

func (s Scenario) check() (errs []error) {
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	want(s.Name != "" && s.Title != "", "name and title are needed")
	want(slices.Contains([]string{"", "real", "simulated"}, s.Nodes), "nodes %q: want real or simulated", s.Nodes)
	for name, values := range s.Vary {
		want(len(values) > 0, "vary.%s has no values", name)
	}
	steps := slices.Concat(s.Setup, s.Break, s.Beside, s.Fix)
	switch {
	case len(s.Together) > 0:
		want(len(s.Together) > 1 && len(steps) == 0 && len(s.Expects()) == 0 && !s.Innocent, "together takes two others or more, and no steps or expectations of its own")
		return errs
	case s.Innocent:
		want(len(s.Beside) > 0 && len(s.Break) == 0 && len(s.Expects()) == 0, "what is innocent has steps beside, breaks nothing and expects nothing")
	default:
		want(len(s.Break) > 0, "break needs steps")
		for _, e := range append([]Expect{s.Expect}, s.Also...) {
			if err := e.check(); err != nil {
				errs = append(errs, err)
			}
		}
	}
	for _, step := range steps {
		if err := step.check(); err != nil {
			errs = append(errs, err)
		}
	}
	if err := s.checkVariables(); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// Builtin gives the scenarios that come with the product and are mended in the end, by name. The demo plays them.
func Builtin() ([]Scenario, error) { return load(builtin, "cases") }

// Faults gives every scenario that comes with the product: the built-in ones and those that benchmarks play besides.
func Faults() ([]Scenario, error) { return load(builtin, "cases", "faults") }

// Load reads every .yaml file of a folder, which may hold several scenarios with a line of --- between them.
func Load(dir fs.FS) ([]Scenario, error) { return load(dir, ".") }

func load(dir fs.FS, folders ...string) ([]Scenario, error) {
	var all []Scenario
	for _, at := range folders {
		files, err := fs.Glob(dir, path.Join(at, "*.yaml"))
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			data, err := fs.ReadFile(dir, f)
			if err != nil {
				return nil, err
			}
			for _, doc := range documents(string(data)) {
				s, err := Parse(f, doc)
				if err != nil {
					return nil, err
				}
				if slices.ContainsFunc(all, func(o Scenario) bool { return o.Name == s.Name }) {
					return nil, fmt.Errorf("%s: a scenario %q is there already", f, s.Name)
				}
				all = append(all, s)
			}
		}
	}
	for _, s := range all {
		for _, name := range s.Together {
			if !slices.ContainsFunc(all, func(o Scenario) bool { return o.Name == name && len(o.Together) == 0 && !o.Alone }) {
				return nil, fmt.Errorf("scenario %q: together names %q, which is not there, is alone, or is several itself", s.Name, name)
			}
		}
	}
	return all, nil
}

// Find gives the built-in scenario of a name; the error lists the names there are.
func Find(name string) (Scenario, error) {
	all, err := Builtin()
	if err != nil {
		return Scenario{}, err
	}
	var names []string
	for _, s := range all {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("there is no scenario %q; known: %s", name, strings.Join(names, ", "))
}

// Image is the busybox that manifests name; a real node of this machine has it.
const Image = "autopilot.local/busybox"

// WithImage gives the scenario for a cluster that pulls its busybox from another repository, which is named without a tag.
func (s Scenario) WithImage(repository string) Scenario {
	renamed := func(steps []Step) []Step {
		steps = slices.Clone(steps)
		for n := range steps {
			steps[n].Apply = strings.ReplaceAll(steps[n].Apply, "image: "+Image+":", "image: "+repository+":")
		}
		return steps
	}
	s.Setup, s.Break, s.Fix = renamed(s.Setup), renamed(s.Break), renamed(s.Fix)
	return s
}

// documents splits manifests at their "---" lines.
func documents(manifests string) [][]byte {
	var docs [][]byte
	for doc := range bytes.SplitSeq([]byte("\n"+manifests), []byte("\n---")) {
		if len(bytes.TrimSpace(doc)) > 0 {
			docs = append(docs, doc)
		}
	}
	return docs
}
