package engine

import (
	"strconv"
	"strings"
)

// The choices that a Button can carry beside its incident.
const (
	ChoiceRight = "right" // ActionVerdict: the first cause was right
	ChoiceWrong = "wrong" // ActionVerdict: it was not
	Choice1h    = "1h"    // ActionSilence: for how long, as a Go duration
	Choice4h    = "4h"
	Choice24h   = "24h"
)

// Button is what the buttons and menus of an incident's messages stand for. A Click on one has the Action's name as its
// Action and the Button's Value as its Value.
type Button struct {
	Incident int64
	Choice   string // "" where the action alone says everything
}

// Value is the button as Click.Value carries it: "42", or "42:4h".
func (b Button) Value() string {
	id := strconv.FormatInt(b.Incident, 10)
	if b.Choice == "" {
		return id
	}
	return id + ":" + b.Choice
}

// ParseButton reads a Click.Value. It fails with Invalid when the value is not one that Value made.
func ParseButton(value string) (Button, error) {
	id, choice, _ := strings.Cut(value, ":")
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || n <= 0 {
		return Button{}, Errorf(Invalid, "this button names no incident; run /autopilot incidents for the current ones")
	}
	return Button{Incident: n, Choice: choice}, nil
}
