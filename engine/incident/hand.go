package incident

import (
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// ByHand tells in the thread what would mend an incident and only a person can change. It is told once while it is the same, and not
// of an incident that is over.
func ByHand(i engine.Incident, text string, now time.Time) Plan {
	if e, ok := latest(i, EventByHand); text == "" || !i.IsOpen() || ok && e.Text == text {
		return Plan{}
	}
	d := newDraft(i, Rules{}, now)
	d.tell(EventByHand, engine.Person{}, "%s", text)
	return d.finish()
}
