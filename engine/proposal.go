package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ProposalStatus is where a proposal stands.
type ProposalStatus string

// The states of a proposal, in the order of a good end; those from ProposalDenied on are over.
const (
	ProposalPending  ProposalStatus = "pending"  // at least one person approved, another is wanted
	ProposalApproved ProposalStatus = "approved" // everybody who is wanted approved; the pull request is on its way
	ProposalOpened   ProposalStatus = "opened"   // the pull request is there
	ProposalMerged   ProposalStatus = "merged"
	ProposalDeployed ProposalStatus = "deployed" // the live objects have the new values
	ProposalVerified ProposalStatus = "verified" // measured: the ledger has the first verified day

	ProposalDenied   ProposalStatus = "denied"   // by a person, with a reason
	ProposalExpired  ProposalStatus = "expired"  // nobody decided in time
	ProposalStale    ProposalStatus = "stale"    // what was approved is no longer what would be done
	ProposalClosed   ProposalStatus = "closed"   // a person closed the pull request; over, unless it is opened again
	ProposalReversed ProposalStatus = "reversed" // taken back by another proposal, or by hand
)

// IsOver tells whether nothing more happens to it.
func (s ProposalStatus) IsOver() bool {
	switch s {
	case ProposalDenied, ProposalExpired, ProposalStale, ProposalClosed, ProposalReversed:
		return true
	case ProposalPending, ProposalApproved, ProposalOpened, ProposalMerged, ProposalDeployed, ProposalVerified:
	}
	return false
}

// Proposal is a change that people approve: what is done, who said so, the pull request, and what came of it.
type Proposal struct {
	ID       int64
	Key      string // of what it changes: at most one proposal of a key is not over
	Cluster  string
	Team     string
	Title    string // its first line, readable on a phone: "payments/api memory 2 → 1.2 GiB, −$41/month, low risk"
	Repo     string // "owner/name"
	Base     string // the branch that the pull request goes to
	Items    []ProposalItem
	Hash     string // of the items' hashes: what an approval is bound to
	Monthly  MicroUSD
	Status   ProposalStatus
	Reason   string // why it is over, or what it waits for
	Need     ApprovalNeed
	Approved []Approval // that count, in order
	Proposer Person     // who asked for it; zero for the bot
	Pull     Pull
	Reverts  int64 // the proposal that this one takes back; 0 for none
	Incident int64 // the incident that it mends, or that its harm opened; 0 for none

	CreatedAt  time.Time
	ExpiresAt  time.Time // of an approval that is still wanted
	ApprovedAt time.Time
	MergedAt   time.Time
	DeployedAt time.Time
	VerifiedAt time.Time
	Saved      Saved
	Timeline   []Event
	Thread     Thread // under which it is told: the card of its first item's group, or the incident's
	Version    int64
}

// IsMend tells whether it is there for an incident that the bot did not bring about: nothing is saved by it, and it is no longer
// wanted when the incident is over.
func (p Proposal) IsMend() bool { return p.Incident != 0 && p.Reverts == 0 }

// Saved is what the ledger has of a proposal: the sum of its verified days.
type Saved struct {
	Days      int
	Verified  MicroUSD
	Cash      MicroUSD
	Low, High MicroUSD // 90 % of the uncertainty of Verified
	Estimated MicroUSD // what was promised for those days
}

// ProposalItem is one line of a proposal: what one finding, or one cause, asks to be changed. Before anybody approved it it is a
// draft: it belongs to no proposal, and is made anew when what it rests on changed.
type ProposalItem struct {
	ID         int64
	ProposalID int64 // 0 for a draft
	FindingID  int64 // 0 for an incident's
	GroupID    int64
	Chain      string // of the ledger: see LedgerChain
	Wish       Wish
	Title      string // "payments/api memory 2 → 1.2 GiB"
	Kind       FindingKind
	Owner      Owner
	Monthly    MicroUSD
	Cash       bool
	Basis      PriceBasis
	Risk       Risk
	Backtest   *Backtest
	Because    string // of an incident's: by which rule the new value is this one; "" for a finding's
	Repo       string
	Base       string
	Commit     string     // that the edits were made on
	Edits      []FileEdit // empty where it cannot be edited
	ByHand     []Place    // where a person must edit, when the bot must not guess; Why says why
	Why        string     // why there is no edit; "" when there are Edits
	Steps      []string   // what is done outside of files, exactly: a snapshot, then a delete
	Removal    *Removal   // what the bot itself does of the Steps; nil where a person does them
	Hash       string     // of all that a person is shown of it
	MadeAt     time.Time
}

// WishKind is what shall be different.
type WishKind string

