package chaos

import (
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// deletes refuses plain deletes where the rules do not allow them.
func deletes(e engine.Experiment, _ Field, r Rules) []string {
	forced := slices.ContainsFunc(e.Strikes, func(s engine.Strike) bool {
		return s.Dose.Force || slices.ContainsFunc(s.Targets, func(t engine.Victim) bool { return t.Mechanism == engine.ByDelete })
	})
	if r.Deletes || !forced {
		return nil
	}
	return []string{"plain deletes break disruption budgets and are not allowed here; leave out -force for an eviction"}
}
