package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is a kind of thing that an experiment does to what runs.
type Fault string

// The faults, by the names that people type. FaultNothing is a negative control: all of an experiment but the fault.
const (
	FaultKill          Fault = "kill"
	FaultContainerKill Fault = "container-kill"
	FaultCPU           Fault = "cpu-stress"
	FaultMemory        Fault = "memory-stress"
	FaultLag           Fault = "network-lag"
	FaultLoss          Fault = "network-loss"
	FaultThrottle      Fault = "network-throttle"
	FaultDNS           Fault = "dns-fail"
	FaultDrain         Fault = "node-drain"
	FaultNothing       Fault = "nothing"
)

// Faults lists every fault.
var Faults = []Fault{
	FaultKill, FaultContainerKill, FaultCPU, FaultMemory, FaultLag, FaultLoss, FaultThrottle, FaultDNS, FaultDrain, FaultNothing,
}

// Lasts tells whether a fault is held for a while, rather than done in a moment.
func (f Fault) Lasts() bool {
	return slices.Contains([]Fault{FaultCPU, FaultMemory, FaultLag, FaultLoss, FaultThrottle, FaultDNS, FaultNothing}, f)
}

// Mechanism is the way in which a fault is brought to a pod.
type Mechanism string

// The mechanisms.
const (
	ByEviction  Mechanism = "eviction"   // the Eviction API, which keeps to disruption budgets
	ByDelete    Mechanism = "delete"     // a plain delete, which does not
	ByExec      Mechanism = "exec"       // a process in a container that is there
	ByAgent     Mechanism = "agent"      // an ephemeral container with the agent
	ByChaosMesh Mechanism = "chaos-mesh" // an object of Chaos Mesh
	ByFIS       Mechanism = "fis"        // an experiment of AWS FIS
	ByNothing   Mechanism = "nothing"
)

// Dose is how much of a fault: each fault reads the fields beside its name.
type Dose struct {
	CPU    float64       `json:"cpu,omitempty"`    // cpu-stress: cores to burn in each pod; 0 for its limit
	Memory int64         `json:"memory,omitempty"` // memory-stress: bytes to hold in each pod; 0 for 90 % of its limit
	Delay  time.Duration `json:"delay,omitempty"`  // network-lag: added to what a pod sends
	Jitter time.Duration `json:"jitter,omitempty"` // network-lag: more or less than Delay by up to this
	Loss   float64       `json:"loss,omitempty"`   // network-loss: percent of packets, above 0 to 100
	Rate   int64         `json:"rate,omitempty"`   // network-throttle: bits a second
	Names  []string      `json:"names,omitempty"`  // dns-fail: the names, and all under them, that fail; none for all
	Force  bool          `json:"force,omitempty"`  // kill: by plain delete, which asks for a second confirmation
}

// Strike is one fault of an experiment: whom it may hit, how many, how hard, when.
type Strike struct {
	Fault     Fault         `json:"fault"`
	Namespace string        `json:"namespace,omitempty"` // "" for a node
	Workload  string        `json:"workload,omitempty"`  // "Kind/name", or a name that only one workload has; "" for any
	Selector  string        `json:"selector,omitempty"`  // labels of pods, as kubectl takes them
	Node      string        `json:"node,omitempty"`      // node-drain
	Count     int           `json:"count,omitempty"`     // pods to hit; 0 means by Percent
	Percent   int           `json:"percent,omitempty"`   // of the pods that it may hit, rounded up
	Dose      Dose          `json:"dose,omitzero"`
	After     time.Duration `json:"after,omitempty"`    // from the start of the experiment
	Duration  time.Duration `json:"duration,omitempty"` // of what lasts

	Targets []Victim `json:"targets,omitempty"` // of a plan: exactly these
}

// Victim is one pod (or the node of a drain) that a strike hits, and how.
type Victim struct {
	Workload  Workload  `json:"workload"`
	Object    ObjectRef `json:"object"` // the pod, with its UID
	Container string    `json:"container,omitempty"`
	Node      string    `json:"node,omitempty"`
	Mechanism Mechanism `json:"mechanism,omitempty"`
	Why       string    `json:"why,omitempty"`     // why this mechanism and not one before it on the ladder
	Refused   string    `json:"refused,omitempty"` // what the API server said to the dry run; "" when it would take it
}

