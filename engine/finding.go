package engine

import (
	"fmt"
	"time"
)

// FindingKind is the detector that made a finding.
type FindingKind string

// The kinds of waste.
const (
	OverRequestedCPU    FindingKind = "over_requested_cpu"
	OverRequestedMemory FindingKind = "over_requested_memory"
	IdleNode            FindingKind = "idle_node"
	OrphanVolume        FindingKind = "orphan_volume"
)

// FindingKinds are all kinds, in the order in which they are shown.
func FindingKinds() []FindingKind {
	return []FindingKind{OverRequestedCPU, OverRequestedMemory, IdleNode, OrphanVolume}
}

// FindingStatus is where a finding stands.
type FindingStatus string

// The states of a finding.
const (
	FindingOpen     FindingStatus = "open"
	FindingSnoozed  FindingStatus = "snoozed"   // until a date, with a reason
	FindingNotWaste FindingStatus = "not_waste" // a person said so; remembered, never shown again unless it is undone
	FindingClosed   FindingStatus = "closed"    // no longer seen, with the reason
)

// Risk is how much harm following a finding could do.
type Risk string

// The risks.
const (
	RiskLow    Risk = "low"
	RiskMedium Risk = "medium"
	RiskHigh   Risk = "high"
)

// Owner is the team that a finding belongs to.
type Owner struct {
	Team string `json:"team"` // "" when nobody knows
	By   string `json:"by"`   // what said so: "label team", "namespace payments", "configuration"
}

// Target is what is wasted: a container of a workload, a node, or a volume.
type Target struct {
	Workload
	Container string `json:"container,omitempty"`
	Provider  string `json:"provider,omitempty"` // id in AWS: "i-0abc…", "vol-0abc…"
	Account   string `json:"account,omitempty"`
	Region    string `json:"region,omitempty"`
}

// KindVolume is the Workload kind of a block volume in AWS; its name is the volume's id.
const KindVolume = "Volume"

// Finding is one piece of waste: what, where, how much, how sure, and the proof. Exactly one of Sizing, Node and Volume is set,
// by its kind.
type Finding struct {
	ID     int64
	Key    string // identity across scans: kind and target, and nothing that changes
	Group  string // what is shown on one card: the same workload, the same node group, the same owner of volumes
	Kind   FindingKind
	Target Target
	Owner  Owner

	Monthly    MicroUSD   // saved each month, net of what following it costs; no dollar of it is in another finding
	Whole      MicroUSD   // before dollars that other findings own were taken off
	Cash       bool       // the bill falls; otherwise capacity is freed, and the bill falls when a node goes
	Basis      PriceBasis // of the price
	Confidence float64    // in [0,1]: how sure we are that this is waste
	Reasons    []string   // what the confidence rests on, a line each
	Risk       Risk
	Risks      []string // what makes it risky, a line each
	Caveats    []string // what is estimated or could not be had, a line each
	Lever      string   // what to change, in one sentence, named as the user would: "minSize of node group workers"

	Sizing *Sizing
	Node   *NodeRemoval
	Volume *VolumeRemoval

	Status     FindingStatus
	Reason     string // why it was closed, snoozed or called not waste
	By         Person // who snoozed it or called it not waste
	Until      time.Time
	FirstSeen  time.Time
	LastSeen   time.Time
	ClosedAt   time.Time
	Reopened   int
	Prediction MicroUSD // what Monthly was when it was first shown
}

// Resource is what a container asks for.
type Resource string

// The resources. Amounts of CPU are in millicores, of memory in bytes.
const (
	CPU    Resource = "cpu"
	Memory Resource = "memory"
)

// Sizing is a proposed request of one container.
type Sizing struct {
	Resource  Resource   `json:"resource"`
	Old       int64      `json:"old"` // millicores or bytes
	New       int64      `json:"new"`
	Limit     int64      `json:"limit"`    // 0 for none; it stays
	Replicas  float64    `json:"replicas"` // on average, over the history
	Autoscale *Autoscale `json:"autoscale,omitempty"`
	Peak      int64      `json:"peak"`      // the highest use that is known
	PeakDays  float64    `json:"peak_days"` // how far back that is known
	Days      float64    `json:"days"`      // of history at full resolution
	Samples   int        `json:"samples"`
	Backtest  Backtest   `json:"backtest"`
	Chart     Chart      `json:"chart"`
	Unit      MicroUSD   `json:"unit"` // price of one core or GiB for an hour
}

// Autoscale is the change of a HorizontalPodAutoscaler that keeps the number of replicas as it is.
type Autoscale struct {
	Name      string `json:"name"`
	OldTarget int32  `json:"old_target"` // percent of the request
	NewTarget int32  `json:"new_target"`
}

// Backtest is what would have happened had the proposal been made from what came before the days that it is applied to.
type Backtest struct {
	Days    float64 `json:"days"`
	Samples int     `json:"samples"`
	Over    float64 `json:"over"`     // share of samples above the proposed request
	OverOld float64 `json:"over_old"` // share above the request of today
	Kills   int     `json:"kills"`    // times that memory would have passed the limit
}

// NodeRemoval is the proof that a node is not needed.
type NodeRemoval struct {
	Group       string      `json:"group"`             // name of the node group, autoscaling group or node pool
	Controller  string      `json:"controller"`        // "managed node group", "autoscaling group", "Karpenter", "cluster-autoscaler", "none"
	Instance    string      `json:"instance"`          // type
	Min         int         `json:"min,omitempty"`     // of the group, where AWS keeps its size
	Desired     int         `json:"desired,omitempty"` // 0 where nobody but the nodes says how many there are
	Zone        string      `json:"zone"`
	Spot        bool        `json:"spot"`
	CPUShare    float64     `json:"cpu_share"` // requested of allocatable
	MemoryShare float64     `json:"memory_share"`
	Placements  []Placement `json:"placements"`
}

