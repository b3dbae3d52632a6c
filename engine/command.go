package engine

import "time"

// PayloadKind is the kind of a stored inbound payload.
type PayloadKind string

// The kinds of payload.
const (
	PayloadSlash       PayloadKind = "slash"
	PayloadInteraction PayloadKind = "interaction"
	PayloadEvent       PayloadKind = "event"
)

// Payload is something that Slack sent, kept before it is acknowledged.
type Payload struct {
	ID   string // what makes it the same payload: an event_id, or the envelope's id
	Kind PayloadKind
	Body []byte // as received
	At   time.Time
}

// Command is a slash command.
type Command struct {
	ID      string
	By      Person
	Channel string
	Text    string // what follows "/autopilot"
	At      time.Time
}

// FormCorrection is the modal that asks what the cause really was; its subject is the Value of the Button that opened it, its
// one field "cause".
const FormCorrection = "correction"

// The modals about a finding group. The subject of each is the Value of the GroupButton that opened it. Their fields:
// FormSnooze has FieldUntil, FieldReason and FieldFinding; FormNotWaste has FieldReason and FieldFinding, which is there only
// when the group has more than one finding.
const (
	FormSnooze   = "snooze"
	FormNotWaste = "not_waste"

	FieldUntil   = "until"   // a day as 2006-01-02
	FieldReason  = "reason"  // free text
	FieldFinding = "finding" // the finding's id, or "all"
)

// Click is a press of a button, or a choice in a menu.
type Click struct {
	ID         string
	By         Person
	Channel    string
	MessageKey string // of the message that it was made on; "" on the Home tab
	Action     string // as view named it
	Value      string // as view filled it, or what was chosen
	At         time.Time
}

// Submission is a modal sent in.
type Submission struct {
	ID      string
	By      Person
	Form    string            // which modal
	Subject string            // what it is about, as the modal was opened with
	Values  map[string]string // by field name
	At      time.Time
}

// Reply is the answer to a command, a click or a submission. It is seen by the asker alone.
// At most one of the bodies is set; Text is shown above it, or alone.
type Reply struct {
	Text      string
	Help      *Help
	Overview  *Overview
	Incidents *IncidentList
	Incident  *Incident
	Logs      *LogExcerpt
	Savings   *Savings
	Costs     *Costs
	Group     *FindingGroup // opens a modal with all that is known of it
	Plan      *Plan         // opens a modal that asks for an approval
	Ledger    *Ledger
	Digest    *Digest
	Chaos     *ExperimentList
	Scorecard *Scorecard
	File      *File             // beside any body; it comes as a direct message
	Form      *Form             // opens a modal
	Invalid   map[string]string // a submission's wrong fields: name to what would be right
}

// IsZero tells whether there is nothing to answer.
func (r Reply) IsZero() bool {
	return r.Text == "" && r.Help == nil && r.Overview == nil && r.Incidents == nil && r.Incident == nil &&
		r.Logs == nil && r.Savings == nil && r.Costs == nil && r.Ledger == nil && r.Digest == nil && r.Chaos == nil && r.Scorecard == nil && r.File == nil && r.Group == nil && r.Plan == nil && r.Form == nil && len(r.Invalid) == 0
}

// File is a file for the asker.
type File struct{ Name, Title, Content string }

// Plan is what a person is asked to approve: drafts that they may choose from, or a proposal that somebody approved before.
type Plan struct {
	Group    FindingGroup
	Proposal *Proposal      // nil before the first approval
	Items    []ProposalItem // chosen at first
	Others   []ProposalItem // of the same repository and team, not chosen at first
	ByHand   []ProposalItem // nobody but a person can make these
	Need     ApprovalNeed   // of Items together
	Wait     bool           // the drafts are being made: there is nothing to approve yet
}

// The modals about a plan. The subject of FormApprove is a GroupButton's Value before the first approval, and then that of a
// ProposalButton with the hash that was shown. FieldItems holds the Refs of the drafts that were chosen, by commas.
const (
	FormApprove = "approve"
	FormDeny    = "deny" // the subject is a ProposalButton's Value; has FieldReason

	FieldItems = "items"
)

// Help lists the commands.
type Help struct{ Commands []HelpLine }

// HelpLine is one command: its use, and what it does.
type HelpLine struct{ Usage, Text string }

// IncidentList is the answer to a search for incidents.
type IncidentList struct {
	Filter    string // as it was understood
	Incidents []Incident
	More      bool
}

// Form is a modal to open.
type Form struct {
	Name    string
	Subject string
	Title   string
	Text    string
	Submit  string
	Fields  []Field
	Remedy  *Remedy // FormRemedy: what is asked about
}

// FieldKind says what a Field takes.
type FieldKind string

// The kinds of field.
const (
	FieldText   FieldKind = ""
	FieldDate   FieldKind = "date"   // a day as 2006-01-02
	FieldSelect FieldKind = "select" // one of the Options
)

// Field is one input of a Form.
type Field struct {
	Name, Label, Hint, Placeholder string
	Kind                           FieldKind
	Multiline, Optional            bool
	MaxLength                      int
	Value                          string // what it holds at first; the Value of an Option for a select
	Options                        []Option
}

// Option is one choice of a select: what comes back, and what is shown.
type Option struct{ Value, Label string }
