package engine

import (
	"strconv"
	"strings"
)

// The choices that a Button can carry beside its incident.
const (
	ChoiceRight = "right" // ActionVerdict: the cause that was shown was right
	ChoiceWrong = "wrong" // ActionVerdict: it was not
	Choice1h    = "1h"    // ActionSilence: for how long, as a Go duration
	Choice4h    = "4h"
	Choice24h   = "24h"
	ChoiceUndo  = "undo" // ActionSnooze, ActionNotWaste: take it back
)

// Button is what the buttons and menus of an incident's messages stand for. A Click on one has the Action's name as its
// Action and the Button's Value as its Value.
type Button struct {
	Incident int64
	Choice   string // "" where the action alone says everything
	Rule     string // ActionVerdict: of the cause that was shown; "" on the cards of versions before
}

// Value is the button as Click.Value carries it: "42", "42:4h" or "42:right:crash/dependency-refused".
func (b Button) Value() string {
	value := strconv.FormatInt(b.Incident, 10)
	if b.Choice != "" || b.Rule != "" {
		value += ":" + b.Choice
	}
	if b.Rule != "" {
		value += ":" + b.Rule
	}
	return value
}

// ParseButton reads a Click.Value. It fails with Invalid when the value is not one that Value made.
func ParseButton(value string) (Button, error) {
	id, rest, _ := strings.Cut(value, ":")
	choice, rule, _ := strings.Cut(rest, ":")
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 {
		return Button{}, Errorf(Invalid, "this button names no incident; run /autopilot incidents for the current ones")
	}
	return Button{Incident: n, Choice: choice, Rule: rule}, nil
}

// GroupButton is what the buttons of a finding group's card and modal stand for, as Button is for an incident.
type GroupButton struct {
	Group  int64
	Choice string // ChoiceUndo; "" where the action alone says everything
}

// Value is the button as Click.Value carries it: "g42" or "g42:undo".
func (b GroupButton) Value() string {
	value := groupMark + strconv.FormatInt(b.Group, 10)
	if b.Choice != "" {
		value += ":" + b.Choice
	}
	return value
}

// groupMark begins the value of a GroupButton: that of a Button begins with a digit.
const groupMark = "g"

// IsGroupValue tells whether a Click.Value is a GroupButton's, rather than a Button's.
func IsGroupValue(value string) bool { return strings.HasPrefix(value, groupMark) }

// ParseGroup reads a Click.Value. It fails with Invalid when the value is not one that GroupButton.Value made.
func ParseGroup(value string) (GroupButton, error) {
	id, choice, _ := strings.Cut(value, ":")
	id, marked := strings.CutPrefix(id, groupMark)
	n, err := strconv.ParseInt(id, 10, 64)
	if !marked || err != nil || n <= 0 {
		return GroupButton{}, Errorf(Invalid, "this button names no savings card; run /autopilot savings for the current ones")
	}
	return GroupButton{Group: n, Choice: choice}, nil
}

// ProposalButton is what the buttons of a proposal's messages and modals stand for: the proposal, and the hash that was shown.
type ProposalButton struct {
	Proposal int64
	Hash     string
}

const proposalMark = "p"

// Value is the button as Click.Value carries it: "p42:9f86d081884c…".
func (b ProposalButton) Value() string {
	return proposalMark + strconv.FormatInt(b.Proposal, 10) + ":" + b.Hash
}

// IsProposalValue tells whether a Click.Value is a ProposalButton's.
func IsProposalValue(value string) bool { return strings.HasPrefix(value, proposalMark) }

// ParseProposal reads a Click.Value. It fails with Invalid when the value is not one that ProposalButton.Value made.
func ParseProposal(value string) (ProposalButton, error) {
	id, hash, hashed := strings.Cut(value, ":")
	id, marked := strings.CutPrefix(id, proposalMark)
	n, err := strconv.ParseInt(id, 10, 64)
	if !marked || !hashed || hash == "" || err != nil || n <= 0 {
		return ProposalButton{}, Errorf(Invalid, "this button names no proposal; run /autopilot savings for the current ones")
	}
	return ProposalButton{Proposal: n, Hash: hash}, nil
}
