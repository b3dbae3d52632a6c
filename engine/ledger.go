package engine

import (
	"fmt"
	"time"
)

// EntryKind is a step on the way from waste to money.
type EntryKind string

// The steps. Each stands at most once in a chain, but for EntryVerified, which stands once a day, and EntryCorrected.
const (
	EntryDetected    EntryKind = "detected"    // Amount a month, estimated
	EntryApproved    EntryKind = "approved"    // Amount a month, estimated; the baseline is frozen
	EntryImplemented EntryKind = "implemented" // Amount a month, estimated; the live object has the new value
	EntryVerified    EntryKind = "verified"    // Amount of that Day, measured
	EntryReversed    EntryKind = "reversed"    // the change was taken back, or the waste came back; nothing counts after it
	EntryCorrected   EntryKind = "corrected"   // Amount is added to the day of the entry that it Corrects
)

// LedgerEntry is one row of the append-only ledger. A chain holds the rows of one finding from one opening on.
type LedgerEntry struct {
	ID        int64
	Chain     string // see LedgerChain
	Kind      EntryKind
	At        time.Time // when it was written
	Day       time.Time // EntryVerified, EntryCorrected: the UTC day that was measured
	Proposal  int64     // 0 before one
	Finding   int64
	Type      FindingKind
	Target    Target
	Team      string
	Amount    MicroUSD // see the kinds; below zero where it cost more
	Cash      MicroUSD // the part of Amount by which the bill fell, as far as AWS confirms it; the rest is freed capacity
	Low, High MicroUSD // 90 % of the uncertainty of Amount
	Baseline  *Baseline
	Work      float64 // EntryVerified: units of work done that day
	By        Person  // EntryApproved: who
	Ref       string  // hash of the plan, URL of the pull request, reason of a reversal
	Corrects  int64   // the entry that EntryCorrected is about
}

// Baseline is what a unit of work cost before the change. It is frozen at approval and never made again.
type Baseline struct {
	Unit    string    `json:"unit"`     // "replica-hour", "node-hour of the group", "volume-day"
	PerUnit MicroUSD  `json:"per_unit"` // as it was
	After   MicroUSD  `json:"after"`    // as the plan says that it will be
	Spread  float64   `json:"spread"`   // standard deviation of a day's cost per unit, as a share of PerUnit
	Days    float64   `json:"days"`     // that it was measured over
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`

	Price     MicroUSD `json:"price,omitempty"`     // of a core or GiB for an hour, where requests are measured
	Work      float64  `json:"work,omitempty"`      // units of a day, on average
	Group     string   `json:"group,omitempty"`     // of nodes
	Instance  string   `json:"instance,omitempty"`  // type of the node
	Cores     float64  `json:"cores,omitempty"`     // of the node; 0 when not known
	GiB       float64  `json:"gib,omitempty"`       // of the node
	Capacity  float64  `json:"capacity,omitempty"`  // core-hours or GiB-hours a day of all nodes of the cluster; 0 when not known
	Requested float64  `json:"requested,omitempty"` // of Capacity, what pods had
	Covered   float64  `json:"covered,omitempty"`   // the share in [0,1] of such usage that commitments paid for
	Uncovered *float64 `json:"uncovered,omitempty"` // hours a day of such usage that they did not, by the bills; nil without bills
}

// LedgerChain names the chain of a finding that was opened for the nth time, from 0.
func LedgerChain(finding int64, reopened int) string {
	return fmt.Sprintf("finding/%d/%d", finding, reopened)
}

// LedgerFilter chooses chains of the ledger that have an entry in a span. Empty fields choose all.
type LedgerFilter struct {
	From, To                 time.Time // from midnight UTC of the first day to that after the last; no day is missed without a To
	Team, Cluster, Namespace string
	Type                     FindingKind
	By                       LedgerBy // of Shares; "" means LedgerByTeam
	Limit                    int      // of lines; 0 means 50
}

// LedgerBy is what the sums of the ledger are divided by.
type LedgerBy string

// What sums can be divided by.
const (
	LedgerByTeam      LedgerBy = "team"
	LedgerByNamespace LedgerBy = "namespace"
	LedgerByCluster   LedgerBy = "cluster"
	LedgerByType      LedgerBy = "type"
)

// Ledger is the answer to /autopilot savings ledger.
type Ledger struct {
	Filter   string
	From, To time.Time
	Lines    []LedgerLine // the newest first
	More     int

	Detected, Approved, Implemented MicroUSD // a month, estimated: of the chains that reached that step
	Verified                        MicroUSD // measured, in the span
	Cash                            MicroUSD // of Verified
	Freed                           MicroUSD // of Verified
	Twice                           MicroUSD // of Freed, at most: what nodes have off the bill that were found idle after it was freed, which may be the same dollars
	Low, High                       MicroUSD // 90 % of the uncertainty of Verified
	Missed                          int      // days of chains, in the span, that could not be measured and are in no sum
	Reversed                        MicroUSD // a month, estimated
	Calibration                     []CalibrationLine
	By                              LedgerBy
	Shares                          []LedgerShare // that come to the sums exactly, the largest first
}

// LedgerShare is a part of the sums: of one team, namespace, cluster or type.
type LedgerShare struct {
	Name        string // "" for those without
	Detected    MicroUSD
	Implemented MicroUSD
	Verified    MicroUSD
	Cash        MicroUSD
}

// LedgerLine is a chain as it stands.
type LedgerLine struct {
	Chain     string
	Finding   int64
	Proposal  int64
	Type      FindingKind
	Target    Target
	Team      string
	State     EntryKind // the last step
	At        time.Time // of it
	Estimated MicroUSD  // a month
	Verified  MicroUSD  // in the span
	Cash      MicroUSD
	Low, High MicroUSD // of Verified
	Days      int      // that were measured
	Missing   int      // days of the span that could not be measured
	PullURL   string
}

// CalibrationLine is what a detector promised beside what was measured.
type CalibrationLine struct {
	Type      FindingKind
	Chains    int
	Estimated MicroUSD // for the days that were measured
	Verified  MicroUSD
	Ratio     float64 // Verified over Estimated; 0 when nothing was measured
}
