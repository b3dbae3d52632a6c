package chaos

import (
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// freeze refuses what would begin in a freeze window or in quiet hours, or last into one. A drain concerns its cluster, also where it
// evicts nothing.
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
		for _, s := range e.Strikes {
			for _, at := range []time.Time{f.At.Add(s.After), f.At.Add(s.After + lasts(s))} {
				if later := r.Quiet(e.Cluster, n, at); why == "" && later != "" {
					why = "it would last into a time when nothing may: " + later
				}
			}
		}
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
