// Package scenario plays faults on a cluster: what is applied, what breaks, what a person would do to mend it, and what the bot
// should then have said. The demo, the end-to-end tests and the benchmarks play them; others may add their own as YAML files.
package scenario

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

//go:embed cases/*.yaml
var builtin embed.FS

// Scenario is one fault with its beginning, its end and what is to be noticed.
type Scenario struct {
	Name      string `json:"name"`
	Title     string `json:"title"` // one line for people
	Namespace string `json:"namespace"`
	Setup     []Step `json:"setup"` // what runs well beforehand
	Break     []Step `json:"break"`
	Fix       []Step `json:"fix"`
	Expect    Expect `json:"expect"`
}

// Step is one thing to do. Exactly one field is set.
type Step struct {
	Apply     string `json:"apply,omitempty"`      // manifests, server-side applied
	Delete    string `json:"delete,omitempty"`     // manifests whose objects go
	WaitReady string `json:"wait_ready,omitempty"` // "Deployment/api": until all its replicas are available
	KillNode  bool   `json:"kill_node,omitempty"`
	MendNode  bool   `json:"mend_node,omitempty"`
	Sleep     string `json:"sleep,omitempty"`
}

// Expect is what the bot should say.
type Expect struct {
	Workload string   `json:"workload"`           // "Deployment/api"
	Classes  []string `json:"classes"`            // facets that the incident must have; others may be there too
	Cause    string   `json:"cause"`              // the rule of the first cause
	Card     []string `json:"card"`               // texts on the card
	Evidence []string `json:"evidence"`           // texts quoted in the thread
	Change   string   `json:"change,omitempty"`   // text of what changed last
	Within   string   `json:"within,omitempty"`   // until the right cause is on the card; default 90s
	Children []string `json:"children,omitempty"` // workloads that are put under it
}

// Deadline is how long the right cause may take.
func (e Expect) Deadline() time.Duration {
	d, err := time.ParseDuration(cmp.Or(e.Within, "90s"))
	if err != nil {
		return 90 * time.Second
	}
	return d
}

// Parse reads a scenario strictly. The error says what is wrong with it.
func Parse(name string, data []byte) (Scenario, error) {
	var s Scenario
	if err := yaml.UnmarshalStrict(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	var errs []error
	if s.Name == "" || s.Title == "" || s.Namespace == "" {
		errs = append(errs, errors.New("name, title and namespace are needed"))
	}
	if len(s.Break) == 0 || len(s.Fix) == 0 {
		errs = append(errs, errors.New("break and fix need steps"))
	}
	for _, step := range slices.Concat(s.Setup, s.Break, s.Fix) {
		if err := step.check(); err != nil {
			errs = append(errs, err)
		}
	}
	if kind, obj, ok := strings.Cut(s.Expect.Workload, "/"); !ok || kind == "" || obj == "" {
		errs = append(errs, fmt.Errorf("expect.workload %q is not Kind/name", s.Expect.Workload))
	}
	if _, err := time.ParseDuration(cmp.Or(s.Expect.Within, "90s")); err != nil {
		errs = append(errs, fmt.Errorf("expect.within: %w", err))
	}
	if len(errs) > 0 {
		return s, fmt.Errorf("%s: %w", name, errors.Join(errs...))
	}
	return s, nil
}

func (s Step) check() error {
	set := 0
	for _, is := range []bool{s.Apply != "", s.Delete != "", s.WaitReady != "", s.KillNode, s.MendNode, s.Sleep != ""} {
		if is {
			set++
		}
	}
	if set != 1 {
		return fmt.Errorf("a step does one thing, not %d", set)
	}
	if _, err := time.ParseDuration(cmp.Or(s.Sleep, "0s")); err != nil {
		return fmt.Errorf("sleep: %w", err)
	}
	_, err := objects(s.Apply + s.Delete)
	return err
}

// Builtin gives the scenarios that come with the product, by name.
func Builtin() ([]Scenario, error) { return load(builtin, "cases") }

// Load reads every .yaml file of a folder.
func Load(dir fs.FS) ([]Scenario, error) { return load(dir, ".") }

func load(dir fs.FS, at string) ([]Scenario, error) {
	files, err := fs.Glob(dir, path.Join(at, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []Scenario
	for _, f := range files {
		data, err := fs.ReadFile(dir, f)
		if err != nil {
			return nil, err
		}
		s, err := Parse(f, data)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o Scenario) bool { return o.Name == s.Name }) {
			return nil, fmt.Errorf("%s: a scenario %q is there already", f, s.Name)
		}
		all = append(all, s)
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
	named := func(steps []Step) []Step {
		steps = slices.Clone(steps)
		for n := range steps {
			steps[n].Apply = strings.ReplaceAll(steps[n].Apply, "image: "+Image+":", "image: "+repository+":")
		}
		return steps
	}
	s.Setup, s.Break, s.Fix = named(s.Setup), named(s.Break), named(s.Fix)
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
