package chaos

import (
	"fmt"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// quota bounds how many experiments one person begins within a day. What was refused, or never began, costs nothing.
func quota(e engine.Experiment, f Field, r Rules) []string {
	if e.By.IsZero() {
		return nil // a schedule's
	}
	begun := 0
	for _, other := range f.Experiments {
		mine := other.ID != e.ID && other.By.ID == e.By.ID
		if mine && (other.Status == engine.ExperimentConfirmed || !other.StartedAt.IsZero() && other.StartedAt.After(f.At.Add(-24*time.Hour))) {
			begun++
		}
	}
	if begun < r.PerDay {
		return nil
	}
	return []string{fmt.Sprintf("you began %s within 24 h; at most %d are allowed: try again later, or let somebody else ask", plural(begun, "experiment"), r.PerDay)}
}
