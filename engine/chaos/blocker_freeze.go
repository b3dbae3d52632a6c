package chaos

import (
	"fmt"
	"slices"

	"github.com/eks-autopilot/autopilot/engine"
)

// freeze refuses what would begin in a freeze window or in quiet hours. A drain concerns its cluster, also where it evicts nothing.
func freeze(e engine.Experiment, f Field, r Rules) []string {
	if r.Quiet == nil {
		return nil
	}
	namespaces := e.Namespaces()
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var reasons []string
	for _, n := range namespaces {
		why := r.Quiet(e.Cluster, n, f.At)
		if why == "" {
			continue
		}
		if n != "" {
			why = fmt.Sprintf("%s: %s", n, why)
		}
		if !slices.Contains(reasons, why) {
			reasons = append(reasons, why)
		}
	}
	return reasons
}
