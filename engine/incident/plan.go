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
	Storm        StormRule
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
	TeamLabel  string            // the label that names the team; "" means "team"
}

// State is what the store knows of a workload when something happens to it.
//
// An incident given to this package has its lists: how an incident was announced, paged and repeated is read from its Timeline.
type State struct {
	NextID     int64             // the id for an incident to be opened
	Storm      *engine.Storm     // that lasts where an incident of the observation would be told; nil for none
	Recent     []engine.Incident // that were told there within the time of a storm, and are of none
	Current    *engine.Incident  // the incident that is not resolved, with its lists; nil for none
	Last       *engine.Incident  // the newest resolved one, with its lists; nil for none
	Parents    []engine.Incident // open incidents of the workloads that a signal names as its parent, and the one that Current is under; with their Timeline and Children
	Dependents []int64           // open incidents whose likeliest cause names the workload, of one that has no open incident yet
	Candidates []engine.Incident // open incidents with a signal on this workload, when it is a node; with their Signals
}

// Plan is what must be written, all of it in one transaction. The zero Plan changes nothing.
//
// Signals are kept by incident, source and ID. Those of an incident that a person resolved while they fired stay open
// in it until their source ends them: the sources must go on hearing of them (Store.Watching, Store.FiringAlerts).
type Plan struct {
	Incident   *engine.Incident // the new row, its Version grown; nil when no incident changes
	Signals    []engine.Signal  // to insert or update, ended ones with their EndsAt
	Considered []engine.Consideration
	Events     []engine.Event  // with their numbers
	Amended    []engine.Event  // lines that are there already and get another Text and Times; in Plan.Incident too
	Verdict    *engine.Verdict // to insert, or to put in the place of the person's earlier one on the same rule
	Storm      *engine.Storm   // that began, or has a new incident; without its list
	Members    []int64         // incidents that become part of Storm, and keep their cards
	Remedy     *engine.Remedy  // that somebody asked for, or what came of it
	Tasks      []TaskAt
	Messages   []engine.Message  // to declare; of an old key, only the version matters; one in a thread goes where its card went
	Others     []engine.Incident // children whose rows change too: their ParentID, and their Version, grown
	Lines      []Line            // for the timelines of other incidents
	Touched    []int64           // other incidents of which something shown has changed: the store grows their Version and redraws their card, if they have one
}

// Empty tells whether there is nothing to write.
func (p Plan) Empty() bool {
	return p.Incident == nil && p.Storm == nil && p.Verdict == nil && p.Remedy == nil && len(p.Signals)+len(p.Considered)+len(p.Events)+len(p.Amended)+len(p.Tasks)+
		len(p.Messages)+len(p.Others)+len(p.Lines)+len(p.Touched) == 0
}

// Line is a line for the timeline of an incident that the plan does not hold. When its number is 0 the store gives it the next; else
// it is the line of that number, instead of the one that may be there.
type Line struct {
	IncidentID int64
	Event      engine.Event
}

// TaskAt is a task and when it is due; a zero time means at once.
type TaskAt struct {
	Task engine.Task
	At   time.Time
}
