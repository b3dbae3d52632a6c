package chaos

import (
	"fmt"
	"slices"
	"strings"

	"github.com/eks-autopilot/autopilot/engine"
)

// busy allows one experiment of a namespace at a time, and so many of a cluster.
func busy(e engine.Experiment, f Field, r Rules) []string {
	var reasons []string
	active := 0
	for _, other := range f.Experiments {
		if other.ID == e.ID || other.Cluster != e.Cluster || !other.Active() || lapsed(other, f) {
			continue
		}
		active++
		shared := slices.DeleteFunc(other.Namespaces(), func(n string) bool { return !slices.Contains(e.Namespaces(), n) })
		if len(shared) > 0 {
			reasons = append(reasons, fmt.Sprintf("experiment %d (%s) holds %s; wait until it is over, or cancel it", other.ID, other.Status, strings.Join(shared, ", ")))
		}
	}
	if active >= r.MaxActive {
		reasons = append(reasons, fmt.Sprintf("%s has %s planned or running; at most %d at a time: wait until one is over", e.Cluster, plural(active, "experiment"), r.MaxActive))
	}
	return reasons
}

// lapsed is a plan that nobody can say yes to any more.
func lapsed(e engine.Experiment, f Field) bool {
	return e.Status == engine.ExperimentPlanned && !e.Expires.IsZero() && !f.At.Before(e.Expires)
}
