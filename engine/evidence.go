package engine

import "time"

// EvidenceKind says what an evidence line is about, and which Fields it has.
type EvidenceKind string

// The kinds of evidence. The fields that each has stand beside it; absent fields are not known.
const (
	EvidenceContainer   EvidenceKind = "container"   // state, reason, message, restarts, ready, image, image_id, memory_limit, cpu_limit, memory_request, cpu_request, init (true)
	EvidenceTermination EvidenceKind = "termination" // exit_code, signal, reason, message, started_at, finished_at, restarts
	EvidenceLog         EvidenceKind = "log"         // line, signature (see rca), previous (true|false)
	EvidenceEvent       EvidenceKind = "event"       // type, reason, message, count, component
	EvidencePod         EvidenceKind = "pod"         // phase, reason, message, node, qos, scheduled, conditions, selected (true|false: whether any node has the labels that it asks for), selected_cordoned (whether one of those is cordoned)
	EvidenceNode        EvidenceKind = "node"        // ready, reason, message, pressure, unschedulable, taints, last_heartbeat, planned (spot|autoscaler|cordon|shutdown: why it is to go), agent (what EKS's monitoring agent says is wrong), group, kubelet, newest (kubelet version of the newest node), silent (how many others of its group fell silent with it)
	EvidenceChange      EvidenceKind = "change"      // what, from, to, container, revision, by, git (what deploys it from there), age (Go duration before the onset), back_after (Go duration: it only took back what another change did so long before)
	EvidenceMerge       EvidenceKind = "merge"       // ref (such as acme/deploy#12), repo, number (of the pull request; absent for a push), commit, subject, path, by, own (true for one of ours), age (Go duration before the onset)
	EvidenceQuota       EvidenceKind = "quota"       // resource, used, hard, name
	EvidenceReference   EvidenceKind = "reference"   // kind, name, key, exists (true|false), detail, used_by, selects (of a Service: Kind/name of the workload behind it)
	EvidenceJob         EvidenceKind = "job"         // reason, message, failed, backoff_limit, deadline
	EvidenceClaim       EvidenceKind = "claim"       // phase, storage_class, class_exists, requested, access_modes, volume
	EvidenceRollout     EvidenceKind = "rollout"     // desired, updated, ready, available, reason, message, paused
	EvidenceProbe       EvidenceKind = "probe"       // probe (liveness|readiness|startup), container, spec, message
	EvidenceAlert       EvidenceKind = "alert"       // alertname, value, description
	EvidenceCondition   EvidenceKind = "condition"   // type, status, reason, message: what a controller says of an object, such as an autoscaler
	EvidenceSeries      EvidenceKind = "series"      // measure, direction (up|down), usual, now, since (RFC 3339)
	EvidenceNeighbor    EvidenceKind = "neighbor"    // relation (see rca), kind, namespace, name, and of a suspect rank, share (0 to 1), first (true when it moved first), measure, usual, now, since; of a change what, from, to, by, age
)

// Evidence is one line that a cause can rest on.
type Evidence struct {
	ID        string            `json:"id"` // unique within a diagnosis, stable for the same fact
	Collector string            `json:"collector"`
	Kind      EvidenceKind      `json:"kind"`
	Object    ObjectRef         `json:"object"`
	Container string            `json:"container,omitempty"`
	At        time.Time         `json:"at,omitzero"` // when it happened, if known
	Text      string            `json:"text"`        // what a person reads; redacted
	Fields    map[string]string `json:"fields,omitempty"`
}

// Gap is evidence that could not be had. It is shown, never passed over.
type Gap struct {
	Collector string `json:"collector"`
	Reason    string `json:"reason"`
}

// Change is one edit of a workload: what changed last, and by whom.
type Change struct {
	At       time.Time `json:"at"`
	By       string    `json:"by,omitempty"` // the field manager or annotation that names the author; "" when unknown
	Revision string    `json:"revision,omitempty"`
	Text     string    `json:"text"`              // "image 1.4.1 → 1.4.2 (container api)"
	Details  []string  `json:"details,omitempty"` // one line a field
	New      bool      `json:"new,omitempty"`     // it made the workload: there is nothing before it
}

// LogExcerpt is the end of a container's log, redacted.
type LogExcerpt struct {
	Pod, Container string
	Store          string // where it was kept, such as Loki; "" for the node
	Previous       bool
	Lines          []string
	Redactions     int
	Truncated      bool
}
