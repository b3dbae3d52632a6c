package chaos

import (
	"context"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Field is what a plan knows of the cluster that it is for.
type Field struct {
	Cluster    string
	At         time.Time
	Namespaces []Namespace
	Units      []Unit
	Pods       []Pod
	Nodes      []Node
	Budgets    []Budget
	Calls      map[engine.Workload][]engine.Workload // whom a workload depends on, as far as is known
	Meshes     []string                              // kinds of Chaos Mesh that are installed: "NetworkChaos"
	FIS        bool                                  // AWS FIS is configured for it
	NoMetrics  string                                // why Prometheus could not be asked; "" when it answered
	Unwatched  string                                // why the bot knows nothing of the cluster now; "" when it watches

	// What the store and Alertmanager know.
	Alerts      []engine.Signal     // that fire
	Incidents   []engine.Incident   // that are not resolved
	Experiments []engine.Experiment // that are active or began in the last day
}

// Namespace is one namespace.
type Namespace struct {
	Name     string
	OptedIn  bool   // by the label that the rules name
	Security string // what Pod Security enforces: privileged, baseline, restricted; "" for nothing
}

// Unit is a workload: an owner at the top, and how much of it works.
type Unit struct {
	Workload engine.Workload
	Desired  int
	Ready    int
	Rolling  bool // a rollout is on its way
}

// Pod is one pod that is not over.
type Pod struct {
	Workload    engine.Workload
	Ref         engine.ObjectRef
	Node        string
	Labels      map[string]string
	Ready       bool
	Leaving     bool // it is being deleted
	HostNetwork bool
	Daemon      bool // of a DaemonSet or a static pod, which a drain leaves alone
	Containers  []Container
	Inits       []Container // its init containers, whose limits decide too whether the pod has one
	Agents      int         // ephemeral containers that were put into it; they cannot be removed
}

// Container is one of a pod's.
type Container struct {
	Name    string
	CPU     float64 // limit in cores; 0 for none
	Memory  int64   // limit in bytes; 0 for none
	Running bool
	Root    bool // it runs as uid 0, as far as its spec says
}

// Node is one node.
type Node struct {
	Name     string
	Ready    bool
	Cordoned bool
}

// Budget is a PodDisruptionBudget.
type Budget struct {
	Ref     engine.ObjectRef
	Allowed int                // disruptions now
	Pods    []engine.ObjectRef // that it covers
}

// Injector is the cluster as experiments need it; engine/kube/hurt is one. Its methods fail with Unavailable when the API server does not
// answer.
type Injector interface {
	// Field reads what a plan needs of the namespaces (all that are opted in for none) and of a node, if one is named.
	Field(ctx context.Context, namespaces []string, node string) (Field, error)
	// Rehearse has the API server try each target in a dry run, and fills in Mechanism, Why and Refused.
	Rehearse(ctx context.Context, e engine.Experiment) (engine.Experiment, error)
	// Inject begins a fault on one target and holds it until the deadline, until ctx ends, or until it fails. Whatever it is, it returns
	// after the fault has ended, or says that it could not see the end. begun is called once, when the fault is in place. What it puts
	// into the cluster is named by the handle, which the caller keeps before, so that a second process finds it again.
	Inject(ctx context.Context, s engine.Strike, t engine.Victim, handle string, deadline time.Time, begun func()) engine.Blow
	// Left lists what is still there of the blows of an experiment, after the process that held it died; each is ended if that can be done.
	Left(ctx context.Context, e engine.Experiment) ([]string, error)
	// Sweep lets go the nodes whose drain should be over, whichever experiment drained them.
	Sweep(ctx context.Context) error
}
