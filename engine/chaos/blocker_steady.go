package chaos

import "github.com/eks-autopilot/autopilot/engine"

// steady refuses where something is not well beforehand: its own state would be taken for the experiment's doing.
func steady(e engine.Experiment, f Field, _ Rules) []string {
	var reasons []string
	for _, s := range Steady(e, f) {
		if !s.OK {
			reasons = append(reasons, s.Text+"; let it be well before it is broken")
		}
	}
	return reasons
}
