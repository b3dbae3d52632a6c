package chaos

import (
	"fmt"

	"github.com/eks-autopilot/autopilot/engine"
)

// duration bounds how long a fault lasts, and how long the whole experiment does.
func duration(e engine.Experiment, _ Field, r Rules) []string {
	var reasons []string
	for _, s := range e.Strikes {
		if d := lasts(s); d <= 0 {
			reasons = append(reasons, fmt.Sprintf("%s wants a -duration above 0", s.Fault))
		} else if s.Duration > r.MaxDuration {
			reasons = append(reasons, fmt.Sprintf("-duration %s is more than the %s that are allowed", short(s.Duration), short(r.MaxDuration)))
		}
		if s.After > 6*r.MaxDuration {
			reasons = append(reasons, fmt.Sprintf("-after %s is too late; a strike begins within %s, or in an experiment of its own", short(s.After), short(6*r.MaxDuration)))
		}
	}
	return reasons
}
