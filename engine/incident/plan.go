// Package incident decides how signals become incidents and how an incident goes on: open, join, reopen, put under a parent,
// ignore; acknowledge, silence, resolve; repeat to the on-call.
//
// Every function is pure: it takes what is known and gives a Plan, which package store applies in one transaction.
package incident

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Rules are the parts of the configuration that incidents are decided by.
type Rules struct {
	HoldDown     time.Duration // how long everything must be well before an incident resolves by itself
	ReopenWindow time.Duration // how long after its resolution a new signal reopens an incident
	ParentWindow time.Duration // how far apart a cause's and its effect's onset may lie to be put under one another
	Ignore       []Ignore
	Maintenance  []Window
	Escalation   map[engine.Severity]Escalation
	Route        Route
}

// Ignore leaves signals out; every field that is set must match. Name and Namespace are path.Match patterns.
type Ignore struct {
	Cluster, Namespace, Workload string
	Class                        engine.Class
	Reason                       string // shown in the incident's table of what was considered
}

// Window is a time during which new incidents of the chosen clusters and namespaces are not announced.
type Window struct {
	Name               string
	Cluster, Namespace string // path.Match patterns; "" chooses all
	Start, End         time.Time
}

// Escalation is how an unacknowledged incident of a severity is repeated.
type Escalation struct {
	Mention []engine.Mention // whom the first message and each repetition wake
	After   time.Duration    // before the first repetition; 0 means never
	Times   int              // how many repetitions, before the pager is called
	Page    bool             // whether the pager is called at all
}

// Route says which channel an incident is told in: by namespace, else by team, else the default.
type Route struct {
	Default    string
	Namespaces map[string]string
	Teams      map[string]string // by the value of the label that names the team
}

// State is what the store knows of a workload when something happens to it.
type State struct {
	NextID     int64             // the id for an incident to be opened
	Current    *engine.Incident  // the incident that is not resolved, with its lists; nil for none
	Last       *engine.Incident  // the newest resolved one, with its lists; nil for none
	Parents    []engine.Incident // open incidents of the workloads that a signal names as its parent
	Candidates []engine.Incident // open incidents with a signal on this workload, when it is a node
}

// Plan is what must be written, all of it in one transaction. The zero Plan changes nothing.
type Plan struct {
	Incident   *engine.Incident // the new row, its Version grown; nil when no incident changes
	Signals    []engine.Signal  // to insert or update, ended ones with their EndsAt
	Considered []engine.Consideration
	Events     []engine.Event // with their numbers
	Tasks      []TaskAt
	Messages   []engine.Message  // to declare; of an old key, only the version matters
	Others     []engine.Incident // parents and children whose rows change too, Version grown
}

// TaskAt is a task and when it is due; a zero time means at once.
type TaskAt struct {
	Task engine.Task
	At   time.Time
}
