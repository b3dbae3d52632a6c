// Package labelled is a cluster as data with a label on everything: which of its requests, nodes and volumes are waste, and what is to
// be said of the others. The benchmark of the detectors puts it onto a real control plane, a stand-in for AWS and a real Prometheus,
// and compares what they find with the labels.
package labelled

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

//go:embed cases/*.yaml
var cases embed.FS

// Where everything is. Both clusters are of one account, and configured.
const (
	Account = "123456789012"
	Region  = "eu-central-1"
	First   = "shop"
	Second  = "lab"
)

// Case is one thing that happens in real clusters. It has a namespace, and its nodes take no pods but its own.
type Case struct {
	Name      string     `json:"name"`
	About     string     `json:"about"`
	Namespace string     `json:"namespace,omitempty"` // default Name
	Cluster   string     `json:"cluster,omitempty"`   // default First
	Groups    []Group    `json:"groups,omitempty"`
	Nodes     []Node     `json:"nodes,omitempty"`
	Workloads []Workload `json:"workloads,omitempty"`
	Volumes   []Volume   `json:"volumes,omitempty"`
	Manifests string     `json:"manifests,omitempty"` // what else there is
}

// Label says what must come of something: that it is waste, and what the finding must say somewhere; or that it is to be left alone, and
// why. A target without a label must not be called waste, whatever the reason.
type Label struct {
	Waste string             `json:"waste,omitempty"`
	Keep  string             `json:"keep,omitempty"`
	Least *resource.Quantity `json:"least,omitempty"` // of a proposed request
}

// Group is a managed node group or an autoscaling group. It wants as many nodes as it has.
type Group struct {
	Name      string            `json:"name"`
	Managed   bool              `json:"managed,omitempty"`
	Min       int               `json:"min"`
	Max       int               `json:"max"`
	Protected []string          `json:"protected,omitempty"` // nodes
	Missing   int               `json:"missing,omitempty"`   // nodes that it wants and has not got
	Tags      map[string]string `json:"tags,omitempty"`
}

// Node is a node with its instance.
type Node struct {
	Name        string            `json:"name"`
	Type        string            `json:"type"` // of the instance; a key of sizes
	Zone        string            `json:"zone"` // its last letter
	Group       string            `json:"group,omitempty"`
	Age         Ago               `json:"age,omitempty"` // default 40d
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Taints      []string          `json:"taints,omitempty"` // key=value, NoSchedule
	Cordoned    bool              `json:"cordoned,omitempty"`
	Later       bool              `json:"later,omitempty"` // it comes when the pods of the others are placed
	Label
}

// Workload is a workload, or with kind Pod a pod that nothing owns.
type Workload struct {
	Kind       string            `json:"kind"`
	Name       string            `json:"name"`
	Replicas   *int32            `json:"replicas,omitempty"` // default 1
	Revised    Ago               `json:"revised,omitempty"`  // how long ago the newest revision came; default 40d
	Labels     map[string]string `json:"labels,omitempty"`   // of its pods
	Notes      map[string]string `json:"notes,omitempty"`    // annotations of its pods
	Containers []Container       `json:"containers"`
	Pod        map[string]any    `json:"pod,omitempty"`    // more of the pod's spec
	Claims     []string          `json:"claims,omitempty"` // templates of a StatefulSet's claims
	Later      bool              `json:"later,omitempty"`  // as that of a node
}

// Container is a container of a workload. Its name is app when it has no other, and its image one that nobody pulls.
type Container struct {
	Name     string                       `json:"name,omitempty"`
	Image    string                       `json:"image,omitempty"`
	Command  []string                     `json:"command,omitempty"`
	Env      map[string]string            `json:"env,omitempty"`
	Init     bool                         `json:"init,omitempty"`
	Sidecar  bool                         `json:"sidecar,omitempty"`  // an init container that stays
	Injected bool                         `json:"injected,omitempty"` // something else puts it into the pods
	HostPort int                          `json:"host_port,omitempty"`
	Requests map[string]resource.Quantity `json:"requests,omitempty"`
	Limits   map[string]resource.Quantity `json:"limits,omitempty"`
	Use      *Use                         `json:"use,omitempty"` // none: Prometheus knows nothing of it
	CPU      Label                        `json:"cpu"`
	Memory   Label                        `json:"memory"`
}

