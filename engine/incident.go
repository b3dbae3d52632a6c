package engine

import "time"

// Status is where an incident stands.
type Status string

// The states. An acknowledged incident is still open; a resolved one may be reopened within a window.
const (
	Open         Status = "open"
	Acknowledged Status = "acknowledged"
	Resolved     Status = "resolved"
)

// Incident is one problem of one workload, from the first signal to its resolution.
type Incident struct {
	ID          int64
	Workload    Workload
	Fingerprint string // of the workload: at most one incident of a fingerprint is not resolved
	Severity    Severity
	Status      Status
	Classes     []Class // facets, in the order in which they appeared
	Title       string  // "payments/api is crash-looping"
	Confidence  float64 // of the first cause, in [0,1]; 0 before a diagnosis
	Health      *Health // nil when nobody knows
	StormID     int64   // the storm that it is part of; 0 for none
	Held        bool    // its card is held back while the storm lasts
	ParentID    int64   // the incident that this one follows from; 0 for none

	StartedAt      time.Time // the earliest signal's start
	DetectedAt     time.Time // when we opened it
	ClearedAt      time.Time // when the last signal ended; zero while one fires
	AcknowledgedAt time.Time
	AcknowledgedBy Person
	Assignee       Person
	ResolvedAt     time.Time
	ResolvedBy     Person // zero when it resolved by itself
	Reopened       int
	Silence        Silence
	Escalations    int // how often it was repeated to the on-call

	Signals    []Signal // those that fire, then those that ended, each by start
	Diagnosis  Diagnosis
	Considered []Consideration
	Timeline   []Event
	Children   []Incident // without their own lists
	Verdicts   []Verdict
	Before     *Former // the incident of before that is most like it; nil for none

	Thread  Thread // where its card is in Slack; zero before it was posted
	Version int64  // grows with every change that a person could see
}

// Thread is a message in Slack, and the thread under it.
type Thread struct {
	Channel string // id
	TS      string
}

// IsOpen tells whether the incident is not resolved.
func (i Incident) IsOpen() bool { return i.Status != Resolved }

// Consideration is one row of "what was considered and why": why a signal joined, opened or was left out.
type Consideration struct {
	At      time.Time
	Signal  string // its summary
	Class   Class
	Source  Source
	Verdict string // opened, joined, reopened, child, ignored, suppressed
	Reason  string
}

// Event is one line of an incident's timeline.
type Event struct {
	ID   int64
	At   time.Time
	Kind string // opened, joined, acknowledged, assigned, silenced, diagnosed, escalated, cleared, resolved, reopened, verdict, ...
	By   Person // zero when the bot did it
	Text string

	Times int // how often it happened, for what is counted in one line; 0 means once
}

// Silence mutes an incident until a time. AlertmanagerID is empty unless a real silence stands behind it.
type Silence struct {
	Until          time.Time
	By             Person
	AlertmanagerID string
}

// Verdict is a person's answer to "Was this cause right?".
type Verdict struct {
	At         time.Time
	By         Person
	Rule       string // of the cause that was shown first
	Right      bool
	Correction string // free text, when it was wrong
}

// IncidentFilter chooses incidents; zero fields choose all.
type IncidentFilter struct {
	Cluster, Namespace, Workload string
	Severity                     Severity
	Status                       Status // "" means open or acknowledged
	Class                        Class
	AnyStatus                    bool
	Assignee                     string // Slack id
	Since                        time.Time
	Limit                        int // 0 means 20
}

// Overview is the dashboard: what is open where, and what was resolved lately.
type Overview struct {
	At       time.Time
	Open     []Incident // newest first, without their lists
	Resolved []Incident // in the last 24 hours, newest first, at most ten
	BySev    map[Severity]int
	Clusters []ClusterState
	Paused   Pause
	Watchdog time.Time // the last Watchdog alert, of the cluster where that is longest ago; zero when none was ever seen
}

// ClusterState says whether a cluster is watched, and since when what is known of it is current.
type ClusterState struct {
	Name      string
	Watched   bool
	Holder    string // which replica watches it
	SyncedAt  time.Time
	Error     string // why it is not watched
	OpenCount int
}

// Pause is the stop of every write. It is set by a person and lasts until a person ends it.
type Pause struct {
	On     bool
	By     Person
	At     time.Time
	Reason string
}
