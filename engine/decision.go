package engine

import "time"

// Person is someone in Slack. The zero Person is the bot itself.
type Person struct {
	ID   string `json:"id"` // Slack user id
	Name string `json:"name,omitempty"`
}

// IsZero tells whether no person is meant.
func (p Person) IsZero() bool { return p.ID == "" }

// Action is something that a person may ask for and a role allows.
type Action string

// The actions. They are the values in the configuration's roles.
const (
	ActionView        Action = "view"
	ActionAcknowledge Action = "acknowledge"
	ActionAssign      Action = "assign"
	ActionSilence     Action = "silence"
	ActionResolve     Action = "resolve"
	ActionLogs        Action = "logs"
	ActionDiagnose    Action = "diagnose"
	ActionVerdict     Action = "verdict"
	ActionPause       Action = "pause"
	ActionResume      Action = "resume"
	ActionSnooze      Action = "snooze"    // put findings off until a day
	ActionNotWaste    Action = "not_waste" // say that findings are none
	ActionScan        Action = "scan"      // look for waste now
	ActionApprove     Action = "approve"   // say yes to a proposal
	ActionDeny        Action = "deny"      // say no to it
	ActionAudit       Action = "audit"     // read the audit log
	ActionRemove      Action = "remove"    // in the audit log alone: the bot does what people approved about a volume
	ActionReopen      Action = "reopen"    // in the audit log alone: somebody opened a pull request again that a person had closed
	ActionUndo        Action = "undo"      // take a rollout back; this and what follows are the kinds of Remedy
	ActionRestart     Action = "restart"
	ActionScale       Action = "scale"
	ActionCordon      Action = "cordon"
	ActionChaos       Action = "chaos"        // ask for an experiment, and say yes to one
	ActionChaosDrain  Action = "chaos_drain"  // the same for one that drains a node
	ActionChaosDelete Action = "chaos_delete" // say yes to plain deletes, which break disruption budgets
	ActionChaosStop   Action = "chaos_stop"   // stop experiments
	ActionChaosCancel Action = "chaos_cancel" // say no to one that is planned

	ActionChaosRefused Action = "chaos_refused" // in the audit log alone: a blocker, or the cluster, kept one from beginning
	ActionChaosBegun   Action = "chaos_begun"   // in the audit log alone
	ActionChaosOver    Action = "chaos_over"    // in the audit log alone
	ActionChaosAlarm   Action = "chaos_alarm"   // in the audit log alone: over, as an alarm stopped it
)

// Decision is what a person decided, or was refused. It is a row with a name and a time.
type Decision struct {
	ID         string // of the click, command or submission: one acts once
	Action     Action
	IncidentID int64 // 0 when it is about none
	By         Person
	At         time.Time
	Allowed    bool
	Reason     string // why it was refused, or what the person gave as a reason

	Episode int           // 0 for whichever; else it is only about the time that the incident was open after its Episode-1st reopening
	For     time.Duration // silence
	Right   bool          // verdict
	Rule    string        // verdict: of the cause that the person was shown; "" means the first of now
	Comment string        // verdict: the correction

	GroupID   int64     // snooze, not_waste: the finding group
	FindingID int64     // snooze, not_waste: one finding of the group; 0 means all of it
	Until     time.Time // snooze: when it ends
	Undo      bool      // snooze, not_waste: take it back

	ProposalID int64   // approve, deny: the proposal; 0 for an approval that begins one
	Items      []int64 // approve: the drafts that begin a proposal
	Hash       string  // approve: of what the person was shown
	Role       string  // approve and remedies: that allowed it

	ExperimentID int64 // chaos and what follows it: the experiment; 0 for one that begins with it, and for a stop of all

	Remedy *Remedy // undo, restart, scale, cordon: what exactly; nil for a click that was refused
}

// AuditRow is one line of the hash-chained audit log.
type AuditRow struct {
	Seq      int64
	At       time.Time
	By       Person
	Action   Action
	Subject  string // "incident/42"
	Allowed  bool
	Reason   string
	Plan     string // hash of the plan that it was about; "" where there was none
	Hash     string // hex SHA-256 over the row and PrevHash
	PrevHash string
}