// Placement is where a pod of a removed node would go.
type Placement struct {
	Pod  string `json:"pod"` // namespace/name
	Node string `json:"node"`
}

// VolumeRemoval is the proof that a volume is an orphan, and what is done before it goes.
type VolumeRemoval struct {
	Type            string            `json:"type"`
	GiB             int64             `json:"gib"`
	IOPS            int64             `json:"iops,omitempty"`
	Throughput      int64             `json:"throughput,omitempty"` // MiB/s
	Zone            string            `json:"zone"`
	CreatedAt       time.Time         `json:"created_at"`
	DetachedAt      time.Time         `json:"detached_at"`     // first seen detached by us
	Cause           string            `json:"cause"`           // "released", "leaked", "unmanaged"
	Claim           string            `json:"claim,omitempty"` // namespace/name that it was made for
	PV              string            `json:"pv,omitempty"`
	Snapshot        string            `json:"snapshot,omitempty"` // the newest one of it; "" when it must be made first
	SnapshotAt      time.Time         `json:"snapshot_at,omitzero"`
	Tags            map[string]string `json:"tags,omitempty"`
	SnapshotMonthly MicroUSD          `json:"snapshot_monthly,omitempty"` // what a snapshot costs at most; 0 when not known
	Searched        []string          `json:"searched"`                   // the clusters in which nobody wants it
	Plan            []string          `json:"plan"`                       // the exact steps
}

// Chart is a few series over time, and lines across them.
type Chart struct {
	Unit   string        `json:"unit"` // "cores", "GiB", "$/day"
	Start  time.Time     `json:"start"`
	Step   time.Duration `json:"step"`
	Series []ChartSeries `json:"series"`
	Lines  []ChartLine   `json:"lines"`
}

// ChartSeries is one series: a value a step, Missing where none is known.
type ChartSeries struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

// Missing is the value of a step of which nothing is known. NaN is not used, for JSON has none.
const Missing = -1

// ChartLine is a horizontal line, such as a request.
type ChartLine struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// FindingGroup is what one card shows: the findings of one workload, one node group, or one owner of volumes.
type FindingGroup struct {
	ID       int64
	Key      string
	Cluster  string
	Title    string // "payments/api", "node group workers", "volumes of shop/db"
	Owner    Owner
	Findings []Finding // open ones first, the dearest first
	Monthly  MicroUSD  // of the open ones
	Thread   Thread
	Version  int64
	Round    int // how often it came back after all of it was closed: each time has a card of its own, which Thread is

	Drafts    []ProposalItem // what could be approved now, and what only a person can edit
	Proposals []Proposal     // of its findings: those that are not over first, then the newest of the others
}

// Open gives the findings that are open, in the group's order.
func (g FindingGroup) Open() []Finding {
	var open []Finding
	for _, f := range g.Findings {
		if f.Status == FindingOpen {
			open = append(open, f)
		}
	}
	return open
}

// SavingsKey is the key of a group's card in a round of it.
func SavingsKey(group int64, round int) string {
	if round == 0 {
		return fmt.Sprintf("savings/%d/card", group)
	}
	return fmt.Sprintf("savings/%d/card/%d", group, round)
}

// FindingFilter chooses findings. Empty fields choose all.
type FindingFilter struct {
	Cluster   string
	Namespace string
	Team      string
	Kind      FindingKind
	Status    FindingStatus // "" means open
	Limit     int           // 0 means 50
}

// Savings is the answer to /autopilot savings: what is open, and what it comes to.
type Savings struct {
	Filter   string // as it was understood
	Groups   []FindingGroup
	More     int // groups that are not listed
	Monthly  MicroUSD
	Cash     MicroUSD // the part of Monthly by which the bill falls
	ByKind   []SavingsLine
	Snoozed  int
	NotWaste int
	Scan     Scan // the newest one
}

// SavingsLine is the sum of one kind.
type SavingsLine struct {
	Kind    FindingKind
	Count   int
	Monthly MicroUSD
}

// Scan is one look for waste, from start to end.
type Scan struct {
	ID        int64
	Trigger   string // "schedule", "command", "approval", "undo", "awake"
	By        Person // zero for the schedule
	Cluster   string // "" for all
	Namespace string
	Started   time.Time
	Finished  time.Time // zero while it runs
	Problem   string    // why it gave no findings at all; "" when it did

	Containers, Nodes, Volumes int // looked at
	New, Seen, Closed          int // findings
	Monthly                    MicroUSD
	Missing                    []Gap      // what could not be had: the collector names the cluster or account
	Skipped                    []SkipLine // why what was looked at is no finding, counted
	Cost                       ScanCost
}

// SkipLine counts the targets that are no finding for one reason.
type SkipLine struct {
	Kind   FindingKind `json:"kind"`
	Reason string      `json:"reason"`
	Count  int         `json:"count"`
}

// ScanCost is what a scan asked of others.
type ScanCost struct {
	Queries      int           `json:"queries"`      // of Prometheus, readings of chunks among them
	ChunkReads   int           `json:"chunk_reads"`  // of those, the ones that had it send what it stores as it is, and evaluate nothing
	Samples      int64         `json:"samples"`      // that Prometheus read for them
	Slowest      time.Duration `json:"slowest"`      // of the queries
	BilledCalls  int           `json:"billed_calls"` // of Cost Explorer
	BilledAmount MicroUSD      `json:"billed_amount"`
}
