package chaos

import (
	"fmt"
	"slices"
	"time"

	"github.com/eks-autopilot/autopilot/engine"
)

// Interrupt says whether an experiment that runs has to be stopped now, and why: somebody said so, an alarm that it did not bring about, an
// alert that it is to stop on, a namespace that has opted out, Prometheus that no longer answers, nobody who watches while something is still to
// begin, or others that suffer. f is the cluster as it is now.
func Interrupt(e engine.Experiment, f Field, r Rules, now time.Time) (reason string, stop bool) {
	if e.Status != engine.ExperimentRunning {
		return "", false
	}
	if !e.StopAt.IsZero() && !now.Before(e.StopAt) {
		return "somebody stopped it", true
	}
	if !e.EndsAt.IsZero() && now.After(e.EndsAt.Add(brief)) {
		return "its time is over", true
	}
	if f.NoMetrics != "" {
		return "Prometheus cannot be asked any more: " + f.NoMetrics, true
	}
	for _, a := range f.Alerts {
		if name := a.Labels["alertname"]; a.Firing() && name != "" && slices.Contains(e.StopOn, name) {
			return fmt.Sprintf("%s fires on %s, on which it is to stop", name, a.Workload), true
		}
	}
	for _, name := range e.Namespaces() {
		if n, ok := f.namespace(name); !ok || !n.OptedIn {
			return name + " has opted out", true
		}
	}
	if f.Unwatched != "" && !Next(e, now).IsZero() {
		return "the bot does not look at the cluster any more, and something is still to begin: " + f.Unwatched, true
	}
	if all := alarms(e, f); len(all) > 0 {
		return all[0], true
	}
	return unsteady(e, f, r)
}

// unsteady looks at those who are not meant: the other pods of what is hit, what it depends on, and the nodes.
func unsteady(e engine.Experiment, f Field, r Rules) (reason string, stop bool) {
	s := scopeOf(e, f)
	for _, w := range s.hit {
		if _, known := f.unit(w); !known || slices.Contains(s.moved(e), w) {
			continue
		}
		if n := s.stays(w); n < r.MinReady {
			return fmt.Sprintf("only %d other pods of %s are ready; at least %d have to be", n, w, r.MinReady), true
		}
	}
	for _, w := range s.beneath {
		if u, known := f.unit(w); known && !u.Rolling && u.Ready < u.Desired {
			return fmt.Sprintf("%s, which it depends on, is not well: %d of %d ready", w, u.Ready, u.Desired), true
		}
	}
	for _, n := range f.Nodes {
		if !n.Ready && slices.Contains(s.nodes, node(e.Cluster, n.Name)) {
			return fmt.Sprintf("node %s is not ready", n.Name), true
		}
	}
	return "", false
}

// moved lists the workloads whose pods a drain takes from one node to others: for them the disruption budgets speak, and no count of ours.
func (s scope) moved(e engine.Experiment) []engine.Workload {
	var all []engine.Workload
	for _, strike := range e.Strikes {
		if strike.Fault == engine.FaultDrain {
			for _, t := range strike.Targets {
				all = append(all, t.Workload)
			}
		}
	}
	return all
}
