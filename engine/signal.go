package engine

import "time"

// Class is the kind of problem a signal shows. An incident has the classes of its signals as facets.
type Class string

// The problem classes. ClassAlert is an alert that maps to none of the others.
const (
	ClassCrashLoop       Class = "crash_loop"
	ClassOOMKilled       Class = "oom_killed"
	ClassImagePull       Class = "image_pull"
	ClassConfigError     Class = "config_error" // CreateContainerConfigError and its kin
	ClassUnschedulable   Class = "unschedulable"
	ClassProbeFailing    Class = "probe_failing"
	ClassEvicted         Class = "evicted"
	ClassNodeNotReady    Class = "node_not_ready"
	ClassNodePressure    Class = "node_pressure"
	ClassJobFailed       Class = "job_failed"
	ClassClaimPending    Class = "claim_pending"
	ClassRolloutStuck    Class = "rollout_stuck"
	ClassReplicasMissing Class = "replicas_missing"
	ClassHighCPU         Class = "high_cpu"
	ClassHighMemory      Class = "high_memory"
	ClassHighLatency     Class = "high_latency"
	ClassAnomaly         Class = "anomaly" // a measure is not as it ever was
	ClassAlert           Class = "alert"

	ClassVolumeFailing    Class = "volume_failing"      // a volume that was there is lost, cannot grow, or cannot be given back
	ClassRouteBroken      Class = "route_broken"        // what sends traffic on, such as a Service or an Ingress, has nowhere to send it
	ClassAPIDown          Class = "api_down"            // a part of the cluster's own API does not answer, as a webhook that every call waits for
	ClassScalingStuck     Class = "scaling_stuck"       // an autoscaler cannot do its work
	ClassDrainBlocked     Class = "drain_blocked"       // a node cannot be emptied
	ClassScheduleMissed   Class = "schedule_missed"     // a run that a schedule wants was not started
	ClassStuckTerminating Class = "stuck_terminating"   // what was deleted does not go
	ClassCertificate      Class = "certificate_expires" // a certificate was not renewed in time
)

// Classes lists every problem class.
var Classes = []Class{
	ClassCrashLoop, ClassOOMKilled, ClassImagePull, ClassConfigError, ClassUnschedulable, ClassProbeFailing, ClassEvicted,
	ClassNodeNotReady, ClassNodePressure, ClassJobFailed, ClassClaimPending, ClassRolloutStuck, ClassReplicasMissing,
	ClassHighCPU, ClassHighMemory, ClassHighLatency, ClassAnomaly, ClassAlert,
	ClassVolumeFailing, ClassRouteBroken, ClassAPIDown, ClassScalingStuck, ClassDrainBlocked, ClassScheduleMissed, ClassStuckTerminating, ClassCertificate,
}

// Source says where a signal comes from.
type Source string

// The sources.
const (
	SourceWatch   Source = "watch"
	SourceAlert   Source = "alertmanager"
	SourceMetrics Source = "metrics" // series that are not as they ever were
)

// Severity orders incidents: who is told, and how loudly.
type Severity string

// The severities, most severe first.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

// Rank gives 3 for critical, 2 for warning, 1 for info and 0 for anything else.
func (s Severity) Rank() int {
	switch s {
	case Critical:
		return 3
	case Warning:
		return 2
	case Info:
		return 1
	}
	return 0
}

// Signal is one observation that something is wrong with a workload.
type Signal struct {
	Source    Source            `json:"source"`
	ID        string            `json:"id"` // identity of the condition at its source; unique with Source and the cluster
	Workload  Workload          `json:"workload"`
	Class     Class             `json:"class"`
	Severity  Severity          `json:"severity"`
	Object    ObjectRef         `json:"object"` // the pod, node, job or claim that shows it
	Container string            `json:"container,omitempty"`
	Node      string            `json:"node,omitempty"`
	Summary   string            `json:"summary"` // one plain sentence
	Labels    map[string]string `json:"labels,omitempty"`
	StartsAt  time.Time         `json:"starts_at"`
	EndsAt    time.Time         `json:"ends_at,omitzero"` // zero while it lasts
	Parent    Workload          `json:"parent,omitzero"`  // what this follows from, such as the node that is down
	Tracks    []Track           `json:"tracks,omitempty"` // the series that show it, strangest first; of SourceMetrics
}

// Labels of a signal of pods that were deleted although they were wanted.
const (
	LabelLost       = "lost"       // the pods, separated by commas
	LabelDisruption = "disruption" // the API server's word for why they went, such as EvictionByEvictionAPI; not there for a plain deletion
)

// Firing tells whether the condition still holds.
func (s Signal) Firing() bool { return s.EndsAt.IsZero() }

// Observation is what one source knows of one workload at one time.
//
// A Complete observation is level-triggered: it lists every signal that this source has for the workload, and
// whatever the store still holds open of that source and workload beyond the list is over.
type Observation struct {
	Source   Source
	Workload Workload
	Signals  []Signal
	Complete bool
	Health   *Health // nil when the source does not know
	At       time.Time
}