// The kinds of wish, with the Field and the form of Old and New that each has.
const (
	WishRequest WishKind = "request"    // Field "cpu" or "memory"; quantities such as "500m", "1Gi"
	WishTarget  WishKind = "hpa_target" // Field "cpu" or "memory"; percents such as "80"; Name is the autoscaler's
	WishLimit   WishKind = "limit"      // as request
	WishImage   WishKind = "image"      // references
	WishProbe   WishKind = "probe"      // Field such as "livenessProbe.timeoutSeconds"; numbers, paths and ports
	WishRevert  WishKind = "revert"     // Name is the commit that is taken back, "" for the one that is found; Field is what it changed, such as "env LOG_LEVEL" or "revision"; as the evidence says it
	WishVolume  WishKind = "volume"     // the volume of Target.Provider is removed; Old is the id of a complete snapshot of it, "" when one must be made first
	WishGroup   WishKind = "group_size" // Field "min", "desired" or "group", all of it; numbers; Name is the node group's
)

// Wish is one value that shall be another in whatever file declares it.
type Wish struct {
	Kind   WishKind `json:"kind"`
	Target Target   `json:"target"`
	Name   string   `json:"name,omitempty"`
	Field  string   `json:"field,omitempty"`
	Old    string   `json:"old,omitempty"` // as the live object has it
	New    string   `json:"new,omitempty"`
	With   []Wish   `json:"with,omitempty"` // made together with it or not at all: the autoscaler's target
}

// FileEdit is what changes in one file, byte for byte.
type FileEdit struct {
	Path   string `json:"path"`
	Blob   string `json:"blob"`   // git's id of the file before
	Line   int    `json:"line"`   // the first that changes, from 1
	Before string `json:"before"` // the changed lines as they are, with their line ends; "" for an insertion
	After  string `json:"after"`
	Diff   string `json:"diff"` // unified, three lines of context
}

// Place is a line in a file.
type Place struct {
	Path string `json:"path"`
	Line int    `json:"line"`
	Text string `json:"text"` // what stands there, bounded
	Note string `json:"note"` // what it is: "variable memory_request, default"
}

// ApprovalNeed is who must say yes, by the policy at the time that the proposal was made.
type ApprovalNeed struct {
	People      int      `json:"people"`       // how many different ones
	NotProposer bool     `json:"not_proposer"` // who proposed does not count
	Roles       []string `json:"roles"`        // that may approve it
	Why         []string `json:"why"`          // a line for each rule that asks for it
}

// Approval is a person's yes to one hash.
type Approval struct {
	By   Person    `json:"by"`
	At   time.Time `json:"at"`
	Hash string    `json:"hash"`
	Role string    `json:"role"`
}

// Pull is a pull request as it was last seen.
type Pull struct {
	Number    int       `json:"number"`
	URL       string    `json:"url"`
	Branch    string    `json:"branch"`
	Head      string    `json:"head"` // commit
	State     PullState `json:"state"`
	Checks    string    `json:"checks"`             // "", "pending", "passing", "failing"
	Failing   []string  `json:"failing,omitempty"`  // names of checks
	Review    string    `json:"review"`             // "", "approved", "changes_requested"
	Conflict  bool      `json:"conflict,omitempty"` // with the base
	Behind    bool      `json:"behind,omitempty"`   // the base's rules want its newest commit in the branch
	Touched   bool      `json:"touched,omitempty"`  // a person pushed to the branch
	Parent    string    `json:"parent,omitempty"`   // commit of the base that the branch's one commit was made on
	MergedSHA string    `json:"merged_sha,omitempty"`
	MergedAt  time.Time `json:"merged_at,omitzero"`
	ClosedBy  string    `json:"closed_by,omitempty"` // GitHub login
	SeenAt    time.Time `json:"seen_at,omitzero"`
}

// PullState is a pull request's own state.
type PullState string

// The states of a pull request.
const (
	PullNone   PullState = ""
	PullOpen   PullState = "open"
	PullMerged PullState = "merged"
	PullClosed PullState = "closed"
)

// ProposalKey is the key of the message that tells where a proposal stands, in the thread of its card.
func ProposalKey(id int64) string { return fmt.Sprintf("proposal/%d/state", id) }

// refDigits of an item's hash are enough to see that it changed.
const refDigits = 16

// Ref names a draft and what was shown of it: "42:9f86d081884c7d65".
func (i ProposalItem) Ref() string {
	return fmt.Sprintf("%d:%s", i.ID, i.Hash[:min(refDigits, len(i.Hash))])
}

// ParseRef reads what Ref made: the item's id and the first digits of its hash.
func ParseRef(ref string) (id int64, hash string, err error) {
	digits, hash, ok := strings.Cut(ref, ":")
	id, err = strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || id <= 0 || hash == "" {
		return 0, "", Errorf(Invalid, "this line names no draft; run /autopilot savings for the current ones")
	}
	return id, hash, nil
}