// Expectation is what should be noticed of an experiment, and how soon.
type Expectation struct {
	Workloads []Workload    `json:"workloads,omitempty"` // an incident of any of them counts
	Causes    []string      `json:"causes,omitempty"`    // rules, as path.Match patterns; any of them is right
	Within    time.Duration `json:"within,omitempty"`
	Nothing   bool          `json:"nothing,omitempty"`  // nothing should be noticed: a control
	MayFeel   []Workload    `json:"may_feel,omitempty"` // they depend on what is hit: an incident of theirs is neither wanted nor false
}

// ExperimentStatus is how far an experiment is.
type ExperimentStatus string

// The states. One that is planned, confirmed or runs holds its namespaces.
const (
	ExperimentAsked     ExperimentStatus = "asked"     // somebody wants it; the plan is being made
	ExperimentPlanned   ExperimentStatus = "planned"   // shown, waiting for a yes
	ExperimentRefused   ExperimentStatus = "refused"   // a blocker, or the cluster, or a person said no; nothing was done
	ExperimentConfirmed ExperimentStatus = "confirmed" // begins as soon as what it needs is looked at once more
	ExperimentRunning   ExperimentStatus = "running"
	ExperimentOver      ExperimentStatus = "over" // its faults have ended; see Ending
)

// Ending says why an experiment is over.
type Ending string

// The endings.
const (
	EndedInTime  Ending = "in_time"
	EndedByHand  Ending = "stopped"  // somebody pressed STOP
	EndedByAlarm Ending = "alarm"    // something that it did not expect fired, or a stop condition held
	EndedByFault Ending = "failed"   // a fault could not be begun or kept up
	EndedByDeath Ending = "orphaned" // the process that held it died; the faults ended themselves
)

// Experiment is one thing that is broken on purpose, from the wish to the grade. What detects and ranks never reads one.
type Experiment struct {
	ID      int64            `json:"id"`
	Cluster string           `json:"cluster"`
	Title   string           `json:"title"` // "network-lag 200ms for 1m on 2 pods of shop/api"
	Command string           `json:"command,omitempty"`
	Strikes []Strike         `json:"strikes"`
	Expect  Expectation      `json:"expect,omitzero"`
	StopOn  []string         `json:"stop_on,omitempty"` // alert names that end it, beside those that always do
	Seed    uint64           `json:"seed"`
	Status  ExperimentStatus `json:"status"`

	By       Person    `json:"by,omitzero"` // who asked; zero for a schedule
	AskedAt  time.Time `json:"asked_at,omitzero"`
	Channel  string    `json:"channel,omitempty"` // where the card is
	Schedule string    `json:"schedule,omitempty"`

	// A plan has these, and Targets in each strike.
	Refusals []Refusal    `json:"refusals,omitempty"` // any one keeps it from beginning
	Steady   []Steadiness `json:"steady,omitempty"`
	Need     ApprovalNeed `json:"need,omitzero"`
	Expires  time.Time    `json:"expires,omitzero"` // when it is too late to say yes
	Hash     string       `json:"hash,omitempty"`   // of all that was shown

	Approvals []Approval `json:"approvals,omitempty"`
	StartedAt time.Time  `json:"started_at,omitzero"`
	EndsAt    time.Time  `json:"ends_at,omitzero"` // by plan: no fault outlives it
	StopAt    time.Time  `json:"stop_at,omitzero"` // when somebody, or an alarm, wanted it stopped
	StopBy    Person     `json:"stop_by,omitzero"`
	OverAt    time.Time  `json:"over_at,omitzero"`
	Ending    Ending     `json:"ending,omitempty"`
	Text      string     `json:"text,omitempty"` // why it was refused, or ended as it did
	Blows     []Blow     `json:"blows,omitempty"`
	Grade     *Grade     `json:"grade,omitempty"` // nil before it was graded
	Version   int64      `json:"version,omitempty"`
	Thread    Thread     `json:"-"` // of the card, once it was posted
}

// Active tells whether an experiment holds its namespaces.
func (e Experiment) Active() bool {
	return e.Status == ExperimentPlanned || e.Status == ExperimentConfirmed || e.Status == ExperimentRunning
}