// Volume is an EBS volume. Manifests name its id as ${its name}.
type Volume struct {
	Name     string            `json:"name"`
	GiB      int64             `json:"gib"`
	Created  Ago               `json:"created"`
	Detached Ago               `json:"detached,omitempty"` // by the bot's own clock; zero when no scan saw it so before
	Attached string            `json:"attached,omitempty"` // to a node of the case
	Claim    string            `json:"claim,omitempty"`    // that its tags say it was made for
	Maker    string            `json:"maker,omitempty"`    // the cluster that its tags name; default the case's, "-" for none
	Unmarked bool              `json:"unmarked,omitempty"` // no tag of Kubernetes
	PV       string            `json:"pv,omitempty"`       // bound, released or available: the PersistentVolume that stands for it
	Copied   Ago               `json:"copied,omitempty"`   // a snapshot was taken so long ago
	Tags     map[string]string `json:"tags,omitempty"`
	Label
}

// Ago is a time span such as 36h or 40d.
type Ago time.Duration

// UnmarshalJSON reads the text.
func (a *Ago) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		*a = Ago(n * float64(24*time.Hour))
		return err
	}
	d, err := time.ParseDuration(text)
	*a = Ago(d)
	return err
}

func (a Ago) or(d time.Duration) time.Duration {
	if a == 0 {
		return d
	}
	return time.Duration(a)
}

// Load gives all cases. It fails, naming the case, when one makes no sense.
func Load() ([]Case, error) {
	files, err := fs.Glob(cases, "cases/*.yaml")
	if err != nil {
		return nil, err
	}
	var all []Case
	for _, f := range files {
		data, err := cases.ReadFile(f)
		if err != nil {
			return nil, err
		}
		some, err := Parse(f, data)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, distinct(all)
}

// Parse reads a list of cases strictly.
func Parse(file string, data []byte) ([]Case, error) {
	var all []Case
	if err := yaml.UnmarshalStrict(bytes.TrimSpace(data), &all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for i := range all {
		c := &all[i]
		c.fill()
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("%s: case %q: %w", file, c.Name, err)
		}
	}
	return all, nil
}

func (c *Case) fill() {
	if c.Namespace == "" {
		c.Namespace = c.Name
	}
	if c.Cluster == "" {
		c.Cluster = First
	}
	for i := range c.Nodes {
		if c.Nodes[i].Group == "" && len(c.Groups) == 1 {
			c.Nodes[i].Group = c.Groups[0].Name
		}
	}
	for w := range c.Workloads {
		boxes := c.Workloads[w].Containers
		for i := range boxes {
			if boxes[i].Name == "" {
				boxes[i].Name = "app"
			}
			if boxes[i].Image == "" {
				boxes[i].Image = "registry.example/" + c.Name + ":1"
			}
		}
	}
}

func (c *Case) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Name == "" || c.About == "" {
		bad("name and about are needed")
	}
	if c.Cluster != First && c.Cluster != Second {
		bad("there is no cluster %q", c.Cluster)
	}
	for _, n := range c.Nodes {
		if _, ok := sizes[n.Type]; !ok {
			bad("node %s: the size of %q is not known", n.Name, n.Type)
		}
		if (n.Waste == "") == (n.Keep == "") {
			bad("node %s: either waste or keep", n.Name)
		}
		if n.Group != "" && !slices.ContainsFunc(c.Groups, func(g Group) bool { return g.Name == n.Group }) {
			bad("node %s: there is no group %q", n.Name, n.Group)
		}
	}
	for _, v := range c.Volumes {
		if (v.Waste == "") == (v.Keep == "") {
			bad("volume %s: either waste or keep", v.Name)
		}
		if !slices.Contains([]string{"", "bound", "released", "available"}, v.PV) {
			bad("volume %s: pv %q", v.Name, v.PV)
		}
	}
	for _, w := range c.Workloads {
		if !slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "CronJob", "Pod"}, w.Kind) || w.Name == "" || len(w.Containers) == 0 {
			bad("workload %s/%s: a kind that is known, a name and containers are needed", w.Kind, w.Name)
		}
	}
	return errors.Join(errs...)
}

func distinct(all []Case) error {
	seen := map[string]bool{}
	for _, c := range all {
		for _, n := range c.Nodes {
			if seen["node "+n.Name] {
				return fmt.Errorf("two nodes are called %s", n.Name)
			}
			seen["node "+n.Name] = true
		}
		if seen[c.Name] {
			return fmt.Errorf("two cases are called %s", c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

// ID is the volume's id in AWS.
func (v Volume) ID(c Case) string { return "vol-" + id(c.Name, v.Name) }

// ID is the id of the instance under the node.
func (n Node) ID() string { return "i-" + id("node", n.Name) }

// id makes seventeen hexadecimal digits of names.
func id(parts ...string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(strings.Join(parts, "/"))) // it never fails
	return fmt.Sprintf("0%016x", h.Sum64())
}

// zone is the whole name of a zone.
func zone(letter string) string { return Region + letter }
