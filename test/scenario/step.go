package scenario

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Step is one thing to do. Exactly one field is set.
type Step struct {
	Apply     string `json:"apply,omitempty"`      // manifests, server-side applied
	Delete    string `json:"delete,omitempty"`     // manifests whose objects go
	WaitReady string `json:"wait_ready,omitempty"` // "Deployment/api": until all its replicas are available; a Job until it is complete
	Patch     *Patch `json:"patch,omitempty"`
	Exec      *Exec  `json:"exec,omitempty"`
	Post      *Post  `json:"post,omitempty"`
	DeletePod string `json:"delete_pod,omitempty"` // "Deployment/api": one of its pods, as by hand
	Drain     string `json:"drain,omitempty"`      // a node: cordoned, its pods evicted as their budgets allow
	StopNode  string `json:"stop_node,omitempty"`  // a simulated node that falls silent
	StartNode string `json:"start_node,omitempty"`
	KillNode  bool   `json:"kill_node,omitempty"` // the kubelet of the real node
	MendNode  bool   `json:"mend_node,omitempty"`
	Alert     *Alert `json:"alert,omitempty"`
	Sleep     string `json:"sleep,omitempty"`
}

// Patch changes an object that is there, by a strategic merge patch.
type Patch struct {
	Object string         `json:"object"`         // "Deployment/api"
	Part   string         `json:"part,omitempty"` // a subresource: "status", or "scale", which is what kubectl scale writes
	With   map[string]any `json:"with"`
}

// Exec runs a command in one pod of a workload, which must succeed.
type Exec struct {
	Object    string   `json:"object"` // "Deployment/api"
	Container string   `json:"container,omitempty"`
	Command   []string `json:"command"`
}

// Post asks a service something by way of the API server, which must be taken.
type Post struct {
	Service string `json:"service"` // "shop:80"
	Path    string `json:"path"`
	Body    string `json:"body,omitempty"`
}

// Alert is one that fires in Alertmanager.
type Alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// check says what is wrong with a step.
func (s Step) check() error {
	var set []string
	for f, v := range reflect.ValueOf(s).Fields() {
		if !v.IsZero() {
			set = append(set, f.Name)
		}
	}
	if len(set) != 1 {
		return fmt.Errorf("a step does one thing, not %d", len(set))
	}
	switch {
	case s.Patch != nil:
		if len(s.Patch.With) == 0 {
			return errors.New("patch.with is empty")
		}
		if !slices.Contains([]string{"", "status", "scale"}, s.Patch.Part) {
			return fmt.Errorf("patch.part %q is neither status nor scale", s.Patch.Part)
		}
		return named("patch.object", s.Patch.Object)
	case s.Exec != nil:
		if len(s.Exec.Command) == 0 {
			return errors.New("exec.command is empty")
		}
		return named("exec.object", s.Exec.Object)
	case s.Post != nil:
		if name, port, ok := strings.Cut(s.Post.Service, ":"); !ok || name == "" || port == "" || !strings.HasPrefix(s.Post.Path, "/") {
			return fmt.Errorf("post: want a service such as shop:80 and a path such as /_fault, not %q and %q", s.Post.Service, s.Post.Path)
		}
	case s.Alert != nil:
		if s.Alert.Labels["alertname"] == "" {
			return errors.New("alert.labels has no alertname")
		}
	case s.WaitReady != "":
		return named("wait_ready", s.WaitReady)
	case s.DeletePod != "":
		return named("delete_pod", s.DeletePod)
	}
	if _, err := time.ParseDuration(cmp.Or(s.Sleep, "0s")); err != nil {
		return fmt.Errorf("sleep: %w", err)
	}
	_, err := objects(s.Apply + s.Delete)
	return err
}

// named wants Kind/name.
func named(field, value string) error {
	if kind, name, ok := strings.Cut(value, "/"); !ok || kind == "" || name == "" {
		return fmt.Errorf("%s %q is not Kind/name", field, value)
	}
	return nil
}

// Expect is what the bot should say.
type Expect struct {
	Workload string   `json:"workload"`           // "Deployment/api"
	Classes  []string `json:"classes"`            // facets that the incident must have; others may be there too
	Cause    string   `json:"cause"`              // the rule of the first cause
	Causes   []string `json:"causes,omitempty"`   // other rules that say as much
	Card     []string `json:"card,omitempty"`     // texts on the card
	Evidence []string `json:"evidence,omitempty"` // texts quoted in the thread
	Change   string   `json:"change,omitempty"`   // text of what changed last
	Within   string   `json:"within,omitempty"`   // until the right cause is on the card; default 90s
	Children []string `json:"children,omitempty"` // workloads that are put under it
}

// Right tells whether a cause of this rule is right.
func (e Expect) Right(rule string) bool {
	return rule != "" && (rule == e.Cause || slices.Contains(e.Causes, rule))
}

// Deadline is how long the right cause may take.
func (e Expect) Deadline() time.Duration {
	d, err := time.ParseDuration(cmp.Or(e.Within, "90s"))
	if err != nil {
		return 90 * time.Second
	}
	return d
}

func (e Expect) check() error {
	if err := named("expect.workload", e.Workload); err != nil {
		return err
	}
	for _, child := range e.Children {
		if err := named("expect.children", child); err != nil {
			return err
		}
	}
	if _, err := time.ParseDuration(cmp.Or(e.Within, "90s")); err != nil {
		return fmt.Errorf("expect.within: %w", err)
	}
	return nil
}