// Namespaces lists those that an experiment hits, sorted; a drain holds the namespaces of the pods that it evicts.
func (e Experiment) Namespaces() []string {
	var all []string
	for _, s := range e.Strikes {
		if s.Namespace != "" {
			all = append(all, s.Namespace)
		}
		for _, t := range s.Targets {
			if t.Object.Namespace != "" {
				all = append(all, t.Object.Namespace)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Refusal is one reason why an experiment may not begin.
type Refusal struct {
	Blocker string `json:"blocker"` // its name
	Text    string `json:"text"`    // one sentence with what would be right
}

// Steadiness is one measure of how well a target works without the fault.
type Steadiness struct {
	Text string `json:"text"` // "shop/api: 3 of 3 ready"
	OK   bool   `json:"ok"`
}

// Blow is one strike on one target as it really was. The wish is kept before it is begun.
type Blow struct {
	Strike  int       `json:"strike"` // index
	Target  Victim    `json:"target"`
	Handle  string    `json:"handle,omitempty"` // of what holds it: the ephemeral container's name, the object's
	Began   time.Time `json:"began,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Clean   bool      `json:"clean"` // it was seen that nothing of the fault is left
	Outcome string    `json:"outcome,omitempty"`
}

// Grade is how the bot itself did in an experiment.
type Grade struct {
	At           time.Time     `json:"at"`
	Detected     bool          `json:"detected"`
	IncidentID   int64         `json:"incident_id,omitempty"`
	DetectAfter  time.Duration `json:"detect_after,omitempty"` // from the first blow to the incident
	WatchAfter   time.Duration `json:"watch_after,omitempty"`  // to the first signal of a watch or of metrics; 0 for none
	AlertAfter   time.Duration `json:"alert_after,omitempty"`  // to the first alert; 0 for none
	Cause        string        `json:"cause,omitempty"`        // the rule that was ranked first
	Confidence   float64       `json:"confidence,omitempty"`   // with which it was
	Rank         int           `json:"rank,omitempty"`         // of the first cause that is right, from 1; 0 for none
	StepRight    bool          `json:"step_right"`             // the step that was suggested first is one that helps
	Alerts       []string      `json:"alerts,omitempty"`       // that fired on what was hit
	False        []int64       `json:"false,omitempty"`        // incidents that neither it nor anything known explains
	RecoverAfter time.Duration `json:"recover_after,omitempty"`
	Recovered    bool          `json:"recovered"`
	Clean        bool          `json:"clean"`  // no fault outlived it
	Counts       bool          `json:"counts"` // false for one that was never really done
	Text         string        `json:"text"`
}

// ExperimentList is the answer to a search for experiments.
type ExperimentList struct {
	At          time.Time
	Experiments []Experiment // newest first
	Worker      time.Time    // when the process that does experiments was last seen; zero for never
}

// ExperimentFilter chooses experiments. Empty fields choose all.
type ExperimentFilter struct {
	Cluster  string
	Statuses []ExperimentStatus
	By       string    // Slack id of who asked
	Since    time.Time // that were asked for, or over, after it
	Graded   bool      // only those with a grade
	Limit    int       // 0 means 100, at most 1000
}

// ExperimentKey is the key of an experiment's card.
func ExperimentKey(id int64) string { return fmt.Sprintf("experiment/%d/card", id) }

// ExperimentButton is what the buttons of an experiment's card stand for. Hash is "" for STOP, which needs no plan; Experiment is 0 for
// all that run.
type ExperimentButton struct {
	Experiment int64
	Hash       string
}

const experimentMark = "x"

// Value is the button as Click.Value carries it: "x42:9f86d081884c…".
func (b ExperimentButton) Value() string {
	return experimentMark + strconv.FormatInt(b.Experiment, 10) + ":" + b.Hash
}

// IsExperimentValue tells whether a Click.Value is an ExperimentButton's.
func IsExperimentValue(value string) bool { return strings.HasPrefix(value, experimentMark) }

// ParseExperiment reads a Click.Value. It fails with Invalid when the value is not one that ExperimentButton.Value made.
func ParseExperiment(value string) (ExperimentButton, error) {
	id, hash, cut := strings.Cut(value, ":")
	id, marked := strings.CutPrefix(id, experimentMark)
	n, err := strconv.ParseInt(id, 10, 64)
	if !marked || !cut || err != nil || n < 0 {
		return ExperimentButton{}, Errorf(Invalid, "this button names no experiment; run /autopilot chaos list for the current ones")
	}
	return ExperimentButton{Experiment: n, Hash: hash}, nil
}

// The modals about experiments. FormChaos is that of one with several faults and has the fields below; its subject is empty.
// FormChaosDelete asks once more before plain deletes; its subject is the ExperimentButton's Value.
const (
	FormChaos       = "chaos"
	FormChaosDelete = "chaos_delete"

	FieldCluster  = "cluster"
	FieldTitle    = "title"
	FieldSteps    = "steps" // one strike a line, as the command takes it
	FieldCause    = "cause" // rules, as path.Match patterns, by commas
	FieldStopOn   = "stop_on"
	FieldSchedule = "schedule" // when it is planned; "" for now
)
