package engine

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Storm is many incidents of one cluster that began within minutes and belong in one channel: one message tells them all, and those that
// came after it began have no card of their own while it lasts.
type Storm struct {
	ID        int64 // of the incident that made it one
	Cluster   string
	Channel   string // as messages are routed
	StartedAt time.Time
	LastAt    time.Time // when the newest incident joined
	EndedAt   time.Time // zero while it lasts
	Version   int64
	Incidents []Incident // with their diagnoses, by when they were detected
}

// StormKey is the key of a storm's message.
func StormKey(storm int64) string { return fmt.Sprintf("storm/%d", storm) }

// StormButton is what the buttons of a storm's message stand for: all of its incidents.
type StormButton struct{ Storm int64 }

const stormMark = "s"

// Value is the button as Click.Value carries it: "s42".
func (b StormButton) Value() string { return stormMark + strconv.FormatInt(b.Storm, 10) }

// IsStormValue tells whether a Click.Value is a StormButton's.
func IsStormValue(value string) bool { return strings.HasPrefix(value, stormMark) }

// ParseStorm reads a Click.Value. It fails with Invalid when the value is not one that StormButton.Value made.
func ParseStorm(value string) (StormButton, error) {
	id, marked := strings.CutPrefix(value, stormMark)
	n, err := strconv.ParseInt(id, 10, 64)
	if !marked || err != nil || n <= 0 {
		return StormButton{}, Errorf(Invalid, "this button names no storm; run /autopilot incidents for the current ones")
	}
	return StormButton{Storm: n}, nil
}
